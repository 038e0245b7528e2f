"""Events stay for some days after the API server has forgotten them, and go by their age alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster

from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory
from tests.kit.objects import named
from tests.kit.syncer import Syncer

each_mode = pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
pytestmark = pytest.mark.postgres15


def event(name: str, days_ago: float | None = 0, namespace: str = "default") -> dict[str, Any]:
    """An event that last happened so many days ago; None: it does not say when."""
    told = {} if days_ago is None else {"lastTimestamp": written(days_ago)}
    return named(name, namespace) | {"reason": "Killing", **told}


def written(days_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def forget(cluster: Cluster, *names: str) -> None:
    """Let the server forget events, as it does after an hour."""
    for name in names:
        cluster.delete("events", name, "default")


@each_mode
@pytest.mark.parametrize("on_delete", ["delete", "mark"])
def test_an_event_stays_until_it_is_too_old(
    mode: str, on_delete: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("events", [event("old", 8), event("young", 6), event("new"), event("lasting", 9)])
    sync("events", on_delete=on_delete)
    forget(dev, "old", "young")
    dev.create("events", event("next"), "default")
    report = sync("events", mode=mode, on_delete=on_delete)

    assert (report.status, report.seen, report.inserted, report.deleted) == ("success", 3, 1, 1)
    assert inventory.names("k8s_events") == ["lasting", "new", "next", "young"]
    assert {row["deleted_at"] for row in inventory.rows("k8s_events")} == {None}
    again = sync("events", mode=mode, on_delete=on_delete)
    assert (again.seen, again.written) == (3, 0)
    shorter = sync("events", mode=mode, on_delete=on_delete, keep_events=5)
    assert (shorter.seen, shorter.deleted) == (3, 1)
    assert inventory.names("k8s_events") == ["lasting", "new", "next"]


@each_mode
def test_without_days_events_go_as_other_objects_do(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("events", [event("gone"), event("there")])
    sync("events", keep_events=0)
    forget(dev, "gone")

    assert sync("events", mode=mode, keep_events=0).deleted == 1
    assert inventory.names("k8s_events") == ["there"]


def test_an_event_that_does_not_say_when_is_as_old_as_itself(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("events", [event("untold", None) | {"metadata": named("untold", "default")["metadata"]}])
    sync("events")
    inventory.query("UPDATE k8s_events SET created_at = now() - interval '6 days'")
    forget(dev, "untold")
    assert sync("events", mode="full").deleted == 0
    inventory.query("UPDATE k8s_events SET created_at = now() - interval '8 days'")
    assert sync("events", mode="full").deleted == 1


@each_mode
def test_many_that_grow_old_at_once_are_no_mass_deletion(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("events", [event(f"e{number}", 6) for number in range(300)])
    sync("events")
    forget(dev, *(f"e{number}" for number in range(300)))
    assert sync("events", mode=mode, max_deletes=0).deleted == 0
    inventory.query("UPDATE k8s_events SET last_at = last_at - interval '2 days'")
    report = sync("events", mode=mode, max_deletes=0)

    assert (report.status, report.deleted) == ("success", 300)
    assert inventory.count("k8s_events") == 0


def test_those_of_another_cluster_go_at_once(dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("events", [event("mine")])
    prod.seed("events", [event("other")])
    sync("events")
    inventory.query("UPDATE k8s_events SET cluster_uid = 'another'")
    inventory.query("UPDATE k8s_scopes SET cluster_uid = 'another'")
    assert sync("events").status == "refused"
    forget(dev, "mine")
    report = sync("events", accept_new_cluster=True)

    assert (report.status, report.deleted) == ("success", 1)
    assert inventory.count("k8s_events") == 0


def test_those_of_a_namespace_stay_with_it(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("events", [event("here"), event("there", namespace="kube-system")])
    sync("events", namespaces=("default",))
    forget(dev, "here")

    assert sync("events", namespaces=("default",)).deleted == 0
    assert sync("events", namespaces=("default",), keep_events=0).deleted == 1


def test_the_command_line_takes_the_days(run: CommandLine, dev: Cluster, inventory: Inventory) -> None:
    dev.seed("events", [event("old", 2)])
    run.sync("--context", "dev", "--resource", "events")
    forget(dev, "old")
    run.sync("--context", "dev", "--resource", "events", "--keep-events", "3")
    assert inventory.count("k8s_events") == 1
    run.sync("--context", "dev", "--resource", "events", "--keep-events", "1")
    assert inventory.count("k8s_events") == 0
