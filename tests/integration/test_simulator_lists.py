"""A simulated server lists as a real one does: pages of one state, selections, metadata, and the end of old states."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from k8s_inventory_demo.simulator import Cluster
from k8s_inventory_demo.simulator.pods import pods

from tests.kit.objects import pod, widget_definition
from tests.kit.served import METADATA, Object, Served, names, serve

TWO_VERSIONS = widget_definition(versions=("v1beta1", "v1"), stored="v1")

PODS = "/api/v1/pods"


@pytest.fixture
def api() -> Iterator[Served]:
    cluster = Cluster("dev", namespaces=["default", "a", "a-b"])
    cluster.seed("pods", [pod(f"pod-{number}", labels={"app": f"app-{number % 2}"}) for number in range(7)])
    with serve(cluster) as served:
        yield served


def test_pages_hold_everything_once_and_in_order(api: Served) -> None:
    pages = list(api.pages(PODS, limit=3))
    assert [name for page in pages for name in names(page)] == [f"pod-{number}" for number in range(7)]
    assert [page["metadata"].get("remainingItemCount") for page in pages] == [4, 1, None]


def test_a_list_without_limit_is_one_page(api: Served) -> None:
    page = api.get(PODS)
    assert len(page["items"]) == 7
    assert page["metadata"] == {"resourceVersion": str(api.cluster.resource_version)}


def test_an_empty_list_has_items(api: Served) -> None:
    assert api.get("/api/v1/services")["items"] == []


def test_a_last_page_that_is_full_has_no_token(api: Served) -> None:
    assert len(list(api.pages(PODS, limit=7))) == 1


def test_namespaces_come_in_the_order_of_their_keys(api: Served) -> None:
    # etcd sorts "a-b/…" before "a/…", because "-" comes before "/".
    for namespace in ("a", "a-b"):
        api.cluster.create("pods", pod("one", namespace))
    listed = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in api.get(PODS)["items"]]
    assert listed[:3] == [("a-b", "one"), ("a", "one"), ("default", "pod-0")]


def test_one_namespace_is_listed_alone(api: Served) -> None:
    for namespace in ("a", "a-b"):
        api.cluster.create("pods", pod(f"in-{namespace}", namespace))
    assert names(api.get("/api/v1/namespaces/a/pods")) == ["in-a"]
    assert names(api.get("/api/v1/namespaces/a-b/pods")) == ["in-a-b"]


def test_a_namespace_is_paged_alone(api: Served) -> None:
    api.cluster.create("pods", pod("elsewhere", "a"))
    pages = list(api.pages("/api/v1/namespaces/default/pods", limit=4))
    assert [len(page["items"]) for page in pages] == [4, 3]
    assert pages[0]["metadata"]["remainingItemCount"] == 3


def test_what_is_written_meanwhile_does_not_appear_in_later_pages(api: Served) -> None:
    pages = api.pages(PODS, limit=3)
    first = next(pages)
    api.cluster.create("pods", pod("pod-55"))
    api.cluster.delete("pods", "pod-6", "default")
    changed = api.cluster.patch("pods", "pod-5", {"metadata": {"labels": {"new": "yes"}}}, "default")
    rest = list(pages)
    assert [name for page in rest for name in names(page)] == ["pod-3", "pod-4", "pod-5", "pod-6"]
    assert {page["metadata"]["resourceVersion"] for page in rest} == {first["metadata"]["resourceVersion"]}
    assert changed not in [item for page in rest for item in page["items"]]


def test_several_old_states_can_be_read_at_once(api: Served) -> None:
    lists = []
    for number in range(10, 20):
        lists.append(api.pages(PODS, limit=5))
        next(lists[-1])
        api.cluster.create("pods", pod(f"pod-9{number}"))
    sizes = [sum(len(page["items"]) for page in pages) for pages in lists]
    assert sizes == list(range(2, 12))


def test_a_new_list_shows_what_was_written(api: Served) -> None:
    before = api.get(PODS)["metadata"]["resourceVersion"]
    created = api.cluster.create("pods", pod("zebra"))
    page = api.get(PODS)
    assert names(page)[-1] == "zebra"
    assert page["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"] == str(int(before) + 1)


def test_a_page_after_a_compaction_has_expired(api: Served) -> None:
    pages = api.pages(PODS, limit=3)
    next(pages)
    api.cluster.create("pods", pod("new"))
    api.cluster.compact()
    status = next(pages)
    assert (status["code"], status["reason"], status["kind"]) == (410, "Expired", "Status")
    assert status["message"].startswith("The provided continue parameter is too old to display a consistent list")


def test_the_token_of_an_expired_page_leads_on_in_the_present(api: Served) -> None:
    pages = api.pages(PODS, limit=3)
    next(pages)
    api.cluster.create("pods", pod("pod-4x"))
    api.cluster.compact()
    token = next(pages)["metadata"]["continue"]
    assert names(api.get(PODS, **{"continue": token})) == ["pod-3", "pod-4", "pod-4x", "pod-5", "pod-6"]


@pytest.mark.parametrize("token", ["nonsense", "e30"])
def test_a_broken_token_is_refused(api: Served, token: str) -> None:
    status = api.get(PODS, **{"continue": token})
    assert (status["code"], status["reason"]) == (400, "BadRequest")


def test_an_exact_state_is_listed(api: Served) -> None:
    version = api.cluster.resource_version
    api.cluster.delete("pods", "pod-0", "default")
    assert len(api.get(PODS, resourceVersion=version, resourceVersionMatch="Exact")["items"]) == 7
    assert len(api.get(PODS, resourceVersion=version, resourceVersionMatch="NotOlderThan")["items"]) == 6
    assert len(api.get(PODS, resourceVersion=0)["items"]) == 6


def test_an_exact_state_that_was_compacted_has_expired(api: Served) -> None:
    version = api.cluster.resource_version
    api.cluster.delete("pods", "pod-0", "default")
    api.cluster.compact()
    status = api.get(PODS, resourceVersion=version, resourceVersionMatch="Exact")
    assert (status["code"], status["message"]) == (410, "The resourceVersion for the provided list is too old.")


def test_a_state_of_the_future_times_out(api: Served) -> None:
    answer = api.send("GET", PODS, resourceVersion=10_000)
    assert (answer.status, answer.json()["reason"], answer.headers["Retry-After"]) == (504, "Timeout", "1")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"sendInitialEvents": "true"}, "sendInitialEvents is forbidden for list"),
        ({"resourceVersionMatch": "Exact"}, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ({"resourceVersionMatch": "Exact", "continue": "x"}, "resourceVersionMatch is forbidden when continue is"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(api: Served, query: dict[str, str], why: str) -> None:
    status = api.get(PODS, **query)
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert why in status["message"]


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("app=web", ["web"]),
        ("app==web,tier=front", ["web"]),
        ("app!=web", ["db", "none"]),
        ("app in (web, db)", ["db", "web"]),
        ("app notin (web)", ["db", "none"]),  # codespell:ignore notin
        ("app", ["db", "web"]),
        ("!app", ["none"]),
        ("app in (web,db),!tier", ["db"]),
        ("app=", []),
    ],
)
def test_labels_select(selector: str, selected: list[str]) -> None:
    cluster = Cluster("dev")
    cluster.seed(
        "pods", [pod("web", labels={"app": "web", "tier": "front"}), pod("db", labels={"app": "db"}), pod("none")]
    )
    with serve(cluster) as api:
        assert names(api.get(PODS, labelSelector=selector)) == selected


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("metadata.name=web", ["web"]),
        ("metadata.namespace!=kube-system", ["db", "web"]),
        ("status.phase=Running", ["dns", "web"]),
        ("spec.nodeName==one,status.phase!=Pending", ["web"]),
        ("spec.nodeName=", ["dns"]),
    ],
)
def test_fields_select(selector: str, selected: list[str]) -> None:
    cluster = Cluster("dev")
    cluster.seed("pods", [pod("web", node="one"), pod("db", node="one", phase="Pending"), pod("dns", "kube-system")])
    with serve(cluster) as api:
        assert sorted(names(api.get(PODS, fieldSelector=selector))) == selected


@pytest.mark.parametrize("query", [{"labelSelector": "a=(b"}, {"fieldSelector": "x"}, {"fieldSelector": "spec.x=1"}])
def test_selectors_that_make_no_sense_are_refused(api: Served, query: dict[str, str]) -> None:
    assert api.get(PODS, **query)["code"] == 400


def test_a_field_is_refused_where_the_server_cannot_select_by_it(api: Served) -> None:
    assert "field label not supported" in api.get("/api/v1/services", fieldSelector="status.phase=x")["message"]


def test_a_selection_is_paged_by_what_it_selects(api: Served) -> None:
    pages = list(api.pages(PODS, limit=2, labelSelector="app=app-0"))
    assert [names(page) for page in pages] == [["pod-0", "pod-2"], ["pod-4", "pod-6"]]
    assert all("remainingItemCount" not in page["metadata"] for page in pages)


def test_the_kind_is_on_the_list_and_not_on_its_items(api: Served) -> None:
    page = api.get("/apis/apps/v1/deployments")
    assert (page["kind"], page["apiVersion"]) == ("DeploymentList", "apps/v1")
    assert not {"kind", "apiVersion"} & api.get(PODS)["items"][0].keys()


def test_the_kind_is_on_the_items_of_custom_resources(api: Served) -> None:
    api.cluster.create("crd", TWO_VERSIONS)
    api.cluster.create("widgets", {"metadata": {"name": "one"}, "spec": {"size": 1}}, "default")
    answer = api.send("GET", "/apis/example.com/v1/widgets").data
    page = json.loads(answer)
    assert (page["kind"], page["items"][0]["kind"]) == ("WidgetList", "Widget")
    assert page["items"][0]["apiVersion"] == "example.com/v1"
    # As the real server writes it: by name, so that a reader meets the items before the resourceVersion.
    assert list(page) == ["apiVersion", "items", "kind", "metadata"]


def test_metadata_can_be_listed_alone(api: Served) -> None:
    whole = api.get(PODS, limit=2)
    page = api.get(PODS, accept=METADATA.format("List"), limit=2)
    assert (page["kind"], page["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert page["metadata"] == whole["metadata"]
    kind = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    assert page["items"] == [kind | {"metadata": item["metadata"]} for item in whole["items"]]


def test_an_empty_list_of_metadata_has_null_for_items(api: Served) -> None:
    assert api.get("/api/v1/services", accept=METADATA.format("List"))["items"] is None


def test_of_the_accepted_forms_the_first_that_is_known_is_sent(api: Served) -> None:
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    assert api.get(PODS, accept=f"{table},application/json")["kind"] == "PodList"
    assert api.get(PODS, accept=f"{table}, {METADATA.format('List')}")["kind"] == "PartialObjectMetadataList"


def test_a_form_that_is_not_known_is_not_acceptable(api: Served) -> None:
    assert api.get(PODS, accept="application/vnd.kubernetes.protobuf")["code"] == 406


def test_big_answers_are_compressed_for_those_who_accept_it() -> None:
    cluster = Cluster("dev")
    cluster.seed("pods", pods(1000))
    with serve(cluster) as api:
        answer = api.send("GET", PODS, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(answer.json()["items"]) == 1000
        assert "Content-Encoding" not in api.send("GET", PODS, limit=10, headers={"Accept-Encoding": "gzip"}).headers
        assert "Content-Encoding" not in api.send("GET", PODS).headers


def test_generated_pods_are_realistic_and_always_the_same() -> None:
    made = list(pods(30))
    assert made == list(pods(30))
    assert made[10:20] == list(pods(10, start=10))
    assert all(5_000 < len(body) < 6_000 for body in made)
    documents: list[Object] = [json.loads(body) for body in made]
    assert len({document["metadata"]["uid"] for document in documents}) == 30
    assert {document["metadata"]["namespace"] for document in documents} == {"ns-00", "ns-01", "ns-02"}


def test_the_same_seed_makes_the_same_bytes() -> None:
    def body() -> bytes:
        cluster = Cluster("dev")
        cluster.seed("pods", [pod(f"pod-{number}") for number in range(5)])
        with serve(cluster) as api:
            return api.send("GET", PODS).data

    assert body() == body()


def test_odd_objects_are_served_as_they_are(api: Served) -> None:
    odd = {"metadata": {"name": "odd", "namespace": "default", "extra": None}, "spec": {"command": "a\0b"}}
    api.cluster.seed("pods", [odd], as_is=True)
    items = {item["metadata"]["name"]: item for item in api.get(PODS)["items"]}
    assert items["odd"] == odd
    assert {"uid", "resourceVersion"} <= items["pod-0"]["metadata"].keys()
