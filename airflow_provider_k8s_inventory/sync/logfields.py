"""The fields of a log record that tells how a scope ended: what a program looks for, and no text for people."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_k8s_inventory.model import COUNTS, SyncReport

_NUMBERS: Final = (*COUNTS, "noise", "pages", "bytes", "retries")


def ended(report: SyncReport) -> dict[str, Any]:
    """Return the fields of a report; what is None has none."""
    found = {
        "context": report.context_name,
        "resource": report.resource,
        "status": report.status,
        "mode": report.mode,
        "reason": report.reason,
        "seconds": round(report.seconds, 3),
        **{name: getattr(report, name) for name in _NUMBERS},
        "warnings": list(report.warnings) or None,
    }
    return {name: value for name, value in found.items() if value is not None}
