"""Deployments: how many replicas are wanted, and how many are there."""

from __future__ import annotations

from typing import Any

import msgspec

from airflow_provider_k8s_inventory.model import Column, Definition, Resource
from airflow_provider_k8s_inventory.resources import shared


class _PodSpec(msgspec.Struct, frozen=True):
    containers: list[shared.Container] | None = None


class _Template(msgspec.Struct, frozen=True):
    spec: _PodSpec = _PodSpec()


class _Strategy(msgspec.Struct, frozen=True, gc=False):
    type: str | None = None


class _Spec(msgspec.Struct, frozen=True):
    replicas: int | None = None
    paused: bool = False
    strategy: _Strategy = _Strategy()
    selector: msgspec.Raw = shared.EMPTY
    template: _Template = _Template()


class _Status(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    # Zeros are left out of the JSON: a missing count is 0.
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0


class Deployment(shared.Object, frozen=True):
    """A Deployment, as far as its columns need it."""

    spec: _Spec = _Spec()
    status: _Status = _Status()


def extract(deployment: Deployment) -> tuple[Any, ...]:
    """Read a Deployment."""
    spec, status = deployment.spec, deployment.status
    return (
        spec.replicas,
        status.ready_replicas,
        status.updated_replicas,
        status.available_replicas,
        status.unavailable_replicas,
        spec.strategy.type,
        spec.paused,
        spec.selector,
        shared.images(spec.template.spec.containers),
    )


DEFINITION = Definition(
    name="deployments",
    aliases=("deployment", "deploy"),
    resource=Resource(group="apps", version="v1", plural="deployments", kind="Deployment", namespaced=True),
    table=shared.table(
        "k8s_deployments",
        "Deployments",
        Column(name="replicas", type="integer", comment="spec.replicas: wanted"),
        Column(name="ready", type="integer", comment="status.readyReplicas"),
        Column(name="up_to_date", type="integer", comment="status.updatedReplicas"),
        Column(name="available", type="integer", comment="status.availableReplicas"),
        Column(name="unavailable", type="integer", comment="status.unavailableReplicas"),
        Column(name="strategy", type="text", comment="spec.strategy.type"),
        Column(name="paused", type="boolean", comment="spec.paused"),
        Column(name="selector", type="jsonb", comment="spec.selector"),
        Column(name="images", type="text[]", comment="The images of the template's containers, in order"),
    ),
    type=Deployment,
    extract=extract,
)
