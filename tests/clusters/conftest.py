"""One control plane that is booted; running these tests is asking for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clusters import programs
from tests.clusters.control_plane import ControlPlane


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=3, help="how many syncs are killed, per mode and PostgreSQL")


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane whose history can be forgotten at once, with a user who may do nothing yet."""
    folder = tmp_path_factory.mktemp("control-plane")
    gates = {"ListFromCacheSnapshot": False}
    with ControlPlane(folder, programs.find(), users=["reader"], feature_gates=gates) as booted:
        yield booted
