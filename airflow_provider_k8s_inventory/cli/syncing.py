"""The options of commands that sync, and the settings that they make."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial, reduce
from typing import Any, Final, TypeVar, get_args

import click

from airflow_provider_k8s_inventory import sync as core
from airflow_provider_k8s_inventory.cli import logs, pruning
from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.kube.listing import PAGE_SIZE
from airflow_provider_k8s_inventory.resources import histories
from airflow_provider_k8s_inventory.resources.redaction import KEEPABLE
from airflow_provider_k8s_inventory.sync.selections import parse
from airflow_provider_k8s_inventory.sync.settings import AskedMode

_F = TypeVar("_F", bound=Callable[..., Any])

_VERIFY = "In delta mode, check against all metadata every N syncs, and once a day; 0: never."
_MODE = "Read all objects, their metadata first, or only changes since the last sync; auto: the cheapest safe one."
_PARALLEL = "Maximum number of parallel requests to one cluster."
_REDACT = (
    "Take out before anything is stored; repeatable: env-values, configmap-values, annotations:GLOB, or a path such as "
    ".spec.token or pods:.spec.containers[*].args."
)
_KEEP_EVENTS = "Days that events stay after the API server has forgotten them; 0: they go as others do."
_HISTORY = (
    "Keep, or not, the history of changes; repeatable: off, pods:90 (days), leases:on, or a path whose changes mean "
    "nothing, such as pods:status.x."
)
_NO_HISTORY = "Keep no history, or none of this resource; repeatable."
_PAGE_SIZE = "Maximum number of objects per request; fewer if they are large."

_OPTIONS: Final = (
    click.option("--no-object", is_flag=True, help="Do not store whole objects: leave the column object empty."),
    click.option("--redact", metavar="RULE", multiple=True, help=_REDACT),
    click.option(
        "--keep", type=click.Choice(KEEPABLE), multiple=True, help="Store what is left out otherwise; repeatable."
    ),
    click.option(
        "--on-delete",
        type=click.Choice(["delete", "mark"]),
        default="delete",
        show_default=True,
        help="Delete the rows of objects that are gone, or mark them in deleted_at.",
    ),
    click.option(
        "--allow-mass-delete", is_flag=True, help="Let a sync delete more than half of a scope of over 100 rows."
    ),
    click.option(
        "--max-deletes", metavar="N", type=click.IntRange(0), help="Let a sync delete up to N rows of a scope."
    ),
    click.option(
        "--accept-new-cluster", is_flag=True, help="Accept that a context points to another cluster than before."
    ),
    click.option("--mode", type=click.Choice(get_args(AskedMode)), default="auto", show_default=True, help=_MODE),
    click.option("--verify-every", metavar="N", type=click.IntRange(0), default=24, show_default=True, help=_VERIFY),
    click.option(
        "--max-parallel-requests", metavar="N", type=click.IntRange(1), default=4, show_default=True, help=_PARALLEL
    ),
    click.option(
        "--migrate",
        type=click.Choice(["safe", "forced"]),
        default="safe",
        show_default=True,
        help="Bring the tables up to date first; forced: even where that destroys data.",
    ),
    click.option(
        "--page-size", metavar="N", type=click.IntRange(1), default=PAGE_SIZE, show_default=True, help=_PAGE_SIZE
    ),
    click.option("--keep-events", metavar="DAYS", type=pruning.DAYS, default=7, show_default=True, help=_KEEP_EVENTS),
    pruning.keep_syncs,
    click.option("--history", metavar="RULE", multiple=True, help=_HISTORY),
    click.option(
        "--no-history", metavar="[NAME|GLOB]", multiple=True, is_flag=False, flag_value=histories.ALL, help=_NO_HISTORY
    ),
    pruning.keep_history,
)


def options(command: _F) -> _F:
    """Give a command the options of a sync."""
    return reduce(lambda wrapped, option: option(wrapped), reversed(_OPTIONS), command)


def settings(
    *,
    schema: str,
    names: tuple[str, ...],
    namespaces: tuple[str, ...],
    labels: tuple[str, ...],
    fields: tuple[str, ...],
    no_object: bool,
    history: tuple[str, ...],
    no_history: tuple[str, ...],
    **others: Any,
) -> core.Settings:
    """Make the settings of what was asked for.

    :param names: the resources, which the selectors are checked with.
    :param others: settings of the same names.
    :raises UsageError: when something cannot be.
    """
    selections = parse(namespaces, labels, fields)
    selections.check(names)
    return core.Settings(
        schema=schema,
        selections=selections,
        store_object=not no_object,
        histories=_histories(history, no_history),
        **others,
    )


def _histories(history: tuple[str, ...], no_history: tuple[str, ...]) -> histories.Histories:
    """Read the rules of both options: what is off for all comes first, what is off for some last."""
    of_all = [f"{histories.ALL}:{histories.OFF}"] if histories.ALL in no_history else []
    of_some = [f"{each}:{histories.OFF}" for each in no_history if each != histories.ALL]
    return histories.Histories.read([*of_all, *history, *of_some])


def prune(dsn: str, settings: core.Settings, keep_history: int, keep_syncs: int) -> None:
    """Drop what is old, and say what could not be dropped; a sync is no worse for what stays."""
    for drop in (
        partial(pruning.lines, dsn, settings.schema, keep_syncs),
        partial(pruning.history, dsn, settings.schema, keep_history, settings.histories),
    ):
        try:
            drop()
        except DatabaseError as error:
            logs.say(f"warning: {error}", err=True, level=logging.WARNING)
