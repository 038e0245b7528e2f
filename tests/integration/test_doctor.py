"""What would fail in a sync is found before it, by asking only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Rule, Simulator, User
from psycopg.pq import TransactionStatus

from airflow_provider_k8s_inventory import sync as core
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.postgres.migrations import ORDERED
from airflow_provider_k8s_inventory.sync.doctor import Finding, examine_context, examine_database, weigh
from airflow_provider_k8s_inventory.sync.selections import parse
from tests.kit.inventory import TABLES, Inventory
from tests.kit.objects import WIDGETS, named, pod, widget_definition
from tests.kit.syncer import Syncer


class Doctor:
    """The findings of one context by check."""

    def __init__(self, sync: Syncer) -> None:
        self._sync = sync

    def __call__(
        self,
        *names: str,
        context: str = "dev",
        client: Client | None = None,
        conn: psycopg.Connection | None = None,
    ) -> dict[str, Finding]:
        with client or self._sync.client(context) as client:
            findings = list(examine_context(client, names, conn=conn))
        assert {finding.subject for finding in findings} == {context}
        return {finding.check: finding for finding in findings}


@pytest.fixture
def doctor(sync: Syncer) -> Doctor:
    return Doctor(sync)


def test_a_context_that_is_well(simulator: Simulator, dev: Cluster, doctor: Doctor) -> None:
    findings = doctor("clusters", "pods", "deployments", "crds")

    assert {check: finding.detail for check, finding in findings.items()} == {
        "reachable": f"{simulator.url('dev')}, Kubernetes v1.36.3",
        "who am I": "admin (system:masters, system:authenticated)",
        "identity": f"cluster {dev.get('namespaces', 'kube-system')['metadata']['uid']}",
        "may count nodes": "yes",
        "may list pods": "yes",
        "may list deployments": "yes",
        "may list crds": "yes",
    }
    assert all(finding.good for finding in findings.values())


def test_nothing_is_listed(dev: Cluster, doctor: Doctor) -> None:
    doctor("clusters", "pods", "nodes")

    assert {request.verb for request in dev.requests} <= {"get", "create"}


def test_a_stopped_cluster_is_not_reachable_and_nothing_else_is_asked(simulator: Simulator, doctor: Doctor) -> None:
    simulator.stop("dev")
    findings = doctor("clusters", "pods")

    assert list(findings) == ["reachable"]
    assert not findings["reachable"].good
    assert "cannot be reached" in findings["reachable"].detail


def test_a_token_that_is_not_accepted(dev: Cluster, doctor: Doctor) -> None:
    dev.inject(Fault(status=401, times=None))

    assert list(doctor("pods")) == ["reachable"]


@pytest.mark.parametrize("body", [b"nonsense", b"[]", b'"v1"', b"\xff"])
def test_a_server_that_is_no_api_server(body: bytes, dev: Cluster, doctor: Doctor) -> None:
    dev.inject(Fault(path="^/version$", body=body))
    findings = doctor("pods")

    assert not findings["reachable"].good
    assert "not a response of Kubernetes" in findings["reachable"].detail


def test_what_may_not_be_listed_is_said_with_what_to_grant(dev: Cluster, doctor: Doctor) -> None:
    dev.add_user(User(name="reader", groups=("team",), denied=(Rule(resources=("pods", "deployments.apps")),)))
    findings = doctor("pods", "deployments", "services", context="dev-reader")

    assert findings["who am I"].detail == "reader (team, system:authenticated)"
    assert [findings[f"may list {name}"].good for name in ("pods", "deployments", "services")] == [False, False, True]
    assert findings["may list deployments"].detail == "no: grant list and watch on deployments.apps"


@pytest.mark.parametrize(
    ("names", "good", "detail"),
    [(("clusters", "pods"), False, "clusters will fail"), (("pods",), True, "cluster_uid will be NULL")],
)
def test_an_identity_that_is_not_readable_matters_to_clusters_only(
    names: tuple[str, ...], good: bool, detail: str, dev: Cluster, doctor: Doctor, sync: Syncer
) -> None:
    dev.add_user(User(name="reader", denied=(Rule(verbs=("get",), resources=("namespaces",)),)))
    finding = doctor(*names, context="dev-reader")["identity"]

    assert finding.good is good
    assert finding.detail.endswith(f"without it {detail}")
    assert all(sync(name, context="dev-reader").good for name in names) is good


def test_nodes_that_may_not_be_counted_fail_nothing(dev: Cluster, doctor: Doctor, sync: Syncer) -> None:
    dev.add_user(User(name="reader", denied=(Rule(resources=("nodes",)),)))
    findings = doctor("clusters", "nodes", context="dev-reader")

    assert findings["may count nodes"].good
    assert findings["may count nodes"].detail == "no: grant list and watch on nodes; node_count will be NULL"
    assert not findings["may list nodes"].good
    assert sync("clusters", context="dev-reader").good


def test_a_resource_that_is_not_served_will_be_absent(doctor: Doctor, sync: Syncer) -> None:
    assert doctor(WIDGETS)[f"may list {WIDGETS}"].detail == "not served: will be absent"
    assert sync(WIDGETS).status == "absent"


def test_one_whose_group_does_not_answer_will_not(dev: Cluster, doctor: Doctor) -> None:
    dev.create("crd", widget_definition())
    dev.lose_group("example.com", "v1")
    finding = doctor(WIDGETS)[f"may list {WIDGETS}"]

    assert not finding.good
    assert "the API group example.com does not respond" in finding.detail


def test_a_custom_resource_may_be_listed(dev: Cluster, doctor: Doctor) -> None:
    dev.create("crd", widget_definition(versions=("v1beta1",)))

    assert doctor(WIDGETS)[f"may list {WIDGETS}"].detail == "yes"


def test_globs_mean_what_is_served_and_each_is_looked_at(dev: Cluster, doctor: Doctor) -> None:
    dev.create("crd", widget_definition())
    dev.add_user(User(name="reader", denied=(Rule(resources=("ingresses.networking.k8s.io",)),)))
    findings = doctor("po*", "w*.example.com", "ing*", "secr*", context="dev-reader")

    good = {check: finding.good for check, finding in findings.items() if check.startswith("may list")}
    assert good == {
        "may list pods": True,
        "may list poddisruptionbudgets": True,
        "may list podtemplates": True,
        f"may list {WIDGETS}": True,
        "may list ingressclasses": True,
        "may list ingresses": False,
        "may list secr*": True,
    }
    assert "secrets, which no glob means: name them" in findings["may list secr*"].detail


@pytest.mark.parametrize("name", ["ing", "Ingress", "ingresses.v1.networking.k8s.io"])
def test_names_are_resolved(name: str, doctor: Doctor) -> None:
    assert doctor(name)["may list ingresses"].detail == "yes"


def test_discovery_that_is_forbidden_leaves_the_catalogue(dev: Cluster, doctor: Doctor) -> None:
    dev.inject(Fault(path="^/api$", status=403, times=None))
    findings = doctor("clusters", "cert")

    assert not findings["discovery"].good
    assert not any(check.startswith("may list cert") for check in findings)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("podz", "may list podz"),
        ("widgetz.example.com", "may list widgetz.example.com"),
        ("*.example.org", "may list *.example.org"),
        ("bindings", "may list bindings"),
    ],
)
def test_a_name_that_no_context_serves_would_fail(name: str, check: str, dev: Cluster, doctor: Doctor) -> None:
    dev.create("crd", widget_definition())
    found = [*doctor(name).values(), *doctor(name, context="prod").values()]

    weighed = [finding for finding in weigh(found, set) if finding.check == check]
    assert [finding.good for finding in weighed] == [False, False]
    known = [finding for finding in weigh(found, lambda: {name.replace("*", "things")}) if finding.check == check]
    assert all(finding.good and finding.limited for finding in known) or name == "bindings"


def test_what_one_context_serves_is_less_in_the_other(dev: Cluster, doctor: Doctor) -> None:
    dev.create("crd", widget_definition())
    found = [*doctor("widget").values(), *doctor("widget", context="prod").values()]
    weighed = [finding for finding in weigh(found, set) if finding.check.startswith("may list")]

    assert [(finding.subject, finding.good, finding.limited) for finding in weighed] == [
        ("dev", True, False),
        ("prod", True, True),
    ]


def test_rights_are_asked_for_in_the_namespaces(dev: Cluster, sync: Syncer) -> None:
    dev.add_user(User(name="reader", denied=(Rule(resources=("pods",), namespaces=("kube-system",)),)))
    with sync.client("dev-reader") as client:
        found = examine_context(client, ["pods", "nodes"], selections=parse(("default", "kube-system", "shop")))
        findings = {finding.check: finding for finding in found}

    assert findings["may list pods"].detail == "no: grant list and watch on pods in namespace kube-system"
    assert findings["may list nodes"].detail == "yes"
    assert [findings[f"namespace {name}"].limited for name in ("default", "kube-system", "shop")] == [
        False,
        False,
        True,
    ]


def test_the_namespaces_in_which_resources_may_be_listed_are_suggested(dev: Cluster, sync: Syncer) -> None:
    namespaced = Rule(resources=("pods", "deployments.apps"), namespaces=("default", "kube-public"))
    everywhere = Rule(resources=("namespaces", "services", "nodes"))
    dev.add_user(User(name="reader", groups=(), allowed=(namespaced, everywhere)))
    with sync.client("dev-reader") as client:
        some = {each.check: each for each in examine_context(client, ["pods", "services", "deployments"])}
        all_ = {each.check: each for each in examine_context(client, ["pods", "nodes", "deployments"])}
        narrowed = list(examine_context(client, ["pods"], selections=parse(["*", "!kube-system", "!kube-node-lease"])))

    assert not some["may list pods"].good
    assert some["namespaces"].detail == (
        "pods, deployments.apps may be listed in some, so narrow the sync: --namespace pods:default "
        "--namespace pods:kube-public --namespace deployments:default --namespace deployments:kube-public"
    )
    assert all_["namespaces"].detail.endswith(": --namespace default --namespace kube-public")
    found = {each.check: each.detail for each in narrowed if each.good}
    assert found["namespaces *, !kube-node-lease, !kube-system"] == "default, kube-public"
    assert found["may list pods"] == "yes"


def test_namespaces_are_known_by_the_rows_where_nobody_may_list_them(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("namespaces", [named("team-a")])
    sync("namespaces")
    dev.add_user(User(name="reader", groups=(), allowed=(Rule(resources=("pods",), namespaces=("team-a",)),)))
    inventory.query("UPDATE k8s_namespaces SET context_name = 'dev-reader'")
    with sync.client("dev-reader") as client, psycopg.connect(inventory.dsn) as conn:
        found = {each.check: each for each in examine_context(client, ["pods"], conn=conn)}

    assert found["namespaces"].detail.endswith(": --namespace team-a")


def test_a_403_is_never_behind_a_plain_mark(dev: Cluster, doctor: Doctor) -> None:
    dev.inject(Fault(path="/kube-system$", status=403, times=None))
    dev.add_user(User(name="admin", groups=(), denied=(Rule(resources=("nodes",)),)))
    findings = doctor("pods", "crds")

    assert findings["identity"].limited
    assert findings["identity"].good


def test_an_older_server_does_not_say_who_i_am(dev: Cluster, doctor: Doctor) -> None:
    dev.inject(Fault(path="selfsubjectreviews$", status=404))
    findings = doctor("pods")

    assert findings["who am I"].good
    assert findings["who am I"].detail == "unknown: the cluster does not say"


def test_a_migrated_database_is_well(migrated_database: str) -> None:
    with psycopg.connect(migrated_database) as conn:
        finding, writing, *_ = examine_database(conn, "public")
        major = conn.info.server_version // 10000

    assert (finding.subject, finding.check, finding.good) == ("database", "migrated", True)
    assert finding.detail == f"PostgreSQL {major}, schema public"
    assert (writing.subject, writing.check, writing.good, writing.detail) == ("database", "may write", True, "yes")


@pytest.fixture
def as_writer(migrated_database: str) -> Iterator[psycopg.Connection]:
    """A connection of a role that may read the tables, and no more."""
    with Inventory(migrated_database) as inventory:
        name = inventory.query("SELECT current_database() AS name")[0]["name"]
        inventory.query(f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC')
        inventory.query("CREATE ROLE examined_writer")
        inventory.query("GRANT SELECT ON ALL TABLES IN SCHEMA public TO examined_writer")
    try:
        with psycopg.connect(migrated_database) as conn:
            conn.execute("SET ROLE examined_writer")
            conn.commit()
            yield conn
    finally:
        with Inventory(migrated_database) as inventory:
            inventory.query("DROP OWNED BY examined_writer")
            inventory.query("DROP ROLE examined_writer")


@pytest.mark.alters_database
def test_who_may_only_read_is_told_what_to_grant(as_writer: psycopg.Connection) -> None:
    migrated, writing, *_ = examine_database(as_writer, "public")

    assert migrated.good
    assert not writing.good
    tables = ", ".join(f"public.{table}" for table in (*TABLES, "k8s_scopes"))
    assert writing.detail == (
        f"no: let its owner run GRANT TEMPORARY ON DATABASE {as_writer.info.dbname} TO examined_writer; "
        f"GRANT INSERT, UPDATE, DELETE ON {tables} TO examined_writer; "
        "GRANT INSERT ON public.k8s_syncs, public.k8s_history TO examined_writer"
    )


@pytest.mark.alters_database
def test_what_is_told_is_enough(
    as_writer: psycopg.Connection, migrated_database: str, dev: Cluster, simulator: Simulator
) -> None:
    with Inventory(migrated_database) as inventory:
        _, writing, *_ = examine_database(as_writer, "public")
        inventory.query(writing.detail.partition("owner run ")[2])
    _, writing, *_ = examine_database(as_writer, "public")
    document = simulator.kubeconfig_document()
    with Client(kubeconfig.parse(document, source="the simulator").contexts["dev"]) as client:
        reports = []
        for mode in ("full", "delta"):
            dev.seed("pods", [pod(mode)])
            reports.append(core.run(client, as_writer, "pods", core.Settings(mode=mode)))

    assert writing.detail == "yes"
    assert [(report.status, report.changes) for report in reports] == [("success", 0), ("success", 1)]


def test_a_database_that_cannot_be_written_to(migrated_database: str) -> None:
    with psycopg.connect(migrated_database, options="-c default_transaction_read_only=on") as conn:
        migrated, writing, *_ = examine_database(conn, "public")

    assert migrated.good
    assert not writing.good
    assert writing.detail == "no: transactions are read-only here: set default_transaction_read_only to off"


def test_a_database_that_was_not_migrated_would_fail(empty_database: str) -> None:
    with psycopg.connect(empty_database) as conn:
        finding, *_ = examine_database(conn, "public")

    assert not finding.good
    assert f"lacks {', '.join(ORDERED)}, table k8s_clusters" in finding.detail
    assert "migrate it" in finding.detail


@pytest.mark.alters_database
@pytest.mark.parametrize(
    ("statement", "schema", "detail"),
    [
        ("SELECT 1", "nowhere", "schema nowhere does not exist"),
        (
            "INSERT INTO k8s_migrations (name, version, statements) VALUES ('0099_future', '9.9.9', '{}')",
            "public",
            "upgrade airflow-provider-k8s-inventory",
        ),
        (
            "ALTER TABLE k8s_pods ALTER COLUMN restarts TYPE bigint",
            "public",
            "values of k8s_pods.restarts that bigint can hold and integer cannot",
        ),
    ],
)
def test_a_schema_that_a_sync_would_refuse(statement: str, schema: str, detail: str, migrated_database: str) -> None:
    with Inventory(migrated_database) as inventory:
        inventory.query(statement)
    with psycopg.connect(migrated_database) as conn:
        (finding,) = examine_database(conn, schema)

    assert not finding.good
    assert detail in finding.detail


def client_of_another_cluster(sync: Syncer) -> Client:
    """A client of the context dev that finds the cluster of prod there."""
    return Client(replace(sync.client("prod").context, name="dev"), backoff=0)


def test_another_cluster_than_the_rows_are_of(
    dev: Cluster, prod: Cluster, sync: Syncer, doctor: Doctor, migrated_database: str
) -> None:
    dev.seed("pods", [pod("web")])
    for resource in ("clusters", "pods", "services"):
        sync(resource)
    with psycopg.connect(migrated_database) as conn:
        well = doctor("clusters", "pods", "services", conn=conn)
        finding = doctor("clusters", "pods", "services", client=client_of_another_cluster(sync), conn=conn)[
            "same cluster"
        ]
        assert conn.info.transaction_status == TransactionStatus.IDLE

    assert "same cluster" not in well
    assert not finding.good
    for cluster in (dev, prod):
        assert cluster.get("namespaces", "kube-system")["metadata"]["uid"] in finding.detail
    assert "--accept-new-cluster" in finding.detail
    assert finding.detail.endswith("; the same for pods")


def test_a_database_that_is_not_migrated_has_no_rows_to_compare(doctor: Doctor, empty_database: str) -> None:
    with psycopg.connect(empty_database) as conn:
        assert doctor("pods", conn=conn)["identity"].good


def test_what_a_person_should_know_of_the_kubeconfig(sync: Syncer, doctor: Doctor) -> None:
    client = Client(replace(sync.client().context, warnings=("dev of b.yaml is hidden",)))
    finding = doctor("pods", client=client)["kubeconfig"]

    assert (finding.good, finding.detail) == (True, "warning: dev of b.yaml is hidden")
