"""Objects, rows and tables as they were at a time, of rows and a history that the tests write themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.kit.inventory import Inventory
from tests.kit.written import BEGAN, Written, by_uid, minute, reverse

pytestmark = pytest.mark.postgres15

KEYS = st.sampled_from(["a", "b", "0", "-1", "01", "", "a.b/c", '"', "\\", "é", "{a}", "null", "a b"])
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "null", "0", "1.10"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)
NO_HEALTH_CHECK = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@given(new=VALUES, old=VALUES)
@NO_HEALTH_CHECK
def test_a_patch_makes_the_old_object_of_the_new_one(new: Any, old: Any, inventory: Inventory) -> None:
    steps = list(reverse(new, old))
    query = "SELECT k8s_patched(%s, %s) = %s AS same"
    assert inventory.query(query, Jsonb(new), Jsonb(steps), Jsonb(old)) == [{"same": True}]


@pytest.mark.parametrize(
    ("new", "patch", "old"),
    [
        ('{"0": {"-1": 1}}', '[[["0", "-1"], null]]', '{"0": {"-1": null}}'),
        ('{"0": {"-1": 1}}', '[[["0", "-1"]]]', '{"0": {}}'),
        ('{"a": [1, [2, 3]]}', '[[["a", 1, 0], {"0": []}]]', '{"a": [1, [{"0": []}, 3]]}'),
        ('{"a": 1}', '[[[], {"b": [0]}], [["b", 0], 2], [["", "c"]], [[""], {}]]', '{"b": [2], "": {}}'),
        ('{"a": 1}', '[[[]]]', None),
        (None, '[[[], {"a": null}]]', '{"a": null}'),
        ('{"a": 1}', None, '{"a": 1}'),
        ('{"a": 1}', "[]", '{"a": 1}'),
        (None, None, None),
    ],
)  # fmt: skip
def test_what_a_patch_may_say(new: str | None, patch: str | None, old: str | None, inventory: Inventory) -> None:
    query = "SELECT k8s_patched(%s::jsonb, %s::jsonb) IS NOT DISTINCT FROM %s::jsonb AS same"
    assert inventory.query(query, new, patch, old) == [{"same": True}]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "remove", "mark", "unselect"]),
        st.sampled_from(["u1", "u2"]),
        st.none() | OBJECTS,
        st.sampled_from(["web", "db"]),
        st.none() | st.lists(st.none() | st.just("app:1"), max_size=2),
        st.none() | st.dictionaries(KEYS, st.just("x"), max_size=2),
    ),
    max_size=12,
)


@given(steps=STEPS, first=st.lists(st.tuples(st.sampled_from(["u1", "u3"]), OBJECTS), max_size=2))
@NO_HEALTH_CHECK
def test_rows_and_objects_are_as_they_were(
    steps: list[tuple[Any, ...]], first: list[tuple[str, Any]], inventory: Inventory
) -> None:
    inventory.empty()
    written = Written(inventory).scope()
    for uid, found in dict(first).items():
        written.put(uid, 0, found)
    seen = {0: written.live()}
    for number, (what, uid, found, name, images, labels) in enumerate(steps, start=1):
        row = written.row(uid)
        if what == "put":
            written.put(
                uid, number, found, name=name, images=images, labels=labels or {}, started_at=minute(number).isoformat()
            )
        elif row and not row["deleted_at"]:
            written.remove(uid, number, "unselected" if what == "unselect" else "deleted", mark=what == "mark")
        seen[number] = written.live()

    for number, rows in seen.items():
        for time in (minute(number), minute(number + 0.5)):
            assert written.at(time) == rows
            for uid in {row["uid"] for live in seen.values() for row in live.values()}:
                (told,) = inventory.query(
                    "SELECT k8s_row_at('dev', 'pods', %s, %s) AS row, k8s_object_at('dev', 'pods', %s, %s) AS object",
                    *(uid, time, uid, time),
                )
                assert told["row"] == rows.get(uid)
                assert told["object"] == rows.get(uid, {}).get("object")


def test_every_table_can_be_asked_for(inventory: Inventory) -> None:
    for table in resources.TABLES:
        resource = table.name.removeprefix("k8s_") if table.name in resources.BY_TABLE else "things.example.com"
        Written(inventory, resource).scope()
        assert inventory.query(f"SELECT * FROM {table.name}_at(%s)", minute(1)) == []


def test_columns_that_no_object_has_are_as_they_were(inventory: Inventory) -> None:
    written = Written(inventory, "clusters", generated=("updated_at",)).scope()
    written.put("u1", 0, {}, server="https://one", synced_at=minute(0).isoformat())
    written.put("u1", 2, {}, server="https://two", synced_at=minute(9).isoformat())
    written.put("u2", 2, {}, synced_at=minute(2).isoformat())
    written.remove("u2", 3)

    (now,) = written.at(minute(4)).values()
    assert (now["server"], now["updated_at"], now["synced_at"]) == ("https://two", now["changed_at"], None)
    found = written.at(minute(2.5))
    assert {row["updated_at"] == row["changed_at"] for row in found.values()} == {True}
    assert found["u2"]["synced_at"] == found["u2"]["changed_at"]
    (before,) = written.at(minute(1)).values()
    assert (before["server"], before["updated_at"], before["synced_at"]) == ("https://one", before["changed_at"], None)
    (row,) = inventory.query("SELECT k8s_row_at('dev', 'clusters', 'u1', %s) AS row", minute(1))
    assert row["row"] == before


def test_a_column_that_somebody_added_does_no_harm(inventory: Inventory, migrated_database: str) -> None:
    written = Written(inventory).scope()
    written.put("u1", 0, {"a": 1})
    written.put("u1", 2, {"a": 2})
    with psycopg.connect(migrated_database) as conn:
        for name in ("ts", "context", "contexts", "uid_"):
            conn.execute(f"ALTER TABLE k8s_pods ADD COLUMN {name} text DEFAULT 'x'".encode())
        (row,) = conn.execute("SELECT object, ts FROM k8s_pods_at(%s, 'dev')", [minute(1)]).fetchall()
        assert row == ({"a": 1}, "x")
        conn.rollback()


CUSTOM = """
INSERT INTO k8s_custom_resources (context_name, resource, uid, name, labels, annotations, first_seen_at, changed_at,
    object)
