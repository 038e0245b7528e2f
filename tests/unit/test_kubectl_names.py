"""Names as kubectl resolves them among what a cluster serves, and the nearest ones of a name that is none."""

from __future__ import annotations

import pytest
from k8s_inventory_demo.simulator.builtin import BUILT_IN

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.kube import names
from airflow_provider_k8s_inventory.model import Resource


def made(name: str, version: str = "v1", kind: str = "", *shorts: str) -> Resource:
    plural, _, group = name.partition(".")
    kind = kind or plural.removesuffix("s").title()
    return Resource(
        group=group,
        version=version,
        plural=plural,
        kind=kind,
        namespaced=True,
        singular=kind.lower(),
        short_names=shorts,
    )


# In discovery's order: the core group, then Kubernetes' own, then custom ones, the preferred version first.
SERVED = (
    made("configmaps", "v1", "ConfigMap", "cm"),
    made("events", "v1", "Event", "ev"),
    made("pods", "v1", "Pod", "po"),
    made("services", "v1", "Service", "svc"),
    made("deployments.apps", "v1", "Deployment", "deploy"),
    made("events.events.k8s.io", "v1", "Event", "ev"),
    made("horizontalpodautoscalers.autoscaling", "v2", "HorizontalPodAutoscaler", "hpa"),
    made("horizontalpodautoscalers.autoscaling", "v1", "HorizontalPodAutoscaler", "hpa"),
    made("ingresses.networking.k8s.io", "v1", "Ingress", "ing"),
    made("storageclasses.storage.k8s.io", "v1", "StorageClass", "sc"),
    made("certificates.cert-manager.io", "v1", "Certificate", "cert", "certs"),
    made("certificaterequests.cert-manager.io", "v1", "CertificateRequest", "cr", "crs"),
    made("services.serving.knative.dev", "v1", "Service", "kservice", "ksvc"),
    made("po.example.com", "v1", "Po"),
    made("gadgets.v1.example.com", "v2", "Gadget"),
    Resource(group="old.example.com", version="v1", plural="oxen", kind="Ox", namespaced=True),
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("configmaps", "configmaps v1"),
        ("ConfigMap", "configmaps v1"),
        ("cm", "configmaps v1"),
        ("configmaps.v1.", "configmaps v1"),
        ("events", "events v1"),
        ("ev", "events v1"),
        ("ev.events.k8s.io", "events.events.k8s.io v1"),
        ("events.v1.events.k8s.io", "events.events.k8s.io v1"),
        ("hpa", "horizontalpodautoscalers.autoscaling v2"),
        ("hpa.v1.autoscaling", "horizontalpodautoscalers.autoscaling v1"),
        ("deployments.v1.apps", "deployments.apps v1"),
        ("Deployment.v1.apps", "deployments.apps v1"),
        ("ing", "ingresses.networking.k8s.io v1"),
        ("ingress.networking.k8s.io", "ingresses.networking.k8s.io v1"),
        ("storageclass.storage", "storageclasses.storage.k8s.io v1"),
        ("certificate", "certificates.cert-manager.io v1"),
        ("cert.cert-manager.io", "certificates.cert-manager.io v1"),
        ("certs", "certificates.cert-manager.io v1"),
        ("certificates.v1.cert-manager.io", "certificates.cert-manager.io v1"),
        ("services", "services v1"),
        ("services.serving.knative.dev", "services.serving.knative.dev v1"),
        ("ksvc", "services.serving.knative.dev v1"),
        ("gadgets.v1.example.com", "gadgets.v1.example.com v2"),
        ("ox", "oxen.old.example.com v1"),
        # kubectl does not read a short name where it is somebody's plural or singular in full.
        ("po.example.com", "po.example.com v1"),
    ],
)
def test_a_name_is_found_as_kubectl_finds_it(name: str, found: str) -> None:
    resource = names.find(SERVED, name)

    assert resource is not None
    assert f"{resource.name} {resource.version}" == found


@pytest.mark.parametrize(
    "name",
    [
        "certificatez",
        "certificates.certmanager.io",
        "certificates.v2.cert-manager.io",
        "deployments.v1.batch",
        "pods.v1.example.com",
        "namespaces",
    ],
)
def test_what_is_not_served_is_not_found(name: str) -> None:
    assert names.find(SERVED, name) is None


def test_the_start_of_a_group_may_be_too_little() -> None:
    assert names.find(SERVED, "storageclass.storage", whole_groups=True) is None


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("podz", ["pods"]),
        ("servicesz", ["services", "services.serving.knative.dev"]),
        ("deploymets", ["deployments.apps"]),
        ("ingreses", ["ingresses.networking.k8s.io"]),
        ("certificatez.cert-manager.io", ["certificates.cert-manager.io"]),
        ("certificates.certmanager.io", ["certificates.cert-manager.io"]),
        ("certificates.acme.io", ["certificates.cert-manager.io"]),
        ("certif.cert-manager.io", ["certificates.cert-manager.io", "certificaterequests.cert-manager.io"]),
        ("namespaces", []),
        ("nodes", []),
        ("zz", []),
        ("x", []),
        ("gateways.gateway.networking.k8s.io", []),
    ],
)
def test_only_what_is_near_is_suggested(name: str, near: list[str]) -> None:
    assert names.nearest(SERVED, name) == near


def test_ingresses_are_no_namespaces() -> None:
    assert (
        names.nearest([made("namespaces"), made("services"), made("ingressclasses.networking.k8s.io")], "ingresses")
        == []
    )


LISTED = [resource for resource in BUILT_IN if "list" in resource.verbs]


def test_the_names_of_kubernetes_own_resources_are_those_that_discovery_gives() -> None:
    known = {written: resources.CATALOGUE[name] for written, name in resources.NAMES.items()}
    listed = {written: definition.name for written, definition in known.items() if definition.listed}
    found = {written: names.find(LISTED, written) for written in listed}

    assert {written: resource and resources.FULL_NAMES[resource.name] for written, resource in found.items()} == listed


def test_all_that_kubernetes_serves_is_known_without_a_cluster() -> None:
    for resource in LISTED:
        for word in (resource.plural, resource.singular, *resource.short_names):
            first = names.find(LISTED, word)
            assert first is not None
            assert resources.canonical(word) == resources.FULL_NAMES[first.name]
