"""The simulator gives the answers a real API server gives: the same requests to both, compared whole.

What differs from server to server (identities, versions, times, who manages which field) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from airflow_provider_k8s_inventory.simulator import Cluster, Simulator, User
from tests.clusters.control_plane import ControlPlane
from tests.fixtures.simulated import METADATA, WIDGETS
from tests.fixtures.waiting import wait_until

VARYING = frozenset({"uid", "resourceVersion", "creationTimestamp", "continue", "serverAddress"})
WITHOUT = frozenset({"managedFields", "remainingItemCount", "storageVersionHash"})
HERE = "/api/v1/namespaces/parity/configmaps"
WIDGETS_HERE = "/apis/example.com/v1/namespaces/parity/widgets"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Side:
    """One of the two servers."""

    def __init__(self, server: str, ca_file: str, tokens: dict[str, str]) -> None:
        self._server = server
        self._tokens = tokens
        self.pool = urllib3.PoolManager(ca_certs=ca_file, retries=False, timeout=20)

    def ask(
        self, method: str, path: str, body: Any = None, *, accept: str = "application/json", user: str = "admin"
    ) -> tuple[int, Any]:
        """Status and answer: JSON, else its text."""
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self._tokens.get(user, 'wrong')}", "Accept": accept}
        answer = self.pool.request(
            method, self._server + path, json=body, headers=headers | {"Content-Type": content_type}
        )
        if answer.headers["Content-Type"].startswith("text/plain"):
            return answer.status, answer.data.decode()
        return answer.status, scrubbed(answer.json())


def scrubbed(value: Any) -> Any:
    """A document without what differs from server to server."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in WITHOUT}
        return {key: "…" if key in VARYING and item else scrubbed(item) for key, item in kept.items()}
    return [scrubbed(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def sides(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """A real server and a simulated one, with the same in them."""
    cluster = Cluster("dev", users=[User(name="admin"), User(name="reader", groups=(), allowed=())])
    ca_file = tmp_path_factory.mktemp("parity") / "ca.crt"
    with Simulator([cluster]) as simulator:
        ca_file.write_bytes(simulator.ca("dev"))
        tokens = {user: simulator.token("dev", user) for user in ("admin", "reader")}
        pair = _real(control_plane), Side(simulator.url("dev"), str(ca_file), tokens)
        for side in pair:
            _fill(side)
        yield pair
        for side in pair:
            side.pool.clear()


def _real(control_plane: ControlPlane) -> Side:
    users = control_plane.kubeconfig({"admin": "admin", "reader": "reader"})["users"]
    tokens = {user["name"]: user["user"]["token"] for user in users}
    return Side(control_plane.server, str(control_plane.ca_file), tokens)


def _fill(side: Side) -> None:
    side.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "parity"}})
    for name in ("one", "two", "three"):
        side.ask("POST", HERE, {"metadata": {"name": name, "labels": {"name": name, "set": "yes"}}, "data": {"a": "b"}})
    side.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", WIDGETS)
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": {"size": 1}}
    wait_until(lambda: side.ask("POST", WIDGETS_HERE, widget)[0] == 201, "the new resource to be served")


READS = [
    f"{HERE}?labelSelector=set",
    f"{HERE}?limit=2&labelSelector=set",
    f"{HERE}?labelSelector=name+in+(two,three),set%3Dyes",
    f"{HERE}?fieldSelector=metadata.name%3Dtwo",
    f"{HERE}/one",
    f"{HERE}/none",
    f"{HERE}/one/status",
    f"{HERE}?resourceVersionMatch=Exact",
    f"{HERE}?sendInitialEvents=true",
    f"{HERE}?watch=1&sendInitialEvents=true",
    f"{HERE}?watch=1&resourceVersionMatch=NotOlderThan",
    WIDGETS_HERE,
    f"{WIDGETS_HERE}/one",
    f"{WIDGETS_HERE}/one/status",
    "/apis/example.com/v1beta1/namespaces/parity/widgets",
    "/apis/example.com",
    "/apis/example.com/v1",
    "/apis/apps",
    "/api",
    "/api/v1/nothings",
    "/apis/nothing.example.com/v1",
    "/apis/nothing.example.com/v1/nothings",
    "/readyz",
]


@pytest.mark.parametrize("path", READS)
def test_reads_are_answered_alike(sides: tuple[Side, Side], path: str) -> None:
    real, simulated = sides
    assert simulated.ask("GET", path) == real.ask("GET", path)


@pytest.mark.parametrize("path", [f"{HERE}?labelSelector=set", WIDGETS_HERE])
def test_metadata_is_answered_alike(sides: tuple[Side, Side], path: str) -> None:
    real, simulated = sides
    accept = METADATA.format("List")
    assert simulated.ask("GET", path, accept=accept) == real.ask("GET", path, accept=accept)


WRITES: list[tuple[str, str, Any]] = [
    ("POST", HERE, {"metadata": {"name": "one"}}),
    ("POST", HERE, {"metadata": {}}),
    ("POST", HERE, {"metadata": {"name": "x", "namespace": "default"}}),
    ("POST", "/api/v1/namespaces/nowhere/configmaps", {"metadata": {"name": "x"}}),
    ("POST", f"{HERE}/one", {"metadata": {"name": "one"}}),
    ("PUT", f"{HERE}/one", {"metadata": {"name": "one", "resourceVersion": "1"}}),
    ("PATCH", f"{HERE}/two", {"data": {"a": None, "c": "d"}}),
    ("PATCH", f"{WIDGETS_HERE}/one", {"spec": {"size": 2}}),
    ("PATCH", f"{WIDGETS_HERE}/one/status", {"status": {"ok": True}, "spec": {"size": 3}}),
    ("DELETE", f"{HERE}/none", None),
    ("DELETE", "/api/v1/namespaces", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_writes_are_answered_alike(sides: tuple[Side, Side], method: str, path: str, body: Any) -> None:
    real, simulated = sides
    assert simulated.ask(method, path, body) == real.ask(method, path, body)


@pytest.mark.parametrize(
    "path",
    ["/api/v1/pods", "/apis/apps/v1/namespaces/parity/deployments/web", "/api/v1/nothings", "/api/v1/pods?watch=1"],
)
@pytest.mark.parametrize("user", ["reader", "nobody"])
def test_denials_are_worded_alike(sides: tuple[Side, Side], user: str, path: str) -> None:
    real, simulated = sides
    assert simulated.ask("GET", path, user=user) == real.ask("GET", path, user=user)


@pytest.mark.parametrize("root", ["/api", "/apis"])
def test_discovery_is_the_same_but_for_alpha_and_beta(sides: tuple[Side, Side], root: str) -> None:
    real, simulated = (side.ask("GET", root, accept=AGGREGATED) for side in sides)

    def stable(answer: Any) -> list[Any]:
        groups = ((group, [v for v in group["versions"] if _is_stable(v["version"])]) for group in answer["items"])
        return [group | {"versions": versions} for group, versions in groups if versions]

    assert stable(simulated[1]) == stable(real[1])


def _is_stable(version: str) -> bool:
    return "alpha" not in version and "beta" not in version
