"""Syncs that speak of some namespaces only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.agreement import EVERY_MODE
from tests.kit.live_inventory import LiveInventory
from tests.kit.populating import CORE, add_service

pytestmark = EVERY_MODE


@pytest.fixture
def two_namespaces(inventory: LiveInventory, namespace: str, namespaces: Iterator[str]) -> tuple[str, str]:
    """Two namespaces with a service each."""
    other = next(namespaces)
    inventory.cluster.request("POST", CORE, {"metadata": {"name": other}})
    for name in (namespace, other):
        add_service(inventory.cluster, name, f"in-{name}")
    return namespace, other


def test_only_the_named_namespaces_are_read(inventory: LiveInventory, two_namespaces: tuple[str, str]) -> None:
    report = inventory.sync("services", namespaces=two_namespaces[:1])

    assert report.seen == 1
    assert inventory.names_of("services") == {f"in-{two_namespaces[0]}"}


def test_several_namespaces_are_one_answer(inventory: LiveInventory, two_namespaces: tuple[str, str]) -> None:
    assert inventory.sync("services", namespaces=two_namespaces).seen == 2


def test_rows_of_other_namespaces_stay(inventory: LiveInventory, two_namespaces: tuple[str, str]) -> None:
    inventory.sync("services")
    for name in two_namespaces:
        inventory.cluster.request("DELETE", f"{CORE}/{name}/services/in-{name}")

    report = inventory.sync("services", namespaces=two_namespaces[:1])

    assert report.deleted == 1
    assert f"in-{two_namespaces[0]}" not in inventory.names_of("services")
    assert f"in-{two_namespaces[1]}" in inventory.names_of("services")


def test_a_namespace_that_does_not_exist_is_empty(inventory: LiveInventory) -> None:
    report = inventory.sync("services", namespaces=("no-such-namespace",))

    assert (report.status, report.seen) == ("success", 0)
