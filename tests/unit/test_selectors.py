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
    ("selector", "value", "selects"),
    [
        ("n>9223372036854775806", "9223372036854775807", True),
        ("n<9223372036854775807", "9223372036854775806", True),
        ("n>9223372036854775806", "9223372036854775808", False),  # beyond 64 bits it is no number
        ("n<1", "-9223372036854775808", True),  # no label has a sign, but what an aggregated API lists may
        ("n<1", "-9223372036854775809", False),
        ("n>6", "+7", True),
        ("n>6", "7.5", False),
        ("n>6", "seven", False),
        ("n>1000000000000000000", "1000000000000000001", True),
        (f"n<{'1'.zfill(63)}", "0".zfill(63), True),
    ],
)
def test_numbers_have_64_bits(selector: str, value: str, selects: bool) -> None:
    assert selectors.labels(selector) == selector
    assert selectors.matches(selector, {"n": value}) is selects


@pytest.mark.parametrize("number", ["9223372036854775808", "-1", "+1", "1e3", "1_0", "", "9" * 63])
def test_what_is_no_number_of_a_label_is_refused(number: str) -> None:
    for sign in "<>":
        with pytest.raises(UsageError, match="label selector"):
            selectors.labels(f"n{sign}{number}")


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\udc80"])
@pytest.mark.parametrize("text", ["a=b{}c", "a=b{},c=d", "a{}=b", "a=b,{}c=d"])
def test_a_field_selector_with_a_character_that_nobody_sees_is_refused(text: str, character: str) -> None:
    with pytest.raises(UsageError, match="has a control character or a line break") as caught:
        selectors.fields(text.format(character))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("character", ["\0", "\x0b", "\x1b", "\x7f", "\x85", "\u2028", "\udc80"])
@pytest.mark.parametrize("text", ["a=b{}c", "a=b{},c=d", "a in (b,{}c)", "a{}"])
def test_a_label_selector_with_a_character_that_nobody_sees_is_refused(text: str, character: str) -> None:
    with pytest.raises(UsageError, match="has a control character or a line break"):
        selectors.labels(text.format(character) + ",d")


@pytest.mark.parametrize("text", ["app=we\nb", "ap\tp=web", "tier in (a,b\nc)"])
def test_a_line_break_in_a_word_of_a_label_selector_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="label selector"):
        selectors.labels(text)


def test_a_label_selector_may_have_several_lines_as_for_kubectl() -> None:
    assert selectors.labels("app=web,\n\ttier in (a,\r\n b)\n") == "app=web,tier in (a,b)"


@pytest.mark.parametrize("text", ["a\nb", "team-*\n!x", "!a\0", "[a\n]", "\x1b*"])
def test_a_namespace_with_a_character_that_nobody_sees_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="has a control character or a line break"):
        selectors.namespaces([text])


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
        (["[a-c-e]x"], ("[a-c-e]x",), ["ax", "bx", "cx", "-x", "ex"], ["dx", "x"]),
        (["[]a]", "[!]b]z"], ("[!]b]z", "[]a]"), ["a", "az"], ["b", "bz", "z"]),
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
        (["[]"], "a glob of namespaces"),
        (["[!]"], "a glob of namespaces"),
        (["[^a]"], "a glob of namespaces"),
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
