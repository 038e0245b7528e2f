"""Exec plugins: real commands, counted, over real HTTPS."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import execcredentials, execplugins, kubeconfig
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from tests.kit.kubeconfigs import Folder, authority, client_pair, encoded, exec_credential
from tests.kit.stub_server import Response, StubServer

V1 = "client.authentication.k8s.io/v1"
TOKEN = "exec-token-0003"
SECRET = "never-to-be-shown"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer() as running:
        yield running


def context(folder: Folder, server: StubServer, body: str, cluster: Any = None, **plugin: Any) -> Context:
    """A context whose credentials a shell script gives.

    :param body: what the script does.
    :param plugin: more of the exec entry.
    """
    command = folder.command("plugin", body)
    document = {
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [
            {
                "name": "c",
                "cluster": {"server": server.url, "certificate-authority": "pki/ca.crt"} | (cluster or {}),
            }
        ],
        "users": [{"name": "u", "user": {"exec": {"apiVersion": V1, "command": str(command)} | plugin}}],
    }
    path = folder.path / "config"
    path.write_text(json.dumps(document))
    return kubeconfig.load([path]).contexts["dev"]


def prints(**status: str) -> str:
    return f"echo '{exec_credential(**status)}'"


def later(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


def error_of(it: Context) -> str:
    with Client(it) as client, pytest.raises(UnauthorizedError) as caught:
        client.get("/version")
    text = str(caught.value)
    assert text.startswith("context 'dev': its ")
    assert SECRET not in text
    return text


def test_the_command_runs_at_the_first_request_and_not_before(folder: Folder, server: StubServer) -> None:
    with Client(context(folder, server, prints(token=TOKEN))) as client:
        before = folder.runs("plugin")
        client.get("/version")
    assert (before, folder.runs("plugin")) == (0, 1)
    assert server.seen[0].header("Authorization") == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("status", "runs"),
    [
        ({}, 1),
        ({"expirationTimestamp": "later"}, 1),
        ({"expirationTimestamp": "9999-12-31T23:59:59Z"}, 1),
        ({"expirationTimestamp": "2020-01-01T00:00:00Z"}, 3),
        ({"expirationTimestamp": "0001-01-01T00:00:01Z"}, 3),
        ({"expirationTimestamp": "0001-01-01T00:00:00Z"}, 1),
    ],
    ids=["no expiry", "not expired", "never expires", "expired", "expired in year one", "Go's zero time"],
)
def test_the_command_runs_again_only_when_its_credential_has_expired(
    folder: Folder, server: StubServer, status: dict[str, str], runs: int
) -> None:
    if status.get("expirationTimestamp") == "later":
        status = {"expirationTimestamp": later(minutes=1)}
    with Client(context(folder, server, prints(token=TOKEN, **status))) as client:
        for _ in range(3):
            client.get("/version")
    assert folder.runs("plugin") == runs


def test_a_credential_about_to_expire_counts_as_expired(folder: Folder, server: StubServer) -> None:
    it = context(folder, server, prints(token=TOKEN, expirationTimestamp=later(seconds=1)))
    with Client(it) as client:
        client.get("/version")
        client.get("/version")
    assert folder.runs("plugin") == 2


def test_all_clients_of_a_context_share_its_credential(folder: Folder, server: StubServer) -> None:
    it = context(folder, server, prints(token=TOKEN))
    for _ in range(2):
        with Client(it) as client:
            client.get("/version")
    assert folder.runs("plugin") == 1


def test_threads_share_a_client_and_its_credential(folder: Folder, server: StubServer) -> None:
    with Client(context(folder, server, prints(token=TOKEN))) as client, ThreadPoolExecutor(4) as threads:
        responses = list(threads.map(client.get, ["/version"] * 20))
    assert len(responses) == len(server.seen) == 20
    assert folder.runs("plugin") == 1


def shared(
    folder: Folder, server: StubServer, body: str, contexts: int, clusters: int = 1, **plugin: Any
) -> list[Context]:
    """Contexts of one user, which a command logs in."""
    command = folder.command("plugin", body)
    cluster = {"server": server.url, "certificate-authority": "pki/ca.crt"}
    document = {
        "contexts": [
            {"name": f"c{number}", "context": {"cluster": f"c{number % clusters}", "user": "u"}}
            for number in range(contexts)
        ],
        "clusters": [{"name": f"c{number}", "cluster": cluster} for number in range(clusters)],
        "users": [{"name": "u", "user": {"exec": {"apiVersion": V1, "command": str(command)} | plugin}}],
    }
    path = folder.path / "config"
    path.write_text(json.dumps(document))
    return list(kubeconfig.load([path]).contexts.values())


def ask(it: Context) -> str:
    """What became of a request: ``""`` when it went well."""
    try:
        with Client(it) as client:
            client.get("/version")
    except UnauthorizedError as error:
        return str(error)
    return ""


def first_then(folder: Folder, first: str, then: str) -> str:
    """The body of a plugin that does one thing the first time, and another from then on."""
    return f"if [ $(wc -l < {folder.path}/plugin.runs) = 1 ]; then {first}; else {then}; fi"


@pytest.mark.parametrize(("plugin", "runs"), [({}, 1), ({"provideClusterInfo": True}, 2)], ids=["alone", "by cluster"])
def test_contexts_of_one_user_share_its_credential(
    folder: Folder, server: StubServer, plugin: dict[str, bool], runs: int
) -> None:
    contexts = shared(folder, server, prints(token=TOKEN), 20, 2, **plugin)
    with ThreadPoolExecutor(20) as threads:
        assert set(threads.map(ask, contexts)) == {""}
    assert (folder.runs("plugin"), len(server.seen)) == (runs, 20)


def test_contexts_of_one_user_share_its_renewal(folder: Folder, server: StubServer) -> None:
    """All are told at once that the credential is bad; the first to say so has it renewed, and no other."""
    contexts = shared(folder, server, first_then(folder, prints(token="old"), prints(token="new")), 20)
    barrier = threading.Barrier(20)

    def disprove(it: Context) -> tuple[str | None, str | None]:
        before = it.credentials.authentication()
        barrier.wait()
        it.credentials.renew()
        return before.authorization, it.credentials.authentication().authorization

    with ThreadPoolExecutor(20) as threads:
        assert set(threads.map(disprove, contexts)) == {("Bearer old", "Bearer new")}
    assert folder.runs("plugin") == 2


def test_contexts_of_one_user_share_its_failure(folder: Folder, server: StubServer) -> None:
    contexts = shared(folder, server, "exit 1", 20)
    with ThreadPoolExecutor(4) as threads:
        reasons = list(threads.map(ask, contexts))
    assert all(reason.startswith(f"context 'c{number}': its credential") for number, reason in enumerate(reasons))
    assert folder.runs("plugin") == 1


def test_a_command_that_failed_runs_again_after_a_while(
    folder: Folder, server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execplugins, "FAILURE_KEPT", 0)
    (it,) = shared(folder, server, first_then(folder, "exit 1", prints(token=TOKEN)), 1)
    assert (ask(it)[:13], ask(it)) == ("context 'c0':", "")


def test_the_command_may_print_yaml(folder: Folder, server: StubServer) -> None:
    (folder.path / "answer").write_text(
        f"apiVersion: {V1}\nkind: ExecCredential\n"
        f"status:\n  expirationTimestamp: 2999-01-01T00:00:00Z\n  token: {TOKEN}\n"
    )
    with Client(context(folder, server, f"cat {folder.path}/answer")) as client:
        client.get("/version")
        client.get("/version")
    assert server.seen[0].header("Authorization") == f"Bearer {TOKEN}"
    assert folder.runs("plugin") == 1


def test_the_command_runs_once_more_after_a_401(folder: Folder) -> None:
    with (
        StubServer([Response(), Response(status=401), Response()]) as server,
        Client(context(folder, server, prints(token=TOKEN))) as client,
    ):
        client.get("/version")
        client.get("/version")
    assert (folder.runs("plugin"), len(server.seen)) == (2, 3)


def test_a_client_certificate_is_presented(folder: Folder, server: StubServer) -> None:
    (folder.path / "answer").write_text(
        exec_credential(clientCertificateData=client_pair().certificate, clientKeyData=client_pair().key)
    )
    with Client(context(folder, server, f"cat {folder.path}/answer")) as client:
        client.get("/version")
        client.get("/version")
    assert [seen.certificate for seen in server.seen] == ["jane", "jane"]
    assert (folder.runs("plugin"), server.connections) == (1, 1)


def test_a_new_client_certificate_needs_a_new_connection(folder: Folder) -> None:
    for name in ("jane", "john"):
        pair = authority().issue(name, client=True)
        (folder.path / name).write_text(exec_credential(clientCertificateData=pair.certificate, clientKeyData=pair.key))
    body = f"cat {folder.path}/jane; mv {folder.path}/john {folder.path}/jane 2>/dev/null || true"
    with StubServer([Response(), Response(status=401), Response()]) as server:
        with Client(context(folder, server, body)) as client:
            client.get("/version")
            client.get("/version")
        assert [seen.certificate for seen in server.seen] == ["jane", "jane", "john"]


def test_arguments_and_variables_are_handed_over(folder: Folder, server: StubServer) -> None:
    body = f'echo "$1|$2|$PROFILE" > {folder.path}/handed; {prints(token=TOKEN)}'
    it = context(folder, server, body, args=["get token", "--now"], env=[{"name": "PROFILE", "value": "audit"}])
    with Client(it) as client:
        client.get("/version")
    assert (folder.path / "handed").read_text() == "get token|--now|audit\n"


def test_the_command_learns_what_is_wanted_of_it(folder: Folder, server: StubServer) -> None:
    body = f'printf %s "$KUBERNETES_EXEC_INFO" > {folder.path}/info; {prints(token=TOKEN)}'
    with Client(context(folder, server, body)) as client:
        client.get("/version")
    assert json.loads((folder.path / "info").read_text()) == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }


def test_the_command_learns_of_the_cluster_when_it_asks(folder: Folder, server: StubServer) -> None:
    body = f'printf %s "$KUBERNETES_EXEC_INFO" > {folder.path}/info; {prints(token=TOKEN)}'
    cluster = {
        "tls-server-name": "api.test",
        "extensions": [
            {"name": "other", "extension": 1},
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "dev"}},
        ],
    }
    with Client(context(folder, server, body, cluster, provideClusterInfo=True)) as client:
        client.get("/version")
    assert json.loads((folder.path / "info").read_text())["spec"] == {
        "interactive": False,
        "cluster": {
            "server": server.url,
            "tls-server-name": "api.test",
            "certificate-authority-data": encoded(authority().pem),
            "config": {"audience": "dev"},
        },
    }


@pytest.mark.parametrize("command", ["./plugin", "bin/../plugin"])
def test_a_relative_command_is_relative_to_the_kubeconfig(
    folder: Folder, server: StubServer, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    with Client(context(folder, server, prints(token=TOKEN), command=command)) as client:
        client.get("/version")
    assert folder.runs("plugin") == 1


def test_a_bare_command_is_looked_for_on_the_path(
    folder: Folder, server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder.path), prepend=":")
    with Client(context(folder, server, prints(token=TOKEN), command="plugin")) as client:
        client.get("/version")
    assert folder.runs("plugin") == 1


@pytest.mark.parametrize("mine", ["token", "password", "certificate"])
def test_credentials_of_the_users_own_come_before_the_command(folder: Folder, server: StubServer, mine: str) -> None:
    """As client-go has it; the command is not even run."""
    own = {
        "token": {"token": "own-token"},
        "password": {"username": "jane", "password": "own-password"},
        "certificate": {
            "client-certificate-data": encoded(client_pair().certificate),
            "client-key-data": encoded(client_pair().key),
        },
    }
    command = folder.command("plugin", prints(token=TOKEN))
    document = {
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server.url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": own[mine] | {"exec": {"apiVersion": V1, "command": str(command)}}}],
    }
    with Client(kubeconfig.parse(document, source="here").contexts["dev"]) as client:
        client.get("/version")
    basic = base64.b64encode(b"jane:own-password").decode()
    expected = {"token": "Bearer own-token", "password": f"Basic {basic}", "certificate": None}
    assert server.seen[0].header("Authorization") == expected[mine]
    assert folder.runs("plugin") == 0


def test_a_helper_that_the_command_leaves_behind_is_not_waited_for(folder: Folder, server: StubServer) -> None:
    held = folder.path / "held"
    os.mkfifo(held)
    it = context(folder, server, f"cat {held} > /dev/null & {prints(token=TOKEN)}")
    with Client(it) as client:
        client.get("/version")
    held.write_text("")  # now it ends
    assert server.seen[0].header("Authorization") == f"Bearer {TOKEN}"


def test_a_helper_that_keeps_standard_output_open_does_not_spoil_what_the_command_printed(
    folder: Folder, server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execcredentials, "TIMEOUT", 0.5)
    held = folder.path / "held"
    os.mkfifo(held)
    with Client(context(folder, server, f"{prints(token=TOKEN)}; cat {held} &")) as client:
        client.get("/version")
    held.write_text("")  # now it ends
    assert server.seen[0].header("Authorization") == f"Bearer {TOKEN}"


def test_an_empty_interactive_mode_is_none(folder: Folder, server: StubServer) -> None:
    with Client(context(folder, server, prints(token=TOKEN), interactiveMode="")) as client:
        client.get("/version")
    assert server.seen[0].header("Authorization") == f"Bearer {TOKEN}"


def test_a_command_with_line_ends_of_windows_is_not_called_missing(folder: Folder, server: StubServer) -> None:
    command = folder.command("windows", "")
    command.write_bytes(b"#!/bin/sh\r\necho\r\n")
    assert "are its line ends those of Windows?" in error_of(context(folder, server, "", command=str(command)))


def test_all_that_a_command_says_is_read_while_it_runs(
    folder: Folder, server: StubServer, caplog: pytest.LogCaptureFixture
) -> None:
    chunk = "head -c 60000 /dev/zero | tr '\\0' x >&2"
    body = f"exec 1>&-; for i in 1 2 3 4 5 6 7 8 9; do {chunk}; done; echo the end >&2; exit 1"
    assert "failed with exit status 1" in error_of(context(folder, server, body))
    assert "the end" in caplog.text


def test_a_missing_command_is_told_with_how_to_install_it(folder: Folder, server: StubServer) -> None:
    it = context(folder, server, "", command="no-such-login", installHint="Get it from\n  https://login.test.\n")
    assert error_of(it).endswith("command no-such-login is not on this machine; Get it from https://login.test.")


def test_a_missing_command_without_a_hint(folder: Folder, server: StubServer) -> None:
    assert "is not on this machine; install it" in error_of(context(folder, server, "", command="no-such-login"))


@pytest.mark.parametrize(
    "plugin", [{"args": ["a\0b"]}, {"env": [{"name": "A=B"}]}, {"env": [{"name": "A", "value": "\0"}]}]
)
def test_a_command_that_no_system_could_start(folder: Folder, server: StubServer, plugin: dict[str, Any]) -> None:
    it = context(folder, server, "", **plugin)
    assert "cannot be started: an argument or variable holds NUL, or a name =" in error_of(it)


def test_a_ca_that_no_system_has_is_told(folder: Folder, server: StubServer) -> None:
    it = context(folder, server, "", {"certificate-authority": "a\0b"}, provideClusterInfo=True)
    assert "is to be told the CA in " in error_of(it)


def test_a_credential_that_was_renewed_stays_a_secret(folder: Folder, server: StubServer) -> None:
    it = context(folder, server, first_then(folder, prints(token="old-token"), prints(token="new-token")))
    it.credentials.authentication()
    it.credentials.renew()
    it.credentials.authentication()
    assert it.redact("old-token new-token") == "*** ***"


def test_a_command_that_may_not_be_run(folder: Folder, server: StubServer) -> None:
    (folder.path / "text").write_text("")
    it = context(folder, server, "", command="./text")
    assert "command ./text cannot be started: Permission denied; run it by hand" in error_of(it)


def test_what_a_failing_command_said_is_in_the_log_alone(
    folder: Folder, server: StubServer, caplog: pytest.LogCaptureFixture
) -> None:
    body = f"echo {SECRET}; echo 'Token expired:  run login' >&2; exit 3"
    reason = error_of(context(folder, server, body))
    assert reason.endswith(
        "status 3; the log has what it said on standard error; run it by hand as the same user to see more"
    )
    assert "failed with exit status 3 and said: Token expired: run login" in caplog.text
    assert SECRET not in caplog.text


def test_the_prompt_of_a_command_that_waits_for_a_person_is_in_the_log(
    folder: Folder, server: StubServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(execcredentials, "TIMEOUT", 0.5)
    prompt = "To sign in, open https://login.test/device and enter the code ABCDEFGH."
    reason = error_of(context(folder, server, f"echo '{prompt}' >&2; sleep 600"))
    assert "did not end within 0.5 seconds; the log has what it said on standard error" in reason
    assert f"did not end within 0.5 seconds and said: {prompt}" in caplog.text


def test_secret_variables_are_redacted_in_its_errors(
    folder: Folder, server: StubServer, caplog: pytest.LogCaptureFixture
) -> None:
    body = 'echo "bad $LOGIN_SECRET, $(printf %s "$LOGIN_SECRET" | base64) for short" >&2; exit 1'
    error_of(context(folder, server, body, env=[{"name": "LOGIN_SECRET", "value": SECRET}]))
    assert "said: bad ***, ***4= for short\n" in caplog.text


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["get-token", "--client-secret", SECRET], "get-token --client-secret ***"),
        ([f"--client-secret={SECRET}"], "--client-secret=***"),
        (["-k", "x", f"CLIENT_SECRET={SECRET}"], "-k x CLIENT_SECRET=***"),
        (["get-token", "--use-token-cache", "--login"], "get-token --use-token-cache --login"),
    ],
)
def test_secret_arguments_are_redacted_in_its_errors(
    args: list[str], said: str, folder: Folder, server: StubServer, caplog: pytest.LogCaptureFixture
) -> None:
    error_of(context(folder, server, 'echo "usage: $*" >&2; exit 1', args=args))
    assert f"said: usage: {said}\n" in caplog.text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("debug: got access token EXEC-Planted-66", "debug: got access token ***"),
        ("Authorization: Bearer abcd.efgh", "Authorization: Bearer ***"),
        ("cached eyJhbGciOiJub25lIn0.eyJzdWIiOiJqYW5lIn0.c2lnbmF0dXJl", "cached ***"),
        ("refresh 0123456789abcdef0123456789abcdef", "refresh ***"),
        ("answer {token: abcdefgh, code: 5}", "answer {token: ***, code: 5}"),
        ("asked https://jane:pass@login.test/oauth", "asked https://***@login.test/oauth"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "***"),
        ("The security token included in the request is expired", None),
        ("/usr/lib/google-cloud-sdk/bin/gke-gcloud-auth-plugin: no such file", None),
    ],
)
def test_what_looks_like_a_credential_is_redacted_in_its_errors(
    said: str, shown: str | None, folder: Folder, server: StubServer, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.path / "said").write_text(said)
    error_of(context(folder, server, f"cat {folder.path}/said >&2; exit 1"))
    assert f"said: {shown or said}\n" in caplog.text


def test_a_secret_is_not_quoted_in_part_either(
    folder: Folder, server: StubServer, caplog: pytest.LogCaptureFixture
) -> None:
    tail = "x" * (execplugins.LONGEST_EXCERPT - len(" hidden "))
    args = ["--password", f"{SECRET} hidden"]
    error_of(context(folder, server, f'echo "$2 {tail}" >&2; exit 1', args=args))
    assert "xxx" in caplog.text
    assert "hidden" not in caplog.text


@pytest.mark.parametrize("stream", [1, 2])
def test_a_command_that_prints_without_end_is_ended(folder: Folder, server: StubServer, stream: int) -> None:
    assert "printed more than 1 MiB" in error_of(context(folder, server, f"yes >&{stream}"))


def test_a_silent_failure(folder: Folder, server: StubServer) -> None:
    assert "failed with exit status 1 and said nothing" in error_of(context(folder, server, "exit 1"))


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", "printed no ExecCredential"),
        (SECRET, "printed no ExecCredential"),
        (f'{{"token": "{SECRET}"}}', "printed no ExecCredential"),
        (f"[{SECRET}: {{", "printed no ExecCredential: neither JSON nor YAML"),
        (f"kind: {SECRET}", "printed no ExecCredential"),
        (f"status: {{token: !!int {SECRET}}}", "printed no ExecCredential: a value that cannot be read"),
        (f"{{kind: ExecCredential, apiVersion: {SECRET}}}", f"of another version, not of {V1}"),
        (exec_credential(version="v1beta1", token=SECRET), f"of {V1}beta1, not of {V1}; write its version"),
        (exec_credential(), "gave neither a token nor a certificate"),
        (exec_credential(clientCertificateData="PEM"), "gave a certificate without a key"),
        (exec_credential(clientKeyData=SECRET), "or a key without one"),
        (exec_credential(token=f"{SECRET}\n"), "the token holds characters that no HTTP header may hold"),
        (exec_credential(token=SECRET, expirationTimestamp="soon"), "printed no ExecCredential: Invalid RFC3339"),
    ],
)
def test_what_is_no_credential_is_told_without_being_shown(
    folder: Folder, server: StubServer, output: str, words: str
) -> None:
    (folder.path / "answer").write_text(output)
    assert words in error_of(context(folder, server, f"cat {folder.path}/answer"))


def test_a_certificate_that_is_none_is_told(folder: Folder, server: StubServer) -> None:
    body = prints(clientCertificateData="PEM", clientKeyData=SECRET)
    assert "the client certificate cannot be used" in error_of(context(folder, server, body))


def test_a_command_that_does_not_end_is_ended_with_all_it_started(
    folder: Folder, server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execcredentials, "TIMEOUT", 0.2)
    os.mkfifo(folder.path / "held")
    held = os.open(folder.path / "held", os.O_RDONLY | os.O_NONBLOCK)
    assert "did not end within 0.2 seconds" in error_of(
        context(folder, server, f"sleep 600 > {folder.path}/held & wait")
    )
    os.set_blocking(held, True)
    assert os.read(held, 1) == b""  # once nobody holds the other end any more
    os.close(held)


@pytest.fixture
def open_stdin() -> Iterator[None]:
    """This process has a standard input on which nothing ever comes."""
    before, (source, never_written) = os.dup(0), os.pipe()
    os.dup2(source, 0)
    yield
    os.dup2(before, 0)
    for handle in (before, source, never_written):
        os.close(handle)


@pytest.mark.usefixtures("open_stdin")
def test_the_command_has_nothing_to_read_an_answer_from(folder: Folder, server: StubServer) -> None:
    body = f'read -r answer < /dev/tty || echo "nobody is there" > {folder.path}/asked; cat; {prints(token=TOKEN)}'
    with Client(context(folder, server, body)) as client:
        client.get("/version")
    assert (folder.path / "asked").read_text() == "nobody is there\n"


def test_an_unreadable_ca_for_the_command_is_told(folder: Folder, server: StubServer) -> None:
    it = context(folder, server, prints(token=TOKEN), {"certificate-authority": "none"}, provideClusterInfo=True)
    assert "is to be told the CA in " in error_of(it)
