"""Certificates and keys as people have them: with text around, from other systems, and where nothing can be written."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError, UnreachableError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from tests.kit.kubeconfigs import Folder, authority, client_pair
from tests.kit.kubeconfigs.authority import Authority
from tests.kit.stub_server import StubServer

TEXT = "# NetLock Arany (Class Gold) Főtanúsítvány\n"
OTHERS = Authority("another").pem

DRESSED: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "UTF-8 before it": lambda pem: (TEXT + pem).encode(),
    "UTF-8 behind it": lambda pem: (pem + TEXT).encode(),
    "latin-1 around it": lambda pem: b"# M\xfcller\n" + pem.encode() + b"\xff\xfe",
    "CRLF": lambda pem: (TEXT + pem).replace("\n", "\r\n").encode(),
    "byte order mark": lambda pem: b"\xef\xbb\xbf" + pem.encode(),
    "indented": lambda pem: "".join(f"  {line}\n" for line in pem.splitlines()).encode(),
    "no last line end": lambda pem: pem.rstrip().encode(),
    "bag attributes": lambda pem: b"Bag Attributes\n    friendlyName: M\xc3\xbcller\n" + pem.encode(),
}


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer() as running:
        yield running


def get(server: StubServer, cluster: dict[str, Any], user: dict[str, Any] | None = None) -> None:
    document = {
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server.url} | cluster}],
        "users": [{"name": "u", "user": user or {}}],
    }
    with Client(kubeconfig.parse(document, source="here").contexts["dev"]) as client:
        client.get("/version")


def embedded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("dressed", DRESSED.values(), ids=DRESSED)
def test_a_ca_may_have_any_text_around_it(server: StubServer, tmp_path: Path, dressed: Callable[[str], bytes]) -> None:
    content = dressed(authority().pem)
    (tmp_path / "ca.crt").write_bytes(content)
    get(server, {"certificate-authority-data": embedded(content)})
    get(server, {"certificate-authority": str(tmp_path / "ca.crt")})
    assert len(server.seen) == 2


@pytest.mark.parametrize("dressed", DRESSED.values(), ids=DRESSED)
def test_a_client_certificate_and_its_key_may_have_any_text_around_them(
    server: StubServer, tmp_path: Path, dressed: Callable[[str], bytes]
) -> None:
    certificate, key = dressed(client_pair().certificate), dressed(client_pair().key)
    (tmp_path / "crt").write_bytes(certificate)
    (tmp_path / "key").write_bytes(key)
    cluster = {"certificate-authority-data": embedded(authority().pem.encode())}
    get(server, cluster, {"client-certificate-data": embedded(certificate), "client-key-data": embedded(key)})
    get(server, cluster, {"client-certificate": str(tmp_path / "crt"), "client-key": str(tmp_path / "key")})
    assert [seen.certificate for seen in server.seen] == ["jane", "jane"]


def test_a_certificate_and_its_key_may_stand_in_one_text(server: StubServer) -> None:
    both = embedded((client_pair().key + TEXT + client_pair().certificate).encode())
    cluster = {"certificate-authority-data": embedded(authority().pem.encode())}
    get(server, cluster, {"client-certificate-data": both, "client-key-data": both})
    assert [seen.certificate for seen in server.seen] == ["jane"]


def test_one_broken_certificate_of_a_ca_hurts_no_other(server: StubServer) -> None:
    broken = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    content = OTHERS + broken + "-----BEGIN CERTIFICATE-----\n" + authority().pem + broken
    get(server, {"certificate-authority-data": embedded(content.encode())})
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "content", [b"", b"text", OTHERS.encode()[:200], b"\x30\x82\x01\x02\xff", TEXT.encode("utf-16")]
)
def test_a_ca_without_a_certificate_is_told(server: StubServer, content: bytes) -> None:
    with pytest.raises(UnreachableError, match=r"check that it holds certificates in PEM|not signed by any CA"):
        get(server, {"certificate-authority-data": embedded(content)})


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"client-certificate-data": "", "client-certificate": "/no\0/crt"}, "no file has NUL in its name"),
        ({"client-certificate-data": embedded(b"\xff")}, "holds no certificate in PEM"),
        ({"client-key-data": embedded(client_pair().certificate.encode())}, "holds no private key in PEM"),
    ],
)
def test_what_is_no_certificate_is_told(server: StubServer, user: dict[str, str], words: str) -> None:
    pair = {
        "client-certificate-data": embedded(client_pair().certificate.encode()),
        "client-key": "/no/key",
        "client-key-data": embedded(client_pair().key.encode()),
    }
    with pytest.raises(UnauthorizedError, match=words):
        get(server, {"insecure-skip-tls-verify": True}, pair | user)


ASK = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
if len(sys.argv) > 3:
    del os.memfd_create
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.http.client import Client
Client(kubeconfig.load([sys.argv[1]]).contexts["dev"]).get("/version")
"""


@pytest.mark.parametrize("arguments", [["-1"], ["0"], ["1000"], ["-1", "as other systems"]], ids=str)
def test_client_certificates_need_no_file_to_be_written(
    server: StubServer, tmp_path: Path, arguments: list[str]
) -> None:
    path = Folder(tmp_path).write("certificate-data", server.url)
    path.write_text(path.read_text().replace("name: it", "name: dev"))
    nowhere = dict.fromkeys(("TMPDIR", "TEMP", "TMP", "HOME"), "/nonexistent")
    done = subprocess.run(
        [sys.executable, "-B", "-c", ASK, str(path), *arguments],
        cwd="/proc",
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [seen.certificate for seen in server.seen] == ["jane"]
