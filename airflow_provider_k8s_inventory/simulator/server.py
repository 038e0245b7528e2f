"""One simulated API server: an HTTP request comes in, an answer goes out.

Here is the order of things (fault, who, whether, what); each of them is done in a module of its own. Sockets and
threads are in `simulator`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from airflow_provider_k8s_inventory.simulator import access, answers, discovery, errors, listing, rendering, watching
from airflow_provider_k8s_inventory.simulator.answers import Answer
from airflow_provider_k8s_inventory.simulator.cluster import Cluster, Request
from airflow_provider_k8s_inventory.simulator.faults import Fault
from airflow_provider_k8s_inventory.simulator.negotiation import content_type, negotiate
from airflow_provider_k8s_inventory.simulator.objects import decode
from airflow_provider_k8s_inventory.simulator.reviews import review
from airflow_provider_k8s_inventory.simulator.served import Served
from airflow_provider_k8s_inventory.simulator.targets import Target, target, verb
from airflow_provider_k8s_inventory.simulator.writing import Part

_JSON: Final = frozenset({"application/json", "application/octet-stream"})
"""The second is what aiohttp reads when a client names no type."""
_PATCHES: Final = frozenset({"application/merge-patch+json", "application/strategic-merge-patch+json"})
"""Both are merged by RFC 7386; the second would merge lists by their keys."""
_REASONS: Final = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_CREDENTIALS: Final = frozenset({"authorization", "cookie"})


class Server:
    """Answers the requests to one cluster.

    :param token: the bearer token of a user that brings none of its own.
    """

    def __init__(self, cluster: Cluster, token: Callable[[str], str]) -> None:
        self._cluster = cluster
        self._token = token

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, and put it on record."""
        at, query = target(request.path), dict(request.query)
        seen = Request(
            method=request.method,
            path=request.path,
            query=query,
            verb=verb(request.method, at, query),
            headers={k.lower(): v for k, v in request.headers.items() if k.lower() not in _CREDENTIALS},
        )
        self._cluster.requests.append(seen)
        fault = self._cluster.faults.next(seen.path, seen.verb, query)
        if fault is not None:
            await asyncio.sleep(fault.latency)
            if fault.reset:
                answers.reset(request)
                return web.Response()
        try:
            return await self._respond(request, seen, at, fault)
        except errors.StatusError as error:
            seen.code = error.code
            return await answers.send(request, answers.refusal(error))

    async def _respond(
        self, request: web.BaseRequest, seen: Request, at: Target | None, fault: Fault | None
    ) -> web.StreamResponse:
        truncate = fault.truncate if fault else None
        if fault is not None and fault.answers:
            answer = _failure(fault)
        else:
            user = self._authenticate(request)
            seen.user = user.name
            if at is None:
                answer = self._describe(request)
            else:
                _authorize(user, seen.verb, at)
                served = self._served(at, seen.verb)
                if seen.verb == "watch":
                    seen.code = 200
                    return await self._watch(request, served, at, truncate)
                answer = await self._act(request, seen, served, at, user)
        seen.code = answer.code
        return await answers.send(request, answer, truncate)

    def _authenticate(self, request: web.BaseRequest) -> access.User:
        users = self._cluster.users
        tokens = {user.token or self._token(user.name): user.name for user in users.values()}
        peer = request.get_extra_info("peercert")
        return access.authenticate(users, tokens, request.headers.get("Authorization"), peer)

    def _served(self, at: Target, verb_: str) -> Served:
        registry = self._cluster.registry
        if (at.group, at.version) in registry.stale:
            raise errors.StatusError(503, "ServiceUnavailable", "service unavailable")
        served = registry.at(at.group, at.version, at.plural)
        if served is None or (at.namespace is not None and not served.namespaced):
            raise errors.page_not_found()
        if at.subresource is None:
            if verb_ not in served.verbs:
                raise errors.method_not_allowed()
        elif at.subresource != "status" or all(sub.name != "status" for sub in served.subresources):
            raise errors.page_not_found()
        return served

    def _describe(self, request: web.BaseRequest) -> Answer:
        """What is not a resource: discovery, version, health."""
        match request.path.strip("/").split("/"):
            case ["healthz" | "livez" | "readyz", *_]:
                return answers.raw(b"ok", content_type="text/plain; charset=utf-8")
            case ["version"]:
                return answers.document(discovery.version(self._cluster.version))
            case ["api" | "apis" as root]:
                return self._groups(request, core=root == "api")
            case ["api", version]:
                return answers.document(discovery.resources(self._cluster.registry, "", version))
            case ["apis", group]:
                return answers.document(discovery.group(self._cluster.registry, group))
            case ["apis", group, version]:
                return answers.document(discovery.resources(self._cluster.registry, group, version))
        raise errors.page_not_found()

    def _groups(self, request: web.BaseRequest, *, core: bool) -> Answer:
        offered = {"object", "discovery/v2", "discovery/v2beta1"} if self._cluster.aggregated_discovery else {"object"}
        form = negotiate(request.headers.get("Accept"), offered)
        registry = self._cluster.registry
        if form != "object":
            described = discovery.aggregated(registry, form.removeprefix("discovery/"), core=core)
        else:
            described = discovery.versions(request.host) if core else discovery.groups(registry)
        return answers.document(described, content_type=content_type(form))

    async def _watch(
        self, request: web.BaseRequest, served: Served, at: Target, truncate: int | None
    ) -> web.StreamResponse:
        form = negotiate(request.headers.get("Accept"), ("object", "metadata"))
        watch = watching.read(served, at.namespace, form, request.query, watch_list=self._cluster.watch_list)
        lines = watching.stream(self._cluster.store, watch, self._cluster.bookmark_after)
        return await answers.stream(request, lines, truncate)

    async def _act(
        self, request: web.BaseRequest, seen: Request, served: Served, at: Target, user: access.User
    ) -> Answer:
        form = negotiate(request.headers.get("Accept"), ("object", "metadata"))
        if seen.verb == "list":
            part = listing.page(self._cluster.store, served, at.namespace, request.query)
            size, pieces = rendering.list_of(served, part, form)
            return Answer(size=size, pieces=pieces)
        writer, part_ = self._cluster.writer, _part(served, at)
        body = await _body(request, seen.verb)
        if seen.verb == "create":
            if (reviewed := review(at.plural, user, body)) is not None:
                return answers.document(reviewed, 201)
            return answers.raw(rendering.one(served, writer.create(served, at.namespace, body), form), 201)
        if seen.verb == "deletecollection":
            part = listing.page(self._cluster.store, served, at.namespace, request.query)
            for entry in part.entries:
                writer.delete(served, entry.namespace or None, entry.name)
            return answers.document(_success(served))
        name = at.name or ""
        match seen.verb:
            case "update":
                entry = writer.replace(served, at.namespace, name, body, part_)
            case "patch":
                entry = writer.patch(served, at.namespace, name, body, part_)
            case "delete":
                writer.delete(served, at.namespace, name, body.get("preconditions"))
                return answers.document(_success(served, name))
            case _:
                entry = writer.get(served, at.namespace, name)
        return answers.raw(rendering.one(served, entry, form))
