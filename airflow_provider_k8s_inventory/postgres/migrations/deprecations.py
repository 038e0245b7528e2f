"""The view of the API versions in use that are deprecated, or gone with a later Kubernetes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.postgres.migrations.view import View

_REMOVED: Final[Mapping[str, Mapping[str, str]]] = {
    "1.16": {
        "apps/v1beta1": "deployments replicasets statefulsets",
        "apps/v1beta2": "daemonsets deployments replicasets statefulsets",
        "extensions/v1beta1": "daemonsets deployments networkpolicies podsecuritypolicies replicasets",
    },
    "1.22": {
        "admissionregistration.k8s.io/v1beta1": "mutatingwebhookconfigurations validatingwebhookconfigurations",
        "apiextensions.k8s.io/v1beta1": "customresourcedefinitions",
        "apiregistration.k8s.io/v1beta1": "apiservices",
        "certificates.k8s.io/v1beta1": "certificatesigningrequests",
        "coordination.k8s.io/v1beta1": "leases",
        "extensions/v1beta1": "ingresses",
        "networking.k8s.io/v1beta1": "ingressclasses ingresses",
        "rbac.authorization.k8s.io/v1beta1": "clusterrolebindings clusterroles rolebindings roles",
        "scheduling.k8s.io/v1beta1": "priorityclasses",
        "storage.k8s.io/v1beta1": "csidrivers csinodes storageclasses volumeattachments",
    },
    "1.25": {
        "autoscaling/v2beta1": "horizontalpodautoscalers",
        "batch/v1beta1": "cronjobs",
        "discovery.k8s.io/v1beta1": "endpointslices",
        "events.k8s.io/v1beta1": "events",
        "node.k8s.io/v1beta1": "runtimeclasses",
        "policy/v1beta1": "poddisruptionbudgets podsecuritypolicies",
    },
    "1.26": {
        "autoscaling/v2beta2": "horizontalpodautoscalers",
        "flowcontrol.apiserver.k8s.io/v1beta1": "flowschemas prioritylevelconfigurations",
    },
    "1.27": {"storage.k8s.io/v1beta1": "csistoragecapacities"},
    "1.29": {"flowcontrol.apiserver.k8s.io/v1beta2": "flowschemas prioritylevelconfigurations"},
    "1.32": {"flowcontrol.apiserver.k8s.io/v1beta3": "flowschemas prioritylevelconfigurations"},
}
"""The plurals by their API versions, by the Kubernetes that serves them no more.

https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""

# A sync reads a built-in resource in an older version only where the cluster serves no other: `row_format` names it.
_DEPRECATED: Final = """
WITH read AS (
    SELECT context_name, coalesce(known.name, scope.resource) AS resource,
        split_part(row_format, ' ', 3) AS api_version, sum(rows)::bigint AS rows
    FROM {k8s_scopes} AS scope
    LEFT JOIN (VALUES {names}) AS known (written, name) ON known.written = scope.resource
    WHERE row_format IS NOT NULL
    GROUP BY 1, 2, 3
), removed (api_version, resource, removed_in) AS (VALUES {removed}), definition AS (
    SELECT context_name, plural || '.' || group_name AS resource, group_name || '/' || version AS api_version,
        version = ANY (deprecated_versions) AS deprecated
    FROM {k8s_crds}
    CROSS JOIN LATERAL (
        SELECT unnest(deprecated_versions) AS version
        UNION SELECT stored FROM unnest(stored_versions) AS stored WHERE stored <> ALL (served_versions)
    ) AS each
    WHERE deleted_at IS NULL
)
SELECT read.context_name, read.api_version, read.resource, 'read' AS evidence, read.rows, removed.removed_in
FROM read JOIN removed USING (api_version, resource)
UNION ALL
SELECT service.context_name, removed.api_version, removed.resource, 'served', NULL, removed.removed_in
FROM {k8s_apiservices} AS service
JOIN removed ON removed.api_version = service.group_name || '/' || service.version
WHERE service.deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM read WHERE read.context_name = service.context_name AND read.api_version = removed.api_version
        AND read.resource = removed.resource
)
UNION ALL
SELECT definition.context_name, definition.api_version, definition.resource,
    CASE WHEN read.rows IS NOT NULL THEN 'read' WHEN deprecated THEN 'served' ELSE 'stored' END, read.rows, NULL
FROM definition LEFT JOIN read USING (context_name, api_version, resource)
"""


def deprecated_apis(schema: str) -> View:
    """Declare the view of a schema."""
    names = ("k8s_scopes", "k8s_crds", "k8s_apiservices")
    return View(
        name="k8s_deprecated_apis",
        query=sql.SQL(_DEPRECATED).format(
            names=_values((name, each.resource.name) for name, each in resources.CATALOGUE.items()),
            removed=_values(
                (api_version, _full(plural, api_version), release)
                for release, removed in _REMOVED.items()
                for api_version, plurals in removed.items()
                for plural in plurals.split()
            ),
            **{name: sql.Identifier(schema, name) for name in names},
        ),
        comment="The API versions in use that are deprecated, or that a later Kubernetes serves no more; in which one "
        "people write an object, it does not tell",
        columns={
            "context_name": "The kubeconfig context",
            "api_version": "The API version: policy/v1beta1",
            "resource": "The resource in full: poddisruptionbudgets.policy",
            "evidence": "read: rows were read in it, as the cluster serves or prefers no other; served: the cluster "
            "still serves it; stored: objects may be stored in it though the cluster serves it no more",
            "rows": "The rows that the last syncs read in it; NULL: none",
            "removed_in": "The Kubernetes that serves it no more: 1.25; NULL: a custom resource's, which does not say",
        },
    )


def _full(plural: str, api_version: str) -> str:
    return f"{plural}.{api_version.partition('/')[0]}"


def _values(rows: Iterable[tuple[str, ...]]) -> sql.Composed:
    """Write rows of texts as VALUES."""
    return sql.SQL(", ").join(sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Literal, row))) for row in rows)
