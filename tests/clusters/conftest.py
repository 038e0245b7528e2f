"""The programs of real control planes, and one that is booted; running these tests is asking for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clusters.control_plane import ControlPlane
from tests.clusters.programs import find_programs


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of etcd, kube-apiserver and their like."""
    found = find_programs()
    assert found, "no control plane is built: run .ci/build-control-plane, or set KUBEBUILDER_ASSETS"
    return found


@pytest.fixture(scope="module")
def control_plane(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane whose history can be forgotten at once, with a user who may do nothing yet."""
    folder = tmp_path_factory.mktemp("control-plane")
    gates = {"ListFromCacheSnapshot": False}
    with ControlPlane(folder, programs, users=["reader"], feature_gates=gates) as booted:
        yield booted
