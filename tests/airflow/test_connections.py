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


@pytest.mark.parametrize(("field", "value"), [("page_size", "many"), ("in_cluster", "perhaps")])
def test_a_field_that_cannot_be_is_named(field: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"connection 'it': {field}"):
        read("k8s_inventory", **{field: value})


def test_nothing_else_of_a_connection_is_read() -> None:
    hostile = {"exec": "/bin/true", "allow_exec": True, "config_file": "/etc/passwd", "schema": "other"}
    assert read("k8s_inventory", **hostile) == read("k8s_inventory")


def test_what_is_read_shows_no_secret() -> None:
    assert "secret-token" not in repr(read("k8s_inventory", kube_config_secret="secret-token"))


@pytest.mark.parametrize("extra", ["{", "[]", '"text"'])
def test_an_extra_that_cannot_be_read_is_not_taken_for_an_empty_one(extra: str) -> None:
    with pytest.raises(UsageError, match="'it': its extra is not a JSON object"):
        connections.read(Connection(conn_id="it", conn_type="k8s_inventory", extra=extra))
