"""A member that is null is absent, as it is to client-go: Go's encoders write null for what they have not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory.exceptions import ForbiddenError, ResponseError
from airflow_provider_k8s_inventory.kube import access, discovery, watching
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.model import Resource
from tests.kit.inventory import Inventory
from tests.kit.raw_server import RawServer, response
from tests.kit.syncer import Syncer

PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)


def serving(bodies: dict[str, Any]) -> RawServer:
    """Answers each path with its document."""
    return RawServer(
        lambda request: iter([response(json.dumps(bodies[request.split()[1].partition("?")[0]]).encode())])
    )


def aggregated(**more: Any) -> dict[str, Any]:
    pods = {"resource": "pods", "scope": "Namespaced", "verbs": ["list"], "responseKind": {"kind": "Pod"}}
    version = {"version": "v1", "resources": [pods, {"resource": "null", "scope": None, "verbs": None} | more]}
    return {"kind": "APIGroupDiscoveryList", "items": [{"metadata": None, "versions": [version]}]}


@pytest.mark.parametrize(
    "more",
    [
        {"responseKind": None, "verbs": ["list"]},
        {"responseKind": {"group": None, "kind": None}, "verbs": ["list"]},
        {"subresources": None, "shortNames": None, "categories": None, "singularResource": None},
    ],
)
def test_in_discovery(more: dict[str, Any]) -> None:
    apis = {
        "kind": "APIGroupDiscoveryList",
        "items": [
            {"metadata": {"name": "a.example.com"}, "versions": None},
            {"metadata": {"name": "b.example.com"}, "versions": [{"version": "v1", "resources": None}]},
            {
                "metadata": {"name": "c.example.com", "creationTimestamp": None},
                "versions": [{"version": "v1", "resources": [], "freshness": None}],
            },
        ],
    }
    with serving({"/api": aggregated(**more), "/apis": apis}) as server, Client(server.context) as client:
        found = discovery.discover(client)
    assert found.find("pods") is not None
    assert "" not in found.unproven


def test_in_discovery_of_old_servers() -> None:
    bodies = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/api/v1": {"kind": "APIResourceList", "resources": None},
        "/apis": {
            "kind": "APIGroupList",
            "groups": [
                {"name": "a.example.com", "versions": None, "preferredVersion": None},
                {"name": "b.example.com", "versions": [{"version": "v1"}], "preferredVersion": {"version": None}},
            ],
        },
        "/apis/b.example.com/v1": {
            "kind": "APIResourceList",
            "resources": [{"name": "widgets", "kind": "Widget", "namespaced": True, "verbs": None, "shortNames": None}],
        },
    }
    with serving(bodies) as server, Client(server.context) as client:
        assert discovery.discover(client).resources == ()


def test_in_the_answer_of_an_authorizer() -> None:
    body = {"metadata": None, "spec": None, "status": {"allowed": True, "reason": None, "denied": None}}
    with serving({access._ACCESS: body}) as server, Client(server.context) as client:
        assert access.may_list(client, PODS) == (True, "")


def test_in_a_status() -> None:
    body = json.dumps({"kind": "Status", "message": None, "reason": None, "details": None}).encode()
    with (
        RawServer(lambda _: iter([response(body, status="403 Forbidden")])) as server,
        Client(server.context) as client,
        pytest.raises(ForbiddenError, match="gave 403; grant the verb"),
    ):
        client.get("/api")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ERROR", "object": {"code": None, "message": None, "reason": None, "metadata": None}},
        {"type": "BOOKMARK", "object": {"metadata": None}},
        {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": None}}},
        {"type": "ADDED", "object": {"metadata": {"resourceVersion": None}}},
    ],
)
def test_in_the_events_of_a_watch(event: dict[str, Any]) -> None:
    last = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "2"}}}
    lines = b"".join(json.dumps(each).encode() + b"\n" for each in (event, last))
    with RawServer(lambda _: iter([response(lines)])) as server, Client(server.context) as client:
        changes = watching.changes(client, "/api/v1/pods", since="1", until="2")
        if event["type"] == "ERROR":
            with pytest.raises(ResponseError, match="the API server ended it with an error"):
                list(changes)
        else:
            assert [piece.resource_version for piece in changes] == ["2"]


def test_in_the_version(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.inject(Fault(path="^/version$", body=b'{"gitVersion":null,"major":null,"minor":null}'))
    assert sync("clusters").status == "success"
    with sync.client() as client:
        assert client.get("/version")
