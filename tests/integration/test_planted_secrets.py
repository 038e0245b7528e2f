"""No secret of a kubeconfig is in what real processes write: terminal, ledger, temporary files.

Each secret is its own, and its context fails in another way; the API server sends back whatever it was sent.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.kit.kubeconfigs import Folder, authority, encoded, exec_credential
from tests.kit.kubeconfigs.proxy import Proxy
from tests.kit.programs import PROGRAM, environment
from tests.kit.stub_server import Response, StubServer

V1 = "client.authentication.k8s.io/v1"
PROMPT = "To sign in, open https://login.test/device and enter the code ABCDEFGH."


def secret(place: str) -> str:
    """A secret with a mark that no other text has, and with characters that break lines, quotes and patterns."""
    return f"Planted-{place.replace(' ', '-')}-77"


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer([Response(status=400)]) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "kubeconfig").mkdir()
    return Folder(tmp_path / "kubeconfig")


def plugin(folder: Folder, name: str, body: str, **more: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": V1, "command": str(folder.command(name, body)), "interactiveMode": "Never"} | more}


def users(folder: Folder) -> dict[str, dict[str, Any]]:
    """A user for every place that can hold a secret."""
    (folder.path / "token").write_text(secret("token file"))
    printed = {
        "printed": exec_credential(token=secret("exec token")),
        "other": exec_credential(version="v1beta1", token=secret("exec of another version")),
        "yaml": f"kind: ExecCredential\nstatus: {{token: [{secret('exec yaml')}]}}",
        "none": f"{{{secret('exec of no yaml')}: [",
    }
    for name, text in printed.items():
        (folder.path / name).write_text(text)
    found = {f"exec {name}": plugin(folder, f"run-{name}", f"cat {folder.path}/{name}") for name in printed}
    key = (
        f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(secret('key').encode()).decode()}\n-----END PRIVATE KEY-----\n"
    )
    return found | {
        "exec says": plugin(folder, "says", f"echo 'got access token {secret('stderr token')}' >&2; exit 1"),
        "exec asks": plugin(folder, "asks", f"echo '{PROMPT}' >&2; exit 1"),
        "exec env": plugin(
            folder, "env", 'echo "$PASSWORD" >&2; exit 1', env=[{"name": "PASSWORD", "value": secret("exec env")}]
        ),
        "exec args": plugin(folder, "args", 'echo "$@" >&2; exit 1', args=["--client-secret", secret("exec args")]),
        "token": {"token": secret("token")},
        "token with a line end": {"token": secret("broken token") + "\n"},
        "token file": {"tokenFile": "token"},
        "password": {"username": "jane", "password": secret("password")},
        "number": {"token": 7712345678977},
        "list": {"token": [secret("token in a list")]},
        "key": {"client-certificate-data": encoded(authority().pem), "client-key-data": encoded(key)},
        "no base64": {"client-certificate-data": "YQ==", "client-key-data": secret("key without base64")},
        "oidc": {
            "auth-provider": {
                "name": "oidc",
                "config": {"id-token": secret("id token"), "refresh-token": secret("refresh token")},
            }
        },
        "as": {"token": secret("token of as"), "as": "jane", "as-groups": [secret("group") + "\r\nX-Other: 1"]},
    }


def write(folder: Folder, server: StubServer) -> Path:
    """A kubeconfig with a context for every user, and some whose cluster holds a secret."""
    known = users(folder)
    good = {"server": server.url, "certificate-authority-data": encoded(authority().pem)}
    clusters = {
        "good": good,
        "proxy": good | {"proxy-url": f"http://jane:{secret('proxy')}@127.0.0.1:1"},
        "bad proxy": good | {"proxy-url": f"ftp://jane:{secret('bad proxy')}@127.0.0.1:1"},
        "server": {"server": f"https://jane:{secret('server')}@127.0.0.1:1"},
        "environment": good | {"server": f"https://api.test:{server.port}"},
    }
    document = {
        "contexts": [
            *({"name": name, "context": {"cluster": "good", "user": name}} for name in known),
            *({"name": name, "context": {"cluster": name, "user": "token"}} for name in clusters if name != "good"),
        ],
        "clusters": [{"name": name, "cluster": cluster} for name, cluster in clusters.items()],
        "users": [{"name": name, "user": user} for name, user in known.items()],
    }
    path = folder.path / "config"
    path.write_text(json.dumps(document))
    return path


def ran(command: str, path: Path, migrated_database: str, scratch: Path, proxy: str = "127.0.0.1:1") -> tuple[int, str]:
    """What a process wrote: on its streams, and into temporary files."""
    scratch.mkdir()
    done = subprocess.run(
        [*PROGRAM, command, "--kubeconfig", str(path), "--dsn", migrated_database, "--resource", "pods"],
        env=environment(TMPDIR=str(scratch), HTTPS_PROXY=f"http://jane:{secret('environment')}@{proxy}"),
        capture_output=True,
        check=False,
    )
    files = [file.read_text(errors="replace") for file in scratch.rglob("*") if file.is_file()]
    return done.returncode, "\n".join([done.stdout.decode(), done.stderr.decode(), *files])


def written(migrated_database: str) -> str:
    """The whole ledger."""
    with psycopg.connect(migrated_database) as conn:
        return "\n".join(row[0] for row in conn.execute("SELECT to_jsonb(k8s_syncs)::text FROM k8s_syncs"))


@pytest.mark.parametrize("command", ["sync", "doctor"])
def test_no_secret_is_written(
    command: str, folder: Folder, server: StubServer, migrated_database: str, tmp_path: Path
) -> None:
    with Proxy("jane:another") as proxy:
        status, shown = ran(command, write(folder, server), migrated_database, tmp_path / "scratch", proxy.address)
    ledger = written(migrated_database)

    assert status == 1
    assert proxy.headers  # and what it was sent, it sent back
    assert len({seen.header("Authorization") for seen in server.seen}) == 4  # and what these sent was sent back
    assert "Planted" not in shown.replace("\n", "")
    assert "Planted" not in ledger
    assert base64.b64encode(b"Planted-password").decode()[:10] not in shown + ledger
    assert "7712345678977" not in shown + ledger
    assert PROMPT in shown
    assert "ABCDEFGH" not in ledger


@pytest.mark.parametrize(
    "text",
    [
        "password: !{secret}",
        "password: &{secret} @",
        "password: @{secret}",
        "password: '{secret}",
        "{secret}: [",
        "password: !!int {secret}",
        "password: *{secret}",
        "? [{secret}]\n    : a",
    ],
)
def test_no_secret_of_a_kubeconfig_in_odd_yaml_is_written(text: str, migrated_database: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    user = text.format(secret=secret("odd"))
    path.write_text(
        "contexts: [{name: c, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        f"users:\n- name: u\n  user:\n    {user}\n"
    )
    status, shown = ran("doctor", path, migrated_database, tmp_path / "scratch")
    assert status in (1, 2)
    assert "Traceback" not in shown
    assert "Planted" not in shown
