"""Jobs: how far they are, and how they ended."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_k8s_inventory.resources import problems
from airflow_provider_k8s_inventory.resources.declare import (
    at,
    boolean,
    computed,
    integer,
    resource,
    template,
    timestamp,
)
from airflow_provider_k8s_inventory.resources.shared import Condition, holds

# The order in which kubectl's printer asks: printJob of k8s.io/kubernetes/pkg/printers/internalversion/printers.go.
_ENDED = ("Complete", "Failed")
_OTHER = ("Suspended", "FailureTarget", "SuccessCriteriaMet")


def _status(conditions: list[Condition] | None, deleted: datetime | None) -> str:
    ended = next((type_ for type_ in _ENDED if holds(conditions, type_)), None)
    if ended or deleted:
        return ended or "Terminating"
    return next((type_ for type_ in _OTHER if holds(conditions, type_)), "Running")


DEFINITION = resource(
    "batch/v1",
    "jobs",
    "Job",
    computed(
        _status,
        at("status.conditions", list[Condition]),
        at("metadata.deletionTimestamp"),
        status=("text", "STATUS as kubectl prints it: Running, Complete, Failed, Suspended, …"),
    ),
    problems.by_conditions({"Failed": "True", "FailureTarget": "True"}, "BackoffLimitExceeded, DeadlineExceeded"),
    integer("completions", "spec.completions", "spec.completions: wanted; NULL: one success ends it"),
    integer("parallelism", "spec.parallelism"),
    integer("active", "status.active", missing=0),
    integer("succeeded", "status.succeeded", missing=0),
    integer("failed", "status.failed", missing=0),
    integer("backoff_limit", "spec.backoffLimit"),
    boolean("suspended", "spec.suspend", missing=False),
    timestamp("started_at", "status.startTime"),
    timestamp("completed_at", "status.completionTime"),
    *template("spec.template"),
)
