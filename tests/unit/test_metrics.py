"""The metrics: what the README says of them, what a sync adds to them, and how Prometheus reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from airflow_provider_k8s_inventory.metrics.declared import METRICS, PREFIX, Sample, samples
from airflow_provider_k8s_inventory.metrics.series import Series
from airflow_provider_k8s_inventory.metrics.text import text
from airflow_provider_k8s_inventory.model import SyncReport

README = Path(__file__).parents[2] / "README.md"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ODD = 'a "b"\\n\n{c="d"} é'


def report(status: Any = "success", context_name: str = "dev", **more: Any) -> SyncReport:
    given = {"cluster_uid": None, "started_at": NOW, "finished_at": NOW + timedelta(seconds=2.5)} | more
    return SyncReport(context_name=context_name, resource="pods", status=status, **given)


def values(found: Any) -> dict[str, float]:
    return {sample.metric.name.removeprefix(PREFIX): sample.value for sample in found}


def parsed(written: str) -> dict[str, Any]:
    """Of each family its type, and its values by labels."""
    return {
        family.name: (family.type, [(each.labels, each.value) for each in family.samples])
        for family in text_string_to_metric_families(written)
    }


def test_the_readme_has_the_table_of_metrics() -> None:
    found = re.findall(r"^\| `(k8s_inventory\.\S+)` \| (.*) \| (.*) \| (.*) \| (.*) \|$", README.read_text(), re.M)

    assert found == [(each.name, each.kind, each.unit, ", ".join(each.tags), each.meaning) for each in METRICS.values()]


def test_a_good_sync_tells_all_of_itself() -> None:
    it = report(seen=7, inserted=1, updated=2, deleted=3, unselected=4, noise=5, bytes=6, pages=8, retries=9)

    assert values(samples(it)) == {
        "duration": 2.5, "ended": 1, "good": 1, "seen": 7, "inserted": 1, "updated": 2, "deleted": 3, "unselected": 4,
        "noise": 5, "bytes": 6, "pages": 8, "retries": 9, "lag": 2.5, "fresh": NOW.timestamp(),
    }  # fmt: skip
    assert {name for sample in samples(it) for name in sample.tags} == {"context", "resource", "status"}
    assert all(tuple(sample.tags) == sample.metric.tags for sample in samples(it))


def test_a_cluster_that_was_not_read_does_not_look_empty() -> None:
    found = values(samples(report("unreachable", noise=None), NOW - timedelta(hours=1)))

    assert (found["good"], found["lag"], found["fresh"]) == (0, 3602.5, NOW.timestamp() - 3600)
    assert "seen" not in found
    assert "noise" not in found
    assert "lag" not in values(samples(report("unreachable")))


def test_what_is_no_scope_has_no_metrics() -> None:
    assert not list(samples(report("failed", context_name="")))


def test_counters_add_up_and_gauges_do_not() -> None:
    series = Series()
    for seen in (7, 3):
        series.add(samples(report(seen=seen, inserted=seen)))
    series.add(samples(report(context_name="prod", inserted=1)))
    found = parsed(text(series.samples(), total=True))

    assert found["k8s_inventory_scope_inserted"] == (
        "counter",
        [({"context": "dev", "resource": "pods"}, 10), ({"context": "prod", "resource": "pods"}, 1)],
    )
    assert found["k8s_inventory_scope_seen"][1][0] == ({"context": "dev", "resource": "pods"}, 3)
    assert "k8s_inventory_scope_inserted_total{" in text(series.samples(), total=True)


def test_prometheus_reads_names_as_they_are() -> None:
    series = Series()
    series.add(samples(report(context_name=ODD)))
    series.add([Sample(METRICS[f"{PREFIX}good"], {"context": "\udce9", "resource": "pods"}, 1)])
    found = parsed(text(series.samples(), total=False))

    assert set(found) == {each.prometheus(total=False) for each in METRICS.values()} - {"k8s_inventory_scope_noise"}
    assert {kind for kind, _ in found.values()} == {"gauge"}
    assert found["k8s_inventory_scope_ended"][1] == [({"context": ODD, "resource": "pods", "status": "success"}, 1)]
    assert [labels["context"] for labels, _ in found["k8s_inventory_scope_good"][1]] == [ODD, "?"]
