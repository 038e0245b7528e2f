"""The plain Airflow way to the same rows: KubernetesHook's typed list, PostgresHook's insert_rows.

Written as a DAG author would who takes some care: page by page, a thousand rows at a time. It fills the same columns,
but for a `status` that is only the phase, and it would miss what was deleted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from airflow.providers.postgres.hooks.postgres import PostgresHook

from tests.benchmarks.model import Place

_KEY: Final = ["context_name", "uid"]
_PAGE_SIZE: Final = 500


def pods(place: Place, *, table: str) -> dict[str, Any]:
    """List all pods and write them; the Connections are in the environment."""
    core = KubernetesHook(cluster_context=place.context).core_v1_client
    rows = ({"context_name": place.context, **_row(core, pod)} for pod in _pods(core))
    first = next(rows)
    values = (tuple(row.values()) for row in itertools.chain([first], rows))
    hook: Any = PostgresHook("postgres_default")
    hook.insert_rows(table, values, list(first), replace=True, replace_index=_KEY)
    return {}


def _pods(core: Any) -> Iterator[Any]:
    token = None
    while True:
        page = core.list_pod_for_all_namespaces(limit=_PAGE_SIZE, _continue=token)
        yield from page.items
        token = page.metadata._continue
        if not token:
            return


def _row(core: Any, pod: Any) -> dict[str, Any]:
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    metadata.managed_fields = None
    owner = next((owner for owner in metadata.owner_references or () if owner.controller), None)
    statuses = status.container_statuses or ()
    now = datetime.now(UTC)
    return {
        "uid": metadata.uid,
        "namespace": metadata.namespace,
        "name": metadata.name,
        "labels": metadata.labels or {},
        "annotations": metadata.annotations or {},
        "owner_kind": owner and owner.kind,
        "owner_name": owner and owner.name,
        "owner_uid": owner and owner.uid,
        "resource_version": metadata.resource_version,
        "created_at": metadata.creation_timestamp,
        "deletion_timestamp": metadata.deletion_timestamp,
        "first_seen_at": now,
        "changed_at": now,
        "object": core.api_client.sanitize_for_serialization(pod),
        "status": status.phase,
        "phase": status.phase,
        "ready_containers": sum(each.ready for each in statuses),
        "containers": len(spec.containers),
        "restarts": sum(each.restart_count for each in statuses),
        "node_name": spec.node_name,
        "pod_ip": status.pod_ip,
        "host_ip": status.host_ip,
        "service_account": spec.service_account_name,
        "qos_class": status.qos_class,
        "priority_class": spec.priority_class_name,
        "started_at": status.start_time,
        # The hook makes JSON of every list, and this column is text[].
        "images": f"{{{','.join(container.image for container in spec.containers)}}}",
    }
