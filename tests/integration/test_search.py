"""Objects are found by what a person knows of them, over all tables and contexts, by indexes that a migration makes."""

from __future__ import annotations

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.kit.inventory import Inventory
from tests.kit.objects import named, pod
from tests.kit.syncer import Syncer

pytestmark = pytest.mark.postgres15

OF_WEB = (("services", "web"), ("pods", "web-5d-x"), ("pods", "a-web"))
"""The one of this name, the one whose name begins so, and another that has it in its name."""


@pytest.fixture
def filled(dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory) -> Inventory:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d", "uid": "u-1", "controller": True}
    for cluster in (dev, prod):
        cluster.seed("pods", [pod("web-5d-x", labels={"app": "web"}, ownerReferences=[owner])])
        cluster.seed("pods", [pod("db_0"), pod("a-web")])
        cluster.seed("services", [named("web", "default"), named("db%0", "default")])
    for context in ("dev", "prod"):
        for resource in ("pods", "services"):
            assert sync(resource, context=context).good
    return inventory


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("web", [(kind, name) for kind, name in OF_WEB for _ in range(2)]),
        ("5d", [("pods", "web-5d-x"), ("pods", "web-5d-x")]),
        ("db%", [("services", "db%0"), ("services", "db%0")]),
        ("db_", [("pods", "db_0"), ("pods", "db_0")]),
        ("\\", []),
        ("app=web", [("pods", "web-5d-x"), ("pods", "web-5d-x")]),
        ("app=w", []),
        ("replicaset/web-5d", [("pods", "web-5d-x"), ("pods", "web-5d-x")]),
        ("Pod/web-5d", []),
    ],
)
def test_what_is_found(what: str, found: list[tuple[str, str]], filled: Inventory) -> None:
    rows = filled.query("SELECT * FROM k8s_search(%s)", what)

    assert [(row["resource"], row["name"]) for row in rows] == found
    assert [row["context_name"] for row in rows] == ["dev", "prod"] * (len(found) // 2)


def test_a_uid_is_of_one_object(filled: Inventory) -> None:
    (row,) = filled.query("SELECT uid FROM k8s_pods WHERE name = 'db_0' AND context_name = 'prod'")

    (found,) = filled.query("SELECT * FROM k8s_search(%s)", row["uid"])
    assert (found["context_name"], found["name"], found["namespace"]) == ("prod", "db_0", "default")


def test_no_more_are_given_than_are_asked_for(filled: Inventory) -> None:
    assert len(filled.query("SELECT * FROM k8s_search('b', 3)")) == 3


def test_a_uid_that_is_in_a_name_too_finds_the_object_alone(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("persistentvolumeclaims", [named("data", "default")])
    uid = dev.objects("persistentvolumeclaims")[0]["metadata"]["uid"]
    dev.seed("persistentvolumes", [named(f"pvc-{uid}")])
    sync("persistentvolumeclaims")
    sync("persistentvolumes")

    assert [row["name"] for row in inventory.query("SELECT * FROM k8s_search(%s)", uid)] == ["data"]
    assert len(inventory.query("SELECT * FROM k8s_search(%s)", uid[:20])) == 1


def plan(conn: psycopg.Connection, query: str) -> str:
    return "\n".join(row[0] for row in conn.execute(f"EXPLAIN {query}".encode()).fetchall())


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("name = 'x'", "k8s_pods_name_idx"),
        ("name LIKE 'x%'", "k8s_pods_name_idx"),
        ("uid = 'x'", "k8s_pods_uid_idx"),
        ('labels @> \'{"app": "x"}\'', "k8s_pods_labels_idx"),
        ("images @> ARRAY['x']", "k8s_pods_images_idx"),
        ("problem IS NOT NULL AND deleted_at IS NULL", "k8s_pods_context_name_idx"),
        ("changed_at > now()", "k8s_pods_changed_at_idx"),
    ],
)
def test_an_index_finds_them(condition: str, index: str, migrated_database: str) -> None:
    with psycopg.connect(migrated_database) as conn:
        conn.execute("SET enable_seqscan = off")
        conn.execute("SET enable_indexonlyscan = off")
        assert index in plan(conn, f"SELECT * FROM k8s_pods WHERE {condition}")


def test_the_newest_changes_of_all_tables_need_no_sort(migrated_database: str) -> None:
    with psycopg.connect(migrated_database) as conn:
        conn.execute("SET enable_seqscan = off")
        found = plan(conn, "SELECT name FROM k8s_objects ORDER BY changed_at DESC LIMIT 50")

    assert "Merge Append" in found
    assert "Sort  " not in found
    assert found.count("_changed_at_idx") == len(resources.TABLES)


@pytest.mark.alters_database
def test_an_older_database_gets_the_indexes_that_it_lacks(inventory: Inventory, migrated_database: str) -> None:
    inventory.query("DROP INDEX k8s_pods_uid_idx, k8s_nodes_name_idx")
    with psycopg.connect(migrated_database) as conn:
        assert migrate(conn) == ["indexes of k8s_nodes", "indexes of k8s_pods"]
        assert migrate(conn) == []
    inventory.query("ALTER INDEX k8s_pods_uid_idx RENAME TO mine")
    with psycopg.connect(migrated_database) as conn:
        assert migrate(conn) == []
    # In the order of a collation, it would not find how a name begins.
    inventory.query("DROP INDEX k8s_pods_name_idx; CREATE INDEX ON k8s_pods (name)")
    with psycopg.connect(migrated_database) as conn:
        assert migrate(conn) == ["indexes of k8s_pods"]


@pytest.mark.alters_database
def test_trigrams_find_parts_of_names_where_the_extension_is_there(filled: Inventory, migrated_database: str) -> None:
    filled.query("CREATE SCHEMA extensions; CREATE EXTENSION pg_trgm SCHEMA extensions")
    with psycopg.connect(migrated_database) as conn:
        assert "indexes of k8s_pods" in migrate(conn)
        conn.execute("SET enable_seqscan = off")
        assert "Bitmap Index Scan" in plan(conn, "SELECT * FROM k8s_pods WHERE name LIKE '%5d-x%'")
    assert len(filled.query("SELECT * FROM k8s_search('5d-x')")) == 2
    filled.query(
        "INSERT INTO k8s_configmaps (context_name, uid, name, labels, annotations, first_seen_at, changed_at)"
        " SELECT 'dev', 'uid-' || n, 'x-5d-x-' || n, '{}', '{}', now(), now() FROM generate_series(1, 20001) AS n"
    )
    found = [row["name"] for row in filled.query("SELECT name FROM k8s_search('5d-x', 4)")]
    assert found == ["web-5d-x", "web-5d-x", "x-5d-x-1", "x-5d-x-10"]
