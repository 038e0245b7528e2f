"""The pages of one list, as they come from a server that goes on changing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory.exceptions import ExpiredError, NotServedError, ResponseError
from airflow_provider_k8s_inventory.kube import listing
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.model import Page
from tests.kit.objects import pod, pods
from tests.kit.syncer import Syncer

PODS = "/api/v1/pods"


@pytest.fixture
def client(sync: Syncer) -> Iterator[Client]:
    with sync.client() as opened:
        yield opened


def names(page: Page) -> list[str]:
    return [msgspec.json.decode(item)["metadata"]["name"] for item in page.items]


def test_no_page_is_asked_for_before_it_is_taken(client: Client, dev: Cluster) -> None:
    dev.seed("pods", pods(6))
    pages = listing.pages(client, PODS, limit=2)
    assert len(dev.requests) == 0

    next(pages)
    assert len(dev.requests) == 1


def test_the_last_page_has_no_token(client: Client, dev: Cluster) -> None:
    dev.seed("pods", pods(3))

    assert [page.token is None for page in listing.pages(client, PODS, limit=2)] == [False, True]


def test_tokens_that_go_round_are_no_list(client: Client, dev: Cluster) -> None:
    for token in ("a", "b", "a"):
        body = b'{"kind":"PodList","metadata":{"continue":"%s"},"items":[]}' % token.encode()
        dev.inject(Fault(path=PODS, body=body))

    with pytest.raises(ResponseError, match="the same continue token twice"):
        list(listing.pages(client, PODS, limit=2))


def test_pages_of_large_objects_are_of_fewer(client: Client, dev: Cluster) -> None:
    dev.seed("pods", [pod(f"web-{number:02}") | {"status": {"message": "x" * 1_000_000}} for number in range(30)])
    sizes = [len(page.items) for page in listing.pages(client, PODS, limit=10)]

    assert sizes == [10, 6, 6, 6, 2]


def test_what_changes_during_a_list_is_not_in_it(client: Client, dev: Cluster) -> None:
    dev.seed("pods", pods(4))
    pages = listing.pages(client, PODS, limit=2)
    first = next(pages)
    dev.create("pods", pod("web-0003-late"))
    dev.delete("pods", "web-0002", "default")
    (second,) = pages

    assert names(first) + names(second) == ["web-0000", "web-0001", "web-0002", "web-0003"]
    assert first.resource_version == second.resource_version


def test_a_server_that_forgot_the_snapshot_ends_the_list(client: Client, dev: Cluster) -> None:
    dev.seed("pods", pods(4))
    pages = listing.pages(client, PODS, limit=2)
    next(pages)
    dev.create("pods", pod("late"))
    dev.compact()

    with pytest.raises(ExpiredError):
        next(pages)


@pytest.mark.parametrize("deep", [1, 990, 5_000])
def test_an_object_that_cannot_be_passed_over_leaves_the_others_as_they_are(
    deep: int, client: Client, dev: Cluster
) -> None:
    items = [
        rb'{"metadata":{"name":"\ud800"},"a":"]}[{"}',
        b'{"metadata":{"name":"deep"},"spec":' + b"[" * deep + b"]" * deep + b"}",
        b"5",
        b'[{"metadata":{}}]',
    ]
    dev.inject(Fault(path=PODS, body=b'{"kind":"PodList","metadata":{},"items":[' + b", ".join(items) + b"]}"))
    (page,) = listing.pages(client, PODS, limit=2)

    assert [bytes(item) for item in page.items] == items


def test_a_list_may_have_any_name(client: Client, dev: Cluster) -> None:
    # A CustomResourceDefinition may call its lists what it likes.
    dev.inject(Fault(path="/apis/example.com/v1/oxen", body=b'{"kind":"Oxen","metadata":{},"items":[]}'))

    assert [page.items for page in listing.pages(client, "/apis/example.com/v1/oxen", limit=2)] == [[]]


def test_an_error_says_the_context_and_the_path(client: Client, dev: Cluster) -> None:
    dev.inject(Fault(path=PODS, body=b"nonsense"))

    with pytest.raises(ResponseError, match=r"dev.*GET /api/v1/pods"):
        next(listing.pages(client, PODS, limit=2))


def test_a_path_that_is_not_served_is_not_served(client: Client) -> None:
    with pytest.raises(NotServedError):
        next(listing.pages(client, "/apis/example.com/v1/widgets", limit=2))
