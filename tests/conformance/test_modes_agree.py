"""Whatever happens to a cluster, every mode leaves the rows of a fresh full sync.

Sequences of changes, compactions, restarts, lost connections and syncs are made up by hypothesis; what it finds, it
shortens. With real control planes every run is another one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.simulator import Fault
from tests.fixtures.clusters import LiveCluster, SimulatedCluster
from tests.fixtures.conformance.agreement import FRESH, MODES, Agreement
from tests.fixtures.conformance.custom_resources import CustomResource
from tests.fixtures.conformance.live_inventory import LiveInventory
from tests.fixtures.conformance.world import CORE
from tests.fixtures.kubernetes_api import ApiError

NAMESPACES = ("blue", "green")
THINGS = CustomResource("things", "Thing")
POD_SPEC = {"containers": [{"name": "main", "image": "main:1"}]}

Action = tuple[str, str, str, str]
"""What is done, in which namespace, to which name, with which value."""

places = st.sampled_from(NAMESPACES)
names = st.sampled_from(("a", "b", "c"))
values = st.sampled_from(("x", "y", "z"))
actions = st.tuples(
    st.sampled_from(("create", "label", "status", "delete", "recreate", "thing")), places, names, values
)
resources = st.sampled_from(("pods", "pods", THINGS.name))
scopes = st.fixed_dictionaries(
    {
        "namespaces": st.sampled_from(((), (), NAMESPACES[:1], NAMESPACES)),
        "store_object": st.sampled_from((True, True, True, False)),
        "on_delete": st.sampled_from(("delete", "delete", "mark")),
        "verify_every": st.sampled_from((0, 0, 1, 3)),
        "page_size": st.sampled_from((500, 2)),
    }
)
TROUBLES: dict[str, Callable[[], Fault]] = {
    "a watch that ends at once": lambda: Fault(verb="watch", body=b""),
    "a watch that has expired": lambda: Fault(verb="watch", status=410),
    "a watch cut off": lambda: Fault(verb="watch", truncate=50),
    "a cache that lags": lambda: Fault(
        verb="list", query={"limit": "^1$"}, body=b'{"kind":"L","metadata":{"resourceVersion":"1"},"items":[]}'
    ),
    "a list that expires": lambda: Fault(verb="list", query={"continue": "."}, status=410),
    "a list that is gone": lambda: Fault(verb="list", query={"resourceVersion": "."}, status=410),
    "an object that may not be read": lambda: Fault(verb="get", path="/pods/", status=403),
}


class Modes(RuleBasedStateMachine):
    """A cluster that changes, and syncs of it."""

    def __init__(self, cluster: LiveCluster, agreement: Agreement) -> None:
        super().__init__()
        self.cluster = cluster
        self.agreement = agreement

    @initialize()
    def begin(self) -> None:
        self.agreement.forget()
        THINGS.define(self.cluster)
        for namespace in NAMESPACES:
            self.attempt("POST", CORE, {"metadata": {"name": namespace}})
            self.attempt("DELETE", f"{CORE}/{namespace}/pods")
            self.attempt("DELETE", f"/apis/example.com/v1/namespaces/{namespace}/{THINGS.plural}")

    @rule(several=st.lists(actions, min_size=1, max_size=6))
    def change(self, several: Sequence[Action]) -> None:
        for action in several:
            self.act(action)

    @rule(place=places, many=st.sampled_from((60, 0)))
    def flood(self, place: str, many: int) -> None:
        for number in range(many):
            self.act(("create", place, f"many-{number}", "x"))
        if not many:
            self.attempt("DELETE", f"{CORE}/{place}/pods")

    @rule()
    def change_something_else(self) -> None:
        self.attempt("POST", f"{CORE}/default/configmaps", {"metadata": {"generateName": "other-"}})

    @rule()
    def compact(self) -> None:
        self.cluster.compact()

    @rule()
    def restart(self) -> None:
        self.cluster.stop()
        self.cluster.start()

    @rule()
    def withdraw(self) -> None:
        THINGS.define(self.cluster)
        THINGS.withdraw(self.cluster)

    @rule()
    def define(self) -> None:
        THINGS.define(self.cluster)

    @precondition(lambda self: isinstance(self.cluster, SimulatedCluster))
    @rule(trouble=st.sampled_from(sorted(TROUBLES)))
    def get_into(self, trouble: str) -> None:
        self.cluster.simulated.inject(TROUBLES[trouble]())  # type: ignore[attr-defined]

    @rule(modes=st.permutations(MODES), count=st.integers(1, 3), resource=resources, scope=scopes)
    def sync(self, modes: Sequence[str], count: int, resource: str, scope: dict[str, Any]) -> None:
        for mode in modes[:count]:
            report = self.agreement.sync(mode, resource, **scope)
            assert report.good, report.reason
            assert not report.drift, report.warnings
            assert "defect" not in (report.fallback or "")
        self.compare(modes[:count], resource, scope)

    @rule(mode=st.sampled_from(MODES), resource=resources, scope=scopes, nth=st.integers(2, 6), action=actions)
    def sync_while_it_changes(self, mode: str, resource: str, scope: dict[str, Any], nth: int, action: Action) -> None:
        requests = iter(range(1, 1000))

        def disturbed(_: psycopg.Connection) -> None:
            if next(requests) == nth:
                self.act(action)

        report = self.agreement.sync(mode, resource, disturbed=disturbed, **scope)
        assert report.good, report.reason

    @rule(mode=st.sampled_from(MODES), resource=resources, scope=scopes, nth=st.integers(1, 6))
    def sync_and_lose_the_database(self, mode: str, resource: str, scope: dict[str, Any], nth: int) -> None:
        requests = iter(range(1, 1000))

        def disturbed(conn: psycopg.Connection) -> None:
            if next(requests) == nth:
                self.agreement.terminate(conn)

        with suppress(DatabaseError):
            self.agreement.sync(mode, resource, disturbed=disturbed, **scope)

    def teardown(self) -> None:
        if isinstance(self.cluster, SimulatedCluster):
            self.cluster.simulated.faults.clear()

    def compare(self, modes: Sequence[str], resource: str, scope: dict[str, Any]) -> None:
        """Every mode's rows with those of a fresh full sync."""
        self.teardown()
        report = self.agreement.fresh(resource, **scope | {"page_size": 500})
        assert report.good, report.reason
        wanted = self.agreement.rows(FRESH, resource, scope["namespaces"])
        for mode in modes:
            assert self.agreement.rows(mode, resource, scope["namespaces"]) == wanted, mode

    def act(self, action: Action) -> None:
        """Do something to an object, unless the cluster is not in the state for it."""
        what, namespace, name, value = action
        pods = f"{CORE}/{namespace}/pods"
        pod = {"metadata": {"name": name, "labels": {"value": value}}, "spec": POD_SPEC}
        if what in ("delete", "recreate"):
            self.attempt("DELETE", f"{pods}/{name}")
        if what in ("create", "recreate"):
            self.attempt("POST", pods, pod)
        if what == "label":
            self.attempt("PATCH", f"{pods}/{name}", {"metadata": {"labels": {"value": value}}})
        if what == "status":
            self.attempt("PATCH", f"{pods}/{name}/status", {"status": {"message": value}})
        if what == "thing":
            self.act_on_thing(namespace, name, value)

    def act_on_thing(self, namespace: str, name: str, value: str) -> None:
        """Delete one for a certain value, else create or change it."""
        things = f"/apis/example.com/v1/namespaces/{namespace}/{THINGS.plural}"
        thing = {"apiVersion": "example.com/v1", "kind": THINGS.kind, "metadata": {"name": name}}
        if value == "z":
            self.attempt("DELETE", f"{things}/{name}")
        else:
            self.attempt("POST", things, thing)
            self.attempt("PATCH", f"{things}/{name}", {"spec": {"size": value}})

    def attempt(self, method: str, path: str, body: object = None) -> None:
        """Send a request that may come to nothing, as the object is there already, or not."""
        try:
            self.cluster.request(method, path, body)
        except ApiError as error:
            if error.status not in (404, 409):
                raise


@pytest.fixture
def agreement(forgetful: LiveCluster, database: str) -> Iterator[Agreement]:
    made = Agreement(LiveInventory(forgetful, database))
    yield made
    made.close()


@pytest.mark.timeout(600)
def test_every_mode_leaves_the_rows_of_a_fresh_full_sync(forgetful: LiveCluster, agreement: Agreement) -> None:
    simulated = isinstance(forgetful, SimulatedCluster)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Modes(forgetful, agreement),
        settings=settings(
            max_examples=20 if simulated else 6,
            stateful_step_count=20 if simulated else 40,
            deadline=None,
            derandomize=simulated and "CI" in os.environ,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
