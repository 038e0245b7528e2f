"""What globs of resources mean in one context: the catalogue, what the cluster defines, and what it once did."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UnknownResourceError
from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.postgres import connecting
from airflow_provider_k8s_inventory.simulator import Cluster, Fault, Rule, User
from airflow_provider_k8s_inventory.sync import Settings, expanding
from airflow_provider_k8s_inventory.sync.fleet import run_context
from tests.fixtures.manifests import crd, named
from tests.fixtures.tables import Inventory
from tests.integration.conftest import Syncer

CATALOGUE = list(resources.CATALOGUE)
GADGETS, WIDGETS = "gadgets.example.com", "widgets.example.com"
CRDS = "/customresourcedefinitions$"

Run = Callable[..., dict[str, SyncReport]]


@pytest.fixture
def run(sync: Syncer, database: str) -> Run:
    """Sync names and globs of the context dev; the reports by resource."""

    def run(*names: str, **settings: Any) -> dict[str, SyncReport]:
        with sync.client() as client:
            connect = partial(connecting.connect, database)
            reports = list(run_context(client, names, connect, Settings(**settings)))
        assert len({report.resource for report in reports}) == len(reports)
        return {report.resource: report for report in reports}

    return run


@pytest.fixture
def taught(dev: Cluster) -> Cluster:
    """A cluster that knows widgets and gadgets, and has one of each."""
    for plural, kind in (("widgets", "Widget"), ("gadgets", "Gadget")):
        dev.create("crd", crd(plural, "example.com", kind))
        dev.create(f"{plural}.example.com", named("one", "default"), "default")
    return dev


@pytest.mark.parametrize(
    ("names", "known"),
    [
        (["*"], CATALOGUE),
        (["po*"], ["pods"]),
        (["?ods", "po", "pods"], ["pods"]),
        (["services", "[n]*"], ["services", "namespaces", "nodes"]),
        (["*.apps"], ["deployments"]),
        (["*.k8s.io"], ["crds"]),
        (["*.example.com"], []),
        ([WIDGETS, "*"], [WIDGETS, *CATALOGUE]),
        ([], []),
    ],
    ids=str,
)
def test_what_is_known_before_a_cluster_is_asked(names: list[str], known: list[str]) -> None:
    assert expanding.of_catalogue(names) == known


@pytest.mark.parametrize("name", ["podz", "x*", "POD*"])
def test_what_can_match_nothing_is_wrong_usage(name: str, run: Run, inventory: Inventory) -> None:
    with pytest.raises(UnknownResourceError):
        run("pods", name)

    assert inventory.ledger() == []


def test_everything_is_the_catalogue_and_what_is_defined(taught: Cluster, run: Run, inventory: Inventory) -> None:
    reports = run("*")

    assert set(reports) == {*CATALOGUE, GADGETS, WIDGETS}
    assert {report.status for report in reports.values()} == {"success"}
    assert {row["resource"] for row in inventory.ledger()} == set(reports)
    assert inventory.count("k8s_custom_resources") == 2


def test_a_glob_of_a_group_is_its_resources(taught: Cluster, run: Run) -> None:
    taught.create("crd", crd("things", "other.example.org", "Thing"))

    assert set(run("*.example.com")) == {GADGETS, WIDGETS}
    assert set(run("w*.example.com", WIDGETS, "pods")) == {WIDGETS, "pods"}


def test_names_alone_ask_for_no_definitions(taught: Cluster, run: Run) -> None:
    run("pods", WIDGETS)

    assert [request for request in taught.requests if request.path.endswith("/customresourcedefinitions")] == []


def test_a_glob_that_matches_nothing_in_a_cluster_is_absent(dev: Cluster, run: Run, inventory: Inventory) -> None:
    (report,) = run("*.example.com").values()

    assert (report.resource, report.status) == ("*.example.com", "absent")
    assert report.reason == "context dev has no resource that matches *.example.com"
    assert (inventory.last()["resource"], inventory.last()["status"]) == ("*.example.com", "absent")
    assert inventory.rows("k8s_freshness", "resource") == []  # a glob is no scope


def test_a_resource_that_is_withdrawn_is_absent_once_and_its_rows_go(
    taught: Cluster, run: Run, inventory: Inventory
) -> None:
    run("*.example.com")
    taught.delete("crd", WIDGETS)
    reports = run("*.example.com")

    assert {name: report.status for name, report in reports.items()} == {GADGETS: "success", WIDGETS: "absent"}
    assert reports[WIDGETS].deleted == 1
    assert [row["resource"] for row in inventory.rows("k8s_custom_resources")] == [GADGETS]
    assert set(run("*.example.com")) == {GADGETS}


def test_what_another_context_has_rows_of_is_no_matter(
    taught: Cluster, prod: Cluster, run: Run, sync: Syncer, inventory: Inventory
) -> None:
    prod.create("crd", crd("things", "example.com", "Thing"))
    prod.create("things.example.com", named("one", "default"), "default")
    assert sync("things.example.com", context="prod").inserted == 1

    assert set(run("*.example.com")) == {GADGETS, WIDGETS}


def test_a_definition_that_is_not_served_yet_is_absent(dev: Cluster, run: Run) -> None:
    document = crd("widgets", "example.com", "Widget")
    document["spec"]["versions"][0]["served"] = False
    dev.create("crd", document)
    dev.patch("crd", WIDGETS, {"status": {"conditions": []}})

    assert run("*.example.com")[WIDGETS].status == "absent"


def test_very_many_definitions_come_in_pages(dev: Cluster, run: Run) -> None:
    dev.seed("crd", [crd(f"w{number}", "example.com", f"W{number}") for number in range(1001)])
    reports = run("w?.example.com")

    assert set(reports) == {f"w{number}.example.com" for number in range(10)}
    assert len([r for r in dev.requests if r.path.endswith("/customresourcedefinitions")]) == 2


def test_who_may_not_list_the_definitions_is_told_so_and_the_rest_goes_on(
    taught: Cluster, run: Run, inventory: Inventory
) -> None:
    run("*")
    crds = Rule(resources=("customresourcedefinitions.apiextensions.k8s.io",))
    taught.add_user(User(name="admin", groups=(), denied=(crds,)))
    reports = run("*")

    problem = reports.pop("*")
    assert (problem.status, problem.context_name) == ("forbidden", "dev")
    assert "customresourcedefinitions" in (problem.reason or "")
    assert reports.pop("crds").status == "forbidden"
    # Of what is kept already it is known without them.
    assert set(reports) == {*CATALOGUE, GADGETS, WIDGETS} - {"crds"}
    assert {report.status for report in reports.values()} == {"success"}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"status": 500}, "unreachable"),
        ({"status": 401}, "unauthorized"),
        ({"status": 410}, "failed"),
        ({"body": b"<html>"}, "failed"),
        ({"body": b'{"kind":"L","items":[1]}'}, "failed"),
        ({"body": b'{"kind":"L","items":[{"metadata":{}}]}'}, "failed"),
        ({"truncate": 20}, "failed"),
    ],
    ids=str,
)
def test_definitions_that_cannot_be_had_are_one_report_and_the_rest_goes_on(
    fault: dict[str, Any], status: str, taught: Cluster, run: Run
) -> None:
    taught.inject(Fault(path=CRDS, times=None, **fault))
    reports = run("pods", "*.example.com", "no*.*", "nodes")

    assert reports.pop("*.example.com, no*.*").status == status
    assert {name: report.status for name, report in reports.items()} == {"pods": "success", "nodes": "success"}


def test_a_server_that_does_not_know_definitions_is_not_believed(dev: Cluster, run: Run) -> None:
    dev.inject(Fault(path=CRDS, status=404, times=None))
    (report,) = run("*.example.com").values()

    assert (report.resource, report.status) == ("*.example.com", "failed")
