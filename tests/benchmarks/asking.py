"""Time the questions about the past: an object, a table and the newest changes, beside as much history as a fleet has.

The pods are as large as real ones, of one context, and a part of them has changed since; one has changed many times.
The other changes are of another context, older, and small: they are there to be in the way. Rows of a table are made
and counted, not fetched: what that takes is up to the client, 6 s where psycopg reads 20,000 objects of 5 kB.
"""

from __future__ import annotations

import time
from typing import Any, Final, LiteralString

import msgspec
import psycopg
from k8s_inventory_demo.postgres.server import PostgresServer

from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.benchmarks import pods
from tests.benchmarks.fleets import Say
from tests.benchmarks.model import Measurement, Results

SIZE: Final = 20_000
"""The pods that the bars are for."""
_CHANGES: Final = 500
"""Changes of others, per pod."""
_BACK: Final = 100
"""Changes of the one object."""

QUESTIONS: Final[dict[str, tuple[float, LiteralString]]] = {
    f"one object, {_BACK} changes back": (
        0.02,
        "SELECT k8s_object_at('context-1', 'pods', %(uid)s, now() - interval '90 minutes')",
    ),
    "its difference since": (
        0.05,
        "SELECT * FROM k8s_diff('context-1', 'pods', %(uid)s, now() - interval '90 minutes')",
    ),
    "all pods of a context, 5 % changed since": (
        1,
        "SELECT count(*) FROM k8s_pods_at(now() - interval '90 minutes', 'context-1')",
    ),
    "newest 50 changes": (0.05, "SELECT * FROM k8s_changes LIMIT 50"),
    "newest 50 changes of the last two hours": (
        0.05,
        "SELECT * FROM k8s_changes WHERE not_later_than > now() - interval '2 hours' LIMIT 50",
    ),
    "what a pod, its owners and children went through": (
        0.1,
        "SELECT * FROM k8s_timeline('context-1', 'pods', %(namespace)s, %(name)s)",
    ),
}
"""The bar of each, in seconds, and what is asked."""

_SCOPE: Final = """
INSERT INTO k8s_scopes (context_name, resource, selection, first_synced_at, last_success_at, last_success_began_at,
    history_since, last_status, last_finished_at)
VALUES ('context-1', 'pods', '', now() - interval '30 days', now(), now(), now() - interval '30 days', 'success', now())
"""

_OTHERS: Final = """
INSERT INTO k8s_history (context_name, cluster_uid, resource, uid, namespace, name, change, before_at, at, changed_at,
    changed_by, columns, patch, summary, sync_id)
SELECT 'context-2', 'cluster-2', 'deployments', md5((n %% 100000)::text), 'team-' || n %% 100, 'app-' || n %% 100000,
    'updated', now() - interval '30 days' + n * interval '29 days' / %(changes)s,
    now() - interval '30 days' + (n + 1) * interval '29 days' / %(changes)s, now() - interval '31 days',
    'kubectl-edit', '{"ready": 2}', '[[["status", "readyReplicas"], 2]]', 'ready 2 → 3', n
FROM generate_series(1, %(changes)s) AS n
"""

_CHANGED: Final = """
INSERT INTO k8s_history (context_name, resource, uid, namespace, name, change, before_at, at, changed_at, columns,
    patch, summary, sync_id)
SELECT context_name, 'pods', uid, namespace, name, 'updated', now() - interval '2 hours',
    now() - interval '1 hour' + %(place)s * interval '10 seconds', now() - interval '10 days',
    jsonb_build_object('phase', 'Pending', 'restarts', %(place)s, 'resource_version', %(place)s::text),
    jsonb_build_array(
        jsonb_build_array('["metadata", "resourceVersion"]'::jsonb, %(place)s::text),
        jsonb_build_array('["status", "phase"]'::jsonb, 'Pending'),
        jsonb_build_array('["status", "containerStatuses", 0, "restartCount"]'::jsonb, %(place)s)
    ), 'Pending → Running', 1
FROM k8s_pods WHERE uid = ANY(%(uids)s)
"""


def ask(results: Results, server: PostgresServer, size: int, *, runs: int, say: Say) -> None:
    """Fill a database, and ask each question.

    :param size: the number of pods.
    """
    with psycopg.connect(server.create_database(f"history-{size}"), autocommit=True, prepare_threshold=None) as conn:
        migrate(conn)
        say(f"making {size:,} pods and {size * _CHANGES:,} changes")
        values = _fill(conn, size)
        for name, (_, question) in QUESTIONS.items():
            rows = len(conn.execute(question, values).fetchall())
            for _ in range(runs):
                began = time.perf_counter()
                conn.execute(question, values).fetchall()
                seconds = time.perf_counter() - began
                results.add(f"history: {name}", Measurement(seconds=seconds, facts={"rows": rows}), size)
            say(f"{name}: {(results.seconds(f'history: {name}', size) or 0) * 1000:.1f} ms, {rows:,} rows")


def _fill(conn: psycopg.Connection, size: int) -> dict[str, Any]:
    """Fill the tables, and choose what is asked for."""
    conn.execute("SET synchronous_commit = off")
    conn.execute(_SCOPE)
    with (
        conn.cursor() as cursor,
        cursor.copy(
            "COPY k8s_pods (context_name, uid, namespace, name, phase, restarts, labels, annotations, resource_version,"
            " first_seen_at, changed_at, object) FROM STDIN"
        ) as copy,
    ):
        for document in pods.pods(size):
            copy.write_row(_row(document))
    conn.execute(_OTHERS, {"changes": size * _CHANGES})
    uids = [row[0] for row in conn.execute("SELECT uid FROM k8s_pods ORDER BY uid LIMIT %s", [size // 20])]
    conn.execute(_CHANGED, {"place": 0, "uids": uids})
    for place in range(1, _BACK):
        conn.execute(_CHANGED, {"place": place, "uids": uids[:1]})
    conn.execute("VACUUM ANALYZE")
    row = conn.execute("SELECT uid, namespace, name FROM k8s_pods WHERE uid = %s", uids[:1]).fetchone()
    return dict(zip(("uid", "namespace", "name"), row or (), strict=True))


def _row(document: pods.Document) -> tuple[Any, ...]:
    metadata = document["metadata"]
    del metadata["managedFields"]
    labels, annotations = (msgspec.json.encode(metadata[name]).decode() for name in ("labels", "annotations"))
    long_ago = "2026-01-05 08:00:00+00"
    object_ = msgspec.json.encode(document).decode()
    place = ("context-1", metadata["uid"], metadata["namespace"], metadata["name"])
    return (*place, "Running", 0, labels, annotations, "7", long_ago, long_ago, object_)
