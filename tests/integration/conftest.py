"""Two simulated clusters over real HTTPS, a real PostgreSQL, and the sync between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.postgres.server import PostgresServer
from k8s_inventory_demo.simulator import Cluster, Simulator
from psycopg import sql

from airflow_provider_k8s_inventory import sync as core
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.model import Origin, SyncReport
from tests.fixtures.command_line import CommandLine
from tests.fixtures.settings import settings as settings_of
from tests.fixtures.tables import TABLES, Inventory


@pytest.fixture(scope="session")
def shared_database(postgres_server: PostgresServer, template_database: str) -> Iterator[str]:
    """The URL of a database that was migrated, for one test at a time."""
    yield postgres_server.create_database("shared", template=template_database)
    postgres_server.drop_database("shared")


@pytest.fixture
def database(shared_database: str) -> Iterator[str]:
    """The URL of a database that was migrated and has no rows; creating one takes longer than a sync."""
    yield shared_database
    with psycopg.connect(shared_database, options="-c lock_timeout=10s") as conn:
        for table in (*TABLES, "k8s_syncs", "k8s_scopes"):
            conn.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        conn.execute("ALTER TABLE k8s_syncs ALTER COLUMN id RESTART")


@pytest.fixture
def own_database(
    postgres_server: PostgresServer, template_database: str, database_names: Iterator[str]
) -> Iterator[str]:
    """The URL of a database that was migrated, for a test that changes more than rows."""
    name = next(database_names)
    yield postgres_server.create_database(name, template=template_database)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the simulated clusters keep their certificates; making them takes longer than a sync."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
def simulator(certificates: Path) -> Iterator[Simulator]:
    """The clusters ``dev`` and ``prod``, with nothing in them but the four namespaces."""
    with Simulator([Cluster("dev"), Cluster("prod", version="v1.34.1")], folder=certificates) as running:
        yield running


@pytest.fixture
def dev(simulator: Simulator) -> Cluster:
    return simulator["dev"]


@pytest.fixture
def prod(simulator: Simulator) -> Cluster:
    return simulator["prod"]


class Syncer:
    """Syncs scopes as an operator or the command line would: a client and a connection for each sync."""

    def __init__(self, simulator: Simulator, dsn: str) -> None:
        self._simulator = simulator
        self._dsn = dsn

    def client(self, context: str = "dev") -> Client:
        """A client that waits for nothing between its tries."""
        document = self._simulator.kubeconfig_document()
        return Client(kubeconfig.parse(document, source="the simulator").contexts[context], backoff=0)

    def __call__(
        self,
        resource: str = "pods",
        *,
        context: str = "dev",
        client: Client | None = None,
        conn: psycopg.Connection | None = None,
        origin: Origin | None = None,
        **settings: Any,
    ) -> SyncReport:
        """Sync one scope.

        :param client: the client to use, and to close; None makes one for this sync.
        :param conn: the connection to use; None opens one for this sync.
        """
        with ExitStack() as stack:
            client = stack.enter_context(client or self.client(context))
            conn = conn or stack.enter_context(psycopg.connect(self._dsn))
            return core.run(client, conn, resource, settings_of(**settings), origin)


@pytest.fixture
def sync(simulator: Simulator, database: str) -> Syncer:
    return Syncer(simulator, database)


@pytest.fixture
def inventory(database: str) -> Iterator[Inventory]:
    """What is in the database."""
    with Inventory(database) as opened:
        yield opened


@pytest.fixture
def run(simulator: Simulator, database: str, tmp_path: Path) -> CommandLine:
    """The command line, with both clusters in its kubeconfig."""
    return CommandLine(simulator.kubeconfig(tmp_path / "kubeconfig"), database)
