"""The names people write for resources: resolved by each cluster's discovery, and reported in full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Simulator

from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.postgres import connecting
from airflow_provider_k8s_inventory.sync import Settings
from airflow_provider_k8s_inventory.sync.fleet import run_context, run_fleet
from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory
from tests.kit.objects import crd, named, widget_definition
from tests.kit.syncer import Syncer

CERTIFICATES = "certificates.cert-manager.io"
INGRESSES = "ingresses"


def define(cluster: Cluster, *names: str) -> None:
    """Teach a cluster certificates, and issue some."""
    document = crd("certificates", "cert-manager.io", "Certificate", versions=("v1", "v1beta1"))
    document["spec"]["names"] |= {"singular": "certificate", "shortNames": ["cert", "certs"]}
    cluster.create("crd", document)
    for name in names:
        cluster.create(CERTIFICATES, named(name, "default"), "default")


@pytest.fixture(params=[True, False], ids=["aggregated", "legacy"])
def discovery(request: pytest.FixtureRequest, dev: Cluster) -> None:
    """Either form of discovery."""
    dev.aggregated_discovery = request.param


@pytest.mark.usefixtures("discovery")
@pytest.mark.parametrize(
    "name",
    [
        "certificates",
        "certificate",
        "cert",
        "CERTS",
        "certificate.cert-manager.io",
        "cert.cert-manager.io",
        "certificates.v1.cert-manager.io",
        "cert.v1.cert-manager.io",
        "Certificate.cert-manager.io",
        "certificates.cert-manager",
    ],
)
def test_whatever_a_custom_resource_is_called_it_is_one_scope(
    name: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    define(dev, "one")
    sync(CERTIFICATES)
    report = sync(name)

    assert (report.resource, report.status, report.seen, report.unchanged) == (CERTIFICATES, "success", 1, 1)
    assert report.warnings == ()
    assert {row["resource"] for row in inventory.ledger()} == {CERTIFICATES}
    assert [row["resource"] for row in inventory.rows("k8s_freshness", "resource")] == [CERTIFICATES]


@pytest.mark.usefixtures("discovery")
@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("ing", INGRESSES),
        ("ingresses", INGRESSES),
        ("Ingress.networking", INGRESSES),
        ("jobs", "jobs"),
        ("job.v1.batch", "jobs"),
        ("statefulsets.apps", "statefulsets"),
        ("cm", "configmaps"),
        ("configmaps.v1.", "configmaps"),
        ("ev", "events"),
        ("endpoints", "endpoints"),
        ("leases.coordination.k8s.io", "leases"),
        ("secrets", "secrets"),
        ("Secret", "secrets"),
        ("secrets.v1.", "secrets"),
    ],
)
@pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
def test_what_is_built_in_has_a_table_whatever_it_is_called(
    name: str, canonical: str, mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed(canonical, [named("one", "default"), named("two", "kube-system")])
    first = sync(name, mode=mode, keep_events=0)
    dev.delete(canonical, "two", "kube-system")
    second = sync(name, mode=mode, keep_events=0)

    assert [(report.resource, report.status) for report in (first, second)] == [(canonical, "success")] * 2
    assert (first.inserted, second.deleted, second.mode) == (2, 1, mode)
    assert inventory.names(f"k8s_{canonical}") == ["one"]
    assert inventory.count("k8s_custom_resources") == 0
    (listed,) = inventory.query("SELECT resource, name FROM k8s_objects WHERE name = 'one'")
    assert listed == {"resource": canonical, "name": "one"}


def test_what_is_built_in_may_be_narrowed_to_namespaces(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("configmaps", [named("one", "default"), named("two", "kube-system")])
    dev.seed("storageclasses", [named("fast")])
    namespaced, whole = sync("cm", namespaces=("default",)), sync("sc", namespaces=("default",))

    assert (namespaced.selection.namespaces, namespaced.seen) == (("default",), 1)
    assert (whole.selection.namespaces, whole.seen) == ((), 1)
    assert (inventory.names("k8s_configmaps"), inventory.names("k8s_storageclasses")) == (["one"], ["fast"])


@pytest.mark.parametrize("name", ["deploy", "Deployment", "deployments.v1.apps", "deployments.app", "deployment.apps"])
def test_what_has_a_table_keeps_it_whatever_it_is_called(
    name: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    report = sync(name)

    assert (report.resource, report.status) == ("deployments", "success")


def test_what_cannot_be_watched_is_synced(dev: Cluster, sync: Syncer) -> None:
    assert sync("cs").resource == "componentstatuses"


@pytest.mark.parametrize("name", ["bindings", "tokenreviews", "tokenreviews.authentication.k8s.io"])
def test_what_cannot_be_listed_is_an_error(name: str, sync: Syncer) -> None:
    report = sync(name)

    assert report.status == "failed"
    assert "be listed" in (report.reason or "")


def test_another_version_is_kept_where_it_is_asked_for_and_said(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    define(dev, "one")
    sync(CERTIFICATES)
    report = sync("cert.v1beta1.cert-manager.io")

    assert (report.resource, report.status, report.updated) == (CERTIFICATES, "success", 1)
    assert report.warnings == ("kept as cert-manager.io/v1beta1, as asked for: the cluster prefers cert-manager.io/v1",)
    assert inventory.row("k8s_custom_resources", "one")["api_version"] == "v1beta1"


def test_a_version_that_is_not_served_is_an_error_and_deletes_nothing(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    define(dev, "one")
    sync(CERTIFICATES)
    report = sync("certificates.v7.cert-manager.io")

    assert (report.resource, report.status) == (CERTIFICATES, "failed")
    assert "serves certificates.cert-manager.io as cert-manager.io/v1, cert-manager.io/v1beta1, not as v7" in (
        report.reason or ""
    )
    assert inventory.count("k8s_custom_resources") == 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("podz", "; did you mean pods?"),
        ("worklods", "; did you mean the group workloads?"),
        ("networks", "; did you mean the group network?"),
        ("deploymets", "; did you mean deployments?"),
        ("certificatez", f"; did you mean {CERTIFICATES}?"),
        ("zzz", ""),
        ("namespacess", "; did you mean namespaces?"),
        ("all", "; `all` is kubectl's word for a few of them: '*' is everything"),
    ],
)
def test_a_name_that_means_nothing_is_an_error_with_the_nearest(
    name: str, hint: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    define(dev)
    report = sync(name)

    assert (report.resource, report.status) == (f"{name}?", "failed")
    assert report.reason == f"context dev serves no resource {name!r} that can be listed{hint}"
    assert inventory.last()["resource"] == f"{name}?"
    assert inventory.rows("k8s_freshness", "resource") == []  # it is no scope


def test_a_full_name_that_is_not_served_is_absent_with_the_nearest(dev: Cluster, sync: Syncer) -> None:
    define(dev)
    report = sync("certificatez.cert-manager.io")

    assert report.status == "absent"
    assert report.reason == f"context dev does not serve certificatez.cert-manager.io; did you mean {CERTIFICATES}?"


@pytest.mark.parametrize("on", ["rows", "definitions", "ledger"])
def test_what_was_there_before_is_known_by_any_name_when_it_has_gone(
    on: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    define(dev, *(["one"] if on == "rows" else []))
    sync(CERTIFICATES)
    if on == "definitions":
        sync("crds")
    dev.delete("crd", CERTIFICATES)
    name = {"rows": "certificate", "definitions": "cert", "ledger": "certificates"}[on]
    report = sync(name)

    assert (report.resource, report.status) == (CERTIFICATES, "absent")
    assert inventory.count("k8s_custom_resources") == 0


def test_what_another_context_has_is_absent_where_it_is_not_served(
    dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    define(prod, "one")
    sync(CERTIFICATES, context="prod")
    report = sync("certificate")

    assert (report.resource, report.status, report.context_name) == (CERTIFICATES, "absent", "dev")
    assert inventory.count("k8s_custom_resources") == 1


def test_the_rows_of_a_resource_are_not_forgotten_for_a_longer_group(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", widget_definition())
    dev.create("widgets.example.com", named("one", "default"), "default")
    sync("widgets.example.com")
    dev.delete("crd", "widgets.example.com")
    dev.create("crd", crd("widgets", "example.com.au", "Widget"))
    report = sync("widgets.example.com")

    assert (report.resource, report.status, report.deleted) == ("widgets.example.com", "absent", 1)


def test_a_cluster_that_is_down_leaves_the_scope_its_name(
    simulator: Simulator, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    define(dev, "one")
    for name in ("crds", "cert", "ing"):
        assert sync(name).status == "success"
    simulator.stop("dev")
    reports = [sync(name) for name in ("cert", "ing", "gone")]

    assert [(report.resource, report.status) for report in reports] == [
        (CERTIFICATES, "unreachable"),
        (INGRESSES, "unreachable"),
        ("gone?", "unreachable"),
    ]
    assert {row["resource"] for row in inventory.rows("k8s_freshness", "resource")} == {"crds", CERTIFICATES, INGRESSES}


def test_a_group_that_does_not_answer_may_have_the_name(dev: Cluster, sync: Syncer) -> None:
    dev.lose_group("metrics.example.org", "v1")
    report = sync("gauges")

    assert report.status == "failed"
    assert "the API groups metrics.example.org do not respond, and 'gauges' may be of them" in (report.reason or "")


def test_discovery_that_names_nothing_resolves_nothing(dev: Cluster, sync: Syncer) -> None:
    dev.inject(Fault(path="^/apis?$", body=b'{"kind":"APIGroupDiscoveryList","items":[]}', times=None))
    report = sync("gauges")

    assert report.status == "failed"
    assert "does not even name namespaces" in (report.reason or "")


def test_secrets_are_secrets_under_any_name_that_discovery_gives_them(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("secrets", [named("one", "default") | {"data": {"password": "aHVudGVyMg=="}}])
    core = (
        b'{"kind":"APIGroupDiscoveryList","items":[{"metadata":{},"versions":[{"version":"v1","resources":['
        b'{"resource":"namespaces","responseKind":{"kind":"Namespace"},"scope":"Cluster","verbs":["list"]},'
        b'{"resource":"secrets","responseKind":{"kind":"Hidden"},"scope":"Namespaced","singularResource":"hidden",'
        b'"shortNames":["hd"],"verbs":["list","watch"]}]}]}]}'
    )
    dev.inject(Fault(path="^/api$", body=core, times=None))
    reports = [sync(name) for name in ("hd", "hidden")]

    assert [(report.resource, report.status) for report in reports] == [("secrets", "success")] * 2
    (row,) = inventory.rows("k8s_secrets")
    assert (row["keys"], row["sizes"]) == (["password"], {"password": 7})
    assert "data" not in row["object"]
    assert inventory.count("k8s_custom_resources") == 0


Connect = Callable[[], psycopg.Connection]


@pytest.fixture
def connect(migrated_database: str) -> Connect:
    return partial(connecting.connect, migrated_database)


def run(sync: Syncer, connect: Connect, *names: str, **settings: Any) -> list[tuple[str, str]]:
    with sync.client() as client:
        reports = list(run_context(client, names, connect, Settings(**settings)))
    return [(report.resource, report.status) for report in reports]


def test_several_names_of_one_resource_are_one_scope(dev: Cluster, sync: Syncer, connect: Connect) -> None:
    define(dev, "one")
    names = ("cert", "certificates", CERTIFICATES, "ing", "ingresses", "c*.cert-manager.io", "po", "deploy*", "pods")

    assert sorted(run(sync, connect, *names)) == [
        (CERTIFICATES, "success"),
        ("deployments", "success"),
        (INGRESSES, "success"),
        ("pods", "success"),
    ]


def test_scopes_come_in_the_order_they_were_asked_for(dev: Cluster, sync: Syncer, connect: Connect) -> None:
    define(dev)
    names = ("ing", "cert", "deploy", "cm", "pods")

    assert [name for name, _ in run(sync, connect, *names, max_parallel_requests=1)] == [
        INGRESSES,  # the first that needs no discovery finds out whether the cluster responds
        CERTIFICATES,
        "deployments",
        "configmaps",
        "pods",
    ]


def test_two_versions_of_one_resource_are_not_read_in_turn(dev: Cluster, sync: Syncer, connect: Connect) -> None:
    define(dev, "one")
    reports = run(sync, connect, "cert", "certificates.v1beta1.cert-manager.io")

    assert sorted(reports) == [(CERTIFICATES, "failed"), (CERTIFICATES, "success")]


def fleet(simulator: Simulator, connect: Connect, *names: str) -> dict[tuple[str, str], str]:
    found = kubeconfig.parse(simulator.kubeconfig_document(), source="the simulator").contexts
    contexts = [found[name] for name in ("dev", "prod")]
    reports = list(run_fleet(contexts, names, connect, Settings()))
    return {(report.context_name, report.resource): report.status for report in reports}


def test_a_short_name_that_one_context_knows_is_absent_in_the_other(
    simulator: Simulator, dev: Cluster, prod: Cluster, connect: Connect, inventory: Inventory
) -> None:
    define(prod, "one")

    assert fleet(simulator, connect, "cert", "pods") == {
        ("dev", "pods"): "success",
        ("prod", "pods"): "success",
        ("dev", CERTIFICATES): "absent",
        ("prod", CERTIFICATES): "success",
    }
    assert {(row["context_name"], row["resource"], row["status"]) for row in inventory.ledger()} >= {
        ("dev", CERTIFICATES, "absent")
    }


def test_a_short_name_that_no_context_knows_is_an_error_in_each(
    simulator: Simulator, dev: Cluster, connect: Connect, inventory: Inventory
) -> None:
    assert fleet(simulator, connect, "cert") == {("dev", "cert?"): "failed", ("prod", "cert?"): "failed"}
    assert len(inventory.ledger()) == 2


def cli(run: CommandLine, *names: str) -> tuple[int, Sequence[str]]:
    result = run.sync(*(argument for name in names for argument in ("--resource", name)))
    return result.exit_code, result.stdout.splitlines()


def test_the_command_line_fails_for_what_no_context_serves(run: CommandLine, dev: Cluster, prod: Cluster) -> None:
    define(prod, "one")
    status, lines = cli(run, "certificatez.cert-manager.io", "*.certmanager.io", "pods")

    assert status == 1
    assert (
        "certificatez.cert-manager.io: failed: no context serves it, and none ever did: correct the name; "
        f"did you mean {CERTIFICATES}?"
    ) in lines
    assert any(
        line.startswith("*.certmanager.io: failed: no context serves anything that matches *.certmanager.io,")
        for line in lines
    )
    assert "Errors: 2," in lines[-1]


def test_what_one_context_serves_is_no_fuss(run: CommandLine, dev: Cluster, prod: Cluster) -> None:
    define(prod, "one")
    status, lines = cli(run, CERTIFICATES, "*.cert-manager.io", "cert")

    assert status == 0
    assert not any("no context serves" in line for line in lines)


def test_what_has_gone_everywhere_is_a_warning(run: CommandLine, dev: Cluster, prod: Cluster) -> None:
    define(prod, "one")
    cli(run, CERTIFICATES)
    prod.delete("crd", CERTIFICATES)

    for _ in range(2):
        status, lines = cli(run, CERTIFICATES)
        assert status == 0
        assert any(line.startswith(f"{CERTIFICATES}: warning: no context serves it any more") for line in lines)
        assert "Warnings: 1," in lines[-1]


def test_in_json_it_is_said_beside_the_reports(run: CommandLine) -> None:
    result = run.sync("--resource", "certificatez.cert-manager.io", "--json")

    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert "certificatez.cert-manager.io: no context serves it, and none ever did" in result.stderr
