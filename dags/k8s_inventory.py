"""### The inventory of all clusters in PostgreSQL

One mapped task per scope, one context × one resource: a cluster that is down fails its own tasks alone. `report`
says how every scope ended, by cause and cluster, and fails the run when one did not end well. `publish` sends the asset
event that DAGs on these tables are scheduled on, also when some scopes failed: its `extra` says which.

**To run again what failed**: open the run, *Clear*, *Clear only failed tasks*. One scope: clear its task in `sync`
together with the downstream ones. The rows of other scopes are not touched.

| Status of a scope | What to do; its rows stay as they were |
|---|---|
| `unreachable` | Look at network, TLS and API server. After the first scope the others of the run end at once. |
| `unauthorized` | Renew the token or certificate, or mend the credential command on the workers. |
| `forbidden` | Grant `list` on the resource, or leave it out. |
| `refused` | A mass deletion or another cluster: look at it, then trigger a run that allows it under *Advanced*. |
| `busy` | Another sync of the scope is running: wait for it. |
| `failed` | Read the reason in the report. |

`success` and `absent` (the cluster proves that it has no such resource) are well.

```sql
SELECT * FROM k8s_freshness WHERE last_status NOT IN ('success', 'absent');     -- what is stale, and why
SELECT * FROM k8s_syncs ORDER BY id DESC LIMIT 50;                              -- the ledger of all syncs
SELECT context_name, count(*) FROM k8s_pods WHERE status <> 'Running' GROUP BY 1;
```

Tables, arguments and limits are in the README of `airflow-provider-k8s-inventory`.
"""

from airflow.sdk import DAG, Asset, Param

from airflow_provider_k8s_inventory.operators.migrate import KubernetesInventoryMigrateOperator
from airflow_provider_k8s_inventory.operators.plan import KubernetesInventoryPlanOperator
from airflow_provider_k8s_inventory.operators.publish import KubernetesInventoryPublishOperator
from airflow_provider_k8s_inventory.operators.report import KubernetesInventoryReportOperator
from airflow_provider_k8s_inventory.resources import DEFAULT
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator

ADVANCED = "Advanced: how to read, and what to allow"


def names(default, title, text, **more):
    return Param(default, type=["array", "null"], items={"type": "string"}, title=title, description=text, **more)


def choice(title, text, values, **more):
    return Param(next(iter(values)), enum=list(values), values_display=values, title=title, description=text, **more)


def switch(title, text):
    return Param(False, type="boolean", title=title, description=text, section=ADVANCED)


with DAG(
    dag_id="k8s_inventory",
    schedule="@hourly",
    catchup=False,
    max_active_runs=1,
    default_args={
        # Two lines make this DAG yours. They reach every task.
        "kubernetes_conn_id": None,  # the workers' kubeconfig; or a connection of type k8s_inventory or kubernetes
        "postgres_conn_id": "postgres_default",  # where the tables go
        # For a fleet: what passes by itself, a lost worker or a busy scope among it, takes minutes.
        # "retries": 2, "retry_delay": timedelta(minutes=5),
    },
    # What the form asks when somebody triggers a run.
    params={
        "contexts": names([], "Contexts", "Names or globs, one a line. None: all of the kubeconfig."),
        "exclude_contexts": names([], "Contexts to leave out", "Names or globs, one a line."),
        "resources": names(
            list(DEFAULT),
            "Resources",
            "One a line: pods, ing, *.cert-manager.io, * for all, a group such as workloads; !events leaves them out.",
        ),
        "on_delete": choice(
            "When an object is gone",
            "Only a complete list of the API server proves it.",
            {"delete": "Delete the row", "mark": "Keep the row, marked with deleted_at"},
        ),
        "namespaces": names([], "Namespaces", "Names or globs, one a line; !kube-system leaves out.", section=ADVANCED),
        "label_selector": names([], "Labels", "app=web; or of one resource: pods:app=web.", section=ADVANCED),
        "field_selector": names([], "Fields", "One a line: pods:spec.nodeName=node-1.", section=ADVANCED),
        "mode": choice(
            "How to read",
            "Each falls back to a safer way by itself.",
            {
                "auto": "Cheapest that is safe",
                "full": "Every object whole",
                "metadata": "Metadata of every object, and what differs",
                "delta": "What changed since the last sync",
            },
            section=ADVANCED,
        ),
        "allow_mass_delete": switch("Allow mass deletion", "Of more than half of a scope of over 100 rows."),
        "max_deletes": Param(
            None,
            type=["integer", "null"],
            minimum=0,
            title="Deletions allowed",
            description="Up to so many in each scope: a mass deletion with a bound.",
            section=ADVANCED,
        ),
        "accept_new_cluster": switch("Accept another cluster", "Let it replace the rows of the one before."),
        "history": names([], "History", "One a line: pods:90 (days), leases:on, secrets:off, off.", section=ADVANCED),
        "tolerate": names(
            [], "Clusters known to be down", "They fail no run for 24 h after their last good sync.", section=ADVANCED
        ),
    },
    doc_md=__doc__,
    tags=["kubernetes", "postgres"],
):
    # Create the tables, or bring them up to date; mostly there is nothing to do.
    migrate = KubernetesInventoryMigrateOperator(task_id="migrate")

    asked = ("namespaces", "label_selector", "field_selector", "history")
    shared = {name: f"{{{{ params.{name} }}}}" for name in asked}

    # [{"cluster_context": "dev", "resource": "pods"}, …]; one per context where these would be more than 200.
    plan = KubernetesInventoryPlanOperator(
        task_id="plan",
        contexts="{{ params.contexts }}",
        exclude_contexts="{{ params.exclude_contexts }}",
        resource_names="{{ params.resources }}",
        **shared,
    )

    # The label of each mapped task is its scope: dev · pods, or dev · 6 resources.
    sync = KubernetesToPostgresOperator.partial(
        task_id="sync",
        map_index_template="{{ task.scope }}",
        on_delete="{{ params.on_delete }}",
        mode="{{ params.mode }}",
        allow_mass_delete="{{ params.allow_mass_delete }}",
        max_deletes="{{ params.max_deletes }}",
        accept_new_cluster="{{ params.accept_new_cluster }}",
        **shared,
    ).expand_kwargs(plan.output)

    ended = {"planned": plan.output, "tolerate": "{{ params.tolerate }}", "tolerate_for": "24h"}
    report = KubernetesInventoryReportOperator(task_id="report", history=shared["history"], keep_history=30, **ended)

    # DAGs that read the tables are scheduled on this asset. It has a name and no address, as the host and the database
    # stand in the connection, which the parsing of a DAG file must not read. An AssetAlias("k8s_inventory_contexts")
    # beside it gets an event for each context.
    publish = KubernetesInventoryPublishOperator(
        task_id="publish", outlets=[Asset("k8s_inventory_tables", group="kubernetes")], **ended
    )

    migrate >> plan >> sync >> [report, publish]
