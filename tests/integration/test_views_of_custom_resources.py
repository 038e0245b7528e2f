"""Each custom resource has a view of typed columns, in step with its definitions in all contexts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.kit.inventory import Inventory
from tests.kit.objects import crd, named
from tests.kit.syncer import Syncer

pytestmark = pytest.mark.postgres15

CERTIFICATES = "certificates.cert-manager.io"
VIEW = "k8s_cr_certificates_cert_manager_io"
PRINTED = [
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
    {"name": "Secret", "type": "string", "jsonPath": ".spec.secretName", "description": "Where\n it goes"},
    {"name": "Not After", "type": "date", "jsonPath": ".status.notAfter"},
    {"name": "Revision", "type": "integer", "jsonPath": ".status.revision"},
]
FIELDS = {
    "spec": {"secretName": {"type": "string"}, "isCA": {"type": "boolean"}, "subject": {"type": "object"}},
    "status": {"notAfter": {"type": "string", "format": "date-time"}, "load": {"type": "number"}},
}
SHARED = {
    "context_name",
    "cluster_uid",
    "uid",
    "namespace",
    "name",
    "labels",
    "annotations",
    "created_at",
    "changed_at",
}
Document = dict[str, Any]


def definition(
    printed: list[Document] = PRINTED,
    fields: Document = FIELDS,
    name: str = CERTIFICATES,
    kind: str = "Certificate",
    **options: Any,
) -> Document:
    """A definition with printed columns and fields."""
    plural, _, group = name.partition(".")
    found = crd(plural, group, kind, **options)
    properties = {part: {"type": "object", "properties": each} for part, each in fields.items()}
    for version in found["spec"]["versions"]:
        version["additionalPrinterColumns"] = printed
        version["schema"] = {"openAPIV3Schema": {"type": "object", "properties": properties}}
    return found


def certificate(name: str, **members: Any) -> Document:
    return named(name, "default", uid=f"uid-of-{name}") | members


def columns(inventory: Inventory, view: str = VIEW) -> dict[str, str]:
    """The columns of a view of its own, with their types; none where there is no view."""
    rows = inventory.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attnum > 0 ORDER BY attnum",
        view,
    )
    return {row["attname"]: row["type"] for row in rows if row["attname"] not in SHARED | {"object"}}


def views(inventory: Inventory) -> list[str]:
    rows = inventory.query(
        "SELECT relname FROM pg_class WHERE relkind = 'v' AND relname LIKE 'k8s\\_cr\\_%%' ORDER BY 1"
    )
    return [row["relname"] for row in rows]


def test_a_view_has_what_kubectl_prints_and_the_plain_fields(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.create("crd", definition())
    ready = {"conditions": [{"type": "Issuing", "status": "False"}, {"type": "Ready", "status": "True"}]}
    status = ready | {"notAfter": "2027-03-01T12:00:00Z", "revision": 3, "load": 0.5}
    dev.seed(CERTIFICATES, [certificate("web", spec={"secretName": "tls", "isCA": True}, status=status)])
    dev.seed(CERTIFICATES, [certificate("new")])
    sync("crds"), sync(CERTIFICATES)

    assert columns(inventory) == {
        "ready": "text",
        "secret": "text",
        "not_after": "timestamp with time zone",
        "revision": "bigint",
        "spec_secret_name": "text",
        "spec_is_ca": "boolean",
        "status_not_after": "timestamp with time zone",
        "status_load": "double precision",
    }
    new, web = inventory.rows(VIEW)
    ends = datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert (web["context_name"], web["namespace"], web["uid"]) == ("dev", "default", "uid-of-web")
    assert {name: web[name] for name in columns(inventory)} == {
        "ready": "True",
        "secret": "tls",
        "not_after": ends,
        "revision": 3,
        "spec_secret_name": "tls",
        "spec_is_ca": True,
        "status_not_after": ends,
        "status_load": 0.5,
    }
    assert {new[name] for name in columns(inventory)} == {None}
    assert web["object"]["spec"]["secretName"] == "tls"


def test_comments_say_what_a_column_is(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.create("crd", definition([*PRINTED, {"name": "Odd", "type": "string", "jsonPath": ".a[?(@.b==@.c)]"}]))
    sync("crds")

    (view,) = inventory.query("SELECT obj_description(%s::regclass) AS comment", VIEW)
    assert view["comment"].startswith(f"Objects of {CERTIFICATES} (Certificate): ")
    assert "; without Odd, whose path PostgreSQL has no word for [" in view["comment"]
    (secret,) = inventory.query("SELECT col_description(%s::regclass, 7) AS comment", VIEW)
    assert secret["comment"] == ".spec.secretName: Where it goes"


@pytest.mark.parametrize(
    ("type_", "value", "shown"),
    [
        ("integer", "3", None),
        ("integer", 1.9, 1),
        ("integer", -(2**63), -(2**63)),
        ("integer", 2**63, None),
        ("integer", 10**400, None),
        ("integer", {"a": 1}, None),
        ("number", 10**400, None),
        ("number", True, None),
        ("boolean", "true", None),
        ("boolean", False, False),
        ("date", "2026-01-05T08:00:00.123456Z", datetime(2026, 1, 5, 8, 0, 0, 123456, tzinfo=UTC)),
        ("date", "2026-01-05T08:00:00+02:00", datetime(2026, 1, 5, 6, tzinfo=UTC)),
        ("date", "2026-02-30T08:00:00Z", None),
        ("date", "0000-01-01T00:00:00Z", None),
        ("date", "2026-01-05T25:00:00Z", None),
        ("date", "yesterday", None),
        ("date", 1767600000, None),
        ("string", 5, "5"),
        ("string", True, "true"),
        ("string", None, None),
        ("string", ["a", "b"], '["a", "b"]'),
    ],
)
def test_a_value_of_another_type_is_null_and_no_error(
    type_: str, value: object, shown: object, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", definition([{"name": "Value", "type": type_, "jsonPath": ".spec.value"}], {}))
    dev.seed(CERTIFICATES, [certificate("odd", spec={"value": value})])
    sync("crds"), sync(CERTIFICATES)

    assert inventory.row(VIEW, "odd")["value"] == shown


def test_a_definition_that_changes_changes_its_view(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.create("crd", definition(PRINTED[:2], {}))
    sync("crds")
    inventory.query("CREATE ROLE reader_of_views")
    try:
        inventory.query(f"GRANT SELECT ON {VIEW} TO reader_of_views")
        seen = [columns(inventory)]
        for printed in (PRINTED, PRINTED[1:], [PRINTED[1] | {"type": "integer"}]):
            dev.patch("crd", CERTIFICATES, {"spec": {"versions": definition(printed, {})["spec"]["versions"]}})
            assert sync("crds").warnings == ()
            seen.append(columns(inventory))
        (granted,) = inventory.query("SELECT has_table_privilege('reader_of_views', %s, 'SELECT') AS may", VIEW)
    finally:
        inventory.query("DROP OWNED BY reader_of_views")
        inventory.query("DROP ROLE reader_of_views")

    assert seen == [
        {"ready": "text", "secret": "text"},
        {"ready": "text", "secret": "text", "not_after": "timestamp with time zone", "revision": "bigint"},
        {"secret": "text", "not_after": "timestamp with time zone", "revision": "bigint"},
        {"secret": "bigint"},
    ]
    assert granted["may"]


@pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
@pytest.mark.parametrize("on_delete", ["delete", "mark"])
def test_a_view_goes_with_the_last_definition(
    mode: str, on_delete: str, dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    for cluster in (dev, prod):
        cluster.create("crd", definition())
        sync("crds", context=cluster.name, on_delete=on_delete)
    dev.delete("crd", CERTIFICATES)
    sync("crds", mode=mode, on_delete=on_delete)
    assert views(inventory) == [VIEW]
    prod.delete("crd", CERTIFICATES)
    sync("crds", context="prod", mode=mode, on_delete=on_delete)
    assert views(inventory) == []


def test_a_list_that_fails_leaves_the_views(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.create("crd", definition())
    sync("crds")
    dev.delete("crd", CERTIFICATES)
    dev.inject(Fault(path="/customresourcedefinitions$", status=403, times=None))

    assert sync("crds").status == "forbidden"
    assert views(inventory) == [VIEW]


def test_contexts_that_define_it_differently_share_a_view(
    dev: Cluster, prod: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    old = [{"name": "Secret", "type": "integer", "jsonPath": ".spec.old"}, PRINTED[3]]
    dev.create("crd", definition(PRINTED[:2], {}))
    prod.create("crd", definition(old, {}))
    dev.seed(CERTIFICATES, [certificate("web", spec={"secretName": "tls"})])
    prod.seed(CERTIFICATES, [certificate("api", spec={"old": 7})])
    for context in ("dev", "prod"):
        sync("crds", context=context), sync(CERTIFICATES, context=context)

    assert columns(inventory) == {"ready": "text", "secret": "text", "revision": "bigint"}
    assert [(row["context_name"], row["secret"]) for row in inventory.rows(VIEW)] == [("prod", "7"), ("dev", "tls")]


def test_names_are_what_sql_takes_without_quotes_and_told_apart(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    names = ["Age", "AGE", "User", "CPU Requests", "2xx", "ü", "context_name", "x" * 70, "x" * 71, "myHTTPPort"]
    dev.create("crd", definition([{"name": name, "type": "string", "jsonPath": ".a"} for name in names], {}))
    sync("crds")

    assert list(columns(inventory)) == [
        "age", "age_2", "user_2", "cpu_requests", "_2xx", "value", "context_name_2", "x" * 63, f"{'x' * 61}_2",
        "my_httpport",
    ]  # fmt: skip


def test_views_of_long_names_are_told_apart(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    group = f"{'long.' * 10}example.com"
    for name, kind in (("things", "Thing"), ("thongs", "Thong")):
        dev.create("crd", definition(name=f"{name}.{group}", kind=kind))
    dev.create("crd", definition(name="a.b-c.example.com", kind="One"))
    dev.create("crd", definition(name="a.b.c.example.com", kind="Two"))
    sync("crds")

    found = views(inventory)
    assert len(found) == 4
    assert max(map(len, found)) == 63
    assert "k8s_cr_a_b_c_example_com" in found
    assert sync("crds").warnings == ()
    assert views(inventory) == found


def test_a_relation_of_that_name_is_left_alone(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    inventory.query(f"CREATE VIEW {VIEW} AS SELECT 1 AS mine")
    dev.create("crd", definition())
    sync("crds")

    (other,) = (name for name in views(inventory) if name != VIEW)
    assert inventory.query(f"SELECT mine FROM {VIEW}") == [{"mine": 1}]
    assert "secret" in columns(inventory, other)


def test_a_view_that_others_stand_on_is_left_with_a_warning(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.create("crd", definition(PRINTED[:2], {}))
    sync("crds")
    inventory.query(f"CREATE VIEW k8s_cr_mine AS SELECT ready FROM {VIEW}")
    dev.patch("crd", CERTIFICATES, {"spec": {"versions": definition(PRINTED[1:], {})["spec"]["versions"]}})
    dev.create("crd", definition(name="gadgets.example.com", kind="Gadget"))
    report = sync("crds")

    (warning,) = report.warnings
    assert report.status == "success"
    assert warning.startswith(f"the view of {CERTIFICATES} is not in step: ")
    assert "k8s_cr_mine" in warning
    assert list(columns(inventory)) == ["ready", "secret"]
    assert columns(inventory, "k8s_cr_gadgets_example_com")
    inventory.query("DROP VIEW k8s_cr_mine")
    assert sync("crds").warnings == ()
    assert list(columns(inventory)) == ["secret", "not_after", "revision"]


@pytest.mark.alters_database
def test_a_role_that_may_not_make_views_is_told_and_a_migration_makes_them(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.create("crd", definition(PRINTED[:2], {}))
    inventory.query("CREATE ROLE writer_without_views")
    try:
        inventory.query("GRANT USAGE ON SCHEMA public TO writer_without_views")
        inventory.query("GRANT ALL ON ALL TABLES IN SCHEMA public TO writer_without_views")
        with psycopg.connect(sync.dsn) as conn, psycopg.connect(sync.dsn) as owner:
            conn.execute("SET ROLE writer_without_views")
            conn.commit()
            first = sync("crds", conn=conn)
            before = views(inventory)
            assert migrate(owner) == []
            made = columns(inventory)
            dev.patch("crd", CERTIFICATES, {"spec": {"versions": definition(PRINTED[1:], {})["spec"]["versions"]}})
            second = sync("crds", conn=conn)
            stale = columns(inventory)
            inventory.query("GRANT CREATE ON SCHEMA public TO writer_without_views")
            third = sync("crds", conn=conn)
            migrate(owner)
    finally:
        inventory.query("DROP OWNED BY writer_without_views")
        inventory.query("DROP ROLE writer_without_views")

    assert (first.status, first.inserted, first.warnings, before) == ("success", 1, (), [])
    assert list(made) == list(stale) == ["ready", "secret"]
    assert second.status == third.status == "success"
    assert second.warnings == (
        "the views of custom resources are not in step, as this role may not create in schema public: grant it CREATE, "
        "or let the owner of the views migrate",
    )
    assert "must be owner of view" in third.warnings[0]
    assert third.warnings[0].endswith("let the role own the views, or let their owner migrate")
    assert list(columns(inventory)) == ["secret", "not_after", "revision"]


@pytest.mark.alters_database
def test_a_schema_of_an_odd_name_has_its_views(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    inventory.query('CREATE SCHEMA "odd ""name"" — with.dot"')
    with psycopg.connect(sync.dsn) as conn:
        migrate(conn, schema='odd "name" — with.dot')
    dev.create("crd", definition())
    report = sync("crds", schema='odd "name" — with.dot')

    assert (report.status, report.warnings) == ("success", ())
    assert views(inventory) == [VIEW]
    assert columns(inventory, f'"odd ""name"" — with.dot".{VIEW}')


def test_two_thousand_definitions_have_their_views(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("crds", [definition(name=f"kind{n}s.example.com", kind=f"Kind{n}", fields={}) for n in range(2000)])

    assert sync("crds").warnings == ()
    assert len(views(inventory)) == 2000
    assert sync("crds").warnings == ()


def test_a_definition_of_an_odd_shape_costs_itself_only(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    odd = definition(name="odds.example.com", kind="Odd")
    odd["spec"]["versions"][0]["additionalPrinterColumns"] = [{"name": 5, "jsonPath": {}}, {}]
    odd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"] = {
        "a'\\\"b": {"type": "string"}
    }
    dev.seed("crds", [json.loads(json.dumps(odd)), definition()])
    report = sync("crds")

    assert report.status == "success"
    assert VIEW in views(inventory)
