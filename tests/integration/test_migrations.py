"""The schema becomes what this version needs, in one transaction; nothing is destroyed unless that is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.postgres.server import PostgresServer
from psycopg import sql
from psycopg.rows import dict_row, namedtuple_row

from airflow_provider_k8s_inventory import __version__, resources
from airflow_provider_k8s_inventory.exceptions import (
    DatabaseError,
    DestructiveChangeError,
    NewerSchemaError,
    UsageError,
)
from airflow_provider_k8s_inventory.postgres import locking, sessions
from airflow_provider_k8s_inventory.postgres.migrations import ORDERED, migrate, pending
from tests.kit.inventory import TABLES, Inventory

pytestmark = pytest.mark.postgres15

SUMMARIES = ("k8s_summary_context_images", "k8s_summary_images", "k8s_summary_nodes")
VIEWS = (
    "k8s_objects", "k8s_freshness", "k8s_cluster_health", "k8s_images", "k8s_workloads", "k8s_unhealthy",
    "k8s_exposed", "k8s_rbac_grants", "k8s_certificates", "k8s_quotas", "k8s_labels", "k8s_capacity", "k8s_versions",
    "k8s_owner_tree", "k8s_deprecated_apis", "k8s_changes", "k8s_coverage",
)  # fmt: skip
LEDGER = ("k8s_syncs", "k8s_scopes", "k8s_history", "k8s_history_kept", "k8s_migrations")
FUNCTIONS = ("k8s_search", "k8s_patched", "k8s_known_at", "k8s_row_at", "k8s_object_at", "k8s_diff", "k8s_timeline")
Act = Callable[..., list[str]]
ODD = 'odd "name" — with.dot and sch\'x'


@pytest.fixture(scope="session")
def unmigrated(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database for these tests, one at a time."""
    yield postgres_server.create_database("unmigrated")
    postgres_server.drop_database("unmigrated")


@pytest.fixture
def dsn(unmigrated: str) -> Iterator[str]:
    """The URL of a database without any table."""
    yield unmigrated
    with psycopg.connect(unmigrated, options="-c lock_timeout=10s") as conn:
        for schema in ("public", "inventory", ODD, "a%b"):
            conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
        conn.execute("CREATE SCHEMA public")
        conn.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")


@pytest.fixture
def conn(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn) as opened:
        yield opened


@pytest.fixture
def found(dsn: str) -> Iterator[Inventory]:
    """A look into the same database."""
    with Inventory(dsn) as opened:
        yield opened


def columns(found: Inventory, table: str, schema: str = "public") -> dict[str, str]:
    """The names and types of a table's columns, in order."""
    rows = found.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
        " WHERE attrelid = format('%%I.%%I', %s::text, %s::text)::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        schema,
        table,
    )
    return {row["attname"]: row["type"] for row in rows}


def relations(found: Inventory, schema: str = "public") -> set[str]:
    rows = found.query(
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p', 'v')"
        " AND NOT relispartition",
        sql.Identifier(schema).as_string(None),
    )
    return {row["relname"] for row in rows}


def test_an_empty_schema_gets_all_tables_and_views(conn: psycopg.Connection, found: Inventory) -> None:
    done = migrate(conn)

    assert done == [
        *ORDERED,
        *(f"table {name}" for name in TABLES),
        "summaries of k8s_pods",
        *(f"view {name}" for name in VIEWS),
        *(f"function {name}" for name in FUNCTIONS),
        "functions of tables",
    ]
    assert relations(found) == {*TABLES, *SUMMARIES, *VIEWS, *LEDGER}


def test_the_tables_are_what_is_declared(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)

    assert {table.name: columns(found, table.name) for table in resources.TABLES} == {
        table.name: {column.name: column.type for column in table.columns} for table in resources.TABLES
    }


