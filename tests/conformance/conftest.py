"""The clusters the suite runs against: simulated ones, or with ``--control-plane=real`` real control planes.

One cluster serves all tests. Each has a namespace of its own in it, and a database of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.kit.cluster import NO_SNAPSHOTS, LiveCluster, live_cluster
from tests.kit.every_resource import add_every_resource
from tests.kit.live_inventory import LiveInventory
from tests.kit.populating import populate

CONTEXT = "dev"
USERS = ("reader", "second", "sometimes", "without-identity", "without-nodes", "without-pods")
"""The users of real control planes, which know nobody they were not started with."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--control-plane",
        choices=("simulator", "real"),
        default="simulator",
        help="what the conformance tests run against",
    )
    parser.addoption("--watch-ends", type=int, default=2, help="how often a watch is ended at a random moment")


def pytest_report_header(config: pytest.Config) -> str:
    return f"conformance: against {_kind(config)} control planes"


def _real(config: pytest.Config) -> bool:
    return _kind(config) == "real"


def _kind(config: pytest.Config) -> str:
    return str(config.getoption("--control-plane", "simulator"))


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCluster]:
    """The cluster of all tests."""
    folder = tmp_path_factory.mktemp("cluster")
    with live_cluster(CONTEXT, folder, real=_real(request.config), users=USERS) as live:
        yield live


@pytest.fixture(scope="module")
def cluster_without_snapshots(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveCluster]:
    """A cluster that continues lists from its storage, so that a compaction expires them at once."""
    folder = tmp_path_factory.mktemp("without-snapshots")
    with live_cluster(CONTEXT, folder, real=_real(request.config), feature_gates=NO_SNAPSHOTS) as live:
        yield live


@pytest.fixture(scope="session")
def namespaces() -> Iterator[str]:
    return (f"team-{number}" for number in itertools.count(1))


@pytest.fixture
def namespace(cluster: LiveCluster, namespaces: Iterator[str]) -> str:
    """A new namespace."""
    name = next(namespaces)
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture(scope="session")
def populated_namespace(cluster: LiveCluster) -> str:
    """A namespace with one of everything, for tests that only look."""
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": "populated"}})
    populate(cluster, "populated")
    return "populated"


@pytest.fixture(scope="session")
def every_resource(cluster: LiveCluster, populated_namespace: str) -> str:
    """A namespace with objects of every resource, where they have one, for tests that only look."""
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": "every"}})
    add_every_resource(cluster, "every")
    return "every"


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> str:
    """How scopes are read; tests that are the same in every mode are marked with `EVERY_MODE`."""
    return str(getattr(request, "param", "auto"))


@pytest.fixture
def inventory(cluster: LiveCluster, migrated_database: str, mode: str) -> Iterator[LiveInventory]:
    """The cluster, and a new database."""
    with LiveInventory(cluster, migrated_database, mode) as opened:
        yield opened
