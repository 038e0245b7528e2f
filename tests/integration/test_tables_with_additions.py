"""What people add to our tables either does not matter, or a migration refuses it and says what to do."""

from __future__ import annotations

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from airflow_provider_k8s_inventory.postgres.migrations import migrate, pending
from airflow_provider_k8s_inventory.sync.settings import AskedMode
from tests.kit.inventory import Inventory
from tests.kit.objects import named, pod, pods, widget_definition
from tests.kit.syncer import Syncer

pytestmark = [pytest.mark.postgres15, pytest.mark.alters_database]

each_mode = pytest.mark.parametrize("mode", ["full", "metadata", "delta"])

PARTITIONED = (
    "ALTER TABLE k8s_pods RENAME TO old",
    "CREATE TABLE k8s_pods (LIKE old INCLUDING ALL) PARTITION BY LIST (context_name)",
    "CREATE TABLE k8s_pods_dev PARTITION OF k8s_pods FOR VALUES IN ('dev')",
    "CREATE TABLE k8s_pods_rest PARTITION OF k8s_pods DEFAULT",
    "DROP TABLE old CASCADE",
)

HARMLESS = {
    "partitions": PARTITIONED,
    "columns": (
        "ALTER TABLE k8s_pods ADD team text, ADD cost numeric NOT NULL DEFAULT 0,"
        " ADD n int GENERATED ALWAYS AS IDENTITY, ADD short text GENERATED ALWAYS AS (left(name, 3)) STORED",
    ),
    "a view": ("CREATE VIEW mine AS SELECT name, phase FROM k8s_pods",),
    "a materialized view": ("CREATE MATERIALIZED VIEW mine AS SELECT name FROM k8s_objects",),
    "indexes": (
        "CREATE INDEX ON k8s_pods (node_name)",
        "CREATE UNIQUE INDEX ON k8s_pods (context_name, namespace, name)",
    ),
    "a foreign key that goes along": (
        "CREATE TABLE notes (c text, u text, note text, FOREIGN KEY (c, u) REFERENCES k8s_pods ON DELETE CASCADE)",
        "INSERT INTO notes SELECT context_name, uid, 'mine' FROM k8s_pods",
    ),
    "row triggers that fill columns of their own": (
        "ALTER TABLE k8s_pods ADD team text",
        "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.team := 'a'; RETURN NEW; END $$",
        "CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON k8s_pods FOR EACH ROW EXECUTE FUNCTION fill()",
    ),
    "triggers that write down what happens": (
        "CREATE TABLE audit (at timestamptz DEFAULT now(), what text)",
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO audit (what) VALUES (TG_OP); RETURN NULL; END $$",
        "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON k8s_pods FOR EACH ROW EXECUTE FUNCTION note()",
        "CREATE TRIGGER notes AFTER INSERT OR UPDATE OR DELETE ON k8s_pods EXECUTE FUNCTION note()",
    ),
    "a check that holds": ("ALTER TABLE k8s_pods ADD CHECK (name <> '')",),
    "row-level security for others": (
        "ALTER TABLE k8s_pods ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY none ON k8s_pods USING (false)",
    ),
    "no log": ("ALTER TABLE k8s_pods SET UNLOGGED",),
}

IN_THE_WAY = {
    "a row that must have what we lack": (
        "ALTER TABLE k8s_pods ADD team text NOT NULL",
        "the NOT NULL of k8s_pods.team",
    ),
    "a value that objects may lack": (
        "ALTER TABLE k8s_pods ALTER node_name SET NOT NULL",
        "the NOT NULL of k8s_pods.node_name",
    ),
    "a foreign key that holds rows": (
        "CREATE TABLE notes (c text, u text, FOREIGN KEY (c, u) REFERENCES k8s_pods)",
        "the foreign key notes_c_u_fkey of notes holds rows of k8s_pods whose objects are gone: "
        "let it be ON DELETE CASCADE",
    ),
    "a rule": (
        "CREATE RULE nothing AS ON DELETE TO k8s_pods DO INSTEAD NOTHING",
        "the rule nothing rewrites what is done to k8s_pods: drop it, a trigger can do the same",
    ),
    "a child": (
        "CREATE TABLE child () INHERITS (k8s_pods)",
        "child inherits from k8s_pods, so a sync would see and delete its rows: ",
    ),
}


@each_mode
@pytest.mark.parametrize("addition", HARMLESS)
def test_what_does_not_matter(
    addition: str, mode: AskedMode, dev: Cluster, sync: Syncer, inventory: Inventory, conn: psycopg.Connection
) -> None:
    dev.seed("pods", pods(3))
    sync()
    for statement in HARMLESS[addition]:
        inventory.query(statement)
    migrate(conn)
    first = sync(mode=mode)
    dev.create("pods", pod("new"))
    dev.patch("pods", "web-0000", {"metadata": {"labels": {"a": "b"}}}, "default")
    dev.delete("pods", "web-0001", "default")
    report = sync(mode=mode)

    assert (first.status, report.status) == ("success", "success")
    assert (report.inserted, report.updated, report.deleted) == (1, 1, 1)
    assert inventory.names("k8s_pods") == ["new", "web-0000", "web-0002"]
    assert migrate(conn) == []


