"""What is stored of an object is the same, whether managedFields are cut out of its bytes or it is decoded."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.resources.shared import COPIES, LAST_APPLIED, Object
from airflow_provider_k8s_inventory.sync.objects import Texts, quiet, without_noise
from tests.benchmarks.pods import pods

TEXTS = Texts(resources.CATALOGUE["pods"].resource)
OBJECTS = Path(__file__).parents[1] / "fixtures" / "objects"
CASES = sorted(OBJECTS.glob("*/*/object.json"))


class Pairs(list[tuple[str, Any]]):
    """A JSON object that may have a name twice."""


def written(value: Any, random: Random) -> str:
    """Write JSON in one of the ways it may be written."""
    space = random.choice(["", "", "", " ", "\n\t"])
    if isinstance(value, Pairs):
        members = (f"{space}{name(key, random)}{space}:{space}{written(each, random)}" for key, each in value)
        return f"{{{','.join(members)}{space}}}"
    if isinstance(value, list):
        return f"[{','.join(written(each, random) for each in value)}{space}]"
    return json.dumps(value, ensure_ascii=random.random() < 0.5)


def name(key: str, random: Random) -> str:
    """Write a name, sometimes with a letter of it escaped."""
    place = random.randrange(10 * len(key) + 1)
    if place >= len(key):
        return json.dumps(key)
    before, after = (json.dumps(part)[1:-1] for part in (key[:place], key[place + 1 :]))
    return f'"{before}\\u{ord(key[place]):04x}{after}"'


names = st.sampled_from(["metadata", "managedFields", "annotations", "kind", "apiVersion", LAST_APPLIED, "spec", "uid"])
texts = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF), max_size=4) | st.sampled_from(
    ["managedFields", ',"managedFields":[]', ',"managedFields":', '"', "\\", '\\",', "a<b", "\0", LAST_APPLIED]
)
plain = st.none() | st.booleans() | st.integers(-9, 9) | texts
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=2) | st.lists(st.tuples(names | texts, inner), max_size=3).map(Pairs),
    max_leaves=6,
)
managed = st.tuples(st.just("managedFields"), st.sampled_from([[], None, [1], "x"]) | values)
annotated = st.tuples(st.just("annotations"), st.lists(st.tuples(names | texts, texts), max_size=2).map(Pairs))
other = st.tuples(st.sampled_from(["finalizers", "managedField", "x"]) | texts, values)
metadatas = st.lists(managed | annotated | other, max_size=4).map(Pairs)
members = st.lists(
    st.tuples(st.just("metadata"), metadatas)
    | st.tuples(st.sampled_from(["kind", "apiVersion"]), st.none() | texts)
    | st.tuples(st.sampled_from(["spec", "status"]) | texts, values | metadatas),
    max_size=4,
).map(Pairs)


def meaning(text: str) -> Any:
    """Read JSON as jsonb does: of two members of one name the last one counts, and numbers keep their digits."""
    return json.loads(text, parse_int=str, parse_float=str)


@given(members, st.randoms(use_true_random=False))
def test_of_any_json_the_cut_leaves_what_decoding_leaves(document: Pairs, random: Random) -> None:
    item = written(document, random).encode()
    try:
        decoded = msgspec.json.decode(item, type=Object)
    except msgspec.ValidationError:
        return  # an odd object, which is read in another way
    rest = without_noise(item, bytes(decoded.metadata.managed_fields))
    event("decoded" if rest is None else "as it is" if rest == item else "cut")

    # What has no metadata is no object.
    if rest is not None and "metadata" in dict(document):
        assert meaning(TEXTS.of(rest, decoded)) == meaning(TEXTS.encoded(item))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parents[1].name}-{case.parent.name}")
@pytest.mark.parametrize("keys_sorted", [False, True], ids=["as it is", "sorted"])
def test_objects_as_kubernetes_writes_them_are_not_decoded(case: Path, keys_sorted: bool) -> None:
    document = json.loads(case.read_bytes())
    fields = [{"manager": "kubectl", "fieldsV1": {'k:{"uid":"1"}': {"f:managed": {}}}}]
    document["metadata"] |= {"annotations": {"a": '<b>{"c":"d\\e"}'}, "managedFields": fields}
    # Go writes custom resources in the order of their names.
    item = json.dumps(document, separators=(",", ":"), sort_keys=keys_sorted).encode()
    decoded = msgspec.json.decode(item, type=Object)
    rest = without_noise(item, bytes(decoded.metadata.managed_fields))
    del document["metadata"]["managedFields"]

    assert rest is not None
    assert json.loads(rest) == document


@pytest.mark.parametrize(
    "metadata",
    [
        '{"managedFields":[],"name":"n"}',
        '{"name":"n","managedFields" :[]}',
        '{"name":"n", "managedFields":[]}',
        '{"name":"n","managed\\u0046ields":[]}',
        '{"name":"n","managedFields":[],"managedFields":[]}',
        '{"name":"n","labels":{"managedFields":"[]"}}',
        '{"name":"n","managedFields":[],"labels":{"managedFields":"[]"}}',
        '{"name":"n","managedFields":[],"labels":{"a":"\\u0000"}}',
    ],
)
def test_what_is_written_in_another_way_is_decoded(metadata: str) -> None:
    item = f'{{"metadata":{metadata},"spec":{{}}}}'.encode()
    found = msgspec.json.decode(item, type=Object).metadata.managed_fields

    assert without_noise(item, bytes(found)) is None


def test_the_benchmarks_pods_are_cut() -> None:
    for pod in pods(3):
        item = msgspec.json.encode(pod)
        decoded = msgspec.json.decode(item, type=Object)

        rest = without_noise(item, bytes(decoded.metadata.managed_fields))

        assert rest is not None
        assert len(item) - len(rest) > 1000


@pytest.mark.parametrize("slash", ["/", "\\/", "\\u002f", "\\u002F"])
@pytest.mark.parametrize("copy", COPIES)
def test_copies_of_objects_are_left_out_however_their_names_are_written(copy: str, slash: str) -> None:
    annotations = f'{{"a/b":"c","{copy.replace("/", slash)}":"{{}}"}}'
    assert bytes(quiet(msgspec.Raw(annotations.encode()))) == b'{"a/b":"c"}'
