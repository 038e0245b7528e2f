"""What one sync works with, and what is known of it so far: handed through the ways of reading a scope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory import __version__
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.model import Changes, MetadataPage, Mode, Page
from airflow_provider_k8s_inventory.postgres import loading
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
        return RowReader(self.answer.definition, store_object=self.settings.store_object)

    def remove(self, gone: sql.Composable, uids: Iterable[str] = ()) -> None:
        """Remove the rows that are proven gone.

        :raises RefusedError: by the mass-delete guard.
        """
        self.tally.deleted += loading.remove(
            self.cursor,
            self.target,
            gone,
            on_delete=self.settings.on_delete,
            allow_mass_delete=self.settings.allow_mass_delete,
            uids=list(uids),
        )

    def merge(self) -> loading.Merged:
        """Write the staged rows that are new or differ."""
        merged = loading.merge(self.cursor, self.target, self.answer.cluster_uid)
        self.tally.inserted += merged.inserted
        self.tally.updated += merged.updated
        return merged
