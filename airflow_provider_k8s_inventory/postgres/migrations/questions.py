"""The views that answer what people ask on the first day. They show live rows only, of all contexts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, LiteralString

from psycopg import sql

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.postgres.migrations import summaries
from airflow_provider_k8s_inventory.postgres.migrations.view import View

_CONTEXT: Final = {"context_name": "The kubeconfig context"}

# The rules by which containerd reads a name: https://pkg.go.dev/github.com/distribution/reference#ParseNormalizedNamed
_IMAGES: Final = """
SELECT image.written AS image,
    CASE WHEN image.hosted THEN split_part(image.named, '/', 1) ELSE 'docker.io' END AS registry,
    CASE WHEN image.hosted THEN substr(image.named, strpos(image.named, '/') + 1)
        WHEN strpos(image.named, '/') > 0 THEN image.named ELSE 'library/' || image.named END AS repository,
    coalesce(image.tag, CASE WHEN image.pinned IS NULL THEN 'latest' END) AS tag,
    image.digest, image.contexts, image.namespaces, image.pods
FROM (
    SELECT used.*, name.*, regexp_replace(name.reference, ':[^:/]+$', '') AS named,
        substring(name.reference FROM ':([^:/]+)$') AS tag,
        name.reference ~ '^([^/]*[.:][^/]*|localhost)/' AS hosted
    FROM (
        SELECT image AS written, nullif(digest, '') AS digest, count(*) AS contexts,
            sum(namespaces)::bigint AS namespaces, sum(pods)::bigint AS pods
        FROM {k8s_summary_context_images} GROUP BY image, digest
    ) AS used
    CROSS JOIN LATERAL (
        SELECT split_part(used.written, '@', 1) AS reference, substring(used.written FROM '@(.+)$') AS pinned
    ) AS name
) AS image
"""

_CONTROLLER: Final = """
SELECT context_name, cluster_uid, {resource} AS resource, namespace, name, uid, {wanted}::bigint AS wanted,
    {ready}::bigint AS ready, {problem} AS problem, images, owner_kind, owner_name, owner_uid, created_at, changed_at
FROM {table} WHERE deleted_at IS NULL
"""
_CONTROLLERS: Final[Mapping[LiteralString, tuple[LiteralString, LiteralString, LiteralString]]] = {
    "deployments": ("coalesce(replicas, 1)", "ready", "problem"),
    "statefulsets": ("coalesce(replicas, 1)", "ready", "problem"),
    "daemonsets": ("desired", "ready", "problem"),
    "replicasets": ("coalesce(replicas, 1)", "ready", "problem"),
    "replicationcontrollers": ("coalesce(replicas, 1)", "ready", "problem"),
    "jobs": ("coalesce(completions, 1)", "succeeded", "problem"),
    "cronjobs": ("NULL", "active", "NULL"),
}
# A replica set's deployment, and a job's cron job, are looked up at once; only where the owner is none of these, or has
# an owner itself, all tables are looked through: for a rollout's deployment, or an operator's stateful set.
_WORKLOADS: Final = """
WITH controller AS ({controllers})
SELECT it.context_name, it.resource, it.namespace, it.name, it.uid, it.wanted, it.ready, it.problem, it.images,
    coalesce(top.owner_kind, above.owner_kind, it.owner_kind) AS root_kind,
    coalesce(top.owner_name, above.owner_name, it.owner_name) AS root_name,
    coalesce(top.owner_uid, above.owner_uid, it.owner_uid) AS root_uid, it.created_at, it.changed_at
FROM controller AS it
LEFT JOIN controller AS above ON above.context_name = it.context_name AND above.uid = it.owner_uid
    AND above.uid <> it.uid
LEFT JOIN LATERAL (
    WITH RECURSIVE chain AS (
        SELECT 1 AS depth, it.owner_kind AS owner_kind, it.owner_name AS owner_name, it.owner_uid AS owner_uid,
            ARRAY[it.uid] AS passed
        WHERE it.owner_uid IS NOT NULL AND (above.uid IS NULL OR above.owner_uid IS NOT NULL)
        UNION ALL
        SELECT chain.depth + 1, next.owner_kind, next.owner_name, next.owner_uid, chain.passed || chain.owner_uid
        FROM chain
        CROSS JOIN LATERAL (
            SELECT found.owner_kind, found.owner_name, found.owner_uid FROM {objects} AS found
            WHERE found.context_name = it.context_name AND found.uid = chain.owner_uid AND found.deleted_at IS NULL
            LIMIT 1
        ) AS next
        WHERE next.owner_uid <> chain.owner_uid AND next.owner_uid <> ALL (chain.passed)
    )
    SELECT owner_kind, owner_name, owner_uid FROM chain ORDER BY depth DESC LIMIT 1
) AS top ON true
"""

_UNHEALTHY: Final = """
SELECT context_name, {resource} AS resource, {namespace} AS namespace, name, uid, problem, {detail} AS detail,
    owner_kind, owner_name, created_at, changed_at, {since} AS since
