"""What is read of a list of metadata in protobuf, and that nothing else passes for one.

That real API servers write it so is tested on real control planes, in `tests.clusters` and `tests.conformance`.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_k8s_inventory.kube import protobuf
from airflow_provider_k8s_inventory.model import Seen

REFUSED = "protobuf|a name|more than metadata|utf-8"
KIND = "PartialObjectMetadataList"


def varint(value: int) -> bytes:
    head = b""
    while value > 0x7F:
        head += bytes([value & 0x7F | 0x80])
        value >>= 7
    return head + bytes([value])


def message(*fields: tuple[int, str | bytes | int]) -> bytes:
    written = b""
    for number, value in fields:
        if isinstance(value, int):
            written += varint(number << 3) + varint(value)
        else:
            encoded = value.encode() if isinstance(value, str) else value
            written += varint(number << 3 | 2) + varint(len(encoded)) + encoded
    return written


def item(seen: Seen, *more: tuple[int, Any]) -> bytes:
    fields = ((1, seen.name), (2, ""), (3, seen.namespace or ""), (4, ""), (5, seen.uid), (6, seen.resource_version))
    return message((1, message(*fields, *more)))


def answer(*items: bytes, version: str = "7", token: str = "", kind: str = KIND) -> bytes:
    metadata = message((1, ""), (2, version), (3, token), (4, 300))
    raw = message((1, metadata), *((2, each) for each in items))
    return protobuf.MAGIC + message((1, message((1, "meta.k8s.io/v1"), (2, kind))), (2, raw), (3, ""), (4, ""))


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300)
objects = st.builds(Seen, texts, st.none() | texts.filter(bool), texts.filter(bool), texts)


@given(st.lists(st.tuples(objects, st.lists(st.tuples(st.integers(7, 40), texts | st.integers(0, 2**63))))), texts)
def test_of_any_objects_is_read_what_tells_them_apart(written: list[tuple[Seen, list[Any]]], token: str) -> None:
    page = protobuf.metadata_page(answer(*(item(seen, *more) for seen, more in written), token=token))

    assert list(page.items) == [seen for seen, _ in written]
    assert (page.count, page.resource_version, page.token) == (len(written), "7", token or None)


WEB = Seen("u-1", "team", "web", "5")


def test_an_answer_that_is_cut_off_anywhere_is_none() -> None:
    whole = answer(item(WEB, (11, message((1, "app"), (2, "web"))), (17, b"{}" * 200)))
    # Behind the list come two empty fields, which say nothing.
    for length in range(len(protobuf.MAGIC), len(whole) - 4):
        with pytest.raises(ValueError, match=REFUSED):
            list(protobuf.metadata_page(whole[:length]).items)


@pytest.mark.parametrize(
    "body",
    [
        protobuf.MAGIC,
        answer(item(WEB), kind="PodList"),
        answer(item(WEB), kind="Status"),
        protobuf.MAGIC + message((1, message((1, "meta.k8s.io/v1"), (2, KIND)))),
        answer(message()),
        answer(item(WEB._replace(name=""))),
        answer(message((1, message((1, b"\xff"))))),
        answer(message((1, b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))),
        answer(message((1, b"\x0b"))),
        answer(message((1, b"\x09" + bytes(8)))),
        answer(item(WEB), item(WEB)).replace(item(WEB), bytes(len(item(WEB))), 1),
        answer(item(WEB)).replace(message((2, item(WEB))), message((3, item(WEB)))),
        answer(item(WEB)).replace(message((2, item(WEB))), message((2, 7), (2, item(WEB)))),
        answer(item(WEB)) + message((2, message((1, message((2, "7")))))),
        answer(message((1, message((1, "web"))), (1, message((1, "web"))))),
        answer(item(WEB) + message((2, item(WEB)))),
        protobuf.MAGIC + message((1, message((2, KIND))), (2, message((1, message((2, "7"))))), (3, "gzip")),
        protobuf.MAGIC + message((1, message((2, KIND))), (2, 2 * message((1, message((2, "7")))))),
    ],
    ids=[
        *("nothing", "pods", "a status", "no list", "no metadata", "no name", "no UTF-8", "no end", "a group"),
        "a double",
        *(
            "zeros",
            "another field",
            "a number for an item",
            "two lists",
            "two metadata",
            "an item in another",
            "gzip",
            "two versions",
        ),
    ],
)
def test_what_is_no_list_of_metadata_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        list(protobuf.metadata_page(body).items)


def test_no_objects_are_a_list_too() -> None:
    page = protobuf.metadata_page(answer())

    assert (list(page.items), page.resource_version, page.token) == ([], "7", None)
