"""A long sync says now and then that it is under way."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_k8s_inventory.model import Scope
from airflow_provider_k8s_inventory.sync import progress
from airflow_provider_k8s_inventory.sync.progress import Progress
from airflow_provider_k8s_inventory.sync.recording import blank
from tests.kit.waiting import wait_until

SCOPE = Scope(context_name="dev", resource="pods")


def test_it_says_how_far_it_has_come(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    started = Progress(report=blank(SCOPE, "failed"), pages=3, objects=3000, bytes=17_400_000)
    with started.logged(every=0.01):
        wait_until(lambda: "dev · pods: under way" in caplog.text, "a line")
    assert "(full): 3 pages, 3000 objects, 17 MB so far" in caplog.text


def test_it_ends_with_the_sync(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(ValueError, match="it"), Progress(report=blank(SCOPE, "failed")).logged(every=3600):
        raise ValueError("it")


def test_where_nobody_reads_it_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with Progress(report=blank(SCOPE, "failed")).logged(every=3600):
        assert caplog.text == ""


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (48_000, "48 kB"), (2_000_000, "2.0 MB")]
)
def test_bytes_are_said_in_one_unit(count: int, said: str) -> None:
    assert progress.size(count) == said