FROM {table} WHERE problem IS NOT NULL AND deleted_at IS NULL
"""

_EXPOSED: Final = """
SELECT context_name, 'services' AS resource, namespace, name, way.kind, NULL::text AS host, way.address,
    port.port, port.node_port, namespace || '/' || name AS target
FROM {k8s_services} AS service
CROSS JOIN LATERAL (
    SELECT CASE jsonb_typeof(each -> 'port') WHEN 'number' THEN (each ->> 'port')::numeric END AS port,
        CASE jsonb_typeof(each -> 'nodePort') WHEN 'number' THEN (each ->> 'nodePort')::numeric END AS node_port
    FROM jsonb_path_query(ports, '$[*]') AS each
) AS port
CROSS JOIN LATERAL (
    SELECT CASE type WHEN 'LoadBalancer' THEN 'load balancer' ELSE 'external IP' END AS kind, address
    FROM unnest(external_ips) AS address
    UNION ALL SELECT 'node port', NULL WHERE port.node_port IS NOT NULL
) AS way
WHERE service.deleted_at IS NULL AND type <> 'ExternalName'
UNION ALL
SELECT context_name, 'ingresses', namespace, name, 'ingress', host, address, NULL, NULL,
    namespace || '/' || array_to_string(services, ', ')
FROM {k8s_ingresses}
LEFT JOIN LATERAL unnest(hosts) AS host ON true
LEFT JOIN LATERAL unnest(addresses) AS address ON true
WHERE deleted_at IS NULL
UNION ALL
SELECT context_name, resource, namespace, name, 'gateway', listener ->> 'hostname', address ->> 'value',
    CASE jsonb_typeof(listener -> 'port') WHEN 'number' THEN (listener ->> 'port')::numeric END, NULL, NULL
FROM {k8s_custom_resources}
CROSS JOIN LATERAL jsonb_path_query(object, '$.spec.listeners[*]') AS listener
LEFT JOIN LATERAL jsonb_path_query(object, '$.status.addresses[*]') AS address ON true
WHERE resource = 'gateways.gateway.networking.k8s.io' AND deleted_at IS NULL
UNION ALL
SELECT context_name, resource, namespace, name, 'route', host #>> '{{}}', NULL, NULL, NULL, (
    SELECT string_agg(DISTINCT coalesce(ref ->> 'namespace', namespace) || '/' || (ref ->> 'name'), ', ')
    FROM jsonb_path_query(object, '$.spec.rules[*].backendRefs[*]') AS ref
)
FROM {k8s_custom_resources}
LEFT JOIN LATERAL jsonb_path_query(object, '$.spec.hostnames[*]') AS host ON true
WHERE resource LIKE '%routes.gateway.networking.k8s.io' AND deleted_at IS NULL
"""

# A cluster role that is bound in a namespace grants there only.
_GRANTS: Final = """
SELECT binding.context_name, subject ->> 'kind' AS subject_kind,
    coalesce(subject ->> 'namespace', CASE subject ->> 'kind' WHEN 'ServiceAccount' THEN binding.namespace END)
        AS subject_namespace,
    subject ->> 'name' AS subject_name, binding.namespace, rule -> 'verbs' AS verbs, rule -> 'apiGroups' AS api_groups,
    rule -> 'resources' AS resources, rule -> 'resourceNames' AS resource_names,
    rule -> 'nonResourceURLs' AS non_resource_urls, binding.resource AS binding_resource, binding.name AS binding_name,
    binding.role_kind, binding.role_name
