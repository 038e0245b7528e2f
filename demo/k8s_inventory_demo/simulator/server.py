"""One simulated API server: an HTTP request comes in, a response goes out.

Here is the order of things (fault, who, whether, what); each of them is done in a module of its own. Sockets and
threads are in `simulator`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec
from aiohttp import web

from k8s_inventory_demo.simulator import access, discovery, errors, responses
from k8s_inventory_demo.simulator.actions import ACTIONS, Call
from k8s_inventory_demo.simulator.cluster import Cluster, Request
from k8s_inventory_demo.simulator.faults import Fault
from k8s_inventory_demo.simulator.negotiation import Form, content_type, negotiate
from k8s_inventory_demo.simulator.objects import decode
from k8s_inventory_demo.simulator.options import read
from k8s_inventory_demo.simulator.responses import Response
from k8s_inventory_demo.simulator.reviews import SELF_REVIEWS
from k8s_inventory_demo.simulator.served import Served
from k8s_inventory_demo.simulator.targets import Target, target, verb
from k8s_inventory_demo.simulator.watching import Watch

_JSON: Final = frozenset({"application/json", "application/octet-stream"})
"""The second is what aiohttp reads when a client names no type."""
_PATCHES: Final = frozenset({"application/merge-patch+json", "application/strategic-merge-patch+json"})
"""Both are merged by RFC 7386; a real server merges the second's lists by their keys."""
_OBJECTS: Final[tuple[Form, ...]] = ("object", "object/unmanaged", "metadata", "metadata/unmanaged")
_LISTS: Final[tuple[Form, ...]] = (*_OBJECTS, "metadata/protobuf")
_GROUPS: Final[tuple[Form, ...]] = ("object", "discovery/v2", "discovery/v2beta1")
_CREDENTIALS: Final = frozenset({"authorization", "cookie"})


class Server:
    """The server of one cluster.

    :param token: the bearer token of a user that brings none of its own.
    """

    def __init__(self, cluster: Cluster, token: Callable[[str], str]) -> None:
        self._cluster = cluster
        self._token = token

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Respond to one request, and put it on record."""
        at = target(request.path)
        seen = _seen(request, at)
        self._cluster.requests.append(seen)
        fault = self._cluster.faults.next(seen.path, seen.verb, seen.query)
        truncate = None
        if fault is not None:
            truncate = fault.truncate
            await asyncio.sleep(fault.latency)
            if fault.reset:
                responses.reset(request)
                return web.Response()
        try:
            response = await self._respond(request, seen, at, fault)
        except errors.StatusError as error:
            response = responses.refusal(error)
        seen.code = response.code
        return await responses.send(request, response, truncate)

    async def _respond(
        self, request: web.BaseRequest, seen: Request, at: Target | None, fault: Fault | None
    ) -> Response:
        if fault is not None and fault.replaces:
            return responses.failure(fault)
        user = self._authenticate(request)
        seen.user = user.name
        if at is None:
            return self._describe(request)
        if at.resource not in SELF_REVIEWS and not user.may(seen.verb, at.resource, at.namespace):
            raise access.forbidden(user, seen.verb, at)
        served = self._served(at, seen.verb)
        offered = _LISTS if seen.verb == "list" and served.group not in self._cluster.json_only else _OBJECTS
        form = negotiate(request.headers.get("Accept"), offered)
        if seen.verb == "watch":
            options = read(seen.query, watch=True, watch_list=self._cluster.watch_list)
            watch = Watch(served, at.namespace, form, options, self._cluster.bookmark_after)
            events = watch.stream(self._cluster.store)
            await anext(events)  # what happens after the client got the response's head is an event
            return responses.endless(events)
        call = Call(
            cluster=self._cluster,
            user=user,
            served=served,
            at=at,
            query=seen.query,
            body=await _body(request),
            form=form,
        )
        return ACTIONS[seen.verb](call)

    def _authenticate(self, request: web.BaseRequest) -> access.User:
        users = self._cluster.users
        tokens = {user.token or self._token(user.name): user.name for user in users.values()}
        peer = request.get_extra_info("peercert")
        return access.authenticate(users, tokens, request.headers.get("Authorization"), peer)

    def _served(self, at: Target, verb_: str) -> Served:
        """Find the resource a request is for, once it is sure that it has what is asked for."""
        registry = self._cluster.registry
        if (at.group, at.version) in registry.stale:
            raise errors.unavailable()
        if not registry.of(at.group, at.version):
            raise errors.page_not_found()
        served = registry.at(at.group, at.version, at.plural)
        if served is None or not _fits(served, at):
            raise errors.not_served()
        if verb_ not in ACTIONS.keys() | {"watch"} or (at.subresource is None and verb_ not in served.verbs):
            raise errors.method_not_allowed()
        return served

    def _describe(self, request: web.BaseRequest) -> Response:
        """Respond to what is not a resource: discovery, version, health."""
        registry = self._cluster.registry
        match request.path.strip("/").split("/"):
            case ["healthz" | "livez" | "readyz", *_]:
                return responses.raw(b"ok", content_type="text/plain; charset=utf-8")
            case ["version"]:
                return responses.document(discovery.version(self._cluster.version))
            case ["api" | "apis" as root]:
                return self._groups(request, core=root == "api")
            case ["api", version]:
                return responses.document(discovery.resources(registry, "", version))
            case ["apis", group]:
                return responses.document(discovery.group(registry, group))
            case ["apis", group, version]:
                return responses.document(discovery.resources(registry, group, version))
        raise errors.page_not_found()

    def _groups(self, request: web.BaseRequest, *, core: bool) -> Response:
        offered: Collection[Form] = _GROUPS if self._cluster.aggregated_discovery else ("object",)
        form = negotiate(request.headers.get("Accept"), offered)
        if form != "object":
            described = discovery.aggregated(self._cluster.registry, form.removeprefix("discovery/"), core=core)
        elif core:
            described = discovery.versions(request.host)
        else:
            described = discovery.groups(self._cluster.registry)
        return responses.document(described, content_type=content_type(form))


def _seen(request: web.BaseRequest, at: Target | None) -> Request:
    query = dict(request.query)
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower() not in _CREDENTIALS}
    return Request(
        method=request.method,
        path=request.path,
        query=query,
        verb=verb(request.method, at, query),
        headers=headers,
    )


def _fits(served: Served, at: Target) -> bool:
    """Tell if a resource has such paths: namespaces only where it is namespaced, and of subresources the status."""
    if at.subresource is not None and not (at.subresource == "status" and served.has_status):
        return False
    if at.namespace is not None:
        return served.namespaced
    return at.name is None or not served.namespaced


async def _body(request: web.BaseRequest) -> dict[str, Any]:
    """Read the request's JSON, or nothing."""
    if not (body := await request.read()):
        return {}
    if request.content_type not in (_PATCHES if request.method == "PATCH" else _JSON):
        raise errors.unsupported_media_type()
    try:
        document = decode(body)
    except msgspec.DecodeError as error:
        raise errors.bad_request(f"couldn't read the body: {error}") from error
    if not isinstance(document, dict):
        raise errors.bad_request("the body is not an object")
    return document
