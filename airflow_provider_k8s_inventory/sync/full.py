"""Read a scope whole: every object that there is."""

from __future__ import annotations

import logging
from typing import Final

from airflow_provider_k8s_inventory.exceptions import ExpiredError, NotServedError
from airflow_provider_k8s_inventory.postgres import loading
from airflow_provider_k8s_inventory.postgres.statements import NOT_STAGED
from airflow_provider_k8s_inventory.sync import reading
from airflow_provider_k8s_inventory.sync.ahead import ahead
from airflow_provider_k8s_inventory.sync.work import Work

log = logging.getLogger(__name__)

MAX_RESTARTS: Final = 3
"""How often a list whose snapshot expired is started again."""


def read(work: Work) -> str | None:
    """Make the rows what a complete list says.

    :returns: why there is nothing, when the cluster is proven not to serve the resource.
    :raises ScopeError: when the answer does not get complete.
    """
    tally = work.tally
    tally.mode = "full"
    loading.stage(work.cursor, work.target)
    absence = _stage(work)
    # Before the merge, so that the guard weighs what is gone against what was there, not against what is new.
    work.remove(NOT_STAGED)
    merged = work.merge()
    if merged.duplicates:
        tally.seen -= merged.duplicates
        tally.warnings.append(f"{merged.duplicates} objects came more than once in one list; the last one counts")
    return absence


def _stage(work: Work) -> str | None:
    tally = work.tally
    for _ in range(MAX_RESTARTS):
        reader = work.reader()
        tally.pages = tally.seen = 0
        tally.resource_version = None
        try:
            for page in ahead(work.answer.pages()):
                tally.took(page)
                tally.seen += len(page.items)
                tally.resource_version = page.resource_version or None
                loading.copy(work.cursor, work.target, reader.rows(page))
        except ExpiredError as error:
            log.info("%s; starting the list again", error)
            loading.restart(work.cursor)
            continue
        except NotServedError:
            loading.restart(work.cursor)
            tally.seen, tally.resource_version = 0, None
            return reading.prove_absent(work.client, work.answer.definition.resource)
        tally.warnings.extend(reader.warnings)
        return None
    raise ExpiredError(
        f"context {work.client.context.name}: the list of {work.answer.definition.name} expired {MAX_RESTARTS} times "
        "before its end; nothing was changed: try a bigger page size"
    )
