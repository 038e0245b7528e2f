"""The line every run ends with."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_k8s_inventory.model import SyncReport


def summary(reports: Iterable[SyncReport], *, seconds: float, errors: int | None = None) -> str:
    """Sum up a run in the line it ends with.

    :param reports: the run's reports.
    :param seconds: how long the run took.
    :param errors: how many of them are errors; None: all that are not good.
    """
    reports = list(reports)
    errors = sum(not report.good for report in reports) if errors is None else errors
    return (
        f"Sync completed {'with errors' if errors else 'successfully'}. "
        f"Resources: {sum(report.seen for report in reports if report.good)}, Errors: {errors}, "
        f"Warnings: {sum(len(report.warnings) for report in reports)}, Time: {max(round(seconds), 1)}s"
    )
