"""What every test starts from: an environment without the user's settings, and databases of a real PostgreSQL.

What tests are made of is in `tests.kit`, Airflow in `tests.airflow`, real control planes in `tests.clusters`.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from k8s_inventory_demo.postgres import programs as postgres_programs
from k8s_inventory_demo.postgres.programs import Programs
from k8s_inventory_demo.postgres.server import PostgresServer

from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.kit.databases import LastingDatabase

USERS_SETTINGS = re.compile(
    r"KUBECONFIG$|KUBERNETES_|K8S_|DATABASE_URL$|AIRFLOW|PG(?!_BIN$)"
    r"|(HTTP|HTTPS|ALL|NO)_PROXY$|(COLUMNS|LINES|NO_COLOR|FORCE_COLOR|CLICOLOR\w*)$",
    re.IGNORECASE,
)

# At import, not in a fixture: Airflow settles its configuration when a conftest below this one imports it.
for _name in [name for name in os.environ if USERS_SETTINGS.match(name)]:
    del os.environ[_name]
# A shell has the jobs in its background ignore Ctrl-C, and every program that tests start would do so too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
_HOME = tempfile.TemporaryDirectory(prefix="k8s-inventory-home-")
os.environ["HOME"] = _HOME.name

TEMPLATE = "template_migrated"


class PostgresServers:
    """The PostgreSQL servers of this session, each started when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._started: dict[str, PostgresServer] = {}

    def get(self, name: str) -> PostgresServer:
        """``default``: what the package finds first; ``system``: the machine's own PostgreSQL."""
        if name not in self._started:
            programs = _system_postgres() if name == "system" else None
            server = self._stack.enter_context(PostgresServer(programs=programs, place=_memory()))
            with psycopg.connect(server.create_database(TEMPLATE), autocommit=True) as conn:
                migrate(conn)
            self._started[name] = server
        return self._started[name]


def _memory() -> Path | None:
    """Where files are in memory, if there is room: on a busy disk each new database costs half a second."""
    memory = Path("/dev/shm")
    # Programs that had to be copied beside the data would not run from there: containers mount it noexec.
    usable = memory.is_dir() and postgres_programs.find().reachable()
    return memory if usable and shutil.disk_usage(memory).free > 2**32 else None


def _system_postgres() -> Programs | None:
    """The oldest PostgreSQL the machine has, of those we support."""
    folders = [path for path in postgres_programs.DEBIAN.glob("*") if path.name.isdecimal() and int(path.name) >= 14]
    return Programs(min(folders, key=lambda path: int(path.name)) / "bin") if folders else None


def pytest_report_header() -> str:
    """Which PostgreSQL the tests run on."""
    programs, system = postgres_programs.find(), _system_postgres()
    also = f"; tests marked postgres15 also on {system.major}" if system else ""
    return f"PostgreSQL: {programs.major}{also}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests marked ``postgres15`` on both servers."""
    if "postgres_server" in metafunc.fixturenames and metafunc.definition.get_closest_marker("postgres15"):
        absent = pytest.mark.skipif(_system_postgres() is None, reason="the machine has no PostgreSQL of its own")
        metafunc.parametrize(
            "postgres_server", ["default", pytest.param("system", marks=absent)], indirect=True, scope="session"
        )


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[PostgresServers]:
    with ExitStack() as stack:
        yield PostgresServers(stack)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest, postgres_servers: PostgresServers) -> PostgresServer:
    return postgres_servers.get(getattr(request, "param", "default"))


@pytest.fixture(scope="session")
def database_names() -> Iterator[str]:
    return (f"test_{number}" for number in itertools.count(1))


@pytest.fixture(scope="session")
def template_database() -> str:
    """The name of a database that was migrated; on every server."""
    return TEMPLATE


@pytest.fixture(scope="session")
def _lasting_database(postgres_server: PostgresServer, database_names: Iterator[str]) -> LastingDatabase:
    return LastingDatabase(postgres_server, next(database_names), TEMPLATE)


@pytest.fixture
def migrated_database(
    request: pytest.FixtureRequest,
    postgres_server: PostgresServer,
    database_names: Iterator[str],
    _lasting_database: LastingDatabase,
) -> Iterator[str]:
    """The URL of a database that was migrated and has no rows.

    One database serves all tests: to create one takes four times as long as to delete its rows. A test that changes
    more than rows is marked with ``alters_database`` and gets one of its own.
    """
    if request.node.get_closest_marker("alters_database"):
        name = next(database_names)
        yield postgres_server.create_database(name, template=TEMPLATE)
        postgres_server.drop_database(name)
    else:
        yield _lasting_database.url
        _lasting_database.empty()


@pytest.fixture
def empty_database(postgres_server: PostgresServer, database_names: Iterator[str]) -> Iterator[str]:
    """The URL of a new database without any table."""
    name = next(database_names)
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture
def conn(migrated_database: str) -> Iterator[psycopg.Connection]:
    """A connection to `migrated_database`."""
    with psycopg.connect(migrated_database) as connection:
        yield connection
