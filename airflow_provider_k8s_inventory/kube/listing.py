"""List one resource of one cluster, page by page.

Requests, retries and errors are in `client`, lists of metadata only in `metadata`; what becomes of the objects is not
known here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import msgspec

from airflow_provider_k8s_inventory.exceptions import ExpiredError, ResponseError, TooLargeError
from airflow_provider_k8s_inventory.kube import matching, nesting
from airflow_provider_k8s_inventory.kube.endless import Progress
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.http.errors import CHECK_PROXY
from airflow_provider_k8s_inventory.kube.http.requests import JSON, REFUSALS, UNMANAGED
from airflow_provider_k8s_inventory.model import MetadataPage, Page, Resource, Selection


class ListMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """Fields of https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/list-meta/ objects."""

    resource_version: str | None = None
    token: str | None = msgspec.field(name="continue", default=None)


class _Name(msgspec.Struct, frozen=True):
    name: str | None = None
    namespace: str | None = None
    uid: str | None = None


class _Named(msgspec.Struct, frozen=True):
    metadata: _Name | None = None


class _List(msgspec.Struct, frozen=True):
    """A list. `items` is required: a document without it must not pass for an empty list, which would delete all."""

    kind: str | None
    items: list[msgspec.Raw] | None
    api_version: str | None = msgspec.field(name="apiVersion", default=None)
    metadata: ListMetadata | None = None


PAGE_SIZE: Final = 1000
"""Objects asked for at once, unless somebody says otherwise. An API server's effort for a page grows with what comes
after it (seen on 1.36 with 100,000 pods), so pages should be few. client-go asks for 500."""
FIRST_PAGE: Final = 100
"""Objects asked for at first, when nothing tells how large they are: of objects of 1.5 MB, as etcd takes them, 1000
would cost the API server gigabytes."""
GROWTH: Final = 10
"""A page is of at most so many times the objects of the one before it: large ones may come in a row. Chosen so that
the second page has `PAGE_SIZE` objects where they are small."""
PAGE_BYTES: Final = 6 << 20
"""Bytes, decoded, that pages after the first should have, judged by the one before: 1,000 pods of 6 kB."""
MOST_PAGE_BYTES: Final = 16 << 20
"""Bytes, decoded, at which a page is given up and asked for again with fewer objects; a sync holds two at a time."""
SHRINKING: Final = 8
"""The divisor of the number of objects then: two pages that are given up lead from 1,000 objects to 15."""

_DECODER: Final = msgspec.json.Decoder(_List)
_DEPTH: Final = 2
"""The levels that the items of a list are in: the list, and the array."""
_FIRST: Final = msgspec.json.Decoder(_Named)
_P = TypeVar("_P", Page, MetadataPage)


def pages(
    client: Client,
    path: str,
    query: Mapping[str, str] | None = None,
    *,
    limit: int,
    not_older_than: str | None = None,
    expected: Resource | None = None,
    managed: bool = False,
) -> Iterator[Page]:
    """Yield the pages of one consistent list.

    The list is complete when the iterator ends: its last page has no token.

    :param client: the cluster.
    :param path: that of the endpoint, as `Selection.endpoints` gives it.
    :param query: that of the endpoint.
    :param limit: objects per page, at most.
    :param not_older_than: a resourceVersion that the server has told; a state as old will do, which its cache has.
    :param expected: the resource it must be a list of; None: any.
    :param managed: with managedFields, also from servers that would leave them out.
    :raises ExpiredError: the server forgot the snapshot; what came so far is worth nothing, start again.
    :raises ScopeError: whatever else `Client.get` raises.
    """
    parameters: dict[str, str | int] = {**(query or {}), "limit": limit}
    if not_older_than is not None:
        parameters |= {"resourceVersion": not_older_than, "resourceVersionMatch": "NotOlderThan"}
    accept = JSON if managed else JSON + UNMANAGED
    return walk(client, path, parameters, accept=accept, read=partial(_read, expected=expected))


def current_version(client: Client, resource: Resource, selection: Selection) -> str:
    """Return the resourceVersion that the objects of a selection have now.

    :raises ScopeError: as `pages`.
    """
    # An object of no name is looked for in no time. A list of one would be made from a list of all that there is.
    namespace = next(iter(selection.namespaces), "default")
    (endpoint,) = selection.narrowed(namespace).endpoints(resource)
    return next(pages(client, *endpoint.named("-"), limit=1, expected=resource)).resource_version


def walk(
    client: Client,
    path: str,
    parameters: Mapping[str, str | int],
    *,
    accept: str,
    read: Callable[[bytes], _P],
) -> Iterator[_P]:
    """Ask for page after page of one consistent list.

    :param parameters: of the first page, ``limit`` among them; no later page is of more.
    :param accept: the media types wanted.
    :param read: makes a page of a response; raises ValueError for what is none.
    :raises ScopeError: as `pages`.
    """
    progress = Progress(path, f"context {client.context.name}")
    query, version = dict(parameters), None
    limit = min(int(parameters["limit"]), FIRST_PAGE)
    while True:
        body, limit, accept = _fetch(client, path, query, limit, accept)
        page = _parse(body, read, client, path)
        del body  # it would live until the next one has come
        # Every page of a consistent list has the resourceVersion of the first:
        # https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        if version is not None and page.resource_version != version:
            raise ExpiredError(
                f"context {client.context.name}: the list of {path} changed its resourceVersion", request=f"GET {path}"
            )
        progress.check(page, limit)
        token, version = page.token, page.resource_version
        if page.count:
            fitting = max(1, PAGE_BYTES * page.count // page.size)
            limit = min(int(parameters["limit"]), fitting, limit * GROWTH)
        yield page
        del page
        if token is None:
            return
        # A token has all that the first page was asked with, but the selectors.
        query = {key: value for key, value in parameters.items() if not key.startswith("resourceVersion")}
        query["continue"] = token


def _fetch(
    client: Client, path: str, query: Mapping[str, str | int], limit: int, accept: str
) -> tuple[bytes, int, str]:
    """Get one page; of fewer objects when they turn out to be large, and of any form when the wanted one is refused.

    A server that heeds no limit may send as much as one response may have.

    :returns: the page, the number of objects it may have, and the media types that were asked for.
    """
    while True:
        most = MOST_PAGE_BYTES if limit > 1 else client.response_bytes
        try:
            return client.get(path, {**query, "limit": limit}, accept=accept, most=most), limit, accept
        except TooLargeError:
            if limit == 1:
                raise
            limit = max(1, limit // SHRINKING)
        except ResponseError as error:
            if error.http_status not in REFUSALS or UNMANAGED not in accept:
                raise
            accept = accept.replace(UNMANAGED, "")


def _parse(body: bytes, read: Callable[[bytes], _P], client: Client, path: str) -> _P:
    try:
        return read(body)
    except (ValueError, RecursionError) as error:
        said = client.context.excerpt(str(error))
        raise ResponseError(
            f"context {client.context.name}: GET {path}: the response is not a Kubernetes list ({said})",
            advice=CHECK_PROXY,
            request=f"GET {path}",
        ) from None


def _read(body: bytes, expected: Resource | None) -> Page:
    response = _decode(body)
    if not response.kind:
        raise ValueError("it has no kind")
    items, metadata = response.items or [], response.metadata or ListMetadata()
    if expected:
        matching.check_list(expected, response.kind, response.api_version or "")
        matching.check_version(expected, metadata.resource_version or "")
    return Page(
        items=items,
        resource_version=metadata.resource_version or "",
        token=metadata.token or None,
        size=len(body),
        null=response.items is None,
        first=_first(items),
    )


def _decode(body: bytes) -> _List:
    """Decode a list; an object that msgspec cannot pass over, such as a deep one, does not cost the others.

    :raises ValueError: when it is no list.
    """
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        try:
            outer, inner = nesting.fold(body, _DEPTH)
            response = _DECODER.decode(outer)
        except ValueError:
            raise error from None
    items = None if response.items is None else [nesting.unfold(item, inner) for item in response.items]
    return msgspec.structs.replace(response, items=items)


def _first(items: Sequence[msgspec.Raw]) -> Hashable:
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError, IndexError):
        metadata = _FIRST.decode(items[0]).metadata
        if metadata and (metadata.uid or metadata.name):
            return metadata.uid, metadata.namespace, metadata.name
    return None
