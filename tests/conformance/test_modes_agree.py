"""Whatever happens to a cluster, every mode leaves the rows of a fresh full sync.

Sequences of changes, compactions, restarts, lost connections and syncs are made up by hypothesis; what it finds, it
shortens. With real control planes every run is another one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from k8s_inventory_demo.simulator import Fault

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.resources.histories import Histories
from tests.kit.agreement import FRESH, MIXED, MODES, Agreement
from tests.kit.api import ApiError
from tests.kit.cluster import LiveCluster, SimulatedCluster
from tests.kit.custom_resources import CustomResource
from tests.kit.live_inventory import syncer
from tests.kit.populating import CORE

NAMESPACES = ("blue", "green")
THINGS = CustomResource("things", "Thing")
EXACT = Histories(("exact",))
POD_SPEC = {"containers": [{"name": "main", "image": "main:1"}]}

Action = tuple[str, str, str, str]
"""What is done, in which namespace, to which name, with which value."""

places = st.sampled_from(NAMESPACES)
names = st.sampled_from(("a", "b", "c"))
values = st.sampled_from(("x", "y", "z"))
actions = st.tuples(
    st.sampled_from(("create", "label", "status", "delete", "recreate", "thing")), places, names, values
)
two_modes = st.sampled_from((("metadata", "delta"), ("delta", "delta"), ("full", "delta"), ("delta", "metadata")))
resources = st.sampled_from(("pods", "pods", THINGS.name))
scopes = st.one_of(
    st.fixed_dictionaries({"namespaces": st.sampled_from(((), NAMESPACES[:1], NAMESPACES, ("b*",), ("!green",)))}),
    st.fixed_dictionaries({"labels": st.sampled_from(((), ("value=x",), ("value in (x,y)",), ("!value",)))}),
    st.fixed_dictionaries({"fields": st.sampled_from(((), ("pods:metadata.name!=a",)))}),
    st.fixed_dictionaries({"store_object": st.booleans()}),
    st.fixed_dictionaries({"on_delete": st.sampled_from(("delete", "mark"))}),
    st.fixed_dictionaries({"verify_every": st.sampled_from((0, 1, 3))}),
    st.fixed_dictionaries({"page_size": st.sampled_from((500, 2))}),
)
HAPPENINGS = (
    "nothing",
    "change_something_else",
    "flood",
    "dry_up",
    "compact",
    "restart",
    "withdraw",
    "define",
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
    "an object that may not be read": lambda: Fault(query={"fieldSelector": "name=[^-]"}, status=403),
}


class Modes(RuleBasedStateMachine):
    """A cluster that changes, and syncs of it."""

    def __init__(self, cluster: LiveCluster, agreement: Agreement) -> None:
        super().__init__()
        self.cluster = cluster
        self.agreement = agreement
        self.scope: dict[str, Any] = {"namespaces": (), "verify_every": 0, "histories": EXACT}
        self.remade: tuple[str, ...] = ()
        """Columns that syncs changed of objects that did not change."""

    @initialize(several=st.lists(actions, max_size=6), json_only=st.sampled_from(((), ("", "example.com"))))
    def begin(self, several: Sequence[Action], json_only: Sequence[str]) -> None:
        if isinstance(self.cluster, SimulatedCluster):
            self.cluster.simulated.json_only = set(json_only)
        self.agreement.forget()
        THINGS.define(self.cluster)
        for namespace in NAMESPACES:
            self.attempt("POST", CORE, {"metadata": {"name": namespace}})
            self.attempt("DELETE", f"{CORE}/{namespace}/pods")
            self.attempt("DELETE", f"/apis/example.com/v1/namespaces/{namespace}/{THINGS.plural}")
        for action in several:
            self.act(action)
        for resource in ("pods", THINGS.name):
            self.sync(MODES, resource)
            self.sync([MIXED], resource, mode="full")

    @rule(several=st.lists(actions, min_size=1, max_size=6), modes=st.permutations(MODES), resource=resources)
    def change(self, several: Sequence[Action], modes: Sequence[str], resource: str) -> None:
        for action in several:
            self.act(action)
        self.sync(modes, resource)

    @rule(several=st.lists(actions, max_size=3), happening=st.sampled_from(HAPPENINGS), resource=resources)
    def happen(self, several: Sequence[Action], happening: str, resource: str) -> None:
        getattr(self, happening)()
        for action in several:
            self.act(action)
        self.sync(MODES, resource)

    @precondition(lambda self: isinstance(self.cluster, SimulatedCluster))
    @rule(several=st.lists(actions, max_size=3), trouble=st.sampled_from(sorted(TROUBLES)), mode=st.sampled_from(MODES))
    def get_into_trouble(self, several: Sequence[Action], trouble: str, mode: str) -> None:
        for action in several:
            self.act(action)
        self.cluster.simulated.inject(TROUBLES[trouble]())  # type: ignore[attr-defined]
        self.sync([mode], "pods")

    @rule(scope=scopes, several=st.lists(actions, max_size=3), modes=st.permutations(MODES), resource=resources)
    def choose(self, scope: dict[str, Any], several: Sequence[Action], modes: Sequence[str], resource: str) -> None:
        self.scope |= scope
        if "store_object" in scope:
            self.remade = ("object", "changed_at")
        for action in several:
            self.act(action)
        self.sync(modes[:2], resource)

    @rule(modes=two_modes, resource=resources, nth=st.integers(2, 4), several=st.lists(actions, min_size=3))
    def change_during_a_sync(self, modes: tuple[str, str], resource: str, nth: int, several: list[Action]) -> None:
        requests = iter(range(1, 1000))
        self.act(several.pop())

        def disturbed(_: psycopg.Connection) -> None:
            if next(requests) >= nth and several:
                self.act(several.pop())

        report = self.agreement.sync(MIXED, resource, mode=modes[0], disturbed=disturbed, **self.scope)
        assert report.good or "asked twice" in (report.reason or ""), report.reason
        self.sync([MIXED], resource, mode=modes[1])

    @rule(modes=two_modes, resource=resources, nth=st.integers(1, 6), action=actions)
    def lose_the_database(self, modes: tuple[str, str], resource: str, nth: int, action: Action) -> None:
        requests = iter(range(1, 1000))
        self.act(action)

        def disturbed(conn: psycopg.Connection) -> None:
            if next(requests) == nth:
                self.agreement.terminate(conn)

        with suppress(DatabaseError):
            self.agreement.sync(MIXED, resource, mode=modes[0], disturbed=disturbed, **self.scope)
        self.sync([MIXED], resource, mode=modes[1])

    def nothing(self) -> None:
        """Nothing has changed."""

    def change_something_else(self) -> None:
        """The resourceVersion goes on, and that of neither resource."""
        self.attempt("POST", f"{CORE}/default/configmaps", {"metadata": {"generateName": "other-"}})

    def flood(self) -> None:
        """So many come that a list is cheaper than reading each."""
        for number in range(60):
            self.act(("create", "blue", f"many-{number}", "x"))

    def dry_up(self) -> None:
        """They go."""
        self.attempt("DELETE", f"{CORE}/blue/pods")

    def compact(self) -> None:
        """History is forgotten."""
        self.cluster.compact()

    def restart(self) -> None:
        """What the server kept in memory is gone."""
        self.cluster.stop()
        self.cluster.start()

    def withdraw(self) -> None:
        """Things are no longer served."""
        THINGS.define(self.cluster)
        THINGS.withdraw(self.cluster)

    def define(self) -> None:
        """Things are served."""
        THINGS.define(self.cluster)

    def teardown(self) -> None:
        self.teardown_faults()
        self.agreement.check_past(but_for=self.remade)

    def teardown_faults(self) -> None:
        """End all trouble."""
        if isinstance(self.cluster, SimulatedCluster):
            self.cluster.simulated.faults.clear()

    def sync(self, schemas: Sequence[str], resource: str, mode: str | None = None) -> None:
        """Sync the scope into some schemas, and compare the rows with those of a fresh full sync."""
        for schema in schemas:
            report = self.agreement.sync(schema, resource, mode=mode, **self.scope)
            assert report.good, report.reason
            assert not report.drift, report.warnings
            assert "defect" not in (report.fallback or "")
            self.agreement.remember(schema, resource, self.scope["namespaces"])
        self.teardown_faults()
        report = self.agreement.fresh(resource, **self.scope | {"page_size": 500})
        assert report.good, report.reason
        namespaces = self.scope["namespaces"]
        wanted = self.agreement.rows(FRESH, resource, namespaces)
        for schema in schemas:
            assert self.agreement.rows(schema, resource, namespaces) == wanted, schema

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
def agreement(cluster_without_snapshots: LiveCluster, migrated_database: str) -> Iterator[Agreement]:
    with Agreement(syncer(cluster_without_snapshots, migrated_database)) as opened:
        yield opened


@pytest.mark.alters_database
@pytest.mark.timeout(1200)
def test_every_mode_leaves_the_rows_of_a_fresh_full_sync(
    cluster_without_snapshots: LiveCluster, agreement: Agreement
) -> None:
    simulated = isinstance(cluster_without_snapshots, SimulatedCluster)
    run_state_machine_as_test(
        partial(Modes, cluster_without_snapshots, agreement),  # type: ignore[arg-type]  # it takes any factory
        settings=settings(
            max_examples=10 if simulated else 6,
            stateful_step_count=15 if simulated else 25,
            deadline=None,
            derandomize=simulated and "CI" in os.environ,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
