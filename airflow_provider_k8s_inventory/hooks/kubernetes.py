"""The hook: a Connection, or none, becomes contexts and clients.

The fields of a Connection are read in `connections`; what a client does is in `kube`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook, mask_secret

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import (
    InventoryError,
    UnauthorizedError,
    UnknownResourceError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.hooks import connections, probing
from airflow_provider_k8s_inventory.kube import discovery, listing, names
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import documents
from airflow_provider_k8s_inventory.kube.sources import kubeconfig as kubeconfigs
from airflow_provider_k8s_inventory.kube.sources.credentials import UnusableCredentials
from airflow_provider_k8s_inventory.kube.sources.kubeconfig import Context, Kubeconfig
from airflow_provider_k8s_inventory.model import Page, Resource

if TYPE_CHECKING:
    from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook


class KubernetesInventoryHook(BaseHook):
    """Contexts, clients and objects of many clusters, in raw JSON.

    .. code-block:: python

        hook = KubernetesInventoryHook()
        for context in hook.contexts(exclude=["*-sandbox"]):
            for page in hook.pages(context, "deployments"):
                print(context.name, len(page.items))

    :param kubernetes_conn_id: the Connection, of type `k8s_inventory` or `kubernetes`; None reads none and takes the
        default kubeconfigs: KUBECONFIG, ``~/.kube/config``, the cluster Airflow runs in.
    :param allow_exec: let a kubeconfig in the Connection run the commands it names to get credentials. They run on the
        worker, as its user, so who may edit the Connection may then run anything there. Kubeconfig files always may.
    """

    conn_name_attr = "kubernetes_conn_id"
    default_conn_name = "k8s_inventory_default"
    conn_type = "k8s_inventory"
    hook_name = "Kubernetes inventory"

    def __init__(self, kubernetes_conn_id: str | None = None, *, allow_exec: bool = False) -> None:
        super().__init__()
        self.kubernetes_conn_id = kubernetes_conn_id
        self.allow_exec = allow_exec

    @cached_property
    def fields(self) -> connections.Fields:
        """The fields of the Connection."""
        if self.kubernetes_conn_id is None:
            return connections.Fields()
        return connections.read(self.get_connection(self.kubernetes_conn_id))

    @cached_property
    def kubeconfig(self) -> Kubeconfig:
        """Every context there is; those of a Connection with its namespace and without TLS checks, if it says so.

        :raises UsageError: when there is no kubeconfig, or one that cannot be read.
        """
        fields = self.fields
        if fields.document is not None:
            found = kubeconfigs.parse(fields.document, source=fields.source, allow_exec=self.allow_exec)
        elif fields.in_cluster:
            found = kubeconfigs.in_cluster()
        else:
            found = kubeconfigs.load(fields.paths or None)
        changes: dict[str, Any] = {"namespace": fields.namespace} if fields.namespace else {}
        if fields.disable_verify_ssl:
            changes["insecure_skip_verify"] = True
        contexts = {
            name: replace(context, warnings=(*context.warnings, *fields.warnings), **changes)
            for name, context in found.contexts.items()
        }
        return replace(found, contexts=contexts)

    def contexts(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> tuple[Context, ...]:
        """Select the contexts that are asked for, in the kubeconfig's order.

        :param include: names or globs; empty means the Connection's `cluster_context`, else all.
        :param exclude: names or globs to leave out.
        :raises UnknownContextError: when one that is asked for does not exist; the message names those that do.
        """
        if not include and self.fields.cluster_context:
            include = (self.fields.cluster_context,)
        return kubeconfigs.select(self.kubeconfig, include, exclude)

    def client(self, context: str | Context, *, max_parallel_requests: int = 4) -> Client:
        """Make a client of one context, which sends nothing before its first use. Use it in a `with`, or close it.

        From here on, Airflow blots out the context's credentials in the task's log.

        :param context: a context, or its name, which is no glob here.
        :param max_parallel_requests: requests at a time; further ones wait.
        :raises UnknownContextError: when it does not exist.
        """
        if isinstance(context, str):
            context = self._context(context)
        _mask(context)
        return Client(context, max_parallel_requests=max_parallel_requests)

    def discover(self, context: str | Context) -> discovery.Discovery:
        """Every resource a cluster serves.

        :raises ScopeError: when the cluster does not respond.
        """
        with self.client(context) as client:
            return discovery.discover(client)

    def pages(
        self, context: str | Context, resource: str | Resource, *, namespace: str | None = None
    ) -> Iterator[Page]:
        """Yield the objects of one resource, page by page, each as the bytes it came in.

        From Kubernetes 1.37 on they may come without managedFields.

        :param context: a context or its name.
        :param resource: what `discover` gave, or a name: ``"pods"``, ``"leases.coordination.k8s.io"``.
        :param namespace: only this one.
        :raises UnknownResourceError: when the cluster does not serve it.
        :raises ExpiredError: when the cluster forgot the list between two pages; those that came are worth nothing.
        :raises ScopeError: when the cluster does not respond, or not with what was asked for.
        """
        limit = self.fields.page_size or listing.PAGE_SIZE
        with self.client(context) as client:
            found = resource if isinstance(resource, Resource) else _find(client, resource)
            yield from listing.pages(client, found.path(namespace), limit=limit, expected=found)

    def test_connection(self) -> tuple[bool, str]:
        """Ask every context for a response, for the button of Airflow's connection form.

        Airflow runs this in its API server, whose network and files need not be the workers'.
        """
        try:
            good, message = probing.probe(self.contexts())
        except InventoryError as error:
            return False, str(error)
        # The form calls a Connection by another name while it tests it.
        said = (warning.removeprefix(f"{self.fields.source}: ") for warning in self.fields.warnings)
        return good, "; ".join((message, *said))

    def kubernetes_hook(self, context: str | Context) -> KubernetesHook:
        """Airflow's own hook for one context, for what this one does not do. It brings in both Kubernetes clients.

        :raises UnauthorizedError: when the context's credentials are refused, such as `exec` from a Connection.
        :raises UnreachableError: when its cluster is refused; nothing is known of its credentials then.
        """
        from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
        from kubernetes.client import Configuration

        name = context if isinstance(context, str) else context.name
        one = self._context(name)
        if one.problem:
            raise UnreachableError(one.problem)
        if isinstance(one.credentials, UnusableCredentials):
            raise UnauthorizedError(one.credentials.problem)
        found: dict[str, Any] = self._stock_arguments()
        if not found.get("in_cluster"):
            # Without its own, a hook loads into the process-wide default, and two hooks mix their clusters.
            found |= {"cluster_context": name, "client_configuration": Configuration()}
        if self.fields.disable_verify_ssl:
            found["disable_verify_ssl"] = True
        # Both ids: with one of them None, the hook would look for the connection kubernetes_default.
        return KubernetesHook(conn_id=None, kubernetes_conn_id=None, **found)

    def _stock_arguments(self) -> dict[str, Any]:
        """Point the stock hook at the same kubeconfig; by itself it would prefer the pod to KUBECONFIG."""
        document, home = self.fields.document, Path("~/.kube/config").expanduser()
        if document is not None:
            if isinstance(document, str):
                document = documents.decode_whole(document, self.fields.source)
            return {"config_dict": dict(document)}
        files = ":".join(self.fields.paths) or os.environ.get("KUBECONFIG")
        if self.fields.in_cluster or not (files or home.exists()):
            return {"in_cluster": True}
        return {"config_file": files or str(home)}

    def _context(self, name: str) -> Context:
        return self.kubeconfig.context(name)


def _find(client: Client, name: str) -> Resource:
    with suppress(UnknownResourceError):  # what is never stored may be read all the same
        asked = resources.asked(name)
        definition = resources.CATALOGUE.get(asked.name)
        name = definition.resource.name if definition else str(asked)
    found = names.find(discovery.discover(client).resources, name)
    if found is None:
        raise UnknownResourceError(f"context {client.context.name} serves no resource {name!r} that can be listed")
    return found


def _mask(context: Context) -> None:
    """Blot out the credentials of a context in the task's log; private keys also as a kubeconfig writes them.

    Of the context that is used, and no other: with each secret Airflow compiles the pattern of all of them anew, which
    takes 50 s for a hundred tokens. For the same reason not the single lines of a key, as `print` would log them.
    """
    secrets = context.secrets()
    keys = [base64.b64encode(secret.encode()).decode() for secret in secrets if "\n" in secret]
    mask_secret([*secrets, *keys])
