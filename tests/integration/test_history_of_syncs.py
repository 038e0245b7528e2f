"""What the functions say of the past is what real syncs wrote then, in every mode."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster

from airflow_provider_k8s_inventory.resources.histories import Histories
from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, crd, named, pod
from tests.kit.syncer import Syncer
from tests.kit.written import by_uid

pytestmark = pytest.mark.postgres15

EXACT = Histories(("exact",))
RESOURCES = {"pods": "k8s_pods", "configmaps": "k8s_configmaps", WIDGETS: "k8s_custom_resources"}
ODD: dict[str, Any] = {"a.b/c": None, "0": [{}, [], None, 1.5], "": {"-1": {"é": "x"}}, 'q"\\': True}

Step = Callable[[Cluster], object]


def widget(name: str, **spec: Any) -> dict[str, Any]:
    return named(name, "default") | {"spec": spec}


STEPS: tuple[Step, ...] = (
    lambda dev: dev.patch("pods", "web", {"status": {"phase": "Failed"}}, "default"),
    lambda dev: dev.patch("pods", "web", {"metadata": {"labels": {"a.b/c": "1", "0": "2"}}}, "default"),
    lambda dev: dev.delete("pods", "idle", "default"),
    lambda dev: dev.seed("pods", [pod("idle", phase="Pending"), pod("later")]),
    lambda dev: dev.patch(WIDGETS, "one", {"spec": {"items": [1, {"b": 2}], "more": ODD}}, "default"),
    lambda dev: dev.patch(
        WIDGETS, "one", {"spec": {"items": [1, {"b": 3}], "more": {"0": [{"x": 1}, [], 2]}}}, "default"
    ),
    lambda dev: dev.patch(WIDGETS, "one", {"spec": {"items": []}}, "default"),
    lambda dev: dev.delete(WIDGETS, "two", "default"),
    lambda dev: dev.patch("pods", "web", {"metadata": {"labels": {"a.b/c": None}}}, "default"),
    lambda dev: dev.delete("pods", "web", "default"),
    lambda dev: dev.delete("pods", "later", "default"),
)


def rows(inventory: Inventory, query: str, *parameters: Any) -> dict[str, dict[str, Any]]:
    return by_uid(inventory.query(f"SELECT to_jsonb(t) AS row FROM {query}", *parameters))


@pytest.mark.parametrize("on_delete", ["delete", "mark"])
@pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
def test_rows_and_objects_at_a_time_are_what_was_there(
    mode: str, on_delete: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", crd("widgets", "example.com", "Widget"))
    dev.seed("pods", [pod("web"), pod("idle")])
    dev.seed(WIDGETS, [widget("one", items=[1, {"b": 2}], more=ODD), widget("two")])
    dev.seed("configmaps", [named("unchanged", "default")])
    seen: list[tuple[datetime, dict[str, dict[str, dict[str, Any]]]]] = []
    for step in (None, *STEPS):
        if step:
            step(dev)
        for resource in RESOURCES:
            assert sync(resource, mode=mode, on_delete=on_delete, histories=EXACT).good
        (now,) = inventory.query("SELECT clock_timestamp() AS time")
        found = {
            resource: rows(
                inventory,
                f"{table} AS t WHERE deleted_at IS NULL AND context_name = 'dev'"
                + (f" AND resource = '{resource}'" if "." in resource else ""),
            )
            for resource, table in RESOURCES.items()
        }
        seen.append((now["time"], found))

    assert {row["mode"] for row in inventory.ledger()[-len(RESOURCES) :]} == {mode}
    everything = {(resource, uid) for _, found in seen for resource, own in found.items() for uid in own}
    for time, found in seen:
        for resource, table in RESOURCES.items():
            which = f" WHERE resource = '{resource}'" if "." in resource else ""
            assert rows(inventory, f"{table}_at(%s, 'dev') AS t{which}", time) == found[resource]
        for resource, uid in everything:
            (told,) = inventory.query("SELECT k8s_row_at('dev', %s, %s, %s) AS row", resource, uid, time)
            assert told["row"] == found[resource].get(uid)


def test_what_a_sync_found_is_told_with_the_times_it_lies_between(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", [pod("web")])
    sync()
    dev.delete("pods", "web", "default")
    sync()

    first, second = inventory.ledger()
    (change,) = inventory.rows("k8s_changes", "id")
    assert (change["change"], change["after"], change["sync_id"]) == ("deleted", first["started_at"], second["id"])
    assert second["started_at"] <= change["not_later_than"] <= second["finished_at"]
    (coverage,) = inventory.rows("k8s_coverage", "resource")
    assert (coverage["known_since"], coverage["last_proven_at"]) == (first["finished_at"], second["started_at"])
    assert coverage["gaps"] == []
