from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clusters.processes import NotReadyError, Process
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.clusters

PARENT = """
import sys
from pathlib import Path
from tests.clusters.processes import Process
Process(["sh", "-c", "echo $$; exec sleep 600"], Path(sys.argv[1]))
sys.stdin.read()
"""


def test_one_that_ends_early_is_not_waited_for(tmp_path: Path) -> None:
    process = Process(["sh", "-c", "echo no such data; exit 3"], tmp_path / "log")

    with pytest.raises(NotReadyError, match="sh ended with status 3\nno such data"):
        process.wait_until(lambda: False)


def test_one_that_never_becomes_ready_is_given_up(tmp_path: Path) -> None:
    process = Process(["sleep", "600"], tmp_path / "log")

    with pytest.raises(NotReadyError, match="sleep is not ready after 0 s"):
        process.wait_until(lambda: False, seconds=0.1)
    process.stop()


def test_one_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    process = Process(["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"], tmp_path / "log")
    process.wait_until(lambda: process.tail() == "deaf")

    process.stop(seconds=0.1)

    assert not process.running


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv (util-linux) is not installed")
def test_none_outlives_tests_that_are_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    arguments = [sys.executable, "-c", PARENT, str(log)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, cwd=Path(__file__).parents[2]) as parent:
        wait_until(lambda: log.exists() and log.read_text().endswith("\n"), "the child's process id")
        parent.send_signal(signal.SIGKILL)

    wait_until(lambda: ended(int(log.read_text())), "the end of the child")


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"  # nobody has reaped it yet
