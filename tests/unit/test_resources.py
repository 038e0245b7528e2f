"""The catalogue: names people may write, and declarations that fit together."""

from __future__ import annotations

import msgspec
import pytest

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UnknownResourceError, UsageError
from airflow_provider_k8s_inventory.model import Definition, Table
from airflow_provider_k8s_inventory.resources.shared import address, own_columns

each_definition = pytest.mark.parametrize("definition", resources.CATALOGUE.values(), ids=resources.CATALOGUE)
each_table = pytest.mark.parametrize("table", resources.TABLES, ids=lambda table: table.name)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("pods", "pods"),
        ("pod", "pods"),
        ("po", "pods"),
        ("PODS", "pods"),
        (" pods ", "pods"),
        ("deploy", "deployments"),
        ("deployments.apps", "deployments"),
        ("svc", "services"),
        ("ns", "namespaces"),
        ("no", "nodes"),
        ("cluster", "clusters"),
        ("crd", "crds"),
        ("customresourcedefinitions.apiextensions.k8s.io", "crds"),
        ("certificates.cert-manager.io", "certificates.cert-manager.io"),
        ("Certificates.Cert-Manager.io", "certificates.cert-manager.io"),
        ("pods.", "pods"),
        ("po.v1.", "pods"),
        ("deployments.v1.apps", "deployments"),
        ("Deploy.apps", "deployments"),
        ("ing", "ingresses"),
        ("ingresses", "ingresses"),
        ("ingress.networking.k8s.io", "ingresses"),
        ("STS", "statefulsets"),
        ("cj", "cronjobs"),
        ("cm", "configmaps"),
        ("configmaps.v1.", "configmaps"),
        ("ev", "events"),
        ("events.events.k8s.io", "events"),
        ("ev.v1.events.k8s.io", "events"),
        ("certificates.v1alpha2.cert-manager.io", "certificates.cert-manager.io"),
        ("clusters.cluster.x-k8s.io", "clusters.cluster.x-k8s.io"),
        ("secrets.example.com", "secrets.example.com"),
    ],
)
def test_a_resource_is_known_by_what_kubectl_calls_it(written: str, name: str) -> None:
    assert resources.canonical(written) == name
    assert resources.asked(written).certain


@pytest.mark.parametrize("written", ["cert", "podz", "widgets", "Widgets."])
def test_what_only_a_cluster_can_know_is_taken_as_it_is(written: str) -> None:
    assert resources.asked(written) == (written.lower().rstrip("."), None)
    assert not resources.asked(written).certain


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("certificates.v1alpha2.cert-manager.io", "certificates.v1alpha2.cert-manager.io"),
        ("pods.v1.", "pods"),
        ("hpa", "horizontalpodautoscalers"),
    ],
)
def test_a_version_that_was_asked_for_is_kept(written: str, kept: str) -> None:
    assert str(resources.asked(written)) == kept
    assert str(resources.asked(kept)) == kept


@pytest.mark.parametrize("written", ["pods.v2.", "deployments.v1beta1.apps", "crds.v1beta1.apiextensions.k8s.io"])
def test_a_table_of_its_own_is_made_for_one_version(written: str) -> None:
    with pytest.raises(UnknownResourceError, match=r"is made for .*v1: leave the version out"):
        resources.canonical(written)


@pytest.mark.parametrize(
    "written", ["secrets", "secret", "Secret", " SECRETS ", "secrets.", "secrets.v1.", "secret.v1"]
)
def test_secrets_are_a_resource_by_their_name(written: str) -> None:
    assert resources.canonical(written) == "secrets"


@pytest.mark.parametrize(
    "written",
    ["", ".", ".example.com", "widgets..com", "a/b.example.com", "w.example.com/../x", "pods,nodes", "a b", "-a", "é"],
)
def test_what_no_cluster_can_serve_is_refused_with_what_is_known(written: str) -> None:
    with pytest.raises(UnknownResourceError, match="cannot be a resource") as refused:
        resources.canonical(written)

    assert all(name in str(refused.value) for name in resources.CATALOGUE)
    assert isinstance(refused.value, UsageError)


def test_what_stands_below_an_object_is_no_resource() -> None:
    with pytest.raises(UnknownResourceError, match=r"what stands below an object \(pods/log\)"):
        resources.canonical("pods/log")


@pytest.mark.parametrize("glob", ["*", "*.APPS", "s[!e]*", "ing?*"])
def test_a_glob_stays_as_it_is(glob: str) -> None:
    assert resources.canonical(glob) == glob.lower()


