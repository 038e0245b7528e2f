"""What is measured of this package, and the two bounds it cannot beat: reading only, writing only.

The way without this package is in `plain`; each probe runs in a process of its own, see `child`.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec

from airflow_provider_k8s_inventory import resources, sync
from airflow_provider_k8s_inventory.kube import listing, metadata
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.postgres import connecting, storage
from airflow_provider_k8s_inventory.resources.histories import Histories
from airflow_provider_k8s_inventory.sync.collection import METADATA_PER_OBJECT
from airflow_provider_k8s_inventory.sync.fleet import run_context
from tests.benchmarks.model import BenchmarkError, Place

PODS: Final = resources.CATALOGUE["pods"]
_BLOCK: Final = 1 << 20
# https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
_WATCH_LIST: Final[dict[str, str | int]] = {
    "watch": 1,
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
    "timeoutSeconds": 300,
}
_ALL_SENT: Final = b"k8s.io/initial-events-end"


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str
    object: msgspec.Raw


_EVENTS: Final = msgspec.json.Decoder(_Event)
_SHOWN: Final = ("mode", "fallback", "seen", "inserted", "updated", "deleted", "pages", "bytes", "drift")


def bare_list(place: Place) -> dict[str, Any]:
    """Read all pods in pages of the usual size, and throw them away."""
    objects = size = 0
    with _client(place) as client:
        for page in listing.pages(client, PODS.resource.path(), limit=sync.Settings().page_size):
            objects, size = objects + len(page.items), size + page.size
    return {"seen": objects, "bytes": size}


def bare_metadata(place: Place) -> dict[str, Any]:
    """Read the metadata of all pods as a sync does, and throw it away."""
    objects = size = 0
    with _client(place) as client:
        limit = sync.Settings().page_size * METADATA_PER_OBJECT
        for page in metadata.pages(client, PODS.resource.path(), limit=limit):
            objects, size = objects + sum(1 for _ in page.items), size + page.size
    return {"seen": objects, "bytes": size}


def watch_list(place: Place, *, kind: str) -> dict[str, Any]:
    """Read all pods as the first events of a watch, and throw them away: what another way to list them would cost.

    :param kind: the media type wanted.
    :raises BenchmarkError: when the watch ends before the server says that these were all.
    """
    objects = size = 0
    rest = b""
    with _client(place) as client, client.stream(PODS.resource.path(), _WATCH_LIST, seconds=300, accept=kind) as pieces:
        for piece in pieces:
            rest += piece
            # Lines are decoded many at a time; the last of all is short, and does not fill a block.
            if len(rest) < _BLOCK and _ALL_SENT not in piece:
                continue
            end = rest.rfind(b"\n") + 1
            events = _EVENTS.decode_lines(rest[:end])
            size, rest = size + end, rest[end:]
            if events and events[-1].type == "BOOKMARK":
                return {"seen": objects + len(events) - 1, "bytes": size}
            objects += len(events)
    raise BenchmarkError("the watch ended before all pods had come")


def bare_copy(place: Place, *, dump: str, table: str, columns: str) -> dict[str, Any]:
    """Bring rows that are text already into an empty table, which has the same columns and indexes."""
    with connecting.connect(place.dsn) as conn, conn.cursor() as cursor, open(dump, "rb") as file:
        storage.compress_by_lz4(cursor)
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy:
            while block := file.read(_BLOCK):
                copy.write(block)
        return {"seen": cursor.rowcount}


def pods(place: Place, **settings: Any) -> dict[str, Any]:
    """Sync the pods.

    :param settings: as `Settings` takes them; the rules of history as JSON.
    """
    if "history" in settings:
        settings["histories"] = Histories.read(settings.pop("history"))
    with _client(place) as client, connecting.connect(place.dsn) as conn:
        report = sync.run(client, conn, "pods", sync.Settings(**settings))
    if report.status != "success":
        raise BenchmarkError(f"the sync is no success: {report.status}: {report.reason}")
    return {name: getattr(report, name) for name in _SHOWN}


def several(place: Place, *, names: list[str]) -> dict[str, Any]:
    """Sync resources of a context, as one task does."""
    with _client(place) as client:
        reports = list(run_context(client, names, partial(connecting.connect, place.dsn), sync.Settings()))
    if bad := [report for report in reports if report.status != "success"]:
        raise BenchmarkError(f"{bad[0].resource} is no success: {bad[0].status}: {bad[0].reason}")
    return {"scopes": len(reports), "seen": sum(report.seen for report in reports)}


def _client(place: Place) -> Client:
    (context,) = kubeconfig.select(kubeconfig.load([place.kubeconfig]), [place.context])
    return Client(context)
