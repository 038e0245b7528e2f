"""What an administrator has set for the role: it works all the same, or the setting is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from k8s_inventory_demo.postgres.server import PostgresServer
from k8s_inventory_demo.simulator import Cluster, Fault, Simulator, User
from psycopg import sql

from tests.kit.command_line import CommandLine
from tests.kit.inventory import Inventory
from tests.kit.objects import named, node, pod, pods, widget_definition

pytestmark = [pytest.mark.postgres15, pytest.mark.alters_database]

WORDS = "café 😀 你好"
SOME = [
    option
    for name in ("clusters", "namespaces", "nodes", "pods", "crds", "*.example.com")
    for option in ("--resource", name)
]
"""Resources of every kind of table: all that a cluster serves would tell no more."""

Role = Callable[[str], object]


@pytest.fixture
def role(migrated_database: str, run: CommandLine) -> Iterator[Role]:
    """Let the command line connect as a role of its own, which owns the schema and has the given settings."""
    with Inventory(migrated_database) as inventory:
        inventory.query("CREATE ROLE particular LOGIN PASSWORD 'particular'")
        inventory.query("GRANT ALL ON SCHEMA public TO particular")
        for table in inventory.query(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')"
        ):
            inventory.query(f"ALTER TABLE {table['relname']} OWNER TO particular")
        parts = urlsplit(migrated_database)
        run.dsn = parts._replace(netloc=f"particular:particular@{parts.hostname}:{parts.port}").geturl()
        try:
            yield lambda setting: inventory.query(f"ALTER ROLE particular {setting}")
        finally:
            inventory.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'particular'")
            inventory.query("REASSIGN OWNED BY particular TO postgres")
            inventory.query("DROP OWNED BY particular")
            inventory.query("DROP ROLE particular")


@pytest.mark.parametrize(
    "setting",
    [
        "SET default_transaction_isolation = 'serializable'",
        "SET default_transaction_isolation = 'repeatable read'",
        "SET default_transaction_deferrable = on",
        "SET client_encoding = 'LATIN1'",
        "SET client_encoding = 'SQL_ASCII'",
        "SET search_path = ''",
        "SET standard_conforming_strings = off",
        "SET DateStyle = 'SQL, DMY'",
        "SET DateStyle = 'German'",
        "SET IntervalStyle = 'sql_standard'",
        "SET IntervalStyle = 'iso_8601'",
        "SET quote_all_identifiers = on",
        "SET timezone = 'Asia/Kathmandu'",
        "SET row_security = off",
        "SET default_table_access_method = 'heap'",
        "SET plan_cache_mode = 'force_generic_plan'",
    ],
)
def test_what_does_not_matter(setting: str, role: Role, run: CommandLine, dev: Cluster, migrated_database: str) -> None:
    dev.seed("pods", [pod("web", annotations={"motto": WORDS})])
    dev.create("crd", widget_definition())
    dev.seed("widgets.example.com", [named("w", "shop")])
    dev.seed("nodes", [node("worker")])
    role(setting)
    for _ in range(2):
        result = run.sync(*SOME, "--max-parallel-requests", "6")
        assert result.exit_code == 0, result.output
    result = run.sync("--resource", "pods", "--mode", "delta", "--context", "dev")
    assert result.exit_code == 0, result.output
    for result in (run("status", "--dsn", run.dsn), run.doctor("--resource", "pods")):
        assert result.exit_code == 0, result.output
    with Inventory(migrated_database) as inventory:
        assert inventory.row("k8s_pods", "web")["annotations"] == {"motto": WORDS}


def test_the_environment_chooses_no_encoding(
    run: CommandLine, dev: Cluster, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    dev.seed("pods", [pod("web", annotations={"motto": WORDS})])
    result = run.sync("--context", "dev", "--resource", "pods")

    assert result.exit_code == 0, result.output
    assert inventory.row("k8s_pods", "web")["annotations"] == {"motto": WORDS}


@pytest.mark.parametrize("setting", ["statement_timeout", "lock_timeout"])
def test_a_timeout_that_is_too_short_is_named(
    setting: str, role: Role, run: CommandLine, dev: Cluster, migrated_database: str
) -> None:
    dev.seed("pods", pods(3))
    role(f"SET {setting} = '500ms'")
    with psycopg.connect(migrated_database) as holder:
        if setting == "lock_timeout":
            holder.execute("LOCK k8s_pods")
        else:
            holder.execute(
                "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN PERFORM pg_sleep(10); RETURN NULL; END $$"
            )
            holder.execute("CREATE TRIGGER wait BEFORE INSERT ON k8s_pods EXECUTE FUNCTION wait()")
            holder.commit()
        result = run.sync("--context", "dev", "--resource", "pods")
    checked = run.doctor("--context", "dev", "--resource", "pods")

    assert (result.exit_code, checked.exit_code) == (1, 1)
    assert f"canceling statement due to {setting.replace('_', ' ')}; " in result.output
    assert f"SET {setting} = 0" in result.output
    said = f"{setting} is 500ms: raise it for this user (ALTER ROLE particular SET {setting} = 0)"
    assert said in " ".join(checked.output.split())


def test_a_session_that_postgresql_ends_leaves_its_line(
    role: Role, run: CommandLine, dev: Cluster, migrated_database: str
) -> None:
    dev.seed("pods", pods(3))
    dev.inject(Fault(path="/pods$", latency=3))
    # Long enough for every other statement on a busy machine.
    role("SET idle_in_transaction_session_timeout = '1s'")
    result = run.sync("--context", "dev", "--resource", "pods")

    assert result.exit_code == 1
    with Inventory(migrated_database) as inventory:
        (line,) = inventory.ledger()
        assert line["status"] == "failed"
        assert "raise idle_in_transaction_session_timeout for this user" in line["reason"]


@pytest.mark.parametrize("limit", [1, 3])
def test_few_connections_are_enough_for_many_scopes(
    limit: int, role: Role, run: CommandLine, simulator: Simulator, migrated_database: str
) -> None:
    for number in range(4):
        simulator["dev"].add_user(User(name=f"user-{number}"))
    simulator.kubeconfig(run.kubeconfig)
    role(f"CONNECTION LIMIT {limit}")
    result = run.sync("--max-parallel-requests", "4")

    assert result.exit_code == 0, result.output
    with Inventory(migrated_database) as inventory:
        assert [row["status"] for row in inventory.ledger()] == ["success"] * 36


def test_no_connection_at_all_says_what_to_lower(role: Role, run: CommandLine, migrated_database: str) -> None:
    role("CONNECTION LIMIT 1")
    with psycopg.connect(run.dsn):
        result = run.sync("--context", "dev")

    assert result.exit_code == 1
    assert (
        'too many connections for role "particular"; lower max_parallel_requests (--max-parallel-requests)'
        in result.output
    )


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused_in_one_sentence(
    encoding: str, run: CommandLine, postgres_server: PostgresServer, database_names: Iterator[str]
) -> None:
    name = next(database_names)
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as conn:
        statement = sql.SQL("CREATE DATABASE {} ENCODING {} TEMPLATE template0 LOCALE 'C' {}").format(
            sql.Identifier(name),
            sql.Literal(encoding),
            # The builtin provider is for UTF8 only.
            sql.SQL("LOCALE_PROVIDER libc" if conn.info.server_version >= 150000 else ""),
        )
        conn.execute(statement)
    run.dsn = postgres_server.dsn(name)
    try:
        for result in (run.sync("--resource", "pods"), run.doctor("--resource", "pods")):
            assert result.exit_code == 1
            assert f"has the encoding {encoding}" in " ".join(result.output.split())
            assert "Traceback" not in result.output
    finally:
        postgres_server.drop_database(name)
