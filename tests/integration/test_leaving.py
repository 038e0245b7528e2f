"""Whoever leaves ends what is under way: the connection is closed, nothing is tried again, no thread is waited for."""

from __future__ import annotations

import itertools
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from airflow_provider_k8s_inventory import sync as core
from airflow_provider_k8s_inventory.kube import listing
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import execcredentials
from airflow_provider_k8s_inventory.kube.stopping import Stop, Stopped
from airflow_provider_k8s_inventory.sync.threads import prefetch, thread_pool
from tests.kit.raw_server import RawServer, response
from tests.kit.waiting import wait_until

PAGE = b'{"kind":"PodList","metadata":{"resourceVersion":"5","continue":"t"},"items":[{"metadata":{"name":"a"}}]}'
KUBE_SYSTEM = b'{"metadata":{"name":"kube-system","uid":"u"}}'
VERSION = b'{"gitVersion":"v1.36.3"}'

Start = Callable[..., "subprocess.Popen[str]"]


def stalling(stall: Callable[[RawServer], Iterator[bytes]]) -> RawServer:
    """Knows kube-system; the second page of pods, and any single page of anything else, stalls."""

    def pieces(request: str) -> Iterator[bytes]:
        if "/namespaces/kube-system" in request:
            return iter([response(KUBE_SYSTEM)])
        if request.startswith("GET /api/v1/pods?") and "continue" not in request:
            return iter([response(PAGE)])
        return stall(server)

    server = RawServer(pieces)
    return server


def silence(server: RawServer) -> Iterator[bytes]:
    return server.silence()


def drip(server: RawServer) -> Iterator[bytes]:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    return itertools.chain([head], server.drip())


def busy(server: RawServer) -> Iterator[bytes]:
    return iter([response(b"", "Retry-After: 25", status="503 Service Unavailable")])


@pytest.mark.parametrize("stall", [silence, drip], ids=["silence", "byte by byte"])
def test_who_reads_ahead_and_leaves_closes_the_connection(stall: Callable[[RawServer], Iterator[bytes]]) -> None:
    with stalling(stall) as server, Client(server.context) as client:
        pages = prefetch(listing.pages(client, "/api/v1/pods", limit=5))
        next(pages)
        wait_until(lambda: len(server.requests) == 2, "the second page to be under way")
        pages.close()  # type: ignore[attr-defined]  # a generator
        assert server.closed.wait(10)
        assert len(server.requests) == 2


def test_a_wait_between_tries_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with stalling(busy) as server, Client(server.context) as client:
        pages = prefetch(listing.pages(client, "/api/v1/pods", limit=5))
        next(pages)
        wait_until(lambda: "try 2 of 5" in caplog.text, "the second try to be waited for")
        pages.close()  # type: ignore[attr-defined]  # a generator
        wait_until(lambda: not _threads("k8s-inventory-prefetch"), "the thread to end")
        assert len(server.requests) == 2


def test_the_threads_of_threads_end_too() -> None:
    with stalling(silence) as server, Client(server.context) as client:

        def read() -> None:
            for _ in prefetch(listing.pages(client, "/api/v1/pods", limit=5)):
                pass

        with thread_pool(2, "k8s-inventory-test") as pool:
            futures = [pool.submit(read), pool.submit(read), pool.submit(read)]
            wait_until(lambda: len(server.requests) == 4, "both second pages to be under way")
        assert [isinstance(future.exception(10), Stopped) for future in futures[:2]] == [True, True]
        assert futures[2].cancelled()
        wait_until(lambda: not _threads("k8s-inventory-(prefetch|test)"), "the threads to end")


