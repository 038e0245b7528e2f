"""### What moved in the clusters, synced as soon as it did

Beside `k8s_inventory`, not in its place: that DAG makes the tables, and its scheduled runs find what no watch tells.
The triggerer watches the clusters (metadata only; it writes nothing), and some 10 s after a change there is a run that
syncs the resources that moved, one task per context. A change that comes while a run is under way is in the next one.

A run that fails in `plan` says why the clusters cannot be watched.
"""

from datetime import timedelta
from itertools import chain

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_k8s_inventory.operators.publish import KubernetesInventoryPublishOperator
from airflow_provider_k8s_inventory.operators.report import KubernetesInventoryReportOperator
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator
from airflow_provider_k8s_inventory.triggers.changed import InventoryChangedTrigger

# These lines make the DAG yours. What narrows the sync in `k8s_inventory`, such as namespaces, must do so below too.
CLUSTERS = None  # the kubeconfig of the triggerer and the workers; or a connection
POSTGRES = "postgres_default"  # where the tables are
RESOURCES = ["namespaces", "pods", "deployments", "services", "crds"]  # to watch, in every context

changes = InventoryChangedTrigger(kubernetes_conn_id=CLUSTERS, resource_names=RESOURCES)

with DAG(
    dag_id="k8s_inventory_on_change",
    schedule=[Asset("k8s_inventory_moves", group="kubernetes", watchers=[AssetWatcher(name="moves", trigger=changes)])],
    catchup=False,
    # Signals that come while a run is under way are gathered for the next one.
    max_active_runs=1,
    default_args={
        "kubernetes_conn_id": CLUSTERS,
        "postgres_conn_id": POSTGRES,
        # Another sync of the scope may be running.
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
    },
    doc_md=__doc__,
    tags=["kubernetes", "postgres"],
):

    @task
    def plan(triggering_asset_events=None):
        moved = {}
        for event in chain.from_iterable(triggering_asset_events.values()):
            payload = event.extra["payload"]
            if "problem" in payload:
                raise AirflowFailException(payload["problem"])
            for context, resources in payload["moved"].items():
                moved.setdefault(context, set()).update(resources)
        return [{"cluster_context": context, "resource": ",".join(sorted(moved[context]))} for context in sorted(moved)]

    planned = plan()
    sync = KubernetesToPostgresOperator.partial(
        task_id="sync", map_index_template="{{ task.scope }}", mode="auto"
    ).expand_kwargs(planned)
    report = KubernetesInventoryReportOperator(task_id="report", planned=planned)
    publish = KubernetesInventoryPublishOperator(
        task_id="publish", planned=planned, outlets=[Asset("k8s_inventory_tables", group="kubernetes")]
    )
    sync >> [report, publish]
