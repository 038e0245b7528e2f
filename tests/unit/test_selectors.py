"""Selectors are read as kubectl reads them, and written in one way."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_k8s_inventory import selectors
from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.model import EVERYTHING, Selection
from airflow_provider_k8s_inventory.sync.selections import parse

LABELS = {"app": "web", "tier": "a", "example.com/size": "7", "empty": ""}


@pytest.mark.parametrize(
    ("written", "canonical", "selects"),
    [
        ("app=web", "app=web", True),
        (" tier in (b, a) , app==web ", "app=web,tier in (a,b)", True),
        ("app!=web", "app!=web", False),
        ("other!=web", "other!=web", True),
        ("app notin (db,cache)", "app notin (cache,db)", True),
        ("tier in (a)", "tier=a", True),
        ("tier notin(a)", "tier!=a", False),
        ("tier in(b,a)", "tier in (a,b)", True),
        ("!canary", "!canary", True),
        ("! app", "!app", False),
        ("app", "app", True),
        ("canary", "canary", False),
        ("empty=", "empty=", True),
        ("example.com/size>6", "example.com/size>6", True),
        ("example.com/size < 7", "example.com/size<7", False),
        ("app>1", "app>1", False),
        ("app=web,app=web", "app=web", True),
        ("", "", True),
    ],
)
def test_a_label_selector_has_one_form_and_selects(written: str, canonical: str, selects: bool) -> None:
    assert selectors.labels(written) == canonical
    assert selectors.labels(canonical) == canonical
    assert selectors.matches(canonical, LABELS) is selects


@pytest.mark.parametrize(
    "text", ["app=web,", ",app", "a=b=c", "=x", "a in b", "a b", "a>x", "-a=1", "a in (b c)", "a=-", f"a={'x' * 64}"]
)
def test_what_is_no_label_selector_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="label selector"):
        selectors.labels(text)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("spec.nodeName==n,status.phase!=Running", "spec.nodeName=n,status.phase!=Running"),
        ("b!=2 , a=1", "a=1,b!=2"),
        ("metadata.name=system:node", "metadata.name=system:node"),
        (r"metadata.name=a\,b\=c", r"metadata.name=a\,b\=c"),
        ("a=", "a="),
        (" ", ""),
    ],
)
def test_a_field_selector_has_one_form(written: str, canonical: str) -> None:
    assert selectors.fields(written) == canonical
    assert selectors.fields(canonical) == canonical


@pytest.mark.parametrize("text", ["a", "a=b,", "=b", "a=b=c", r"a\=b"])
def test_what_is_no_field_selector_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="field selector"):
        selectors.fields(text)


@pytest.mark.parametrize(
    ("written", "canonical", "covered", "others"),
    [
        (["b", "a", "b"], ("a", "b"), ["a", "b"], ["c", "ab"]),
        (["team-*", "!team-x"], ("team-*", "!team-x"), ["team-", "team-a"], ["team-x", "team", "x"]),
        (["!kube-*"], ("*", "!kube-*"), ["default", "kube"], ["kube-system"]),
        (["[dp]ev", "q?"], ("[dp]ev", "q?"), ["dev", "pev", "qa"], ["ev", "q", "qab"]),
        (["[!a]*"], ("[!a]*",), ["b", "ba"], ["a", "ab"]),
        (["a", "b", "!b*"], ("a",), ["a"], ["b"]),
        (["*", "a", "!b"], ("*", "!b"), ["a", "c"], ["b"]),
    ],
)
def test_namespaces_have_one_form(
    written: list[str], canonical: tuple[str, ...], covered: list[str], others: list[str]
) -> None:
    selection = Selection(namespaces=tuple(written))
    assert selection.namespaces == canonical
    assert Selection.of_columns(selection.columns) == selection

    pattern = re.compile(selection.namespace_pattern or "")
    assert [name for name in (*covered, *others) if pattern.fullmatch(name)] == covered


def test_a_glob_of_all_is_no_narrowing() -> None:
    assert Selection(namespaces=("*",)) == EVERYTHING


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (["a", "!a"], "asked for and left out"),
        (["a", "!*"], "no namespace is left of a"),
        (["A"], "a namespace must consist of"),
        (["!"], "a namespace must consist of"),
        (["a_*"], "a glob of namespaces must consist of"),
        (["["], "a glob of namespaces"),
        (["[z-a]"], "a glob of namespaces"),
        (["a*\n"], None),
    ],
)
def test_what_cannot_be_namespaces_is_refused(written: list[str], message: str | None) -> None:
    if message is None:
        assert Selection(namespaces=tuple(written)).namespaces == ("a*",)
        return
    with pytest.raises(UsageError, match=message):
        Selection(namespaces=tuple(written))


@given(st.lists(st.sampled_from(["a", "b-c", "*-x", "a?", "[ab]", "!a", "!b*", "!*-x"]), min_size=1))
def test_one_form_is_always_its_own(written: list[str]) -> None:
    try:
        canonical = selectors.namespaces(written)
    except UsageError:
        return
    assert selectors.namespaces(canonical) == canonical


def test_a_selection_is_written_as_kubectl_takes_it() -> None:
    selection = Selection(namespaces=("b", "a"), labels="tier in (b,a)", fields="status.phase==Running")

    assert str(selection) == "a, b -l tier in (a,b) --field-selector status.phase=Running"
    assert Selection.of_columns(selection.columns) == selection
    assert selection.widened() == Selection(namespaces=("a", "b"))


def test_what_is_for_one_resource_takes_the_place_of_what_is_for_all() -> None:
    found = parse(
        ["a", "pods:b", "po:c"], ["app=web", "deploy:tier=x"], ["pods:spec.nodeName=n", "roles:metadata.name=system:x"]
    )

    assert found.of("services") == Selection(namespaces=("a",), labels="app=web")
    assert found.of("pods") == Selection(namespaces=("b", "c"), labels="app=web", fields="spec.nodeName=n")
    assert found.of("deployments") == Selection(namespaces=("a",), labels="tier=x")
    assert found.of("roles").fields == "metadata.name=system:x"


def test_definitions_are_narrowed_by_what_names_them_only() -> None:
    assert parse(labels=["app=web"]).of("crds") == EVERYTHING
    assert parse(labels=["app=web", "crds:app=db"]).of("crds").labels == "app=db"


def test_a_colon_in_a_value_names_no_resource() -> None:
    assert parse(fields=["metadata.name=system:node"]).of_all.fields == "metadata.name=system:node"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["app=web", "app=db"], "one label selector at a time, got 'app=web' and 'app=db'"),
        (["pods:app=web", "po:app=db"], "one label selector at a time"),
        (["certs:app=web"], "write its full name"),
        (["p*:app=web"], "cannot be read"),
        (["workloads:app=web"], "write its full name"),
    ],
)
def test_two_selectors_of_a_resource_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        parse(labels=texts)


def test_a_selector_of_a_resource_that_is_not_asked_for_is_refused() -> None:
    selections = parse(labels=["pods:app=web", "certificates.cert-manager.io:app=web"])

    for names in (["*"], ["workloads", "*.cert-manager.io"], ["po", "certificates.cert-manager.io"], ["cert"]):
        selections.check(names)
    with pytest.raises(UsageError, match=r"of certificates.cert-manager.io alone, which is not among .* pods"):
        selections.check(["pods"])
