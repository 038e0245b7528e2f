"""### What was deleted in the clusters, and which images changed

Runs after each run of `k8s_inventory`, reads what changed since its own last run, and posts it where `NOTIFIER` in its
file says: into the log, until you name another one.

How far it has read is the Variable `k8s_inventory_changes_position`, an id of `k8s_history`: these grow in the order of
commits, so nothing is missed and nothing read twice. It moves when the post has gone out: a run that fails posts again.
The first run only notes where history ends. To post something again, set the Variable back.

```sql
SELECT * FROM k8s_changes LIMIT 50;                                       -- the newest, whatever it is
SELECT * FROM k8s_timeline('prod', 'deployments', 'shop', 'web');         -- of one object, its owners and its pods
```
"""

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, Asset, BaseNotifier, Param, Variable, get_current_context, task

POSITION = "k8s_inventory_changes_position"
MOST = 100  # changes in one post; the rest is counted


class LogNotifier(BaseNotifier):
    def notify(self, context):
        self.log.info("%s", context["text"])


# These lines make the DAG yours. Any notifier will do, with the changes as {{ text }}:
# SlackWebhookNotifier(slack_webhook_conn_id="slack", text="{{ text }}"), SmtpNotifier(html_content="{{ text }}", …)
NOTIFIER = LogNotifier()
POSTGRES = "postgres_default"  # where the inventory is

# One statement sees one state: what is committed later has a higher id than the end that it tells.
CHANGES = """
WITH position AS (SELECT coalesce(max(id), 0) AS until FROM k8s_history)
SELECT position.until, h.at, h.context_name, h.resource, concat_ws('/', h.namespace, h.name), h.change, h.summary,
    h.changed_by
FROM position LEFT JOIN k8s_history AS h ON h.id > %(position)s::bigint AND h.id <= position.until
    AND h.resource <> ALL (%(leave_out)s)
    AND (h.change = 'deleted' OR h.change = 'updated' AND h.columns ? 'images')
ORDER BY h.id
"""


def line(at, context_name, resource, name, change, summary, changed_by):
    by = f" by {changed_by}" if changed_by else ""
    return f"{at:%d %b %H:%M} {context_name}: {resource} {name} {change}{by}{': ' if summary else ''}{summary or ''}"


with DAG(
    dag_id="k8s_inventory_changes",
    schedule=[Asset("k8s_inventory_tables", group="kubernetes")],
    catchup=False,
    max_active_runs=1,
    params={
        "leave_out": Param(
            ["pods", "replicasets", "jobs", "controllerrevisions"],
            type=["array", "null"],
            items={"type": "string"},
            title="Resources to leave out",
            description="One a line: what comes and goes by itself.",
        ),
    },
    doc_md=__doc__,
    tags=["kubernetes", "postgres"],
):

    @task
    def post():
        context = get_current_context()
        position = Variable.get(POSITION, default=None)
        asked = {"position": position and int(position), "leave_out": context["params"]["leave_out"] or []}
        found = PostgresHook(postgres_conn_id=POSTGRES).get_records(CHANGES, parameters=asked)
        until = found[0][0]
        lines = [line(*change[1:]) for change in found if change[1]]
        if lines:
            more = [f"… and {len(lines) - MOST} more"] if len(lines) > MOST else []
            context["text"] = "\n".join([*lines[:MOST], *more])
            NOTIFIER.render_template_fields(context)
            NOTIFIER.notify(context)
        Variable.set(POSITION, str(until))
        return len(lines)

    post()
