"""List the metadata of one resource's objects: their names, and the resourceVersion of each.

Whole objects come from `listing`, which also walks the pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import ResponseError
from airflow_provider_k8s_inventory.kube import listing, matching, protobuf, text
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.http.requests import UNMANAGED
from airflow_provider_k8s_inventory.model import MetadataPage, Resource, Seen

# Every server of built-in and custom resources speaks protobuf here; that of an aggregated API may not:
# https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
ACCEPT: Final = ",".join(
    f"{media_type};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1{UNMANAGED}"
    for media_type in ("application/vnd.kubernetes.protobuf", "application/json")
)


class _Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str
    uid: str | None = None
    resource_version: str | None = None
    namespace: str | None = None


class _Object(msgspec.Struct, frozen=True):
    metadata: _Metadata


class _List(msgspec.Struct, frozen=True):
    kind: str
    items: list[_Object] | None
    api_version: str | None = msgspec.field(name="apiVersion", default=None)
    metadata: listing.ListMetadata | None = None


_LIST: Final = msgspec.json.Decoder(_List)
_OBJECT: Final = msgspec.json.Decoder(_Object)


def pages(
    client: Client,
    path: str,
    query: Mapping[str, str] | None = None,
    *,
    limit: int,
    at: str | None = None,
    expected: Resource | None = None,
) -> Iterator[MetadataPage]:
    """Yield the pages of one consistent list of metadata; complete when the iterator ends.

    :param client: the cluster.
    :param path: as for `listing.pages`.
    :param query: as for `listing.pages`.
    :param limit: objects per page, at most.
    :param at: list what was there at exactly this resourceVersion; None: what is there now.
    :param expected: as for `listing.pages`; metadata alone do not say whose they are.
    :raises ScopeError: as `listing.pages`; the items of a page raise ResponseError.
    """
    parameters: dict[str, str | int] = {**(query or {}), "limit": limit}
    if at is not None:
        parameters |= {"resourceVersion": at, "resourceVersionMatch": "Exact"}
    for page in listing.walk(client, path, parameters, accept=ACCEPT, read=partial(read, expected=expected)):
        yield replace(page, items=_items(page, client, path))


def _items(page: MetadataPage, client: Client, path: str) -> Iterator[Seen]:
    try:
        yield from page.items
    except ValueError as error:
        said = client.context.excerpt(str(error))
        raise ResponseError(
            f"context {client.context.name}: GET {path}: an item of the list is not an object of Kubernetes ({said})",
            request=f"GET {path}",
        ) from None


def seen(item: bytes | msgspec.Raw) -> Seen:
    """Read from an object what a list of metadata would tell of it.

    :param item: the object, as JSON.
    :raises ValueError: when it is none.
    """
    return _seen(text.decode(_OBJECT, item))


def read(body: bytes, expected: Resource | None) -> MetadataPage:
    """Read one page.

    :raises ValueError: when it is none, or another resource's.
    """
    page = protobuf.metadata_page(body) if body.startswith(protobuf.MAGIC) else _read_json(body, expected)
    if expected:
        matching.check_version(expected, page.resource_version)
    return page


def _read_json(body: bytes, expected: Resource | None) -> MetadataPage:
    response = text.decode(_LIST, body)
    if expected and response.kind != protobuf.KIND:  # a server that sends whole objects all the same
        matching.check_list(expected, response.kind, response.api_version or "")
    if expected and response.items is None:
        raise ValueError("its items are null")
    items, metadata = response.items or [], response.metadata or listing.ListMetadata()
    return MetadataPage(
        items=map(_seen, items),
        count=len(items),
        resource_version=metadata.resource_version or "",
        token=metadata.token or None,
        size=len(body),
        first=_seen(items[0])[:3] if items else None,
    )


def _seen(item: _Object) -> Seen:
    metadata = item.metadata
    return Seen(metadata.uid or "", metadata.namespace, metadata.name, metadata.resource_version or "")
