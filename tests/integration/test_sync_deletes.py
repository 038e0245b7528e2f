"""Rows go only when a complete answer proves their objects gone, and never too many at a time."""

from __future__ import annotations

import json

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from tests.kit.inventory import Inventory
from tests.kit.objects import pod, pods
from tests.kit.syncer import Syncer


def delete(cluster: Cluster, *numbers: int) -> None:
    for number in numbers:
        cluster.delete("pods", f"web-{number:04}", "default")


def test_a_row_whose_object_is_gone_can_be_marked_instead(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(2))
    sync(on_delete="mark")
    delete(dev, 0)
    report = sync(on_delete="mark")

    assert (report.seen, report.deleted, report.unchanged) == (1, 1, 1)
    assert inventory.row("k8s_pods", "web-0000")["deleted_at"] is not None
    assert inventory.row("k8s_pods", "web-0000")["object"] is not None
    assert inventory.row("k8s_pods", "web-0001")["deleted_at"] is None


def test_a_mark_is_a_change(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(2))
    sync(on_delete="mark")
    before = inventory.row("k8s_pods", "web-0000")
    delete(dev, 0)
    sync(on_delete="mark")
    marked = inventory.row("k8s_pods", "web-0000")

    assert marked["changed_at"] == marked["deleted_at"] > before["changed_at"]
    assert marked["first_seen_at"] == before["first_seen_at"]


def test_a_mark_is_made_once(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(2))
    sync(on_delete="mark")
    delete(dev, 0)
    sync(on_delete="mark")
    before = inventory.versions()

    assert sync(on_delete="mark").deleted == 0
    assert inventory.versions() == before


def test_an_object_that_returns_loses_its_mark(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(2))
    sync(on_delete="mark")
    first = inventory.row("k8s_pods", "web-0000")
    document = dev.delete("pods", "web-0000", "default")
    sync(on_delete="mark")
    dev.seed("pods", [document])
    report = sync(on_delete="mark")

    returned = inventory.row("k8s_pods", "web-0000")
    assert (report.inserted, report.updated, report.deleted) == (0, 1, 0)
    assert returned["deleted_at"] is None
    assert returned["uid"] == first["uid"]
    assert returned["first_seen_at"] == first["first_seen_at"]


def test_an_object_that_returns_unchanged_loses_its_mark_too(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(1), as_is=True)
    (as_it_was,) = dev.objects("pods")
    sync(on_delete="mark")
    delete(dev, 0)
    sync(on_delete="mark")
    dev.seed("pods", [as_it_was], as_is=True)

    assert sync(on_delete="mark").updated == 1
    assert inventory.row("k8s_pods", "web-0000")["deleted_at"] is None


def test_back_to_deleting_the_marked_rows_go(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(3))
    sync(on_delete="mark")
    delete(dev, 0)
    sync(on_delete="mark")
    delete(dev, 1)
    report = sync(on_delete="delete")

    assert report.deleted == 2
    assert inventory.names("k8s_pods") == ["web-0002"]


@pytest.mark.parametrize(
    ("live", "gone", "status"),
    [
        (100, 100, "success"),
        (101, 50, "success"),
        (101, 51, "refused"),
        (102, 51, "success"),
        (102, 52, "refused"),
        (101, 101, "refused"),
    ],
)
@pytest.mark.parametrize("on_delete", ["delete", "mark"])
def test_more_than_half_of_more_than_a_hundred_rows_do_not_go(
    on_delete: str, live: int, gone: int, status: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(live))
    sync()
    before = inventory.versions()
    delete(dev, *range(gone))
    report = sync(on_delete=on_delete)

    assert report.status == status
    assert report.deleted == (gone if status == "success" else 0)
    assert (inventory.versions() == before) is (status == "refused")


