"""The operator that makes the tables, and brings those of an older version up to date.

What is migrated, and how, is in `postgres.migrations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

from airflow_provider_k8s_inventory.hooks import arguments, postgres
from airflow_provider_k8s_inventory.operators import failures
from airflow_provider_k8s_inventory.operators.base import InventoryOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class KubernetesInventoryMigrateOperator(InventoryOperator):
    """Create or update the tables, views and ledger of the inventory; a second time does nothing.

    :param postgres_conn_id: the Connection of the database. (templated)
    :param schema: an existing schema that holds, or shall hold, the tables. (templated)
    :param mode: ``safe`` refuses a change that would destroy data and says which, ``forced`` makes it. (templated)
    :raises AirflowFailException: for values that cannot be, when ``safe`` refuses, or the tables are those of a newer
        version; not retried.
    :raises DatabaseError: when PostgreSQL refuses.
    """

    template_fields: Sequence[str] = ("postgres_conn_id", "schema", "mode")
    ui_color = "#e8eaf6"

    def __init__(
        self, *, postgres_conn_id: str = "postgres_default", schema: str = "public", mode: str = "safe", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.postgres_conn_id = postgres_conn_id
        self.schema = schema
        self.mode = mode

    @failures.fail_without_retry
    def execute(self, context: Context) -> list[str]:
        """Migrate, and return the names of what was applied."""
        from airflow_provider_k8s_inventory.postgres import migrations

        mode = arguments.choice("mode", self.mode, get_args(migrations.MigrateMode))
        with postgres.connection(self.postgres_conn_id) as conn:
            applied = migrations.migrate(conn, schema=self.schema, mode=mode)
        self.log.info("Schema %s is up to date; applied now: %s", self.schema, ", ".join(applied) or "nothing")
        return applied
