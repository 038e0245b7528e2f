"""`k8s-inventory sync --metrics-file`: what the node exporter finds of a run."""

from __future__ import annotations

from pathlib import Path

from k8s_inventory_demo.simulator import Cluster, Fault, Simulator
from prometheus_client.parser import text_string_to_metric_families

from tests.kit.command_line import CommandLine
from tests.kit.objects import pods

PODS = ("--resource", "pods")


def read(path: Path) -> dict[tuple[str, str], float]:
    """The values by name and context."""
    return {
        (sample.name.removeprefix("k8s_inventory_scope_"), sample.labels["context"]): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


def test_each_run_replaces_the_file(run: CommandLine, simulator: Simulator, dev: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "textfiles" / "inventory.prom"
    path.parent.mkdir()
    dev.seed("pods", pods(5))
    dev.inject(Fault(path="/pods$", status=503, times=1))
    assert run.sync(*PODS, "--metrics-file", path).exit_code == 0
    first = read(path)

    assert (first["seen", "dev"], first["inserted", "dev"], first["retries", "dev"]) == (5, 5, 1)
    assert (first["seen", "prod"], first["retries", "prod"], first["good", "prod"]) == (0, 0, 1)
    assert min(first["bytes", "dev"], first["pages", "dev"], first["duration_seconds", "dev"]) > 0
    assert path.stat().st_mode & 0o777 == 0o644
    simulator.stop("dev")
    assert run.sync(*PODS, "--metrics-file", path).exit_code == 1
    second = read(path)
    assert (second["good", "dev"], second["inserted", "dev"], second["good", "prod"]) == (0, 0, 1)
    assert ("seen", "dev") not in second
    assert second["lag_seconds", "dev"] > second["duration_seconds", "dev"]
    assert [each.name for each in path.parent.iterdir()] == ["inventory.prom"]


def test_a_folder_that_is_not_there_is_said_before_anything_is_read(run: CommandLine, tmp_path: Path) -> None:
    result = run.sync(*PODS, "--metrics-file", tmp_path / "missing" / "x.prom")

    assert result.exit_code == 2
    assert "there is no folder" in result.stderr


def test_a_sync_is_no_worse_for_a_file_that_cannot_be_written(run: CommandLine, tmp_path: Path) -> None:
    result = run.sync(*PODS, "--metrics-file", tmp_path / ("x" * 300))

    assert result.exit_code == 0
    assert "warning: the metrics could not be written to" in result.stderr
    assert "Sync completed successfully." in result.stdout
