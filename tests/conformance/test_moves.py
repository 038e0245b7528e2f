"""The scopes that moved, as a server tells them: by metadata alone, and after a compaction too."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from airflow_provider_k8s_inventory.kube.moves import Moves
from airflow_provider_k8s_inventory.kube.sources import kubeconfig
from airflow_provider_k8s_inventory.kube.sources.contexts import Context
from airflow_provider_k8s_inventory.resources import signalling
from tests.kit.cluster import LiveCluster
from tests.kit.populating import add_service
from tests.kit.waiting import wait_until

RESOURCES = signalling.find(["services", "crds"])
SOON = 60
"""Seconds; only for tests that fail."""


def within(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, SOON))


def context_of(cluster: LiveCluster) -> Context:
    return kubeconfig.load([str(cluster.kubeconfig)]).context(cluster.context)


async def known(moves: Moves) -> None:
    """Wait until each watch knows where it begins: what comes then is told."""
    await asyncio.to_thread(wait_until, lambda: len(moves.since) == len(RESOURCES), "the first resourceVersions")


def test_what_moved_is_told_and_what_moved_behind_a_compaction_too(cluster: LiveCluster, namespace: str) -> None:
    async def story() -> list[Any]:
        moves = Moves()
        try:
            await moves.watch([context_of(cluster)], RESOURCES)
            await known(moves)
            await asyncio.to_thread(add_service, cluster, namespace, "first")
            await moves.wait(None)
            told = [moves.take().moved]
            await moves.close()
            await asyncio.to_thread(add_service, cluster, namespace, "second")
            await asyncio.to_thread(cluster.compact)
            await moves.watch([context_of(cluster)], RESOURCES)
            # What a server has forgotten may be anything, and is told resource by resource.
            while "services" not in told[-1].get(cluster.context, ()) or len(told) == 1:
                await moves.wait(None)
                told.append(moves.take().moved)
            return told
        finally:
            await moves.close()

    assert within(story())[0] == {cluster.context: ["services"]}
