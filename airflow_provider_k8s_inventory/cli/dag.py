"""``k8s-inventory dag``: print an example DAG, to be put into a DAGs folder."""

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
  k8s-inventory dag k8s_inventory_changes > "$AIRFLOW_HOME/dags/k8s_inventory_changes.py"
"""

_NAMES: Final = ("k8s_inventory", "k8s_inventory_changes", "k8s_inventory_on_change")


@click.command(epilog=_EXAMPLES)
@click.argument("name", type=click.Choice(_NAMES), default=_NAMES[0])
def dag(name: str) -> None:
    """Print an example DAG; it is yours to change.

    k8s_inventory keeps the inventory, k8s_inventory_on_change syncs what moved as soon as it did, and
    k8s_inventory_changes posts what was deleted, and which images changed.
    """
    source = resources.files("airflow_provider_k8s_inventory.example_dags").joinpath(f"{name}.py")
    # As bytes: a file is UTF-8 whatever the terminal is.
    click.echo(source.read_bytes(), nl=False)
