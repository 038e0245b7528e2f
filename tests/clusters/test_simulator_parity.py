"""The simulator gives the answers a real API server gives: the same requests to both, compared whole.

What differs from server to server (identities, versions, times, who manages which field) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import urllib3
from k8s_inventory_demo.simulator import Cluster, Simulator, User, protobuf

from airflow_provider_k8s_inventory.kube.http.requests import UNMANAGED
from tests.clusters import programs
from tests.clusters.control_plane import ControlPlane
from tests.kit.objects import widget_definition
from tests.kit.served import METADATA
from tests.kit.waiting import wait_until

VARYING = frozenset({"uid", "resourceVersion", "creationTimestamp", "continue", "serverAddress"})
WITHOUT = frozenset({"managedFields", "remainingItemCount", "storageVersionHash"})
HERE = "/api/v1/namespaces/parity/configmaps"
WIDGETS_HERE = "/apis/example.com/v1/namespaces/parity/widgets"
CORE = "/api/v1/namespaces"
IN_JSON = METADATA.format("List")
IN_PROTOBUF = IN_JSON.replace("application/json", "application/vnd.kubernetes.protobuf")
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
        answer = self.send(method, path, body, accept=accept, user=user)
        if answer.headers["Content-Type"].startswith("text/plain"):
            return answer.status, answer.data.decode()
        return answer.status, scrubbed(answer.json())

    def send(
        self, method: str, path: str, body: Any = None, *, accept: str = "application/json", user: str = "admin"
    ) -> urllib3.BaseHTTPResponse:
        """The answer as it is."""
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self._tokens.get(user, 'wrong')}", "Accept": accept}
        return self.pool.request(
            method, self._server + path, json=body, headers=headers | {"Content-Type": content_type}
        )


def scrubbed(value: Any) -> Any:
    """A document without what differs from server to server."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in WITHOUT}
        return {key: "…" if key in VARYING and item else scrubbed(item) for key, item in kept.items()}
    return [scrubbed(item) for item in value] if isinstance(value, list) else value


def test_managed_fields_are_dropped_by_the_simulator_and_later_servers(sides: tuple[Side, Side]) -> None:
    minor = int(sides[0].send("GET", "/version").json()["minor"])

    for accept in ("application/json", IN_JSON):
        given = [side.send("GET", HERE, accept=accept + UNMANAGED) for side in sides]
        came = [all("managedFields" in item["metadata"] for item in answer.json()["items"]) for answer in given]

        assert [answer.status for answer in given] == [200, 200]
        # Kubernetes 1.37 has it behind a feature gate, and 1.36 does not know it.
        assert came[1:] == [False]
        assert came[0] or minor > 36


@pytest.fixture(scope="module")
def sides(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """A real server and a simulated one, with the same in them."""
    cluster = Cluster("dev", users=[User(name="admin"), User(name="reader", groups=(), allowed=())])
    with Simulator([cluster]) as simulator:
        pair = _real(control_plane), _simulated(simulator, tmp_path_factory.mktemp("parity") / "ca.crt")
        for side in pair:
            _fill(side)
        yield pair
        for side in pair:
            side.pool.clear()


def _real(control_plane: ControlPlane) -> Side:
    users = control_plane.kubeconfig({"admin": "admin", "reader": "reader"})["users"]
    tokens = {user["name"]: user["user"]["token"] for user in users}
    return Side(control_plane.server, str(control_plane.ca_file), tokens)


def _simulated(simulator: Simulator, ca_file: Path) -> Side:
    ca_file.write_bytes(simulator.ca("dev"))
    tokens = {user: simulator.token("dev", user) for user in simulator["dev"].users}
    return Side(simulator.url("dev"), str(ca_file), tokens)


def _fill(side: Side) -> None:
    side.ask("POST", CORE, {"metadata": {"name": "parity"}})
    for name in ("one", "two", "three"):
        side.ask("POST", HERE, {"metadata": {"name": name, "labels": {"name": name, "set": "yes"}}, "data": {"a": "b"}})
    definition = widget_definition(versions=("v1beta1", "v1"), stored="v1")
    side.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
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


@pytest.mark.parametrize("path", [f"{HERE}?labelSelector=set", f"{HERE}?labelSelector=none", WIDGETS_HERE])
def test_metadata_is_answered_alike(sides: tuple[Side, Side], path: str) -> None:
    real, simulated = sides
    assert simulated.ask("GET", path, accept=IN_JSON) == real.ask("GET", path, accept=IN_JSON)


@pytest.fixture(scope="module")
def full_of_metadata(sides: tuple[Side, Side]) -> Side:
    """The real server, with objects that have all there is in metadata."""
    real, _ = sides
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "é", "uid": "u"}
    metadata = {
        "generateName": "full-",
        "labels": {"b": "", "a.example.com/x": "1", "a": "x" * 63, "B": "2"},
        "annotations": {"z": "\0\n<&>\u2028", "example.com/a": "é😀" * 3000, "a": ""},
        "ownerReferences": [owner, owner | {"uid": "v", "controller": False, "blockOwnerDeletion": True}],
        "finalizers": ["example.com/b", "example.com/a"],
    }
    spec = {"nodeName": "nowhere", "containers": [{"name": "main", "image": "example.com/main"}]}
    real.ask("POST", CORE, {"metadata": {"name": "metadata"}})
    bodies: dict[str, dict[str, Any]] = {
        f"{CORE}/metadata/configmaps": {"data": {"a.b": "c"}},
        f"{CORE}/metadata/pods": {"spec": spec},
        "/apis/example.com/v1/namespaces/metadata/widgets": {"apiVersion": "example.com/v1", "kind": "Widget"},
    }
    for path, body in bodies.items():
        for _ in range(3):
            code, made = real.ask("POST", path, body | {"metadata": metadata})
            assert code == 201, made
        name = made["metadata"]["name"]
        real.ask("PATCH", f"{path}/{name}/status", {"status": {"message": "well"}})
        assert real.ask("DELETE", f"{path}/{name}")[0] == 200
    return real


