"""The PostgreSQL server of the demo and of these tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from k8s_inventory_demo.postgres import programs as postgres_programs
from k8s_inventory_demo.postgres.programs import Programs
from k8s_inventory_demo.postgres.server import PostgresServer

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from tests.kit.waiting import wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a persistent server may live; it is stopped at the end."""
    folder = tmp_path / "pg"
    yield folder
    PostgresServer(folder).stop()
    shutil.rmtree(folder.resolve(), ignore_errors=True)  # root's may be a link to elsewhere


def answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def first_row(dsn: str, query: str) -> tuple[object, ...] | None:
    with psycopg.connect(dsn) as conn:
        return conn.execute(query.encode()).fetchone()


def test_a_throw_away_server_answers_and_leaves_nothing_behind() -> None:
    with PostgresServer() as server:
        dsn = server.dsn()
        (data,) = first_row(dsn, "SHOW data_directory") or ("",)
        assert Path(str(data)).exists()
    assert not answers(dsn)
    assert not Path(str(data)).parent.exists()


def test_it_ends_with_the_process_that_started_it_even_when_that_is_killed() -> None:
    code = """if True:
        from k8s_inventory_demo.postgres.server import PostgresServer
        print(PostgresServer().start().dsn(), flush=True)
        input()
    """
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        dsn = owner.stdout.readline().decode().strip()
        assert answers(dsn)
        owner.send_signal(signal.SIGKILL)
    wait_until(lambda: not answers(dsn), "the end of the server")


def test_an_interrupt_of_the_terminal_does_not_reach_it() -> None:
    with PostgresServer() as server:
        (pid,) = first_row(server.dsn(), "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'") or (0,)
        assert os.getsid(int(str(pid))) != os.getsid(0)


@pytest.mark.postgres15
def test_the_server_speaks_utf8_and_utc_whatever_the_machine_says(postgres_server: PostgresServer) -> None:
    settings = "SELECT current_setting('server_encoding'), current_setting('TimeZone')"
    assert first_row(postgres_server.dsn(), settings) == ("UTF8", "UTC")


def test_only_who_knows_the_password_gets_in(postgres_server: PostgresServer) -> None:
    wrong = f"postgresql://postgres:wrong@127.0.0.1:{postgres_server.port}/postgres"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_its_repr_does_not_tell_the_password(postgres_server: PostgresServer) -> None:
    password = postgres_server.dsn().split(":")[2].partition("@")[0]
    assert str(postgres_server.port) in repr(postgres_server)
    assert password not in repr(postgres_server)


def test_a_database_is_made_from_a_template(postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.create_database("copied"), autocommit=True) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert first_row(postgres_server.create_database("copy", template="copied"), "SELECT * FROM kept") == (42,)
    for name in ("copied", "copy"):
        postgres_server.drop_database(name)


def test_a_database_in_use_is_dropped_all_the_same(postgres_server: PostgresServer) -> None:
    dsn = postgres_server.create_database('in "use')
    with psycopg.connect(dsn) as conn:
        postgres_server.drop_database('in "use')
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT 1")
    assert not answers(dsn)


def test_a_persistent_server_outlives_the_one_who_started_it(folder: Path) -> None:
    code = "import pathlib, sys; from k8s_inventory_demo.postgres.server import PostgresServer\n"
    code += "with PostgresServer(pathlib.Path(sys.argv[1])) as server: print(server.dsn())"
    ended = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert answers(ended.stdout.strip())


def test_a_persistent_server_that_runs_is_used_again(folder: Path) -> None:
    started_at = "SELECT pg_postmaster_start_time()"
    first = PostgresServer(folder).start()
    started = first_row(first.dsn(), started_at)
    again = PostgresServer(folder).start()
    assert again.dsn() == first.dsn()
    assert first_row(again.dsn(), started_at) == started


def test_data_port_and_password_survive_a_stop(folder: Path) -> None:
    server = PostgresServer(folder).start()
    dsn = server.create_database("inventory")
    server.stop()
    assert not answers(dsn)
    PostgresServer(folder).start()
    assert answers(dsn)


def test_a_port_that_somebody_else_took_is_given_up(folder: Path) -> None:
    server = PostgresServer(folder).start()
    assert server.port
    server.stop()
    with socket.create_server(("127.0.0.1", server.port)):
        other = PostgresServer(folder).start()
        assert other.port != server.port
        assert answers(other.dsn())


def test_a_server_that_was_killed_starts_again(folder: Path) -> None:
    server = PostgresServer(folder).start()
    os.kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
    wait_until(lambda: not answers(server.dsn()), "the end of the server")
    (folder / "data" / "postmaster.pid").write_text(f"{2**22}\n/\n0\n{server.port}\n\n127.0.0.1\n\nready\n")
    assert answers(PostgresServer(folder).start().dsn())


def test_stopping_a_server_that_was_killed_does_nothing(folder: Path) -> None:
    server = PostgresServer(folder).start()
    os.kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    wait_until(lambda: not answers(server.dsn()), "the end of the server")
    server.stop()
    assert (folder / "data" / "postmaster.pid").exists()


def test_stopping_what_never_ran_does_nothing(folder: Path) -> None:
    PostgresServer(folder).stop()
    assert not folder.exists()


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    PostgresServer(folder).start().stop()
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = on\n")
    with pytest.raises(DatabaseError, match=r"pg_ctl failed(.|\n)*no_such_setting"):
        PostgresServer(folder).start()


def test_settings_of_the_users_own_clients_are_not_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGDATA": "/nowhere", "PGPORT": "1", "LC_ALL": "xx_XX.none", "PGDATESTYLE": "nonsense"}.items():
        monkeypatch.setenv(name, value)
    with PostgresServer() as server:
        monkeypatch.delenv("PGDATESTYLE")
        assert answers(server.dsn())


def test_a_dsn_needs_a_server() -> None:
    with pytest.raises(DatabaseError, match="not started"):
        PostgresServer().dsn()


@as_root
def test_a_folder_the_account_cannot_enter_links_to_one_it_can(tmp_path: Path, folder: Path) -> None:
    tmp_path.chmod(0o700)
    with PostgresServer(folder) as server:
        assert answers(server.dsn())
    assert folder.is_symlink()
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@as_root
def test_programs_the_account_cannot_reach_are_copied(tmp_path: Path) -> None:
    found = postgres_programs.find().folder
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    site = found.parents[2]
    for part in (found.parents[1].name, f"{found.parents[1].name}.libs"):
        if (site / part).exists():
            subprocess.run(["cp", "-rl", site / part, private / part], check=True)
    with PostgresServer(programs=Programs(private / found.relative_to(site))) as server:
        assert answers(server.dsn())
    assert private.stat().st_mode & 0o777 == 0o700
