"""Requests and limits of a pod as the scheduler sums them, and whether its containers run as root."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from airflow_provider_k8s_inventory.resources import podspec
from airflow_provider_k8s_inventory.resources.quantities import quantity


def container(requests: str | None = None, limits: str | None = None, **more: Any) -> dict[str, Any]:
    written = {"requests": requests, "limits": limits}
    return {"name": "c", "resources": {name: {"cpu": each} for name, each in written.items() if each}, **more}


def spec(*containers: dict[str, Any], init: tuple[dict[str, Any], ...] = (), **more: Any) -> podspec.Spec:
    written = {"containers": containers, "initContainers": init, **more}
    return msgspec.json.decode(msgspec.json.encode(written), type=podspec.Spec)


def sidecar(requests: str, limits: str | None = None) -> dict[str, Any]:
    return container(requests, limits, restartPolicy="Always")


@pytest.mark.parametrize(
    ("given", "requests", "limits"),
    [
        (spec(), None, None),
        (spec(container(), container()), None, None),
        (spec(container("500m"), container("250m")), "0.75", None),
        (spec(container("1", "2"), container("1")), "2", "2"),
        # Init containers run one after the other, and before the others.
        (spec(container("1"), init=(container("2"), container("3"))), "3", None),
        (spec(container("4"), init=(container("2"), container("3"))), "4", None),
        (spec(container(), init=(container("2", "2"),)), "2", "2"),
        # Sidecars run beside whatever starts after them.
        (spec(container("1"), init=(sidecar("2"),)), "3", None),
        (spec(container("1"), init=(sidecar("2"), container("5"))), "7", None),
        (spec(container("1"), init=(container("5"), sidecar("2"))), "5", None),
        (spec(container("1"), init=(sidecar("1", "3"), sidecar("1"))), "3", "3"),
        # The overhead of a runtime class; without a limit there is none to add it to.
        (spec(container("1"), overhead={"cpu": "100m"}), "1.1", None),
        (spec(container("1", "2"), overhead={"cpu": "100m"}), "1.1", "2.1"),
        (spec(container(), overhead={"cpu": "100m"}), "0.1", None),
        # What is said of the whole pod counts, whatever its containers ask for.
        (spec(container("1", "2"), resources={"requests": {"cpu": "3"}}), "3", "2"),
        (spec(container("9"), resources={"requests": {"cpu": "3"}}, overhead={"cpu": "1"}), "4", None),
    ],
)
def test_cores_are_summed_as_the_scheduler_does(given: podspec.Spec, requests: str | None, limits: str | None) -> None:
    cpu, memory, cpu_limit, memory_limit = podspec.sums(given)

    assert (cpu is None, cpu_limit is None) == (requests is None, limits is None)
    assert (cpu, cpu_limit) == tuple(None if each is None else quantity(each) for each in (requests, limits))
    assert (memory, memory_limit) == (None, None)


def test_cores_and_bytes_are_apart() -> None:
    only_memory = {"name": "c", "resources": {"requests": {"memory": "1Gi", "nvidia.com/gpu": "1"}}}

    assert podspec.sums(spec(only_memory, container("1"))) == (Decimal(1), Decimal(2**30), None, None)


@pytest.mark.parametrize(
    ("given", "privileged", "root"),
    [
        (spec(container()), False, None),
        (spec(container(securityContext={"runAsUser": 0})), False, True),
        (spec(container(securityContext={"runAsUser": 7})), False, False),
        (spec(container(), securityContext={"runAsUser": 0}), False, True),
        (spec(container(securityContext={"runAsUser": 7}), securityContext={"runAsUser": 0}), False, False),
        (spec(container(), securityContext={"runAsNonRoot": True}), False, False),
        (spec(container(securityContext={"runAsNonRoot": False}), securityContext={"runAsNonRoot": True}), False, None),
        (spec(container(securityContext={"runAsUser": 7}), container()), False, None),
        (spec(container(), container(securityContext={"runAsUser": 0})), False, True),
        (spec(container(), init=(container(securityContext={"privileged": True}),)), True, None),
        (spec(container(), ephemeralContainers=[container(securityContext={"privileged": True})]), True, None),
    ],
)
def test_rights_are_those_of_the_boldest_container(given: podspec.Spec, privileged: bool, root: bool | None) -> None:
    assert podspec.security(given) == (privileged, root)
