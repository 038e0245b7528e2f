"""Scopes of one resource share rows: what one of them writes is in the history of the others, or theirs begins anew."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster

from airflow_provider_k8s_inventory.resources.histories import Histories
from tests.kit.inventory import Inventory
from tests.kit.objects import pod
from tests.kit.syncer import Syncer

IN_DEFAULT: dict[str, Any] = {"namespaces": ("default",)}
WITHOUT: dict[str, Any] = {"histories": Histories.read(False)}


@pytest.fixture
def seeded(dev: Cluster) -> Cluster:
    dev.seed("pods", [pod("a"), pod("b"), pod("c", "other")])
    return dev


def now(inventory: Inventory) -> datetime:
    (row,) = inventory.query("SELECT clock_timestamp() AS now")
    told: datetime = row["now"]
    return told


def changes(inventory: Inventory) -> list[tuple[str, str, bool]]:
    """The change, the name, and whether it is known after when it came."""
    return [(row["change"], row["name"], row["before_at"] is not None) for row in inventory.rows("k8s_history", "id")]


def names_at(inventory: Inventory, time: datetime) -> set[str]:
    return {row["name"] for row in inventory.query("SELECT name FROM k8s_pods_at(%s, 'dev')", time)}


@pytest.mark.parametrize(("first", "second"), [({}, IN_DEFAULT), (IN_DEFAULT, {})], ids=["whole", "narrow"])
def test_what_another_scope_writes_without_history_ends_what_is_known(
    first: dict[str, Any], second: dict[str, Any], seeded: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    assert sync(**first).good
    assert sync(**second).good
    before = now(inventory)
    seeded.delete("pods", "b", "default")
    assert sync(**second, **WITHOUT).deleted == 1
    after = now(inventory)
    assert sync(**first).good
    (known,) = inventory.query(
        "SELECT known_since FROM k8s_coverage WHERE resource = 'pods' AND (namespaces IS NULL) = %s", not first
    )
    assert before < known["known_since"] <= after
    if not first:
        with pytest.raises(psycopg.Error, match="known since"):
            names_at(inventory, before)
        assert names_at(inventory, after) == {"a", "c"}


def test_nothing_written_without_history_ends_nothing(seeded: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync()
    time = now(inventory)
    assert sync(**IN_DEFAULT, **WITHOUT).good
    assert names_at(inventory, time) == {"a", "b", "c"}


def test_the_first_sync_of_some_namespaces_tells_what_came_since_all_were_synced(
    seeded: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync()
    seeded.create("pods", pod("new"))
    seeded.delete("pods", "a", "default")
    sync(**IN_DEFAULT)
    assert sorted(changes(inventory)) == [("created", "new", True), ("deleted", "a", True)]
    sync()
    assert len(changes(inventory)) == 2


def test_the_first_sync_of_all_namespaces_ends_what_is_known_of_some(
    seeded: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(**IN_DEFAULT)
    time = now(inventory)
    seeded.create("pods", pod("new"))
    assert sync().inserted == 2
    sync(**IN_DEFAULT)
    assert changes(inventory) == []
    (known,) = inventory.query("SELECT known_since FROM k8s_coverage WHERE namespaces IS NOT NULL")
    assert known["known_since"] > time
