"""YAML is resolved as kubectl resolves it; where kubectl refuses a file for one entry, only that entry is refused."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest

from airflow_provider_k8s_inventory.exceptions import KubeconfigError, ScopeError, UnauthorizedError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import documents, goyaml, kubeconfig
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.users import User, user
from tests.kit.kubeconfigs.yaml import REFUSED, TOKENS, USERS, token

SECRET = "S3cretPlanted"
GOOD = """
contexts:
- {name: bad, context: {cluster: c, user: bad}}
- {name: good, context: {cluster: c, user: good}}
clusters: [{name: c, cluster: {server: 'https://a.test'}}]
"""


def users(content: str | bytes) -> dict[str, User]:
    """The users of a kubeconfig that can be used."""
    merged = documents.merge([(documents.decode(content, "here"), None, "here")])
    return {name: user(entry, "x") for name, entry in merged.entries["user"].items()}


@pytest.mark.parametrize(("text", "expected"), TOKENS.items())
def test_a_token_is_what_kubectl_reads(text: str, expected: Any) -> None:
    if expected is REFUSED:
        with pytest.raises((KubeconfigError, ScopeError)):
            users(token(text))
    else:
        assert users(token(text))["u"].token == expected


@pytest.mark.parametrize(("content", "expected"), [case for case in USERS.values() if case[1] is not REFUSED], ids=str)
def test_users_are_those_that_kubectl_reads(content: str | bytes, expected: dict[str, Any]) -> None:
    assert users(content) == {name: msgspec.convert(fields, User) for name, fields in expected.items()}


def contexts(text: str) -> dict[str, Context]:
    return dict(kubeconfig.parse(text, source="connection 'x'").contexts)


def problem(context: Context) -> str:
    with Client(context) as client, pytest.raises(ScopeError) as caught:
        client.get("/version")
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{name: bad, user: {token: 1}}", "Expected `str`, got `int`"),
        ("{name: bad, user: {token: yes}}", "Expected `str`, got `bool`"),
        ("{name: bad, user: {token: !!bool maybe}}", r"line \d+, column \d+: it is tagged as !!bool and is none"),
        ("{name: bad, user: {token: !!int S3cretPlanted}}", "tagged as !!int"),
        ("{name: bad, user: {token: !!binary S3cretPlanted}}", "tagged as !!binary and is not base64"),
        ("{name: bad, user: {token: *S3cretPlanted}}", "an alias stands for something that is not there"),
        ("{name: bad, user: &x {token: *x}}", "an alias stands for itself"),
        ("{name: bad, user: {<<: S3cretPlanted}}", "<< in it names no mapping"),
        ("{name: bad, user: {[S3cretPlanted]: a}}", "a key in it is no text"),
        ("{name: bad, user: {~: S3cretPlanted}}", "a key in it is no text"),
        ("{name: bad, user: S3cretPlanted}", "has text in the place of what the user holds"),
        ("{name: bad, user: [S3cretPlanted]}", "has a list in the place of what the user holds"),
        ("{name: bad, user: {exec: S3cretPlanted}}", r"Expected `object \| null`, got `str`"),
        ("{name: bad, user: {as-groups: {a: S3cretPlanted}}}", "Expected `array`, got `object`"),
        ("{name: bad, user: {auth-provider: {name: oidc, config: {S3cretPlanted: 1}}}}", "Expected `str`, got `int`"),
        ("{name: bad}\n- {name: bad}", "two entries of the same name"),
    ],
)
def test_a_user_that_cannot_be_read_hurts_no_other(bad: str, words: str) -> None:
    found = contexts(f"{GOOD}users:\n- {{name: good, user: {{token: good-token}}}}\n- {bad}\n")
    assert found["good"].credentials.authentication().authorization == "Bearer good-token"
    with pytest.raises(ScopeError, match=words):
        raise UnauthorizedError(problem(found["bad"]))


@pytest.mark.parametrize("text", ["1", "2.5", "yes", "[a]", "{a: b}", "!!int x", "*x"])
@pytest.mark.parametrize("kind", ["context", "cluster", "user"])
def test_a_name_that_is_no_text_hurts_no_other(kind: str, text: str) -> None:
    found = contexts(_with(kind, f"{{name: {text}, {kind}: {{}}}}"))
    assert found.pop("good").credentials.authentication().authorization == "Bearer good-token"
    assert list(found) == ([{"1": "1", "2.5": "2.5", "yes": "true"}.get(text, "")] if kind == "context" else [])
    assert all("has a context whose name is" in problem(context) for context in found.values())


@pytest.mark.parametrize("kind", ["context", "cluster", "user"])
def test_a_name_that_no_database_takes_hurts_no_other(kind: str) -> None:
    found = contexts(_with(kind, f'{{name: "a\\0b", {kind}: {{}}}}'))
    assert found.pop("good").credentials.authentication().authorization == "Bearer good-token"
    assert list(found) == (["a\\0b"] if kind == "context" else [])
    assert all("has a context whose name holds NUL" in problem(context) for context in found.values())


def _with(kind: str, entry: str) -> str:
    """A good kubeconfig, and one more entry."""
    entries = {
        "context": "{name: good, context: {cluster: c, user: u}}",
        "cluster": "{name: c, cluster: {server: 'https://a.test'}}",
        "user": "{name: u, user: {token: good-token}}",
    }
    return "".join(f"{each}s: [{text}{f', {entry}' if each == kind else ''}]\n" for each, text in entries.items())


@pytest.mark.parametrize("kind", ["context", "cluster", "user"])
@pytest.mark.parametrize(
    "entry", ["", "null", "{}", "{name: }", "text", "1", "[]", "!!bool maybe", "{? [a] : b}", "{<<: 1}"]
)
def test_an_entry_that_is_none_hurts_no_other(kind: str, entry: str) -> None:
    found = contexts(_with(kind, entry))
    assert found["good"].credentials.authentication().authorization == "Bearer good-token"


@pytest.mark.parametrize("value", ["{a: b}", "text", "1", "!!int x"])
def test_lists_that_are_none_are_told(value: str) -> None:
    with pytest.raises(KubeconfigError, match=r"connection 'x' is not a kubeconfig: its users are .*, not a list"):
        contexts(f"{GOOD}users: {value}")


def test_a_context_without_names_takes_the_entries_without_names() -> None:
    found = contexts(
        "contexts: [{name: it}]\nclusters: [{cluster: {server: a.test}}]\nusers: [{user: {username: jane}}]"
    )
    assert found["it"].server == "http://a.test"
    assert (found["it"].credentials.authentication().authorization or "").startswith("Basic ")


@pytest.mark.parametrize(
    "text",
    [
        f"password: \t{SECRET}: [",
        f"password: @{SECRET}",
        f"password: `{SECRET}`",
        f"password: %{SECRET}",
        f'password: "{SECRET}',
        f"password: '{SECRET}",
        f'password: "\\S{SECRET}"',
        f"password: {SECRET}: b",
        f"password: [{SECRET}",
        f"password: !{SECRET}!x a",
        f"password: !<{SECRET}",
        f"{SECRET}",
        f"%{SECRET}",
        f"password: &{SECRET}* a",
        f"password: *{SECRET}@ a",
        f"password: {SECRET}\x01",
        f"%TAG !{SECRET} a\n---",
    ],
)
def test_of_text_that_is_no_yaml_only_the_place_is_told(text: str) -> None:
    with pytest.raises(KubeconfigError, match=r"connection 'x' is not YAML: line \d+") as caught:
        contexts(f"users:\n- name: u\n  user:\n    token: a\n{text}")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", [f"!{SECRET}", f"!{SECRET} a", f"&{SECRET}", f"!!{SECRET} a", f"*{SECRET}"])
def test_a_password_without_quotes_is_never_told(value: str) -> None:
    found = contexts(f"{GOOD}users: [{{name: bad, user: {{password: {value}, token: 1}}}}, {{name: good}}]")
    assert problem(found["bad"])


def bomb(levels: int) -> str:
    """Aliases of aliases: a few bytes that stand for ten times as many values per level."""
    lines = ["x0: &x0 {a: '1'}"]
    lines += [f"x{level}: &x{level} [{', '.join([f'*x{level - 1}'] * 10)}]" for level in range(1, levels + 1)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "user",
    ["{token: good-token}", "{token: good-token, extensions: *x9}", "{token: good-token, extensions: [{name: *x9}]}"],
)
def test_aliases_take_no_memory_where_nobody_looks(user: str) -> None:
    text = f"{bomb(9)}\n{GOOD}users: [{{name: good, user: {user}}}]"
    tracemalloc.start()
    found = contexts(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found["good"].credentials.authentication().authorization == "Bearer good-token"
    assert peak < 4_000_000


@pytest.mark.parametrize(
    "user", ["{as-groups: *x9}", "{exec: *x9}", "{exec: {args: *x9}}", "{token: *x9}", "*x9", "{<<: *x9}"]
)
def test_aliases_of_too_much_are_told_to_those_who_look(user: str) -> None:
    found = contexts(
        f"{bomb(9)}\n{GOOD}users: [{{name: bad, user: {user}}}, {{name: good, user: {{token: good-token}}}}]"
    )
    assert "aliases stand for more than 100000 values" in problem(found["bad"])
    assert found["good"].credentials.authentication().authorization == "Bearer good-token"


def test_many_users_may_share_what_they_hold_by_aliases() -> None:
    shared = "x: &x {apiVersion: client.authentication.k8s.io/v1, command: login, args: [a, b, c, d, e], env: []}\n"
    entries = "".join(f"- {{name: u{number}, user: {{exec: *x}}}}\n" for number in range(2000))
    assert len(users(f"{shared}users:\n{entries}")) == 2000


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", '{"a":['])
def test_a_thousand_levels_hurt_only_who_looks(opening: str) -> None:
    closing = {"[": "]", "{a: ": "}", "- ": "", '{"a":[': "]}"}[opening]
    deep = f"deep: {opening * 1000}1{closing * 1000}\n" if closing else f"deep:\n{opening * 1000}1\n"
    found = contexts(f"{deep}{GOOD}users: [{{name: good, user: {{token: good-token}}}}]")
    assert found["good"].credentials.authentication().authorization == "Bearer good-token"


def test_levels_beyond_the_limit_are_told_with_it() -> None:
    deep = f"{'[' * 200}{']' * 200}"
    found = contexts(f"{GOOD}users: [{{name: bad, user: {{as-groups: [{deep}]}}}}, {{name: good}}]")
    assert "Expected `str`" in problem(found["bad"])
    extension = f"extensions: [{{name: client.authentication.k8s.io/exec, extension: {deep}}}]"
    text = GOOD.replace("'https://a.test'", f"'https://a.test', {extension}")
    assert "more than 100 levels" in problem(contexts(text)["good"])


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_a_document_of_brackets_is_told(text: str) -> None:
    with pytest.raises(KubeconfigError, match="more than 10000 levels"):
        contexts(text)


@pytest.mark.parametrize(
    ("opening", "one", "closing"),
    [
        ("x: [", "a,", "]"),
        ('{"x": [', "1,", "1]}"),
        ('{"x": [', "[],", "1]}"),
        ("x:\n", "- a\n", ""),
        ("", "a: {}\n", ""),
    ],
)
def test_more_values_than_the_limit_are_told_with_it(
    opening: str, one: str, closing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(goyaml, "MOST_VALUES", 1000)
    with pytest.raises(KubeconfigError, match="more than 1000 values"):
        contexts(f"{opening}{one * 2000}{closing}")


def test_a_deep_kubeconfig_in_json_is_read_where_it_can_be() -> None:
    deep = "[" * 700 + "]" * 700
    text = (
        '{"contexts": [{"name": "good", "context": {"cluster": "c"}}], "clusters": [{"name": "c", "cluster": '
        f'{{"server": "https://a.test", "extensions": [{{"name": "other", "extension": {deep}}}]}}}}]}}'
    )
    assert contexts(text)["good"].server == "https://a.test"


def test_a_file_that_is_too_large_is_told_with_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "config"
    with path.open("wb") as file:
        file.truncate(documents.LARGEST + 2)
    with pytest.raises(KubeconfigError, match=f"kubeconfig {path} has more than 32 MiB"):
        kubeconfig.load([path])


def test_a_document_in_a_connection_is_measured_too() -> None:
    with pytest.raises(KubeconfigError, match="connection 'x' has more than 32 MiB"):
        contexts(" " * (documents.LARGEST + 1))


def test_values_that_came_as_json_have_the_same_limits() -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    document = {
        "contexts": [{"name": "good", "context": {"cluster": "c"}}],
        "clusters": [
            {
                "name": "c",
                "cluster": {
                    "server": "https://a.test",
                    "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": deep}],
                },
            }
        ],
    }
    found = kubeconfig.parse(document, source="connection 'x'").contexts["good"]
    assert "more than 100 levels" in problem(found)
