"""The options commands share, and where their values come from: command line, ``--config`` file, environment.

The names of the file and of the environment are those of the CloudQuery plugin that this package replaces.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.cli import streams
from airflow_provider_k8s_inventory.cli.sourcefile import SourceFile
from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.sources.kubeconfig import Context
from airflow_provider_k8s_inventory.sync import expanding

_F = TypeVar("_F", bound=Callable[..., Any])

Select = Callable[[Sequence[str], Sequence[str]], tuple[Context, ...]]
"""Gives the contexts of names and globs, without those to leave out."""

_DATABASE = (
    click.option(
        "--config",
        "config_path",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="YAML with spec.spec.contexts, .resources and .database_url; ${NAME} is an environment variable.",
    ),
    click.option("--dsn", metavar="DSN", help="PostgreSQL connection string. [default: $DATABASE_URL]"),
    click.option("--schema", metavar="NAME", default="public", show_default=True, help="PostgreSQL schema."),
)

_OPTIONS = (
    click.option(
        "--kubeconfig",
        "kubeconfig_path",
        metavar="PATH",
        help="Kubeconfig file(s), separated as in $KUBECONFIG. [default: $KUBECONFIG, ~/.kube/config, in-cluster]",
    ),
    click.option(
        "--context",
        "contexts",
        metavar="NAME|GLOB",
        multiple=True,
        help="Context to read; repeatable. [default: $K8S_CONTEXTS, comma-separated, or all]",
    ),
    click.option("--exclude", metavar="NAME|GLOB", multiple=True, help="Context to leave out; repeatable."),
    click.option(
        "--resource",
        "names",
        metavar="NAME|GLOB|GROUP",
        multiple=True,
        help=f"Resource to read, or with ! in front to leave out; repeatable. Groups: {', '.join(resources.GROUPS)}. "
        f"[default: $K8S_RESOURCES, comma-separated, or {','.join(resources.DEFAULT)}]",
    ),
    *_DATABASE,
)


GATHERED = ("kubeconfig_path", "contexts", "exclude", "names", "config_path", "dsn")
"""The parameters of `gather` that the shared options give."""

_SELECTION = (
    click.option(
        "-n",
        "--namespace",
        "namespaces",
        metavar="NAME|GLOB",
        multiple=True,
        help="Namespace to read, or with ! in front to leave out; repeatable.",
    ),
    click.option(
        "-l",
        "--selector",
        "labels",
        metavar="SELECTOR",
        multiple=True,
        help="Read only objects of these labels: app=web,tier in (a,b); of one resource: pods:app=web.",
    ),
    click.option(
        "--field-selector",
        "fields",
        metavar="SELECTOR",
        multiple=True,
        help="Read only objects of these fields: pods:spec.nodeName=node-1.",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The contexts, resources and database that were asked for, wherever it was said."""

    contexts: tuple[Context, ...]
    names: tuple[str, ...]
    """The resources: names, globs, groups and exclusions."""
    dsn: str
    """Empty where a command does without a database, and none was named."""


def shared(command: _F) -> _F:
    """Give a command the shared options."""
    return reduce(lambda wrapped, option: option(wrapped), reversed(_OPTIONS), command)


def selecting(command: _F) -> _F:
    """Give a command the options that narrow what is read: `namespaces`, `labels` and `fields`."""
    return reduce(lambda wrapped, option: option(wrapped), reversed(_SELECTION), command)


def shared_of_database(command: _F) -> _F:
    """Give a command the shared options that say where the tables are."""
    return reduce(lambda wrapped, option: option(wrapped), reversed(_DATABASE), command)


inventoried_contexts = click.option(
    "--context", "contexts", metavar="NAME|GLOB", multiple=True, help="Only these contexts; repeatable."
)
"""Narrow what the database is asked to contexts that it knows."""
inventoried_resources = click.option(
    "--resource",
    "names",
    metavar="NAME|GLOB|GROUP",
    multiple=True,
    help="Only these resources, or with ! in front all but these; repeatable.",
)
"""Narrow what the database is asked to resources that it knows."""


def gather(
    *,
    kubeconfig_path: str | None,
    contexts: Sequence[str],
    exclude: Sequence[str],
    names: Sequence[str],
    config_path: Path | None,
    dsn: str | None,
    select: Select | None = None,
    database_needed: bool = True,
) -> Asked:
    """Find out what was asked for.

    :param select: gives the contexts that names and globs choose; None takes them from kubeconfigs.
    :param database_needed: whether it is wrong usage to name no database.
    :raises UsageError: when something cannot be, with what could.
    """
    config = SourceFile(config_path)
    found_dsn = database(config, dsn, needed=database_needed)
    wanted = resource_names(config, names) or resources.DEFAULT
    expanding.checked(wanted)  # before anything is asked of a cluster
    select = select or partial(_of_kubeconfigs, kubeconfig_path)
    return Asked(
        contexts=select(context_names(config, contexts), streams.decoded(exclude)),
        names=tuple(wanted),
        dsn=found_dsn,
    )


def _of_kubeconfigs(path: str | None, contexts: Sequence[str], exclude: Sequence[str]) -> tuple[Context, ...]:
    return kubeconfig.select(kubeconfig.load(path.split(os.pathsep) if path else None), contexts, exclude)


def database(config: SourceFile, dsn: str | None, *, needed: bool = True) -> str:
    """Find the DSN.

    :param needed: whether there must be one; else it may be empty.
    :raises UsageError: when there is none.
    """
    found = dsn or config.text("database_url") or os.environ.get("DATABASE_URL")
    if needed and not found:
        raise UsageError("no database: give --dsn, set DATABASE_URL, or database_url in --config")
    return found or ""


def context_names(config: SourceFile, contexts: Sequence[str]) -> Sequence[str]:
    """Find the names and globs of contexts; empty: all."""
    return streams.decoded(contexts) or config.names("contexts") or streams.decoded(_split("K8S_CONTEXTS"))


def resource_names(config: SourceFile, names: Sequence[str]) -> Sequence[str]:
    """Find the names, globs, groups and exclusions of resources; empty: nobody named any."""
    return names or config.names("resources") or _split("K8S_RESOURCES")


def _split(variable: str) -> list[str]:
    return [name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()]
