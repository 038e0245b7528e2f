"""A sync that is narrowed to some namespaces speaks of those, and of nothing else."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Rule, User

from airflow_provider_k8s_inventory.model import Selection
from tests.kit.inventory import Inventory
from tests.kit.objects import named, pod, widget_definition
from tests.kit.syncer import Syncer


@pytest.fixture(autouse=True)
def three_teams(dev: Cluster) -> None:
    dev.seed("pods", [pod(f"in-{namespace}", namespace) for namespace in ("a", "b", "c")])


def test_only_those_are_read(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    report = sync(namespaces=("a",))

    assert (report.seen, report.inserted) == (1, 1)
    assert inventory.names("k8s_pods") == ["in-a"]
    assert "/api/v1/pods" not in {request.path for request in dev.requests}


def test_several_are_one_response(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    report = sync(namespaces=("a", "c"))

    assert (report.seen, report.pages, report.resource_version) == (2, 2, str(dev.resource_version))
    assert inventory.names("k8s_pods") == ["in-a", "in-c"]


def test_of_one_the_version_is_known(sync: Syncer, dev: Cluster) -> None:
    assert sync(namespaces=("a",)).resource_version == str(dev.resource_version)


def test_rows_of_other_namespaces_are_not_touched(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    sync()
    before = inventory.versions()
    for namespace in ("a", "b"):
        dev.delete("pods", f"in-{namespace}", namespace)
    report = sync(namespaces=("a",))

    assert report.deleted == 1
    assert inventory.names("k8s_pods") == ["in-b", "in-c"]
    assert inventory.versions().items() <= before.items()


def test_a_namespace_that_does_not_exist_is_empty_and_said_to_be_none(sync: Syncer, inventory: Inventory) -> None:
    sync()
    report = sync(namespaces=("a", "default", "nowhere"))

    assert (report.status, report.seen, report.deleted) == ("success", 1, 0)
    assert report.warnings == ("context dev has no namespace nowhere",)
    assert inventory.count("k8s_pods") == 3


def test_a_cluster_that_does_not_answer_is_not_asked_for_every_namespace(sync: Syncer, dev: Cluster) -> None:
    fault = dev.inject(Fault(path="/namespaces/nowhere(-else)?$", status=401, times=None))
    report = sync(namespaces=("nowhere", "nowhere-else"))

    assert (report.status, report.warnings, fault.hits) == ("success", (), 1)


def test_who_may_not_read_namespaces_is_not_warned_of_them(sync: Syncer, dev: Cluster) -> None:
    dev.inject(Fault(path="/namespaces/nowhere$", status=403))
    report = sync(namespaces=("nowhere",))

    assert (report.status, report.warnings) == ("success", ())


def test_one_that_fails_fails_them_all(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    sync()
    before = inventory.versions()
    for namespace in ("a", "b"):
        dev.delete("pods", f"in-{namespace}", namespace)
    dev.inject(Fault(path="/namespaces/b/pods$", status=403))
    report = sync(namespaces=("a", "b"))

    assert report.status == "forbidden"
    assert inventory.versions() == before


def test_an_expired_list_starts_them_all_again(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.inject(Fault(path="/namespaces/b/pods$", status=410))
    report = sync(namespaces=("a", "b"))

    assert (report.status, report.seen) == ("success", 2)
    assert inventory.names("k8s_pods") == ["in-a", "in-b"]


def test_who_may_read_one_namespace_can_sync_it(sync: Syncer, inventory: Inventory, dev: Cluster) -> None:
    dev.add_user(User(name="team", groups=(), allowed=(Rule(resources=("pods",), namespaces=("a",)),)))
    report = sync(context="dev-team", namespaces=("a",))

    assert (report.status, report.cluster_uid) == ("success", None)
    assert report.warnings[0].startswith("cluster_uid is NULL: ")
    assert sync(context="dev-team").status == "forbidden"


def test_the_ledger_says_which(sync: Syncer, inventory: Inventory) -> None:
    sync(namespaces=("a", "b"))
    sync()

    assert [row["namespaces"] for row in inventory.ledger()] == [["a", "b"], None]


@pytest.mark.parametrize("written", [("b", "a"), ("a", "b", "a")], ids=str)
def test_order_and_repetition_make_no_other_scope(written: tuple[str, ...], sync: Syncer, inventory: Inventory) -> None:
    first, second = sync(namespaces=("a", "b")), sync(namespaces=written)

    assert second.selection.namespaces == first.selection.namespaces == ("a", "b")
    assert (second.seen, second.unchanged, second.warnings) == (2, 2, ())
    assert len(inventory.rows("k8s_freshness", "resource")) == 1


@pytest.mark.parametrize("resource", ["clusters", "nodes", "namespaces", "crds"])
def test_what_is_outside_of_namespaces_is_read_whole(resource: str, sync: Syncer, inventory: Inventory) -> None:
    report = sync(resource, namespaces=("a",))

    assert (report.status, report.selection.namespaces) == ("success", ())
    assert inventory.last()["namespaces"] is None


@pytest.mark.parametrize("resource", ["clusters", "nodes"])
def test_its_failure_is_of_the_same_scope_as_its_success(
    resource: str, sync: Syncer, inventory: Inventory, dev: Cluster
) -> None:
    dev.inject(Fault(status=401))
    assert sync(resource, namespaces=("a",)).status == "unauthorized"
    assert sync(resource, namespaces=("a",)).status == "success"

    (freshness,) = inventory.rows("k8s_freshness", "resource")
    assert (freshness["namespaces"], freshness["last_status"]) == (None, "success")


@pytest.mark.parametrize("scope", ["Namespaced", "Cluster"])
def test_discovery_says_whether_a_custom_resource_can_be_narrowed(
    scope: str, sync: Syncer, inventory: Inventory, dev: Cluster
) -> None:
    dev.create("crd", widget_definition(scope=scope))
    for namespace in ("a", "b"):
        where = namespace if scope == "Namespaced" else None
        dev.seed("widgets.example.com", [named(f"w-{namespace}", where)])
    report = sync("widgets.example.com", namespaces=("a",))

    assert report.selection.namespaces == (("a",) if scope == "Namespaced" else ())
    assert report.seen == (1 if scope == "Namespaced" else 2)


@pytest.mark.parametrize(
    "glob",
    ["[a-c-e]*", "*[!x]", "[]a]*", "[!]a]?", "[--a]*", "[a-]*", "[-a]*", "[z-ab]*", "[!a-c-e]*", "?[0-9]", "*-[a-z]?*"],
)
def test_postgresql_takes_globs_as_python_does(glob: str, inventory: Inventory) -> None:
    names = ["a", "b", "d", "e", "x", "a1", "bb", "-b", "c-e", "team-x", "team-1", "team-xy", "kube-system"]
    pattern = Selection(namespaces=(glob,)).namespace_pattern
    found = inventory.query("SELECT name FROM unnest(%s::text[]) AS name WHERE name ~ %s", names, pattern)

    assert {row["name"] for row in found} == {name for name in names if fnmatchcase(name, glob)}
    # What is no name of a namespace is in no glob.
    others = inventory.query("SELECT name FROM unnest(%s::text[]) AS name WHERE name ~ %s", ["A", "a\nb", "_"], pattern)
    assert others == []


@pytest.mark.parametrize(
    ("globs", "left"),
    [(("[a-c-e]",), ["a", "b", "c"]), (("[!c]",), ["a", "b"]), (("[]a]",), ["a"])],
)
def test_rows_outside_of_a_glob_leave_when_a_selection_is_replaced(
    globs: tuple[str, ...], left: list[str], sync: Syncer, inventory: Inventory, dev: Cluster
) -> None:
    dev.seed("namespaces", [named(namespace) for namespace in ("a", "b", "c")])
    sync()
    report = sync(namespaces=globs, labels=("!canary",))

    assert (report.status, report.unselected) == ("success", 3 - len(left))
    assert inventory.names("k8s_pods") == [f"in-{namespace}" for namespace in left]


def test_a_name_or_a_glob_that_is_of_no_namespace_is_told_beside_others_that_are(
    sync: Syncer, inventory: Inventory, dev: Cluster
) -> None:
    dev.seed("namespaces", [named("team-a"), named("empty")])
    dev.seed("pods", [pod("one", "team-a")])
    report = sync(namespaces=("team-*", "typo-*", "[q-s]*", "typo", "empty", "!kube-*"))

    assert (report.status, report.seen) == ("success", 1)
    assert report.warnings == (
        "context dev has no namespace that matches [q-s]*",
        "context dev has no namespace typo",
        "context dev has no namespace that matches typo-*",
    )
    assert inventory.last()["warnings"] == list(report.warnings)
    assert sync(namespaces=("team-*", "!nothing-*")).warnings == ()


@pytest.mark.parametrize("glob", ["team-?", None])
def test_a_missing_namespace_is_told_also_when_another_selection_is_replaced(
    glob: str | None, sync: Syncer, dev: Cluster
) -> None:
    dev.seed("namespaces", [named("a"), named("team-a")])
    sync()
    report = sync(namespaces=tuple(filter(None, ("a", "nowhere", glob))), labels=("!canary",))

    assert (report.status, report.unselected) == ("success", 2)
    assert "context dev has no namespace nowhere" in report.warnings
