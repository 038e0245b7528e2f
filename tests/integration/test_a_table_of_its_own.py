"""A resource that gets a table of its own keeps the rows that it had in the table of many resources."""

from __future__ import annotations

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster

from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.kit.inventory import Inventory
from tests.kit.objects import named
from tests.kit.syncer import Syncer

pytestmark = [pytest.mark.postgres15, pytest.mark.alters_database]

SHARED = "context_name, cluster_uid, uid, namespace, name, labels, annotations, first_seen_at, changed_at, object"
FULL = "leases.coordination.k8s.io"


def go_back(inventory: Inventory) -> None:
    """Bring the leases into the table that an older version kept them in."""
    inventory.query(
        f"INSERT INTO k8s_custom_resources ({SHARED}, api_group, api_version, kind, resource)"
        f" SELECT {SHARED}, 'coordination.k8s.io', 'v1', 'Lease', '{FULL}' FROM k8s_leases"
    )
    inventory.query("DROP TABLE k8s_leases CASCADE")
    inventory.query(f"UPDATE k8s_scopes SET resource = '{FULL}' WHERE resource = 'leases'")


@pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
def test_rows_move_and_the_next_sync_fills_the_new_columns(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory, migrated_database: str
) -> None:
    for name in ("held", "gone"):
        dev.create("leases", named(name, "default") | {"spec": {"holderIdentity": "somebody"}})
    sync("leases")
    first_seen = inventory.row("k8s_leases", "held")["first_seen_at"]
    go_back(inventory)
    dev.delete("leases", "gone", "default")
    with psycopg.connect(migrated_database) as conn:
        assert "table k8s_leases" in migrate(conn)

    assert inventory.count("k8s_custom_resources") == 0
    assert {row["name"]: row["holder"] for row in inventory.rows("k8s_leases")} == {"held": None, "gone": None}
    report = sync("leases", mode=mode)
    assert (report.status, report.updated, report.inserted, report.deleted) == ("success", 1, 0, 1)
    row = inventory.row("k8s_leases", "held")
    assert (row["holder"], row["first_seen_at"]) == ("somebody", first_seen)
    assert [row["resource"] for row in inventory.rows("k8s_freshness", "resource")] == ["leases"]


def test_rows_move_out_of_an_older_table_that_lacks_columns(
    dev: Cluster, sync: Syncer, inventory: Inventory, migrated_database: str
) -> None:
    dev.create("leases", named("held", "default"))
    sync("leases")
    go_back(inventory)
    inventory.query("ALTER TABLE k8s_custom_resources DROP COLUMN deletion_timestamp CASCADE")
    with psycopg.connect(migrated_database) as conn:
        migrate(conn)

    assert inventory.names("k8s_leases") == ["held"]
    assert inventory.count("k8s_custom_resources") == 0


def test_events_that_were_kept_twice_are_kept_once(
    dev: Cluster, sync: Syncer, inventory: Inventory, migrated_database: str
) -> None:
    other = "events.events.k8s.io"
    dev.create("events", named("one", "default"))
    sync("events")
    inventory.query(
        f"INSERT INTO k8s_custom_resources ({SHARED}, api_group, api_version, kind, resource)"
        f" SELECT {SHARED}, 'events.k8s.io', 'v1', 'Event', '{other}' FROM k8s_events"
    )
    inventory.query(
        "INSERT INTO k8s_scopes (context_name, resource, selection, first_synced_at, last_status, last_finished_at)"
        f" VALUES ('dev', '{other}', '', now(), 'success', now())"
    )
    inventory.query("DELETE FROM k8s_migrations WHERE name = '0008_events_once'")
    with psycopg.connect(migrated_database) as conn:
        assert migrate(conn) == ["0008_events_once"]

    assert (inventory.names("k8s_events"), inventory.count("k8s_custom_resources")) == (["one"], 0)
    assert [row["resource"] for row in inventory.rows("k8s_freshness", "resource")] == ["events"]
