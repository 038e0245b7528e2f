"""A complete answer that would delete more than half of a scope of over 100 rows: an accident, unless it is allowed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.conformance.agreement import EVERY_MODE
from tests.fixtures.conformance.custom_resources import CustomResource
from tests.fixtures.conformance.live_inventory import LiveInventory

pytestmark = EVERY_MODE

SPROCKETS = CustomResource("sprockets", "Sprocket")
MANY = [f"sprocket-{number}" for number in range(102)]


@pytest.fixture
def emptied(inventory: LiveInventory, namespace: str) -> Iterator[LiveInventory]:
    """An inventory of 102 objects, of which 52 are gone."""
    SPROCKETS.define(inventory.cluster)
    for name in MANY:
        SPROCKETS.add(inventory.cluster, namespace, name)
    assert inventory.sync(SPROCKETS.name).inserted == 102
    for name in MANY[:52]:
        SPROCKETS.remove(inventory.cluster, namespace, name)
    yield inventory
    SPROCKETS.withdraw(inventory.cluster)


def test_it_is_refused(emptied: LiveInventory) -> None:
    before = emptied.versions()

    report = emptied.sync(SPROCKETS.name)

    assert (report.status, report.deleted) == ("refused", 0)
    assert emptied.versions() == before


def test_it_is_done_when_allowed(emptied: LiveInventory) -> None:
    report = emptied.sync(SPROCKETS.name, allow_mass_delete=True)

    assert (report.status, report.deleted) == ("success", 52)
    assert emptied.names(SPROCKETS.name) == set(MANY[52:])
