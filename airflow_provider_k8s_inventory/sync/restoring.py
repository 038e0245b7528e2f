"""Compare the resourceVersion of a list with the one of the scope's last good sync: a cluster's only goes forward.

`kube.matching` checks that a list has one at all.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import AnswerError, ForbiddenError, NotServedError
from airflow_provider_k8s_inventory.kube import listing, versions
from airflow_provider_k8s_inventory.model import Resource
from airflow_provider_k8s_inventory.sync.work import Work

_TIMES: Final = 2
"""Requests over new connections: a load balancer leads them to one server after the other."""


def is_behind(work: Work, version: str) -> bool:
    """Tell if a list is older than the scope's rows; one of their resourceVersions may then come twice."""
    return not work.replaces and versions.precedes(version, work.since)


def check(work: Work) -> None:
    """Find the reason when a complete list is older than the scope's last one.

    One API server of several may lag behind. When all say the same, storage was restored from a backup: the list
    counts, with a warning, but a large loss takes a person to approve.

    :raises AnswerError: when the cluster is known to be further than the list.
    """
    version, resource = work.tally.resource_version or "", work.answer.definition.resource
    if not is_behind(work, version):
        return
    asked = [resource]
    if work.answer.definition.name in resources.CATALOGUE:  # all of which have one storage
        asked.append(resources.CATALOGUE["namespaces"].resource)
    for each in asked * _TIMES:
        now = _now(work, each)
        if versions.reaches(now, work.since):
            raise AnswerError(
                f"context {work.client.context.name}: the list of {work.answer.definition.name} is of resourceVersion "
                f"{version}, the rows are of {work.since}, and the cluster is at {now}: one of its API servers, or a "
                "proxy in front of them, lags behind; nothing was changed: run again"
            )
    went_back = f"the resourceVersion of the cluster went back from {work.since} to {version}"
    work.tally.doubts.append(went_back)
    work.tally.warnings.append(f"{went_back}: restored from a backup? Every object was read anew")


def _now(work: Work, resource: Resource) -> str:
    """The resourceVersion over a new connection; none where it may not be read."""
    with work.client.anew() as client, suppress(ForbiddenError, NotServedError):
        return listing.current_version(client, resource, work.namespace if resource.namespaced else None)
    return ""
