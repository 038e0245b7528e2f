"""Many custom resources in one task: a thousand instances of fifty, and one that is withdrawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.kit import api
from tests.kit.agreement import EVERY_MODE
from tests.kit.cluster import LiveCluster, live_cluster
from tests.kit.custom_resources import CustomResource
from tests.kit.live_inventory import LiveInventory

pytestmark = EVERY_MODE

GROUP = "many.example.com"
ALL = f"*.{GROUP}"
# Short names are the first two letters, and are one resource's alone in a group.
RESOURCES = [CustomResource(f"{a}{b}things", f"{a}{b}thing".title(), GROUP) for a in "abcde" for b in "abcdefghij"]
EACH = 20


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCluster]:
    """A cluster with twenty instances of each."""
    real = request.config.getoption("--control-plane", "simulator") == "real"
    wanted = [(resource, f"number-{number:02}") for resource in RESOURCES for number in range(EACH)]
    with (
        live_cluster("dev", tmp_path_factory.mktemp("many"), real=real) as live,
        ThreadPoolExecutor(api.CONNECTIONS) as pool,
    ):
        list(pool.map(lambda each: each.define(live), RESOURCES))
        list(pool.map(lambda each: each[0].add(live, "default", each[1]), wanted))
        yield live


def kept(inventory: LiveInventory) -> Counter[str]:
    """The number of rows by resource."""
    return Counter(row["resource"] for row in inventory.rows("k8s_custom_resources"))


def test_a_thousand_instances_of_fifty_resources_are_synced_in_one_task(inventory: LiveInventory) -> None:
    first, again = inventory.sync.all(ALL), inventory.sync.all(ALL)

    assert {report.status for report in (*first.values(), *again.values())} == {"success"}
    assert {name: report.inserted for name, report in first.items()} == {each.name: EACH for each in RESOURCES}
    assert {name: report.written for name, report in again.items()} == {each.name: 0 for each in RESOURCES}
    assert kept(inventory) == {each.name: EACH for each in RESOURCES}


def test_the_instances_of_one_that_is_withdrawn_go_and_no_others(inventory: LiveInventory, mode: str) -> None:
    # One that is withdrawn and defined again may be "shutting down" for a while.
    gone = CustomResource(f"x{mode}gone", f"X{mode}gone", GROUP)
    gone.define(inventory.cluster)
    gone.add(inventory.cluster, "default", "last")
    inventory.sync.all(ALL)
    before = kept(inventory)
    gone.withdraw(inventory.cluster)
    report = inventory.sync.all(ALL)[gone.name]

    assert (report.status, report.deleted) == ("absent", 1)
    assert before - kept(inventory) == {gone.name: 1}
