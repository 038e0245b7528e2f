"""The cluster of the pod we run in, by its service account."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_k8s_inventory.exceptions import KubeconfigError
from airflow_provider_k8s_inventory.kube import incluster, kubeconfig

ENVIRON = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("first-token\n")
    (tmp_path / "ca.crt").write_text("PEM")
    (tmp_path / "namespace").write_text("airflow")
    return tmp_path


def test_the_pod_is_the_one_context(account: Path) -> None:
    found = incluster.kubeconfig(ENVIRON, account)
    assert found is not None
    assert (list(found.contexts), found.current) == (["in-cluster"], "in-cluster")
    context = found.contexts["in-cluster"]
    assert (context.server, context.namespace) == ("https://10.0.0.1:443", "airflow")
    assert context.ca_file == str(account / "ca.crt")


def test_an_ipv6_address_gets_its_brackets(account: Path) -> None:
    found = incluster.kubeconfig(ENVIRON | {"KUBERNETES_SERVICE_HOST": "fd00::1"}, account)
    assert found is not None
    assert found.contexts["in-cluster"].server == "https://[fd00::1]:443"


def test_the_token_is_read_again_for_every_request(account: Path) -> None:
    found = incluster.kubeconfig(ENVIRON, account)
    assert found is not None
    credentials = found.contexts["in-cluster"].credentials
    before = credentials.proof().authorization
    (account / "token").write_text("second-token\n")
    assert (before, credentials.proof().authorization) == ("Bearer first-token", "Bearer second-token")


def test_without_ca_or_namespace_those_are_left_open(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token")
    found = incluster.kubeconfig(ENVIRON, tmp_path)
    assert found is not None
    assert (found.contexts["in-cluster"].ca_file, found.contexts["in-cluster"].namespace) == (None, None)


@pytest.mark.parametrize("missing", ENVIRON)
def test_without_the_variables_it_is_no_pod(account: Path, missing: str) -> None:
    assert incluster.kubeconfig({**ENVIRON, missing: ""}, account) is None


def test_without_a_token_it_is_no_pod(tmp_path: Path) -> None:
    assert incluster.kubeconfig(ENVIRON, tmp_path) is None


def test_asking_for_the_pod_elsewhere_is_an_error() -> None:
    with pytest.raises(KubeconfigError, match="not a pod with a service account"):
        kubeconfig.in_cluster()
