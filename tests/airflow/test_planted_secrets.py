"""Secrets that are planted in every place a kubeconfig, Connection, DSN, proxy and environment has, and found nowhere.

The command line and a whole Airflow run against API servers that repeat what they are sent. Searched are the output of
all commands, the inventory, the logs, the REST API, every table of Airflow's own database but the one that holds the
Connections, temporary files, and the arguments of processes.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from k8s_inventory_demo.airflow.home import connection
from k8s_inventory_demo.postgres.server import PostgresServer
from psycopg import conninfo, sql

from tests.airflow.live import CLUSTERS, DATABASE, live_airflow
from tests.kit.kubeconfigs import authority, client_pair, encoded
from tests.kit.stub_server import Response, StubServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

V1 = "client.authentication.k8s.io/v1"
JWT = ".".join(
    base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
    for part in ('{"alg":"RS256"}', '{"sub":"planted-in-a-token"}', "planted-signature-of-a-token")
)
"""A token that no masker was told of; only its shape shows it."""

PLANTED = {
    "token": "planted-token-5d1c0f6a97",
    "token of a file": "planted-file-token-18a4c3",
    "password": 'planted:"password"@5e/%41',
    "private key": client_pair().key.splitlines()[2],
    "variable of a command": "planted-variable-77c2",
    "argument of a command": "planted-argument-90be",
    "token of a command": "planted-exec-token-4410",
    "what a command says": JWT,
    "id token": "planted.id-token.d2f1",
    "refresh token": "planted-refresh-token-31",
    "client secret": "planted-client-secret-6c",
    "password of a proxy": "planted/proxy password",
    "password of a proxy of the environment": "planted-environment-proxy-2a",
    "password of a broken file": "!planted-broken-5f",
    "password of the database": "planted-database-8c1e",
}
"""By the place. Each is unique, so that a find says where it came from."""

SPELLINGS = (
    lambda text: text,
    lambda text: quote(text, safe=""),
    lambda text: json.dumps(text)[1:-1],
    lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
)
"""The ways in which a secret may be written."""


def found(text: str) -> list[str]:
    """The places whose secrets are in a text, however they are written."""
    return [name for name, secret in PLANTED.items() if any(spell(secret) in text for spell in SPELLINGS)]


def test_the_search_finds_each_secret_in_each_spelling() -> None:
    for name, secret in PLANTED.items():
        for spell in SPELLINGS:
            assert name in found(f"…{spell(secret)}…")


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return str(path)


def users(folder: Path, *, files: bool) -> dict[str, dict[str, Any]]:
    """A user for each place a secret may stand in.

    :param files: whether they may use files and commands, which a Connection's may not.
    """
    command = {"apiVersion": V1, "interactiveMode": "Never"}
    basic = {"username": "jane", "password": PLANTED["password"]}
    key = {
        "client-certificate-data": encoded(client_pair().certificate),
        "client-key-data": encoded(client_pair().key),
    }
    made: dict[str, dict[str, Any]] = {"token": {"token": PLANTED["token"]}, "basic": basic, "key": key}
    if not files:
        return made
    token = folder / "token-file"
    token.write_text(PLANTED["token of a file"])
    credential = {"apiVersion": V1, "kind": "ExecCredential", "status": {"token": PLANTED["token of a command"]}}
    good = script(folder / "good", f"cat <<'E'\n{json.dumps(credential)}\nE")
    bad = script(folder / "bad", f'echo "no login: {JWT} $SECRET $2" >&2; exit 3')
    config = {name: PLANTED[name.replace("-", " ")] for name in ("id-token", "refresh-token", "client-secret")}
    variables = [{"name": "SECRET", "value": PLANTED["variable of a command"]}]
    arguments = ["--client-secret", PLANTED["argument of a command"]]
    return made | {
        "file": {"tokenFile": str(token)},
        "exec": {"exec": command | {"command": good}},
        "failing-exec": {"exec": command | {"command": bad, "args": arguments, "env": variables}},
        "oidc": {"auth-provider": {"name": "oidc", "config": config}},
    }


def kubeconfig(folder: Path, servers: Mapping[str, str], *, files: bool) -> dict[str, Any]:
    """Every user at every server, or of a Connection each at one, and one behind a proxy."""
    password = quote(PLANTED["password of a proxy"], safe="")
    trust = {"certificate-authority-data": encoded(authority().pem)}
    entries: dict[str, dict[str, Any]] = {name: trust | {"server": url} for name, url in servers.items()}
    entries["proxied"] = trust | {
        "server": "https://planted.example:6443",
        "proxy-url": f"http://jane:{password}@127.0.0.1:9",
    }
    people = users(folder, files=files)
    # A mapped task takes seconds, and a proxy that is not there is waited for at each try.
    met = product(servers, people) if files else zip(servers, people, strict=True)
    pairs = [*met, ("proxied", "token")]
    return {
        "clusters": [{"name": name, "cluster": entry} for name, entry in entries.items()],
        "users": [{"name": name, "user": entry} for name, entry in people.items()],
        "contexts": [{"name": f"{s}-{u}", "context": {"cluster": s, "user": u}} for s, u in pairs],
    }


class Watch:
    """Look at temporary files and at the arguments of processes, again and again until the block ends."""

    def __init__(self, folder: Path) -> None:
        self.seen: set[str] = set()
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.005):
            paths = [*self._folder.rglob("*"), *Path("/proc").glob("[0-9]*/cmdline")]
            for path in paths:
                try:
                    self.seen.add(path.read_bytes().decode(errors="replace"))
                except OSError:
                    continue


@contextmanager
def echoing() -> Iterator[dict[str, str]]:
    """API servers that answer with all that they were sent."""
    with ExitStack() as stack:
        servers = {
            str(status): stack.enter_context(StubServer([Response(status=status)])) for status in (403, 200, 401)
        }
        yield {name: server.url for name, server in servers.items()}


@pytest.fixture
def planted_database(postgres_server: PostgresServer, template_database: str, request: Any) -> Iterator[str]:
    """The URL of a migrated database, whose user has the planted password."""
    name, role = "planted", "planted_role"
    dsn = postgres_server.create_database(name, template=template_database)
    with psycopg.connect(dsn, autocommit=True) as conn:
        password = sql.Literal(PLANTED["password of the database"])
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(sql.Identifier(role), password))
    yield conninfo.make_conninfo(dsn, user=role, password=PLANTED["password of the database"])
    postgres_server.drop_database(name)
    with psycopg.connect(postgres_server.create_database(name), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    postgres_server.drop_database(name)


def tables(dsn: str, *but: str) -> str:
    """Everything that is in a database."""
    rows: list[str] = []
    with psycopg.connect(dsn) as conn:
        listed = conn.execute("SELECT relname FROM pg_stat_user_tables").fetchall()
        for (name,) in listed:
            if name not in but:
                select = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(name))
                rows += [row[0] for row in conn.execute(select)]
    assert rows
    return "\n".join(rows)


def test_the_command_line_shows_no_secret(planted_database: str, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    broken = tmp_path / "broken.yaml"
    user = f"- name: u\n  user:\n    password: {PLANTED['password of a broken file']}\n"
    broken.write_text(f"users:\n{user}contexts: []\n")
    proxy = f"http://jane:{PLANTED['password of a proxy of the environment']}@127.0.0.1:9"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TMPDIR": str(temporary),
        "DATABASE_URL": planted_database,
        "HTTPS_PROXY": proxy,
        "NO_PROXY": "",
    }
    program = str(Path(sys.executable).parent / "k8s-inventory")
    said = ""
    with echoing() as servers, Watch(temporary) as watch:
        document = kubeconfig(tmp_path, servers, files=True)
        behind = {"server": "https://elsewhere.example", "certificate-authority-data": encoded(authority().pem)}
        document["clusters"].append({"name": "elsewhere", "cluster": behind})
        document["contexts"].append({"name": "elsewhere", "context": {"cluster": "elsewhere", "user": "token"}})
        good = tmp_path / "kubeconfig.yaml"
        good.write_text(json.dumps(document))
        for path in (good, broken):
            for arguments in (["sync", "--json"], ["doctor"]):
                command = [program, *arguments, "--kubeconfig", str(path), "--resource", "pods"]
                done = subprocess.run(command, env=environment, capture_output=True, text=True)
                assert done.returncode != 0, "no context can be synced"
                said += done.stdout + done.stderr
    assert "403-token" in said
    assert "failing-exec" in said
    assert found(said) == []
    assert found(tables(planted_database)) == []
    assert found("\n".join(watch.seen)) == []


def test_airflow_shows_no_secret(planted_database: str, postgres_server: PostgresServer, tmp_path: Path) -> None:
    metadata = postgres_server.create_database("planted_metadata")
    folder = tmp_path / "airflow"
    folder.mkdir()
    with echoing() as servers, live_airflow(folder, metadata) as airflow:
        document = kubeconfig(tmp_path, servers, files=False)
        airflow.connect(CLUSTERS, {"conn_type": "k8s_inventory"}, kube_config_secret=json.dumps(document))
        fields = dict(connection(planted_database))
        airflow.connect(DATABASE, fields, **fields.pop("extra"))  # type: ignore[arg-type]
        run_id = airflow.run("k8s_inventory", resources=["pods"])
        assert airflow.state("k8s_inventory", run_id) == "failed"
        airflow.look_everywhere("k8s_inventory", run_id)
        logs = "\n".join(path.read_text(errors="replace") for path in airflow.folder.rglob("*.log"))
        assert "403-token" in logs
        assert found("\n".join(airflow.answers)) == []
        assert found(logs) == []
        # Without a key of Fernet Airflow keeps Connections as they were given.
        assert found(tables(metadata, "connection")) == []
        assert found(tables(planted_database)) == []
    postgres_server.drop_database("planted_metadata")
