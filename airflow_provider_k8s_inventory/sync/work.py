"""What one sync works with, and what is known of it so far: handed through the ways of reading a scope."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import psycopg

from airflow_provider_k8s_inventory import __version__, resources
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.model import Changes, MetadataPage, Mode, Page, Scope, Table
from airflow_provider_k8s_inventory.postgres import loading
from airflow_provider_k8s_inventory.postgres.ledger import State
from airflow_provider_k8s_inventory.postgres.statements import Target
from airflow_provider_k8s_inventory.sync.reading import Answer
from airflow_provider_k8s_inventory.sync.rows import RowReader
from airflow_provider_k8s_inventory.sync.settings import Settings


@dataclass(kw_only=True, slots=True)
class Tally:
    """What is known of a sync so far; a failed one reports it too."""

    namespaces: tuple[str, ...] = ()
    cluster_uid: str | None = None
    mode: Mode = "full"
    fallback: str | None = None
    resource_version: str | None = None
    pages: int = 0
    bytes: int = 0
    seen: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    drift: int | None = None
    warnings: list[str] = field(default_factory=list)
    rows: int = 0
    """How many live rows the scope had at the start."""
    doubts: list[str] = field(default_factory=list)
    """Why a complete response may be wrong all the same, so that a large loss takes a person to approve."""

    def took(self, piece: Page | MetadataPage | Changes) -> None:
        """Count what came from the cluster."""
        self.pages += 1
        self.bytes += piece.size


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What one sync works with, inside its transaction."""

    client: Client
    cursor: psycopg.Cursor[Any]
    target: Target
    answer: Answer
    settings: Settings
    tally: Tally
    state: State | None
    """What the last good sync left."""
    replaces: bool
    """Whether the rows are of another cluster, whose place this one was allowed to take."""

    @property
    def since(self) -> str:
        """The resourceVersion at which the rows were complete; empty when there is none."""
        return (self.state.resource_version if self.state else None) or ""

    @property
    def path(self) -> str:
        """Where the scope is listed and watched as one collection."""
        return self.answer.definition.resource.path(self.namespace)

    @property
    def namespace(self) -> str | None:
        """The one namespace that collection is narrowed to, if it is."""
        return next(iter(self.answer.namespaces), None)

    @property
    def shape(self) -> str:
        """What rows are made of now; rows of another shape must be read whole again."""
        # A custom resource's version is the one its cluster prefers by now.
        version = self.answer.definition.resource.api_version
        # Between two releases the columns may change.
        columns = sha256(repr(self.target.table.columns).encode()).hexdigest()[:8]
        kept = "" if self.settings.store_object else " without object"
        marked = " with deleted rows" if self.settings.on_delete == "mark" else ""
        return f"{__version__} {columns} {version}{kept}{marked}"

    def reader(self) -> RowReader:
        """A reader of this scope's objects."""
        return RowReader(
            self.answer.definition, store_object=self.settings.store_object, namespaces=self.answer.namespaces
        )

    @property
    def keeps_uid(self) -> bool:
        """Whether rows keep their cluster_uid while it cannot be told; new ones have none."""
        return not self.settings.accept_new_cluster

    def merge(self) -> None:
        """Write the staged rows that are new or differ; each object is staged once."""
        merged = loading.merge(self.cursor, self.target, self.answer.cluster_uid, keep_uid=self.keeps_uid)
        self.tally.inserted += merged.inserted
        self.tally.updated += merged.updated


def target_of(scope: Scope, table: Table, schema: str) -> Target:
    """The rows a scope speaks of; its namespaces are those it is read in."""
    return Target(
        schema=schema,
        table=table,
        context_name=scope.context_name,
        namespaces=scope.namespaces,
        resource=None if scope.resource in resources.CATALOGUE else scope.resource,
    )
