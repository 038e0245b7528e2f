"""Services: how they are reached, inside the cluster and from outside."""

from __future__ import annotations

from typing import Any

import msgspec

from airflow_provider_k8s_inventory.model import Column, Definition, Resource
from airflow_provider_k8s_inventory.resources import shared


class _Spec(msgspec.Struct, frozen=True):
    type: str = "ClusterIP"
    cluster_ip: str | None = msgspec.field(name="clusterIP", default=None)
    cluster_ips: list[str] | None = msgspec.field(name="clusterIPs", default=None)
    external_ips: list[str] | None = msgspec.field(name="externalIPs", default=None)
    external_name: str | None = msgspec.field(name="externalName", default=None)
    ports: msgspec.Raw = msgspec.Raw(b"[]")
    selector: msgspec.Raw = shared.EMPTY


class _Ingress(msgspec.Struct, frozen=True, gc=False):
    ip: str | None = None
    hostname: str | None = None


class _LoadBalancer(msgspec.Struct, frozen=True):
    ingress: list[_Ingress] | None = None


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    load_balancer: _LoadBalancer = _LoadBalancer()


class Service(shared.Object, frozen=True):
    """A Service, as far as its columns need it."""

    spec: _Spec = _Spec()
    status: _Status = _Status()


def extract(service: Service) -> tuple[Any, ...]:
    """Read a Service; headless ones and ExternalNames have no cluster IP."""
    spec = service.spec
    return (
        spec.type,
        shared.address(spec.cluster_ip),
        [address for address in map(shared.address, spec.cluster_ips or ()) if address],
        _external(service),
        spec.external_name,
        spec.ports,
        spec.selector,
    )


def _external(service: Service) -> list[str]:
    balanced = service.status.load_balancer.ingress or ()
    addresses = [address for ingress in balanced if (address := ingress.ip or ingress.hostname)]
    return addresses + (service.spec.external_ips or [])


DEFINITION = Definition(
    name="services",
    aliases=("service", "svc"),
    resource=Resource(group="", version="v1", plural="services", kind="Service", namespaced=True),
    table=shared.table(
        "k8s_services",
        "Services",
        Column(name="type", type="text", comment="spec.type: ClusterIP, NodePort, LoadBalancer, ExternalName"),
        Column(name="cluster_ip", type="inet", comment="spec.clusterIP; NULL for headless services"),
        Column(name="cluster_ips", type="inet[]", comment="spec.clusterIPs: both families of a dual-stack service"),
        Column(
            name="external_ips", type="text[]", comment="Addresses and host names of the load balancer, externalIPs"
        ),
        Column(name="external_name", type="text", comment="spec.externalName: what an ExternalName points at"),
        Column(name="ports", type="jsonb", comment="spec.ports"),
        Column(name="selector", type="jsonb", comment="spec.selector; {} when there is none"),
    ),
    type=Service,
    extract=extract,
)