VALUES ('dev', %s, %s, 'name', '{}', '{}', %s, %s, '{"a": 2}')
"""


def test_custom_resources_are_told_apart(inventory: Inventory) -> None:
    for resource in ("things.example.com", "others.example.com"):
        Written(inventory, resource).scope()
        inventory.query(CUSTOM, resource, "u1", BEGAN, minute(2))
    inventory.query(
        "INSERT INTO k8s_history (context_name, resource, uid, change, at, changed_at, columns, patch, sync_id)"
        " VALUES ('dev', 'things.example.com', 'u1', 'updated', %s, %s, '{}', '[[[\"a\"], 1]]', 1)",
        minute(2),
        BEGAN,
    )

    query = "SELECT resource, object FROM k8s_custom_resources_at(%s) ORDER BY resource"
    assert [tuple(row.values()) for row in inventory.query(query, minute(1))] == [
        ("others.example.com", {"a": 2}),
        ("things.example.com", {"a": 1}),
    ]
    (row,) = inventory.query("SELECT k8s_object_at('dev', 'things.example.com', 'u1', %s) AS object", minute(1))
    assert row["object"] == {"a": 1}


def asked(inventory: Inventory, query: str, *parameters: Any) -> tuple[str, str]:
    """The message of the error that a question ends with, and its hint."""
    with pytest.raises(psycopg.Error) as raised:
        inventory.query(query, *parameters)
    return raised.value.diag.message_primary or "", raised.value.diag.message_hint or ""


def test_a_question_that_has_no_answer_is_told_why(inventory: Inventory) -> None:
    Written(inventory).scope(since=10)
    Written(inventory, "leases").scope(since=None, until=20)
    one = "SELECT k8s_object_at('dev', 'pods', 'u1', %s)"
    later = inventory.query("SELECT now() + interval '1 hour' AS time")[0]["time"]

    assert asked(inventory, one, None)[0] == "there is no time: ts is NULL"
    message, hint = asked(inventory, one, later)
    assert message.endswith(" is in the future")
    assert "the zone of the session, UTC" in hint
    message, hint = asked(inventory, one, minute(9))
    assert message == (
        "how pods of context dev were is known since 2026-01-05 08:10:00+00, not at 2026-01-05 08:09:00+00"
    )
    assert "k8s_coverage" in hint
    assert asked(inventory, one, minute(11))[0] == "no pods of context dev with the uid u1 is known, now or before"
    message, hint = asked(inventory, "SELECT * FROM k8s_leases_at(%s, 'dev')", minute(19))
    assert message == (
        "no history is kept of leases of context dev: how they were is known since the last sync, "
        "2026-01-05 08:20:00+00"
    )
    assert inventory.query("SELECT * FROM k8s_leases_at(%s, 'dev')", minute(20)) == []
    message, hint = asked(inventory, "SELECT * FROM k8s_pods_at(%s, 'prod')", minute(11))
    assert message == "pods of context prod were never synced"
    assert asked(inventory, "SELECT * FROM k8s_nodes_at(%s)", minute(11))[0] == "nodes were never synced"
    assert asked(inventory, "SELECT * FROM k8s_pods_at(%s)", minute(9))[0].startswith(
        "how pods were at 2026-01-05 08:09:00+00 is not known: dev pods (known since 2026-01-05 08:10:00+00)"
    )
    assert asked(inventory, "SELECT * FROM k8s_timeline('dev', 'pods', 'a', 'b')")[0] == (
        "no pods a/b is known in context dev, now or before"
    )


def test_what_was_dropped_is_not_known(inventory: Inventory) -> None:
    Written(inventory).scope()
    query = "SELECT * FROM k8s_pods_at(%s, 'dev')"
    assert inventory.query(query, minute(1)) == []
    for resource, since in (("", 5), ("pods", 7), ("nodes", 9)):
        inventory.query("INSERT INTO k8s_history_kept VALUES (%s, %s)", resource, minute(since))

    assert asked(inventory, query, minute(6))[0].startswith(
        "how pods of context dev were is known since 2026-01-05 08:07"
    )
    assert inventory.query(query, minute(7)) == []


def test_contexts_of_which_it_is_not_known_are_left_out_and_named(inventory: Inventory, migrated_database: str) -> None:
    for context, since in (("dev", 0), ("prod", 5), ("lab", None)):
        written = Written(inventory, context=context).scope(since=since)
        written.put("u1", 0, {})
    with psycopg.connect(migrated_database) as conn:
        said: list[str] = []
        conn.add_notice_handler(lambda notice: said.append(f"{notice.severity} {notice.message_primary}"))
        rows = conn.execute("SELECT context_name FROM k8s_pods_at(%s)", [minute(1)]).fetchall()

    assert rows == [("dev",)]
    assert len(said) == 1
    assert said[0].startswith("WARNING left out, as how they were at 2026-01-05 08:01:00")
    assert "prod pods (known since" in said[0]
    assert "lab pods (known since" in said[0]


def test_scopes_of_some_namespaces_are_known_when_all_are(inventory: Inventory) -> None:
    query = "SELECT * FROM k8s_pods_at(%s, 'dev')"
    Written(inventory).scope(since=2, namespaces=["a"])
    Written(inventory).scope(since=4, namespaces=["b"])
    # Nothing has changed by this one since.
    Written(inventory).scope(since=None, until=3, namespaces=["c"])
    assert "known since 2026-01-05 08:04:00" in asked(inventory, query, minute(3))[0]
    assert inventory.query(query, minute(4)) == []
    Written(inventory).scope(since=1)
    assert inventory.query(query, minute(1)) == []


def test_who_may_not_read_the_tables_may_not_read_their_past(inventory: Inventory) -> None:
    Written(inventory).scope().put("u1", 0, {})
    inventory.query("CREATE ROLE reader")
    try:
        inventory.query("SET ROLE reader")
        for query in ("SELECT * FROM k8s_pods_at(%s)", "SELECT k8s_object_at('dev', 'pods', 'u1', %s)"):
            assert asked(inventory, query, minute(1))[0].startswith("permission denied for table k8s_")
        inventory.query("RESET ROLE")
        inventory.query("GRANT SELECT ON k8s_scopes, k8s_history, k8s_history_kept, k8s_pods TO reader")
        inventory.query("SET ROLE reader")
        assert len(inventory.query("SELECT * FROM k8s_pods_at(%s)", minute(1))) == 1
    finally:
        inventory.query("RESET ROLE")
        inventory.query("DROP OWNED BY reader")
        inventory.query("DROP ROLE reader")


@pytest.mark.parametrize(
    ("old", "new", "rows"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, [("b", 2, 3)]),
        (
            {"spec": {"containers": [{"image": "a:1", "name": "x"}]}},
            {"spec": {"containers": [{"image": "a:2", "name": "x"}, {"name": "y"}]}},
            [("spec.containers[0].image", "a:1", "a:2"), ("spec.containers[1].name", None, "y")],
        ),
        (
            {"metadata": {"labels": {"a.b/c": "1", "app": "x", "0": "z"}}},
            {"metadata": {"labels": {"a.b/c": "2", "app-x": "x", "": "e"}}},
            [
                ('metadata.labels[""]', None, "e"),
                ('metadata.labels["0"]', "z", None),
                ('metadata.labels["a.b/c"]', "1", "2"),
                ("metadata.labels.app", "x", None),
                ("metadata.labels.app-x", None, "x"),
            ],
        ),
        ({"a": {}, "b": [], "c": {}}, {"a": {"x": []}, "b": {}, "d": {"y": {}}},
         [("a.x", None, []), ("b", [], {}), ("c", {}, None), ("d.y", None, {})]),
        ({"a": [1, 2], "b": 5}, {"a": 5, "b": {"c": 1}}, [("a", [1, 2], 5), ("b", 5, {"c": 1})]),
        ({"a": list(range(12))}, {"a": [*range(2), 9, *range(3, 11), 9]}, [("a[2]", 2, 9), ("a[11]", 11, 9)]),
        ({'q"\\': {"é": 1}}, {'q"\\': {"é": 2}}, [('["q\\"\\\\"]["é"]', 1, 2)]),
        ({"a": 1}, {"a": 1}, []),
    ],
)  # fmt: skip
def test_the_difference_is_told_leaf_by_leaf(
    old: Any, new: Any, rows: list[tuple[str, Any, Any]], inventory: Inventory
) -> None:
    written = Written(inventory).scope()
    written.put("u1", 0, old)
    written.put("u1", 2, new)
    query = "SELECT * FROM k8s_diff('dev', 'pods', 'u1', %s, %s)"

    assert [tuple(row.values()) for row in inventory.query(query, minute(1), minute(2))] == rows
    turned = [(path, new, old) for path, old, new in rows]
    assert [tuple(row.values()) for row in inventory.query(query, minute(2), minute(1))] == turned
    assert len(inventory.query("SELECT * FROM k8s_diff('dev', 'pods', 'u1', %s)", minute(1))) == len(rows)


def test_json_null_differs_from_nothing(inventory: Inventory) -> None:
    written = Written(inventory).scope()
    written.put("u1", 0, {"a": None})
    written.put("u1", 2, {"b": None})
    query = "SELECT path, old::text, new::text FROM k8s_diff('dev', 'pods', 'u1', %s)"
    assert [tuple(row.values()) for row in inventory.query(query, minute(1))] == [
        ("a", "null", None),
        ("b", None, "null"),
    ]


def test_the_difference_to_a_time_when_it_was_not_there_is_all_of_it(inventory: Inventory) -> None:
    written = Written(inventory).scope()
    written.put("u1", 2, {"a": {"b": 1}, "c": []})
    query = "SELECT * FROM k8s_diff('dev', 'pods', 'u1', %s, %s)"
    assert [tuple(row.values()) for row in inventory.query(query, minute(1), minute(3))] == [
        ("a.b", None, 1),
        ("c", None, []),
    ]


def test_without_stored_objects_the_columns_differ(inventory: Inventory) -> None:
    written = Written(inventory).scope()
    written.put("u1", 0, phase="Pending", images=["a:1"])
    written.put("u1", 2, phase="Running", images=["a:2"])
    query = "SELECT * FROM k8s_diff('dev', 'pods', 'u1', %s, %s)"
    rows = {row["path"]: (row["old"], row["new"]) for row in inventory.query(query, minute(1), minute(3))}
    assert rows.pop("changed_at") is not None
    assert rows == {"phase": ("Pending", "Running"), "images[0]": ("a:1", "a:2")}


def test_a_timeline_goes_over_recreations_and_has_owners_and_children(inventory: Inventory) -> None:
    deployments, sets, pods = (
        Written(inventory, resource).scope() for resource in ("deployments", "replicasets", "pods")
    )
    own = {"namespace": "shop"}
    for uid, at in (("d1", 1), ("d2", 5)):
        deployments.put(uid, at, {}, name="web", owner_uid="app", owner_kind="App", **own)
        sets.put(f"r-{uid}", at, {}, name=f"web-{uid}", owner_uid=uid, owner_kind="Deployment", **own)
        pods.put(f"p-{uid}", at, {}, name=f"web-{uid}-x", owner_uid=f"r-{uid}", owner_kind="ReplicaSet", **own)
        if uid == "d1":
            pods.remove("p-d1", 2)
            sets.remove("r-d1", 3)
            deployments.remove("d1", 4)
    pods.put("other", 6, {}, name="web", **own)
    pods.put("p-d2", 7, {}, name="web-d2-x", phase="Running", owner_uid="r-d2", owner_kind="ReplicaSet", **own)
    elsewhere = Written(inventory, context="prod").scope()
    elsewhere.put("p-d2", 7, {}, name="web-d2-x", owner_uid="r-d2", **own)

    rows = inventory.query("SELECT * FROM k8s_timeline('dev', 'deployments', 'shop', 'web')")
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert [(row["whose"], row["uid"], row["change"], row["summary"]) for row in rows] == [
        ("a child's", "p-d2", "updated", "updated at 7"),
        ("a child's", "p-d2", "created", "created at 5"),
        ("a child's", "r-d2", "created", "created at 5"),
        ("its own", "d2", "recreated", "recreated at 5"),
        ("its own", "d1", "deleted", "deleted at 4"),
        ("a child's", "r-d1", "deleted", "deleted at 3"),
        ("a child's", "p-d1", "deleted", "deleted at 2"),
        ("a child's", "p-d1", "created", "created at 1"),
        ("a child's", "r-d1", "created", "created at 1"),
        ("its own", "d1", "created", "created at 1"),
    ]
    (of_gone, *_) = inventory.query("SELECT * FROM k8s_timeline('dev', 'pods', 'shop', 'web-d1-x')")
    assert (of_gone["whose"], of_gone["resource"], of_gone["uid"]) == ("an owner's", "deployments", "d1")
    assert of_gone["after"] == minute(3)
    assert of_gone["not_later_than"] == minute(4)


def test_changes_are_newest_first_and_say_between_which_times_they_were(inventory: Inventory) -> None:
    written = Written(inventory).scope()
    for number in (1, 2, 3):
        written.put("u1", number, {"a": number})
    found = inventory.query("SELECT * FROM k8s_changes LIMIT 2")
    assert [(row["summary"], row["after"], row["not_later_than"]) for row in found] == [
        ("updated at 3", minute(2), minute(3)),
        ("updated at 2", minute(1), minute(2)),
    ]


def test_an_index_finds_the_newest_changes(inventory: Inventory, migrated_database: str) -> None:
    with psycopg.connect(migrated_database) as conn:
        conn.execute("SET enable_seqscan = off")
        plan = "\n".join(row[0] for row in conn.execute("EXPLAIN SELECT * FROM k8s_changes LIMIT 50").fetchall())
    assert "Sort  (" not in plan
    assert "Backward" in plan


def test_coverage_says_since_when_and_where_the_gaps_are(inventory: Inventory) -> None:
    Written(inventory).scope(since=0, until=9)
    Written(inventory, "leases").scope(since=None)
    Written(inventory, context="prod").scope(since=0)
    for context, at, status in (
        ("dev", -1, "unreachable"), ("dev", 0, "success"), ("dev", 1, "success"), ("dev", 2, "forbidden"),
        ("dev", 3, "busy"), ("dev", 4, "failed"), ("dev", 5, "absent"), ("dev", 6, "busy"), ("dev", 7, "success"),
        ("dev", 8, "unreachable"), ("prod", 8, "success"),
    ):  # fmt: skip
        inventory.query(
            "INSERT INTO k8s_syncs (context_name, resource, mode, status, reason, started_at, finished_at, pages,"
            " bytes, seen, inserted, updated, unchanged, deleted, warnings)"
            " VALUES (%s, 'pods', 'full', %s, %s, %s, %s, 0, 0, 0, 0, 0, 0, 0, '{}')",
            *(context, status, f"because {at}", minute(at), minute(at) + timedelta(seconds=5)),
        )
    inventory.query("INSERT INTO k8s_history_kept VALUES ('pods', %s)", minute(3))

    rows = {(row["context_name"], row["resource"]): row for row in inventory.query("SELECT * FROM k8s_coverage")}
    assert {place: row["known_since"] for place, row in rows.items()} == {
        ("dev", "pods"): minute(3),
        ("dev", "leases"): None,
        ("prod", "pods"): minute(3),
    }
    assert rows["dev", "pods"]["last_proven_at"] == minute(9)
    assert rows["prod", "pods"]["gaps"] == rows["dev", "leases"]["gaps"] == []
    assert [tuple(gap[name] for name in ("from", "to", "status", "reason")) for gap in rows["dev", "pods"]["gaps"]] == [
        (None, "2026-01-05T08:00:00+00:00", "unreachable", "because -1"),
        ("2026-01-05T08:01:00+00:00", "2026-01-05T08:05:00+00:00", "failed", "because 4"),
        ("2026-01-05T08:07:00+00:00", None, "unreachable", "because 8"),
    ]


@pytest.mark.alters_database
def test_a_table_that_is_made_anew_keeps_its_function(inventory: Inventory, migrated_database: str) -> None:
    inventory.query("DROP FUNCTION k8s_nodes_at(timestamptz, text)")
    with psycopg.connect(migrated_database) as conn:
        assert migrate(conn) == ["functions of tables"]
        inventory.query("DROP VIEW k8s_objects, k8s_labels CASCADE")
        inventory.query("ALTER TABLE k8s_pods DROP CONSTRAINT k8s_pods_pkey")
        done = migrate(conn, mode="forced")
        assert done[0] == "functions of tables dropped"
        assert done[-1] == "functions of tables"
        assert migrate(conn) == []
    Written(inventory).scope().put("u1", 0, {})
    assert list(by_uid(inventory.query("SELECT to_jsonb(t) AS row FROM k8s_pods_at(%s) AS t", minute(1)))) == ["u1"]
