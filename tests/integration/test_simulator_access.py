"""A simulated server knows its users by token or certificate, and lets each do what its rules say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from k8s_inventory_demo.simulator import Cluster, Rule, Simulator, User

from tests.kit.objects import pod
from tests.kit.served import Object, Served, serve

READER = User(
    name="reader",
    groups=("readers",),
    allowed=(
        Rule(verbs=("get", "list"), resources=("pods", "*.apps"), namespaces=("default",)),
        Rule(verbs=("list",), resources=("nodes",)),
    ),
)
CAREFUL = User(name="careful", token="given", denied=(Rule(resources=("secrets",)),))


@pytest.fixture
def api() -> Iterator[Served]:
    cluster = Cluster("dev", users=[User(name="admin"), READER, CAREFUL])
    cluster.create("pods", pod("web"))
    with serve(cluster) as served:
        yield served


def may(api: Served, user: str, **attributes: str) -> bool:
    """What the server answers to a SelfSubjectAccessReview."""
    review = {"kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
    answer = api.write("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, user=user)
    return bool(answer["status"]["allowed"])


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic YTpi", "Bearer"])
def test_without_credentials_that_are_known_nothing_is_said(api: Served, authorization: str) -> None:
    answer = api.send("GET", "/version", headers={"Authorization": authorization})
    assert (answer.status, answer.json()["reason"], answer.json()["message"]) == (401, "Unauthorized", "Unauthorized")


def test_a_token_can_be_given(api: Served) -> None:
    assert api.send("GET", "/version", headers={"Authorization": "Bearer given"}).status == 200


def test_a_token_ends_with_the_user_it_was_for(api: Served) -> None:
    old = api.simulator.token("dev", "careful")
    api.cluster.add_user(User(name="careful", token="another"))
    assert api.send("GET", "/version", headers={"Authorization": f"Bearer {old}"}).status == 401
    assert api.send("GET", "/version", user="careful").status == 200


@pytest.mark.parametrize(("user", "code"), [("admin", 200), ("reader", 403), ("stranger", 403)])
def test_a_certificate_proves_its_user(api: Served, tmp_path: Path, user: str, code: int) -> None:
    pool = api.pool(tmp_path, user)
    assert pool.request("GET", f"{api.simulator.url('dev')}/api/v1/secrets").status == code
    assert api.cluster.requests[-1].user == user


def test_a_certificate_of_another_authority_is_refused(api: Served, tmp_path: Path) -> None:
    with Simulator([Cluster("other")]) as other:
        foreign = other.client_certificate("other", "admin").write(tmp_path, "foreign")
        context_pool = api.pool(tmp_path, "admin")
        context_pool.connection_pool_kw["ssl_context"].load_cert_chain(str(foreign.kept_as), str(foreign.key_kept_as))
        with pytest.raises(urllib3.exceptions.HTTPError):
            context_pool.request("GET", f"{api.simulator.url('dev')}/version")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_its_own_certificate_is_good_for_its_names(api: Served, host: str) -> None:
    url = api.simulator.url("dev").replace("127.0.0.1", host)
    assert api.pool().request("GET", f"{url}/version").status == 401


def test_its_own_certificate_is_good_for_nobody_else(api: Served) -> None:
    with Simulator([Cluster("other")]) as other, pytest.raises(urllib3.exceptions.SSLError):
        api.pool().request("GET", f"{other.url('other')}/version")


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        (
            "GET",
            "/api/v1/pods",
            'pods is forbidden: User "reader" cannot list resource "pods" in API group "" at the cluster scope',
        ),
        (
            "GET",
            "/api/v1/namespaces/kube-system/pods",
            'pods is forbidden: User "reader" cannot list resource "pods" in API group "" '
            'in the namespace "kube-system"',
        ),
        (
            "DELETE",
            "/apis/apps/v1/namespaces/default/deployments/web",
            'deployments.apps "web" is forbidden: User "reader" cannot delete resource "deployments" '
            'in API group "apps" in the namespace "default"',
        ),
        (
            "GET",
            "/api/v1/pods?watch=1",
            'pods is forbidden: User "reader" cannot watch resource "pods" in API group "" at the cluster scope',
        ),
    ],
)
def test_what_is_not_allowed_is_forbidden_in_the_real_words(api: Served, method: str, path: str, message: str) -> None:
    status = api.write(method, path, user="reader")
    assert (status["code"], status["reason"], status["message"]) == (403, "Forbidden", message)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/default/pods",
        "/api/v1/namespaces/default/pods/web",
        "/apis/apps/v1/namespaces/default/replicasets",
        "/api/v1/nodes",
        "/apis",
    ],
)
def test_what_is_allowed_is_done(api: Served, path: str) -> None:
    assert api.send("GET", path, user="reader").status == 200


def test_a_denial_takes_away_from_what_is_allowed(api: Served) -> None:
    assert api.send("GET", "/api/v1/secrets", user="careful").status == 403
    assert api.send("GET", "/api/v1/configmaps", user="careful").status == 200


def test_reviews_agree_with_the_rules(api: Served) -> None:
    assert may(api, "reader", verb="list", resource="pods", namespace="default")
    assert may(api, "reader", verb="get", group="apps", resource="deployments", namespace="default")
    assert not may(api, "reader", verb="list", resource="pods")
    assert not may(api, "reader", verb="watch", resource="nodes")
    assert not may(api, "careful", verb="list", resource="secrets")
    assert may(api, "careful", verb="*", resource="pods")


def test_a_review_of_a_path_is_allowed(api: Served) -> None:
    review: Object = {"spec": {"nonResourceAttributes": {"path": "/version", "verb": "get"}}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert api.write("POST", path, review)["status"]["allowed"] is True
    assert api.write("POST", path, {"spec": {}})["code"] == 422


def test_a_user_can_ask_who_it_is(api: Served) -> None:
    answer = api.write("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, user="reader")
    groups = ["readers", "system:authenticated"]
    assert answer["status"]["userInfo"] == {"username": "reader", "groups": groups}
