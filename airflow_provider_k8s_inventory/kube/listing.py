"""List one resource of one cluster, page by page.

Requests, retries and errors are in `client`, lists of metadata only in `metadata`; what becomes of the objects is not
known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, TypeVar

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError, ExpiredError
from airflow_provider_k8s_inventory.kube import matching, nesting
from airflow_provider_k8s_inventory.kube.client import JSON, Client
from airflow_provider_k8s_inventory.model import MetadataPage, Page, Resource

# What field selectors are made of: k8s.io/apimachinery/pkg/fields, EscapeValue.
_ESCAPED: Final = re.compile(r"([\\,=])")
_ESCAPE: Final = r"\\\1"


class ListMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/list-meta/, what we read of it."""

    resource_version: str = ""
    token: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct, frozen=True):
    """A list; without ``items`` an answer is none, and must not pass for an empty one."""

    kind: str
    items: list[msgspec.Raw] | None
    api_version: str = msgspec.field(name="apiVersion", default="")
    metadata: ListMetadata = ListMetadata()


PAGE_SIZE: Final = 1000
"""Objects asked for at once, unless somebody says otherwise. An API server's effort for a page grows with what comes
after it (seen on 1.36 with 100,000 pods), so pages should be few."""
PAGE_BYTES: Final = 6 << 20
"""Where objects are large, the pages after the first are of fewer, so that they have about so many at most."""

_DECODER: Final = msgspec.json.Decoder(_List)
_DEPTH: Final = 2
"""What the items of a list are in: the list, and the array."""
_P = TypeVar("_P", Page, MetadataPage)


def pages(
    client: Client,
    path: str,
    *,
    limit: int,
    name: str | None = None,
    not_older_than: str | None = None,
    expected: Resource | None = None,
) -> Iterator[Page]:
    """The pages of one consistent list.

    The list is complete when the iterator ends: its last page has no token.

    :param client: the cluster.
    :param path: what to list, as `Resource.path` gives it.
    :param limit: objects per page, at most.
    :param name: list only the object of that name, where the server selects by fields; an aggregated one may not.
    :param not_older_than: a resourceVersion that the server has told; a state as old will do, which its cache has.
    :param expected: whose list it must be; None: whatever comes.
    :raises ExpiredError: the server forgot the snapshot; what came so far is worth nothing, start again.
    :raises ScopeError: whatever else `Client.get` raises.
    """
    parameters: dict[str, str | int] = {"limit": limit}
    if name is not None:
        parameters["fieldSelector"] = f"metadata.name={_ESCAPED.sub(_ESCAPE, name)}"
    if not_older_than is not None:
        parameters |= {"resourceVersion": not_older_than, "resourceVersionMatch": "NotOlderThan"}
    return walk(client, path, parameters, accept=JSON, read=partial(_read, expected=expected))


def current_version(client: Client, resource: Resource, namespace: str | None = None) -> str:
    """The resourceVersion of a collection now.

    :raises ScopeError: as `pages`.
    """
    # An object of no name is looked for in no time. A list of one would be made from a list of all that there is.
    path = resource.path(namespace or ("default" if resource.namespaced else None))
    return next(pages(client, path, limit=1, name="-", expected=resource)).resource_version


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
    :param read: makes a page of an answer; raises ValueError for what is none.
    :raises ScopeError: as `pages`.
    """
    what = f"context {client.context.name}: GET {path}"
    query, version = dict(parameters), None
    tokens: set[str] = set()
    while True:
        body = client.get(path, query, accept=accept)
        try:
            page = read(body)
        except (ValueError, RecursionError) as error:
            raise AnswerError(
                f"{what}: the answer is not a Kubernetes list ({error}): is there a proxy in between?"
            ) from error
        # Every page of a consistent list has the resourceVersion of the first:
        # https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        if version is not None and page.resource_version != version:
            raise ExpiredError(f"context {client.context.name}: the list of {path} changed its resourceVersion")
        if page.token in tokens:
            raise AnswerError(f"{what} gave the same continue token twice")
        yield page
        if page.token is None:
            return
        tokens.add(page.token)
        version = page.resource_version
        # A token has all that the first page was asked with, but the selectors.
        query = {key: value for key, value in parameters.items() if not key.startswith("resourceVersion")}
        query["continue"] = page.token
        if page.count:
            query["limit"] = min(int(parameters["limit"]), max(1, PAGE_BYTES * page.count // page.size))


def _read(body: bytes, expected: Resource | None) -> Page:
    answer = _decode(body)
    if expected:
        matching.check_list(expected, answer.kind, answer.api_version)
        matching.check_version(expected, answer.metadata.resource_version)
    return Page(
        items=answer.items or [],
        resource_version=answer.metadata.resource_version,
        token=answer.metadata.token or None,
        size=len(body),
        null=answer.items is None,
    )


def _decode(body: bytes) -> _List:
    """Decode a list; an object that msgspec cannot pass over, such as a deep one, is no matter for the others.

    :raises ValueError: when it is no list.
    """
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        try:
            outer, inner = nesting.fold(body, _DEPTH)
            answer = _DECODER.decode(outer)
        except ValueError:
            raise error from None
    items = None if answer.items is None else [nesting.unfold(item, inner) for item in answer.items]
    return msgspec.structs.replace(answer, items=items)
