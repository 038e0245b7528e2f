"""Two simulated clusters over real HTTPS, a real PostgreSQL, and the sync between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from k8s_inventory_demo.simulator import Cluster, Simulator

from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from tests.kit.cluster import BOOKMARK_AFTER
from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory
from tests.kit.syncer import Syncer


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the simulated clusters keep their certificates; making them takes longer than a sync."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
def simulator(certificates: Path) -> Iterator[Simulator]:
    """The clusters ``dev`` and ``prod``, with nothing in them but the four namespaces."""
    with Simulator([Cluster("dev"), Cluster("prod", version="v1.34.1")], folder=certificates) as running:
        for name in ("dev", "prod"):
            running[name].bookmark_after = BOOKMARK_AFTER
        yield running


@pytest.fixture
def dev(simulator: Simulator) -> Cluster:
    return simulator["dev"]


@pytest.fixture
def prod(simulator: Simulator) -> Cluster:
    return simulator["prod"]


@pytest.fixture
def sync(simulator: Simulator, migrated_database: str) -> Syncer:
    """Syncs of the context ``dev``, unless they name another."""
    return Syncer(
        lambda: kubeconfig.parse(simulator.kubeconfig_document(), source="the simulator").contexts, migrated_database
    )


@pytest.fixture
def inventory(migrated_database: str) -> Iterator[Inventory]:
    """What is in the database."""
    with Inventory(migrated_database) as opened:
        yield opened


@pytest.fixture
def run(simulator: Simulator, migrated_database: str, tmp_path: Path) -> CommandLine:
    """The command line, with both clusters in its kubeconfig."""
    return CommandLine(simulator.kubeconfig(tmp_path / "kubeconfig"), migrated_database)
