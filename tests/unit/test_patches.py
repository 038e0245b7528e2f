"""Patches lead from the new object to the old one, to the byte, whatever JSON holds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_k8s_inventory.sync import patches

NAMES = st.one_of(
    st.sampled_from(["", "a", "a.b/c", "0", "-1", '"', "\\", "ü", "metadata", "labels"]), st.text(max_size=3)
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(min_value=-3, max_value=3),
        st.sampled_from([10**30, 0.1, -0.0, 1e300, "1", "true", "null", ""]),
        st.text(max_size=3),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=20,
)


def applied(new: Any, patch: str) -> Any:
    """Apply a patch by the words of its description, and by nothing of the code that makes it."""
    for path, *old in msgspec.json.decode(patch):
        if not path:
            (new,) = old
            continue
        *above, last = path
        place = new
        for step in above:
            place = place[step]
        if old:
            place[last] = old[0]
        else:
            del place[last]
    return new


def text(value: Any) -> bytes:
    return msgspec.json.encode(value)


@given(VALUES, VALUES)
def test_a_patch_leads_from_the_new_value_to_the_old_one(new: Any, old: Any) -> None:
    steps = patches.reverse(text(new), text(old))

    # As texts: to Python, true is 1 and 1 is 1.0.
    found = applied(msgspec.json.decode(text(new)), patches.encode(steps))
    assert msgspec.json.encode(found, order="sorted") == msgspec.json.encode(
        msgspec.json.decode(text(old)), order="sorted"
    )


@given(VALUES)
def test_no_step_leads_from_a_value_to_itself(value: Any) -> None:
    assert patches.reverse(text(value), text(value)) == []


@pytest.mark.parametrize(
    ("new", "old", "patch"),
    [
        ({"a": None}, {}, [[["a"]]]),
        ({}, {"a": None}, [[["a"], None]]),
        ({"a": {}}, {"a": None}, [[["a"], None]]),
        ({"a": True}, {"a": 1}, [[["a"], 1]]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [[["a", 1], 3]]),
        ({"a": [1, 2]}, {"a": [1]}, [[["a"], [1]]]),
        ({"a": {"b.c/d": "x"}}, {"a": {"b.c/d": "y"}}, [[["a", "b.c/d"], "y"]]),
        ({"0": [{"": 1}]}, {"0": [{"": 2}]}, [[["0", 0, ""], 2]]),
    ],
)
def test_each_step_says_the_old_value_or_that_there_was_none(new: Any, old: Any, patch: Any) -> None:
    assert msgspec.json.decode(patches.encode(patches.reverse(text(new), text(old)))) == patch


def test_no_number_loses_a_digit() -> None:
    new = b'{"a": 1.10, "b": 12345678901234567890123456789.000000000000000001}'
    old = b'{"a": 1.1, "b": 12345678901234567890123456789.000000000000000002}'

    assert (
        patches.encode(patches.reverse(new, old))
        == '[[["a"],1.1],[["b"],12345678901234567890123456789.000000000000000002]]'
    )


def test_what_is_nested_deeply_is_replaced_whole() -> None:
    new, old = (b'{"a":' * 400 + leaf + b"}" * 400 for leaf in (b"1", b"2"))

    (step,) = patches.reverse(new, old)
    assert len(step.path) == 100
    assert step.old is not None
    assert b"2" in bytes(step.old)
