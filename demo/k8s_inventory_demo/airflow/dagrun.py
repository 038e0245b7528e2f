"""Run one DAG by Airflow, in this process: ``python -m k8s_inventory_demo.airflow.dagrun DAG_ID RESULT``.

The only module of the demo that imports Airflow, so it is run as a process of its own, in the environment that
`home` makes.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from airflow.sdk import DAG


def main(dag_id: str, result: Path) -> None:
    """Run the DAG, and write what became of it into a JSON file.

    :raises SystemExit: there is no such DAG in the DAGs folder; with the errors of the files there.
    """
    from airflow.utils.db import initdb

    initdb()
    run = _load(dag_id).test()
    result.write_text(json.dumps({"run_id": run.run_id, "state": str(run.state)}))


def _load(dag_id: str) -> DAG:
    bag = _bag_class()()
    if dag_id not in bag.dags:
        raise SystemExit(f"There is no DAG {dag_id} in {bag.dag_folder}. Errors there: {bag.import_errors or 'none'}")
    return cast("DAG", bag.dags[dag_id])


def _bag_class() -> Any:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1 has it elsewhere
        return import_module("airflow.models.dagbag").DagBag
    return DagBag


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
