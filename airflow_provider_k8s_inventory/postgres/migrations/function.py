"""A function, as this package wants it to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """One function."""

    name: LiteralString
    types: LiteralString
    """The types of its arguments: ``"text, integer"``."""
    body: sql.Composable
    """The rest of the statement that creates it, behind its name: its arguments first."""
    comment: str

    def signature(self, schema: str) -> sql.Composed:
        """Compose its name and types, by which it is told from others of its name."""
        return sql.SQL("{}({})").format(sql.Identifier(schema, self.name), sql.SQL(self.types))

    def statements(self, schema: str) -> Iterator[sql.Composed]:
        """Compose the statements that make it."""
        signature = self.signature(schema)
        yield sql.SQL("CREATE OR REPLACE FUNCTION {}{}").format(sql.Identifier(schema, self.name), self.body)
        # Whatever a database grants by default: with the rights of who calls it, it says no more than the rows.
        yield sql.SQL("GRANT EXECUTE ON FUNCTION {} TO PUBLIC").format(signature)
        yield sql.SQL("COMMENT ON FUNCTION {} IS {}").format(signature, sql.Literal(self.comment))
