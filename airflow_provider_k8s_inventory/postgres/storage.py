"""Choose how PostgreSQL stores the objects, which are nearly all that a table has.

By lz4 where PostgreSQL was built with it, as nearly all are; else not compressed at all: pglz costs more than all else
of a first sync. ``python -m tests.benchmarks.storage`` stores 20,000 pods of 5 kB, half of it random as in real ones:

============================  ===========================  =======  ===================
Stored                        CPU of PostgreSQL 18 and 15  on disk  reading all objects
============================  ===========================  =======  ===================
pglz                          2.9 s, 3.4 s                 121 MB   0.51 s, 0.66 s
lz4                           not built in, 1.8 s          107 MB   0.66 s
not compressed (EXTERNAL)     1.6 s, 1.8 s                 121 MB   0.48 s, 0.65 s
pglz, in the row (MAIN)       2.8 s, 3.3 s                 158 MB   0.33 s, 0.34 s
============================  ===========================  =======  ===================

MAIN makes every query that reads no object slow: it goes through a table of 156 MB, and of 2 MB otherwise.
"""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql

COLUMN: Final = sql.Identifier("object")
EXTENDED: Final = "x"
"""What pg_attribute says of a column whose values are compressed, the default."""

_LZ4: Final = "SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"

_KNOWN: Final = WeakKeyDictionary[psycopg.Connection[Any], bool]()
"""The answer by connection: PostgreSQL takes 1 ms for it, as it makes a row of every setting."""


def has_lz4(cursor: psycopg.Cursor[Any]) -> bool:
    """Tell if PostgreSQL was built with lz4."""
    return cursor.execute(_LZ4).fetchone() is not None


def compress_by_lz4(cursor: psycopg.Cursor[Any]) -> None:
    """Let PostgreSQL compress by lz4 to the end of the transaction, where it was built with it."""
    known = _KNOWN.get(cursor.connection)
    if known is None:
        known = _KNOWN[cursor.connection] = has_lz4(cursor)
    if known:
        cursor.execute("SET LOCAL default_toast_compression = 'lz4'")


def uncompressed(table: sql.Identifier) -> sql.Composed:
    """Compose the statement that lets PostgreSQL store the objects of a table as they are from now on."""
    return sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET STORAGE EXTERNAL").format(table, COLUMN)
