"""The plain Airflow way to the same rows: KubernetesHook's typed list, PostgresHook's insert_rows.

Written as a DAG author would who takes some care: page by page, a thousand rows at a time. It fills the same columns,
but for a `status` that is only the phase, and it would miss what was deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from airflow.providers.postgres.hooks.postgres import PostgresHook

from tests.benchmarks.model import Place

COLUMNS: Final = (
    "context_name uid namespace name labels annotations owner_kind owner_name owner_uid resource_version created_at "
    "deletion_timestamp first_seen_at changed_at object status phase ready_containers containers restarts node_name "
    "pod_ip host_ip service_account qos_class priority_class started_at images"
).split()
_KEY: Final = ["context_name", "uid"]
_PAGE_SIZE: Final = 500


def pods(place: Place, *, table: str) -> dict[str, Any]:
    """List all pods and write them; the Connections are in the environment."""
    core = KubernetesHook(cluster_context=place.context).core_v1_client
    rows = (_row(core, pod, place.context) for pod in _pods(core))
    PostgresHook("postgres_default").insert_rows(table, rows, COLUMNS, replace=True, replace_index=_KEY)
    return {}


def _pods(core: Any) -> Iterator[Any]:
    token = None
    while True:
        page = core.list_pod_for_all_namespaces(limit=_PAGE_SIZE, _continue=token)
        yield from page.items
        token = page.metadata._continue
        if not token:
            return


def _row(core: Any, pod: Any, context: str) -> tuple[Any, ...]:
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    metadata.managed_fields = None
    owner = next((owner for owner in metadata.owner_references or () if owner.controller), None)
    statuses = status.container_statuses or ()
    now = datetime.now(UTC)
    return (
        context,
        metadata.uid,
        metadata.namespace,
        metadata.name,
        metadata.labels or {},
        metadata.annotations or {},
        owner and owner.kind,
        owner and owner.name,
        owner and owner.uid,
        metadata.resource_version,
        metadata.creation_timestamp,
        metadata.deletion_timestamp,
        now,
        now,
        core.api_client.sanitize_for_serialization(pod),
        status.phase,
        status.phase,
        sum(each.ready for each in statuses),
        len(spec.containers),
        sum(each.restart_count for each in statuses),
        spec.node_name,
        status.pod_ip,
        status.host_ip,
        spec.service_account_name,
        status.qos_class,
        spec.priority_class_name,
        status.start_time,
        # The hook makes JSON of every list, and this column is text[].
        f"{{{','.join(container.image for container in spec.containers)}}}",
    )
