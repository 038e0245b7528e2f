"""A scope that fails leaves every row version and its checkpoint as they were, and one line in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Rule, Simulator, User

from airflow_provider_k8s_inventory.exceptions import UnknownResourceError, UsageError
from tests.kit.inventory import Inventory
from tests.kit.objects import pods
from tests.kit.syncer import Syncer


def inject(fault: Fault) -> Callable[[Simulator], None]:
    def act(simulator: Simulator) -> None:
        simulator["dev"].inject(fault)

    return act


def forbid(simulator: Simulator) -> None:
    simulator["dev"].add_user(User(name="admin", groups=(), denied=(Rule(resources=("pods",)),)))


def stop(simulator: Simulator) -> None:
    simulator.stop("dev")


def empty(simulator: Simulator) -> None:
    for number in range(101):
        simulator["dev"].delete("pods", f"web-{number:04}", "default")


PODS = "/api/v1/pods$"
TROUBLES: dict[str, tuple[Callable[[Simulator], None], str, str]] = {
    "forbidden": (forbid, "forbidden", 'User "admin" cannot list resource "pods"'),
    "unauthorized": (inject(Fault(status=401, times=None)), "unauthorized", "the token or certificate"),
    "unauthorized on the way": (inject(Fault(path=PODS, status=401, times=None)), "unauthorized", "401"),
    "stopped": (stop, "unreachable", "cannot be reached"),
    "overloaded": (inject(Fault(path=PODS, status=429, times=None)), "unreachable", "429"),
    "broken": (inject(Fault(path=PODS, status=500, times=None)), "unreachable", "500"),
    "not ready": (inject(Fault(status=503, times=None)), "unreachable", "503"),
    "reset": (inject(Fault(path=PODS, reset=True, times=None)), "unreachable", "cannot be reached"),
    "cut off": (inject(Fault(path=PODS, truncate=200, times=None)), "failed", "cut off"),
    "a proxy": (inject(Fault(path=PODS, body=b"<html>Log in</html>")), "failed", "proxy"),
    "no text": (inject(Fault(path=PODS, body=b"")), "failed", "not a Kubernetes list"),
    "half a text": (inject(Fault(path=PODS, body=b'{"kind":"PodList","items":[')), "failed", "not a Kubernetes list"),
    "an empty document": (inject(Fault(path=PODS, body=b"{}")), "failed", "not a Kubernetes list"),
    "null": (inject(Fault(path=PODS, body=b"null")), "failed", "not a Kubernetes list"),
    "an array": (inject(Fault(path=PODS, body=b"[]")), "failed", "not a Kubernetes list"),
    "no items": (
        inject(Fault(path=PODS, body=b'{"kind":"PodList","metadata":{"resourceVersion":"1"}}')),
        "failed",
        "missing required field `items`",
    ),
    "items of another shape": (
        inject(Fault(path=PODS, body=b'{"kind":"PodList","items":{}}')),
        "failed",
        "not a Kubernetes list",
    ),
    "one object": (
        inject(Fault(path=PODS, body=b'{"kind":"Pod","metadata":{"name":"web","uid":"u"}}')),
        "failed",
        "not a Kubernetes list",
    ),
    "a status with 200": (
        inject(Fault(path=PODS, body=b'{"kind":"Status","status":"Failure","message":"etcd is gone"}')),
        "failed",
        "not a Kubernetes list",
    ),
    "bad request": (inject(Fault(path=PODS, status=400, times=2)), "failed", "400"),
    "always expired": (inject(Fault(path=PODS, status=410, times=None)), "failed", "expired 3 times"),
    "too much gone": (empty, "refused", "would delete 101 of 101"),
    "the identity is no namespace": (inject(Fault(path="kube-system$", body=b"{}")), "failed", "kube-system"),
}


@pytest.mark.parametrize(("trouble", "status", "reason"), TROUBLES.values(), ids=TROUBLES)
def test_a_failed_sync_changes_nothing_but_the_ledger_and_how_the_last_one_ended(
    trouble: Callable[[Simulator], None],
    status: str,
    reason: str,
    simulator: Simulator,
    sync: Syncer,
    inventory: Inventory,
) -> None:
    simulator["dev"].seed("pods", pods(101))
    sync()
    before, syncs = inventory.versions(), len(inventory.ledger())
    (state,) = inventory.rows("k8s_scopes", "resource")
    trouble(simulator)
    report = sync()

    assert (report.status, inventory.versions() == before) == (status, True)
    assert inventory.rows("k8s_scopes", "resource") == [
        state | {"last_status": status, "last_reason": report.reason, "last_finished_at": report.finished_at}
    ]
    assert reason in (report.reason or "")
    assert "defect" not in (report.reason or "")
    assert len(inventory.ledger()) == syncs + 1
    assert inventory.last()["reason"] == report.reason
    assert (report.inserted, report.updated, report.unchanged, report.deleted) == (0, 0, 0, 0)


@pytest.mark.parametrize("status", ["unauthorized", "forbidden", "unreachable"])
def test_the_reason_names_the_context(status: str, simulator: Simulator, sync: Syncer) -> None:
    trouble = {"unauthorized": TROUBLES["unauthorized"], "forbidden": TROUBLES["forbidden"]}.get(
        status, TROUBLES["stopped"]
    )
    trouble[0](simulator)

    assert "dev" in (sync().reason or "")


def test_after_the_trouble_the_next_sync_is_as_if_there_had_been_none(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(3))
    sync()
    before = inventory.versions()
    dev.inject(Fault(path=PODS, status=500, times=5))

    assert sync().status == "unreachable"
    assert sync().status == "success"
    assert inventory.versions() == before


def test_a_first_sync_that_fails_leaves_an_empty_table(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(10))
    dev.inject(Fault(path=PODS, query={"continue": "."}, status=403))
    report = sync(page_size=5)

    assert report.status == "forbidden"
    assert inventory.names("k8s_pods") == []
    assert (report.pages, report.seen, report.resource_version) == (1, 0, None)


@pytest.mark.parametrize("resource", ["pods/log", "", "../pods"])
def test_an_unknown_resource_is_wrong_usage_and_no_sync(resource: str, sync: Syncer, inventory: Inventory) -> None:
    with pytest.raises(UnknownResourceError):
        sync(resource)

    assert inventory.ledger() == []


@pytest.mark.parametrize(
    "settings",
    [
        {"namespaces": ("a/b",)},
        {"namespaces": ("",)},
        {"page_size": 0},
        {"mode": "fast"},
        {"verify_every": -1},
        {"max_parallel_requests": 0},
        {"schema": "a%b"},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_wrong_usage_and_no_sync(
    settings: dict[str, Any], sync: Syncer, inventory: Inventory
) -> None:
    with pytest.raises(UsageError):
        sync(**settings)

    assert inventory.ledger() == []


def test_a_defect_is_a_failed_scope_too(
    dev: Cluster, sync: Syncer, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.seed("pods", pods(3))
    sync()
    before = inventory.versions()

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("airflow_provider_k8s_inventory.sync.rows.RowReader.rows", broken)
    report = sync()

    assert report.status == "failed"
    assert report.reason == "a defect of this package, please report it: ZeroDivisionError: division by zero"
    assert inventory.versions() == before
    assert inventory.last()["status"] == "failed"
