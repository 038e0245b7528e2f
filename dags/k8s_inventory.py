"""### The inventory of all clusters in PostgreSQL

One mapped task per scope, one context × one resource: a cluster that is down fails its own tasks and no others. The
last task says how every scope ended, and fails the run when one did not end well.

To run one scope again, clear its task together with the downstream ones.
"""

from airflow.sdk import DAG, Asset, Param

from airflow_provider_k8s_inventory.operators.migrate import KubernetesInventoryMigrateOperator
from airflow_provider_k8s_inventory.operators.plan import KubernetesInventoryPlanOperator
from airflow_provider_k8s_inventory.operators.report import KubernetesInventoryReportOperator
from airflow_provider_k8s_inventory.resources import CATALOGUE, DEFAULT
from airflow_provider_k8s_inventory.transfers.kubernetes_to_postgres import KubernetesToPostgresOperator

with DAG(
    dag_id="k8s_inventory",
    schedule="@hourly",
    catchup=False,
    max_active_runs=1,
    # Two lines make this DAG yours. They reach every task.
    default_args={
        "kubernetes_conn_id": None,  # the workers' kubeconfig; or a connection of type k8s_inventory or kubernetes
        "postgres_conn_id": "postgres_default",  # where the tables go
    },
    # What the form asks when somebody triggers a run.
    params={
        "contexts": Param(
            [], type=["array", "null"], items={"type": "string"}, description="Names or globs, one a line; none: all"
        ),
        "resources": Param(list(DEFAULT), type=["array", "null"], examples=list(CATALOGUE)),
        "on_delete": Param("delete", enum=["delete", "mark"], description="What happens to rows of objects now gone"),
        "mode": Param(
            "auto", enum=["auto", "full", "metadata", "delta"], description="How to read; auto is the cheapest"
        ),
        "allow_mass_delete": Param(False, type="boolean", description="Even if over half of a scope's rows would go"),
    },
    doc_md=__doc__,
    tags=["kubernetes", "postgres"],
):
    # Create the tables, or bring them up to date; mostly there is nothing to do.
    migrate = KubernetesInventoryMigrateOperator(task_id="migrate")

    # [{"cluster_context": "dev", "resource": "pods"}, …]
    plan = KubernetesInventoryPlanOperator(
        task_id="plan", contexts="{{ params.contexts }}", resource_names="{{ params.resources }}"
    )

    # The label in the grid is the scope's name.
    sync = KubernetesToPostgresOperator.partial(
        task_id="sync",
        map_index_template="{{ task.cluster_context }} · {{ task.resource }}",
        on_delete="{{ params.on_delete }}",
        allow_mass_delete="{{ params.allow_mass_delete }}",
        mode="{{ params.mode }}",
    ).expand_kwargs(plan.output)

    # DAGs that read the tables are scheduled on this asset. It has a name and no address, as the host and the database
    # stand in the connection, which the parsing of a DAG file must not read.
    report = KubernetesInventoryReportOperator(task_id="report", planned=plan.output, outlets=[Asset("k8s_inventory")])

    migrate >> plan >> sync >> report
