"""A resource that a cluster does not serve: absence must be proven before a row goes."""

from __future__ import annotations

import json
from functools import partial

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Rule, User

from tests.kit.interrupted import Interrupted
from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, crd, named, pod, widget_definition
from tests.kit.syncer import Syncer

APPS = (
    b'{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"apps"},"versions":[{"version":"v1",'
    b'"resources":[{"resource":"deployments","scope":"Namespaced","verbs":["list"]}]}]}]}'
)
"""A discovery that names no other group than apps."""
NO_DEFINITIONS = (
    b'{"kind":"CustomResourceDefinitionList","apiVersion":"apiextensions.k8s.io/v1",'
    b'"metadata":{"resourceVersion":"9"},"items":[]}'
)


@pytest.fixture
def dev_with_widgets(dev: Cluster) -> Cluster:
    """A cluster with two widgets."""
    dev.create("crd", widget_definition())
    for name in ("one", "two"):
        dev.create(WIDGETS, named(name, "default"), "default")
    return dev


@pytest.fixture(params=[True, False], ids=["aggregated", "legacy"])
def discovery(request: pytest.FixtureRequest, dev: Cluster) -> None:
    """Either form of discovery."""
    dev.aggregated_discovery = request.param


@pytest.mark.usefixtures("discovery")
def test_rows_of_a_resource_that_was_withdrawn_go(
    dev_with_widgets: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    assert sync(WIDGETS).inserted == 2
    dev_with_widgets.delete("crd", WIDGETS)
    report = sync(WIDGETS)

    assert (report.status, report.deleted, report.seen, report.pages) == ("absent", 2, 0, 0)
    assert report.reason == f"context dev does not serve {WIDGETS}"
    assert report.good
    assert inventory.count("k8s_custom_resources") == 0
    assert inventory.last()["status"] == "absent"


@pytest.mark.usefixtures("discovery")
def test_one_that_never_was_is_absent(sync: Syncer) -> None:
    report = sync(WIDGETS)

    assert (report.status, report.deleted) == ("absent", 0)


@pytest.mark.parametrize("on_delete", ["delete", "mark"])
def test_what_goes_may_be_marked(on_delete: str, dev_with_widgets: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync(WIDGETS)
    dev_with_widgets.delete("crd", WIDGETS)
    sync(WIDGETS, on_delete=on_delete)

    marks = [row["deleted_at"] is not None for row in inventory.rows("k8s_custom_resources")]
    assert marks == {"delete": [], "mark": [True, True]}[on_delete]


def lose(cluster: Cluster, plural: str) -> None:
    """Serve a resource no more, and do not name it either."""
    cluster.registry.resources = [served for served in cluster.registry.resources if served.plural != plural]


@pytest.mark.parametrize("resource", ["pods", "services", "deployments", "nodes"])
@pytest.mark.usefixtures("discovery")
def test_a_built_in_resource_does_not_vanish(resource: str, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed(resource, [named("web", None if resource == "nodes" else "default")])
    sync(resource)
    before = inventory.versions()
    lose(dev, resource)
    report = sync(resource)

    assert report.status == "failed"
    assert f"neither lists nor discovery have {resource} any more" in (report.reason or "")
    assert inventory.versions() == before
    assert sync(resource, allow_mass_delete=True).status == "absent"
    assert inventory.count(f"k8s_{resource}") == 0


def test_a_built_in_resource_that_never_was_is_absent(dev: Cluster, sync: Syncer) -> None:
    lose(dev, "pods")

    assert sync().status == "absent"


@pytest.mark.parametrize(
    "apis",
    [
        {"kind": "APIGroupDiscoveryList", "items": []},
        {"kind": "APIGroupDiscoveryList", "items": None},
        {"kind": "APIGroupList", "groups": []},
        {"kind": "APIGroupList", "groups": None},
        {"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": "example.org"}, "versions": []}]},
    ],
    ids=json.dumps,
)
def test_discovery_without_any_built_in_group_proves_nothing(
    apis: dict[str, object], dev_with_widgets: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(WIDGETS)
    before = inventory.versions()
    dev_with_widgets.delete("crd", WIDGETS)
    dev_with_widgets.inject(Fault(path="^/apis$", body=json.dumps(apis).encode(), times=None))
    report = sync(WIDGETS)

    assert report.status == "failed"
    assert "does not even name the groups apps and apiextensions.k8s.io" in (report.reason or "")
    assert inventory.versions() == before


@pytest.mark.parametrize("versions", [None, [], [{"version": "v1", "resources": None}]], ids=json.dumps)
def test_a_group_that_is_named_without_resources_proves_nothing(
    versions: object, dev_with_widgets: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(WIDGETS)
    before = inventory.versions()
    dev_with_widgets.delete("crd", WIDGETS)
    apps = {"version": "v1", "resources": [{"resource": "deployments", "scope": "Namespaced", "verbs": ["list"]}]}
    groups = {"apps": [apps], "example.com": versions}
    apis = [{"metadata": {"name": name}, "versions": found} for name, found in groups.items()]
    body = json.dumps({"kind": "APIGroupDiscoveryList", "items": apis}).encode()
    dev_with_widgets.inject(Fault(path="^/apis$", body=body, times=None))
    report = sync(WIDGETS)

    assert report.status == "failed"
    assert "the API group example.com does not respond" in (report.reason or "")
    assert inventory.versions() == before


def test_absence_is_proven_twice(dev_with_widgets: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync(WIDGETS)
    before = inventory.versions()
    # The second time it is listed again, by the other one of two API servers.
    dev_with_widgets.inject(Fault(path="/widgets$", status=404))
    dev_with_widgets.inject(Fault(path="^/apis$", body=APPS, skip=1))
    dev_with_widgets.inject(Fault(path="/customresourcedefinitions$", body=NO_DEFINITIONS))
    report = sync(WIDGETS)

    assert report.status == "failed"
    assert "asked twice, the cluster did not say the same" in (report.reason or "")
    assert inventory.versions() == before


@pytest.mark.usefixtures("discovery")
def test_a_404_that_discovery_contradicts_proves_nothing(
    dev_with_widgets: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(WIDGETS)
    before = inventory.versions()
    dev_with_widgets.inject(Fault(path="/widgets$", status=404))
    report = sync(WIDGETS)

    assert report.status == "failed"
    assert "discovery names widgets.example.com, but listing it gives 404" in (report.reason or "")
    assert inventory.versions() == before


@pytest.mark.usefixtures("discovery")
def test_a_group_that_does_not_answer_proves_nothing(
    dev_with_widgets: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(WIDGETS)
    before = inventory.versions()
    dev_with_widgets.lose_group("example.com", "v1")
    dev_with_widgets.inject(Fault(path="/widgets$", status=404))
    report = sync(WIDGETS)

    assert report.status == "failed"
    assert "the API group example.com does not respond" in (report.reason or "")
    assert "APIService" in (report.reason or "")
    assert inventory.versions() == before


@pytest.mark.usefixtures("discovery")
def test_its_own_503_is_not_absence_either(dev_with_widgets: Cluster, sync: Syncer, inventory: Inventory) -> None:
    sync(WIDGETS)
    before = inventory.versions()
    dev_with_widgets.lose_group("example.com", "v1")

    assert sync(WIDGETS).status == "unreachable"
    assert inventory.versions() == before


@pytest.mark.parametrize("path", ["^/apis$", "^/api$"])
def test_discovery_that_fails_proves_nothing(path: str, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web")])
    sync()
    before = inventory.versions()
    dev.inject(Fault(path="/pods$", status=404))
    dev.inject(Fault(path=path, status=500, times=None))

    assert sync().status == "unreachable"
    assert inventory.versions() == before


def test_discovery_that_is_forbidden_proves_nothing(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web")])
    sync()
    before = inventory.versions()
    dev.inject(Fault(path="/pods$", status=404))
    dev.inject(Fault(path="^/api$", status=403))

    assert sync().status == "forbidden"
    assert inventory.versions() == before


def test_discovery_of_another_shape_proves_nothing(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web")])
    sync()
    before = inventory.versions()
    dev.inject(Fault(path="/pods$", status=404))
    dev.inject(Fault(path="^/api$", body=b'{"items":[]}', times=None))
    report = sync()

    assert report.status == "failed"
    assert "GET /api: not a response of Kubernetes" in (report.reason or "")
    assert inventory.versions() == before


@pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
@pytest.mark.usefixtures("discovery")
def test_a_built_in_resource_is_read_in_the_version_that_is_served(
    dev: Cluster, sync: Syncer, inventory: Inventory, mode: str
) -> None:
    dev.seed("deployments", [pod("web"), pod("api")])
    sync("deployments")
    dev.registry.resources = [
        resource for resource in dev.registry.resources if (resource.group, resource.version) != ("apps", "v1")
    ]
    dev.create("crd", crd("deployments", "apps", "Deployment", versions=("v1beta1", "v1alpha1")))
    dev.seed("deployments.apps", [pod("new")])
    dev.delete("deployments.apps", "api", "default")
    report = sync("deployments", mode=mode)

    assert (report.status, report.seen, report.deleted) == ("success", 2, 1)
    served = "context dev serves deployments.apps as apps/v1beta1, apps/v1alpha1, not as apps/v1"
    assert f"read as apps/v1beta1: {served}; columns may be NULL" in report.warnings
    rows = [(row["name"], row["object"]["apiVersion"]) for row in inventory.rows("k8s_deployments")]
    assert rows == [("new", "apps/v1beta1"), ("web", "apps/v1beta1")]

    again = sync("deployments", mode=mode)
    assert (again.mode, again.written, again.seen) == (mode, 0, 2)


def test_a_resource_that_is_proven_gone_may_have_had_any_number(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", widget_definition())
    dev.seed(WIDGETS, [named(f"w{number}", "default") for number in range(101)])
    sync(WIDGETS)
    dev.delete("crd", WIDGETS)

    assert sync(WIDGETS, max_deletes=100).status == "refused"
    assert inventory.count("k8s_custom_resources") == 101
    assert (report := sync(WIDGETS)).status == "absent"
    assert report.deleted == 101
    assert inventory.count("k8s_custom_resources") == 0


def test_what_was_read_before_it_vanished_does_not_count(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.create("crd", widget_definition())
    dev.seed(WIDGETS, [named(f"w{number}", "default") for number in range(4)])
    client = Interrupted(sync.client().context, "widgets.*continue=", partial(dev.delete, "crd", WIDGETS))
    report = sync(WIDGETS, page_size=2, client=client)

    assert (report.status, report.seen, report.unchanged, report.resource_version) == ("absent", 0, 0, None)
    assert inventory.count("k8s_custom_resources") == 0


def test_who_may_not_list_it_does_not_learn_that_it_is_absent(
    dev_with_widgets: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    sync(WIDGETS)
    before = inventory.versions()
    dev_with_widgets.add_user(User(name="admin", groups=(), denied=(Rule(resources=(WIDGETS,)),)))

    assert sync(WIDGETS).status == "forbidden"
    assert inventory.versions() == before


def test_discovery_that_names_nothing_proves_nothing(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web")])
    sync()
    before = inventory.versions()
    dev.inject(Fault(path="/pods$", status=404, times=None))
    dev.inject(Fault(path="^/apis?$", body=b'{"kind":"APIGroupDiscoveryList","items":[]}', times=None))

    assert sync().status == "failed"
    assert inventory.versions() == before


def test_a_definition_that_is_established_speaks_against_absence(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", widget_definition())
    dev.seed(WIDGETS, [named("one", "default")])
    sync(WIDGETS)
    # One of several API servers, that has not heard of it yet.
    dev.inject(Fault(path="/widgets$", status=404, times=None))
    dev.inject(Fault(path="^/apis$", body=APPS, times=None))
    report = sync(WIDGETS)

    assert report.status == "failed"
    assert "is defined, but discovery does not name it" in (report.reason or "")
    assert inventory.count("k8s_custom_resources") == 1
