"""The hook on simulated clusters: with no Connection, with one of its own, with a stock one."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from airflow.providers.common.compat.sdk import redact
from k8s_inventory_demo.simulator import Fault, Simulator, User

from airflow_provider_k8s_inventory.exceptions import (
    KubeconfigError,
    UnauthorizedError,
    UnknownContextError,
    UnknownResourceError,
    UnreachableError,
)
from airflow_provider_k8s_inventory.hooks.kubernetes import KubernetesInventoryHook
from airflow_provider_k8s_inventory.model import Resource

LEASES = Resource(group="coordination.k8s.io", version="v1", plural="leases", kind="Lease", namespaced=True)


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set the Connection `it`, and give a hook that uses it."""

    def hook(kind: str, *, allow_exec: bool = False, **extra: Any) -> KubernetesInventoryHook:
        monkeypatch.setenv("AIRFLOW_CONN_IT", json.dumps({"conn_type": kind, "extra": extra}))
        return KubernetesInventoryHook("it", allow_exec=allow_exec)

    return hook


def names(hook: KubernetesInventoryHook, *include: str) -> list[str]:
    return [context.name for context in hook.contexts(include)]


def pod_names(hook: KubernetesInventoryHook, context: str = "dev") -> set[str]:
    found = [msgspec.json.decode(item) for page in hook.pages(context, "pods") for item in page.items]
    return {pod["metadata"]["name"] for pod in found}


def expected(simulator: Simulator, cluster: str = "dev") -> set[str]:
    return {pod["metadata"]["name"] for pod in simulator[cluster].objects("pods")}


def plugin(folder: Path, token: str) -> dict[str, Any]:
    """A user whose token a command prints, which leaves a file where it ran."""
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
    script = folder / "plugin"
    script.write_text(f"#!/bin/sh\ntouch {folder}/ran\necho '{json.dumps(answer)}'\n")
    script.chmod(0o755)
    return {"exec": {"apiVersion": answer["apiVersion"], "command": str(script), "interactiveMode": "Never"}}


def with_plugin(simulator: Simulator, folder: Path) -> dict[str, Any]:
    document = simulator.kubeconfig_document()
    user = next(user for user in document["users"] if user["name"] == "dev-admin")
    user["user"] = plugin(folder, simulator.token("dev"))
    return document


def test_no_connection_is_the_default_kubeconfig(kubeconfig: Path, simulator: Simulator) -> None:
    hook = KubernetesInventoryHook()
    assert names(hook) == ["dev", "prod"]
    assert pod_names(hook) == expected(simulator)


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize(("kind", "field"), [("k8s_inventory", "kube_config_secret"), ("kubernetes", "kube_config")])
def test_a_connection_may_hold_the_kubeconfig(
    kind: str, field: str, as_text: bool, connect: Any, simulator: Simulator
) -> None:
    document = simulator.kubeconfig_document()
    hook = connect(kind, **{field: json.dumps(document) if as_text else document})
    assert pod_names(hook, "prod") == expected(simulator, "prod")


@pytest.mark.parametrize("kind", ["k8s_inventory", "kubernetes"])
def test_a_connection_may_name_a_file(kind: str, connect: Any, simulator: Simulator, tmp_path: Path) -> None:
    hook = connect(kind, kube_config_path=str(simulator.kubeconfig(tmp_path / "elsewhere")))
    assert pod_names(hook) == expected(simulator)


def test_a_connection_without_fields_is_the_default_kubeconfig(connect: Any, kubeconfig: Path) -> None:
    assert names(connect("kubernetes")) == ["dev", "prod"]


def test_a_stock_connection_may_mean_one_context(connect: Any, kubeconfig: Path) -> None:
    hook = connect("kubernetes", cluster_context="prod")
    assert names(hook) == ["prod"]
    assert names(hook, "dev") == ["dev"]


def test_a_stock_connection_may_set_the_namespace_and_turn_tls_checks_off(connect: Any, simulator: Simulator) -> None:
    document = simulator.kubeconfig_document()
    for cluster in document["clusters"]:
        del cluster["cluster"]["certificate-authority-data"]
    hook = connect("kubernetes", kube_config=document, namespace="team", disable_verify_ssl=True)
    assert [context.namespace for context in hook.contexts()] == ["team", "team"]
    assert pod_names(hook) == expected(simulator)


def test_in_cluster_is_taken_at_its_word(connect: Any, kubeconfig: Path) -> None:
    with pytest.raises(KubeconfigError, match="not a pod"):
        connect("k8s_inventory", in_cluster=True).contexts()


