"""The meaning of names in the other contexts of a run, for a context in which they mean nothing.

Where one context serves certificates as `cert`, another one lacks the same resource, and the name is not wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from airflow_provider_k8s_inventory.model import SyncReport


@dataclass(kw_only=True, slots=True)
class Elsewhere:
    """The names of one run; may be used by several threads."""

    _meant: dict[str, str] = field(default_factory=dict)
    _synced: set[tuple[str, str]] = field(default_factory=set)
    _held: list[tuple[str, SyncReport]] = field(default_factory=list)

    def learn(self, context_name: str, name: str, canonical: str) -> None:
        """Keep what a name means in one context, which syncs it."""
        self._meant[name] = canonical
        self._synced.add((context_name, canonical))

    def hold(self, name: str, report: SyncReport) -> None:
        """Keep the report of a name that one context could not resolve until all contexts have tried."""
        self._held.append((name, report))

    def settle(self) -> Iterator[SyncReport]:
        """Release the reports that were held: absent where another context knows the name, else as they were."""
        for name, report in self._held:
            canonical = self._meant.get(name)
            if canonical is None:
                yield report
            elif (report.context_name, canonical) not in self._synced:
                self._synced.add((report.context_name, canonical))
                reason = f"context {report.context_name} does not serve {canonical}"
                yield replace(report, resource=canonical, status="absent", reason=reason)
