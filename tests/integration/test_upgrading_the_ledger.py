"""A database whose state was in the ledger alone has it in k8s_scopes after a migration, and no sync starts anew."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Simulator

from airflow_provider_k8s_inventory.model import Scope
from airflow_provider_k8s_inventory.postgres import locking, sessions
from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.kit.inventory import Inventory, Row
from tests.kit.objects import WIDGETS, named, pods, widget_definition
from tests.kit.syncer import Syncer

pytestmark = pytest.mark.alters_database


@pytest.fixture
def reader(inventory: Inventory) -> Iterator[str]:
    """A role without any right."""
    inventory.query("CREATE ROLE ledger_reader")
    yield "ledger_reader"
    inventory.query("DROP OWNED BY ledger_reader")
    inventory.query("DROP ROLE ledger_reader")


def downgrade(inventory: Inventory) -> None:
    """Make the schema what it was before there was a table of scopes."""
    inventory.query("DROP TABLE k8s_scopes CASCADE")
    inventory.query("DROP INDEX k8s_syncs_finished")
    inventory.query("ALTER TABLE k8s_syncs RENAME COLUMN row_format TO shape")
    inventory.query("DROP TABLE k8s_history, k8s_history_kept CASCADE")
    for column in ("label_selector", "field_selector", "unselected", "changes", "noise"):
        inventory.query(f"ALTER TABLE k8s_syncs DROP COLUMN {column}")
    inventory.query("DELETE FROM k8s_migrations WHERE name IN ('0004_scopes', '0007_selectors', '0010_history')")


def upgrade(inventory: Inventory, migrated_database: str) -> list[str]:
    downgrade(inventory)
    with psycopg.connect(migrated_database) as conn:
        return migrate(conn)


def scopes(inventory: Inventory) -> list[Row]:
    """The table of scopes; the words of a reason may differ, and there was no history."""
    rows = inventory.query("SELECT * FROM k8s_scopes ORDER BY context_name, resource, selection")
    return [row | {"invalid_reason": row["invalid_reason"] is not None, "history_since": None} for row in rows]


def test_it_makes_the_table_and_the_views_that_show_it(inventory: Inventory, migrated_database: str) -> None:
    done = upgrade(inventory, migrated_database)

    views = ["view k8s_freshness", "view k8s_cluster_health", "view k8s_deprecated_apis"]
    of_history = ["view k8s_changes", "view k8s_coverage"]
    assert done == ["0004_scopes", "0007_selectors", "0010_history", *views, *of_history]


@pytest.mark.parametrize("mode", ["metadata", "delta"])
def test_the_next_sync_reads_what_changed(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory, migrated_database: str
) -> None:
    dev.seed("pods", pods(3))
    sync()
    dev.delete("pods", "web-0001", "default")
    upgrade(inventory, migrated_database)
    report = sync(mode=mode)

    assert (report.mode, report.fallback, report.deleted) == (mode, None, 1)


def test_the_state_is_what_the_syncs_would_have_left(
    simulator: Simulator, dev: Cluster, sync: Syncer, inventory: Inventory, migrated_database: str
) -> None:
    dev.seed("pods", pods(3))
    # Syncs by their changes, one of them verified; a failure; one that was turned away.
    for _ in range(4):
        assert sync(mode="delta", verify_every=3).good
    dev.inject(Fault(path="/pods$", status=403))
    assert sync().status == "forbidden"
    with psycopg.connect(migrated_database) as other, sessions.transaction(other) as cursor:
        locking.lock_scope(cursor, "public", Scope(context_name="dev", resource="nodes"))
        assert sync("nodes").status == "busy"
    # Scopes that share rows, as others write them, and one that shares none.
    assert sync("services").good
    assert sync("services", namespaces=("default",), store_object=False).good
    assert sync("services", namespaces=("default", "kube-system")).good
    assert sync("services", namespaces=("kube-public",)).good
    # A resource that is absent, a glob, and a custom resource that turns out to be in no namespace.
    assert sync("gadgets.example.com").status == "absent"
    assert sync(WIDGETS, namespaces=("default",)).status == "absent"
    dev.create("crd", widget_definition(scope="Cluster"))
    dev.seed(WIDGETS, [named("w", None)])
    assert sync(WIDGETS, namespaces=("default",)).status == "success"
    simulator.stop("prod")
    assert sync(context="prod", namespaces=("default",)).status == "unreachable"
    before = scopes(inventory)
    upgrade(inventory, migrated_database)

    assert len(before) == 9
    assert scopes(inventory) == before
    assert {row["selection"] for row in before if row["invalid_reason"]} == {"", "default"}


def test_readers_of_the_ledger_may_read_what_its_views_show(
    sync: Syncer, inventory: Inventory, migrated_database: str, reader: str
) -> None:
    sync()
    inventory.query(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    upgrade(inventory, migrated_database)
    inventory.query(f"GRANT SELECT ON k8s_freshness TO {reader}")  # as the view was dropped above, and not by us
    inventory.query(f"SET ROLE {reader}")
    rows = inventory.rows("k8s_freshness", "resource")
    inventory.query("RESET ROLE")

    assert [row["resource"] for row in rows] == ["pods"]


def test_rows_of_the_ledger_that_a_policy_hid_stay_hidden(
    sync: Syncer, inventory: Inventory, migrated_database: str, reader: str
) -> None:
    sync()
    inventory.query(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    inventory.query("ALTER TABLE k8s_syncs ENABLE ROW LEVEL SECURITY")
    upgrade(inventory, migrated_database)
    inventory.query(f"SET ROLE {reader}")
    rows = inventory.query("SELECT * FROM k8s_scopes")
    inventory.query("RESET ROLE")

    assert rows == []


def test_writers_of_the_ledger_may_write_the_state(inventory: Inventory, migrated_database: str, reader: str) -> None:
    inventory.query(f"GRANT SELECT, INSERT ON k8s_syncs TO {reader}")
    upgrade(inventory, migrated_database)
    rights = inventory.query(
        "SELECT bool_and(has_table_privilege(%s, 'k8s_scopes', name)) AS may"
        " FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS name",
        reader,
    )

    assert rights == [{"may": True}]