FROM (
    SELECT context_name, namespace, 'rolebindings' AS resource, name, role_kind, role_name, subjects
    FROM {k8s_rolebindings} WHERE deleted_at IS NULL
    UNION ALL
    SELECT context_name, NULL, 'clusterrolebindings', name, role_kind, role_name, subjects
    FROM {k8s_clusterrolebindings} WHERE deleted_at IS NULL
) AS binding
JOIN (
    SELECT context_name, namespace, 'Role' AS kind, name, rules FROM {k8s_roles} WHERE deleted_at IS NULL
    UNION ALL
    SELECT context_name, NULL, 'ClusterRole', name, rules FROM {k8s_clusterroles} WHERE deleted_at IS NULL
) AS role ON role.context_name = binding.context_name AND role.kind = binding.role_kind
    AND role.name = binding.role_name AND (role.kind = 'ClusterRole' OR role.namespace = binding.namespace)
CROSS JOIN LATERAL jsonb_path_query(binding.subjects, '$[*]') AS subject
CROSS JOIN LATERAL jsonb_path_query(role.rules, '$[*]') AS rule
"""

_CERTIFICATES: Final = """
SELECT context_name, 'secrets' AS resource, namespace, name, certificate_subject AS subject,
    certificate_dns_names AS dns_names, certificate_not_after AS not_after, NULL::text AS problem