def test_a_refusal_says_how_much_and_how_to_let_it_through(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(150))
    sync()
    delete(dev, *range(149))
    reason = sync().reason or ""

    assert "would delete 149 of 150 rows of k8s_pods (context dev): nothing was changed" in reason
    assert "allow_mass_delete=True (--allow-mass-delete)" in reason
    assert "max_deletes (--max-deletes)" in reason
    assert inventory.last()["status"] == "refused"


def test_a_mass_delete_that_is_allowed_is_done(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(150))
    sync()
    delete(dev, *range(149))

    assert sync(allow_mass_delete=True).deleted == 149
    assert inventory.names("k8s_pods") == ["web-0149"]


@pytest.mark.parametrize("mode", ["full", "metadata"])
@pytest.mark.parametrize(
    ("new", "status"), [(500, "success"), (300, "success"), (150, "success"), (149, "refused"), (0, "refused")]
)
def test_objects_that_took_the_place_of_others_are_no_loss(
    new: int, status: str, mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(300))
    sync()
    before = inventory.versions()
    delete(dev, *range(300))
    dev.seed("pods", pods(new, prefix="other"))
    report = sync(mode=mode)

    assert report.status == status
    assert report.deleted == (300 if status == "success" else 0)
    assert (inventory.versions() == before) is (status == "refused")


@pytest.mark.parametrize("mode", ["full", "metadata"])
@pytest.mark.parametrize(
    ("live", "gone", "bound", "status"),
    [
        (150, 149, 149, "success"),
        (150, 149, 148, "refused"),
        (150, 150, 150, "success"),
        (150, 2, 1, "refused"),
        (150, 0, 0, "success"),
        (3, 1, 0, "refused"),
        (3, 3, 3, "success"),
    ],
)
def test_an_approval_may_have_a_bound(
    live: int, gone: int, bound: int, status: str, mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(live))
    sync()
    before = inventory.versions()
    delete(dev, *range(gone))
    report = sync(mode=mode, max_deletes=bound, allow_mass_delete=True)

    assert report.status == status
    assert report.deleted == (gone if status == "success" else 0)
    if status == "refused":
        assert f"would delete {gone} of {live} rows" in (report.reason or "")
        assert f"max_deletes (--max-deletes) allows {bound}" in (report.reason or "")
        assert inventory.versions() == before


def test_an_object_that_comes_many_times_is_one(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(150))
    sync()
    before = inventory.versions()
    one = pod("web", uid="u-web")
    body = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "99999"}, "items": [one] * 150}
    dev.inject(Fault(path="/pods$", body=json.dumps(body).encode(), times=None))

    assert sync(mode="full").status == "refused"
    assert inventory.versions() == before


def test_marked_rows_do_not_count_as_live(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(150))
    sync(on_delete="mark")
    delete(dev, *range(75))
    sync(on_delete="mark")
    delete(dev, *range(75, 150))

    # 75 are left, which is not more than a hundred.
    assert sync(on_delete="mark").deleted == 75


def test_rows_of_another_context_do_not_count(dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(60))
    prod.seed("pods", pods(60))
    sync(context="dev")
    sync(context="prod")
    delete(dev, *range(60))

    assert sync(context="dev").deleted == 60
    assert {row["context_name"] for row in inventory.rows("k8s_pods")} == {"prod"}


def test_the_guard_speaks_of_the_namespaces_that_were_asked_for(dev: Cluster, sync: Syncer) -> None:
    dev.seed("pods", [*pods(101, "shop"), *pods(400, "idle")])
    sync()
    for number in range(101):
        dev.delete("pods", f"web-{number:04}", "shop")

    assert sync(namespaces=("shop",)).status == "refused"
    assert sync().status == "success"


def test_a_list_that_breaks_off_proves_nothing(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", pods(10))
    sync()
    before = inventory.versions()
    delete(dev, 9)
    dev.inject(Fault(path="/pods$", query={"continue": "."}, times=None, truncate=100))

    assert sync(page_size=5, mode="full").status == "failed"
    assert inventory.versions() == before
