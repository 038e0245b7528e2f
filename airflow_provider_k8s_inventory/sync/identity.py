"""Compare the cluster that responds with the one a scope's rows were read from, before anything is listed or written.

`kube.cluster` asks a cluster who it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from airflow_provider_k8s_inventory.exceptions import NotServedError, ResponseError, ScopeError
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.postgres import rows
from airflow_provider_k8s_inventory.postgres.rows import Provenance
from airflow_provider_k8s_inventory.postgres.scopes import State
from airflow_provider_k8s_inventory.postgres.target import Target
from airflow_provider_k8s_inventory.sync.storing import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The cluster that responds, compared with that of the rows."""

    refusal: str | None = None
    """The reason why the rows are of another one, and the advice; None: they are not, or nothing tells."""
    warning: str | None = None
    """A remark for a sync that goes on."""


def compare(
    cursor: psycopg.Cursor[Any],
    target: Target,
    state: State | None,
    context: Context,
    uid: str | None,
    problem: ScopeError | None = None,
) -> Comparison:
    """Compare the cluster that responds with the one the scope's rows were read from.

    Where the state tells, the rows are not looked at: all that a good sync left are of the cluster it named.

    :param state: what the last good sync left.
    :param uid: the UID of the cluster that responds; None: it cannot be told.
    :param problem: why it cannot.
    """
    if state and state.invalid_reason is None and state.cluster_uid == uid:
        return Comparison()
    found = rows.provenance(cursor, target) or _marked(cursor, target, uid)
    others = [each for each in found if each.cluster_uid not in (None, uid)]
    if others and uid is not None:
        return Comparison(refusal=_refusal(target, context, others, f"now cluster {uid} responds"))
    if others and isinstance(problem, NotServedError):
        # A right may be withdrawn; the namespace kube-system cannot be deleted.
        return Comparison(refusal=_refusal(target, context, others, "now one without a namespace kube-system responds"))
    unknown = sum(each.rows for each in found if each.cluster_uid is None)
    if uid and unknown:
        some = f"{unknown} rows of {target.table.name} have no cluster_uid"
        return Comparison(warning=f"{some}: whether they are of this cluster could not be compared")
    return Comparison()


def check_namespaces(store: Store) -> None:
    """Check that the namespaces have the one that just told which cluster this is.

    :raises ResponseError: when they do not.
    """
    uid, target = store.resolved.cluster_uid, store.target
    if store.resolved.definition.name == "namespaces" and uid and not rows.hold(store.cursor, target, uid):
        raise ResponseError(
            f"context {target.context_name}: the namespace kube-system, which was read just before, is not among "
            "the namespaces, so nothing was changed: is there a proxy in between?"
        )


def _marked(cursor: psycopg.Cursor[Any], target: Target, uid: str | None) -> list[Provenance]:
    """Rows that are marked as deleted count where there are no others; they may be of several clusters in turn."""
    found = rows.provenance(cursor, target, marked=True)
    return [] if any(each.cluster_uid == uid for each in found) else found


def _refusal(target: Target, context: Context, others: list[Provenance], now: str) -> str:
    was = " and ".join(
        f"{each.rows} rows of {target.table.name} were read from cluster {each.cluster_uid}, "
        f"the first at {each.since:%Y-%m-%d %H:%M %Z}"
        for each in others
    )
    return (
        f"context {context.name} points at another cluster than before: {was}, and {now} at {context.server} "
        "(the UID of its namespace kube-system tells): nothing was changed. If it is to take the place of the old one, "
        "sync once with accept_new_cluster=True (--accept-new-cluster); else put the context right in the kubeconfig"
    )
