"""Measure the ways in which PostgreSQL can store objects: what a bare COPY takes, the disk, and reading all of them.

``python -m tests.benchmarks.storage``; the choice and its reasons are in `postgres.storage`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import psycopg
from k8s_inventory_demo.postgres.programs import Programs
from k8s_inventory_demo.postgres.server import PostgresServer
from psycopg import sql

from airflow_provider_k8s_inventory.postgres import storage
from tests.benchmarks.pods import pods
from tests.benchmarks.usage import Usage

_KINDS: Final = (
    ("pglz", "EXTENDED"),
    ("lz4", "EXTENDED"),
    ("not compressed", "EXTERNAL"),
    ("pglz, in the row", "MAIN"),
)
_READ: Final = "SELECT sum(length(object::text)) FROM pods"
_MEGABYTE: Final = 1 << 20


def _rows(count: int) -> list[tuple[str, str]]:
    """The uids and objects of pods, these as rows store them."""
    rows = []
    for pod in pods(count):
        del pod["metadata"]["managedFields"]
        rows.append((pod["metadata"]["uid"], msgspec.json.encode(pod).decode()))
    return rows


def _number(conn: psycopg.Connection, query: str) -> float:
    row = conn.execute(query.encode()).fetchone()
    return float(row[0]) if row else 0.0


def _measure(dsn: str, kind: str, compression: str, rows: list[tuple[str, str]]) -> str:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("DROP TABLE IF EXISTS pods")
        conn.execute("CREATE TABLE pods (uid text, object jsonb)")
        conn.execute(sql.SQL("ALTER TABLE pods ALTER COLUMN object SET STORAGE {}").format(sql.SQL(kind)))
        if compression == "lz4":
            conn.execute("ALTER TABLE pods ALTER COLUMN object SET COMPRESSION lz4")
        conn.execute("CHECKPOINT")
        before = Usage.now()
        with conn.cursor().copy("COPY pods FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        used = (Usage.now() - before).database
        disk = _number(conn, "SELECT pg_total_relation_size('pods')") / _MEGABYTE
        table = _number(conn, "SELECT pg_relation_size('pods')") / _MEGABYTE
        began = time.perf_counter()
        conn.execute(_READ.encode())
        reading = time.perf_counter() - began
    return (
        f"COPY {used:.2f} s of CPU, {disk:.0f} MB, of it the table {table:.0f} MB; all objects read in {reading:.2f} s"
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--pods", "count", type=int, default=20_000, show_default=True)
@click.option("--postgres-bin", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(**options: Any) -> None:
    """Store pods in each way PostgreSQL has."""
    given: Path | None = options["postgres_bin"]
    rows = _rows(options["count"])
    with PostgresServer(programs=Programs(given) if given else None) as server:
        dsn = server.dsn()
        with psycopg.connect(dsn) as conn, conn.cursor() as cursor:
            has_lz4 = storage.has_lz4(cursor)
            click.echo(f"PostgreSQL {conn.info.server_version // 10_000}, {len(rows):,} pods")
        for name, kind in _KINDS:
            if name != "lz4" or has_lz4:
                click.echo(f"{name}: {_measure(dsn, kind, name, rows)}")


if __name__ == "__main__":
    main()
