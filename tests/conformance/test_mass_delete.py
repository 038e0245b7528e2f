"""A complete response that lacks more than half of a scope of over 100 rows: an accident, unless it is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.kit.agreement import EVERY_MODE
from tests.kit.api import ApiError
from tests.kit.custom_resources import CustomResource
from tests.kit.live_inventory import LiveInventory

pytestmark = EVERY_MODE

SPROCKETS = CustomResource("sprockets", "Sprocket")
MANY = [f"sprocket-{number}" for number in range(102)]


@pytest.fixture
def many(inventory: LiveInventory, namespace: str) -> Iterator[LiveInventory]:
    """An inventory of 102 objects."""
    SPROCKETS.define(inventory.cluster)
    for name in MANY:
        SPROCKETS.add(inventory.cluster, namespace, name)
    assert inventory.sync(SPROCKETS.name).inserted == 102
    yield inventory
    with suppress(ApiError):  # some tests do it themselves
        SPROCKETS.withdraw(inventory.cluster)


@pytest.fixture
def emptied(many: LiveInventory, namespace: str) -> LiveInventory:
    """An inventory of 102 objects, of which 52 are gone."""
    for name in MANY[:52]:
        SPROCKETS.remove(many.cluster, namespace, name)
    return many


def test_it_is_refused_unless_each_was_told_gone(emptied: LiveInventory) -> None:
    before = emptied.versions()
    report = emptied.sync(SPROCKETS.name)

    if report.mode == "delta":
        assert (report.status, report.deleted) == ("success", 52)
        assert emptied.names_of(SPROCKETS.name) == set(MANY[52:])
    else:
        assert (report.status, report.deleted) == ("refused", 0)
        assert emptied.versions() == before


def test_it_is_done_when_allowed(emptied: LiveInventory) -> None:
    report = emptied.sync(SPROCKETS.name, allow_mass_delete=True)

    assert (report.status, report.deleted) == ("success", 52)
    assert emptied.names_of(SPROCKETS.name) == set(MANY[52:])


def test_an_approval_with_a_bound_holds(emptied: LiveInventory) -> None:
    assert emptied.sync(SPROCKETS.name, max_deletes=51).status == "refused"
    assert emptied.sync(SPROCKETS.name, max_deletes=52).deleted == 52


def test_what_is_replaced_is_not_lost(many: LiveInventory, namespace: str) -> None:
    for name in MANY:
        SPROCKETS.remove(many.cluster, namespace, name)
        SPROCKETS.add(many.cluster, namespace, f"new-{name}")
    report = many.sync(SPROCKETS.name)

    assert (report.status, report.inserted, report.deleted) == ("success", 102, 102)
    assert many.names_of(SPROCKETS.name) == {f"new-{name}" for name in MANY}


def test_a_definition_that_is_gone_takes_all_with_it(many: LiveInventory) -> None:
    SPROCKETS.withdraw(many.cluster)
    report = many.sync(SPROCKETS.name)

    assert (report.status, report.deleted) == ("absent", 102)
    assert many.names_of(SPROCKETS.name) == set()
