"""A selection may be as long as people write it."""

from __future__ import annotations

from uuid import UUID

from k8s_inventory_demo.simulator import Cluster

from airflow_provider_k8s_inventory.model import Selection
from tests.kit.inventory import Inventory
from tests.kit.objects import named, pod
from tests.kit.syncer import Syncer

TEAMS = tuple(f"team-{UUID(int=number * 0x123456789ABCDEF123456789)}" for number in range(1, 201))
"""More names than an entry of an index holds, which PostgreSQL cannot compress much."""


def test_of_namespaces_that_are_named(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.seed("namespaces", [named(team) for team in TEAMS])
    dev.seed("pods", [pod("one", TEAMS[0]), pod("two", "default")])
    report = sync(namespaces=TEAMS)

    assert (report.status, report.inserted) == ("success", 1)
    assert [row["namespaces"] for row in inventory.rows("k8s_freshness", "resource")] == [sorted(TEAMS)]
    assert len(str(report.scope)) < 600
    assert sync(namespaces=reversed(TEAMS)).unchanged == 1
    assert len(inventory.query("SELECT selection FROM k8s_scopes")) == 1


def test_of_namespaces_that_are_left_out(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.seed("namespaces", [named(team) for team in TEAMS])
    dev.seed("pods", [pod("one", TEAMS[0]), pod("two", "default")])
    report = sync(namespaces=[f"!{team}" for team in TEAMS])

    assert (report.status, inventory.names("k8s_pods")) == ("success", ["two"])


def test_of_labels(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.seed("pods", [pod("one", labels={"team": TEAMS[0]}), pod("two", labels={"team": "other"})])
    some = ",".join(TEAMS[:150])  # as the simulator reads no longer lines
    report = sync(labels=(f"team in ({some})",))
    assert (report.status, inventory.names("k8s_pods")) == ("success", ["one"])

    report = sync(labels=(f"team in ({some},other)",))
    assert (report.status, report.inserted) == ("success", 1)
    assert len(inventory.query("SELECT selection FROM k8s_scopes")) == 1


def test_they_are_told_from_others_that_begin_alike() -> None:
    keys = {Selection(namespaces=(*TEAMS, last)).key for last in ("z-one", "z-two")}

    assert len(keys) == 2
    assert all(len(key.encode()) < 2000 for key in keys)
    assert Selection(namespaces=("a",)).key == "a"


def test_the_row_that_had_the_whole_text_for_its_key_goes(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    teams = tuple(f"team-{number:03}" for number in range(240))  # which PostgreSQL compresses
    assert sync(namespaces=teams).good
    inventory.query("UPDATE k8s_scopes SET selection = %s", str(Selection(namespaces=teams)))
    assert sync(namespaces=teams).good

    assert [row["selection"] for row in inventory.query("SELECT selection FROM k8s_scopes")] == [
        Selection(namespaces=teams).key
    ]
