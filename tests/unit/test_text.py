"""Escapes in JSON that msgspec cannot decode, or PostgreSQL cannot hold."""

from __future__ import annotations

import json

import pytest

from airflow_provider_k8s_inventory.kube.text import replace_escapes
from airflow_provider_k8s_inventory.sync.fitting import sanitize


@pytest.mark.parametrize(
    "body",
    [
        rb'{"a":"plain"}',
        rb'{"a":"\u0001\u00e9\uffff\ufffd"}',
        rb'{"a":"\ud83d\ude00"}',
        rb'{"a":"\uD83D\uDE00 in capitals"}',
        rb'{"a":"C:\\u0000"}',
        rb'{"a":"C:\\ud800"}',
        rb'{"a":"\\\\u0000"}',
        '{"a":"\N{GRINNING FACE}"}'.encode(),
        b"",
    ],
)
def test_what_postgresql_can_hold_is_the_same_bytes(body: bytes) -> None:
    assert sanitize(body) == (body, 0)


@pytest.mark.parametrize(
    ("escaped", "held", "replaced"),
    [
        (r"\u0000", "\ufffd", 1),
        (r"a\u0000b\u0000", "a\ufffdb\ufffd", 2),
        (r"\\\u0000", "\\\ufffd", 1),
        (r"\\\\\u0000", "\\\\\ufffd", 1),
        (r"\ud800", "\ufffd", 1),
        (r"\udc00", "\ufffd", 1),
        (r"\uDBFF end", "\ufffd end", 1),
        (r"\ude00\ud83d", "\ufffd\ufffd", 2),
        (r"\ud83d\ud83d\ude00", "\ufffd\N{GRINNING FACE}", 1),
        (r"\ud83d\ude00\ude00", "\N{GRINNING FACE}\ufffd", 1),
        (r"\ud83d\u0041", "\ufffdA", 1),
        (r"\ud83d\n", "\ufffd\n", 1),
        (r"\"\u0000\"", '"\ufffd"', 1),
    ],
)
def test_what_it_cannot_becomes_the_replacement_character(escaped: str, held: str, replaced: int) -> None:
    body, count = sanitize(f'["{escaped}"]'.encode())

    assert json.loads(body) == [held]
    assert count == replaced


def test_the_names_of_fields_are_text_too() -> None:
    assert sanitize(rb'{"\u0000":1}') == (rb'{"\ufffd":1}', 1)


def test_a_body_that_ends_in_the_middle_of_an_escape_is_left_to_the_parser() -> None:
    assert sanitize(rb'["\u0000\u00') == (rb'["\ufffd\u00', 1)


def test_what_msgspec_decodes_is_left_to_those_who_store_it() -> None:
    assert replace_escapes(rb'["\u0000\ud800"]') == (rb'["\u0000\ufffd"]', 1)
