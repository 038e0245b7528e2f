"""What servers write is quoted without the context's secrets, however they write them, and cut only then."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from k8s_inventory_demo.simulator import Cluster, Fault

from airflow_provider_k8s_inventory.exceptions import ResponseError, ScopeError
from airflow_provider_k8s_inventory.kube import access, listing, metadata, watching
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import quoting
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.kube.sources.credentials import StaticCredentials
from airflow_provider_k8s_inventory.model import Resource
from tests.kit.inventory import Inventory
from tests.kit.kubeconfigs import authority
from tests.kit.raw_server import RawServer, response
from tests.kit.syncer import Syncer

TOKEN = 'PLANTED+a/b=c&<d>"e-0123456789'
LINES = [f"planted-line-{number}-of-a-private-key" for number in range(3)]
KEY = "\n".join(["-----BEGIN KEY-----", *LINES, "-----END KEY-----", ""])
PADS = (0, 100, 250, 262, 280, 295, 299, 3000)


def context(server: RawServer) -> Context:
    return Context(
        name="dev", cluster_name="c", server=server.url, credentials=StaticCredentials(token=TOKEN, password=KEY)
    )


def planted(text: str) -> bool:
    """Whether more of a secret is there than its beginning."""
    return any(part in text for part in ("0123456789", "PLANTED", "planted-line", "b=c&"))


FORMS = {
    "as it is": TOKEN,
    "quoted": quote(TOKEN, safe=""),
    "quoted as a form": quote_plus(TOKEN),
    "JSON": json.dumps(TOKEN),
    "Go's JSON": json.dumps(TOKEN).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
    "with what does not print in it": "\x00".join(TOKEN),
    "of several lines": KEY,
    "its lines joined": " ".join(KEY.split()),
    "one of its lines": KEY.splitlines()[1],
}


@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_secret_is_in_the_excerpt_of_an_error(form: str, pad: int) -> None:
    for body in (json.dumps({"message": "x" * pad + f" Bearer {form}"}).encode(), b"x" * pad + form.encode()):
        with (
            RawServer(lambda _, body=body: iter([response(body, status="403 Forbidden")])) as server,  # type: ignore[misc]
            Client(context(server)) as client,
            pytest.raises(ScopeError) as caught,
        ):
            client.get("/api")
        assert not planted(str(caught.value))
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize("before", ["", "u:", "user:", "me:"])
def test_no_secret_is_quoted_in_base64(before: str) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(f"{before}{TOKEN}tail".encode()).decode()
        quoted = quoting.excerpt(f"Authorization: Basic {encoded}", [TOKEN])
        left, _, right = quoted.partition("***")
        assert len(left + right) < len("Authorization: Basic ") + 20


def test_of_a_body_that_was_not_read_to_its_end_no_part_of_a_secret_is_quoted() -> None:
    assert quoting.excerpt("it is PLANTED+a/b", [TOKEN], whole=False) == ""
    assert quoting.excerpt("x" * 500 + "PLANTED+a/b", [TOKEN], whole=False) == "x" * 300 + "…"


def watch(client: Client) -> object:
    return list(watching.changes(client, "/api/v1/pods", since="1", until="2"))


def lists(client: Client) -> object:
    return list(listing.pages(client, "/api/v1/pods", limit=5))


def metadata_lists(client: Client) -> object:
    return [list(page.items) for page in metadata.pages(client, "/api/v1/pods", limit=5)]


def may_list(client: Client) -> object:
    pods = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
    raise ResponseError(access.may_list(client, pods)[1])


@pytest.mark.parametrize("pad", PADS)
def test_no_secret_is_in_what_a_response_ends_in(pad: int) -> None:
    said = json.dumps("x" * pad + f" bad token {TOKEN}")
    protobuf = b"k8s\0\x0a\x7f\x12" + bytes([40 + len(TOKEN)]) + b"x" * 40 + TOKEN.encode()
    cases = {
        watch: [f'{{"type":"ERROR","object":{{"code":500,"message":{said}}}}}\n', f'{{"type":{said},"object":{{}}}}\n'],
        lists: [f'{{"kind":{said},"items":3}}', f"[{said}]"],
        metadata_lists: [f'{{"kind":"PodList","items":[{{"metadata":{said}}}]}}', protobuf.decode("latin-1")],
        may_list: [f'{{"status":{{"allowed":false,"reason":{said}}}}}', f'{{"status":{said}}}'],
    }
    for ask, bodies in cases.items():
        for body in bodies:
            with (
                RawServer(lambda _, body=body: iter([response(body.encode("latin-1"))])) as server,  # type: ignore[misc]
                Client(context(server)) as client,
                pytest.raises(ScopeError) as caught,
            ):
                ask(client)
            assert not planted(str(caught.value))
            assert len(str(caught.value)) < 700


def test_no_secret_is_in_the_ledger(dev: Cluster, sync: Syncer, inventory: Inventory) -> None:
    token = sync.client().context.secrets()[0]
    dev.seed("pods", [])
    sync()
    error = json.dumps({"type": "ERROR", "object": {"code": 500, "message": "x" * 290 + token}}).encode()
    dev.create("configmaps", {"metadata": {"generateName": "other-"}}, "default")
    dev.inject(Fault(verb="watch", body=error + b"\n"))
    sync(mode="delta")
    dev.inject(Fault(path="/pods$", status=403, body=json.dumps({"message": "x" * 290 + token}).encode()))
    sync()
    odd = {"metadata": {"name": f"n-{token}", "labels": 3}}
    listed = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "999999"}, "items": [odd]}
    dev.inject(Fault(path="/pods$", body=json.dumps(listed).encode()))
    sync(mode="full")
    told = json.dumps([(row["reason"], row["fallback"], row["warnings"]) for row in inventory.ledger()])
    assert "***" in told
    assert token not in told


def test_a_proxy_repeats_nothing() -> None:
    said = f"HTTP/1.1 {TOKEN * 20}\r\n\r\n".encode()
    with (
        RawServer(lambda _: iter([said])) as server,
        Client(context(server), retries=0) as client,
        pytest.raises(ScopeError) as caught,
    ):
        client.get("/api")
    assert not planted(str(caught.value))
    assert len(str(caught.value)) < 700


def tells(status: str, body: bytes, *headers: str) -> Iterator[bytes]:
    return iter([response(body, *headers, status=status)])


def test_each_further_try_is_a_line_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    body = json.dumps({"message": f"not now, {TOKEN}", "reason": "TooManyRequests"}).encode()
    with (
        RawServer(lambda _: tells("429 Too Many Requests", body, "Retry-After: 86400")) as server,
        Client(context(server), retries=2, retry_after_max=0.01) as client,
        pytest.raises(ScopeError, match=r"\(3 tries in 0 s; the server asked for 86400 s\)$"),
    ):
        client.get("/api/v1/pods")
    said = "now; the server asked for 86400 s: 429 (not now, ***)"
    assert [record.getMessage() for record in caplog.records] == [
        f"context 'dev': GET /api/v1/pods: try 2 of 3 {said}",
        f"context 'dev': GET /api/v1/pods: try 3 of 3 {said}",
    ]
    assert {record.name for record in caplog.records} == {"airflow_provider_k8s_inventory.kube.http.retrying"}


def test_a_refused_connection_is_a_line_each_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    nowhere = Context(name="dev", cluster_name="c", server="https://127.0.0.1:1", ca_data=authority().pem)
    with Client(nowhere, retries=2, backoff=0) as client, pytest.raises(ScopeError, match=r"\(3 tries in 0 s\)$"):
        client.get("/version")
    assert [record.getMessage() for record in caplog.records] == [
        "context 'dev': GET /version: try 2 of 3 now: connection refused",
        "context 'dev': GET /version: try 3 of 3 now: connection refused",
    ]


WEBHOOK = (
    'conversion webhook for example.com/v2, Kind=Widget failed: Post "https://widgets.widgets.svc:443/convert": EOF'
)


@pytest.mark.parametrize(
    ("status", "message", "words", "tries"),
    [
        ("500 E", WEBHOOK, "the conversion webhook of the CustomResourceDefinition widgets.example.com does not", 2),
        ("500 E", "Internal error: unable to transform key", "EncryptionConfiguration", 2),
        ("500 E", "etcdserver: request timed out", "look at etcd and its disks", 5),
        ("429 E", "storage is (re)initializing", "the API server has just started", 5),
        ("504 E", "unable to return a response in the time allotted", "page_size (--page-size)", 5),
        ("504 E", "request did not complete within the allotted timeout", "page_size (--page-size)", 5),
        ("429 E", "too many requests", "max_parallel_requests (--max-parallel-requests)", 5),
        ("500 E", "Internal error occurred: boom", "its log says more", 5),
        ("503 E", None, "look at its APIService", 5),
        ("502 E", None, "overloaded or not ready", 5),
    ],
)
def test_what_a_server_cannot_do_now_is_told_apart(status: str, message: str | None, words: str, tries: int) -> None:
    body = b"service unavailable" if message is None else json.dumps({"message": message, "reason": ""}).encode()
    with (
        RawServer(lambda _: tells(status, body)) as server,
        Client(server.context, backoff=0) as client,
        pytest.raises(ScopeError) as caught,
    ):
        client.get("/apis/example.com/v1/namespaces/shop/widgets")
    assert words in str(caught.value)
    assert (message or "service unavailable") in str(caught.value)
    assert len(server.requests) == tries
    assert caught.value.http_status == int(status.split()[0])


def test_a_conversion_webhook_that_is_down_fails_its_resource_only(
    dev: Cluster, sync: Syncer, inventory: Inventory
) -> None:
    dev.inject(Fault(path="/services$", status=500, body=json.dumps({"message": WEBHOOK}).encode(), times=None))
    assert sync("services").status == "failed"
    assert sync("namespaces").status == "success"
