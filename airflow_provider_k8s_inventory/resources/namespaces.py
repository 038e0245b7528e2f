"""Namespaces: their phase, as kubectl prints it."""

from __future__ import annotations

import msgspec

from airflow_provider_k8s_inventory.model import Column, Definition, Resource
from airflow_provider_k8s_inventory.resources import shared


class _Status(msgspec.Struct, frozen=True, gc=False):
    phase: str | None = None


class Namespace(shared.Object, frozen=True):
    """A Namespace, as far as its columns need it."""

    status: _Status = _Status()


def extract(namespace: Namespace) -> tuple[str | None, str | None]:
    """Read a Namespace; kubectl's STATUS is its phase."""
    return namespace.status.phase, namespace.status.phase


DEFINITION = Definition(
    name="namespaces",
    aliases=("namespace", "ns"),
    resource=Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False),
    table=shared.table(
        "k8s_namespaces",
        "Namespaces",
        Column(name="status", type="text", comment="STATUS as kubectl prints it: Active or Terminating"),
        Column(name="phase", type="text", comment="status.phase"),
        namespaced=False,
    ),
    type=Namespace,
    extract=extract,
)