class Page(msgspec.Struct):
    """A list as JSON has it, its items unread."""

    metadata: dict[str, Any]
    items: list[msgspec.Raw] | None

    @property
    def in_protobuf(self) -> bytes:
        """The list as the simulator writes it."""
        items = b"".join(protobuf.item(bytes(item)) for item in self.items or ())
        version, token, remaining = map(self.metadata.get, ("resourceVersion", "continue", "remainingItemCount"))
        head, tail = protobuf.around(version or "", token or "", remaining, len(items))
        return head + items + tail


def listed_in_both(side: Side, path: str) -> tuple[bytes, bytes]:
    """A list in JSON and in protobuf, of one state."""
    while True:
        before, in_protobuf, after = (
            side.send("GET", path, accept=accept).data for accept in (IN_JSON, IN_PROTOBUF, IN_JSON)
        )
        if before == after:
            return before, in_protobuf


@pytest.mark.parametrize(
    "path",
    [
        f"{CORE}/metadata/configmaps",
        f"{CORE}/metadata/configmaps?limit=1",
        f"{CORE}/metadata/configmaps?limit=1&labelSelector=a",
        f"{CORE}/metadata/pods",
        f"{CORE}/metadata/services",
        CORE,
        "/apis/example.com/v1/widgets",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles?limit=20",
    ],
)
def test_metadata_in_protobuf_has_the_same_bytes(full_of_metadata: Side, path: str) -> None:
    in_json, in_protobuf = listed_in_both(full_of_metadata, path)
    assert msgspec.json.decode(in_json, type=Page).in_protobuf == in_protobuf


def test_the_objects_for_it_have_all_there_is_in_metadata(full_of_metadata: Side) -> None:
    resources = (f"{CORE}/metadata/configmaps", f"{CORE}/metadata/pods", "/apis/example.com/v1/widgets")
    pages = [full_of_metadata.send("GET", path, accept=IN_JSON).json() for path in resources]
    metadata = [item["metadata"] for page in pages for item in page["items"]]
    managed = [entry for each in metadata for entry in each.get("managedFields", ())]
    # Nothing sets a selfLink any more.
    assert {field for each in metadata for field in each} == {
        *("name", "generateName", "namespace", "uid", "resourceVersion", "generation", "labels", "annotations"),
        *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences", "finalizers"),
        "managedFields",
    }
    assert {entry.get("subresource") for entry in managed} == {None, "status"}
    assert {0, 30} <= {each.get("deletionGracePeriodSeconds") for each in metadata}


@pytest.mark.parametrize("accept", [IN_PROTOBUF, f"{IN_PROTOBUF},{IN_JSON}"])
@pytest.mark.parametrize(
    "path", [f"{HERE}?resourceVersionMatch=Exact", "/api/v1/nothings", "/apis/nothing.example.com/v1/nothings"]
)
def test_who_accepts_protobuf_is_refused_alike(sides: tuple[Side, Side], path: str, accept: str) -> None:
    real, simulated = sides
    assert simulated.ask("GET", path, accept=accept) == real.ask("GET", path, accept=accept)


@pytest.mark.parametrize("path", [f"{HERE}?labelSelector=set", WIDGETS_HERE])
def test_protobuf_is_named_alike(sides: tuple[Side, Side], path: str) -> None:
    answers = [side.send("GET", path, accept=f"{IN_PROTOBUF},{IN_JSON}") for side in sides]
    real, simulated = ((each.status, each.headers["Content-Type"], each.data[:49]) for each in answers)
    assert simulated == real


def test_a_watch_list_is_refused_alike(tmp_path: Path) -> None:
    path = f"{HERE}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    cluster = Cluster("dev")
    cluster.watch_list = False
    gates = {"WatchList": False}
    with (
        ControlPlane(tmp_path, programs.find(), users=["reader"], feature_gates=gates) as booted,
        Simulator([cluster]) as simulator,
    ):
        real, simulated = _real(booted), _simulated(simulator, tmp_path / "ca.crt")
        assert simulated.ask("GET", path) == real.ask("GET", path)
        for side in (real, simulated):
            side.pool.clear()


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
