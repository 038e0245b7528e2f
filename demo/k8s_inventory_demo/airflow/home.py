"""The Airflow of the demo: a folder and an environment of its own, whatever the user's shell says.

`dagrun` and `ui` say what runs in it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg import conninfo

_USERS_OWN: Final = re.compile(r"AIRFLOW|K8S_|KUBECONFIG$|KUBERNETES_|DATABASE_URL$|PG(?!_BIN$)|PYTHONPATH$")
"""Settings of the user's shell that would lead elsewhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AirflowHome:
    """The settings of the demo's Airflow processes; its repr shows no password."""

    folder: Path
    dags: Path
    database: str
    """The URL of Airflow's own database."""
    inventory: str
    """The DSN of the database the DAG writes to."""
    kubeconfig: str
    """One path or several, as in KUBECONFIG."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.folder}>"

    def environment(self, **more: str) -> dict[str, str]:
        """Return the whole environment of a process of it.

        :param more: options of Airflow, as ``core__parallelism="4"``.
        """
        options = {
            "core__dags_folder": str(self.dags),
            "core__load_examples": "False",
            "core__test_connection": "Enabled",
            "core__dags_are_paused_at_creation": "False",
            "database__sql_alchemy_conn": self.database.replace("postgresql://", "postgresql+psycopg2://", 1),
            "usage_data_collection__enabled": "False",
            **more,
        }
        return {
            **{name: value for name, value in os.environ.items() if not _USERS_OWN.match(name)},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW_CONN_POSTGRES_DEFAULT": json.dumps(connection(self.inventory)),
            "KUBECONFIG": self.kubeconfig,
            **{f"AIRFLOW__{name.upper()}": value for name, value in options.items()},
        }


def connection(dsn: str) -> Mapping[str, object]:
    """Write an Airflow Connection in Airflow's JSON form, of a libpq connection string of either kind."""
    settings = conninfo.conninfo_to_dict(dsn)
    names = {"host": "host", "user": "login", "password": "password", "dbname": "schema"}
    known = {field: settings.pop(name) for name, field in names.items() if name in settings}
    if port := settings.pop("port", None):
        known["port"] = int(port)
    return {"conn_type": "postgres", **known, "extra": settings}
