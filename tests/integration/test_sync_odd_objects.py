"""Objects that are odd: the row is as good as it can be, and the other rows do not suffer."""

from __future__ import annotations

import json

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from tests.kit.inventory import Inventory
from tests.kit.objects import Manifest, named, pod
from tests.kit.syncer import Syncer


def answer(*items: object, kind: str = "PodList", **metadata: str) -> bytes:
    """A list as an API server answers it."""
    return json.dumps({"kind": kind, "metadata": {"resourceVersion": "7"} | metadata, "items": items}).encode()


def uids(*items: Manifest) -> list[Manifest]:
    return [item | {"metadata": item["metadata"] | {"uid": f"u-{item['metadata']['name']}"}} for item in items]


def test_nul_and_lone_surrogates_become_the_replacement_character(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    odd = rb"""{"metadata":{"name":"odd","uid":"u1","labels":{"a":"x\u0000y"},"annotations":{"b":"\ud800"}},
        "spec":{"nodeName":"n\u0000","containers":[{"name":"c","image":"\udfff","args":["\u0000"]}]},"status":{}}"""
    dev.inject(Fault(path="/pods$", body=answer(*uids(pod("plain")), "odd").replace(b'"odd"', odd)))
    report = sync()
    row = inventory.row("k8s_pods", "odd")

    assert report.status == "success"
    assert report.warnings == (
        "odd has characters that PostgreSQL cannot hold (NUL, lone surrogates): they became U+FFFD",
    )
    assert (row["labels"], row["annotations"]) == ({"a": "x\ufffdy"}, {"b": "\ufffd"})
    assert (row["node_name"], row["images"]) == ("n\ufffd", ["\ufffd"])
    assert row["object"]["spec"]["containers"][0]["args"] == ["\ufffd"]


def test_an_escaped_backslash_before_u0000_is_no_nul(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [pod("web", annotations={"path": "C:\\u0000", "other": "\\\\ud800"})])
    report = sync()

    assert report.warnings == ()
    assert inventory.row("k8s_pods", "web")["annotations"] == {"path": "C:\\u0000", "other": "\\\\ud800"}


def test_text_of_every_kind_comes_through_unchanged(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    text = "tab\t newline\n return\r quote\" backslash\\ \\N \\. {} , ' $1 %s \u2028 \N{GRINNING FACE} é"
    dev.seed("pods", [pod("web", annotations={"text": text}) | {"spec": {"containers": [{"image": text}]}}])
    sync()
    row = inventory.row("k8s_pods", "web")

    assert row["annotations"]["text"] == text
    assert row["images"] == [text]


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ("0001-01-01T00:00:00Z", "0001-01-01 00:00:00"),
        ("2026-01-05T08:00:00.123456Z", "2026-01-05 08:00:00.123456"),
        ("2026-01-05T08:00:00+05:30", "2026-01-05 02:30:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31 23:59:59"),
        (None, None),
    ],
)
def test_an_odd_time_is_held_as_it_is(
    written: str | None, held: str | None, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("services", [named("web", "shop", uid="u1", creationTimestamp=written)], as_is=True)
    report = sync("services")

    assert (report.status, report.warnings) == ("success", ())
    assert inventory.query("SELECT created_at::text FROM k8s_services") == [{"created_at": held and f"{held}+00"}]


@pytest.mark.parametrize("labels", [{}, {"labels": None}, {"labels": {}}], ids=["missing", "null", "empty"])
def test_no_labels_are_an_empty_object(
    labels: dict[str, None], dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", [named("web", "default", uid="u1", **labels)], as_is=True)
    report = sync()

    assert inventory.row("k8s_pods", "web")["labels"] == {}
    assert report.warnings == ()


def test_an_object_without_uid_has_a_row_that_lasts(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [named("web", "shop"), named("web", "idle")], as_is=True)
    first, second = sync(), sync()

    assert {row["uid"] for row in inventory.rows("k8s_pods")} == {"pods/idle/web", "pods/shop/web"}
    assert (first.inserted, second.inserted, second.unchanged, second.deleted) == (2, 0, 2, 0)
    assert second.warnings == ("2 objects have no uid, for example idle/web: resource, namespace and name are the key",)


@pytest.mark.parametrize("mode", ["full", "metadata", "delta", "auto"])
def test_component_statuses_never_have_a_uid_and_that_is_no_warning(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("componentstatuses", [named("etcd-0"), named("scheduler")], as_is=True)
    reports = [sync("componentstatuses", mode=mode) for _ in range(3)]

    assert [(each.status, each.warnings) for each in reports] == [("success", ())] * 3
    assert [(each.inserted, each.unchanged, each.deleted) for each in reports] == [(2, 0, 0), (0, 2, 0), (0, 2, 0)]
    keys = {row["uid"] for row in inventory.rows("k8s_componentstatuses")}
    assert keys == {"componentstatuses/etcd-0", "componentstatuses/scheduler"}


def test_an_object_of_one_and_a_half_megabytes_is_stored(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    big = "x" * 1_500_000
    dev.seed("pods", [pod("big", annotations={"big": big}), pod("small")])

    assert sync().status == "success"
    assert inventory.row("k8s_pods", "big")["object"]["metadata"]["annotations"]["big"] == big
    assert sync().unchanged == 2


def test_a_field_of_an_unexpected_type_is_null(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("deployments", [pod("good"), named("bad", "default") | {"spec": {"replicas": "three"}}])
    report = sync("deployments")
    row = inventory.row("k8s_deployments", "bad")

    assert report.status == "success"
    assert report.warnings[0].startswith("default/bad has a spec.replicas that cannot be read")
    assert (row["replicas"], row["ready"], row["images"]) == (None, 0, [])
    assert row["object"]["spec"] == {"replicas": "three"}
    assert inventory.row("k8s_deployments", "good")["ready"] == 0


@pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
def test_an_object_with_an_odd_time_has_a_row_in_every_mode(
    mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("services", [named("good", "shop", uid="u1")], as_is=True)
    sync("services", mode=mode)
    dev.seed("services", [named("odd", "shop", uid="u2", creationTimestamp="yesterday")], as_is=True)
    report = sync("services", mode=mode)

    assert (report.status, report.inserted, report.unchanged) == ("success", 1, 1)
    assert report.warnings[0].startswith("shop/odd has a metadata.creationTimestamp that cannot be read")
    assert inventory.row("k8s_services", "odd")["created_at"] is None


def test_the_warnings_are_in_the_ledger(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("deployments", [named("web", "default") | {"spec": 1, "status": 1}])
    report = sync("deployments")

    assert inventory.last()["warnings"] == list(report.warnings)
    assert len(report.warnings) == 2


def test_of_an_object_that_comes_twice_the_last_counts(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    first, second, other = uids(pod("web", phase="Pending"), pod("web", phase="Running"), pod("other"))
    dev.inject(Fault(path="/pods$", body=answer(first, other, second), times=None))
    report = sync()

    assert inventory.row("k8s_pods", "web")["phase"] == "Running"
    assert (report.seen, report.inserted) == (2, 2)
    assert report.warnings == ("1 objects came more than once in one list; the last one counts",)


def test_an_object_that_always_comes_twice_changes_nothing(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    twice = uids(pod("web", phase="Pending"), pod("web", phase="Pending"), pod("web", phase="Running"))
    dev.inject(Fault(path="/pods$", body=answer(*twice), times=None))
    sync()
    before = inventory.versions()
    report = sync()

    assert (report.seen, report.unchanged, report.updated) == (1, 1, 0)
    assert inventory.versions() == before
    assert inventory.row("k8s_pods", "web")["phase"] == "Running"


def test_an_object_may_come_twice_on_different_pages(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    first, second = uids(pod("web", phase="Pending"), pod("web", phase="Running"))
    dev.inject(Fault(path="/pods$", query={"continue": "more"}, body=answer(second), times=None))
    dev.inject(Fault(path="/pods$", body=answer(first, **{"continue": "more"}), times=None))

    assert sync().seen == 1
    assert inventory.row("k8s_pods", "web")["phase"] == "Running"


@pytest.mark.parametrize("item", [1, None, [], {}, {"metadata": {}}, {"metadata": None}], ids=json.dumps)
def test_what_is_not_an_object_fails_the_scope_and_nothing_changes(
    item: object, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", [pod("web")])
    sync()
    before = inventory.versions()
    dev.inject(Fault(path="/pods$", body=answer(*uids(pod("new")), item)))
    report = sync()

    assert report.status == "failed"
    assert "the list of pods" in (report.reason or "")
    assert inventory.versions() == before
