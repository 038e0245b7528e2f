"""A simulated server stores what it is given as a real one does: identity, versions, conflicts, and what goes along."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from k8s_inventory_demo.simulator import Cluster, StatusError

from tests.kit.objects import pod, widget_definition
from tests.kit.served import Object, Served, names, serve

TWO_VERSIONS = widget_definition(versions=("v1beta1", "v1"), stored="v1")

PODS = "/api/v1/namespaces/default/pods"
WEB = f"{PODS}/web"


@pytest.fixture
def api() -> Iterator[Served]:
    cluster = Cluster("dev")
    cluster.create("pods", pod("web", labels={"app": "web"}))
    with serve(cluster) as served:
        yield served


def test_a_new_object_gets_an_identity(api: Served) -> None:
    created = api.write("POST", PODS, pod("new"))
    metadata = created["metadata"]
    assert (created["kind"], created["apiVersion"], metadata["generation"]) == ("Pod", "v1", 1)
    assert metadata["resourceVersion"] == str(api.cluster.resource_version)
    assert metadata["creationTimestamp"].endswith("Z")
    assert created == api.get(f"{PODS}/new")


def test_no_two_objects_ever_have_the_same_uid(api: Served) -> None:
    first = api.get(WEB)["metadata"]["uid"]
    api.write("DELETE", WEB)
    assert api.write("POST", PODS, pod("web"))["metadata"]["uid"] != first


def test_a_name_can_be_generated(api: Served) -> None:
    made = {api.write("POST", PODS, {"metadata": {"generateName": "job-"}})["metadata"]["name"] for _ in range(3)}
    assert len(made) == 3
    assert all(name.startswith("job-") for name in made)


@pytest.mark.parametrize(
    ("path", "body", "code", "message"),
    [
        (PODS, pod("web"), 409, 'pods "web" already exists'),
        ("/api/v1/namespaces/nowhere/pods", pod("x", "nowhere"), 404, 'namespaces "nowhere" not found'),
        (PODS, pod("x", "kube-system"), 400, "does not match the namespace sent on the request"),
        (PODS, {"metadata": {}}, 422, "name or generateName is required"),
        (PODS, b"{", 400, "couldn't read the body"),
        (PODS, [1], 400, "the body is not an object"),
        ("/api/v1/nothings", {}, 404, "the server could not find the requested resource"),
        ("/apis/authorization.k8s.io/v1/subjectaccessreviews", {}, 405, "does not allow this method"),
    ],
)
def test_what_cannot_be_created_is_refused(api: Served, path: str, body: object, code: int, message: str) -> None:
    status = api.write("POST", path, body)
    assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", code)
    assert message in status["message"]


def test_a_body_that_is_not_json_is_refused(api: Served) -> None:
    answer = api.send("POST", PODS, b"k8s\0", headers={"Content-Type": "application/vnd.kubernetes.protobuf"})
    assert (answer.status, answer.json()["reason"]) == (415, "UnsupportedMediaType")


def test_a_big_object_is_taken(api: Served) -> None:
    big = {"metadata": {"name": "big"}, "data": {"text": "x" * 1_500_000}}
    assert api.write("POST", "/api/v1/namespaces/default/configmaps", big)["data"] == big["data"]


def test_an_object_is_replaced_but_for_its_identity_and_status(api: Served) -> None:
    old = api.get(WEB)
    new = {"metadata": {"name": "web", "labels": {"a": "b"}, "uid": old["metadata"]["uid"]}, "status": {"phase": "No"}}
    replaced = api.write("PUT", WEB, new | {"spec": {"nodeName": "one"}})
    assert replaced["spec"] == {"nodeName": "one"}
    assert replaced["status"] == old["status"]
    assert replaced["metadata"]["labels"] == {"a": "b"}
    assert replaced["metadata"]["creationTimestamp"] == old["metadata"]["creationTimestamp"]
    assert replaced["metadata"]["generation"] == 2


def test_writing_what_is_there_already_changes_nothing(api: Served) -> None:
    version = api.cluster.resource_version
    assert api.write("PUT", WEB, api.get(WEB)) == api.get(WEB)
    assert api.write("PATCH", WEB, {"metadata": {"labels": {"app": "web"}}}) == api.get(WEB)
    assert api.cluster.resource_version == version


def test_an_outdated_write_is_a_conflict(api: Served) -> None:
    old = api.get(WEB)
    api.write("PATCH", WEB, {"metadata": {"labels": {"new": "yes"}}})
    status = api.write("PUT", WEB, old)
    assert (status["code"], status["reason"], status["details"]) == (409, "Conflict", {"name": "web", "kind": "pods"})
    assert "please apply your changes to the latest version and try again" in status["message"]


def test_a_write_to_another_object_of_the_name_is_a_conflict(api: Served) -> None:
    assert api.write("PUT", WEB, pod("web") | {"metadata": {"name": "web", "uid": "other"}})["code"] == 409
    assert api.write("DELETE", WEB, {"preconditions": {"uid": "other"}})["code"] == 409


def test_a_patch_merges(api: Served) -> None:
    patched = api.write("PATCH", WEB, {"metadata": {"labels": {"app": None, "x": "y"}}, "spec": {"priority": 5}})
    assert patched["metadata"]["labels"] == {"x": "y"}
    assert patched["spec"] == pod("web")["spec"] | {"priority": 5}


def test_a_patch_may_insist_on_a_version(api: Served) -> None:
    version = api.get(WEB)["metadata"]["resourceVersion"]
    patch: Object = {"metadata": {"resourceVersion": version, "labels": {"n": "1"}}}
    assert api.write("PATCH", WEB, patch)["kind"] == "Pod"
    assert api.write("PATCH", WEB, patch | {"spec": None})["code"] == 409


def test_a_patch_that_is_not_a_merge_is_refused(api: Served) -> None:
    answer = api.send("PATCH", WEB, {"spec": {}}, headers={"Content-Type": "application/apply-patch+yaml"})
    assert answer.status == 415


def test_the_status_is_written_on_its_own_path(api: Served) -> None:
    assert api.write("PATCH", WEB, {"status": {"phase": "Failed"}})["status"]["phase"] == "Running"
    patch = {"status": {"phase": "Failed"}, "spec": {"nodeName": "two"}}
    patched = api.write("PATCH", f"{WEB}/status", patch)
    assert patched["status"]["phase"] == "Failed"
    assert "nodeName" not in patched["spec"]
    assert api.get(f"{WEB}/status") == patched
    assert patched["metadata"]["generation"] == 1


def test_a_deleted_object_is_gone(api: Served) -> None:
    uid = api.get(WEB)["metadata"]["uid"]
    status = api.write("DELETE", WEB)
    assert (status["status"], status["details"]) == ("Success", {"name": "web", "uid": uid, "kind": "pods"})
    assert api.get(WEB)["message"] == 'pods "web" not found'
    assert api.write("DELETE", WEB)["code"] == 404


def test_many_are_deleted_by_a_selection(api: Served) -> None:
    for name in ("one", "two"):
        api.write("POST", PODS, pod(name, labels={"app": "db"}))
    assert names(api.write("DELETE", f"{PODS}?labelSelector=app%3Ddb")) == ["one", "two"]
    assert names(api.get(PODS)) == ["web"]


def test_an_object_with_finalizers_goes_when_they_are_gone(api: Served) -> None:
    api.write("POST", PODS, {"metadata": {"name": "kept", "finalizers": ["example.com/wait"]}})
    api.write("DELETE", f"{PODS}/kept")
    assert "deletionTimestamp" in api.get(f"{PODS}/kept")["metadata"]
    api.write("PATCH", f"{PODS}/kept", {"metadata": {"finalizers": None}})
    assert api.get(f"{PODS}/kept")["code"] == 404


def test_a_namespace_takes_along_what_it_holds(api: Served) -> None:
    created = api.write("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    assert created["status"] == {"phase": "Active"}
    assert created["metadata"]["labels"] == {"kubernetes.io/metadata.name": "shop"}
    api.write("POST", "/api/v1/namespaces/shop/pods", pod("one", "shop"))
    api.write("DELETE", "/api/v1/namespaces/shop")
    assert names(api.get("/api/v1/pods")) == ["web"]
    assert "shop" not in names(api.get("/api/v1/namespaces"))


def test_a_definition_is_established_and_its_resource_served(api: Served) -> None:
    definition = api.write("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", TWO_VERSIONS)
    assert {(c["type"], c["status"]) for c in definition["status"]["conditions"]} == {
        ("NamesAccepted", "True"),
        ("Established", "True"),
    }
    assert definition["status"]["storedVersions"] == ["v1"]
    path = "/apis/example.com/v1beta1/namespaces/default/widgets"
    assert api.write("POST", path, {"metadata": {"name": "one"}})["apiVersion"] == "example.com/v1beta1"
    assert api.get("/apis/example.com/v1/widgets")["items"][0]["apiVersion"] == "example.com/v1"


def test_a_deleted_definition_takes_along_its_resource(api: Served) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for _ in range(2):
        api.write("POST", path, TWO_VERSIONS)
        assert api.get("/apis/example.com/v1/widgets")["items"] == []
        api.cluster.create("widgets", {"metadata": {"name": "one"}}, "default")
        api.write("DELETE", f"{path}/widgets.example.com")
        assert api.send("GET", "/apis/example.com/v1/widgets").status == 404


def test_a_version_can_be_taken_out_of_service(api: Served) -> None:
    api.cluster.create("crd", TWO_VERSIONS)
    versions = [version | {"served": version["name"] == "v1"} for version in TWO_VERSIONS["spec"]["versions"]]
    api.cluster.patch("crd", "widgets.example.com", {"spec": {"versions": versions}})
    assert api.send("GET", "/apis/example.com/v1beta1/widgets").status == 404
    assert api.get("/apis/example.com/v1/widgets")["items"] == []


def test_versions_and_groups_of_one_resource_share_their_objects(api: Served) -> None:
    api.cluster.create("hpa", {"metadata": {"name": "web"}, "spec": {}}, "default")
    api.cluster.create("events", {"metadata": {"name": "seen"}}, "default")
    assert names(api.get("/apis/autoscaling/v1/horizontalpodautoscalers")) == ["web"]
    assert names(api.get("/apis/events.k8s.io/v1/events")) == names(api.get("/api/v1/events")) == ["seen"]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("DELETE", "/api/v1/namespaces", 405),
        ("POST", WEB, 405),
        ("GET", "/api/v1/pods/web", 404),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", f"{WEB}/log", 404),
        ("GET", "/api/v1/namespaces/default/status", 200),
        ("GET", f"{WEB}/status/more", 404),
        ("GET", "/nothing", 404),
    ],
)
def test_paths_and_methods_are_checked(api: Served, method: str, path: str, code: int) -> None:
    assert api.send(method, path).status == code


def test_python_sees_the_same_objects_and_refusals(api: Served) -> None:
    assert api.cluster.get("pods", "web", "default") == api.get(WEB)
    assert api.cluster.objects("po") == [api.get(WEB)]
    assert api.cluster.replace("pods", api.get(WEB) | {"status": {"phase": "Failed"}})["status"] == {"phase": "Failed"}
    with pytest.raises(StatusError, match='pods "none" not found'):
        api.cluster.delete("pods", "none", "default")
    with pytest.raises(LookupError, match="serves no 'nothings'"):
        api.cluster.objects("nothings")