def test_an_object_that_takes_the_name_of_another_fits_a_unique_name(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    inventory.query("CREATE UNIQUE INDEX ON k8s_pods (context_name, namespace, name)")
    dev.seed("pods", [pod("web")])
    sync()
    for mode in ("full", "metadata", "delta"):
        dev.delete("pods", "web", "default")
        dev.create("pods", pod("web"))
        assert (sync(mode=mode).status, inventory.count("k8s_pods")) == ("success", 1)


def test_a_constraint_that_refuses_an_object_is_named(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    inventory.query("ALTER TABLE k8s_pods ADD CONSTRAINT few CHECK (name <> 'web')")
    dev.seed("pods", [pod("web")])
    report = sync()

    assert report.status == "failed"
    assert 'violates check constraint "few"; it is not of this package: drop it' in (report.reason or "")


@pytest.mark.parametrize("addition", IN_THE_WAY)
def test_what_is_in_the_way_is_refused_with_what_to_do(
    addition: str, inventory: Inventory, conn: psycopg.Connection
) -> None:
    statement, said = IN_THE_WAY[addition]
    inventory.query(statement)
    for act in (pending, migrate):
        with pytest.raises(DatabaseError) as refused:
            act(conn)
        assert said in str(refused.value)
        assert "nothing was changed" in str(refused.value)


def test_row_level_security_for_all_is_refused(inventory: Inventory, conn: psycopg.Connection) -> None:
    inventory.query("ALTER TABLE k8s_pods ENABLE ROW LEVEL SECURITY")
    inventory.query("CREATE ROLE plain_writer")
    try:
        inventory.query("GRANT ALL ON ALL TABLES IN SCHEMA public TO plain_writer")
        conn.execute("SET ROLE plain_writer")
        conn.commit()
        with pytest.raises(
            DatabaseError, match="row-level security of k8s_pods applies to plain_writer, and a sync must"
        ):
            migrate(conn)
        conn.execute("RESET ROLE")
        conn.commit()
    finally:
        inventory.query("DROP OWNED BY plain_writer")
        inventory.query("DROP ROLE plain_writer")


@each_mode
@pytest.mark.parametrize(
    ("event", "on_delete"), [("INSERT", "delete"), ("DELETE", "delete"), ("UPDATE", "mark"), ("UPDATE", "delete")]
)
def test_a_trigger_that_leaves_a_row_out_fails_the_sync(
    event: str, on_delete: str, mode: AskedMode, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(3))
    sync(on_delete=on_delete)
    inventory.query("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
    inventory.query(f"CREATE TRIGGER no BEFORE {event} ON k8s_pods FOR EACH ROW EXECUTE FUNCTION no()")
    if event == "INSERT":
        dev.create("pods", pod("new"))
    elif (event, on_delete) == ("UPDATE", "delete"):
        dev.patch("pods", "web-0001", {"metadata": {"labels": {"a": "b"}}}, "default")
    else:
        dev.delete("pods", "web-0001", "default")
    before = inventory.versions()
    report = sync(mode=mode, on_delete=on_delete)

    assert report.status == "failed"
    assert "a trigger of k8s_pods left out or changed 1 rows" in (report.reason or "")
    assert inventory.versions() == before


def test_a_trigger_that_leaves_out_the_first_rows_fails_the_sync(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", pods(3))
    inventory.query("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
    inventory.query("CREATE TRIGGER no BEFORE INSERT ON k8s_pods FOR EACH ROW EXECUTE FUNCTION no()")
    report = sync()

    assert report.status == "failed"
    assert "a trigger of k8s_pods left out or changed 3 rows" in (report.reason or "")


@each_mode
@pytest.mark.parametrize(
    ("resource", "table", "column"),
    [("pods", "k8s_pods", "phase"), ("widgets.example.com", "k8s_custom_resources", "kind")],
)
def test_a_column_that_was_dropped_is_filled_again(
    resource: str,
    table: str,
    column: str,
    mode: AskedMode,
    dev: Cluster,
    sync: Syncer,
    inventory: Inventory,
    conn: psycopg.Connection,
) -> None:
    dev.create("crd", widget_definition())
    dev.seed("widgets.example.com", [named("w", "shop")])
    dev.seed("pods", pods(1))
    sync(resource)
    before = inventory.rows(table)[0][column]
    inventory.query(f"ALTER TABLE {table} DROP COLUMN {column} CASCADE")
    migrate(conn)
    report = sync(resource, mode=mode)

    assert (report.status, report.mode, report.updated) == ("success", "full", 1)
    assert inventory.rows(table)[0][column] == before
