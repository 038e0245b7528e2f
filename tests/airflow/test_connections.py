"""What is read of a Connection, field by field, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.hooks import connections

DOCUMENT: dict[str, Any] = {"contexts": []}


def read(kind: str, **extra: Any) -> connections.Fields:
    return connections.read(Connection(conn_id="it", conn_type=kind, extra=json.dumps(extra)))


def test_a_connection_without_fields_is_as_good_as_none() -> None:
    assert read("k8s_inventory") == connections.Fields(source="connection 'it'")


@pytest.mark.parametrize("prefix", ["", "extra__kubernetes__"])
def test_the_fields_of_a_stock_connection(prefix: str) -> None:
    extra = {
        "kube_config": DOCUMENT,
        "namespace": "team",
        "cluster_context": "dev",
        "disable_verify_ssl": True,
        "in_cluster": False,
    }
    assert read("kubernetes", **{prefix + name: value for name, value in extra.items()}) == connections.Fields(
        source="connection 'it'",
        document=DOCUMENT,
        namespace="team",
        cluster_context="dev",
        disable_verify_ssl=True,
    )


def test_the_fields_of_an_own_connection() -> None:
    found = read("k8s_inventory", kube_config_secret='{"contexts": []}', page_size="50")
    assert (found.document, found.page_size) == ('{"contexts": []}', 50)


def test_several_files_are_separated_as_in_kubeconfig() -> None:
    assert read("k8s_inventory", kube_config_path="/a:/b").paths == ("/a", "/b")


@pytest.mark.parametrize("value", ["true", "True", True])
def test_a_flag_may_be_text(value: Any) -> None:
    assert read("kubernetes", in_cluster=value).in_cluster


@pytest.mark.parametrize("empty", ["", None, False])
def test_empty_fields_say_nothing(empty: Any) -> None:
    assert read("k8s_inventory", kube_config_path=empty, kube_config_secret=empty, page_size=empty) == read(
        "k8s_inventory"
    )


def test_a_new_name_beats_the_prefixed_one_even_when_it_is_empty() -> None:
    assert read("kubernetes", namespace="", extra__kubernetes__namespace="old").namespace is None


def test_two_sources_are_refused() -> None:
    with pytest.raises(UsageError, match="'it' has kube_config_path and in_cluster; keep one"):
        read("kubernetes", kube_config_path="/a", in_cluster=True)


def test_a_kubeconfig_in_a_field_the_rest_api_shows_is_refused() -> None:
    with pytest.raises(UsageError, match="name the field kube_config_secret"):
        read("k8s_inventory", kube_config=DOCUMENT)


def test_a_connection_of_another_type_is_refused() -> None:
    with pytest.raises(UsageError, match="'it' is of type 'http'; give one of type k8s_inventory or kubernetes"):
        read("http")


def test_paths_come_without_the_spaces_around_them() -> None:
    assert read("k8s_inventory", kube_config_path=" /a : ~/b\n").paths == ("/a", "~/b")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("page_size", "many"),
        ("in_cluster", "perhaps"),
        ("kube_config_path", ["/a"]),
        ("kube_config_path", " : "),
        ("cluster_context", 5),
        ("namespace", ["a"]),
    ],
)
def test_a_field_that_cannot_be_is_named(field: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"connection 'it': {field}"):
        read("k8s_inventory", **{field: value})


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("kube_config_pth", "kube_config_path"),
        ("kubeconfig_path", "kube_config_path"),
        ("Kube_Config_Path", "kube_config_path"),
        (" kube_config_path", "kube_config_path"),
        ("kube-config-path", "kube_config_path"),
        ("extra__k8s_inventory__kube_config_pth", "kube_config_path"),
        ("extra__kubernetes__kube_config_path", "kube_config_path"),
        ("kube_config_secrets", "kube_config_secret"),
        ("incluster", "in_cluster"),
        ("pagesize", "page_size"),
    ],
)
def test_a_misspelt_field_is_refused_with_the_one_that_is_meant(field: str, meant: str) -> None:
    with pytest.raises(UsageError) as refused:
        read("k8s_inventory", **{field: "the value"})

    assert str(refused.value) == f"connection 'it': nothing reads its field {field!r}; did you mean {meant}?"


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("kube_config_pth", "kube_config_path"),
        ("kubeconfig", "kube_config"),
        ("kube_config_secret", "kube_config"),
        ("extra__kubernetes__in_clustr", "in_cluster"),
        ("context", "cluster_context"),
    ],
)
def test_so_is_one_of_a_stock_connection(field: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"did you mean {meant}\?"):
        read("kubernetes", **{field: "the value"})


@pytest.mark.parametrize("field", ["exec", "allow_exec", "config_file", "timeout"])
def test_what_nothing_reads_is_refused_with_what_is_read(field: str) -> None:
    with pytest.raises(UsageError, match=f"nothing reads its field {field!r}; ") as refused:
        read("k8s_inventory", **{field: "the-value"})

    assert "the-value" not in str(refused.value)


def test_a_kubeconfig_in_the_place_of_the_extra_is_known_as_one() -> None:
    with pytest.raises(UsageError, match="this is a kubeconfig: put it, as text, into the field kube_config_secret"):
        read("k8s_inventory", apiVersion="v1", clusters=[{}], contexts=[{}], users=[{}])


def test_what_only_the_stock_hook_reads_is_fine_in_its_type_and_refused_in_ours() -> None:
    stock = {"disable_tcp_keepalive": True, "extra__kubernetes__xcom_sidecar_container_image": "alpine"}

    assert read("kubernetes", **stock) == read("kubernetes")
    with pytest.raises(UsageError, match="Airflow's own type `kubernetes` has it"):
        read("k8s_inventory", disable_tcp_keepalive=True)


def test_what_nobody_reads_in_a_stock_connection_is_said() -> None:
    assert read("kubernetes", owner="platform").warnings == ("connection 'it': nothing here reads its field 'owner'",)


@pytest.mark.parametrize("empty", ["", None])
def test_an_unknown_field_without_value_is_none(empty: Any) -> None:
    assert read("k8s_inventory", kube_config=empty, xcom_sidecar_container_image=empty) == read("k8s_inventory")


def standard(kind: str = "k8s_inventory", **fields: Any) -> connections.Fields:
    return connections.read(Connection(conn_id="it", conn_type=kind, **fields))


@pytest.mark.parametrize("kind", ["k8s_inventory", "kubernetes"])
@pytest.mark.parametrize("fields", [{"host": "https://prod.example.com"}, {"login": "me", "password": "it"}])
def test_a_host_or_login_does_not_lead_to_the_workers_own_cluster(kind: str, fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"nothing reads its {' and '.join(fields)}, and nothing else says which"):
        standard(kind, **fields)


def test_a_host_beside_a_kubeconfig_is_said() -> None:
    found = standard(host="prod.example.com", port=6443, extra=json.dumps({"kube_config_path": "/a"}))

    assert found.warnings == ("connection 'it': nothing here reads its host and port",)


def test_a_port_of_zero_is_none() -> None:
    assert standard(port=0) == standard()


def test_what_is_read_shows_no_secret() -> None:
    assert "secret-token" not in repr(read("k8s_inventory", kube_config_secret="secret-token"))


@pytest.mark.parametrize("extra", ["{", "[]", '"text"'])
def test_an_extra_that_cannot_be_read_is_not_taken_for_an_empty_one(extra: str) -> None:
    with pytest.raises(UsageError, match="'it': its extra is not a JSON object"):
        connections.read(Connection(conn_id="it", conn_type="k8s_inventory", extra=extra))
