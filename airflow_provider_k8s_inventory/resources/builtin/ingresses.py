"""Ingresses: hosts that lead to services."""

from __future__ import annotations

import msgspec

from airflow_provider_k8s_inventory.resources.declare import at, computed, resource, text
from airflow_provider_k8s_inventory.resources.shared import Balanced, balanced


class _Service(msgspec.Struct, frozen=True, gc=False):
    name: str = ""


class Backend(msgspec.Struct, frozen=True):
    """The target of requests; without a service it is a resource of another kind."""

    service: _Service | None = None


class _Path(msgspec.Struct, frozen=True):
    backend: Backend | None = None


class _Http(msgspec.Struct, frozen=True):
    paths: list[_Path] | None = None


class Rule(msgspec.Struct, frozen=True):
    """One entry of ``spec.rules``; without a host it is for all of them."""

    host: str = ""
    http: _Http | None = None


class Tls(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of ``spec.tls``."""

    hosts: list[str] | None = None
    secret_name: str | None = None


def _rules(rules: list[Rule] | None, default: Backend | None) -> tuple[list[str], list[str]]:
    backends = [path.backend for rule in rules or () if rule.http for path in rule.http.paths or ()]
    services = [each.service.name for each in (*backends, default) if each and each.service]
    return [rule.host for rule in rules or () if rule.host], list(dict.fromkeys(services))


def _tls(entries: list[Tls] | None) -> tuple[list[str], list[str]]:
    hosts = [host for entry in entries or () for host in entry.hosts or ()]
    return hosts, [entry.secret_name for entry in entries or () if entry.secret_name]


DEFINITION = resource(
    "networking.k8s.io/v1",
    "ingresses",
    "Ingress",
    text("class_name", "spec.ingressClassName"),
    computed(
        _rules,
        at("spec.rules", list[Rule]),
        at("spec.defaultBackend", Backend),
        hosts=("text[]", "The hosts of spec.rules, in order"),
        services=("text[]", "The services that the rules lead to, each once, and the default backend's"),
    ),
    computed(
        balanced,
        at("status.loadBalancer.ingress", list[Balanced]),
        addresses=("text[]", "Addresses and host names of the load balancer"),
    ),
    computed(
        _tls,
        at("spec.tls", list[Tls]),
        tls_hosts=("text[]", "The hosts of spec.tls"),
        tls_secrets=("text[]", "The secrets of spec.tls"),
    ),
    short=("ing",),
)
