"""Ask many clusters at once whether they respond, for the Test button of Airflow's connection form."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from airflow_provider_k8s_inventory.exceptions import InventoryError
from airflow_provider_k8s_inventory.kube import access
from airflow_provider_k8s_inventory.kube.http.client import Client
from airflow_provider_k8s_inventory.kube.sources.contexts import Context

CONNECT: Final = 3
"""Seconds: somebody sits before the form and waits."""
READ: Final = 5
"""Seconds."""
ALTOGETHER: Final = 15
"""Seconds after which whoever has not responded counts as silent."""
_AT_ONCE: Final = 32
_SHOWN: Final = 10
"""Contexts the message names: of more, those that do not respond come first."""


def probe(contexts: Sequence[Context]) -> tuple[bool, str]:
    """Ask every context who we are to it.

    :returns: whether all respond, and what each said: ``dev ✓ admin; prod ✗ connection refused``.
    """
    executor = ThreadPoolExecutor(min(_AT_ONCE, len(contexts)), "k8s-inventory-test")
    try:
        asked = {context.name: executor.submit(_who, context) for context in contexts}
        wait(asked.values(), timeout=ALTOGETHER)
        said = [(name, *_outcome(future)) for name, future in asked.items()]
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
    return all(good for _, good, _ in said), _message(said)


def _who(context: Context) -> str:
    with Client(
        context, connect_timeout=CONNECT, read_timeout=READ, request_timeout=CONNECT + READ, retries=0
    ) as client:
        return access.who_am_i(client)


def _outcome(future: Future[str]) -> tuple[bool, str]:
    if not future.done():
        return False, f"no response within {ALTOGETHER} s"
    error = future.exception()
    if error is None:
        return True, future.result()
    if not isinstance(error, InventoryError):
        raise error
    return False, str(error)


def _message(said: Sequence[tuple[str, bool, str]]) -> str:
    shown = list(said)
    if len(said) > _SHOWN:
        shown = sorted(said, key=lambda each: each[1])[:_SHOWN]
    lines = [f"{name} {'✓' if good else '✗'} {text}" for name, good, text in shown]
    if len(said) > _SHOWN:
        responding = sum(good for _, good, _ in said)
        lines.insert(0, f"{responding} of {len(said)} contexts respond")
    return "; ".join(lines)
