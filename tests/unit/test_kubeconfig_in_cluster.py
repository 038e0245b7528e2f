"""The cluster of the pod we run in, by its service account."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_k8s_inventory.exceptions import KubeconfigError
from airflow_provider_k8s_inventory.kube.sources import kubeconfig


@pytest.fixture
def service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a service account, in a process that is told it is in a pod."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", tmp_path)
    (tmp_path / "token").write_text("first-token\n")
    (tmp_path / "ca.crt").write_text("PEM")
    (tmp_path / "namespace").write_text("airflow")
    return tmp_path


def test_the_pod_is_the_one_context(service_account: Path) -> None:
    found = kubeconfig.in_cluster()
    assert (list(found.contexts), found.current) == (["in-cluster"], "in-cluster")
    context = found.contexts["in-cluster"]
    assert (context.server, context.namespace) == ("https://10.0.0.1:443", "airflow")
    assert context.ca_file == str(service_account / "ca.crt")


@pytest.mark.usefixtures("service_account")
def test_the_pod_counts_when_there_is_no_kubeconfig() -> None:
    assert list(kubeconfig.load().contexts) == ["in-cluster"]


@pytest.mark.usefixtures("service_account")
def test_an_ipv6_address_gets_its_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    assert kubeconfig.in_cluster().contexts["in-cluster"].server == "https://[fd00::1]:443"


@pytest.mark.parametrize(
    ("content", "namespace"), [(b"M\xfcller", "M\N{REPLACEMENT CHARACTER}ller"), (b"", None), (None, None)]
)
def test_a_namespace_that_cannot_be_read_is_no_reason_to_fail(
    service_account: Path, content: bytes | None, namespace: str | None
) -> None:
    (service_account / "namespace").unlink()
    if content is None:
        (service_account / "namespace").mkdir()
    else:
        (service_account / "namespace").write_bytes(content)
    assert kubeconfig.in_cluster().contexts["in-cluster"].namespace == namespace


def test_the_token_is_read_again_for_every_request(service_account: Path) -> None:
    credentials = kubeconfig.in_cluster().contexts["in-cluster"].credentials
    before = credentials.authentication().authorization
    (service_account / "token").write_text("second-token\n")
    assert (before, credentials.authentication().authorization) == ("Bearer first-token", "Bearer second-token")


def test_without_ca_or_namespace_those_are_left_open(service_account: Path) -> None:
    (service_account / "ca.crt").unlink()
    (service_account / "namespace").unlink()
    context = kubeconfig.in_cluster().contexts["in-cluster"]
    assert (context.ca_file, context.namespace) == (None, None)


@pytest.mark.usefixtures("service_account")
@pytest.mark.parametrize("missing", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
def test_without_the_variables_it_is_no_pod(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(KubeconfigError, match="not a pod with a service account"):
        kubeconfig.in_cluster()


def test_without_a_token_it_is_no_pod(service_account: Path) -> None:
    (service_account / "token").unlink()
    with pytest.raises(KubeconfigError, match="not a pod with a service account"):
        kubeconfig.in_cluster()
