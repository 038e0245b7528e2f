"""The hook: a Connection, or none, becomes contexts and clients.

The fields of a Connection are read in `connections`; what a client does is in `kube`.
"""

from __future__ import annotations

import base64
import dataclasses
import glob
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook, mask_secret

from airflow_provider_k8s_inventory.exceptions import InventoryError
from airflow_provider_k8s_inventory.hooks import connections
from airflow_provider_k8s_inventory.kube import contexts, kubeconfig
from airflow_provider_k8s_inventory.kube.client import Client

if TYPE_CHECKING:
    from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook

    from airflow_provider_k8s_inventory.kube.discovery import Discovery
    from airflow_provider_k8s_inventory.model import Page, Resource


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
        """What the Connection says, field by field."""
        if self.kubernetes_conn_id is None:
            return connections.Fields()
        return connections.read(self.get_connection(self.kubernetes_conn_id))

    @cached_property
    def kubeconfig(self) -> contexts.Kubeconfig:
        """Every context there is.

        :raises KubeconfigError: when there is no kubeconfig, or one that cannot be used.
        """
        fields = self.fields
        if fields.document is not None:
            found = kubeconfig.parse(fields.document, source=fields.source, allow_exec=self.allow_exec)
        elif fields.in_cluster:
            found = kubeconfig.in_cluster()
        else:
            found = kubeconfig.load(fields.paths or None)
        changes: dict[str, Any] = {}
        if fields.namespace:
            changes["namespace"] = fields.namespace
        if fields.disable_verify_ssl:
            changes["insecure_skip_verify"] = True
        changed = {name: dataclasses.replace(context, **changes) for name, context in found.contexts.items()}
        return dataclasses.replace(found, contexts=changed)

    def contexts(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> tuple[contexts.Context, ...]:
        """The contexts that are asked for, in the kubeconfig's order.

        :param include: names or globs; empty means the Connection's `cluster_context`, else all.
        :param exclude: names or globs to leave out.
        :raises UnknownContextError: when one that is asked for does not exist; the message names those that do.
        """
        if not include and self.fields.cluster_context:
            include = (self.fields.cluster_context,)
        return contexts.select(self.kubeconfig, include, exclude)

    def context(self, name: str) -> contexts.Context:
        """One context by its name, which is no glob here; its credentials are masked in every log from now on.

        :raises UnknownContextError: when it does not exist.
        """
        context = self.kubeconfig.contexts.get(name)
        if context is None:
            # Finds nothing either, and says it well.
            (context,) = contexts.select(self.kubeconfig, (glob.escape(name),))
        _mask(context)
        return context

    def client(self, context: str | contexts.Context) -> Client:
        """A client of one context; no request is sent before its first use. Close it, or use it in a `with`."""
        return Client(self.context(context if isinstance(context, str) else context.name))

    def discover(self, context: str | contexts.Context) -> Discovery:
        """Every resource the cluster serves."""
        from airflow_provider_k8s_inventory.kube import discovery

        with self.client(context) as client:
            return discovery.discover(client)

    def pages(
        self, context: str | contexts.Context, resource: str | Resource, *, namespace: str | None = None
    ) -> Iterator[Page]:
        """The objects of one resource, page by page, each as the bytes it came in.

        :param context: a context or its name.
        :param resource: as kubectl writes it, for example ``"pods"`` or ``"certificates.cert-manager.io"``.
        :param namespace: only this one.
        :raises ScopeError: when the cluster cannot be read.
        """
        raise NotImplementedError

    def test_connection(self) -> tuple[bool, str]:
        """Whether the first context answers; for the Test button of Airflow's connection form.

        Airflow runs this in its API server, whose network and files need not be the worker's.
        """
        try:
            first, *others = self.contexts()
            with self.client(first) as client:
                client.get("/version")
        except InventoryError as error:
            return False, str(error)
        return True, f"Context {first.name} answers; {len(others)} more in {self.kubeconfig.source} were not asked"

    def kubernetes_hook(self, context: str | contexts.Context) -> KubernetesHook:
        """Airflow's own hook for one context, for whatever this one does not do."""
        raise NotImplementedError


def _mask(context: contexts.Context) -> None:
    """Blot out the context's credentials in all logs, also as a kubeconfig writes them, which is in base64."""
    secrets = context.secrets()
    mask_secret([*secrets, *(base64.b64encode(secret.encode()).decode() for secret in secrets)])
