"""A declaration says once what is read, what the column is called and what it holds; a contradiction is an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from airflow_provider_k8s_inventory.exceptions import DeclarationError
from airflow_provider_k8s_inventory.model import Column, Definition, Index
from airflow_provider_k8s_inventory.resources.declare import (
    Part,
    at,
    boolean,
    computed,
    inet,
    integer,
    json,
    resource,
    text,
    texts,
    timestamp,
)
from airflow_provider_k8s_inventory.resources.shared import own_columns, own_values


class Backend(msgspec.Struct, frozen=True, rename="camel"):
    """What some function reads of a backend."""

    service_name: str | None = None
    ports: list[int] | None = None


def declared(*parts: Part | Column, **options: Any) -> Definition:
    found = resource("example.com/v1", "gadgets", "Gadget", *parts, **options)
    found.reading()
    return found


def read(document: object, *parts: Part) -> dict[str, Any]:
    return own_values(declared(*parts), msgspec.json.encode(document))


def test_a_declaration_is_a_table_and_its_resource() -> None:
    definition = declared(text("color", "spec.color"), short=("gd", "gad"), indexes=(Index(("context_name", "color")),))

    assert (definition.name, definition.table.name, definition.table.comment) == ("gadgets", "k8s_gadgets", "Gadgets")
    assert definition.resource.path("shop") == "/apis/example.com/v1/namespaces/shop/gadgets"
    assert definition.aliases == ("gadget", "gd", "gad")
    assert definition.table.indexes[-1] == Index(("context_name", "color"))
    assert definition.listed


@pytest.mark.parametrize(
    ("plural", "kind", "comment"),
    [
        ("ingresses", "Ingress", "Ingresses"),
        ("networkpolicies", "NetworkPolicy", "NetworkPolicies"),
        ("endpoints", "Endpoints", "Endpoints"),
    ],
)
def test_a_table_is_described_by_the_plural_of_the_kind(plural: str, kind: str, comment: str) -> None:
    assert resource("v1", plural, kind, text("color", "spec.color")).table.comment == comment


def test_the_path_is_the_comment_where_there_is_no_other() -> None:
    own = own_columns(declared(text("color", "spec.color"), texts("tags", "spec.tags[]", "Its tags")).table)

    assert [(column.name, column.type, column.comment) for column in own] == [
        ("color", "text", "spec.color"),
        ("tags", "text[]", "Its tags"),
    ]


@pytest.mark.parametrize(
    ("part", "document", "value"),
    [
        (text("c", "spec.a"), {"spec": {"a": "x"}}, "x"),
        (text("c", "spec.a"), {"spec": {"a": None}}, None),
        (text("c", "spec.a", missing="none"), {}, "none"),
        (text("c", "a"), {"a": "x"}, "x"),
        (text("c", "spec.from"), {"spec": {"from": "x"}}, "x"),
        (text("c", "spec.a_b.cD"), {"spec": {"a_b": {"cD": "x"}}}, "x"),
        (text("c", "kind"), {"kind": "Gadget"}, "Gadget"),
        (text("c", "metadata.generateName"), {"metadata": {"generateName": "x"}}, "x"),
        (text("c", "metadata.resourceVersion"), {"metadata": {"resourceVersion": "7"}}, "7"),
        (integer("c", "spec.a", missing=0), {}, 0),
        (boolean("c", "spec.a"), {"spec": {"a": True}}, True),
        (inet("c", "spec.a"), {"spec": {"a": "10.0.0.1"}}, "10.0.0.1"),
        (inet("c", "spec.a"), {"spec": {"a": "None"}}, None),
        (inet("c", "spec.a"), {"spec": {"a": ""}}, None),
        (texts("c", "spec.a[]"), {"spec": {"a": ["x", "y"]}}, ["x", "y"]),
        (texts("c", "spec.a[]"), {}, []),
        (texts("c", "spec.a[].b"), {"spec": {"a": [{"b": "x"}, {}, {"b": ""}, {"b": None}, {"b": "y"}]}}, ["x", "y"]),
        (texts("c", "spec.a[].b.c"), {"spec": {"a": [{"b": {"c": "x"}}, {"b": {}}]}}, ["x"]),
        (texts("c", "metadata.finalizers[]"), {"metadata": {"finalizers": ["x"]}}, ["x"]),
        (texts("c", "metadata.ownerReferences[].name"), {"metadata": {"ownerReferences": [{"name": "x"}]}}, ["x"]),
        (computed(len, at("spec.a[]", str), c=("integer", "How many")), {"spec": {"a": ["x", "y"]}}, 2),
        (computed(lambda: "x", c=("text", "Always the same")), {}, "x"),
        (computed(bool, at("metadata.deletionTimestamp"), c=("boolean", "Deleting")), {}, False),
    ],
)
def test_a_value_is_read_at_its_path(part: Part, document: object, value: object) -> None:
    assert read(document, part) == {"c": value}


def test_times_and_json_are_read_as_they_are() -> None:
    parts = timestamp("since", "spec.since"), json("rest", "spec.rest"), json("none", "spec.none", missing=b"{}")
    values = read({"spec": {"since": "2026-01-05T08:00:00Z", "rest": {"a": [1]}}}, *parts)

    assert values["since"].isoformat() == "2026-01-05T08:00:00+00:00"
    assert (values["rest"], values["none"]) == ('{"a":[1]}', "{}")


def test_null_is_as_if_there_was_no_json() -> None:
    parts = json("rules", "rules", missing=b"[]"), json("tags", "spec.tags", missing=b"{}"), json("rest", "rest")
    values = read({"rules": None, "spec": {"tags": None}, "rest": None}, *parts)

    assert values == {"rules": "[]", "tags": "{}", "rest": None}


def test_columns_have_the_order_of_their_lines() -> None:
    both = computed(lambda a, b: (b, a), at("spec.a", str), at("spec.b", str), one=("text", "b"), two=("text", "a"))
    values = read({"spec": {"a": "a", "b": "b", "c": ["c"]}}, texts("c", "spec.c[]"), both, text("a", "spec.a"))

    assert list(values.items()) == [("c", ["c"]), ("one", "b"), ("two", "a"), ("a", "a")]


def test_a_struct_of_a_function_is_extended_by_what_other_columns_read() -> None:
    values = read(
        {"spec": {"backend": {"serviceName": "web", "ports": [80], "weight": 3}}},
        computed(
            lambda backend: f"{backend.service_name}:{backend.ports}", at("spec.backend", Backend), to=("text", "")
        ),
        integer("weight", "spec.backend.weight"),
        text("service", "spec.backend.serviceName"),
    )

    assert values == {"to": "web:[80]", "weight": 3, "service": "web"}


def test_the_items_of_a_list_are_extended_too() -> None:
    values = read(
        {"spec": {"backends": [{"serviceName": "web", "zone": "a"}, {"serviceName": "api"}]}},
        computed(
            lambda backends: [backend.service_name for backend in backends],
            at("spec.backends", list[Backend]),
            services=("text[]", "Their services"),
        ),
        texts("zones", "spec.backends[].zone"),
    )

    assert values == {"services": ["web", "api"], "zones": ["a"]}


def test_a_struct_that_is_built_reads_no_other_fields() -> None:
    definition = declared(text("color", "spec.color"))
    assert [field.name for field in msgspec.structs.fields(definition.type)] == [
        "metadata", "kind", "api_version", "spec",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("declare", "problem"),
    [
        (lambda: declared(json("a", "spec.rules"), texts("b", "spec.rules[].host")), "spec.rules, spec.rules[].host: "),
        (lambda: declared(texts("b", "spec.rules[].host"), json("a", "spec.rules")), "spec.rules, spec.rules[].host: "),
        (lambda: declared(json("a", "spec"), text("b", "spec.c.d")), "spec, spec.c.d: "),
        (lambda: declared(text("a", "metadata.name.first")), "metadata.name.first: "),
        (lambda: declared(texts("a", "spec.a[].b"), text("b", "spec.a.c")), "spec.a.c, spec.a[].b: "),
        (lambda: declared(text("a", "spec.a"), integer("b", "spec.a")), "spec.a: it is read in two ways"),
        (lambda: declared(text("a", "spec.a"), text("b", "spec.a", missing="x")), "spec.a: it is read in two ways"),
        (lambda: declared(text("a", "metadata.labels")), "metadata.labels: it is read in two ways"),
        (lambda: declared(text("a", "spec.a"), text("a", "spec.b")), "k8s_gadgets has two columns a"),
        (lambda: declared(text("name", "spec.name")), "k8s_gadgets has two columns name"),
        (lambda: declared(text("namespace", "spec.a")), "k8s_gadgets has two columns namespace"),
        (lambda: declared(computed(len, at("spec.a"), b=("integer", ""))), "spec.a: no struct reads 'a'"),
        (
            lambda: declared(computed(len, at("a", msgspec.Raw), b=("integer", ""))),
            "a: msgspec reads no Raw that may be",
        ),
        (lambda: declared(text("a", "spec.a-b")), "spec.a-b: 'a-b' cannot be the name of a field"),
        (lambda: declared(text("a", "")), "'' cannot be the name of a field"),
        (lambda: declared(texts("a", "spec.a[].b[].c")), "spec.a[].b[].c: only one list can be followed"),
        (lambda: text("a", "spec.a[]"), "a: spec.a[] reads a list, and text holds one value"),
        (lambda: texts("a", "spec.a"), "a: spec.a has no []"),
        (lambda: computed(lambda one: one, a=("text", "")), "a: the function takes other values"),
        (lambda: computed(lambda: 1, at("spec.a", str), a=("text", "")), "a: the function takes other values"),
    ],
)
def test_a_contradiction_is_told(declare: Callable[[], object], problem: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(problem)):
        declare()


def test_two_columns_may_read_one_value() -> None:
    both = json("a", "spec.a", missing=b"{}"), json("b", "spec.a", missing=b"{}")
    assert read({"spec": {"a": [1]}}, *both) == {"a": "[1]", "b": "[1]"}
