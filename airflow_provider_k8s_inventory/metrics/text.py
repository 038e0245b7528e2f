"""Metrics as Prometheus' text: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format.

A few lines of our own: prometheus_client is in no closure of Airflow's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from airflow_provider_k8s_inventory.metrics.declared import Metric, Sample


def text(samples: Iterable[Sample], *, total: bool) -> str:
    """Write samples.

    :param samples: those of a metric together, as `Series.samples` gives them.
    :param total: whether counters have the sums of a process that stays; else they are those of one run, and gauges:
        ``rate()`` would take the numbers of two runs for one sum that grew.
    """
    return "".join(f"{line}\n" for line in _lines(samples, total=total))


def _lines(samples: Iterable[Sample], *, total: bool) -> Iterator[str]:
    for metric, group in groupby(samples, key=attrgetter("metric")):
        name = metric.prometheus(total=total)
        yield f"# HELP {name} {_escaped(_help(metric, total=total))}"
        yield f"# TYPE {name} {'counter' if total and metric.kind == 'counter' else 'gauge'}"
        for _, tags, value in group:
            labels = ",".join(f'{key}="{_quoted(each)}"' for key, each in tags.items())
            yield f"{name}{{{labels}}} {value!r}"


def _help(metric: Metric, *, total: bool) -> str:
    return metric.meaning if total or metric.kind != "counter" else f"{metric.meaning}, in the last run"


def _escaped(words: str) -> str:
    return words.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(value: str) -> str:
    # What was no UTF-8 in a kubeconfig or on a command line came as surrogates, which no file can have.
    return _escaped(value.encode("utf-8", "replace").decode()).replace('"', r"\"")
