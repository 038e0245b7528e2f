"""What globs of resources mean in one context: the catalogue, what the cluster serves, and what it once did."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UnknownResourceError
from airflow_provider_k8s_inventory.model import SyncReport
from airflow_provider_k8s_inventory.postgres import connecting
from airflow_provider_k8s_inventory.sync import Settings, expanding
from airflow_provider_k8s_inventory.sync.fleet import run_context
from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, crd, named
from tests.kit.syncer import Syncer

CATALOGUE = list(resources.CATALOGUE)
GADGETS = "gadgets.example.com"

Run = Callable[..., dict[str, SyncReport]]


@pytest.fixture
def run(sync: Syncer, migrated_database: str) -> Run:
    """Sync names and globs of the context dev; the reports by resource."""

    def run(*names: str, **settings: Any) -> dict[str, SyncReport]:
        with sync.client() as client:
            connect = partial(connecting.connect, migrated_database)
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
        (["*"], []),
        (["?ods", "po", "pods"], ["pods"]),
        (["services", "[n]*", "ing"], ["services", "ingresses"]),
        ([WIDGETS, "*", "secret"], [WIDGETS, "secrets"]),
        (["workloads", "rbac"], []),
        (["pods", "workloads", "!rs", "!*.apps"], ["pods"]),
        (["!events"], []),
        ([], []),
    ],
    ids=str,
)
def test_what_is_known_before_a_cluster_is_asked(names: list[str], known: list[str]) -> None:
    assert expanding.catalogued(names) == known


def test_a_name_that_no_cluster_can_serve_is_wrong_usage(run: Run, inventory: Inventory) -> None:
    with pytest.raises(UnknownResourceError):
        run("pods", "pods/log")

    assert inventory.ledger() == []


def test_everything_is_all_that_can_be_listed_but_secrets_and_each_object_once(
    taught: Cluster, run: Run, inventory: Inventory
) -> None:
    for name in ("configmaps", "secrets", "events"):
        taught.seed(name, [named("one", "default")])
    reports = run("*")

    served = {resource.name for resource in taught.registry.resources if "list" in resource.verbs}
    own = {definition.resource.name for definition in resources.CATALOGUE.values()}
    assert set(reports) == {*CATALOGUE, *served} - own.difference(CATALOGUE) - {"secrets", "events.events.k8s.io"}
    assert {GADGETS, WIDGETS, "clusters", "events", "componentstatuses"} <= set(reports)
    assert {report.status for report in reports.values()} == {"success"}
    assert {row["resource"] for row in inventory.ledger()} == set(reports)
    kept = {(row["resource"], row["api_group"], row["name"]) for row in inventory.rows("k8s_custom_resources")}
    assert kept == {(GADGETS, "example.com", "one"), (WIDGETS, "example.com", "one")}
    assert inventory.names("k8s_configmaps") == inventory.names("k8s_events") == ["one"]
    assert "secrets" not in {row["resource"] for row in inventory.rows("k8s_objects")}


@pytest.mark.parametrize(
    ("globs", "names"),
    [
        (["*.networking.k8s.io"], {"ingressclasses", "ingresses", "ipaddresses", "networkpolicies", "servicecidrs"}),
        (["ing*"], {"ingressclasses", "ingresses"}),
        (["ING*"], {"ingressclasses", "ingresses"}),
        (["*.batch"], {"jobs", "cronjobs"}),
        (["*jobs"], {"jobs", "cronjobs"}),
        (["config*"], {"configmaps"}),
        (["*.events.k8s.io"], {"events"}),
        (["*.apps"], {"controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_glob_means_what_the_cluster_serves(globs: list[str], names: set[str], dev: Cluster, run: Run) -> None:
    reports = run(*globs)

    assert {name.partition(".")[0] for name in reports} == names
    assert {report.status for report in reports.values()} == {"success"}


@pytest.mark.parametrize(
    "names",
    [
        ["ev*"],
        ["events.events.k8s.io"],
        ["ev.v1.events.k8s.io"],
        ["*.events.k8s.io"],
        ["events", "events.events.k8s.io"],
        ["ev", "*.events.k8s.io", "event.events.k8s.io"],
    ],
    ids=" ".join,
)
def test_events_are_kept_once_whatever_they_are_called(
    names: list[str], dev: Cluster, run: Run, inventory: Inventory
) -> None:
    dev.seed("events", [named("one", "default")])

    assert set(run(*names)) == {"events"}
    assert (inventory.names("k8s_events"), inventory.count("k8s_custom_resources")) == (["one"], 0)


def test_a_glob_leaves_secrets_out(dev: Cluster, run: Run) -> None:
    dev.seed("secrets", [named("one", "default")])
    (report,) = run("secr*").values()

    assert report.status == "absent"
    assert report.reason == "context dev has no resource that matches secr* but secrets, which no glob means: name them"
    assert set(run("se*s")) == {"services", "serviceaccounts", "servicecidrs"}


def test_a_glob_of_a_group_is_its_resources(taught: Cluster, run: Run) -> None:
    taught.create("crd", crd("things", "other.example.org", "Thing"))

    assert set(run("*.example.com")) == {GADGETS, WIDGETS}
    assert set(run("w*.example.com", WIDGETS, "pods")) == {WIDGETS, "pods"}


def test_the_catalogue_alone_asks_for_no_discovery(taught: Cluster, run: Run) -> None:
    run("pods", "deploy", "services")

    assert [request for request in taught.requests if request.path in ("/api", "/apis")] == []


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


def test_a_resource_with_rows_that_discovery_has_lost_is_not_taken_for_absent(
    taught: Cluster, run: Run, inventory: Inventory
) -> None:
    run("*.example.com")
    taught.inject(Fault(path="^/apis$", body=b'{"kind":"APIGroupDiscoveryList","items":[]}', times=None))
    taught.inject(Fault(path="/(widgets|gadgets)$", status=404, times=None))
    reports = run("*.example.com")

    assert {name: report.status for name, report in reports.items()} == {GADGETS: "failed", WIDGETS: "failed"}
    assert inventory.count("k8s_custom_resources") == 2


def test_a_group_that_does_not_answer_may_have_what_a_glob_means(taught: Cluster, run: Run) -> None:
    taught.lose_group("metrics.example.org", "v1")
    reports = run("*.example.com", "w*")

    problem = reports.pop("w*")
    assert problem.status == "failed"
    assert "the API groups metrics.example.org do not respond, so what w* means of them" in (problem.reason or "")
    assert {name: report.status for name, report in reports.items()} == {GADGETS: "success", WIDGETS: "success"}


def test_very_many_resources(dev: Cluster, run: Run) -> None:
    dev.seed("crd", [crd(f"w{number}", "example.com", f"W{number}") for number in range(1001)])

    assert set(run("w?.example.com")) == {f"w{number}.example.com" for number in range(10)}


def test_who_may_not_discover_is_told_so_and_the_catalogue_goes_on(
    taught: Cluster, run: Run, inventory: Inventory
) -> None:
    run("*.example.com")
    taught.inject(Fault(path="^/apis$", status=403, times=None))
    reports = run("pods", "*.example.com", "cert")

    assert reports.pop("pods").status == "success"
    assert set(reports) == {"*.example.com", WIDGETS, GADGETS, "cert?"}
    assert {report.status for report in reports.values()} == {"forbidden"}
    assert inventory.count("k8s_custom_resources") == 2


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"status": 500}, "unreachable"),
        ({"status": 401}, "unauthorized"),
        ({"status": 410}, "failed"),
        ({"body": b"<html>"}, "failed"),
        ({"body": b'{"kind":"L","items":[1]}'}, "failed"),
        ({"truncate": 20}, "failed"),
    ],
    ids=str,
)
def test_discovery_that_cannot_be_had_is_one_report_of_globs_and_the_rest_goes_on(
    fault: dict[str, Any], status: str, taught: Cluster, run: Run
) -> None:
    taught.inject(Fault(path="^/apis$", times=None, **fault))
    reports = run("pods", "*.example.com", "no*.*", "nodes")

    assert reports.pop("*.example.com, no*.*").status == status
    assert {name: report.status for name, report in reports.items()} == {"pods": "success", "nodes": "success"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["!events", "!secr*"], ["*", "!events", "!secr*"]),
        ([" !EV ", "!events"], ["*", "!events"]),
        (["*", "!events"], ["*", "!events"]),
        (["pods", "!ev"], ["pods", "!events"]),
        (["RBAC", "!roles"], ["rbac", "!roles"]),
        ([], []),
    ],
    ids=str,
)
def test_exclusions_alone_leave_out_of_everything(names: list[str], expected: list[str]) -> None:
    assert expanding.checked(names) == expected
    assert expanding.checked(expected) == expected


@pytest.mark.parametrize(
    ("name", "exclusion"),
    [
        ("pods", "!po"),
        ("Po", "!p*"),
        ("deploy", "!*.apps"),
        ("deploy", "!Workloads"),
        ("secrets", "!secr*"),
        ("cert", "!CERT"),
        ("certificates.v1.cert-manager.io", "!certificates.cert-manager.io"),
        ("certificates.cert-manager.io", "!cert*"),
    ],
)
def test_what_is_named_and_left_out_is_refused_with_both_words(name: str, exclusion: str) -> None:
    with pytest.raises(UnknownResourceError) as refused:
        expanding.checked(["*", exclusion, name])

    assert f"{name!r} is asked for by its name, and {exclusion!r} leaves it out" in str(refused.value)


def test_an_exclusion_takes_away_from_globs_and_from_groups(taught: Cluster, run: Run) -> None:
    assert set(run("*.example.com", "!widgets.example.com")) == {GADGETS}
    assert set(run("*.example.com", "!gadget", "!ev")) == {WIDGETS}
    assert set(run("rbac", "!cluster*", "!sa")) == {"roles", "rolebindings"}
    assert set(run("network", "policy", "!policy", "!ing*", "!*.discovery.k8s.io")) >= {"services", "endpoints"}
    assert set(run("pods", "config", "!config")) == {"pods", "config"}


def test_an_exclusion_alone_is_everything_else(taught: Cluster, run: Run) -> None:
    everything = set(run("*"))

    assert {"pods", "events", WIDGETS} <= everything
    assert set(run("!events", "!w*.example.com", "!nothing", "!no*.example.org")) == everything - {"events", WIDGETS}


def test_what_a_cluster_serves_twice_is_left_out_under_both_names(dev: Cluster, run: Run) -> None:
    dev.seed("events", [named("one", "default")])

    assert set(run("e*", "!events")) == {"endpoints", "endpointslices"}
    assert set(run("e*", "!events.events.k8s.io")) == {"endpoints", "endpointslices"}
    assert "events" not in run("*.k8s.io", "!*.events.k8s.io")
    assert "events" in run("*", "!*.events.k8s.io")


def test_exclusions_beside_names_of_the_catalogue_ask_for_no_discovery(taught: Cluster, run: Run) -> None:
    assert set(run("pods", "services", "!events", "!*.example.com")) == {"pods", "services"}
    assert [request for request in taught.requests if request.path in ("/api", "/apis")] == []


def test_a_short_name_that_is_left_out_under_another_name_is_refused_by_the_cluster(
    taught: Cluster, run: Run, inventory: Inventory
) -> None:
    reports = run("widget", "pods", "!w*.example.com")

    assert reports["pods"].status == "success"
    assert reports["widget?"].status == "failed"
    assert "'widget' is asked for by its name, and '!w*.example.com' leaves it out" in str(reports["widget?"].reason)
    assert inventory.count("k8s_custom_resources") == 0


def test_a_group_means_what_the_cluster_serves_of_it(dev: Cluster, run: Run) -> None:
    served = {resource.name for resource in dev.registry.resources}
    for group, members in resources.GROUPS.items():
        reports = run(group)
        expected = {name for name in members if resources.CATALOGUE[name].resource.name in served}
        assert set(reports) == expected
        assert {report.status for report in reports.values()} == {"success"}


def test_a_group_of_which_a_cluster_serves_nothing_is_absent_and_no_scope(
    dev: Cluster, run: Run, inventory: Inventory
) -> None:
    dev.inject(Fault(path="^/apis$", body=b'{"kind":"APIGroupDiscoveryList","items":[]}', times=None))
    (report,) = run("rbac", "!sa").values()

    assert (report.resource, report.status) == ("rbac", "absent")
    assert inventory.last()["resource"] == "rbac"
    assert inventory.rows("k8s_freshness", "resource") == []


def test_a_glob_of_which_all_is_left_out_is_absent(taught: Cluster, run: Run) -> None:
    (report,) = run("*.example.com", "!widget", "!gadgets").values()

    assert (report.resource, report.status) == ("*.example.com", "absent")
    assert report.reason == "context dev has no resource that matches *.example.com but what is left out"


def test_a_custom_resource_that_is_called_as_a_group_is_named_in_full(dev: Cluster, run: Run) -> None:
    dev.create("crd", crd("networks", "example.com", "Network"))

    assert set(run("network.example.com")) == {"networks.example.com"}
    assert "networks.example.com" not in run("network")


def test_a_group_that_does_not_respond_is_no_matter_where_it_is_left_out(taught: Cluster, run: Run) -> None:
    taught.lose_group("metrics.example.org", "v1")
    run_all = run("w*", "!*.example.org")

    assert {name: report.status for name, report in run_all.items()} == {WIDGETS: "success"}
    assert run("w*", "!pods.metrics.example.org")["w*"].status == "failed"


@pytest.mark.parametrize("silent", ["apps", "batch"])
def test_a_group_may_be_of_api_groups_that_do_not_respond(silent: str, dev: Cluster, run: Run) -> None:
    dev.lose_group(silent, "v1")

    assert run("workloads")["workloads"].status == "failed"
    assert "workloads" not in run("workloads", f"!*.{silent}")


def test_what_has_rows_and_is_left_out_is_not_read_where_the_cluster_does_not_respond(
    taught: Cluster, run: Run, inventory: Inventory
) -> None:
    run("*.example.com", "namespaces")
    taught.inject(Fault(path="^/apis$", status=500, times=None))
    reports = run("*.example.com", "!widget")

    assert set(reports) == {GADGETS, "*.example.com"}
    assert inventory.count("k8s_custom_resources") == 2


def test_discovery_that_cannot_be_had_makes_no_scopes_of_groups(
    taught: Cluster, run: Run, inventory: Inventory
) -> None:
    taught.inject(Fault(path="^/apis$", status=403, times=None))
    reports = run("network", "rbac", "!roles")

    assert {name: report.status for name, report in reports.items()} == {"network, rbac": "forbidden"}
    assert inventory.rows("k8s_freshness", "resource") == []


@pytest.mark.parametrize("names", [["*"], ["s*"], ["!events"], ["config", "storage", "rbac"]], ids=str)
def test_secrets_with_rows_are_meant_by_their_name_only(names: list[str], dev: Cluster, run: Run) -> None:
    dev.seed("secrets", [named("one", "default")])

    assert run("secrets")["secrets"].status == "success"
    assert "secrets" not in run(*names)
    assert "secrets" in run(*names, "secrets")
