"""A list ends: pages that bring nothing are given up, and objects of any size take little memory."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Simulator

from airflow_provider_k8s_inventory.exceptions import ResponseError, TooLargeError
from airflow_provider_k8s_inventory.kube import listing, metadata
from airflow_provider_k8s_inventory.kube.http.client import Client
from tests.kit.inventory import Inventory
from tests.kit.objects import pod
from tests.kit.raw_server import RawServer, response
from tests.kit.syncer import Syncer

MB = 1_000_000
LARGE = 1_330_000


def page(names: list[str], token: str, version: str = "5") -> bytes:
    items = [{"metadata": {"name": name, "uid": name, "resourceVersion": version}} for name in names]
    listed = {"resourceVersion": "9", "continue": token}
    return response(json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": listed, "items": items}).encode())


@pytest.mark.parametrize("read", [listing.pages, metadata.pages], ids=["full", "metadata"])
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (lambda number: [], "10 pages in a row brought nothing new"),
        (lambda number: ["web"], "10 pages in a row brought nothing new"),
        (lambda number: [f"web-{number % 3}", "last"], "10 pages in a row brought nothing new"),
        (lambda number: [f"web-{number}"], "200 pages had fewer than 10 objects each"),
    ],
    ids=["empty", "the same object", "a few in turn", "a new one each"],
)
def test_pages_that_bring_nothing_end(
    names: Callable[[int], list[str]], words: str, read: Callable[..., Iterator[object]]
) -> None:
    numbers = itertools.count()

    def pieces(request: str) -> Iterator[bytes]:
        number = next(numbers)
        # Each time in another state: to compare bytes would not do.
        return iter([page(names(number), f"t{number}", version=str(number))])

    with RawServer(pieces) as server, Client(server.context) as client:
        with pytest.raises(ResponseError, match=words):
            for _ in read(client, "/api/v1/pods", limit=500):
                pass
        assert len(server.requests) <= 200


def test_a_few_empty_pages_are_no_harm() -> None:
    tokens = iter(["a", "b", "c", ""])
    with (
        RawServer(lambda _: iter([page([], next(tokens))])) as server,
        Client(server.context) as client,
    ):
        assert [found.count for found in listing.pages(client, "/api/v1/pods", limit=500)] == [0, 0, 0, 0]


def limits(cluster: Cluster) -> list[str]:
    return [request.query["limit"] for request in cluster.requests if request.verb == "list"]


def test_pages_begin_small_and_grow(dev: Cluster, sync: Syncer) -> None:
    dev.seed("pods", (pod(f"web-{number:05}") for number in range(3000)))
    with sync.client() as client:
        counts = [found.count for found in listing.pages(client, "/api/v1/pods", limit=1000)]
    assert counts == [100, 1000, 1000, 900]


def test_a_page_that_gets_too_large_is_asked_for_again_with_fewer(dev: Cluster, sync: Syncer) -> None:
    small = (pod(f"a-{number:03}") for number in range(150))
    large = (pod(f"b-{number:02}") | {"status": {"message": "x" * LARGE}} for number in range(20))
    dev.seed("pods", itertools.chain(small, large))
    with sync.client() as client:
        pages = [(found.count, found.size) for found in listing.pages(client, "/api/v1/pods", limit=1000)]
    assert sum(count for count, _ in pages) == 170
    assert max(size for _, size in pages) <= listing.MOST_PAGE_BYTES
    assert limits(dev)[:3] == ["100", "1000", "125"]


def test_a_server_that_heeds_no_limit_may_send_what_one_response_may_have(dev: Cluster) -> None:
    items = b",".join([b'{"metadata":{"name":"' + b"x" * MB + b'"}}'] * 20)
    body = response(b'{"kind":"L","metadata":{},"items":[' + items + b"]}")
    with RawServer(lambda _: iter([body])) as server:
        with Client(server.context) as client:
            (whole,) = listing.pages(client, "/apis/metrics.k8s.io/v1beta1/pods", limit=1000)
        with Client(server.context, response_bytes=19 * MB) as client, pytest.raises(TooLargeError, match="18554 KiB"):
            list(listing.pages(client, "/apis/metrics.k8s.io/v1beta1/pods", limit=1000))
    assert whole.count == 20


MEASURED = """
import sys
import psycopg
from airflow_provider_k8s_inventory import sync
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.http.client import Client
path, dsn, mode = sys.argv[1:4]
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) // 1024
context = kubeconfig.load([path]).contexts["dev"]
with Client(context, max_parallel_requests=4) as client, psycopg.connect(dsn) as conn:
    client.get("/version")
    sync.run(client, conn, "namespaces")
    before = peak()
    report = sync.run(client, conn, "pods", sync.Settings(mode=mode, verify_every=0))
    print(report.status, report.mode, report.seen, report.inserted + report.updated, peak() - before)
"""


@pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
def test_objects_as_large_as_etcd_takes_need_little_memory(
    mode: str, dev: Cluster, simulator: Simulator, sync: Syncer, migrated_database: str, tmp_path: Path
) -> None:
    noise = os.urandom(LARGE // 2).hex()
    large = [pod(f"web-{number:02}") | {"status": {"message": noise[number:]}} for number in range(40)]
    dev.seed("pods", large)
    if mode != "full":
        sync()
        for number in range(30):
            dev.patch("pods", f"web-{number:02}", {"metadata": {"labels": {"tier": "front"}}}, "default")
    path = simulator.kubeconfig(tmp_path / "kubeconfig")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path), migrated_database, mode], capture_output=True, text=True, check=True
    )
    status, way, seen, written, megabytes = done.stdout.split()
    assert (status, way, seen, written) == ("success", mode, "40", "40" if mode == "full" else "30")
    assert int(megabytes) < 64


def test_running_out_of_memory_is_no_defect(dev: Cluster, sync: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    dev.seed("pods", [pod("web")])

    def fail(*_: object, **__: object) -> object:
        raise MemoryError

    monkeypatch.setattr(listing, "_read", fail)
    report = sync()
    assert report.status == "failed"
    assert "ran out of memory" in (report.reason or "")
    assert "page_size (--page-size, now 1000)" in (report.reason or "")


@pytest.mark.parametrize(
    "metadata_of_list",
    [
        b"null",
        b'{"continue":null,"resourceVersion":null}',
        b'{"continue":null,"resourceVersion":"7","remainingItemCount":null,"selfLink":null}',
    ],
)
def test_null_is_absent_in_lists(metadata_of_list: bytes, dev: Cluster, sync: Syncer) -> None:
    item = b'{"metadata":{"name":"a","uid":null,"resourceVersion":null,"namespace":null}}'
    body = b'{"kind":"PodList","apiVersion":"v1","metadata":' + metadata_of_list + b',"items":[' + item + b"]}"
    dev.inject(Fault(path="/pods$", body=body, times=None))
    with sync.client() as client:
        (found,) = listing.pages(client, "/api/v1/pods", limit=5)
        (seen,) = metadata.pages(client, "/api/v1/pods", limit=5)
    assert (found.token, seen.token) == (None, None)
    assert [(one.name, one.uid, one.resource_version) for one in seen.items] == [("a", "", "")]


@pytest.mark.parametrize("kind", [b"null", b'""'])
def test_a_list_without_a_kind_is_none(kind: bytes, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web")])
    sync()
    dev.inject(Fault(path="/pods$", body=b'{"kind":' + kind + b',"metadata":{"resourceVersion":"7"},"items":[]}'))
    assert sync().status == "failed"
    assert inventory.count("k8s_pods") == 1
