"""The DAGs of this repository, as Airflow parses them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.airflow.conftest import DAGS


def bag(folder: Path = DAGS) -> Any:
    """A DagBag of `dags/`, or of another folder."""
    moved = find_spec("airflow.dag_processing.dagbag")  # since Airflow 3.2
    module = import_module("airflow.dag_processing.dagbag" if moved else "airflow.models.dagbag")
    return module.DagBag(folder)