def test_nothing_begins_once_it_is_stopped(tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with RawServer(lambda _: iter([response(VERSION)])) as server, Client(server.context) as client, stop.ruling():
        with pytest.raises(Stopped):
            client.get("/version")
        with pytest.raises(Stopped):
            execcredentials.run(["touch", str(tmp_path / "began")], {})
    assert server.requests == []
    assert not (tmp_path / "began").exists()


def test_a_command_that_prints_credentials_is_ended() -> None:
    with thread_pool(1, "k8s-inventory-test") as pool:
        future = pool.submit(execcredentials.run, ["sleep", "60"], {"PATH": "/usr/bin:/bin"})
        wait_until(future.running, "the command to begin")
    assert isinstance(future.exception(10), Stopped)


def test_a_name_server_that_is_silent_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, over = threading.Event(), threading.Event()

    def look_up(*_: object, **more: object) -> list[object]:
        if more:  # only whether it is an address
            raise socket.gaierror
        asked.set()
        over.wait(20)
        raise socket.gaierror

    with RawServer(lambda _: iter([])) as server:
        context = server.context
        object.__setattr__(context, "server", "http://api.test:1")
        monkeypatch.setattr("socket.getaddrinfo", look_up)
        with Client(context) as client, thread_pool(1, "k8s-inventory-test") as pool:
            future = pool.submit(client.get, "/version")
            assert asked.wait(10)
        assert isinstance(future.exception(10), Stopped)
        over.set()


class TimeIsOver(BaseException):
    """What Airflow's execution_timeout and Ctrl-C are."""


def test_an_exception_in_the_main_thread_ends_a_sync(migrated_database: str) -> None:
    def interrupt(*_: object) -> None:
        raise TimeIsOver

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with stalling(drip) as server, Client(server.context) as client, psycopg.connect(migrated_database) as conn:
            signal.setitimer(signal.ITIMER_REAL, 1)
            with pytest.raises(TimeIsOver):
                core.run(client, conn, "pods", core.Settings(mode="full"))
            assert server.closed.wait(10)
            assert conn.execute("SELECT count(*) FROM k8s_syncs").fetchone() == (0,)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_transaction_waits_no_longer_than_a_page_may_take(migrated_database: str) -> None:
    with (
        stalling(drip) as server,
        Client(server.context, request_timeout=2) as client,
        psycopg.connect(migrated_database) as conn,
        psycopg.connect(migrated_database, autocommit=True) as watcher,
        thread_pool(1, "k8s-inventory-test") as pool,
    ):
        query = "SELECT state FROM pg_stat_activity WHERE pid = %s"
        future = pool.submit(core.run, client, conn, "pods", core.Settings(mode="full"))
        pid = conn.info.backend_pid
        wait_until(lambda: watcher.execute(query, [pid]).fetchone() == ("idle in transaction",), "it to wait")
        report = future.result(20)
        assert report.status == "unreachable"
        assert "did not come within 2 s" in (report.reason or "")
        assert watcher.execute(query, [pid]).fetchone() == ("idle",)


@pytest.fixture
def start(migrated_database: str, tmp_path: Path) -> Iterator[Start]:
    """Start a real `k8s-inventory sync` against a server."""
    running: list[subprocess.Popen[str]] = []

    def begin(server: RawServer, *arguments: str, user: str = "{}") -> subprocess.Popen[str]:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(
            f"clusters: [{{name: c, cluster: {{server: '{server.url}'}}}}]\nusers: [{{name: u, user: {user}}}]\n"
            "contexts: [{name: dev, context: {cluster: c, user: u}}]\n"
        )
        where = ("--kubeconfig", str(kubeconfig), "--dsn", migrated_database, "--resource", "pods", "--mode", "full")
        command = [str(Path(sys.executable).with_name("k8s-inventory")), "sync", *where, *arguments]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("stall", [silence, drip, busy], ids=["silence", "byte by byte", "between tries"])
def test_a_signal_ends_the_command_line(
    number: int, status: int, stall: Callable[[RawServer], Iterator[bytes]], start: Start, migrated_database: str
) -> None:
    with stalling(stall) as server:
        process = start(server)
        wait_until(lambda: len(server.requests) >= 3, "the second page to be under way")
        process.send_signal(number)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == status
    assert "Traceback" not in output + errors
    assert errors.strip() == "Interrupted: what was not complete was not written."


def test_ctrl_c_during_the_imports_ends_it_without_a_word(start: Start) -> None:
    with stalling(silence) as server:
        process = start(server)
        maps = Path(f"/proc/{process.pid}/maps")
        wait_until(lambda: "msgspec" in maps.read_text(), "it to import what it needs")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in output + errors


def _threads(name: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if re.match(name, thread.name)]
