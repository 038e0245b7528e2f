"""Behind PgBouncer everything works, also where each transaction gets another server connection."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster

from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory
from tests.kit.objects import node, pods
from tests.kit.pgbouncer import PROGRAM, pgbouncer

pytestmark = [
    pytest.mark.postgres15,
    pytest.mark.skipif(PROGRAM is None, reason="the machine has no PgBouncer: apt-get install pgbouncer"),
]

SOME = [
    option
    for name in ("clusters", "namespaces", "nodes", "pods", "deployments", "services", "crds", "configmaps")
    for option in ("--resource", name)
]
"""Resources of every kind of table: all that a cluster serves would tell no more."""


@pytest.fixture(params=["transaction", "session"])
def through(request: pytest.FixtureRequest, empty_database: str, run: CommandLine) -> Iterator[CommandLine]:
    """The command line, with a database behind a PgBouncer of three connections."""
    with pgbouncer(empty_database, mode=request.param, size=3) as run.dsn:
        yield run


def test_syncs_and_doctor_work_again_and_again(through: CommandLine, dev: Cluster, empty_database: str) -> None:
    dev.seed("pods", pods(20))
    dev.seed("nodes", [node("worker")])
    for number, mode in enumerate(("full", "metadata", "delta", "auto", "full")):
        dev.delete("pods", f"web-{number:04}", "default")
        result = through.sync(*SOME, "--mode", mode, "--max-parallel-requests", "4")
        assert result.exit_code == 0, result.output
        checked = through.doctor("--resource", "pods")
        assert checked.exit_code == 0, checked.output
    with Inventory(empty_database) as inventory:
        assert inventory.count("k8s_pods") == 15
        assert {row["status"] for row in inventory.ledger()} == {"success"}


def test_contexts_take_turns_in_a_pool_of_one(empty_database: str, run: CommandLine) -> None:
    with pgbouncer(empty_database, mode="session", size=1) as run.dsn:
        result = run.sync("--resource", "pods", "--resource", "services", "--resource", "nodes")
    assert result.exit_code == 0, result.output


def test_no_setting_of_ours_stays_in_the_pool(through: CommandLine, dev: Cluster) -> None:
    asked = "client_encoding", "lock_timeout", "tcp_keepalives_idle", "enable_nestloop", "transaction_isolation"
    query = f"SELECT {', '.join(f'current_setting({name!r})' for name in asked)}".encode()
    # Autocommit: in transaction mode each statement may get another server connection.
    with psycopg.connect(through.dsn, autocommit=True, prepare_threshold=None) as conn:
        before = conn.execute(query).fetchall()
        assert through.sync("--resource", "pods").exit_code == 0
        assert [conn.execute(query).fetchall() for _ in range(6)] == [before] * 6


def test_a_pool_of_statements_is_named(run: CommandLine, empty_database: str) -> None:
    with pgbouncer(empty_database, mode="statement", size=1) as run.dsn:
        results = [run.sync("--resource", "pods"), run.doctor("--resource", "pods")]
    for result in results:
        assert result.exit_code == 1
        assert "set PgBouncer's pool_mode to transaction or session" in " ".join(result.output.split())