def test_an_unknown_context_is_named(kubeconfig: Path) -> None:
    with pytest.raises(UnknownContextError, match="'prd'"):
        KubernetesInventoryHook().client("prd")


@pytest.mark.parametrize("name", ["*", "de?", "[dev]"])
def test_a_glob_is_no_name_of_one_context(name: str, kubeconfig: Path) -> None:
    with pytest.raises(UnknownContextError) as unknown:
        KubernetesInventoryHook().client(name)
    assert str(unknown.value).startswith(f"no context '{name}' in kubeconfig ")


def test_pages_are_of_the_connections_size(connect: Any, simulator: Simulator) -> None:
    hook = connect("k8s_inventory", kube_config_secret=simulator.kubeconfig_document(), page_size=4)
    assert [len(page.items) for page in hook.pages("dev", "pods")] == [4, 4, 3]


def test_pages_may_be_of_one_namespace(kubeconfig: Path, simulator: Simulator) -> None:
    pages = list(KubernetesInventoryHook().pages("dev", "pods", namespace="default"))
    assert sum(len(page.items) for page in pages) == len(
        [pod for pod in simulator["dev"].objects("pods") if pod["metadata"]["namespace"] == "default"]
    )


@pytest.mark.parametrize("resource", ["deployments", "deployments.apps", "deploy"])
def test_pages_know_the_catalogues_names(resource: str, kubeconfig: Path) -> None:
    assert sum(len(page.items) for page in KubernetesInventoryHook().pages("dev", resource)) > 0


@pytest.mark.parametrize("resource", ["leases.coordination.k8s.io", LEASES], ids=["name", "resource"])
def test_pages_of_what_the_catalogue_has_no_table_for(resource: Any, kubeconfig: Path, simulator: Simulator) -> None:
    lease = {"metadata": {"name": "dev", "namespace": "kube-node-lease"}}
    simulator["dev"].seed("leases.coordination.k8s.io", [lease])
    (page,) = KubernetesInventoryHook().pages("dev", resource)
    assert len(page.items) == 1


@pytest.mark.parametrize("resource", ["clusters", "widgets.example.com"])
def test_pages_of_what_is_not_served_are_an_error(resource: str, kubeconfig: Path) -> None:
    with pytest.raises(UnknownResourceError, match=f"context dev serves no resource '{resource}'"):
        next(KubernetesInventoryHook().pages("dev", resource))


def test_discovery_names_what_a_cluster_serves(kubeconfig: Path) -> None:
    served = {resource.name for resource in KubernetesInventoryHook().discover("dev").resources}
    assert {"pods", "deployments.apps", "leases.coordination.k8s.io"} <= served


def test_the_test_button_asks_every_context(kubeconfig: Path) -> None:
    good, message = KubernetesInventoryHook().test_connection()
    dev, prod = message.split("; ")
    assert good
    assert dev.startswith("dev ✓ ")
    assert prod.startswith("prod ✓ ")


def test_the_test_button_says_who_does_not_answer_and_why(connect: Any, simulator: Simulator) -> None:
    hook = connect("k8s_inventory", kube_config_secret=simulator.kubeconfig_document())
    simulator.stop("prod")
    simulator["dev"].add_user(User(name="admin", token="another"))
    good, message = hook.test_connection()
    dev, prod = message.split("; prod ")
    assert not good
    assert dev.startswith("dev ✗ context 'dev'")
    assert prod.startswith("✗ context 'prod' cannot be reached")


def test_the_test_button_asks_a_dead_cluster_once(connect: Any, simulator: Simulator) -> None:
    hook = connect("k8s_inventory", kube_config_secret=simulator.kubeconfig_document())
    fault = simulator["prod"].inject(Fault(status=503, times=None))
    good, message = hook.test_connection()
    assert (good, fault.hits) == (False, 1)
    assert "dev ✓ " in message


def test_of_many_contexts_the_test_button_names_those_that_do_not_answer(connect: Any, simulator: Simulator) -> None:
    document = simulator.kubeconfig_document()
    dead, alive = (each["context"] for each in document["contexts"])
    names = [f"c{number:02}" for number in range(19)]
    contexts = [{"name": name, "context": alive} for name in names] + [{"name": "last", "context": dead}]
    simulator.stop("dev")
    good, message = connect("k8s_inventory", kube_config_secret=document | {"contexts": contexts}).test_connection()
    assert not good
    assert message.startswith("19 of 20 contexts respond; last ✗ ")


