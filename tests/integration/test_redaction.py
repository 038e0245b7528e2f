"""What is to be kept out of the inventory is taken out of objects before anything is stored, in every mode."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from k8s_inventory_demo.simulator import Cluster, Fault, Simulator

from airflow_provider_k8s_inventory.exceptions import UsageError
from tests.kit.command_line import CommandLine
from tests.kit.inventory import EVERY_TABLE, Inventory
from tests.kit.objects import crd, named, pod
from tests.kit.syncer import Syncer

each_mode = pytest.mark.parametrize("mode", ["full", "metadata", "delta"])
PLANTED = "planted-51"
Document = dict[str, Any]


def containers(*more: Document) -> list[Document]:
    """A container with a planted value in its environment."""
    variables = [{"name": "TOKEN", "value": PLANTED}, {"name": "EMPTY", "value": ""}, {"name": "FROM", "valueFrom": {}}]
    return [{"name": "main", "image": "web:1", "env": variables}, *more]


def template(**spec: Any) -> Document:
    return {"metadata": {"annotations": {"example.com/secret": PLANTED}}, "spec": spec}


def stored(inventory: Inventory) -> str:
    """Everything that is in the database, as text."""
    return json.dumps([inventory.query(f"SELECT to_jsonb(t)::text AS row FROM {table} AS t") for table in EVERY_TABLE])


OBJECTS: dict[str, list[Document]] = {
    "pods": [
        named("web", "default", annotations={"example.com/secret": PLANTED, "example.com/open": "yes"})
        | {"spec": {"containers": containers(), "initContainers": containers(), "ephemeralContainers": containers()}}
    ],
    "deployments": [named("web", "default") | {"spec": {"template": template(containers=containers())}}],
    "cronjobs": [
        named("web", "default")
        | {"spec": {"jobTemplate": {"spec": {"template": template(initContainers=containers())}}}}
    ],
    "rollouts.example.com": [named("web", "default") | {"spec": {"template": template(containers=containers())}}],
}


@each_mode
@pytest.mark.parametrize("resource", OBJECTS)
def test_values_of_environments_and_annotations_are_nowhere(
    resource: str, mode: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    rules = ("env-values", "annotations:*/secret")
    dev.create("crd", crd("rollouts", "example.com", "Rollout"))
    dev.seed(resource, OBJECTS[resource])
    first = sync(resource, redact=rules)
    for place in range(2):
        dev.create(
            resource, OBJECTS[resource][0] | {"metadata": OBJECTS[resource][0]["metadata"] | {"name": f"n{place}"}}
        )
    second = sync(resource, redact=rules, mode=mode)

    assert (first.status, first.inserted, second.status, second.inserted) == ("success", 1, "success", 2)
    assert (first.warnings, second.warnings) == ((), ())
    assert PLANTED not in stored(inventory)
    table = {"rollouts.example.com": "k8s_custom_resources"}.get(resource, f"k8s_{resource}")
    text = json.dumps(inventory.row(table, "n1")["object"])
    assert '"value": "REDACTED"' in text
    assert '"value": ""' in text
    assert '"example.com/secret": "REDACTED"' in text


def test_columns_are_made_of_what_is_left(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    spec = {"nodeName": PLANTED, "hostNetwork": True, "containers": [{"name": "main", "image": PLANTED}]}
    dev.seed("pods", [named("web", "default", labels={"team": PLANTED, "app": "web"}) | {"spec": spec}])
    rules = (".spec.nodeName", "$.spec.containers[*].image", "pods:.metadata.labels['team']", ".spec.hostNetwork")
    report = sync(redact=rules)

    row = inventory.row("k8s_pods", "web")
    assert (report.status, report.warnings) == ("success", ())
    assert (row["node_name"], row["images"], row["host_network"]) == ("REDACTED", ["REDACTED"], False)
    assert row["labels"] == {"team": "REDACTED", "app": "web"}
    assert row["object"]["spec"]["hostNetwork"] is None
    assert PLANTED not in stored(inventory)


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        (".spec.a", {"a": "REDACTED", "b": [{"c": "x"}, {"c": "y"}], "d.e": {"f": "x"}}),
        (".spec['d.e'].f", {"a": "x", "b": [{"c": "x"}, {"c": "y"}], "d.e": {"f": "REDACTED"}}),
        (".spec.d\\.e", {"a": "x", "b": [{"c": "x"}, {"c": "y"}], "d.e": None}),
        (".spec.b[1].c", {"a": "x", "b": [{"c": "x"}, {"c": "REDACTED"}], "d.e": {"f": "x"}}),
        (".spec.b[*].c", {"a": "x", "b": [{"c": "REDACTED"}, {"c": "REDACTED"}], "d.e": {"f": "x"}}),
        (".spec.*", {"a": "REDACTED", "b": None, "d.e": None}),
        ("widgets.example.com:.spec.a", {"a": "REDACTED", "b": [{"c": "x"}, {"c": "y"}], "d.e": {"f": "x"}}),
        ("pods:.spec.a", {"a": "x", "b": [{"c": "x"}, {"c": "y"}], "d.e": {"f": "x"}}),
    ],
)
def test_a_path_names_what_goes(rule: str, left: object, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.create("crd", crd("widgets", "example.com", "Widget"))
    spec = {"a": "x", "b": [{"c": "x"}, {"c": "y"}], "d.e": {"f": "x"}}
    dev.seed("widgets.example.com", [named("one", "default") | {"spec": spec}])
    sync("widgets.example.com", redact=(rule,))

    assert inventory.row("k8s_custom_resources", "one")["object"]["spec"] == left


def test_a_path_of_one_resource_that_matches_nothing_is_a_warning(dev: Cluster, sync: Syncer) -> None:
    dev.seed("pods", [pod("web")])

    rules = ("pods:.spec.nothing", ".spec.other", "services:.spec.nothing", "po:.spec.containers")
    assert sync(redact=rules).warnings == ("redact: pods:.spec.nothing matched nothing",)


def serve(cluster: Cluster, *items: str) -> None:
    """Let lists of widgets have these items."""
    cluster.create("crd", crd("widgets", "example.com", "Widget"))
    body = '{"kind":"WidgetList","apiVersion":"example.com/v1","metadata":{"resourceVersion":"9"},"items":[%s]}'
    cluster.inject(Fault(path="/widgets$", verb="list", body=(body % ",".join(items)).encode(), times=None))


def test_numbers_and_odd_texts_stay_as_they_are(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    spec = r'{"big":123456789012345678901234567890,"exact":0.10,"nul":"a\u0000b","half":"\ud800","u":"<&>","none":null}'
    serve(dev, '{"metadata":{"uid":"u1","name":"one","namespace":"default"},"spec":' + spec + "}")
    plain = sync("widgets.example.com")
    before = inventory.row("k8s_custom_resources", "one")["object"]
    redacted = sync("widgets.example.com", redact=(".spec.no",))

    assert inventory.row("k8s_custom_resources", "one")["object"] == before
    assert before["spec"]["big"] == 123456789012345678901234567890
    assert (plain.status, redacted.status) == ("success", "success")


def test_what_cannot_be_looked_into_keeps_its_names_only(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    deep = f'{"[" * 3000}"{PLANTED}"{"]" * 3000}'
    serve(
        dev,
        '{"metadata":{"uid":"u1","name":"good","namespace":"default"}}',
        f'{{"metadata":{{"uid":"u2","name":"deep","namespace":"default","labels":{{"a":"{PLANTED}"}}}},"spec":{deep}}}',
    )
    report = sync("widgets.example.com", redact=("env-values",))

    assert (report.status, report.seen) == ("success", 2)
    assert report.warnings == ("default/deep has what cannot be decoded to be redacted: only its names stay",)
    assert inventory.row("k8s_custom_resources", "deep")["uid"] == "u2"
    assert PLANTED not in stored(inventory)


@each_mode
def test_other_rules_make_every_row_anew(mode: str, dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    dev.seed("pods", [named("web", "default") | {"spec": {"containers": containers()}}])
    sync(mode=mode)
    assert PLANTED in stored(inventory)
    report = sync(mode=mode, redact=("env-values",))
    assert (report.mode, report.updated) == ("full", 1)
    assert PLANTED not in stored(inventory)
    assert sync(mode=mode, redact=("env-values",)).written == 0
    assert sync(mode=mode).updated == 1
    assert PLANTED in stored(inventory)


def test_the_same_rules_in_another_process_make_no_row_anew(
    dev: Cluster, sync: Syncer, inventory: Inventory, simulator: Simulator, tmp_path: Path
) -> None:
    dev.seed("pods", [pod("web")])
    rules = ("env-values", "annotations:a*", ".spec.containers[*].args", "pods:.spec.a['b.c'][0]")
    sync(redact=rules)
    options = [option for rule in rules for option in ("--redact", rule)]
    command = [sys.executable, "-m", "airflow_provider_k8s_inventory", "sync", "--resource", "pods", "--context", "dev"]
    kubeconfig = str(simulator.kubeconfig(tmp_path / "kubeconfig"))
    subprocess.run([*command, "--kubeconfig", kubeconfig, "--dsn", sync.dsn, *options], check=True, capture_output=True)

    assert inventory.last()["updated"] == 0
    (mine, other) = {row["id"]: row["row_format"] for row in inventory.ledger()}.values()
    assert mine == other


def test_the_ledger_says_which_rules_were_on(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    report = sync(redact=("env-values", "pods:.spec.a"), keep=("configmap-values",))

    assert (report.redacted, report.kept) == (("env-values", "pods:.spec.a"), ("configmap-values",))
    assert (inventory.last()["redacted"], inventory.last()["kept"]) == (list(report.redacted), ["configmap-values"])
    sync()
    assert (inventory.last()["redacted"], inventory.last()["kept"]) == ([], [])


def test_values_of_config_maps_are_kept_on_request(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    release = named("sh.helm.v1", "default", labels={"owner": "helm"}) | {"data": {"release": PLANTED, "a": "b"}}
    dev.seed("configmaps", [named("web", "default") | {"data": {"a": "b"}, "binaryData": {"c": "ZA=="}}, release])
    sync("configmaps")
    assert "data" not in inventory.row("k8s_configmaps", "web")["object"]
    sync("configmaps", keep=("configmap-values",))

    row = inventory.row("k8s_configmaps", "web")
    assert (row["object"]["data"], row["object"]["binaryData"], row["keys"]) == ({"a": "b"}, {"c": "ZA=="}, ["a", "c"])
    helm = inventory.row("k8s_configmaps", "sh.helm.v1")
    assert helm["object"]["data"] == {"release": "REDACTED", "a": "REDACTED"}
    sync("configmaps", keep=("configmap-values",), redact=("configmap-values",))
    assert inventory.row("k8s_configmaps", "web")["object"]["data"] == {"a": "REDACTED"}
    assert PLANTED not in stored(inventory)


@pytest.mark.parametrize(
    "annotation",
    [
        "kapp.k14s.io/original",
        "objectset.rio.cattle.io/applied",
        "banzaicloud.com/last-applied",
        "kopf.zalando.org/last-handled-configuration",
    ],
)
def test_copies_of_the_whole_object_are_never_kept(
    annotation: str, dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.seed("pods", [pod("web", annotations={annotation: PLANTED, "a": "b"})])
    sync()

    row = inventory.row("k8s_pods", "web")
    assert row["annotations"] == row["object"]["metadata"]["annotations"] == {"a": "b"}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("env", "redact must be env-values, configmap-values, annotations:GLOB or a path such as .* got 'env'"),
        ("annotations:", "redact: annotations: needs a glob of annotations"),
        (".spec[", "redact: '.spec\\[' is no path at '\\['; write"),
        (".spec[?(@.a)]", "is no path at"),
        (".metadata.name", "would take what tells objects apart; of the metadata only"),
        (".metadata", "would take what tells objects apart"),
        (".kind", "would take what tells objects apart; begin with spec"),
        (".*", "would take what tells objects apart"),
        ("$", "would take what tells objects apart"),
        ("a/b:.spec.a", "redact must be"),
    ],
)
def test_a_rule_that_cannot_be_is_wrong_usage(rule: str, said: str, sync: Syncer, run: CommandLine) -> None:
    with pytest.raises(UsageError, match=said):
        sync(redact=(rule,))
    done = run.sync("--redact", rule)
    assert done.exit_code == 2
    assert "redact" in done.output


def test_only_what_is_left_out_can_be_kept(sync: Syncer) -> None:
    with pytest.raises(UsageError, match="keep must be configmap-values, got 'secrets'"):
        sync(keep=("secrets",))


def test_the_command_line_takes_rules(run: CommandLine, dev: Cluster, inventory: Inventory) -> None:
    dev.seed("pods", [named("web", "default") | {"spec": {"containers": containers()}}])
    done = run.sync("--context", "dev", "--resource", "pods", "--redact", "env-values", "--json")

    assert done.exit_code == 0
    assert json.loads(done.output.splitlines()[0])["redacted"] == ["env-values"]
    assert PLANTED not in stored(inventory)


@pytest.mark.alters_database
def test_temporary_tables_hold_nothing_of_it(dev: Cluster, sync: Syncer, migrated_database: str) -> None:
    dev.seed("pods", [named("web", "default") | {"spec": {"containers": containers()}}])
    sync(redact=("env-values",))
    dev.patch("pods", "web", {"metadata": {"labels": {"a": "b"}}}, "default")
    seen: list[str] = []
    with psycopg.connect(migrated_database) as conn:
        conn.execute("CREATE TABLE seen (row text)")
        conn.execute(
            "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " INSERT INTO seen SELECT s::text FROM pg_temp.k8s_stage AS s; RETURN NEW; END $$"
        )
        conn.execute("CREATE TRIGGER look BEFORE UPDATE ON k8s_pods FOR EACH ROW EXECUTE FUNCTION look()")
        conn.commit()
        try:
            assert sync(redact=("env-values",), mode="full").updated == 1
            seen += [row for (row,) in conn.execute("SELECT row FROM seen")]
        finally:
            conn.rollback()
            conn.execute("DROP TRIGGER look ON k8s_pods")
            conn.execute("DROP FUNCTION look")
            conn.execute("DROP TABLE seen")

    assert "web" in seen[0]
    assert PLANTED not in "".join(seen)
