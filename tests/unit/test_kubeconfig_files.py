"""Which kubeconfig files are read, how several are merged, and what is said of files that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest

from airflow_provider_k8s_inventory.exceptions import KubeconfigError
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources import kubeconfig


def document(*names: str, server: str = "https://a.test", current: str = "") -> str:
    """A kubeconfig with contexts of these names, each with a cluster of its own."""
    lines = [f"current-context: {current!r}", "contexts:"]
    lines += [f"- {{name: {name}, context: {{cluster: {name}-cluster}}}}" for name in names]
    lines += ["clusters:"]
    lines += [f"- {{name: {name}-cluster, cluster: {{server: '{server}'}}}}" for name in names]
    return "\n".join(lines)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def test_the_files_of_the_environment_are_read_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = write(tmp_path / "1", document("dev")), write(tmp_path / "2", document("prod"))
    monkeypatch.setenv("KUBECONFIG", f"{first}{os.pathsep}{second}")
    found = kubeconfig.load()
    assert list(found.contexts) == ["dev", "prod"]
    assert found.source == f"kubeconfig {first}, kubeconfig {second}"


def test_files_of_the_environment_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "2", document("prod"))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}{os.pathsep}{os.pathsep}{path}")
    assert list(kubeconfig.load().contexts) == ["prod"]


def test_not_all_files_of_the_environment_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(KubeconfigError, match=r"KUBECONFIG names .*none, and there is no such file"):
        kubeconfig.load()


def test_the_home_folder_is_looked_at_when_the_environment_names_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / ".kube" / "config", document("home"))
    assert list(kubeconfig.load().contexts) == ["home"]


def test_without_any_kubeconfig_the_error_says_where_one_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(KubeconfigError, match=r"KUBECONFIG is not set, .*/\.kube/config does not exist.*not a pod"):
        kubeconfig.load()


def test_files_that_were_asked_for_must_exist(tmp_path: Path) -> None:
    path = write(tmp_path / "1", document("dev"))
    with pytest.raises(KubeconfigError, match=r"no kubeconfig .*none: there is no such file"):
        kubeconfig.load([path, tmp_path / "none"])


def test_a_tilde_in_a_path_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "mine", document("home"))
    assert list(kubeconfig.load(["~/mine"]).contexts) == ["home"]


def test_the_first_file_to_name_an_entry_has_it(tmp_path: Path) -> None:
    first = write(tmp_path / "1", document("dev", server="https://first.test"))
    second = write(tmp_path / "2", document("dev", "prod", server="https://second.test"))
    contexts = kubeconfig.load([first, second]).contexts
    assert [context.server for context in contexts.values()] == ["https://first.test", "https://second.test"]


KUBEADM = """
clusters: [{{name: kubernetes, cluster: {{server: 'https://{it}.test', certificate-authority: ca.crt}}}}]
contexts:
- {{name: {it}, context: {{cluster: kubernetes, user: kubernetes-admin}}}}
- {{name: kubernetes-admin@kubernetes, context: {{cluster: kubernetes, user: kubernetes-admin}}}}
users: [{{name: kubernetes-admin, user: {{token: token-of-{it}}}}}]
"""
"""As kubeadm writes it: the same names in every cluster."""


def test_entries_that_an_earlier_file_hides_are_a_warning_of_the_contexts_that_lose_by_it(tmp_path: Path) -> None:
    paths = [write(tmp_path / it, KUBEADM.format(it=it)) for it in ("prod", "dev")]
    prod, dev = (f"kubeconfig {path}" for path in paths)
    hidden = (
        f"cluster 'kubernetes' of {dev} is hidden by that of {prod}, which has other content; rename one of them",
        f"user 'kubernetes-admin' of {dev} is hidden by that of {prod}, which has other content; rename one of them",
    )
    name = "kubernetes-admin@kubernetes"
    assert {name: context.warnings for name, context in kubeconfig.load(paths).contexts.items()} == {
        "prod": (),
        name: (f"context {name!r} of {dev} is hidden by that of {prod}, which leads elsewhere", *hidden),
        "dev": hidden,
    }


def test_a_context_that_an_earlier_file_hides_is_a_warning(tmp_path: Path) -> None:
    first = write(tmp_path / "1", document("a", "b"))
    second = write(tmp_path / "2", "contexts: [{name: a, context: {cluster: b-cluster}}]")
    contexts = kubeconfig.load([first, second]).contexts
    words = f"context 'a' of kubeconfig {second} is hidden by that of kubeconfig {first}, which leads elsewhere"
    assert (contexts["a"].warnings, contexts["b"].warnings) == ((words,), ())


def test_a_hidden_entry_that_cannot_be_read_is_a_warning_too(tmp_path: Path) -> None:
    first = write(tmp_path / "1", document("a"))
    second = write(
        tmp_path / "2",
        "contexts: [{name: b, context: {cluster: a-cluster}}]\nclusters: [{name: a-cluster, cluster: text}]",
    )
    assert "cluster 'a-cluster'" in kubeconfig.load([first, second]).contexts["b"].warnings[0]


def test_entries_of_the_same_content_hide_nothing(tmp_path: Path) -> None:
    text = KUBEADM.format(it="prod")
    paths = [write(tmp_path / "1", text), write(tmp_path / "2", text.replace("server:", "proxy-url: null, server:"))]
    assert [context.warnings for context in kubeconfig.load(paths).contexts.values()] == [(), ()]


def test_relative_paths_make_the_same_content_another(tmp_path: Path) -> None:
    paths = [write(tmp_path / it / "config", KUBEADM.format(it="prod")) for it in ("one", "two")]
    assert "cluster 'kubernetes'" in " ".join(kubeconfig.load(paths).contexts["prod"].warnings)


def test_entries_of_the_same_name_are_not_mixed(tmp_path: Path) -> None:
    first = write(tmp_path / "1", "clusters: [{name: c, cluster: {server: 'https://first.test'}}]")
    second = write(
        tmp_path / "2",
        """
        contexts: [{name: dev, context: {cluster: c}}]
        clusters: [{name: c, cluster: {server: 'https://second.test', insecure-skip-tls-verify: true}}]
        """,
    )
    context = kubeconfig.load([first, second]).contexts["dev"]
    assert (context.server, context.insecure_skip_verify) == ("https://first.test", False)


def test_a_context_may_have_its_cluster_and_user_in_other_files(tmp_path: Path) -> None:
    contexts = write(tmp_path / "1", "contexts: [{name: dev, context: {cluster: c, user: u}}]")
    clusters = write(tmp_path / "2", "clusters: [{name: c, cluster: {server: 'https://c.test'}}]")
    users = write(tmp_path / "3", "users: [{name: u, user: {token: secret-token}}]")
    context = kubeconfig.load([contexts, clusters, users]).contexts["dev"]
    assert (context.server, context.credentials.authentication().authorization) == (
        "https://c.test",
        "Bearer secret-token",
    )


def test_the_current_context_is_the_first_that_is_set(tmp_path: Path) -> None:
    currents = {"a": "", "b": "b", "c": "c"}
    paths = [write(tmp_path / name, document(name, current=current)) for name, current in currents.items()]
    assert kubeconfig.load(paths).current == "b"


def test_relative_paths_are_relative_to_the_file_they_are_in(tmp_path: Path) -> None:
    first = write(tmp_path / "one" / "config", document("dev"))
    second = write(
        tmp_path / "two" / "config",
        """
        contexts: [{name: prod, context: {cluster: c}}]
        clusters: [{name: c, cluster: {server: 'https://c.test', certificate-authority: ../pki/ca.crt}}]
        """,
    )
    assert kubeconfig.load([first, second]).contexts["prod"].ca_file == str(tmp_path / "pki" / "ca.crt")


def test_relative_paths_hold_when_the_kubeconfig_was_named_relatively(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path / "config",
        """
        contexts: [{name: dev, context: {cluster: c}}]
        clusters: [{name: c, cluster: {server: 'https://c.test', certificate-authority: ca.crt}}]
        """,
    )
    monkeypatch.chdir(tmp_path)
    assert kubeconfig.load(["config"]).contexts["dev"].ca_file == str(tmp_path / "ca.crt")


def test_an_empty_file_among_others_counts_for_nothing(tmp_path: Path) -> None:
    paths = [write(tmp_path / "1", ""), write(tmp_path / "2", document("dev"))]
    assert list(kubeconfig.load(paths).contexts) == ["dev"]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "apiVersion: v1\nkind: Config\n", "contexts: null"])
def test_a_kubeconfig_without_contexts_is_an_error(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "config", text)
    with pytest.raises(KubeconfigError, match=r"config has no contexts; add one"):
        kubeconfig.load([path])


def test_broken_yaml_is_told_with_file_and_line_and_without_its_text(tmp_path: Path) -> None:
    path = write(tmp_path / "config", "users:\n- name: u\n  user:\n    token: secret-token\n   bad: [\n")
    with pytest.raises(KubeconfigError, match=rf"kubeconfig {path} is not YAML: line 5, column \d+") as caught:
        kubeconfig.load([path])
    assert "secret-token" not in str(caught.value)


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"\x80\x81\x82\x00")
    with pytest.raises(
        KubeconfigError, match=f"kubeconfig {path} is not YAML: line 1: it holds bytes that are no text"
    ):
        kubeconfig.load([path])


@pytest.mark.parametrize(
    ("text", "kind"), [("- a\n- b\n", "a list"), ("hello", "text"), ("1", "a number"), ("yes", "true or false")]
)
def test_a_file_that_is_no_mapping_is_an_error(tmp_path: Path, text: str, kind: str) -> None:
    path = write(tmp_path / "config", text)
    with pytest.raises(KubeconfigError, match=f"{path} is not a kubeconfig: it holds {kind}"):
        kubeconfig.load([path])


def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=f"kubeconfig {tmp_path} is a folder"):
        kubeconfig.load([tmp_path])


def test_a_file_that_cannot_be_opened_is_told_with_the_reason(tmp_path: Path) -> None:
    path = write(tmp_path / "config", "") / "below"
    with pytest.raises(KubeconfigError, match=f"kubeconfig {path} cannot be read: Not a directory"):
        kubeconfig.load([path])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told_with_the_reason(tmp_path: Path) -> None:
    path = write(tmp_path / "config", document("dev"))
    path.chmod(0)
    with pytest.raises(KubeconfigError, match=f"kubeconfig {path} cannot be read: Permission denied"):
        kubeconfig.load([path])


@pytest.mark.parametrize(
    "text",
    [
        '{"contexts": [{"name": "dev", "context": {"cluster": "c"}}],\t"clusters": [{"name": "c", "cluster": {"server": "https://c.test"}}]}',
        "contexts: [{name: dev, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'https://c.test'}}]",
    ],
    ids=["json with a tab", "yaml"],
)
def test_a_document_may_be_json_or_yaml(text: str) -> None:
    found = kubeconfig.parse(text, source="connection x")
    assert found.contexts["dev"].server == "https://c.test"
    assert found.source == "connection x"


def test_a_document_may_be_decoded_already() -> None:
    found = kubeconfig.parse(
        {
            "contexts": [{"name": "dev", "context": {"cluster": "c", "namespace": "team-a"}}],
            "clusters": [{"name": "c", "cluster": {"server": "https://c.test/"}}],
        },
        source="connection x",
    )
    context = found.contexts["dev"]
    assert (context.server, context.namespace, context.cluster_name) == ("https://c.test", "team-a", "c")


def test_a_broken_document_is_told_with_its_source() -> None:
    with pytest.raises(KubeconfigError, match="connection x is not YAML: line 2"):
        kubeconfig.parse("contexts:\n\t- dev", source="connection x")


@pytest.mark.parametrize("lost", ["", " ", "\\n"])
def test_yaml_that_lost_its_line_ends_is_told_with_what_to_give_instead(lost: str) -> None:
    text = "apiVersion: v1\ncontexts:\n- name: dev\n  context:\n    cluster: c\n".replace("\n", lost)
    with pytest.raises(
        KubeconfigError, match=r"connection x is not YAML: line 1, .* line of its own, or write it as JSON"
    ):
        kubeconfig.parse(text, source="connection x")


@pytest.mark.parametrize("text", ["/home/jane/.kube/config", '"{}"', "YXBpVmVyc2lvbjogdjE="])
def test_text_that_is_no_kubeconfig_is_told_with_what_to_give_instead(text: str) -> None:
    with pytest.raises(KubeconfigError, match=r"connection x is not a kubeconfig: it holds text; give .* -o json"):
        kubeconfig.parse(text, source="connection x")


def test_a_path_that_no_file_can_have_is_told() -> None:
    with pytest.raises(KubeconfigError, match="no file has NUL in its name"):
        kubeconfig.load(["a\0b"])


def test_reading_opens_no_connection_and_no_certificate(tmp_path: Path) -> None:
    path = write(
        tmp_path / "config",
        """
        contexts: [{name: dev, context: {cluster: c, user: u}}]
        clusters: [{name: c, cluster: {server: 'https://c.test', certificate-authority: missing.crt}}]
        users: [{name: u, user: {client-certificate: missing.crt, client-key: missing.key, tokenFile: missing}}]
        """,
    )
    Client(kubeconfig.load([path]).contexts["dev"]).close()
