"""The trigger that tells where something moved: what Airflow stores of it, its events, and its DAG."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from pydoc import locate
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.triggers.base import BaseEventTrigger
from k8s_inventory_demo.simulator import Simulator

from airflow_provider_k8s_inventory.exceptions import InventoryError
from airflow_provider_k8s_inventory.triggers import changed
from airflow_provider_k8s_inventory.triggers.changed import InventoryChangedTrigger
from tests.airflow.bags import bag
from tests.kit.objects import pod
from tests.kit.waiting import wait_until

SOON = 20
"""Seconds; only for tests that fail."""


def event(trigger: InventoryChangedTrigger, change: Any = None) -> Any:
    """The payload of its first event; what changes meanwhile is done in a thread."""

    async def first() -> Any:
        async with aclosing(trigger.run()) as coming:  # type: ignore[type-var]
            changing = asyncio.create_task(asyncio.to_thread(change)) if change else None
            found = await anext(coming)
            if changing:
                await changing
            return found.payload

    return asyncio.run(asyncio.wait_for(first(), SOON))


def test_airflow_makes_the_same_trigger_of_what_it_stores() -> None:
    # Here, as Airflow 3.1 warns while it imports this: see `NOT_OURS`.
    from airflow.serialization.serialized_objects import BaseSerialization

    trigger = InventoryChangedTrigger(
        contexts=("dev", "prod-*"), resource_names=["po", "certificates.v1.cert-manager.io"], kubernetes_conn_id="k"
    )
    path, arguments = trigger.serialize()
    stored = BaseSerialization.deserialize(json.loads(json.dumps(BaseSerialization.serialize(arguments))))
    again: Any = locate(path)
    again = again(**stored)

    assert stored == json.loads(json.dumps(arguments)) == arguments
    assert again.serialize() == (path, arguments)
    assert BaseEventTrigger.hash(path, arguments) == BaseEventTrigger.hash(*again.serialize())


def test_an_event_says_in_json_where_something_moved(simulator: Simulator, kubeconfig: Path) -> None:
    def change() -> None:
        wait_until(lambda: sum(request.verb == "watch" for request in simulator["dev"].requests) >= 5, "the watches")
        for number in range(9):
            simulator["dev"].create("pods", pod(f"new-{number}"))

    payload = event(InventoryChangedTrigger(window=1), change)
    assert json.loads(json.dumps(payload)) == {"moved": {"dev": ["pods"]}}


def test_clusters_of_a_connection_are_watched(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"kube_config_secret": json.dumps(simulator.kubeconfig_document())}
    monkeypatch.setenv("AIRFLOW_CONN_CLUSTERS", json.dumps({"conn_type": "k8s_inventory", "extra": extra}))

    def change() -> None:
        wait_until(lambda: any(request.verb == "watch" for request in simulator["prod"].requests), "the watch")
        simulator["prod"].create("pods", pod("new"))

    trigger = InventoryChangedTrigger(
        kubernetes_conn_id="clusters", contexts=["prod"], resource_names=["pods"], window=1
    )
    assert event(trigger, change) == {"moved": {"prod": ["pods"]}}
    assert not any(request.verb == "watch" for request in simulator["dev"].requests)


def test_too_many_watches_are_refused(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed, "MOST", 9)
    assert event(InventoryChangedTrigger(window=1)) == {
        "moved": {},
        "problem": "2 contexts × 5 resources are more than 9 watches, the most of a trigger: name fewer contexts or "
        "resources, or give the contexts to several watchers",
    }


def test_a_connection_that_is_missing_is_told() -> None:
    payload = event(InventoryChangedTrigger(kubernetes_conn_id="missing", window=1))
    assert payload["moved"] == {}
    assert "missing" in payload["problem"]


@pytest.mark.parametrize(
    "arguments",
    [{"resource_names": ["leases"]}, {"contexts": "dev"}, {"window": 0}, {"window": 20, "longest_window": 10}],
)
def test_what_cannot_be_is_an_error_when_the_dag_is_parsed(arguments: dict[str, Any]) -> None:
    with pytest.raises(InventoryError):
        InventoryChangedTrigger(**arguments)


def plan(*payloads: dict[str, Any]) -> Any:
    dag = bag().dags["k8s_inventory_on_change"]
    events = [SimpleNamespace(extra={"from_trigger": True, "payload": payload}) for payload in payloads]
    return dag.get_task("plan").python_callable({"asset": events})


def test_the_dag_syncs_what_moved_in_one_task_for_each_context() -> None:
    first, second = {"moved": {"prod": ["pods"], "dev": ["pods"]}}, {"moved": {"dev": ["crds", "pods"]}}
    assert plan(first, second) == [
        {"cluster_context": "dev", "resource": "crds,pods"},
        {"cluster_context": "prod", "resource": "pods"},
    ]


def test_the_dag_fails_by_the_reason_why_not_all_is_watched() -> None:
    with pytest.raises(AirflowFailException, match="no kubeconfig"):
        plan({"moved": {}, "problem": "no kubeconfig"})


def test_the_dag_is_parsed_without_a_client() -> None:
    dag = bag().dags["k8s_inventory_on_change"]
    (asset,) = dag.timetable.asset_condition.objects
    (watcher,) = asset.watchers
    assert (watcher.name, type(watcher.trigger).__name__) == ("moves", "InventoryChangedTrigger")
    assert dag.max_active_runs == 1
