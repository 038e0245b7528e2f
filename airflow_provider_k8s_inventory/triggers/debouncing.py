"""Make few signals of many moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_k8s_inventory.kube.moves import Moves, Signal


async def signals(moves: Moves, *, window: float, longest: float) -> AsyncGenerator[Signal, None]:
    """Yield one signal a window, in which moves are gathered; while they go on, each window is twice as long.

    When moves that took several signals have ended, the last signal comes once more. For Airflow takes a signal that
    comes while another one waits for a run to end for no reason to start a further run: its events wait for the next
    (``AssetManager`` and ``AssetDagRunQueue`` of Airflow 3.1 to 3.3).

    :param window: seconds of the first window.
    :param longest: seconds of a window, at most.
    """
    pause, in_a_row = window, 0
    last: Signal | None = None
    while True:
        if not await moves.wait(pause if in_a_row else None):
            if in_a_row > 1 and last is not None:
                yield last._replace(problem=None)
            pause, in_a_row = window, 0
            continue
        await asyncio.sleep(pause)
        last = moves.take()
        yield last
        in_a_row += 1
        if in_a_row > 1:
            pause = min(pause * 2, longest)