def test_the_test_button_says_what_nothing_reads(connect: Any, simulator: Simulator) -> None:
    hook = connect("kubernetes", kube_config=simulator.kubeconfig_document(), owner="platform")
    good, message = hook.test_connection()
    assert good
    assert message.endswith("; nothing here reads its field 'owner'")


def test_a_connection_that_cannot_be_makes_the_button_red(connect: Any) -> None:
    assert connect("k8s_inventory", kube_config_secret="{").test_connection()[0] is False


def test_a_kubeconfig_file_may_run_commands(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(with_plugin(simulator, tmp_path)))
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert pod_names(KubernetesInventoryHook()) == expected(simulator)


def test_a_kubeconfig_in_a_connection_may_not(connect: Any, simulator: Simulator, tmp_path: Path) -> None:
    hook = connect("k8s_inventory", kube_config_secret=with_plugin(simulator, tmp_path))
    with pytest.raises(UnauthorizedError, match="allow_exec=True"):
        pod_names(hook)
    assert not (tmp_path / "ran").exists()
    assert pod_names(hook, "prod") == expected(simulator, "prod")


def test_unless_the_dags_author_allows_it(connect: Any, simulator: Simulator, tmp_path: Path) -> None:
    hook = connect("k8s_inventory", kube_config_secret=with_plugin(simulator, tmp_path), allow_exec=True)
    assert pod_names(hook) == expected(simulator)


def test_airflows_own_hook_is_given_for_a_context(kubeconfig: Path, simulator: Simulator) -> None:
    stock = KubernetesInventoryHook().kubernetes_hook("prod")
    found = stock.core_v1_client.list_pod_for_all_namespaces().items
    assert {pod.metadata.name for pod in found} == expected(simulator, "prod")


def test_airflows_own_hook_gets_the_connections_kubeconfig(connect: Any, simulator: Simulator) -> None:
    hook = connect("k8s_inventory", kube_config_secret=json.dumps(simulator.kubeconfig_document()))
    found = hook.kubernetes_hook("dev").core_v1_client.list_pod_for_all_namespaces().items
    assert {pod.metadata.name for pod in found} == expected(simulator)


def test_two_hooks_of_two_contexts_do_not_mix(kubeconfig: Path, simulator: Simulator) -> None:
    dev, prod = map(KubernetesInventoryHook().kubernetes_hook, ("dev", "prod"))
    hosts = [each.api_client.configuration.host for each in (dev, prod)]
    assert hosts == [simulator.url("dev"), simulator.url("prod")]


def test_airflows_own_hook_runs_no_refused_command(connect: Any, simulator: Simulator, tmp_path: Path) -> None:
    hook = connect("k8s_inventory", kube_config_secret=with_plugin(simulator, tmp_path))
    with pytest.raises(UnauthorizedError, match="allow_exec=True"):
        hook.kubernetes_hook("dev")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("cluster", {"insecure-skip-tls-verify": True}),
        ("cluster", {"tls-server-name": ".test"}),
        ("cluster", {"disable-compression": "no"}),
        ("context", {"namespace": 1}),
    ],
)
def test_airflows_own_hook_runs_no_command_of_a_context_that_is_refused_for_its_cluster(
    connect: Any, simulator: Simulator, tmp_path: Path, kind: str, more: dict[str, Any]
) -> None:
    document = with_plugin(simulator, tmp_path)
    for entry in document[f"{kind}s"]:
        entry[kind] |= more
    with pytest.raises(UnreachableError, match="context 'dev'"):
        connect("k8s_inventory", kube_config_secret=document).kubernetes_hook("dev").api_client  # noqa: B018 - it logs in
    assert not (tmp_path / "ran").exists()


def test_the_credentials_of_a_used_context_are_masked(connect: Any, simulator: Simulator) -> None:
    document = simulator.kubeconfig_document()
    hook = connect("k8s_inventory", kube_config_secret=document)
    key = next(user for user in document["users"] if user["name"] == "prod-admin")["user"]["client-key-data"]
    for name in ("dev", "prod"):
        hook.client(name).close()
    shown = redact(f"{simulator.token('dev')} {base64.b64decode(key).decode()} {key}")
    assert shown == "*** *** ***"


def test_a_hook_reads_nothing_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", os.devnull + "/absent")
    assert KubernetesInventoryHook("absent").kubernetes_conn_id == "absent"
