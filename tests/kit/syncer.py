"""Sync scopes as an operator or the command line would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import psycopg

from airflow_provider_k8s_inventory import sync as core
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.model import Origin, SyncReport
from airflow_provider_k8s_inventory.sync.fleet import run_context
from tests.kit.settings import settings as settings_of

NO_WAIT: Mapping[str, Any] = {"backoff": 0}
"""For clients of simulated clusters, which are there at once or never."""
SHORT_WAIT: Mapping[str, Any] = {"connect_timeout": 5, "retries": 2, "backoff": 0.05}
"""For clients of clusters that may be real."""


class Syncer:
    """Syncs with a client and a connection of each sync's own.

    :param contexts: reads the contexts that are there now.
    :param dsn: the database.
    :param context: the context of syncs that name none.
    :param waits: how patient its clients are.
    :param defaults: settings that hold unless a sync says otherwise.
    """

    def __init__(
        self,
        contexts: Callable[[], Mapping[str, Context]],
        dsn: str,
        *,
        context: str = "dev",
        waits: Mapping[str, Any] = NO_WAIT,
        **defaults: Any,
    ) -> None:
        self.dsn = dsn
        self._contexts = contexts
        self._context = context
        self._waits = waits
        self._defaults = defaults

    def client(self, context: str | None = None) -> Client:
        """A client of a context."""
        return Client(self._contexts()[context or self._context], **self._waits)

    def __call__(
        self,
        resource: str = "pods",
        *,
        context: str | None = None,
        client: Client | None = None,
        conn: psycopg.Connection | None = None,
        origin: Origin | None = None,
        **settings: Any,
    ) -> SyncReport:
        """Sync one scope.

        :param client: the client to use, and to close; None makes one for this sync.
        :param conn: the connection to use; None opens one for this sync.
        """
        with ExitStack() as stack:
            client = stack.enter_context(client or self.client(context))
            conn = conn or stack.enter_context(psycopg.connect(self.dsn))
            return core.run(client, conn, resource, settings_of(**self._defaults | settings), origin)

    def all(self, *names: str) -> dict[str, SyncReport]:
        """Sync what names and globs mean, side by side; the reports by resource."""
        with self.client() as client:
            connect = partial(psycopg.connect, self.dsn)
            reports = list(run_context(client, names, connect, settings_of(**self._defaults)))
        return {report.resource: report for report in reports}