FROM {k8s_secrets} WHERE certificate_not_after IS NOT NULL AND deleted_at IS NULL
UNION ALL
SELECT context_name, resource, namespace, name, object #>> '{{spec,commonName}}',
    ARRAY(SELECT dns #>> '{{}}' FROM jsonb_path_query(object, '$.spec.dnsNames[*]') AS dns),
    -- What is no such time gives NULL; a cast would fail.
    (jsonb_path_query_first(
        object, '$.status.notAfter.datetime("YYYY-MM-DD\\"T\\"HH24:MI:SS\\"Z\\"")', '{{}}', true
    ) #>> '{{}}')::timestamp AT TIME ZONE 'UTC',
    jsonb_path_query_first(object, '$.status.conditions[*] ? (@.type == "Ready" && @.status == "False").reason')
        #>> '{{}}'
FROM {k8s_custom_resources} WHERE resource = 'certificates.cert-manager.io' AND deleted_at IS NULL
"""

_QUOTAS: Final = """
SELECT context_name, namespace, name, hard.key AS resource, (hard.value #>> '{{}}')::numeric AS hard,
    (used_amounts ->> hard.key)::numeric AS used,
    round((used_amounts ->> hard.key)::numeric / nullif((hard.value #>> '{{}}')::numeric, 0), 3) AS share
FROM {k8s_resourcequotas} CROSS JOIN LATERAL jsonb_each(hard_amounts) AS hard
WHERE deleted_at IS NULL
"""

_LABELS: Final = """
SELECT context_name, resource, label.key, label.value, count(*) AS objects
FROM {k8s_objects} CROSS JOIN LATERAL jsonb_each_text(labels) AS label
WHERE deleted_at IS NULL
GROUP BY context_name, resource, label.key, label.value
"""

_CAPACITY: Final = """
SELECT node.context_name, node.name AS node_name, node.node_pool, node.zone, node.instance_type,
    node.cpu_allocatable_cores AS cpu_allocatable, coalesce(used.cpu_requests, 0) AS cpu_requests,
    coalesce(used.cpu_limits, 0) AS cpu_limits, node.memory_allocatable_bytes AS memory_allocatable,
    coalesce(used.memory_requests, 0) AS memory_requests, coalesce(used.memory_limits, 0) AS memory_limits,
    node.pods_allocatable, coalesce(used.pods, 0) AS pods, node.status
FROM {k8s_nodes} AS node
LEFT JOIN {k8s_summary_nodes} AS used ON used.context_name = node.context_name AND used.node_name = node.name
WHERE node.deleted_at IS NULL
"""

# https://kubernetes.io/releases/version-skew-policy/: a kubelet may be up to three minor versions older.
_VERSIONS: Final = """
SELECT cluster.context_name, cluster.kubernetes_version AS server_version, kubelet.nodes,
    'v' || array_to_string(kubelet.oldest, '.') AS oldest_kubelet,
    'v' || array_to_string(kubelet.newest, '.') AS newest_kubelet,
    (regexp_match(cluster.kubernetes_version, '^v1\\.(\\d{{1,9}})'))[1]::integer - kubelet.oldest[2] AS minor_skew
FROM {k8s_clusters} AS cluster
LEFT JOIN (
    SELECT context_name, count(*) AS nodes, min(version) AS oldest, max(version) AS newest
    FROM {k8s_nodes}
    CROSS JOIN LATERAL (
        SELECT regexp_match(kubelet_version, '^v(\\d{{1,9}})\\.(\\d{{1,9}})\\.(\\d{{1,9}})')::integer[] AS version
    ) AS parsed
    WHERE deleted_at IS NULL
    GROUP BY context_name
) AS kubelet USING (context_name)
WHERE cluster.deleted_at IS NULL
"""


def views(schema: str) -> tuple[View, ...]:
    """Declare the views of a schema, each after those it shows."""
    relations = {table.name: sql.Identifier(schema, table.name) for table in resources.TABLES}
    for name in ("k8s_objects", *(summary.name for summary in summaries.SUMMARIES)):
        relations[name] = sql.Identifier(schema, name)

    def over(query: LiteralString) -> sql.Composed:
        return sql.SQL(query).format(**relations)

    return (
        View(
            name="k8s_images",
            query=over(_IMAGES),
            comment="The images that pods run, over all contexts",
            columns={
                "image": "The image as it is written in the pods",
                "registry": "Its registry; docker.io where none is written",
                "repository": "Its repository; library/ is added as container runtimes do",
                "tag": "Its tag; latest where neither tag nor digest is written",
                "digest": "What was pulled for it; NULL: not known. One tag may have several",
                "contexts": "In how many contexts pods run it",
                "namespaces": "In how many namespaces of them",
                "pods": "How many pods run it",
            },
        ),
        View(
            name="k8s_workloads",
            query=sql.SQL(_WORKLOADS).format(
                controllers=sql.SQL(" UNION ALL ").join(_controllers(schema)), objects=relations["k8s_objects"]
            ),
            comment="Every controller of pods: how many pods it wants, how many are ready, and who owns it. Pods that "
            "no controller owns are in k8s_pods, where owner_uid is NULL: to look for them reads all pods",
            columns=_CONTEXT
            | {
                "resource": "deployments, statefulsets, daemonsets, replicasets, jobs, cronjobs, …",
                "namespace": "The namespace",
                "name": "The name",
                "uid": "The UID",
                "wanted": "The pods it wants; of a job the completions, of a cron job NULL",
                "ready": "The pods that are ready; of a job those that succeeded, of a cron job the jobs that run",
                "problem": "Why it is not well; NULL: it is",
                "images": "The images of its template",
                "root_kind": "The kind of the last owner known, over all levels and tables; NULL: it has none",
                "root_name": "The name of that owner",
                "root_uid": "The UID of that owner",
                "created_at": "When it was created",
                "changed_at": "When a sync last changed its row",
            },
        ),
        View(
            name="k8s_unhealthy",
            query=sql.SQL(" UNION ALL ").join(_unhealthy(schema)),
            comment="Every object that is not well, and why",
            columns=_CONTEXT
            | {
                "resource": "The resource",
                "namespace": "The namespace; NULL: it is in none",
                "name": "The name",
                "uid": "The UID",
                "problem": "Why it is not well: CrashLoopBackOff, 1 of 3 ready, BackoffLimitExceeded",
                "detail": "What Kubernetes says of that, of pods and nodes",
                "owner_kind": "The kind of its controller",
                "owner_name": "The name of its controller",
                "created_at": "When it was created",
                "changed_at": "When a sync last changed its row",
                "since": "Since when it is not well, as the object says; where it does not say, changed_at",
            },
        ),
        View(
            name="k8s_exposed",
            query=over(_EXPOSED),
            comment="What leads in from outside: load balancers, node ports, external IPs, ingresses, gateways, routes",
            columns=_CONTEXT
            | {
                "resource": "services, ingresses, or gateways, httproutes, … of gateway.networking.k8s.io",
                "namespace": "The namespace",
                "name": "The name",
                "kind": "load balancer, node port, external IP, ingress, gateway or route",
                "host": "The host it answers to; NULL: all",
                "address": "The address or host name that leads to it; NULL: those of the nodes, or none yet",
                "port": "The port; NULL: those of the ingress controller",
                "node_port": "The port on every node",
                "target": "The service it leads to",
            },
        ),
        View(
            name="k8s_rbac_grants",
            query=over(_GRANTS),
            comment="Who may do what, and where: each rule of each role that is bound, for each subject",
            columns=_CONTEXT
            | {
                "subject_kind": "User, Group or ServiceAccount",
                "subject_namespace": "The namespace of a service account",
                "subject_name": "The name of the subject",
                "namespace": "Where it is granted; NULL: everywhere",
                "verbs": "get, list, delete, …, or *",
                "api_groups": "The API groups; an empty text is the core group",
                "resources": "The resources",
                "resource_names": "The objects it is limited to; NULL: all",
                "non_resource_urls": "The paths that are no resources",
                "binding_resource": "rolebindings or clusterrolebindings",
                "binding_name": "The name of the binding",
                "role_kind": "Role or ClusterRole",
                "role_name": "The name of the role",
            },
        ),
        View(
            name="k8s_certificates",
            query=over(_CERTIFICATES),
            comment="When certificates end: TLS secrets, where they are synced, and those of cert-manager",
            columns=_CONTEXT
            | {
                "resource": "secrets or certificates.cert-manager.io",
                "namespace": "The namespace",
                "name": "The name",
                "subject": "The subject; of cert-manager the common name",
                "dns_names": "The names it is for",
                "not_after": "When it ends; NULL: there is none yet",
                "problem": "Why cert-manager's is not ready; NULL: it is",
            },
        ),
        View(
            name="k8s_quotas",
            query=over(_QUOTAS),
            comment="How much of each quota is used",
            columns=_CONTEXT
            | {
                "namespace": "The namespace",
                "name": "The name of the quota",
                "resource": "What is limited: requests.cpu, pods, count/jobs.batch",
                "hard": "The limit: cores, bytes, pieces",
                "used": "The use",
                "share": "The use as a share of the limit: 0.75; NULL where the limit is 0",
            },
        ),
        View(
            name="k8s_labels",
            query=over(_LABELS),
            comment="Which labels there are, and how many objects have them; to name the resource makes it fast",
            columns=_CONTEXT
            | {
                "resource": "The resource",
                "key": "The key of the label",
                "value": "Its value",
                "objects": "How many objects have it",
            },
        ),
        View(
            name="k8s_capacity",
            query=over(_CAPACITY),
            comment="What each node can give, and what its pods ask for",
            columns=_CONTEXT
            | {
                "node_name": "The node",
                "node_pool": "Its pool or group",
                "zone": "Its zone",
                "instance_type": "Its instance type",
                "cpu_allocatable": "Cores for pods",
                "cpu_requests": "Cores that its pods ask for",
                "cpu_limits": "Cores that its pods may use, as far as they have a limit",
                "memory_allocatable": "Bytes for pods",
                "memory_requests": "Bytes that its pods ask for",
                "memory_limits": "Bytes that its pods may use, as far as they have a limit",
                "pods_allocatable": "How many pods it may have",
                "pods": "How many pods it has that have not ended",
                "status": "STATUS as kubectl prints it",
            },
        ),
        View(
            name="k8s_versions",
            query=over(_VERSIONS),
            comment="Which Kubernetes each context runs, and how far its kubelets are behind",
            columns=_CONTEXT
            | {
                "server_version": "The version of the API server",
                "nodes": "How many nodes there are; NULL when nodes were not synced",
                "oldest_kubelet": "The oldest version of a kubelet",
                "newest_kubelet": "The newest version of a kubelet",
                "minor_skew": "How many minor versions the oldest is behind; Kubernetes supports up to 3",
            },
        ),
    )


def _controllers(schema: str) -> list[sql.Composed]:
    return [
        sql.SQL(_CONTROLLER).format(
            resource=sql.Literal(name),
            table=sql.Identifier(schema, resources.CATALOGUE[name].table.name),
            wanted=sql.SQL(wanted),
            ready=sql.SQL(ready),
            problem=sql.SQL(problem),
        )
        for name, (wanted, ready, problem) in _CONTROLLERS.items()
    ]


def _unhealthy(schema: str) -> list[sql.Composed]:
    """Select from every table that has a problem."""
    found = []
    for name, definition in resources.CATALOGUE.items():
        names = {column.name for column in definition.table.columns}
        if "problem" in names:
            detail = sql.SQL("problem_detail" if "problem_detail" in names else "NULL::text")
            namespace = sql.SQL("namespace" if definition.table.namespaced else "NULL::text")
            since = sql.SQL("coalesce(problem_since, changed_at)" if "problem_since" in names else "changed_at")
            found.append(
                sql.SQL(_UNHEALTHY).format(
                    resource=sql.Literal(name),
                    namespace=namespace,
                    detail=detail,
                    since=since,
                    table=sql.Identifier(schema, definition.table.name),
                )
            )
    return found
