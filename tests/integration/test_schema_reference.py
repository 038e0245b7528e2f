"""docs/schema.md is what the migrated schema says of itself."""

from __future__ import annotations

import re

import psycopg

from tests import schema_reference


def test_it_is_written_of_the_schema_as_it_is(migrated_database: str) -> None:
    with psycopg.connect(migrated_database) as conn:
        assert schema_reference.reference(conn) == schema_reference.FILE.read_text(), (
            "run python -m tests.schema_reference"
        )


def test_every_column_says_what_it_holds() -> None:
    assert re.findall(r"^\| `.*` \| `.*` \| +\|$", schema_reference.FILE.read_text(), re.MULTILINE) == []
