"""A simulated server's watch tells every change once, in order, and says up to where it told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from k8s_inventory_demo.simulator import Cluster

from tests.kit.objects import pod, widget_definition
from tests.kit.served import METADATA, Object, Served, serve

TWO_VERSIONS = widget_definition(versions=("v1beta1", "v1"), stored="v1")

PODS = "/api/v1/pods"
LIST_FIRST = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}


@pytest.fixture
def api() -> Iterator[Served]:
    cluster = Cluster("dev")
    cluster.bookmark_after = 0.02
    cluster.seed("pods", [pod("first", labels={"app": "web"}), pod("second")])
    with serve(cluster) as served:
        yield served


def told(events: Iterator[Object], count: int) -> list[tuple[str, str]]:
    """The types and names of so many events."""
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in itertools.islice(events, count)]


def change_something_else(api: Served) -> str:
    """Write something that no watch of pods tells of; gives its resourceVersion."""
    created = api.cluster.create("configmaps", {"metadata": {"generateName": "other-"}}, "default")
    return str(created["metadata"]["resourceVersion"])


def test_changes_are_told_in_order(api: Served) -> None:
    events = api.watch(PODS, resourceVersion=api.cluster.resource_version)
    api.cluster.create("pods", pod("third"))
    api.cluster.patch("pods", "first", {"status": {"phase": "Failed"}}, "default")
    api.cluster.delete("pods", "second", "default")
    assert told(events, 3) == [("ADDED", "third"), ("MODIFIED", "first"), ("DELETED", "second")]


def test_a_watch_resumes_after_what_was_seen(api: Served) -> None:
    api.cluster.create("pods", pod("third"))
    seen = api.cluster.resource_version
    api.cluster.create("pods", pod("fourth"))
    change_something_else(api)
    events = api.watch(PODS, resourceVersion=seen, allowWatchBookmarks="true")
    assert told(events, 2) == [("ADDED", "fourth"), ("BOOKMARK", "")]


def test_an_event_holds_the_object_as_it_is_served(api: Served) -> None:
    events = api.watch(PODS, resourceVersion=api.cluster.resource_version)
    api.cluster.create("pods", pod("third"))
    assert next(events)["object"] == api.cluster.get("pods", "third", "default")


def test_a_deletion_has_a_version_of_its_own(api: Served) -> None:
    events = api.watch(PODS, resourceVersion=api.cluster.resource_version)
    api.cluster.delete("pods", "first", "default")
    assert next(events)["object"]["metadata"]["resourceVersion"] == str(api.cluster.resource_version)


def test_a_watch_from_nowhere_begins_with_what_there_is(api: Served) -> None:
    assert told(api.watch(PODS), 2) == [("ADDED", "first"), ("ADDED", "second")]


def test_a_bookmark_says_how_far_the_watch_is(api: Served) -> None:
    events = api.watch(PODS, resourceVersion=api.cluster.resource_version, allowWatchBookmarks="true")
    written = change_something_else(api)
    bookmark = next(events)
    assert bookmark["type"] == "BOOKMARK"
    assert (bookmark["object"]["kind"], bookmark["object"]["apiVersion"]) == ("Pod", "v1")
    assert bookmark["object"]["metadata"]["resourceVersion"] == written


def test_like_a_real_server_it_sends_a_bookmark_two_seconds_before_the_end(api: Served) -> None:
    api.cluster.bookmark_after = None
    seen, written = api.cluster.resource_version, change_something_else(api)
    events = api.watch(PODS, resourceVersion=seen, allowWatchBookmarks="true", timeoutSeconds=3)
    assert [event["object"]["metadata"]["resourceVersion"] for event in events] == [written]


def test_no_bookmark_is_sent_unasked_or_only_to_repeat_where_the_watch_began(api: Served) -> None:
    seen = api.cluster.resource_version
    change_something_else(api)
    unasked = api.watch(PODS, resourceVersion=seen, timeoutSeconds=1)
    repeating = api.watch(PODS, resourceVersion=seen + 1, allowWatchBookmarks="true", timeoutSeconds=1)
    assert list(unasked) == list(repeating) == []


def test_resuming_from_before_a_compaction_is_an_error_event(api: Served) -> None:
    seen = api.cluster.resource_version
    api.cluster.create("pods", pod("third"))
    api.cluster.compact()
    (event,) = api.watch(PODS, resourceVersion=seen)
    status = event["object"]
    assert (event["type"], status["code"], status["reason"]) == ("ERROR", 410, "Expired")
    assert status["message"] == f"too old resource version: {seen} ({seen + 1})"


def test_a_watch_that_runs_does_not_mind_a_compaction(api: Served) -> None:
    events = api.watch(PODS, resourceVersion=api.cluster.resource_version)
    api.cluster.create("pods", pod("third"))
    api.cluster.compact()
    api.cluster.create("pods", pod("fourth"))
    assert told(events, 2) == [("ADDED", "third"), ("ADDED", "fourth")]


def test_seeding_is_a_past_nobody_can_resume_from(api: Served) -> None:
    seen = api.cluster.resource_version
    api.cluster.seed("pods", [pod("third")])
    assert next(api.watch(PODS, resourceVersion=seen))["type"] == "ERROR"


def test_a_watch_may_begin_with_a_list(api: Served) -> None:
    events = api.watch(PODS, allowWatchBookmarks="true", **LIST_FIRST)
    assert told(events, 2) == [("ADDED", "first"), ("ADDED", "second")]
    end = next(events)
    assert end["type"] == "BOOKMARK"
    assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert end["object"]["metadata"]["resourceVersion"] == str(api.cluster.resource_version)
    api.cluster.create("pods", pod("third"))
    assert ("ADDED", "third") in ((event["type"], event["object"]["metadata"].get("name")) for event in events)


def test_a_server_without_watch_list_refuses_it(api: Served) -> None:
    api.cluster.watch_list = False
    status = api.get(PODS, watch=1, **LIST_FIRST)
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert "unless the WatchList feature gate is enabled" in status["message"]


@pytest.mark.parametrize("query", [{"sendInitialEvents": "true"}, {"resourceVersionMatch": "NotOlderThan"}])
def test_parameters_that_do_not_go_together_are_refused(api: Served, query: dict[str, str]) -> None:
    assert api.get(PODS, watch=1, **query)["code"] == 422


def test_metadata_can_be_watched_alone(api: Served) -> None:
    events = api.watch(PODS, accept=METADATA.format(""), allowWatchBookmarks="true", **LIST_FIRST)
    first, _, end = itertools.islice(events, 3)
    assert first["object"].keys() == {"kind", "apiVersion", "metadata"}
    assert {first["object"]["kind"], end["object"]["kind"]} == {"PartialObjectMetadata"}


def test_one_namespace_is_watched_alone(api: Served) -> None:
    events = api.watch("/api/v1/namespaces/kube-system/pods", resourceVersion=api.cluster.resource_version)
    api.cluster.create("pods", pod("elsewhere"))
    api.cluster.create("pods", pod("here", "kube-system"))
    assert told(events, 1) == [("ADDED", "here")]


def test_what_leaves_a_selection_is_deleted_from_it_and_what_enters_is_added(api: Served) -> None:
    events = api.watch(PODS, resourceVersion=api.cluster.resource_version, labelSelector="app=web")
    api.cluster.patch("pods", "first", {"metadata": {"labels": {"app": "db"}}}, "default")
    api.cluster.patch("pods", "second", {"metadata": {"labels": {"app": "web"}}}, "default")
    api.cluster.patch("pods", "first", {"metadata": {"labels": {"x": "y"}}}, "default")
    api.cluster.delete("pods", "second", "default")
    assert told(events, 3) == [("DELETED", "first"), ("ADDED", "second"), ("DELETED", "second")]


def test_custom_resources_are_watched(api: Served) -> None:
    api.cluster.create("crd", TWO_VERSIONS)
    events = api.watch("/apis/example.com/v1/widgets", resourceVersion=api.cluster.resource_version)
    api.cluster.create("widgets", {"metadata": {"name": "one"}}, "default")
    api.cluster.delete("crd", "widgets.example.com")
    assert told(events, 2) == [("ADDED", "one"), ("DELETED", "one")]
