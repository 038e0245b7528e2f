"""Time the questions of the first day, of as many pods as are asked for in 50 contexts, and all other tables.

The rows are made by SQL, and their objects are empty: no question reads them, and PostgreSQL keeps real ones outside of
the rows. Parts of a name are asked for without pg_trgm, and then with it where the server has it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final, LiteralString

import psycopg
from k8s_inventory_demo.postgres.server import PostgresServer
from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.model import Table
from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.benchmarks.fleets import Say
from tests.benchmarks.model import Measurement, Results

CONTEXTS: Final = 50
FEWEST: Final = 1_000_000
"""The pods that the bars are for."""
_OTHERS: Final = 40
"""Rows of each other table and context."""
_NODES: Final = 400

QUESTIONS: Final[dict[str, tuple[float, LiteralString]]] = {
    "images over all clusters": (0.1, "SELECT * FROM k8s_images ORDER BY pods DESC"),
    "unhealthy pods": (0.05, "SELECT * FROM k8s_unhealthy WHERE resource = 'pods'"),
    "pods with a label": (
        0.05,
        'SELECT context_name, namespace, name FROM k8s_pods WHERE labels @> \'{"app": "app-77"}\'',
    ),
    "an object by uid, any table": (0.02, "SELECT * FROM k8s_objects WHERE uid = %(uid)s"),
    "an object by exact name, any table": (0.02, "SELECT * FROM k8s_objects WHERE name = %(name)s"),
    "part of a name, first 50, any table": (0.5, "SELECT * FROM k8s_search(%(part)s)"),
    "part of a name that many have": (0.5, "SELECT * FROM k8s_search('pp-1')"),
    "beginning of a name that many have": (0.5, "SELECT * FROM k8s_search('app-7')"),
    "what changed in the last hour, newest 50, any table": (
        0.05,
        "SELECT context_name, resource, namespace, name, changed_at FROM k8s_objects"
        " WHERE changed_at > now() - interval '1 hour' ORDER BY changed_at DESC LIMIT 50",
    ),
    "pods that use one image": (
        0.05,
        "SELECT context_name, namespace, name FROM k8s_pods WHERE images @> ARRAY[%(image)s]",
    ),
    "capacity per node pool": (
        0.1,
        "SELECT context_name, node_pool, sum(cpu_allocatable) AS cores, sum(cpu_requests) AS requested"
        " FROM k8s_capacity GROUP BY 1, 2 ORDER BY 1, 2",
    ),
}
"""The bar of each, in seconds, and what is asked."""
TRIGRAMS: Final = "part of a name, first 50, any table, with pg_trgm"
BARS: Final = {name: bar for name, (bar, _) in QUESTIONS.items()} | {TRIGRAMS: 0.1}

_POD: Final = """
INSERT INTO k8s_pods (context_name, cluster_uid, uid, namespace, name, status, problem, problem_detail, phase,
    ready_containers, containers, restarts, node_name, pod_ip, host_ip, service_account, qos_class, started_at, images,
    image_ids, cpu_requests, memory_requests, cpu_limits, memory_limits, host_network, privileged, run_as_root,
    tolerations, labels, annotations, owner_kind, owner_name, owner_uid, resource_version, created_at, first_seen_at,
    changed_at, object)
SELECT 'context-' || %(context)s, 'cluster-' || %(context)s, gen_random_uuid(), 'team-' || n / 500 %% 100,
    'app-' || n %% 1000 || '-' || substr(md5(random()::text), 1, 10) || '-' || substr(md5(random()::text), 1, 5),
    CASE WHEN n %% 200 = 0 THEN 'CrashLoopBackOff' ELSE 'Running' END,
    CASE WHEN n %% 200 = 0 THEN 'CrashLoopBackOff' END, CASE WHEN n %% 200 = 0 THEN 'back-off 5m0s restarting' END,
    'Running', 2, 2, 0, 'node-' || %(context)s || '-' || n %% 400 + 1,
    ('10.0.' || n / 250 %% 250 || '.' || n %% 250)::inet, '192.168.0.1', 'default', 'Burstable', now(),
    ARRAY['registry.example.com/team/app-' || n %% 500 || ':1.' || n %% 500 %% 7, 'registry.example.com/sidecar:2.1'],
    ARRAY['registry.example.com/app@sha256:' || md5((n %% 500)::text) || md5((n %% 500)::text),
        'registry.example.com/sidecar@sha256:' || md5('a') || md5('b')],
    0.25, 268435456, 1, 536870912, false, false, false,
    '[{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "operator": "Exists", "tolerationSeconds": 300}]',
    jsonb_build_object('app', 'app-' || n %% 1000, 'pod-template-hash', substr(md5((n %% 1000)::text), 1, 10),
        'team', 'team-' || n %% 100, 'version', '1.' || n %% 7),
    jsonb_build_object('checksum/config', md5((n %% 1000)::text)), 'ReplicaSet', 'app-' || n %% 1000, gen_random_uuid(),
    (n * 7)::text, now() - interval '20 days' * random(), now() - interval '10 days',
    now() - CASE WHEN n %% 100 = 0 THEN interval '3 hours' ELSE interval '10 days' END * random(), '{}'
