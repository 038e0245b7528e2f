"""Exec plugins: real commands, counted, over real HTTPS."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube import commands, kubeconfig
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.kube.contexts import Context
from tests.fixtures.kubeconfigs import Folder, authority, client_pair, encoded, exec_credential
from tests.fixtures.kubeconfigs.server import Answer, ApiServer

V1 = "client.authentication.k8s.io/v1"
TOKEN = "exec-token-0003"
SECRET = "never-to-be-shown"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as running:
        yield running


def context(folder: Folder, server: ApiServer, body: str, cluster: Any = None, **plugin: Any) -> Context:
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


def test_the_command_runs_at_the_first_request_and_not_before(folder: Folder, server: ApiServer) -> None:
    with Client(context(folder, server, prints(token=TOKEN))) as client:
        before = folder.runs("plugin")
        client.get("/version")
    assert (before, folder.runs("plugin")) == (0, 1)
    assert server.seen[0].header("Authorization") == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("status", "runs"),
    [({}, 1), ({"expirationTimestamp": "later"}, 1), ({"expirationTimestamp": "2020-01-01T00:00:00Z"}, 3)],
    ids=["no expiry", "not expired", "expired"],
)
def test_the_command_runs_again_only_when_its_credential_has_expired(
    folder: Folder, server: ApiServer, status: dict[str, str], runs: int
) -> None:
    if status.get("expirationTimestamp") == "later":
        status = {"expirationTimestamp": later(minutes=1)}
    with Client(context(folder, server, prints(token=TOKEN, **status))) as client:
        for _ in range(3):
            client.get("/version")
    assert folder.runs("plugin") == runs


def test_a_credential_about_to_expire_counts_as_expired(folder: Folder, server: ApiServer) -> None:
    it = context(folder, server, prints(token=TOKEN, expirationTimestamp=later(seconds=1)))
    with Client(it) as client:
        client.get("/version")
        client.get("/version")
    assert folder.runs("plugin") == 2


def test_all_clients_of_a_context_share_its_credential(folder: Folder, server: ApiServer) -> None:
    it = context(folder, server, prints(token=TOKEN))
    for _ in range(2):
        with Client(it) as client:
            client.get("/version")
    assert folder.runs("plugin") == 1


def test_threads_share_a_client_and_its_credential(folder: Folder, server: ApiServer) -> None:
    with Client(context(folder, server, prints(token=TOKEN))) as client, ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(client.get, ["/version"] * 20))
    assert len(answers) == len(server.seen) == 20
    assert folder.runs("plugin") == 1


def test_the_command_runs_once_more_after_a_401(folder: Folder) -> None:
    with (
        ApiServer([Answer(), Answer(status=401), Answer()]) as server,
        Client(context(folder, server, prints(token=TOKEN))) as client,
    ):
        client.get("/version")
        client.get("/version")
    assert (folder.runs("plugin"), len(server.seen)) == (2, 3)


def test_a_client_certificate_is_presented(folder: Folder, server: ApiServer) -> None:
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
    with ApiServer([Answer(), Answer(status=401), Answer()]) as server:
        with Client(context(folder, server, body)) as client:
            client.get("/version")
            client.get("/version")
        assert [seen.certificate for seen in server.seen] == ["jane", "jane", "john"]


def test_arguments_and_variables_are_handed_over(folder: Folder, server: ApiServer) -> None:
    body = f'echo "$1|$2|$PROFILE" > {folder.path}/handed; {prints(token=TOKEN)}'
    it = context(folder, server, body, args=["get token", "--now"], env=[{"name": "PROFILE", "value": "audit"}])
    with Client(it) as client:
        client.get("/version")
    assert (folder.path / "handed").read_text() == "get token|--now|audit\n"


def test_the_command_learns_what_is_wanted_of_it(folder: Folder, server: ApiServer) -> None:
    body = f'printf %s "$KUBERNETES_EXEC_INFO" > {folder.path}/info; {prints(token=TOKEN)}'
    with Client(context(folder, server, body)) as client:
        client.get("/version")
    assert json.loads((folder.path / "info").read_text()) == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }


def test_the_command_learns_of_the_cluster_when_it_asks(folder: Folder, server: ApiServer) -> None:
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
    folder: Folder, server: ApiServer, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    with Client(context(folder, server, prints(token=TOKEN), command=command)) as client:
        client.get("/version")
    assert folder.runs("plugin") == 1


def test_a_bare_command_is_looked_for_on_the_path(
    folder: Folder, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder.path), prepend=":")
    with Client(context(folder, server, prints(token=TOKEN), command="plugin")) as client:
        client.get("/version")
    assert folder.runs("plugin") == 1


@pytest.mark.parametrize("mine", ["token", "password", "certificate"])
def test_credentials_of_the_users_own_come_before_the_command(folder: Folder, server: ApiServer, mine: str) -> None:
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


def test_a_missing_command_is_told_with_how_to_install_it(folder: Folder, server: ApiServer) -> None:
    it = context(folder, server, "", command="no-such-login", installHint="Get it from\n  https://login.test.\n")
    assert error_of(it).endswith("command no-such-login is not on this machine; Get it from https://login.test.")


def test_a_missing_command_without_a_hint(folder: Folder, server: ApiServer) -> None:
    assert "is not on this machine; install it" in error_of(context(folder, server, "", command="no-such-login"))


def test_a_command_that_may_not_be_run(folder: Folder, server: ApiServer) -> None:
    (folder.path / "text").write_text("")
    it = context(folder, server, "", command="./text")
    assert "command ./text cannot be started: Permission denied" in error_of(it)


def test_a_failing_command_is_told_with_its_errors_but_never_its_output(folder: Folder, server: ApiServer) -> None:
    body = f"echo {SECRET}; echo 'Token expired:  run login' >&2; exit 3"
    assert "failed with exit status 3 and said: Token expired: run login; run it by hand" in error_of(
        context(folder, server, body)
    )


def test_secret_variables_are_blotted_out_of_its_errors(folder: Folder, server: ApiServer) -> None:
    it = context(
        folder, server, 'echo "bad $LOGIN_SECRET" >&2; exit 1', env=[{"name": "LOGIN_SECRET", "value": SECRET}]
    )
    assert "said: bad ***;" in error_of(it)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["get-token", "--client-secret", SECRET], "get-token --client-secret ***"),
        ([f"--client-secret={SECRET}"], "--client-secret=***"),
        (["-k", "x", f"CLIENT_SECRET={SECRET}"], "-k x CLIENT_SECRET=***"),
        (["get-token", "--use-token-cache", "--login"], "get-token --use-token-cache --login"),
    ],
)
def test_secret_arguments_are_blotted_out_of_its_errors(
    args: list[str], said: str, folder: Folder, server: ApiServer
) -> None:
    it = context(folder, server, 'echo "usage: $*" >&2; exit 1', args=args)
    assert f"said: usage: {said};" in error_of(it)


def test_a_secret_is_not_quoted_in_part_either(folder: Folder, server: ApiServer) -> None:
    tail = "x" * (commands.LONGEST_EXCERPT - len(" hidden "))
    args = ["--password", f"{SECRET} hidden"]
    it = context(folder, server, f'echo "$2 {tail}" >&2; exit 1', args=args)
    assert "hidden" not in error_of(it)


def test_a_silent_failure(folder: Folder, server: ApiServer) -> None:
    assert "failed with exit status 1 and said nothing" in error_of(context(folder, server, "exit 1"))


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", "printed no ExecCredential"),
        (SECRET, "printed no ExecCredential"),
        (f'{{"token": "{SECRET}"}}', "printed no ExecCredential: Object missing required field `kind`"),
        (exec_credential(version="v1beta1", token=SECRET), f"of {V1}beta1, not an ExecCredential of {V1}"),
        (exec_credential(), "gave neither a token nor a certificate"),
        (exec_credential(clientCertificateData="PEM"), "gave a certificate without a key"),
        (exec_credential(clientKeyData=SECRET), "or a key without one"),
        (exec_credential(token=f"{SECRET}\n"), "the token holds characters that no HTTP header may hold"),
        (exec_credential(token=SECRET, expirationTimestamp="soon"), "printed no ExecCredential: Invalid RFC3339"),
    ],
)
def test_what_is_no_credential_is_told_without_being_shown(
    folder: Folder, server: ApiServer, output: str, words: str
) -> None:
    (folder.path / "answer").write_text(output)
    assert words in error_of(context(folder, server, f"cat {folder.path}/answer"))


def test_a_certificate_that_is_none_is_told(folder: Folder, server: ApiServer) -> None:
    body = prints(clientCertificateData="PEM", clientKeyData=SECRET)
    assert "the client certificate cannot be used" in error_of(context(folder, server, body))


def test_a_command_that_does_not_end_is_ended_with_all_it_started(
    folder: Folder, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "TIMEOUT", 0.2)
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
def test_the_command_has_nothing_to_read_an_answer_from(folder: Folder, server: ApiServer) -> None:
    body = f'read -r answer < /dev/tty || echo "nobody is there" > {folder.path}/asked; cat; {prints(token=TOKEN)}'
    with Client(context(folder, server, body)) as client:
        client.get("/version")
    assert (folder.path / "asked").read_text() == "nobody is there\n"


def test_an_unreadable_ca_for_the_command_is_told(folder: Folder, server: ApiServer) -> None:
    it = context(folder, server, prints(token=TOKEN), {"certificate-authority": "none"}, provideClusterInfo=True)
    assert "is to be told the CA in " in error_of(it)
