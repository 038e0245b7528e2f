"""Choosing contexts by name and glob."""

from __future__ import annotations

import pytest

from airflow_provider_k8s_inventory.exceptions import UnknownContextError
from airflow_provider_k8s_inventory.kube.sources.contexts import Context, Kubeconfig
from airflow_provider_k8s_inventory.kube.sources.kubeconfig import select


def kubeconfig(*names: str) -> Kubeconfig:
    contexts = {name: Context(name=name, cluster_name=name, server="https://a.test") for name in names}
    return Kubeconfig(contexts=contexts, current=None, source="kubeconfig /x")


FLEET = kubeconfig("prod-eu", "dev", "prod-us", "arn:aws:eks:eu-west-1:1:cluster/shop", "odd[1]")


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ((), (), ["prod-eu", "dev", "prod-us", "arn:aws:eks:eu-west-1:1:cluster/shop", "odd[1]"]),
        (("dev",), (), ["dev"]),
        (("prod-us", "prod-eu"), (), ["prod-eu", "prod-us"]),
        (("prod-*",), (), ["prod-eu", "prod-us"]),
        (("prod-*", "dev", "prod-eu"), (), ["prod-eu", "dev", "prod-us"]),
        (("*eks*",), (), ["arn:aws:eks:eu-west-1:1:cluster/shop"]),
        (("prod-?s",), (), ["prod-us"]),
        (("odd[1]",), (), ["odd[1]"]),
        ((), ("prod-*", "arn:*", "odd*"), ["dev"]),
        (("prod-*",), ("prod-eu",), ["prod-us"]),
        (("dev",), ("nothing-like-it",), ["dev"]),
    ],
)
def test_contexts_come_in_the_order_of_the_kubeconfig(
    include: tuple[str, ...], exclude: tuple[str, ...], expected: list[str]
) -> None:
    assert [context.name for context in select(FLEET, include, exclude)] == expected


def test_an_unknown_name_is_told_with_those_that_exist_the_nearest_first() -> None:
    with pytest.raises(UnknownContextError, match=r"no context 'prod-uk' in kubeconfig /x; it has prod-eu, prod-us, "):
        select(FLEET, ["dev", "prod-uk"])


@pytest.mark.parametrize("pattern", ["stage-*", "DEV", "de"])
def test_what_matches_nothing_is_an_error(pattern: str) -> None:
    with pytest.raises(UnknownContextError, match="no context"):
        select(FLEET, [pattern])


def test_a_fleet_is_not_listed_whole() -> None:
    fleet = kubeconfig(*(f"cluster-{number}" for number in range(100)))
    with pytest.raises(UnknownContextError, match=r"and 80 more$"):
        select(fleet, ["prod"])


def test_excluding_everything_is_an_error() -> None:
    with pytest.raises(UnknownContextError, match="no context of kubeconfig /x is left: dev excludes every one"):
        select(FLEET, ["dev"], ["dev"])
