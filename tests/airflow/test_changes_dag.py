"""The example DAG that posts changes, run by `dag.test` after syncs of simulated clusters, with a user's notifier."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from airflow.models.variable import Variable as Variables
from airflow.sdk import BaseNotifier
from k8s_inventory_demo.simulator import Simulator

from tests.airflow.bags import bag
from tests.kit.objects import pod

pytestmark = [pytest.mark.usefixtures("metadata_database", "kubeconfig"), pytest.mark.timeout(300)]

POSITION = "k8s_inventory_changes_position"


class Collected(BaseNotifier):
    """A notifier with a template, as those of Slack and mail are.

    :param text: what is posted.
    :param sent: where it goes.
    """

    template_fields = ("text",)

    def __init__(self, text: str, sent: list[str], *, broken: bool = False) -> None:
        super().__init__()
        self.text = text
        self.sent = sent
        self.broken = broken

    def notify(self, context: Any) -> None:
        if self.broken:
            raise ConnectionError("the channel is down")
        self.sent.append(self.text)


class Position:
    """How far was read, as Airflow keeps it in its own database."""

    def get(self) -> str | None:
        found = Variables.get(POSITION, None)
        return found if found is None else str(found)

    def set(self, value: str | None) -> None:
        if value is None:
            Variables.delete(POSITION)
        else:
            Variables.set(POSITION, value)


@pytest.fixture
def position() -> Iterator[Position]:
    """It is not known when the test begins."""
    found = Position()
    found.set(None)
    yield found
    found.set(None)


def sync() -> None:
    dag = bag().dags["k8s_inventory"]
    assert dag.test(run_conf={"resources": ["pods", "deployments", "services"]}).state == "success"


def post(**conf: Any) -> tuple[str, list[str]]:
    """Run the DAG; how it ended, and the lines that were posted."""
    dag = bag().dags["k8s_inventory_changes"]
    sent: list[str] = []
    broken = conf.pop("broken", False)
    names = dag.get_task("post").python_callable.__globals__
    names["NOTIFIER"] = Collected("Changes:\n{{ text }}", sent, broken=broken)
    state = str(dag.test(run_conf=conf).state)
    lines = [line for text in sent for line in text.splitlines()]
    return state, lines


def test_deletions_and_image_changes_are_posted_once(inventory: str, simulator: Simulator, position: Position) -> None:
    dev = simulator["dev"]
    sync()
    assert post() == ("success", [])
    deployment = copy.deepcopy(dev.objects("deployments")[0])
    name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/new:2"
    dev.replace("deployments", deployment)
    service = dev.objects("services")[0]["metadata"]
    dev.delete("services", service["name"], service["namespace"])
    dev.seed("pods", [pod("another")])
    sync()

    state, (head, *lines) = post()
    assert (state, head) == ("success", "Changes:")
    assert sorted(line.partition(" dev: ")[2].partition(" by ")[0].partition(":")[0] for line in lines) == sorted(
        [
            f"deployments {namespace}/{name} updated",
            f"services {service['namespace']}/{service['name']} deleted",
        ]
    )
    assert any("→ registry.example.com/new:2" in line for line in lines)
    assert post() == ("success", [])
    with psycopg.connect(inventory) as conn:
        assert conn.execute("SELECT max(id)::text FROM k8s_history").fetchone() == (position.get(),)


def test_what_could_not_be_posted_is_posted_by_the_next_run(
    inventory: str, simulator: Simulator, position: Position
) -> None:
    dev = simulator["dev"]
    dev.seed("pods", [pod("soon-gone")])
    sync()
    post()
    before = position.get()
    dev.delete("pods", "soon-gone", "default")
    sync()

    assert post(broken=True, leave_out=[])[0] == "failed"
    assert position.get() == before
    assert post()[1] == []
    position.set(before)
    (_, line) = post(leave_out=[])[1]
    assert line.endswith("dev: pods default/soon-gone deleted")


def test_it_starts_on_the_asset_of_the_inventory() -> None:
    dags = bag().dags
    (published,) = dags["k8s_inventory"].get_task("publish").outlets
    assert [asset.uri for asset in dags["k8s_inventory_changes"].timetable.asset_condition.objects] == [published.uri]
    assert dags["k8s_inventory_changes"].max_active_runs == 1