def test_every_table_view_and_column_says_what_it_holds(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    tables = found.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')"
        " AND NOT relispartition AND obj_description(oid, 'pg_class') IS NULL"
    )
    own = found.query(
        "SELECT attrelid::regclass, attname FROM pg_attribute WHERE attrelid = ANY(%s::regclass[]) AND attnum > 0"
        " AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL",
        [*TABLES, *SUMMARIES, *VIEWS, "k8s_history", "k8s_history_kept"],
    )
    functions = found.query(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND obj_description(oid) IS NULL"
    )

    assert (tables, own, functions) == ([], [], [])


def test_the_key_is_context_and_uid(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    keys = found.query(
        "SELECT conrelid::regclass::text AS name, pg_get_constraintdef(oid) AS key FROM pg_constraint"
        " WHERE conrelid = ANY(%s::regclass[]) AND contype = 'p'",
        list(TABLES),
    )

    of_many = "PRIMARY KEY (context_name, resource, uid)"
    assert {row["name"]: row["key"] for row in keys} == {
        name: of_many if name == "k8s_custom_resources" else "PRIMARY KEY (context_name, uid)" for name in TABLES
    }


def test_a_second_time_does_nothing(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    record = found.rows("k8s_migrations")

    assert migrate(conn) == []
    assert pending(conn) == []
    assert found.rows("k8s_migrations") == record


def test_what_was_done_is_recorded_with_version_and_statements(conn: psycopg.Connection, found: Inventory) -> None:
    done = migrate(conn)
    record = found.rows("k8s_migrations")

    assert {row["name"] for row in record} == set(done)
    assert {row["version"] for row in record} == {__version__}
    assert 'CREATE TABLE "public"."k8s_pods"' in found.row("k8s_migrations", "table k8s_pods")["statements"][0]


def test_what_was_done_before_stays_recorded(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    before = found.rows("k8s_migrations", "id")
    found.query("COMMENT ON COLUMN k8s_pods.phase IS 'something else'")
    migrate(conn)
    after = found.rows("k8s_migrations", "id")

    assert after[: len(before)] == before
    assert [row["name"] for row in after[len(before) :]] == ["table k8s_pods"]
    assert "COMMENT ON COLUMN" in after[len(before)]["statements"][0]


def test_an_ordered_step_is_recorded_once(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    with pytest.raises(psycopg.errors.UniqueViolation):
        found.query(
            "INSERT INTO k8s_migrations (name, version, statements) VALUES ('0001_ledger', %s, '{}')", __version__
        )


def test_pending_tells_and_changes_nothing(conn: psycopg.Connection, found: Inventory) -> None:
    told = pending(conn)

    assert relations(found) == set()
    assert migrate(conn) == told


def test_the_connection_is_left_outside_of_a_transaction(conn: psycopg.Connection) -> None:
    for act in (pending, migrate):
        act(conn)
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


@pytest.mark.parametrize("schema", ["inventory", ODD])
def test_another_schema_gets_them_and_public_nothing(schema: str, conn: psycopg.Connection, found: Inventory) -> None:
    found.conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    migrate(conn, schema=schema)

    assert relations(found) == set()
    assert relations(found, schema) >= set(TABLES)
    assert migrate(conn, schema=schema) == pending(conn, schema=schema) == []


def test_two_schemas_of_one_database_do_not_meet(conn: psycopg.Connection, found: Inventory) -> None:
    found.query("CREATE SCHEMA inventory")

    assert migrate(conn) == migrate(conn, schema="inventory")


@pytest.mark.parametrize("act", [migrate, pending])
def test_a_schema_that_does_not_exist_is_not_made(act: Act, conn: psycopg.Connection, found: Inventory) -> None:
    with pytest.raises(DatabaseError, match='schema nowhere does not exist: create it \\(CREATE SCHEMA "nowhere"\\)'):
        act(conn, schema="nowhere")

    assert found.query("SELECT FROM pg_namespace WHERE nspname = 'nowhere'") == []


@pytest.mark.parametrize("act", [migrate, pending])
def test_a_schema_whose_name_statements_cannot_have_is_wrong_usage(
    act: Act, conn: psycopg.Connection, found: Inventory
) -> None:
    found.conn.execute('CREATE SCHEMA "a%b"')
    with pytest.raises(UsageError, match="schema 'a%b' cannot be used: its name has a %"):
        act(conn, schema="a%b")

    assert relations(found, "a%b") == set()


def test_a_column_that_is_missing_is_added(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    found.query("DROP VIEW k8s_objects CASCADE")
    found.query("ALTER TABLE k8s_pods DROP COLUMN qos_class")
    found.query(
        "INSERT INTO k8s_pods (context_name, uid, labels, annotations, first_seen_at, changed_at)"
        " VALUES ('dev', 'u', '{}', '{}', now(), now())"
    )

    views = [f"view k8s_{name}" for name in ("objects", "workloads", "labels", "owner_tree")]
    assert migrate(conn) == ["table k8s_pods", *views]
    assert columns(found, "k8s_pods")["qos_class"] == "text"
    assert found.count("k8s_pods") == 1


def test_a_column_that_postgresql_kept_up_keeps_its_values(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    found.query("DROP VIEW k8s_cluster_health")
    found.query("ALTER TABLE k8s_clusters DROP COLUMN synced_at")
    found.query("ALTER TABLE k8s_clusters ADD COLUMN synced_at timestamptz GENERATED ALWAYS AS (changed_at) STORED")
    found.query(
        "INSERT INTO k8s_clusters (context_name, uid, labels, annotations, first_seen_at, changed_at)"
        " VALUES ('dev', 'u', '{}', '{}', '2026-01-05', '2026-01-06')"
    )

    assert migrate(conn) == ["table k8s_clusters", "view k8s_cluster_health"]
    (row,) = found.rows("k8s_clusters")
    assert row["synced_at"] == row["changed_at"]
    found.query("UPDATE k8s_clusters SET synced_at = '2026-01-07'")
    assert migrate(conn) == []


def test_views_of_an_older_version_are_replaced_and_grants_on_them_stay(
    conn: psycopg.Connection, found: Inventory
) -> None:
    migrate(conn)
    found.query("CREATE ROLE view_reader")
    try:
        found.query("GRANT SELECT ON k8s_freshness TO view_reader")
        found.query("UPDATE k8s_migrations SET statements = '{}' WHERE name = 'view k8s_freshness'")

        assert migrate(conn) == ["view k8s_freshness"]
        assert found.query("SELECT has_table_privilege('view_reader', 'k8s_freshness', 'SELECT') AS may") == [
            {"may": True}
        ]
    finally:
        found.query("DROP OWNED BY view_reader")
        found.query("DROP ROLE view_reader")


def test_row_level_security_holds_in_the_views(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    found.query(
        "INSERT INTO k8s_pods (context_name, uid, problem, labels, annotations, first_seen_at, changed_at)"
        " SELECT c, 'u', 'NotReady', '{\"a\": \"b\"}', '{}', now(), now() FROM unnest('{dev,prod}'::text[]) AS c"
    )
    found.query(
        "INSERT INTO k8s_scopes (context_name, resource, selection, first_synced_at, last_status, last_finished_at)"
        " SELECT c, 'pods', '', now(), 'success', now()"
        " FROM unnest('{dev,prod}'::text[]) AS c"
    )
    of_pods = ("k8s_objects", "k8s_freshness", "k8s_cluster_health", "k8s_unhealthy", "k8s_labels")
    found.query("CREATE ROLE dev_reader")
    try:
        found.query("GRANT SELECT ON ALL TABLES IN SCHEMA public TO dev_reader")
        for table in ("k8s_pods", "k8s_scopes"):
            found.query(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            found.query(f"CREATE POLICY dev ON {table} TO dev_reader USING (context_name = 'dev')")
        found.query("SET ROLE dev_reader")
        shown = {name: {row["context_name"] for row in found.rows(name, "context_name")} for name in of_pods}
    finally:
        found.query("RESET ROLE")
        found.query("DROP OWNED BY dev_reader")
        found.query("DROP ROLE dev_reader")

    # Before PostgreSQL 15 a view reads with the rights of its owner, whom no policy holds.
    visible = {"dev"} if conn.info.server_version >= 150000 else {"dev", "prod"}
    assert shown == dict.fromkeys(of_pods, visible)


def test_a_comment_that_differs_is_renewed(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    found.query("COMMENT ON COLUMN k8s_pods.phase IS 'something else'")

    assert migrate(conn) == ["table k8s_pods"]
    (row,) = found.query(
        "SELECT col_description('k8s_pods'::regclass, attnum) AS comment FROM pg_attribute"
        " WHERE attrelid = 'k8s_pods'::regclass AND attname = 'phase'"
    )
    assert row["comment"] == "status.phase"


@pytest.mark.parametrize("chosen", ["EXTENDED", "MAIN"])
def test_objects_are_stored_as_they_are_where_only_pglz_could_compress_them(
    chosen: Any, conn: psycopg.Connection, found: Inventory
) -> None:
    known = found.query("SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'")[0]["enumvals"]
    migrate(conn)
    conn.execute(f"ALTER TABLE k8s_pods ALTER COLUMN object SET STORAGE {chosen}")
    conn.commit()
    done = migrate(conn)

    # What somebody chose stays; EXTENDED is the default, and so nobody's choice.
    changed = chosen == "EXTENDED" and "lz4" not in known
    stored = found.query(
        "SELECT attstorage::text AS storage FROM pg_attribute"
        " WHERE attrelid = 'k8s_pods'::regclass AND attname = 'object'"
    )
    assert done == (["table k8s_pods.object"] if changed else [])
    assert stored == [{"storage": "e" if changed else {"EXTENDED": "x", "MAIN": "m"}[chosen]}]


def test_a_column_of_somebody_elses_may_stay(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    found.query("ALTER TABLE k8s_pods ADD COLUMN team text, ADD COLUMN cost numeric NOT NULL DEFAULT 0")

    assert migrate(conn) == []
    assert {"team", "cost"} <= set(columns(found, "k8s_pods"))


@pytest.fixture
def replaced_system(found: Inventory) -> None:
    """The tables of the CloudQuery plugin that this package replaces, with rows in them."""
    found.query(
        "CREATE TABLE k8s_pods (_cq_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), context_name text, uid text,"
        " namespace text, name text, status text, created_at timestamp)"
    )
    found.query("CREATE TABLE k8s_namespaces (uid text, name text)")
    found.query("INSERT INTO k8s_pods (context_name, uid, name) VALUES ('dev', 'u', 'kept')")


@pytest.mark.parametrize("act", [migrate, pending])
@pytest.mark.usefixtures("replaced_system")
def test_tables_of_another_system_are_not_destroyed(act: Act, conn: psycopg.Connection, found: Inventory) -> None:
    before = relations(found)
    with pytest.raises(DestructiveChangeError) as refused:
        act(conn)

    message = str(refused.value)
    assert "schema public cannot be migrated without destroying data, and nothing was changed" in message
    assert "all rows of k8s_pods, whose key is (_cq_id) and not (context_name, uid)" in message
    assert 'DROP TABLE "public"."k8s_pods"' in message
    assert "k8s_namespaces" in message
    assert relations(found) == before
    assert found.names("k8s_pods") == ["kept"]


@pytest.mark.usefixtures("replaced_system")
def test_unless_that_is_asked_for(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn, mode="forced")

    assert columns(found, "k8s_pods")["labels"] == "jsonb"
    assert found.count("k8s_pods") == 0
    assert migrate(conn) == []


@pytest.mark.usefixtures("replaced_system")
def test_another_schema_is_a_way_out(conn: psycopg.Connection, found: Inventory) -> None:
    found.query("CREATE SCHEMA inventory")
    migrate(conn, schema="inventory")

    assert found.names("k8s_pods") == ["kept"]


def test_our_key_alone_does_not_make_a_table_ours(conn: psycopg.Connection, found: Inventory) -> None:
    found.query("CREATE TABLE k8s_pods (context_name text, uid text, name text, PRIMARY KEY (context_name, uid))")
    found.query("INSERT INTO k8s_pods VALUES ('dev', 'u', 'kept')")
    with pytest.raises(DestructiveChangeError, match="k8s_pods, which lacks annotations, changed_at, first_seen_at, l"):
        migrate(conn)
    assert found.names("k8s_pods") == ["kept"]

    migrate(conn, mode="forced")
    assert found.count("k8s_pods") == 0


def test_who_may_only_write_rows_can_check_a_schema_that_is_up_to_date(
    conn: psycopg.Connection, found: Inventory
) -> None:
    migrate(conn)
    found.query("CREATE ROLE writer_of_rows")
    try:
        found.query("GRANT SELECT ON ALL TABLES IN SCHEMA public TO writer_of_rows")
        conn.execute("SET ROLE writer_of_rows")
        conn.commit()
        assert migrate(conn) == pending(conn) == []
    finally:
        conn.execute("RESET ROLE")
        conn.commit()
        found.query("DROP OWNED BY writer_of_rows")
        found.query("DROP ROLE writer_of_rows")


def test_a_type_that_may_lose_values_is_not_changed(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    found.query("ALTER TABLE k8s_pods ALTER COLUMN restarts TYPE bigint")
    with pytest.raises(DestructiveChangeError, match=r"k8s_pods\.restarts that bigint can hold and integer cannot"):
        migrate(conn)
    assert columns(found, "k8s_pods")["restarts"] == "bigint"

    migrate(conn, mode="forced")
    assert columns(found, "k8s_pods")["restarts"] == "integer"


def test_a_shared_column_of_another_type_is_changed_below_the_view(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    found.query("DROP VIEW k8s_objects CASCADE")
    found.query("DROP VIEW k8s_unhealthy")
    found.query("ALTER TABLE k8s_pods ALTER COLUMN name TYPE varchar(253)")
    with pytest.raises(DestructiveChangeError):
        migrate(conn)

    shown = [f"view {name}" for name in VIEWS if name not in ("k8s_freshness", "k8s_changes", "k8s_coverage")]
    assert migrate(conn, mode="forced")[-len(shown) - 1 :] == [*shown, "functions of tables"]
    assert relations(found) >= set(VIEWS)


def test_a_foreign_column_that_must_be_filled_is_in_the_way(conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    found.query("ALTER TABLE k8s_pods ADD COLUMN team text NOT NULL")
    with pytest.raises(
        DestructiveChangeError, match=r"the NOT NULL of k8s_pods\.team, which this package does not always fill"
    ):
        migrate(conn)

    migrate(conn, mode="forced")
    assert migrate(conn) == []
    assert "team" in columns(found, "k8s_pods")


@pytest.mark.parametrize("name", ["k8s_syncs", "k8s_scopes", "k8s_freshness"])
def test_a_ledger_of_somebody_elses_is_not_taken(name: str, conn: psycopg.Connection, found: Inventory) -> None:
    found.query(f"CREATE TABLE {name} (id int)")
    with pytest.raises(
        DatabaseError, match=f'"{name}" already exists, and this package did not make it: rename or drop'
    ):
        migrate(conn)

    assert relations(found) == {name}


@pytest.mark.parametrize("act", [migrate, pending])
def test_a_newer_schema_is_refused(act: Act, conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    found.query("INSERT INTO k8s_migrations (name, version, statements) VALUES ('0099_future', '9.9.9', '{}')")
    with pytest.raises(NewerSchemaError) as refused:
        act(conn)

    assert str(refused.value) == (
        "schema public was migrated by version 9.9.9 (0099_future), "
        f"this is version {__version__}: upgrade airflow-provider-k8s-inventory"
    )


@pytest.mark.parametrize("act", [migrate, pending])
@pytest.mark.parametrize("version", ["10.0.0", "99.0.0rc1", "0.10.0"])
def test_a_newer_version_is_known_by_any_step(
    version: str, act: Act, conn: psycopg.Connection, found: Inventory
) -> None:
    migrate(conn)
    found.query("INSERT INTO k8s_migrations (name, version, statements) VALUES ('table k8s_pods', %s, '{}')", version)
    with pytest.raises(NewerSchemaError) as refused:
        act(conn)

    assert f"was migrated by version {version} (table k8s_pods), this is version {__version__}" in str(refused.value)


@pytest.mark.parametrize("act", [migrate, pending])
@pytest.mark.parametrize("version", ["0.0.9", f"{__version__}.dev1", __version__])
def test_an_older_version_is_no_obstacle(version: str, act: Act, conn: psycopg.Connection, found: Inventory) -> None:
    migrate(conn)
    found.query("UPDATE k8s_migrations SET version = %s", version)

    assert act(conn) == []


@pytest.mark.parametrize(
    ("taken", "told"),
    [
        ("CREATE", "permission denied for schema public; grant the user TEMPORARY on the database, USAGE and CREATE"),
        ("USAGE", "no schema has been selected to create in; create the schema, and grant the user USAGE and CREATE"),
    ],
)
def test_who_has_no_right_to_create_is_told_what_to_grant(
    taken: str, told: str, conn: psycopg.Connection, found: Inventory
) -> None:
    found.query(f"REVOKE {taken} ON SCHEMA public FROM PUBLIC")
    found.query("CREATE ROLE limited_migrator")
    try:
        conn.execute("SET ROLE limited_migrator")
        conn.commit()
        with pytest.raises(DatabaseError, match=told):
            migrate(conn)
    finally:
        found.query("DROP ROLE limited_migrator")

    assert relations(found) == set()


def test_an_open_transaction_is_wrong_usage(conn: psycopg.Connection, found: Inventory) -> None:
    conn.execute("SELECT 1")
    with pytest.raises(UsageError, match="commit or roll back"):
        migrate(conn)
    conn.rollback()

    assert relations(found) == set()


@pytest.mark.parametrize("factory", [dict_row, namedtuple_row])
def test_a_connection_may_have_rows_of_another_kind(factory: Any, dsn: str) -> None:
    with psycopg.connect(dsn, row_factory=factory) as conn:
        assert pending(conn) == migrate(conn)
        assert migrate(conn) == []


def test_a_migration_that_fails_leaves_nothing_behind(conn: psycopg.Connection, found: Inventory) -> None:
    found.query("CREATE VIEW k8s_services AS SELECT 1 AS one")
    with pytest.raises(DatabaseError):
        migrate(conn, mode="forced")

    assert relations(found) == {"k8s_services"}


def test_a_table_that_is_in_use_is_not_waited_for_for_ever(
    dsn: str, conn: psycopg.Connection, found: Inventory
) -> None:
    migrate(conn)
    found.query("COMMENT ON COLUMN k8s_pods.phase IS 'something else'")
    with psycopg.connect(dsn, application_name="a report") as reader:
        reader.execute("LOCK k8s_pods IN ACCESS SHARE MODE")
        reader.execute("LOCK k8s_pods IN SHARE UPDATE EXCLUSIVE MODE")
        with pytest.raises(DatabaseError) as blocked:
            migrate(conn, patience=0)
        pid = reader.info.backend_pid

    assert f"its tables were in use for 0 s by PostgreSQL session {pid} of a report (user postgres)" in str(
        blocked.value
    )
    assert migrate(conn) == ["table k8s_pods"]


def test_a_migration_that_is_stuck_is_named(dsn: str, conn: psycopg.Connection, found: Inventory) -> None:
    with psycopg.connect(dsn) as other, sessions.transaction(other) as cursor:
        locking.lock_schema(cursor, "public")
        with pytest.raises(DatabaseError, match=f"by PostgreSQL session {other.info.backend_pid} of k8s-inventory"):
            migrate(conn, patience=0)


def test_two_at_once_do_the_work_once(dsn: str, found: Inventory) -> None:
    done: list[list[str]] = []

    def act() -> None:
        with psycopg.connect(dsn) as conn:
            done.append(migrate(conn))

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(len, done)) == [0, 0, 0, len(TABLES) + len(ORDERED) + len(VIEWS) + len(FUNCTIONS) + 2]
    assert relations(found) >= set(TABLES)