FROM generate_series(1, %(pods)s) AS n
"""

_NODE: Final = """
INSERT INTO k8s_nodes (context_name, cluster_uid, uid, name, labels, annotations, first_seen_at, changed_at, node_pool,
    zone, status, cpu_allocatable_cores, memory_allocatable_bytes, pods_allocatable)
SELECT 'context-' || context, 'cluster-' || context, gen_random_uuid(), 'node-' || context || '-' || n,
    jsonb_build_object('kubernetes.io/hostname', 'node-' || n), '{{}}', now() - interval '30 days',
    now() - interval '5 minutes' * random(), 'pool-' || n % 10, 'zone-' || n % 3, 'Ready', 8, 3e10, 110
FROM generate_series(1, {contexts}) AS context, generate_series(1, {nodes}) AS n
"""

_OTHER: Final = """
INSERT INTO {table} (context_name, cluster_uid, uid, name, labels, annotations, first_seen_at, changed_at{columns})
SELECT 'context-' || context, 'cluster-' || context, gen_random_uuid(), {kind} || '-' || context || '-' || n,
    jsonb_build_object('team', 'team-' || n), '{{}}', now() - interval '30 days',
    now() - interval '30 days' * random(){values}
FROM generate_series(1, {contexts}) AS context, generate_series(1, {rows}) AS n
"""


def ask(results: Results, server: PostgresServer, pods: int, *, runs: int, say: Say) -> None:
    """Fill a database, and ask each question."""
    with psycopg.connect(server.create_database(f"ask-{pods}"), autocommit=True, prepare_threshold=None) as conn:
        migrate(conn)
        say(f"making {pods:,} pods in {CONTEXTS} contexts")
        _fill(conn, pods)
        values = _values(conn)
        for name, (_, question) in QUESTIONS.items():
            _ask(results, conn, name, question, values, pods, runs, say)
        if _has_trigrams(conn):
            say("making the indexes of pg_trgm")
            conn.execute("CREATE EXTENSION pg_trgm")
            migrate(conn)
            conn.execute("VACUUM ANALYZE")
            question = QUESTIONS["part of a name, first 50, any table"][1]
            _ask(results, conn, TRIGRAMS, question, values, pods, runs, say)


def _fill(conn: psycopg.Connection, pods: int) -> None:
    conn.execute("SET synchronous_commit = off")
    for table in resources.TABLES:
        if table.name not in ("k8s_pods", "k8s_nodes"):
            conn.execute(_filling(table))
    conn.execute(sql.SQL(_NODE).format(contexts=CONTEXTS, nodes=_NODES))
    for context in range(1, CONTEXTS + 1):
        conn.execute(_POD, {"context": context, "pods": pods // CONTEXTS})
    conn.execute("VACUUM ANALYZE")


def _filling(table: Table) -> sql.Composed:
    """Compose the statement that fills another table."""
    further = dict(_further(table))
    return sql.SQL(_OTHER).format(
        table=sql.Identifier(table.name),
        columns=sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(name)) for name in further),
        values=sql.SQL("").join(sql.SQL(", {}").format(value) for value in further.values()),
        kind=sql.Literal(table.name.removeprefix("k8s_")),
        contexts=CONTEXTS,
        rows=_OTHERS,
    )


def _further(table: Table) -> Iterator[tuple[str, sql.Composable]]:
    if table.namespaced:
        yield "namespace", sql.SQL("'team-' || n")
    if "resource" in table.key:
        yield "resource", sql.SQL("'widgets.example.com'")


def _values(conn: psycopg.Connection) -> dict[str, Any]:
    """Choose what is asked for."""
    row = conn.execute("SELECT uid, name, images[1] FROM k8s_pods WHERE context_name = 'context-40' LIMIT 1").fetchone()
    if row is None:
        raise LookupError("there are no pods")
    uid, name, image = row
    return {"uid": uid, "name": name, "image": image, "part": name.rpartition("-")[0][-8:]}


def _has_trigrams(conn: psycopg.Connection) -> bool:
    found = conn.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'").fetchone()
    return found == (1,)


def _ask(
    results: Results,
    conn: psycopg.Connection,
    name: str,
    question: LiteralString,
    values: dict[str, Any],
    pods: int,
    runs: int,
    say: Say,
) -> None:
    """Ask once without being timed, as caches are cold then, and then as often as there are runs."""
    rows = len(conn.execute(question, values).fetchall())
    for _ in range(runs):
        began = time.perf_counter()
        conn.execute(question, values).fetchall()
        results.add(f"ask: {name}", Measurement(seconds=time.perf_counter() - began, facts={"rows": rows}), pods)
    say(f"{name}: {(results.seconds(f'ask: {name}', pods) or 0) * 1000:.0f} ms, {rows:,} rows")
