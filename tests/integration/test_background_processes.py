"""Processes that outlive the command that started them, as the demo's clusters do."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from k8s_inventory_demo.processes import Background, remembered_port

from airflow_provider_k8s_inventory.exceptions import InventoryError
from tests.kit.waiting import wait_until

SLEEPS = [sys.executable, "-c", "import time; print('READY', flush=True); time.sleep(600)"]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Background]:
    process = Background(tmp_path / "pid", tmp_path / "log")
    yield process
    process.stop()


def test_it_runs_until_it_is_stopped(process: Background) -> None:
    process.start(SLEEPS, ready=b"READY")
    pid = process.running()
    assert pid
    assert process.stop() is True
    assert process.running() is None
    assert process.stop() is False


def test_another_command_finds_it(process: Background) -> None:
    process.start(SLEEPS, ready=b"READY")
    assert Background(process.file, process.log).running() == process.running()


def test_an_interrupt_of_the_terminal_does_not_reach_it(process: Background) -> None:
    process.start(SLEEPS, ready=b"READY")
    assert os.getsid(process.running() or 0) != os.getsid(0)


def test_a_second_one_is_not_started_beside_it(process: Background) -> None:
    process.start(SLEEPS, ready=b"READY")
    pid = process.running()
    with pytest.raises(InventoryError, match="runs already"):
        process.start(SLEEPS, ready=b"READY")
    assert process.running() == pid


def test_the_id_of_a_process_that_was_killed_misleads_nobody(process: Background) -> None:
    process.start(SLEEPS, ready=b"READY")
    os.kill(process.running() or 0, signal.SIGKILL)
    wait_until(lambda: process.running() is None, "the end of the process")
    process.file.write_text(str(os.getpid()))
    assert process.running() is None
    assert process.stop() is False


def test_one_that_ends_before_it_is_ready_says_why(process: Background) -> None:
    with pytest.raises(InventoryError, match=r"did not get ready(.|\n)*no such cluster"):
        process.start([sys.executable, "-c", "raise SystemExit('no such cluster')"], ready=b"READY")


def test_a_port_is_remembered(tmp_path: Path) -> None:
    port = remembered_port(tmp_path / "port")
    assert remembered_port(tmp_path / "port") == port


def test_a_port_that_somebody_else_took_is_replaced(tmp_path: Path) -> None:
    port = remembered_port(tmp_path / "port")
    with socket.create_server(("127.0.0.1", port)):
        other = remembered_port(tmp_path / "port")
    assert other != port
    assert remembered_port(tmp_path / "port") == other