@pytest.mark.parametrize("glob", ["*/log", "pods *", "{a,b}*"])
def test_a_glob_that_can_match_nothing_is_refused(glob: str) -> None:
    with pytest.raises(UnknownResourceError, match="matches no resource"):
        resources.canonical(glob)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("!events", "!events"),
        (" !EV ", "!events"),
        ("! ing", "!ingresses"),
        ("!Deployment.apps", "!deployments"),
        ("!pods.v1.", "!pods"),
        ("!cert", "!cert"),
        ("!certificates.v1.cert-manager.io", "!certificates.cert-manager.io"),
        ("!secrets", "!secrets"),
        ("!Secr*", "!secr*"),
        ("![!s]*", "![!s]*"),
        ("!*.metrics.k8s.io", "!*.metrics.k8s.io"),
        ("!RBAC", "!rbac"),
    ],
)
def test_an_exclusion_is_a_name_a_glob_or_a_group_behind_a_mark(written: str, name: str) -> None:
    assert str(resources.asked(written)) == name
    assert resources.canonical(name) == name
    assert resources.is_exclusion(name)
    assert not resources.is_glob(name)


@pytest.mark.parametrize("written", ["!", "!!events", "!!*", "!po ds", "!pods/log", "!pods.v2.", "!a,b*"])
def test_an_exclusion_of_what_can_be_no_resource_is_refused_as_it_is_written(written: str) -> None:
    with pytest.raises(UnknownResourceError) as refused:
        resources.canonical(written)

    assert repr(written) in str(refused.value)


@pytest.mark.parametrize("group", resources.GROUPS)
def test_a_group_stands_for_resources_of_the_catalogue_each_once(group: str) -> None:
    members = resources.GROUPS[group]

    assert set(members) <= set(resources.CATALOGUE)
    assert len(set(members)) == len(members)
    assert resources.canonical(f" {group.upper()} ") == group
    assert resources.is_glob(group)
    assert {name for name in resources.CATALOGUE if resources.matches(group, name)} == set(members)


def test_no_group_is_called_as_a_resource_is() -> None:
    called = {*resources.NAMES, *resources.FULL_NAMES}
    kinds = {definition.resource.kind.lower() for definition in resources.CATALOGUE.values()}

    assert resources.GROUPS.keys().isdisjoint(called | kinds)


def test_no_group_means_secrets() -> None:
    assert [group for group in resources.GROUPS if resources.matches(group, "secrets")] == []


def test_a_group_has_no_version_but_a_custom_resource_of_that_kind_has_its_own_name() -> None:
    with pytest.raises(UnknownResourceError, match=r"'network\.v1': network is a group of resources"):
        resources.canonical("network.v1")

    assert resources.canonical("policies.example.com") == "policies.example.com"
    assert resources.canonical("network.v1.example.com") == "network.example.com"
    assert not resources.matches("policy", "policies.example.com")


def test_the_six_resources_of_the_replaced_system_are_the_default() -> None:
    assert resources.DEFAULT == ("clusters", "namespaces", "pods", "deployments", "services", "crds")
    assert set(resources.DEFAULT) <= set(resources.CATALOGUE)


def test_no_two_resources_share_a_table_or_an_alias() -> None:
    definitions = resources.CATALOGUE.values()
    aliases = [alias for definition in definitions for alias in (definition.name, *definition.aliases)]

    assert len({definition.table.name for definition in definitions}) == len(resources.CATALOGUE)
    assert len(set(aliases)) == len(aliases)


@each_definition
def test_what_is_read_of_an_empty_object_fits_the_table(definition: Definition) -> None:
    written = [column for column in own_columns(definition.table) if column.extracted]
    minimum = {"clusters": b'{"spec":{"clusterName":"c","server":"s","insecureSkipVerify":false}}'}
    decoded = msgspec.json.decode(minimum.get(definition.name, b"{}"), type=definition.type)

    assert len(definition.extract(decoded)) == len(written)


@each_definition
def test_a_table_has_the_namespace_of_its_objects(definition: Definition) -> None:
    assert definition.table.namespaced is definition.resource.namespaced


@each_table
def test_a_tables_columns_have_different_names_and_a_comment_each(table: Table) -> None:
    names = [column.name for column in table.columns]

    assert len(set(names)) == len(names)
    assert all(column.comment for column in table.columns)
    assert table.comment


@each_table
def test_an_index_is_on_columns_that_exist(table: Table) -> None:
    names = {column.name for column in table.columns}

    assert all(set(index.columns) <= names for index in table.indexes)


@pytest.mark.parametrize("written", [None, "", "None"])
def test_no_address_is_none(written: str | None) -> None:
    assert address(written) is None


def test_an_address_is_kept_as_it_is_written() -> None:
    assert address("10.0.0.1/24") == "10.0.0.1/24"


@each_table
def test_what_a_person_looks_for_comes_first_and_the_object_last(table: Table) -> None:
    own, after = own_columns(table), [column.name for column in table.columns].index("name") + 1

    assert table.columns[after : after + len(own)] == own
    assert table.columns[-1].name == "object"
