"""A context that leads to another cluster than before: nothing is written unless somebody said so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Rule, User

from airflow_provider_k8s_inventory.kube.http.client import Client
from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, named, pod, pods, widget_definition
from tests.kit.syncer import Syncer

KUBE_SYSTEM = "/namespaces/kube-system$"
MODES = pytest.mark.parametrize("mode", ["full", "metadata", "delta"])


def uid(cluster: Cluster) -> str:
    return str(cluster.get("namespaces", "kube-system")["metadata"]["uid"])


def client_of_another_cluster(sync: Syncer) -> Client:
    """A client of the context dev that finds the cluster of prod there."""
    return Client(replace(sync.client("prod").context, name="dev"), backoff=0)


@pytest.fixture
def two_clusters_alike(dev: Cluster, prod: Cluster) -> None:
    """Two clusters of the same workloads."""
    for cluster in (dev, prod):
        cluster.create("crd", widget_definition())
        for resource in ("pods", "services", "deployments", WIDGETS):
            cluster.seed(resource, [named("web", "default")])
        cluster.seed("nodes", [named("node")])


@MODES
@pytest.mark.parametrize(
    "resource", ["clusters", "namespaces", "nodes", "pods", "services", "deployments", "crds", WIDGETS]
)
@pytest.mark.usefixtures("two_clusters_alike")
def test_it_is_refused_and_nothing_is_listed(
    resource: str, mode: str, dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(resource)
    before = inventory.versions()
    report = sync(resource, mode=mode, client=client_of_another_cluster(sync))
    reason = report.reason or ""

    assert (report.status, report.cluster_uid) == ("refused", uid(prod))
    assert "context dev points at another cluster than before" in reason
    assert uid(dev) in reason
    assert uid(prod) in reason
    assert "accept_new_cluster=True (--accept-new-cluster)" in reason
    assert inventory.versions() == before
    assert not [request for request in prod.requests if request.verb in ("list", "watch")]


@MODES
@pytest.mark.parametrize("resource", ["clusters", "pods", WIDGETS])
@pytest.mark.usefixtures("two_clusters_alike")
def test_it_takes_the_place_of_the_old_one_when_that_is_accepted(
    resource: str, mode: str, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(resource)
    report = sync(resource, mode=mode, client=client_of_another_cluster(sync), accept_new_cluster=True)
    again = sync(resource, mode=mode, client=client_of_another_cluster(sync))

    assert (report.status, report.inserted, report.deleted) == ("success", 1, 1)
    assert "the rows of another cluster were replaced, as accept_new_cluster allows" in report.warnings
    assert (again.status, again.unchanged, again.warnings) == ("success", 1, ())
    assert {row["cluster_uid"] for row in inventory.rows("k8s_objects")} == {uid(prod)}


def test_that_it_is_large_needs_no_second_approval(
    dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(150))
    prod.seed("pods", [pod("other")])
    sync()

    assert sync(client=client_of_another_cluster(sync), accept_new_cluster=True, max_deletes=149).status == "refused"
    assert sync(client=client_of_another_cluster(sync), accept_new_cluster=True).deleted == 150
    assert inventory.names("k8s_pods") == ["other"]


def test_a_scope_without_rows_has_nothing_to_lose(prod: Cluster, sync: Syncer) -> None:
    assert sync().seen == 0
    prod.seed("pods", [pod("other")])
    report = sync(client=client_of_another_cluster(sync))

    assert (report.status, report.inserted) == ("success", 1)


@pytest.mark.usefixtures("two_clusters_alike")
def test_two_connections_with_contexts_of_one_name_do_not_take_turns(sync: Syncer, inventory: Inventory) -> None:
    reports = [
        sync(client=client)
        for client in (sync.client(), client_of_another_cluster(sync), sync.client(), client_of_another_cluster(sync))
    ]

    assert [report.status for report in reports] == ["success", "refused", "success", "refused"]
    assert [(report.inserted, report.deleted) for report in reports[1:]] == [(0, 0)] * 3


@pytest.mark.usefixtures("two_clusters_alike")
def test_namespaces_are_scopes_of_their_own(sync: Syncer, inventory: Inventory) -> None:
    sync()
    before = inventory.versions()

    assert sync(namespaces=("default",), client=client_of_another_cluster(sync)).status == "refused"
    assert inventory.versions() == before


@pytest.mark.usefixtures("two_clusters_alike")
def test_rows_tell_where_the_state_is_gone(sync: Syncer, inventory: Inventory) -> None:
    sync()
    inventory.query("DELETE FROM k8s_scopes")

    assert sync(client=client_of_another_cluster(sync)).status == "refused"


@pytest.mark.usefixtures("two_clusters_alike")
def test_rows_that_are_marked_as_deleted_count_too(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync(on_delete="mark")
    dev.delete("pods", "web", "default")
    sync(on_delete="mark")

    assert sync(on_delete="mark", client=client_of_another_cluster(sync)).status == "refused"
    assert sync(on_delete="mark", client=client_of_another_cluster(sync), accept_new_cluster=True).inserted == 1
    inventory.query("DELETE FROM k8s_scopes")
    # What is marked is of the old cluster, what is live of the new one.
    assert sync(on_delete="mark", client=client_of_another_cluster(sync)).status == "success"


def test_where_the_state_tells_the_rows_are_not_read(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    sync()
    # By hand, so that only reading the rows would find it.
    inventory.query("UPDATE k8s_pods SET cluster_uid = 'another' WHERE name = 'web-0000'")

    assert sync(mode="full").updated == 1


@pytest.mark.parametrize("status", [403, 404])
def test_without_an_identity_the_rest_is_synced(status: int, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    dev.inject(Fault(path=KUBE_SYSTEM, status=status, times=None))
    reports = [sync(), sync()]

    assert [(report.status, report.cluster_uid) for report in reports] == [("success", None)] * 2
    for report in reports:
        (warning,) = report.warnings
        assert warning.startswith("cluster_uid is NULL: ")
        assert "whether it is the cluster it was before cannot be told" in warning
    assert {row["cluster_uid"] for row in inventory.rows("k8s_pods")} == {None}


@MODES
def test_a_right_that_was_withdrawn_leaves_the_rows_their_cluster(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(3))
    sync()
    before = inventory.versions()
    dev.inject(Fault(path=KUBE_SYSTEM, status=403, times=3))
    assert [sync(mode=mode).cluster_uid for _ in range(2)] == [None, None]
    assert inventory.versions() == before
    dev.seed("pods", [pod("new")])
    assert sync(mode=mode).inserted == 1

    assert inventory.row("k8s_pods", "web-0000")["cluster_uid"] == uid(dev)
    assert inventory.row("k8s_pods", "new")["cluster_uid"] is None
    report = sync(mode=mode)
    assert (report.status, report.updated) == ("success", 1)
    assert report.warnings == (
        "1 rows of k8s_pods have no cluster_uid: whether they are of this cluster could not be compared",
    )


@MODES
@pytest.mark.usefixtures("two_clusters_alike")
def test_what_cannot_be_compared_does_not_replace_what_is_known(
    mode: str, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync()
    before = inventory.versions()
    prod.inject(Fault(path=KUBE_SYSTEM, status=403, times=None))
    reports = [sync(mode=mode, client=client_of_another_cluster(sync)) for _ in range(2)]

    assert [report.status for report in reports] == ["refused"] * 2
    assert "nothing tells whether this is still cluster" in (reports[0].reason or "")
    assert inventory.versions() == before
    assert sync(mode=mode, client=client_of_another_cluster(sync), allow_mass_delete=True).deleted == 1


@MODES
def test_a_cluster_that_lost_its_kube_system_is_another_one(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(3))
    sync()
    before = inventory.versions()
    dev.inject(Fault(path=KUBE_SYSTEM, status=404, times=None))
    report = sync(mode=mode)

    assert report.status == "refused"
    assert "now one without a namespace kube-system responds" in (report.reason or "")
    assert inventory.versions() == before
    assert sync(mode=mode, accept_new_cluster=True).status == "success"
    assert {row["cluster_uid"] for row in inventory.rows("k8s_pods")} == {None}
    assert sync(mode=mode).status == "success"


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "Pod"},
        {"apiVersion": "v2"},
        {"metadata": {"name": "default", "uid": "u"}},
        {"metadata": {"uid": "u"}},
        {"metadata": {"name": "kube-system"}},
        {"metadata": {"name": "kube-system", "uid": ""}},
        {"metadata": {"name": "kube-system", "uid": "a\0b"}},
        {"metadata": {"name": "kube-system", "uid": "u" * 254}},
        {"metadata": {"name": "kube-system", "uid": 7}},
        {"metadata": None},
    ],
    ids=lambda changed: json.dumps(changed)[:60],
)
@pytest.mark.parametrize("resource", ["clusters", "pods"])
def test_what_is_not_kube_system_is_not_believed(
    resource: str, changed: dict[str, object], dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", [pod("web")])
    sync(resource)
    before = inventory.versions()
    namespace = {"kind": "Namespace", "apiVersion": "v1"} | dev.get("namespaces", "kube-system") | changed
    dev.inject(Fault(path=KUBE_SYSTEM, body=json.dumps(namespace).encode()))
    report = sync(resource)

    assert (report.status, report.cluster_uid) == ("failed", None)
    assert "GET /api/v1/namespaces/kube-system" in (report.reason or "")
    assert inventory.versions() == before


def test_namespaces_have_the_one_that_was_just_read(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync("namespaces")
    before = inventory.versions()
    others = [item for item in dev.objects("namespaces") if item["metadata"]["name"] != "kube-system"]
    version = str(dev.resource_version)
    body = {"kind": "NamespaceList", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": others}
    dev.inject(Fault(path="/namespaces$", body=json.dumps(body).encode(), times=None))
    report = sync("namespaces")

    assert report.status == "failed"
    assert "the namespace kube-system, which was read just before, is not among" in (report.reason or "")
    assert inventory.versions() == before


def test_hidden_entries_of_the_kubeconfig_are_told_once(dev: Cluster, sync: Syncer) -> None:
    client = sync.client()
    client = Client(replace(client.context, warnings=("dev of b.yaml is hidden",)), backoff=0)

    assert sync(client=client).warnings == ("dev of b.yaml is hidden",)


def test_a_user_without_the_right_has_rows_without_a_cluster(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.add_user(User(name="reader", groups=(), allowed=(Rule(resources=("pods",)),)))
    dev.seed("pods", pods(20))
    sync(context="dev-reader")
    for number in range(19):
        dev.delete("pods", f"web-{number:04}", "default")

    assert sync(context="dev-reader").deleted == 19
