"""Lists come in pages, expire, and are tried again; the rows are those of one consistent answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from tests.kit.inventory import Inventory
from tests.kit.objects import pod, pods, widget_definition
from tests.kit.syncer import Syncer

PODS = "/api/v1/pods$"
SECOND_PAGE = {"continue": "."}


def page(*names: str, version: str = "7", token: str = "", kind: str = "PodList") -> bytes:
    items = [pod(name, uid=f"u-{name}") for name in names]
    return json.dumps(
        {"kind": kind, "metadata": {"resourceVersion": version, "continue": token}, "items": items}
    ).encode()


def listed(cluster: Cluster) -> list[str | None]:
    """The continue tokens of the lists of pods, in order; None for a first page."""
    return [request.query.get("continue") for request in cluster.requests if request.path == "/api/v1/pods"]


@pytest.mark.parametrize(("page_size", "pages_"), [(1, 7), (3, 3), (6, 2), (7, 1), (500, 1)])
def test_all_pages_are_read(page_size: int, pages_: int, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(7))
    report = sync(page_size=page_size)

    assert (report.pages, report.seen, report.inserted) == (pages_, 7, 7)
    assert inventory.count("k8s_pods") == 7
    assert len(listed(dev)) == pages_


def test_every_page_asks_for_as_many_as_it_was_told(dev: Cluster, sync: Syncer) -> None:
    dev.seed("pods", pods(5))
    sync(page_size=2)

    asked = [request.query for request in dev.requests if request.path == "/api/v1/pods"]
    assert [query["limit"] for query in asked] == ["2", "2", "2"]


def test_the_report_tells_bytes_and_the_version_of_the_list(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(5))
    version = str(dev.resource_version)
    whole, paged = sync(), sync(page_size=2, mode="full")

    assert whole.resource_version == paged.resource_version == version
    assert paged.bytes > whole.bytes > sum(len(json.dumps(item)) for item in dev.objects("pods")) * 0.5
    assert inventory.last()["resource_version"] == version


@pytest.mark.parametrize("times", [1, 2])
def test_a_list_that_expires_in_the_middle_starts_again(
    times: int, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(6))
    dev.inject(Fault(path=PODS, query=SECOND_PAGE, status=410, times=times))
    report = sync(page_size=2)

    assert (report.status, report.seen, report.pages) == ("success", 6, 3)
    assert listed(dev).count(None) == times + 1
    assert inventory.count("k8s_pods") == 6


def test_one_that_expires_three_times_fails_and_says_what_to_do(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(6))
    dev.inject(Fault(path=PODS, query=SECOND_PAGE, status=410, times=None))
    report = sync(page_size=2)

    assert report.status == "failed"
    assert "expired 3 times before its end; nothing was changed." in (report.reason or "")
    assert "with a page_size (--page-size) above 2" in (report.reason or "")
    assert listed(dev).count(None) == 3
    assert inventory.count("k8s_pods") == 0


def test_what_came_before_a_restart_does_not_count(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.inject(Fault(path=PODS, body=page("vanished", token="more")))
    dev.inject(Fault(path=PODS, query=SECOND_PAGE, status=410))
    dev.seed("pods", [pod("there")])
    report = sync()

    assert (report.seen, report.pages) == (1, 1)
    assert inventory.names("k8s_pods") == ["there"]


def test_pages_of_different_versions_are_no_consistent_list(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    dev.inject(Fault(path=PODS, body=page("old", version="7", token="more")))
    dev.inject(Fault(path=PODS, query=SECOND_PAGE, body=page("new", version="8")))
    report = sync()

    assert (report.status, report.seen) == ("success", 3)
    assert "old" not in inventory.names("k8s_pods")


def test_a_token_that_leads_to_itself_fails(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.inject(Fault(path=PODS, body=page("web", token="again"), times=None))
    report = sync()

    assert report.status == "failed"
    assert "gave the same continue token twice" in (report.reason or "")
    assert inventory.count("k8s_pods") == 0


def test_a_page_without_items_may_lead_to_one_with_some(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.inject(Fault(path=PODS, body=page(token="more")))
    dev.inject(Fault(path=PODS, query=SECOND_PAGE, body=page("web")))

    assert sync().seen == 1
    assert inventory.names("k8s_pods") == ["web"]


@pytest.mark.parametrize("items", [b"[]", b"null"])
def test_an_empty_list_is_complete(items: bytes, dev: Cluster, sync: Syncer) -> None:
    # Go's own types take null for an empty list.
    dev.inject(Fault(path=PODS, body=b'{"kind":"PodList","metadata":{"resourceVersion":"9"},"items":' + items + b"}"))
    report = sync()

    assert (report.status, report.seen, report.resource_version) == ("success", 0, "9")


def test_what_cannot_be_watched_needs_no_version(dev: Cluster, sync: Syncer) -> None:
    dev.create("crd", widget_definition())
    dev.registry.resources = [
        replace(served, verbs=("get", "list")) if served.plural == "widgets" else served
        for served in dev.registry.resources
    ]
    dev.inject(Fault(path="/widgets$", body=b'{"kind":"WidgetList","apiVersion":"example.com/v1","items":[]}'))
    report = sync("widgets.example.com")

    assert (report.status, report.resource_version) == ("success", None)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_says_not_now_is_asked_again(
    status: int, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(4))
    fault = dev.inject(Fault(path=PODS, query=SECOND_PAGE, status=status, times=3))
    report = sync(page_size=2)

    assert (report.status, report.seen) == ("success", 4)
    assert fault.hits == 3


def test_a_connection_that_is_reset_is_made_anew(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(4))
    dev.inject(Fault(path=PODS, query=SECOND_PAGE, reset=True))

    assert sync(page_size=2).seen == 4


def test_a_list_large_enough_to_be_compressed_comes_through(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", (pod(f"web-{n}", annotations={"a": str(n) * 500}) for n in range(300)))
    report = sync()

    assert (report.status, report.seen, report.pages) == ("success", 300, 2)
    assert report.bytes > 150_000
