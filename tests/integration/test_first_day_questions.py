"""The views that answer what people ask on the first day, over rows that syncs brought."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster

from tests.kit.inventory import Inventory
from tests.kit.objects import WIDGETS, crd, named, pod
from tests.kit.syncer import Syncer

pytestmark = pytest.mark.postgres15

DIGEST = f"sha256:{'1' * 64}"
Manifest = dict[str, Any]


def running(name: str, *images: str, namespace: str = "default", pulled: str | None = None, **spec: Any) -> Manifest:
    """A pod of containers with these images."""
    names = [f"c{number}" for number in range(len(images))]
    statuses = [{"name": each, "imageID": pulled or "", "ready": True, "state": {"running": {}}} for each in names]
    containers = [{"name": each, "image": image} for each, image in zip(names, images, strict=True)]
    return named(name, namespace) | {
        "spec": {"containers": containers, **spec},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }


def shown(inventory: Inventory, view: str, *columns: str) -> set[tuple[Any, ...]]:
    """The rows of a view, without order."""
    return {tuple(map(_hashable, row.values())) for row in inventory.query(f"SELECT {', '.join(columns)} FROM {view}")}


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def size(inventory: Inventory, view: str) -> int:
    (row,) = inventory.query(f"SELECT count(*) AS rows FROM {view}")
    return int(row["rows"])


@pytest.mark.parametrize(
    ("image", "pulled", "parsed"),
    [
        ("nginx", None, ("docker.io", "library/nginx", "latest", None)),
        ("nginx:1.27", None, ("docker.io", "library/nginx", "1.27", None)),
        ("acme/web:1", f"docker.io/acme/web@{DIGEST}", ("docker.io", "acme/web", "1", DIGEST)),
        ("registry.example.com/a/b/web:1", None, ("registry.example.com", "a/b/web", "1", None)),
        ("registry:5000/web", None, ("registry:5000", "web", "latest", None)),
        ("localhost/web:2", None, ("localhost", "web", "2", None)),
        (f"ghcr.io/web@{DIGEST}", None, ("ghcr.io", "web", None, DIGEST)),
        (f"ghcr.io/web:3@{DIGEST}", None, ("ghcr.io", "web", "3", DIGEST)),
        ("web", f"sha256:{'2' * 64}", ("docker.io", "library/web", "latest", None)),
    ],
)
def test_an_image_is_read_as_container_runtimes_do(
    image: str, pulled: str | None, parsed: tuple[Any, ...], dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", [running("web", image, pulled=pulled)])
    sync()

    (row,) = inventory.rows("k8s_images", "image")
    assert (row["image"], row["registry"], row["repository"], row["tag"], row["digest"]) == (image, *parsed)


def test_images_count_pods_namespaces_and_contexts(
    dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", [running("a", "web:1", "web:1"), running("b", "web:1", namespace="kube-system")])
    prod.seed("pods", [running("a", "web:1", "log:1")])
    sync(), sync(context="prod")

    assert shown(inventory, "k8s_images", "image", "contexts", "namespaces", "pods") == {
        ("web:1", 2, 3, 3),
        ("log:1", 1, 1, 1),
    }


def test_rows_that_are_marked_as_deleted_answer_nothing(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [running("web", "web:1"), pod("lost", phase="Failed")])
    sync(on_delete="mark")
    assert (size(inventory, "k8s_images"), size(inventory, "k8s_unhealthy")) == (2, 1)
    for name in ("web", "lost"):
        dev.delete("pods", name, "default")
    sync(on_delete="mark")

    assert inventory.count("k8s_pods") == 2
    assert (size(inventory, "k8s_images"), size(inventory, "k8s_unhealthy")) == (0, 0)


def owned(manifest: Manifest, kind: str, name: str, uid: str) -> Manifest:
    reference = {"kind": kind, "name": name, "uid": uid, "controller": True}
    return manifest | {"metadata": manifest["metadata"] | {"ownerReferences": [reference]}}


def test_workloads_are_every_controller_with_its_root(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    template = {"spec": {"containers": [{"name": "c", "image": "web:1"}]}}
    web = named("web", "default", uid="d1") | {"spec": {"replicas": 3, "template": template}}
    dev.seed("deployments", [web | {"status": {"readyReplicas": 1}}])
    dev.seed("replicasets", [owned(named("web-1", "default") | {"spec": {"replicas": 3}}, "Deployment", "web", "d1")])
    nightly = owned(named("nightly", "default", uid="c1"), "Schedule", "all", "x1")
    dev.seed("cronjobs", [nightly])
    dev.seed("jobs", [owned(named("nightly-1", "default") | {"status": {"succeeded": 1}}, "CronJob", "nightly", "c1")])
    dev.seed("daemonsets", [named("log", "default") | {"status": {"desiredNumberScheduled": 2, "numberReady": 2}}])
    for resource in ("deployments", "replicasets", "cronjobs", "jobs", "daemonsets", "statefulsets"):
        sync(resource)

    names = ("resource", "name", "wanted", "ready", "problem", "root_kind", "root_name")
    assert shown(inventory, "k8s_workloads", *names) == {
        ("deployments", "web", 3, 1, "1 of 3 ready", None, None),
        ("replicasets", "web-1", 3, 0, "0 of 3 ready", "Deployment", "web"),
        ("cronjobs", "nightly", None, 0, None, "Schedule", "all"),
        ("jobs", "nightly-1", 1, 1, None, "Schedule", "all"),
        ("daemonsets", "log", 2, 2, None, None, None),
    }
    assert inventory.row("k8s_workloads", "web")["images"] == ["web:1"]


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_the_root_of_a_workload_is_as_far_up_as_rows_tell(
    levels: int, dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    """A job of a cron job of so many custom resources, one above the other."""
    dev.create("crd", crd("widgets", "example.com", "Widget"))
    owner = "Widget", "w1", "w1"
    for level in range(1, levels + 1):
        widget = named(f"w{level}", "default", uid=f"w{level}")
        above = f"w{level + 1}"
        dev.seed(WIDGETS, [owned(widget, "Widget", above, above) if level < levels else widget])
    dev.seed("cronjobs", [owned(named("nightly", "default", uid="c1"), *owner)])
    dev.seed("jobs", [owned(named("nightly-1", "default", uid="j1"), "CronJob", "nightly", "c1")])
    prod.seed("cronjobs", [owned(named("nightly", "default", uid="c1"), "Stranger", "x", "x")])
    for resource in ("cronjobs", "jobs", WIDGETS):
        sync(resource)
    sync("cronjobs", context="prod")

    roots = inventory.query("SELECT name, root_kind, root_name, root_uid FROM k8s_workloads WHERE context_name = 'dev'")
    top = {"root_kind": "Widget", "root_name": f"w{levels}", "root_uid": f"w{levels}"}
    assert sorted(roots, key=lambda row: row["name"]) == [{"name": "nightly"} | top, {"name": "nightly-1"} | top]


def test_workloads_whose_owners_go_round_have_an_end(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("cronjobs", [owned(named("round", "default", uid="c1"), "Job", "round", "j1")])
    dev.seed("jobs", [owned(named("round", "default", uid="j1"), "CronJob", "round", "c1")])
    dev.seed("statefulsets", [owned(named("self", "default", uid="s1"), "StatefulSet", "self", "s1")])
    for resource in ("cronjobs", "jobs", "statefulsets"):
        sync(resource)

    assert shown(inventory, "k8s_workloads", "resource", "root_kind") == {
        ("cronjobs", "Job"),
        ("jobs", "CronJob"),
        ("statefulsets", "StatefulSet"),
    }


def test_unhealthy_is_what_has_a_problem_of_any_resource(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    lost = {"type": "Ready", "status": "False", "message": "container runtime is down"}
    dev.seed("nodes", [named("n1") | {"status": {"conditions": [lost]}}])
    dev.seed("pods", [pod("web"), pod("lost", phase="Failed")])
    dev.seed("persistentvolumeclaims", [named("data", "default") | {"status": {"phase": "Pending"}}])
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    dev.seed("jobs", [named("load", "default") | {"status": {"conditions": [failed]}}])
    for resource in ("nodes", "pods", "persistentvolumeclaims", "jobs"):
        sync(resource)

    assert shown(inventory, "k8s_unhealthy", "resource", "namespace", "name", "problem") == {
        ("nodes", None, "n1", "NotReady"),
        ("pods", "default", "lost", "Failed"),
        ("persistentvolumeclaims", "default", "data", "Pending"),
        ("jobs", "default", "load", "BackoffLimitExceeded"),
    }
    assert inventory.row("k8s_unhealthy", "n1")["detail"] == "container runtime is down"


def test_unhealthy_says_since_when(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    unready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-05T08:00:00Z"}
    dev.seed("nodes", [named("told") | {"status": {"conditions": [unready]}}])
    odd = [{**unready, "lastTransitionTime": written} for written in ("yesterday", None)]
    dev.seed("nodes", [named(f"odd-{i}") | {"status": {"conditions": [each]}} for i, each in enumerate(odd)])
    dev.seed("persistentvolumeclaims", [named("untold", "default") | {"status": {"phase": "Pending"}}])
    reports = [sync("nodes"), sync("persistentvolumeclaims")]

    assert [report.warnings for report in reports] == [(), ()]
    told = {row["name"]: (row["since"], row["changed_at"]) for row in inventory.rows("k8s_unhealthy", "name")}
    assert told.pop("told")[0] == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert set(told) == {"odd-0", "odd-1", "untold"}
    assert all(since == changed for since, changed in told.values())


def test_exposed_is_what_leads_in_from_outside(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    balanced = {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}
    ports = [{"port": 443, "nodePort": 30443}]
    dev.seed(
        "services",
        [
            named("edge", "default") | {"spec": {"type": "LoadBalancer", "ports": ports}, "status": balanced},
            named("inner", "default") | {"spec": {"type": "ClusterIP", "ports": [{"port": 80}]}},
            named("fixed", "default") | {"spec": {"externalIPs": ["192.0.2.1"], "ports": [{"port": 80}]}},
            named("alias", "default") | {"spec": {"type": "ExternalName", "externalName": "example.com"}},
        ],
    )
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rules = [{"host": "shop.example.com", "http": {"paths": [{"path": "/", "backend": backend}]}}]
    dev.seed("ingresses", [named("shop", "default") | {"spec": {"rules": rules}, "status": balanced}])
    dev.create("crd", crd("gateways", "gateway.networking.k8s.io", "Gateway"))
    listeners = [{"name": "web", "hostname": "*.example.com", "port": 443}, {"name": "odd", "port": "x"}]
    gateway = {"spec": {"listeners": listeners}, "status": {"addresses": [{"value": "192.0.2.9"}]}}
    dev.seed("gateways.gateway.networking.k8s.io", [named("gate", "default") | gateway])
    dev.create("crd", crd("httproutes", "gateway.networking.k8s.io", "HTTPRoute"))
    refs = [{"name": "web"}, {"name": "api", "namespace": "kube-system"}, {"name": "web"}]
    route = {"spec": {"hostnames": ["a.example.com", "b.example.com"], "rules": [{"backendRefs": refs}]}}
    dev.seed("httproutes.gateway.networking.k8s.io", [named("way", "default") | route, named("any", "default")])
    for resource in ("services", "ingresses", "gateways.gateway.networking.k8s.io"):
        sync(resource)
    sync("httproutes.gateway.networking.k8s.io")

    names = ("name", "kind", "host", "address", "port", "node_port", "target")
    assert shown(inventory, "k8s_exposed", *names) == {
        ("edge", "load balancer", None, "lb.example.com", 443, 30443, "default/edge"),
        ("edge", "node port", None, None, 443, 30443, "default/edge"),
        ("fixed", "external IP", None, "192.0.2.1", 80, None, "default/fixed"),
        ("shop", "ingress", "shop.example.com", "lb.example.com", None, None, "default/web"),
        ("gate", "gateway", "*.example.com", "192.0.2.9", 443, None, None),
        ("gate", "gateway", None, "192.0.2.9", None, None, None),
        ("way", "route", "a.example.com", None, None, None, "default/web, kube-system/api"),
        ("way", "route", "b.example.com", None, None, None, "default/web, kube-system/api"),
        ("any", "route", None, None, None, None, None),
    }


def test_grants_say_who_may_do_what_and_where(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    reads = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
    all_ = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    dev.seed("roles", [named("reader", "default") | {"rules": [reads]}])
    dev.seed("roles", [named("reader", "kube-system") | {"rules": [all_]}])
    dev.seed("clusterroles", [named("admin") | {"rules": [all_]}, named("reader") | {"rules": [all_]}])
    robot, ann = {"kind": "ServiceAccount", "name": "robot"}, {"kind": "User", "name": "ann"}
    to = {"kind": "Role", "name": "reader"}
    dev.seed("rolebindings", [named("robots", "default") | {"roleRef": to, "subjects": [robot]}])
    admin = {"roleRef": {"kind": "ClusterRole", "name": "admin"}, "subjects": [ann]}
    dev.seed("clusterrolebindings", [named("admins") | admin, named("nobody") | {"roleRef": admin["roleRef"]}])
    for resource in ("roles", "clusterroles", "rolebindings", "clusterrolebindings"):
        sync(resource)

    names = ("subject_kind", "subject_namespace", "subject_name", "namespace", "verbs", "resources", "binding_name")
    assert shown(inventory, "k8s_rbac_grants", *names) == {
        ("User", None, "ann", None, ("*",), ("*",), "admins"),
        ("ServiceAccount", "default", "robot", "default", ("get", "list"), ("pods",), "robots"),
    }


@pytest.mark.parametrize(
    ("written", "not_after"),
    [
        ("2027-03-01T12:00:00Z", datetime(2027, 3, 1, 12, tzinfo=UTC)),
        ("2027-99-01T12:00:00Z", None),
        ("tomorrow", None),
        (5, None),
        (None, None),
    ],
)
def test_certificates_of_cert_manager_say_when_they_end(
    written: object, not_after: datetime | None, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", crd("certificates", "cert-manager.io", "Certificate"))
    waits = {"type": "Ready", "status": "False", "reason": "Pending"}
    spec = {"commonName": "shop", "dnsNames": ["shop.example.com", "www.example.com"]}
    certificate = {"spec": spec, "status": {"notAfter": written, "conditions": [waits]}}
    dev.seed("certificates.cert-manager.io", [named("shop", "default") | certificate])
    sync("certificates.cert-manager.io")

    row = inventory.row("k8s_certificates", "shop")
    assert (row["subject"], row["dns_names"], row["problem"]) == ("shop", spec["dnsNames"], "Pending")
    assert row["not_after"] == not_after


def test_quotas_are_shares_of_numbers(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    hard, used = {"requests.cpu": "2", "pods": "0", "memory": "4Gi"}, {"requests.cpu": "500m", "pods": "0"}
    dev.seed("resourcequotas", [named("team", "default") | {"status": {"hard": hard, "used": used}}])
    sync("resourcequotas")

    rows = inventory.rows("k8s_quotas", "resource")
    assert [(row["resource"], row["hard"], row["used"], row["share"]) for row in rows] == [
        ("memory", 4 * 2**30, None, None),
        ("pods", 0, 0, None),
        ("requests.cpu", 2, Decimal("0.5"), Decimal("0.25")),
    ]


def test_labels_are_counted_by_resource(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod(name, labels={"app": "web"}) for name in ("a", "b")])
    dev.seed("services", [named("web", "default", labels={"app": "web"})])
    sync(), sync("services")

    assert shown(inventory, "k8s_labels", "resource", "key", "value", "objects") == {
        ("pods", "app", "web", 2),
        ("services", "app", "web", 1),
    }


def test_capacity_is_what_a_node_gives_and_what_its_pods_ask_for(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    allocatable = {"allocatable": {"cpu": "3800m", "memory": "8Gi", "pods": "110"}}
    dev.seed("nodes", [named("n1", labels={"karpenter.sh/nodepool": "spot"}) | {"status": allocatable}, named("n2")])
    asks = {"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1"}}}

    def on_node(name: str, phase: str) -> Manifest:
        spec = {"nodeName": "n1", "containers": [{"name": "c", **asks}]}
        return named(name, "default") | {"spec": spec, "status": {"phase": phase}}

    dev.seed("pods", [on_node("a", "Running"), on_node("b", "Pending"), on_node("done", "Succeeded"), pod("nowhere")])
    sync(), sync("nodes")

    one, two = inventory.query("SELECT * FROM k8s_capacity ORDER BY node_name")
    assert (one["node_pool"], one["cpu_allocatable"], one["pods_allocatable"]) == ("spot", Decimal("3.8"), 110)
    assert (one["cpu_requests"], one["cpu_limits"], one["memory_requests"], one["pods"]) == (1, 2, 2 * 2**30, 2)
    assert (two["cpu_allocatable"], two["cpu_requests"], two["pods"]) == (None, 0, 0)


def test_versions_say_how_far_kubelets_are_behind(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    for place, version in enumerate(("v1.33.10", "v1.33.9-eks-1", "v1.35.0", "none")):
        dev.seed("nodes", [named(f"n{place}") | {"status": {"nodeInfo": {"kubeletVersion": version}}}])
    sync("nodes"), sync("clusters"), sync("clusters", context="prod")

    first, second = inventory.rows("k8s_versions", "context_name")
    assert (first["server_version"], first["nodes"], first["minor_skew"]) == ("v1.36.3", 4, 3)
    assert (first["oldest_kubelet"], first["newest_kubelet"]) == ("v1.33.9", "v1.35.0")
    assert (second["server_version"], second["nodes"], second["minor_skew"]) == ("v1.34.1", None, None)


DEPRECATED = ("context_name", "api_version", "resource", "evidence", "rows", "removed_in")


def test_a_built_in_resource_that_is_read_in_an_old_version_is_deprecated(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    old = "flowcontrol.apiserver.k8s.io", "v1beta3"
    dev.registry.resources = [each for each in dev.registry.resources if each.group != old[0]]
    dev.create("crd", crd("flowschemas", old[0], "FlowSchema", scope="Cluster", versions=(old[1],)))
    dev.seed(f"flowschemas.{old[0]}", [named("system"), named("catch-all")])
    sync("flowschemas")
    services = [named("v1beta3.flow") | {"spec": {"group": old[0], "version": old[1]}}]
    dev.seed("apiservices", [*services, named("v1.apps") | {"spec": {"group": "apps", "version": "v1"}}])
    sync("apiservices"), sync("pods")

    assert shown(inventory, "k8s_deprecated_apis", *DEPRECATED) == {
        ("dev", "/".join(old), f"flowschemas.{old[0]}", "read", 2, "1.32"),
        ("dev", "/".join(old), f"prioritylevelconfigurations.{old[0]}", "served", None, "1.32"),
    }


def test_versions_of_custom_resources_are_deprecated_by_their_definition(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    widgets = crd("widgets", "example.com", "Widget", versions=("v1beta1", "v1alpha1"))
    for version in widgets["spec"]["versions"]:
        version["deprecated"] = True
    dev.create("crd", widgets)
    gadgets = crd("gadgets", "example.com", "Gadget", unserved=("v0",))
    dev.create("crd", gadgets)
    dev.seed(WIDGETS, [named("w", "default")])
    sync(WIDGETS), sync("crds")
    # The simulator never leaves a version behind, as an API server does.
    inventory.query("UPDATE k8s_crds SET stored_versions = '{v0,v1}' WHERE name = 'gadgets.example.com'")

    assert shown(inventory, "k8s_deprecated_apis", *DEPRECATED) == {
        ("dev", "example.com/v0", "gadgets.example.com", "stored", None, None),
        ("dev", "example.com/v1alpha1", WIDGETS, "served", None, None),
        ("dev", "example.com/v1beta1", WIDGETS, "read", 1, None),
    }


def test_every_view_is_empty_where_nothing_was_synced(inventory: Inventory) -> None:
    found = inventory.query("SELECT relname FROM pg_class WHERE relkind = 'v' AND relname LIKE 'k8s%%' ORDER BY 1")

    assert {row["relname"]: size(inventory, row["relname"]) for row in found} == {row["relname"]: 0 for row in found}
    assert len(found) >= 13
