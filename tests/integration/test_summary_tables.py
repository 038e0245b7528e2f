"""The summary tables are what a query over the pods gives, whoever writes them."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.kit.inventory import Inventory
from tests.kit.objects import pod, pods
from tests.kit.syncer import Syncer
from tests.kit.waiting import wait_until

pytestmark = [pytest.mark.postgres15]

IMAGES = """
SELECT context_name, namespace, image, coalesce(digest, '') AS digest, count(*) AS pods FROM (
    SELECT DISTINCT p.context_name, p.namespace, p.uid, u.image,
        coalesce(substring(u.image FROM '@(.+)$'), substring(u.id FROM '@(.+)$')) AS digest
    FROM k8s_pods AS p, unnest(p.images, p.image_ids) AS u (image, id)
    WHERE p.deleted_at IS NULL AND u.image IS NOT NULL
) AS used GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
CONTEXTS = f"""
SELECT context_name, image, digest, sum(pods)::bigint AS pods, count(DISTINCT namespace) AS namespaces
FROM ({IMAGES}) AS of_namespaces GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
NODES = """
SELECT context_name, node_name, count(*) AS pods, sum(coalesce(cpu_requests, 0)) AS cpu_requests,
    sum(coalesce(memory_limits, 0)) AS memory_limits
FROM k8s_pods WHERE deleted_at IS NULL AND node_name IS NOT NULL AND coalesce(phase, '') NOT IN ('Succeeded', 'Failed')
GROUP BY 1, 2 ORDER BY 1, 2
"""

WRITTEN = """
SELECT d.temp_files AS files, t.n_tup_ins AS rows FROM pg_stat_database AS d, pg_stat_user_tables AS t
WHERE d.datname = current_database() AND t.relid = 'k8s_pods'::regclass
"""


@pytest.fixture
def agree(inventory: Inventory) -> Callable[[], bool]:
    """A comparison of the summary tables with what queries over the pods give."""

    def agree() -> bool:
        images = inventory.query("SELECT * FROM k8s_summary_images ORDER BY 1, 2, 3, 4")
        nodes = inventory.query(
            "SELECT context_name, node_name, pods, cpu_requests, memory_limits FROM k8s_summary_nodes ORDER BY 1, 2"
        )
        contexts = inventory.query("SELECT * FROM k8s_summary_context_images ORDER BY 1, 2, 3")
        return (images, nodes, contexts) == tuple(map(inventory.query, (IMAGES, NODES, CONTEXTS)))

    return agree


def container(image: str, cpu: str | None = None, memory: str | None = None) -> dict[str, Any]:
    resources = {"requests": {"cpu": cpu} if cpu else {}, "limits": {"memory": memory} if memory else {}}
    return {"name": image[:1], "image": image, "resources": resources}


def random_pod(name: str, chance: random.Random) -> dict[str, Any]:
    images = chance.sample(["a:1", "b:2", "c@sha256:00"], chance.randint(1, 3))
    spec: dict[str, Any] = {
        "containers": [
            container(image, chance.choice([None, "250m", "2"]), chance.choice([None, "1Gi"])) for image in images
        ]
    }
    if chance.random() < 0.8:
        spec["nodeName"] = chance.choice(["one", "two"])
    made = pod(name, chance.choice(["x", "y"]), phase=chance.choice(["Running", "Pending", "Succeeded", "Failed"]))
    made["status"]["containerStatuses"] = [
        {"name": image[:1], "image": image, "imageID": f"reg/{image}@sha256:{chance.randint(1, 2)}"} for image in images
    ]
    return made | {"spec": spec}


@pytest.mark.parametrize("on_delete", ["delete", "mark"])
@pytest.mark.parametrize("seed", range(3))
def test_they_agree_after_whatever_happens(
    seed: int, on_delete: str, dev: Cluster, sync: Syncer, agree: Callable[[], bool]
) -> None:
    chance = random.Random(seed)
    for step in range(12):
        for number in range(chance.randint(0, 6)):
            dev.seed("pods", [random_pod(f"pod-{step}-{number}", chance)])
        for each in chance.sample(dev.objects("pods"), min(len(dev.objects("pods")), chance.randint(0, 4))):
            names = each["metadata"]["name"], each["metadata"]["namespace"]
            if chance.random() < 0.5:
                dev.delete("pods", *names)
            else:
                dev.patch("pods", names[0], {"status": {"phase": chance.choice(["Running", "Failed"])}}, names[1])
        which: dict[str, Any] = {
            "mode": chance.choice(["full", "metadata", "delta"]),
            "namespaces": chance.choice([(), (), ("x",)]),
            "labels": chance.choice([(), (), (), ("app=none",)]),
        }
        report = sync(on_delete=on_delete, allow_mass_delete=True, **which)

        assert report.good, report.reason
        assert agree()


WRITES = (
    "INSERT INTO k8s_pods (context_name, uid, namespace, name, labels, annotations, first_seen_at, changed_at, images,"
    " image_ids, node_name) SELECT %(context)s, %(prefix)s || n, %(namespace)s, 'pod', '{}', '{}', now(), now(),"
    " ARRAY['a:' || n %% 3, 'b:1'], ARRAY[NULL, 'b@sha256:00'], 'node-' || n %% 2 FROM generate_series(1, 20) AS n",
    "UPDATE k8s_pods SET images = ARRAY['a:2', 'b:2'] WHERE context_name = %(context)s AND namespace = %(namespace)s",
    "DELETE FROM k8s_pods WHERE context_name = %(context)s AND namespace = %(namespace)s AND uid LIKE '%%5'",
)


def test_many_may_write_pods_of_one_context_at_a_time(agree: Callable[[], bool], migrated_database: str) -> None:
    def write(writer: int) -> None:
        chance = random.Random(writer)
        with psycopg.connect(migrated_database) as conn:
            for step in range(10):
                values = {"context": chance.choice(["dev", "prod"]), "namespace": f"of-{writer}"}
                with conn.transaction():
                    for statement in chance.sample(WRITES, len(WRITES)):
                        conn.execute(statement, values | {"prefix": f"{writer}-{step}-"})

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(6)))

    assert agree()


def test_a_sync_that_fails_leaves_them_as_they_were(
    dev: Cluster, sync: Syncer, agree: Callable[[], bool], inventory: Inventory
) -> None:
    dev.seed("pods", pods(3))
    sync()
    before = inventory.query("SELECT * FROM k8s_summary_images")
    dev.seed("pods", [pod("new")])
    dev.inject(Fault(path="/pods$", status=403))
    assert not sync(mode="full").good

    assert agree()
    assert inventory.query("SELECT * FROM k8s_summary_images") == before


def test_the_rows_of_a_first_sync_go_into_no_temporary_file(
    dev: Cluster, sync: Syncer, agree: Callable[[], bool], inventory: Inventory
) -> None:
    (before,) = inventory.query(WRITTEN)
    dev.seed("pods", [pod(f"web-{number}", annotations={"note": "x" * 50_000}) for number in range(100)])
    sync()
    assert agree()
    wait_until(lambda: inventory.query(WRITTEN)[0]["rows"] == before["rows"] + 100, "PostgreSQL to count what it wrote")
    assert inventory.query(WRITTEN)[0]["files"] == before["files"]


def test_rows_that_people_delete_leave_them_too(
    dev: Cluster, sync: Syncer, agree: Callable[[], bool], inventory: Inventory
) -> None:
    dev.seed("pods", [*pods(3), pod("other", node="one")])
    sync()
    inventory.query("DELETE FROM k8s_pods WHERE name = 'other'")
    assert agree()
    inventory.query("UPDATE k8s_pods SET context_name = 'gone'")
    assert agree()
    inventory.query("DELETE FROM k8s_pods")
    assert agree()
    assert inventory.query("SELECT count(*) AS rows FROM k8s_summary_images") == [{"rows": 0}]
    sync(mode="full")
    inventory.query("BEGIN; TRUNCATE k8s_pods")
    assert agree()
    inventory.query("ROLLBACK")
    assert agree()


@pytest.mark.alters_database
def test_a_migration_fills_them_of_the_rows_that_are_there(
    dev: Cluster, sync: Syncer, agree: Callable[[], bool], inventory: Inventory, migrated_database: str
) -> None:
    dev.seed("pods", [*pods(3), pod("other", node="one")])
    sync()
    inventory.query("DROP FUNCTION k8s_summarize_pods() CASCADE")
    inventory.query("DROP TABLE k8s_summary_images, k8s_summary_context_images, k8s_summary_nodes CASCADE")
    with psycopg.connect(migrated_database) as conn:
        done = migrate(conn)

    assert done == ["summaries of k8s_pods", "view k8s_images", "view k8s_capacity"]
    assert agree()
    assert inventory.query("SELECT count(*) AS rows FROM k8s_summary_images") == [{"rows": 1}]


def test_a_role_that_writes_the_pods_needs_no_right_to_them(
    dev: Cluster, sync: Syncer, agree: Callable[[], bool], inventory: Inventory
) -> None:
    dev.seed("pods", pods(3))
    sync()
    inventory.query("CREATE ROLE pod_writer")
    try:
        inventory.query("GRANT SELECT, DELETE ON k8s_pods TO pod_writer")
        inventory.query("SET ROLE pod_writer; DELETE FROM k8s_pods WHERE name = 'web-0001'; RESET ROLE")
        assert agree()
    finally:
        inventory.query("RESET ROLE")
        inventory.query("DROP OWNED BY pod_writer; DROP ROLE pod_writer")
