"""Describe one request: its target, and the headers it carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

import urllib3

from airflow_provider_k8s_inventory import __version__
from airflow_provider_k8s_inventory.kube.sources.contexts import Context

JSON: Final = "application/json"
UNMANAGED: Final = ";drop=metadata.managedFields"
"""A parameter of a media type: objects may come without managedFields, which are a third of a pod, and half of its
metadata. Kubernetes 1.37 can leave them out, earlier servers ignore it (KEP-5958)."""
REFUSALS: Final = frozenset({400, 406})
"""The statuses of who does not know a parameter and will not ignore it, as a proxy may."""
USER_AGENT: Final = f"airflow-provider-k8s-inventory/{__version__}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request, as often as it is sent."""

    method: str
    path: str
    params: Mapping[str, str | int] | None = None
    body: bytes | None = None
    accept: str = JSON

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def target(self) -> str:
        """The path with its query."""
        return self.path + (f"?{urlencode(self.params, quote_via=quote, safe='')}" if self.params else "")

    def headers(self, context: Context, authorization: str | None) -> urllib3.HTTPHeaderDict:
        """Return the headers it is sent with.

        :param context: the context it is sent to, which tells whom to impersonate.
        :param authorization: the value of that header; None: none is sent.
        """
        headers = urllib3.HTTPHeaderDict({"Accept": self.accept, "User-Agent": USER_AGENT})
        if not context.disable_compression:
            headers["Accept-Encoding"] = "gzip"
        if self.body is not None:
            headers["Content-Type"] = JSON
        if authorization:
            headers["Authorization"] = authorization
        for name, value in context.impersonation:
            # Header values are bytes; http.client takes text for latin-1, Go sends UTF-8.
            headers.add(name, value.encode().decode("latin-1"))
        return headers
