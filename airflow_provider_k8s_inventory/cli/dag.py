"""``k8s-inventory dag``: print the example DAG, to be put into a DAGs folder."""

from __future__ import annotations

from importlib import resources
from typing import Final

import click

_EXAMPLES: Final = """
\b
Examples:
  k8s-inventory dag > "$AIRFLOW_HOME/dags/k8s_inventory.py"
  k8s-inventory dag | diff "$AIRFLOW_HOME/dags/k8s_inventory.py" -
  airflow dags test k8s_inventory
"""


@click.command(epilog=_EXAMPLES)
def dag() -> None:
    """Print the example DAG; it is yours to change."""
    source = resources.files("airflow_provider_k8s_inventory.example_dags").joinpath("k8s_inventory.py")
    # As bytes: a file is UTF-8 whatever the terminal is.
    click.echo(source.read_bytes(), nl=False)
