"""The event that tells other DAGs what became of a run."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from airflow.providers.postgres.assets.postgres import create_asset
from airflow.sdk import DAG, Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors
from k8s_inventory_demo.simulator import Fault, Simulator
from psycopg import conninfo

from airflow_provider_k8s_inventory.exceptions import ScopeError
from airflow_provider_k8s_inventory.operators.publish import KubernetesInventoryPublishOperator
from airflow_provider_k8s_inventory.operators.report import KubernetesInventoryReportOperator
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator
from tests.airflow.tasks import TaskInstance, execute

pytestmark = pytest.mark.usefixtures("kubeconfig")

TABLES = Asset("k8s_inventory_tables")
CONTEXTS = AssetAlias("k8s_inventory")


def sync(context: str, index: int) -> None:
    operator = KubernetesToPostgresOperator(task_id="sync", cluster_context=context, resource="pods,services")
    with suppress(ScopeError):
        execute(operator, TaskInstance("sync", map_index=index))


def end(kind: type[Any], **arguments: Any) -> tuple[Any, OutletEventAccessors]:
    events = OutletEventAccessors()
    run = SimpleNamespace(start_date=datetime.now(UTC))
    with DAG("k8s_inventory", schedule=None):
        before = KubernetesToPostgresOperator(task_id="sync", cluster_context="dev", resource="pods")
        last = kind(task_id="last", **arguments)
        before >> last
    ti = TaskInstance("last", states={"sync_0": "success", "sync_1": "failed"})
    return execute(last, ti, outlet_events=events, dag_run=run), events


def test_it_says_what_failed_and_counts_the_rest(inventory: str, simulator: Simulator) -> None:
    simulator["prod"].inject(Fault(path="/pods$", status=400, times=None))
    sync("dev", 0)
    sync("prod", 1)
    extra, events = end(KubernetesInventoryPublishOperator, outlets=[TABLES])
    assert events[TABLES].extra == extra
    assert json.loads(json.dumps(extra)) == {
        "scopes": 4,
        "failed": 1,
        "failed_contexts": ["prod"],
        "contexts": {"dev": "success", "prod": "failed"},
        "warnings": 0,
        "seen": 17,
        "inserted": 17,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "unselected": 0,
        "resources": {"pods": {"inserted": 11}, "services": {"inserted": 6}},
    }


def test_each_context_of_which_a_scope_was_synced_has_an_asset_on_request(inventory: str, simulator: Simulator) -> None:
    simulator["dev"].inject(Fault(path="/services$", status=400, times=None))
    sync("dev", 0)
    simulator.stop("prod")
    sync("prod", 1)
    _, events = end(KubernetesInventoryPublishOperator, outlets=[TABLES, CONTEXTS])
    (event,) = events[CONTEXTS].asset_alias_events
    assert event.dest_asset_key.name == "k8s_inventory/dev"
    assert event.extra["context"] == "dev"
    assert event.extra["scopes"] == {"pods": "success", "services": "failed"}
    assert (event.extra["failed"], event.extra["seen"]) == (1, 11)
    assert event.extra["resources"] == {"pods": {"inserted": 11}}


def test_each_table_of_which_a_scope_was_synced_has_an_asset_on_request(inventory: str, simulator: Simulator) -> None:
    simulator["dev"].inject(Fault(path="/services$", status=400, times=None))
    simulator.stop("prod")
    sync("dev", 0)
    sync("prod", 1)
    _, events = end(KubernetesInventoryPublishOperator, outlets=[TABLES, CONTEXTS], table_alias=CONTEXTS.name)
    (event,) = events[CONTEXTS].asset_alias_events
    place = conninfo.conninfo_to_dict(inventory)
    wanted = create_asset(
        host=str(place["host"]),
        port=int(str(place["port"])),
        database=str(place["dbname"]),
        schema="public",
        table="k8s_pods",
    )

    assert (event.dest_asset_key.name, event.dest_asset_key.uri) == (wanted.name, wanted.uri)
    assert event.extra["contexts"] == {"dev": "success", "prod": "unreachable"}
    assert (event.extra["table"], event.extra["failed"], event.extra["inserted"]) == ("k8s_pods", 1, 11)


def test_a_connection_that_names_no_host_has_no_assets_of_tables(
    inventory: str, monkeypatch: pytest.MonkeyPatch, simulator: Simulator
) -> None:
    sync("dev", 0)
    sync("prod", 1)
    named = json.loads(os.environ["AIRFLOW_CONN_POSTGRES_DEFAULT"])
    hidden = named | {"host": None, "extra": named["extra"] | {"host": named["host"]}}
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", json.dumps(hidden))
    _, events = end(KubernetesInventoryPublishOperator, outlets=[TABLES, CONTEXTS], table_alias=CONTEXTS.name)

    assert events[CONTEXTS].asset_alias_events == []
    assert events[TABLES].extra["inserted"] == 28


def test_a_run_that_synced_nothing_tells_nothing(inventory: str) -> None:
    with pytest.raises(AirflowSkipException, match="no scope of this run was synced"):
        end(KubernetesInventoryPublishOperator, outlets=[TABLES])


def test_clusters_that_are_known_to_be_down_do_not_count_as_failed(inventory: str, simulator: Simulator) -> None:
    simulator.stop("prod")
    sync("dev", 0)
    sync("prod", 1)
    extra, _ = end(KubernetesInventoryPublishOperator, tolerate="p*")
    assert (extra["failed"], extra["contexts"]["prod"]) == (0, "unreachable")
    assert end(KubernetesInventoryReportOperator, tolerate=["prod"])[0]["failed"] == 0
    with pytest.raises(AirflowFailException, match=r"1 of 2 clusters failed: prod \(unreachable, never good\); 2 of 4"):
        end(KubernetesInventoryReportOperator)


@pytest.mark.parametrize("in_default_args", [False, True])
def test_a_lost_task_is_as_old_as_the_last_good_sync_of_its_selection(in_default_args: bool, inventory: str) -> None:
    narrowed: dict[str, Any] = {
        "namespaces": "{{ params.namespaces }}",
        "label_selector": "{{ params.label_selector }}",
        "field_selector": "{{ params.field_selector }}",
    }
    params: dict[str, Any] = {
        "namespaces": ["default", "shop"],
        "label_selector": ["pods:app=web"],
        "field_selector": None,
    }
    planned: list[dict[str, Any]] = [{"cluster_context": name, "resource": "pods,services"} for name in ("dev", "prod")]
    for index, scopes in enumerate(planned):
        operator = KubernetesToPostgresOperator(
            task_id="sync", namespaces=params["namespaces"], label_selector=params["label_selector"], **scopes
        )
        execute(operator, TaskInstance("sync", map_index=index))
    with psycopg.connect(inventory) as conn:
        conn.execute("DELETE FROM k8s_syncs WHERE context_name = 'prod'")
    with DAG("k8s_inventory", schedule=None, default_args=narrowed if in_default_args else {}):
        partial = KubernetesToPostgresOperator.partial(task_id="sync", **({} if in_default_args else narrowed))
        last = KubernetesInventoryReportOperator(task_id="last", planned=planned)
        partial.expand_kwargs(planned) >> last
    ti = TaskInstance("last", states={"sync_0": "success", "sync_1": "failed"})

    with pytest.raises(AirflowFailException, match=r"1 of 2 clusters failed: prod \(failed, last good .*\); 2 of 4"):
        execute(last, ti, dag_run=SimpleNamespace(start_date=datetime.now(UTC)), params=params)


@pytest.mark.parametrize("value", ["soon", "1 week"])
def test_a_time_that_is_none_is_refused(value: str, inventory: str) -> None:
    with pytest.raises(AirflowFailException, match="span of time"):
        end(KubernetesInventoryReportOperator, tolerate_for=value)
