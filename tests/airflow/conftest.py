"""An Airflow for the tests: a home of its own, the DAGs of this repository, a SQLite database; clusters to look at.

Databases for the inventory are in `tests.conftest`; a whole Airflow of real processes is in `tests.airflow.processes`.
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from k8s_inventory_demo.airflow.home import connection
from k8s_inventory_demo.clusters import clusters
from k8s_inventory_demo.simulator import Simulator

DAGS = Path(__file__).parents[2] / "dags"

# Airflow reads its configuration when it is imported: before this folder's tests are, not in a fixture.
_HOME = tempfile.TemporaryDirectory(prefix="k8s-inventory-airflow-")
os.environ |= {
    "AIRFLOW_HOME": _HOME.name,
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME.name}/airflow.db",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}

NOT_OURS = (
    # Airflow 3.1's provider for stock operators, imported while Airflow looks for secrets backends.
    "ignore:The `airflow.operators.branch.BaseBranchOperator` attribute is deprecated",
    # Airflow 3.1's models with SQLAlchemy 2.1; this package has nothing to do with it.
    "ignore::sqlalchemy.exc.SADeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pass the warnings that Airflow itself causes, here and nowhere else."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            for line in NOT_OURS:
                item.add_marker(pytest.mark.filterwarnings(line), append=False)


@pytest.fixture(scope="session")
def metadata_database() -> None:
    """Airflow's own database, for tests that run a DAG."""
    with warnings.catch_warnings():
        # Airflow's server modules, when they are imported, complain of each other and of their libraries.
        warnings.simplefilter("ignore")
        from airflow.sdk.execution_time import supervisor
        from airflow.utils.db import initdb

        initdb()
        # Before 3.3, `dag.test` built the API server anew for each task.
        supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)
        assert supervisor.in_process_api_server().app


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """The demo's clusters: `dev`, entered by token, and `prod`, by client certificate."""
    with Simulator(clusters()) as served:
        yield served


@pytest.fixture
def kubeconfig(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Their kubeconfig, which is the default one while the test runs."""
    path = simulator.kubeconfig(tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.fixture
def inventory(migrated_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database, to which the connection `postgres_default` leads."""
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", json.dumps(connection(migrated_database)))
    return migrated_database
