"""List one resource of one cluster, page by page.

Requests, retries and errors are in `client`; what becomes of the objects is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError, ExpiredError
from airflow_provider_k8s_inventory.kube import text
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.model import Page

METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


# What field selectors are made of: k8s.io/apimachinery/pkg/fields, EscapeValue.
_ESCAPED: Final = re.compile(r"([\\,=])")
_ESCAPE: Final = r"\\\1"


class _ListMetadata(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    token: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct, frozen=True):
    """A list; without ``items`` an answer is none, and must not pass for an empty one.

    Its kind proves nothing: a CustomResourceDefinition names its lists as it likes (``spec.names.listKind``).
    """

    kind: str
    items: list[msgspec.Raw] | None
    metadata: _ListMetadata = _ListMetadata()


_DECODER: Final = msgspec.json.Decoder(_List)


def pages(
    client: Client,
    path: str,
    *,
    limit: int,
    metadata_only: bool = False,
    at: str | None = None,
    name: str | None = None,
) -> Iterator[Page]:
    """The pages of one consistent list.

    The list is complete when the iterator ends: its last page has no token.

    :param client: the cluster.
    :param path: what to list, as `Resource.path` gives it.
    :param limit: objects per page.
    :param metadata_only: ask for the metadata of the objects only.
    :param name: list only the object of that name, where the server selects by fields; an aggregated one may not.
    :param at: list what was there at exactly this resourceVersion; None: what is there now.
    :raises ExpiredError: the server forgot the snapshot; what came so far is worth nothing, start again.
    :raises ScopeError: whatever else `Client.get` raises.
    """
    token, version = None, None
    while True:
        parameters: dict[str, str | int] = {"limit": limit}
        if name is not None:
            parameters["fieldSelector"] = f"metadata.name={_ESCAPED.sub(_ESCAPE, name)}"
        if token:
            parameters["continue"] = token
        elif at is not None:
            parameters |= {"resourceVersion": at, "resourceVersionMatch": "Exact"}
        body = client.get(path, parameters, accept=METADATA_ONLY if metadata_only else "application/json")
        page = _parse(body, f"context {client.context.name}: GET {path}")
        # Every page of a consistent list has the resourceVersion of the first:
        # https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        if version is not None and page.resource_version != version:
            raise ExpiredError(f"context {client.context.name}: the list of {path} changed its resourceVersion")
        if page.token is not None and page.token == token:
            raise AnswerError(f"context {client.context.name}: GET {path} gave the same continue token twice")
        token, version = page.token, page.resource_version
        yield page
        if token is None:
            return


def _parse(body: bytes, what: str) -> Page:
    body, replaced = text.holdable(body)
    try:
        answer = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerError(
            f"{what}: the answer is not a Kubernetes list ({error}): is there a proxy in between?"
        ) from error
    return Page(
        items=answer.items or [],
        resource_version=answer.metadata.resource_version,
        token=answer.metadata.token or None,
        size=len(body),
        replaced=replaced,
    )


def current_version(client: Client, path: str) -> str:
    """The resourceVersion of a collection now.

    :raises ScopeError: as `pages`.
    """
    return next(pages(client, path, limit=1, metadata_only=True)).resource_version
