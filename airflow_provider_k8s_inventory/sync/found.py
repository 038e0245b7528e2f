"""The values that go between the steps of a sync: what a mode found, and what became of the scope."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_k8s_inventory.model import Counts, Mode, Status
from airflow_provider_k8s_inventory.postgres.diff import Gone


@dataclass(frozen=True, slots=True)
class Absence:
    """The proof that a cluster does not serve a resource."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A scope as a mode found it in the cluster. Its objects, or those that differ, are staged."""

    mode: Mode
    gone: Gone
    """The proof of which rows are gone."""
    seen: int | None
    """How many objects a complete list has; None: only changes were told."""
    resource_version: str | None
    """The version at which this is complete."""
    staged: bool = True
    """Whether there is a staging table."""
    absence: Absence | None = None
    """Set when the cluster does not serve the resource, and so has no objects."""
    doubts: tuple[str, ...] = ()
    """Reasons why a complete response may be wrong all the same, so that a large loss takes a person to approve."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A scope whose rows are now what the cluster says."""

    mode: Mode
    counts: Counts
    resource_version: str | None
    absence: Absence | None = None
    """Set when the cluster does not serve the resource."""
    drift: int | None = None
    """Rows that a check found to differ though every change had been applied; None: not checked."""
    warnings: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """The status of the report."""
        return "absent" if self.absence else "success"
