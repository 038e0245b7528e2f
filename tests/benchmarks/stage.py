"""What the cases play on: one cluster with pods, and a database; and how both are brought to where a case starts.

Which cases there are is in `cases`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

import psycopg
from k8s_inventory_demo.airflow.home import AirflowHome

from airflow_provider_k8s_inventory.postgres.migrations import migrate
from tests.benchmarks.clusters import CONTEXT, PodCluster
from tests.benchmarks.measuring import measure, measure_command
from tests.benchmarks.model import BenchmarkError, Measurement, Place
from tests.benchmarks.probes import PODS
from tests.benchmarks.usage import Usage
from tests.kit.waiting import wait_until

BARE: Final = "bare.k8s_pods"
PLAIN: Final = "plain.k8s_pods"
_WRITTEN: Final = (
    "SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables"
    " WHERE schemaname = 'public' AND relname = 'k8s_pods'"
)
_STATE: Final = ("k8s_pods", "k8s_syncs", "k8s_scopes")
_BYTES_PER_CHANGE: Final = """
SELECT coalesce(sum(pg_total_relation_size(inhrelid)) / nullif((SELECT count(*) FROM k8s_history), 0), 0)
FROM pg_inherits WHERE inhparent = 'k8s_history'::regclass
"""
"""The size of history, with its indexes and months that are empty yet, by its rows."""
_OTHERS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


class Stage:
    """One cluster and one database.

    :param cluster: what is read.
    :param dsn: a new database.
    :param folder: an empty folder.
    :param checkout: the folder of another version of this repository, whose syncs are measured; None: this one.
    """

    def __init__(self, cluster: PodCluster, dsn: str, folder: Path, checkout: Path | None = None) -> None:
        self.cluster = cluster
        self.checkout = checkout
        self.place = Place(kubeconfig=str(cluster.kubeconfig), context=CONTEXT, dsn=dsn)
        self.airflow = AirflowHome(
            folder=folder / "airflow",
            dags=folder,
            database=f"sqlite:///{folder}/airflow.db",
            inventory=dsn,
            kubeconfig=str(cluster.kubeconfig),
        )
        self._dump = folder / "rows.copy"
        self._dumped = 0
        self._conn = psycopg.connect(dsn, autocommit=True)
        if checkout:
            arguments = ("airflow_provider_k8s_inventory", "sync", "--kubeconfig", self.place.kubeconfig)
            measure_command((*arguments, "--resource", "namespaces"), {"DATABASE_URL": dsn}, checkout)
            return
        migrate(self._conn)
        for schema in ("bare", "plain"):
            self._conn.execute(f"CREATE SCHEMA {schema}".encode())
        migrate(self._conn, schema="plain")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._conn.close()

    @property
    def size(self) -> int:
        """The number of pods."""
        return self.cluster.size

    def measure(self, probe: str, options: dict[str, Any], *, in_airflow: bool = False) -> Measurement:
        """Run a probe; its facts also say how many row versions of the pods' table it wrote, and what CPU others took.

        :raises BenchmarkError: it failed, or has not seen every pod.
        """
        # What an earlier probe left to be written must not fall into this one.
        self._conn.execute("CHECKPOINT")
        environment = self._airflow_environment() if in_airflow else None
        written, used = self._number(_WRITTEN), Usage.now()
        measurement = measure(probe, self.place, options, environment, self.checkout)
        # PostgreSQL adds up what a connection did when that ends.
        wait_until(lambda: not self._number(_OTHERS), "the probe's connections to end")
        used = Usage.now() - used
        facts = {
            **measurement.facts,
            "written": self._number(_WRITTEN) - written,
            "cluster": used.cluster,
            "database": used.database,
        }
        if self._number("SELECT count(to_regclass('k8s_history'))") and self._number(
            "SELECT count(*) FROM k8s_history"
        ):
            facts["bytes_per_change"] = self._number(_BYTES_PER_CHANGE)
        if in_airflow:
            facts["seen"] = self._number(f"SELECT count(*) FROM {PLAIN}")
        if facts["seen"] != self.size:
            raise BenchmarkError(f"{probe} saw {facts['seen']} of {self.size} pods")
        return replace(measurement, facts=facts)

    def empty(self) -> None:
        """Forget all pods, and that there ever was a sync."""
        # Older versions have no k8s_scopes.
        found = [name for name in _STATE if self._number(f"SELECT count(to_regclass('{name}'))")]
        self._conn.execute(f"TRUNCATE {', '.join(found)}".encode())

    def empty_plain(self) -> None:
        """Forget all pods of the plain way."""
        self._conn.execute(f"TRUNCATE {PLAIN}".encode())

    def sync(self) -> None:
        """Have a row for every pod, as they are in a database that has been at work for a while."""
        if self._number("SELECT count(object) FROM k8s_pods") != self.size:
            self.empty()
            self.measure("tests.benchmarks.probes:pods", {})
        self._conn.execute("VACUUM ANALYZE k8s_pods")

    def change(self, count: int) -> None:
        """Have rows of all pods, and so many pods that changed since."""
        self.sync()
        self.cluster.change(count)

    def fill_plain(self) -> None:
        """Have a row for every pod in the table of the plain way."""
        if self._number(f"SELECT count(*) FROM {PLAIN}") != self.size:
            self.empty_plain()
            self.measure("tests.benchmarks.plain:pods", {"table": PLAIN}, in_airflow=True)

    def copy_options(self) -> dict[str, Any]:
        """What the bare COPY is told: the rows of a sync as a file, and an empty table that is equal to ours."""
        columns = ", ".join(column.name for column in PODS.table.columns if not column.generated)
        if self._dumped != self.size:
            self.sync()
            query = f"COPY k8s_pods ({columns}) TO STDOUT".encode()
            with self._conn.cursor() as cursor, cursor.copy(query) as copy, self._dump.open("wb") as file:
                for block in copy:
                    file.write(block)
            self._dumped = self.size
        self._conn.execute(f"DROP TABLE IF EXISTS {BARE}".encode())
        self._conn.execute(f"CREATE TABLE {BARE} (LIKE k8s_pods INCLUDING ALL)".encode())
        return {"dump": str(self._dump), "table": BARE, "columns": columns}

    def _number(self, query: str) -> int:
        row = self._conn.execute(query.encode()).fetchone()
        return int(row[0]) if row else 0

    def _airflow_environment(self) -> dict[str, str]:
        kubernetes = '{"conn_type": "kubernetes"}'
        return self.airflow.environment() | {"AIRFLOW_CONN_KUBERNETES_DEFAULT": kubernetes}
