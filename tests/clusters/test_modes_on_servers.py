"""However an API server is set up, and whatever it has just gone through, every mode leaves the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clusters import programs
from tests.clusters.control_plane import ControlPlane
from tests.kit.agreement import FRESH, MODES, Agreement
from tests.kit.cluster import RealCluster
from tests.kit.live_inventory import syncer
from tests.kit.populating import CORE, add_service

pytestmark = pytest.mark.alters_database

SERVERS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "as the minor version before": {"arguments": ["--emulated-version=1.35"]},
    # The last one that pages from etcd and has no WatchList, unless gates are changed.
    "as 1.33": {"arguments": ["--emulated-version=1.33"]},
    "without WatchList": {"feature_gates": {"WatchList": False}},
    "without snapshots": {"feature_gates": {"ListFromCacheSnapshot": False}},
    # Watches come straight from etcd, which tells nobody how far it is.
    "without a watch cache": {"arguments": ["--watch-cache=false"]},
}


@pytest.fixture(scope="module", params=list(SERVERS.values()), ids=list(SERVERS))
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The options of an API server."""
    found: dict[str, Any] = request.param
    return found


@pytest.fixture(scope="module")
def server(options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """An API server of a kind, with a namespace for the tests."""
    with ControlPlane(tmp_path_factory.mktemp("server"), programs.find(), **options) as booted:
        booted.request("POST", CORE, {"metadata": {"name": "here"}})
        yield RealCluster(booted, "dev", ())


@pytest.fixture
def agreement(server: RealCluster, migrated_database: str) -> Iterator[Agreement]:
    with Agreement(syncer(server, migrated_database)) as opened:
        yield opened


def restart(server: RealCluster) -> None:
    server.stop()
    server.start()


def compact(server: RealCluster) -> None:
    server.compact()


def compact_and_restart(server: RealCluster) -> None:
    server.compact()
    restart(server)


def nothing(server: RealCluster) -> None:
    """Nothing happens to the server."""


AFTER: dict[Callable[[RealCluster], None], tuple[str, ...]] = {
    nothing: ("delta",),
    # A new watch cache begins with what it lists first. Without one, etcd still has every change; whether a watch of
    # it gets to the end depends on what the new API server writes beside the test.
    restart: ("delta", "metadata"),
    # What etcd forgets, the watch cache remembers, if there is one.
    compact: ("delta", "metadata"),
    compact_and_restart: ("metadata",),
}
"""What a delta may turn into."""


@pytest.mark.parametrize("happens", AFTER)
def test_every_mode_leaves_the_rows_of_a_fresh_full_sync(
    happens: Callable[[RealCluster], None], options: dict[str, Any], server: RealCluster, agreement: Agreement
) -> None:
    services = f"{CORE}/here/services"
    server.request("DELETE", services)
    for name in ("changed", "gone", "taken", "kept"):
        add_service(server, "here", name)
    for mode in MODES:
        assert agreement.sync(mode, "services").mode == "full"

    server.request("PATCH", f"{services}/changed", {"metadata": {"labels": {"tier": "front"}}})
    server.request("DELETE", f"{services}/gone")
    happens(server)
    server.request("DELETE", f"{services}/taken")
    add_service(server, "here", "taken")
    add_service(server, "here", "new")

    reports = {mode: agreement.sync(mode, "services", verify_every=0) for mode in MODES}
    agreement.fresh("services")
    wanted = agreement.rows(FRESH, "services")
    assert {mode: agreement.rows(mode, "services") == wanted for mode in MODES} == dict.fromkeys(MODES, True)
    done = {(report.status, report.inserted, report.updated, report.deleted) for report in reports.values()}
    assert done == {("success", 2, 1, 2)}
    assert (reports["full"].mode, reports["metadata"].mode) == ("full", "metadata")
    assert reports["delta"].mode in AFTER[happens]
    if happens is restart and options is not SERVERS["without a watch cache"]:
        assert reports["delta"].mode == "metadata"
