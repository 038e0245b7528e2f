"""The ledger has one row per sync, and k8s_freshness what is known of each scope."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Simulator

from airflow_provider_k8s_inventory.model import Origin, Scope
from airflow_provider_k8s_inventory.postgres import locking, sessions
from airflow_provider_k8s_inventory.sync.recording import blank, record
from tests.kit.inventory import Inventory, Row
from tests.kit.objects import named, pod, pods, widget_definition
from tests.kit.syncer import Syncer


def freshness(inventory: Inventory, resource: str = "pods", context: str = "dev") -> list[Row]:
    rows = inventory.rows("k8s_freshness", "namespaces")
    return [row for row in rows if (row["context_name"], row["resource"]) == (context, resource)]


def test_a_ledger_row_is_the_report(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    sync()
    dev.patch("pods", "web-0000", {"metadata": {"labels": {"a": "b"}}}, "default")
    dev.delete("pods", "web-0001", "default")
    dev.create("pods", pod("new"))
    report = sync()
    row = inventory.last()
    fields = report.as_dict()
    del fields["seconds"]

    assert row.pop("id") == 2
    assert row.pop("namespaces") is None
    assert fields.pop("namespaces") == []
    for name in ("started_at", "finished_at"):
        assert row.pop(name) == datetime.fromisoformat(fields.pop(name))
    assert row == fields
    assert (row["inserted"], row["updated"], row["unchanged"], row["deleted"], row["seen"]) == (1, 1, 1, 1, 3)


def test_it_names_the_task_it_ran_in(sync: Syncer, inventory: Inventory) -> None:
    origin = Origin(dag_id="k8s_inventory", run_id="manual__1", task_id="sync", map_index=4, try_number=2)
    sync(origin=origin)
    row = inventory.last()

    assert (row["dag_id"], row["run_id"], row["task_id"], row["map_index"], row["try_number"]) == (
        "k8s_inventory",
        "manual__1",
        "sync",
        4,
        2,
    )


def test_a_failed_sync_names_its_task_too(simulator: Simulator, sync: Syncer, inventory: Inventory) -> None:
    simulator.stop("dev")
    sync(origin=Origin(dag_id="k8s_inventory", try_number=1))

    assert (inventory.last()["status"], inventory.last()["dag_id"]) == ("unreachable", "k8s_inventory")


def test_a_scope_that_was_never_synced_is_not_there(inventory: Inventory) -> None:
    assert inventory.rows("k8s_freshness", "resource") == []


def test_freshness_is_the_age_of_the_last_success(sync: Syncer, inventory: Inventory) -> None:
    sync()
    report = sync()
    (row,) = freshness(inventory)

    assert row["last_success_at"] == row["last_finished_at"] == report.finished_at
    assert timedelta(0) < row["age"] < timedelta(minutes=5)
    assert (row["last_status"], row["last_reason"]) == ("success", None)


def test_after_a_failure_it_says_both(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    good = sync()
    dev.inject(Fault(path="/pods$", status=403))
    bad = sync()
    (row,) = freshness(inventory)

    assert row["last_success_at"] == good.finished_at
    assert (row["last_status"], row["last_reason"], row["last_finished_at"]) == (
        "forbidden",
        bad.reason,
        bad.finished_at,
    )


def test_what_never_succeeded_has_no_age(simulator: Simulator, sync: Syncer, inventory: Inventory) -> None:
    simulator.stop("dev")
    sync()
    (row,) = freshness(inventory)

    assert (row["last_success_at"], row["age"], row["last_status"]) == (None, None, "unreachable")


def test_absent_is_fresh(sync: Syncer, inventory: Inventory) -> None:
    report = sync("widgets.example.com")
    (row,) = freshness(inventory, "widgets.example.com")

    assert (row["last_status"], row["last_success_at"]) == ("absent", report.finished_at)


def test_a_narrowed_scope_has_a_freshness_of_its_own(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync()
    sync(namespaces=("a",))
    dev.inject(Fault(path="/namespaces/a/pods$", status=403))
    sync(namespaces=("a",))
    sync(namespaces=("a", "b"))

    assert [(row["namespaces"], row["last_status"]) for row in freshness(inventory)] == [
        (["a"], "forbidden"),
        (["a", "b"], "success"),
        (None, "success"),
    ]


def test_contexts_and_resources_do_not_mix(simulator: Simulator, sync: Syncer, inventory: Inventory) -> None:
    for context in ("dev", "prod"):
        for resource in ("pods", "nodes"):
            sync(resource, context=context)
    simulator.stop("prod")
    sync("pods", context="prod")

    statuses = {
        (row["context_name"], row["resource"]): row["last_status"]
        for row in inventory.rows("k8s_freshness", "resource")
    }
    assert statuses == {
        ("dev", "pods"): "success",
        ("dev", "nodes"): "success",
        ("prod", "pods"): "unreachable",
        ("prod", "nodes"): "success",
    }


def test_who_found_another_sync_running_tells_nothing_of_the_rows(
    sync: Syncer, migrated_database: str, inventory: Inventory
) -> None:
    good = sync()
    with psycopg.connect(migrated_database) as other, sessions.transaction(other) as cursor:
        locking.lock_scope(cursor, "public", good.scope)
        assert [sync().status, sync("pods", namespaces=("a",)).status] == ["busy", "busy"]
    whole, narrowed = freshness(inventory)[::-1]

    assert (whole["last_status"], whole["last_finished_at"]) == ("success", good.finished_at)
    assert (narrowed["namespaces"], narrowed["last_status"], narrowed["age"]) == (["a"], "busy", None)


def test_a_line_that_was_written_late_does_not_outrank_a_later_sync(
    sync: Syncer, migrated_database: str, inventory: Inventory
) -> None:
    late = blank(Scope(context_name="dev", resource="pods"), "unreachable", "the database was away")
    good = sync()
    with psycopg.connect(migrated_database) as conn:
        record(conn, "public", late)
    (row,) = freshness(inventory)

    assert (row["last_status"], row["last_finished_at"]) == ("success", good.finished_at)
    assert inventory.last()["status"] == "unreachable"


def test_a_failure_after_one_that_was_turned_away_is_shown(
    dev: Cluster, sync: Syncer, migrated_database: str, inventory: Inventory
) -> None:
    with psycopg.connect(migrated_database) as other, sessions.transaction(other) as cursor:
        locking.lock_scope(cursor, "public", Scope(context_name="dev", resource="pods"))
        assert sync().status == "busy"
    dev.inject(Fault(path="/pods$", status=403))
    sync()
    (row,) = freshness(inventory)

    assert (row["last_status"], row["last_success_at"]) == ("forbidden", None)


@pytest.mark.parametrize("namespaces", [("team-a",), ("team-*", "!team-b"), ()], ids=str)
@pytest.mark.parametrize("labels", [(), ("app=web",), ("app=none",)], ids=str)
def test_a_resource_outside_of_namespaces_has_one_scope_whatever_was_asked(
    labels: tuple[str, ...],
    namespaces: tuple[str, ...],
    simulator: Simulator,
    dev: Cluster,
    sync: Syncer,
    inventory: Inventory,
) -> None:
    dev.create("crd", widget_definition(scope="Cluster"))
    dev.seed("widgets.example.com", [named("w", None, labels={"app": "web"})])
    statuses = []
    for reachable in (False, True, False):
        (simulator.start if reachable else simulator.stop)("dev")
        statuses.append(sync("widgets.example.com", labels=labels, namespaces=namespaces).status)
        assert len(freshness(inventory, "widgets.example.com")) == 1
        assert len(inventory.query("SELECT selection FROM k8s_scopes")) == 1
    (row,) = freshness(inventory, "widgets.example.com")

    assert statuses == ["unreachable", "success", "unreachable"]
    assert (row["namespaces"], row["label_selector"] or "") == (None, "".join(labels))
    assert (row["last_status"], inventory.last()["namespaces"]) == ("unreachable", None)
    assert row["age"] is not None


@pytest.mark.parametrize("labels", [(), ("app=web",), ("app=none",)], ids=str)
def test_a_resource_outside_of_namespaces_is_absent_in_the_scope_in_which_it_was_there(
    labels: tuple[str, ...], dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", widget_definition(scope="Cluster"))
    dev.seed("widgets.example.com", [named("w", None, labels={"app": "web"})])
    assert sync("widgets.example.com", labels=labels, namespaces=("team-a",)).status == "success"
    dev.delete("crd", "widgets.example.com")
    report = sync("widgets.example.com", labels=labels, namespaces=("team-a",))

    assert (report.status, report.selection.namespaces) == ("absent", ())
    assert inventory.count("k8s_custom_resources") == 0
    (row,) = freshness(inventory, "widgets.example.com")
    assert (row["namespaces"], row["last_status"]) == (None, "absent")


def test_a_resource_in_namespaces_fails_in_the_scope_that_was_asked_for(
    simulator: Simulator, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", widget_definition())
    dev.seed("widgets.example.com", [named("w", "team-b", labels={"app": "web"})])
    assert sync("widgets.example.com", labels=("app=none",)).status == "success"
    dev.inject(Fault(path="/widgets$", status=403))
    assert sync("widgets.example.com", labels=("app=none",), namespaces=("team-a",)).status == "forbidden"
    assert inventory.last()["namespaces"] == ["team-a"]
    assert sync("widgets.example.com", labels=("app=none",), namespaces=("team-a",)).status == "success"
    simulator.stop("dev")
    sync("widgets.example.com", labels=("app=none",), namespaces=("team-a",))

    assert inventory.last()["namespaces"] == ["team-a"]


def test_a_context_has_one_line_that_says_how_well_it_is(
    simulator: Simulator, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    for resource in ("clusters", "pods", "nodes"):
        sync(resource)
    dev.inject(Fault(path="/pods$", status=403))
    bad = sync()
    good = sync("pods", context="prod")
    dev_line, prod_line = inventory.rows("k8s_cluster_health", "context_name")

    assert dev_line.pop("oldest_age") is not None
    assert {name: dev_line[name] for name in ("scopes", "good_scopes", "bad_scopes", "never_synced")} == {
        "scopes": 3,
        "good_scopes": 2,
        "bad_scopes": 1,
        "never_synced": 0,
    }
    assert (dev_line["status"], dev_line["resource"], dev_line["reason"]) == ("forbidden", "pods", bad.reason)
    assert (dev_line["server"], dev_line["kubernetes_version"]) == (simulator.url("dev"), "v1.36.3")
    assert dev_line["last_finished_at"] == bad.finished_at
    assert (prod_line["status"], prod_line["reason"], prod_line["bad_scopes"]) == ("success", None, 0)
    assert (prod_line["last_success_at"], prod_line["kubernetes_version"]) == (good.finished_at, None)


@pytest.mark.parametrize("resource", ["clusters", "namespaces", "nodes", "pods", "deployments", "services", "crds"])
def test_every_table_is_in_k8s_objects(resource: str, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    if resource == "crds":
        dev.create("crd", widget_definition())
    elif resource not in ("clusters", "namespaces"):
        dev.seed(resource, [named("web", "shop" if resource not in ("nodes",) else None)])
    sync(resource)
    rows = inventory.rows("k8s_objects")
    own = inventory.rows(f"k8s_{resource}")

    assert {row["resource"] for row in rows} == {resource}
    assert [row["uid"] for row in rows] == [row["uid"] for row in own]
    namespaced = resource in ("pods", "deployments", "services")
    assert {row["namespace"] for row in rows} == ({"shop"} if namespaced else {None})


def test_custom_resources_are_in_k8s_objects_by_their_own_name(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", widget_definition())
    dev.seed("widgets.example.com", [named("w", "shop")])
    sync("widgets.example.com")

    assert [(row["resource"], row["name"]) for row in inventory.rows("k8s_objects")] == [("widgets.example.com", "w")]
