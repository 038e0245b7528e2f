"""Choose how PostgreSQL stores the objects, which are nearly all that a table has.

By lz4 where PostgreSQL was built with it, as nearly all are; else not compressed at all: pglz costs more than all else
of a first sync. 20,000 pods of 5 kB, half of it random as in real ones (``tests/benchmarks/pods.py``), in a bare COPY:

============================  =========  =======  ===================
PostgreSQL 18 and 15          CPU        on disk  reading all objects
============================  =========  =======  ===================
pglz                          2.7 s      144 MB   0.50 s
lz4                           1.25 s     134 MB   0.56 s
not compressed (EXTERNAL)     1.0 s      149 MB   0.50 s
pglz, in the row (MAIN)       3.4 s      192 MB   0.51 s
============================  =========  =======  ===================

MAIN also makes a query that reads no object ten times as slow: the table itself is 164 MB then, and 21 MB otherwise.
``python -m tests.benchmarks --only first --only copy`` measures a first sync, with ``--postgres-bin`` of another build.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

COLUMN: Final = sql.Identifier("object")
EXTENDED: Final = "x"
"""What pg_attribute says of a column whose values are compressed, the default."""

_LZ4: Final = "FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"


def has_lz4(cursor: psycopg.Cursor[Any]) -> bool:
    """Tell if PostgreSQL was built with lz4."""
    return cursor.execute(f"SELECT {_LZ4}").fetchone() is not None


def compress_by_lz4(cursor: psycopg.Cursor[Any]) -> None:
    """Let PostgreSQL compress by lz4 to the end of the transaction, where it was built with it."""
    cursor.execute(f"SELECT set_config('default_toast_compression', 'lz4', true) {_LZ4}")


def uncompressed(table: sql.Identifier) -> sql.Composed:
    """Compose the statement that lets PostgreSQL store the objects of a table as they are from now on."""
    return sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET STORAGE EXTERNAL").format(table, COLUMN)
