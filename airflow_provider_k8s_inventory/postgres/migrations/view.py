"""A view, as this package wants it to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One view."""

    name: LiteralString
    query: sql.Composable
    comment: str
    columns: Mapping[str, str]
    """The comment of each column, by its name."""
    of_tables: bool = True
    """Whether it shows the tables of the resources, which PostgreSQL neither drops nor retypes below it."""
