"""``k8s-inventory``: the core without Airflow. One module per command; what they share is in `options`."""

from __future__ import annotations

from typing import Any, Final

import click

from airflow_provider_k8s_inventory import __version__
from airflow_provider_k8s_inventory.cli import logs, streams
from airflow_provider_k8s_inventory.cli.changes import changes
from airflow_provider_k8s_inventory.cli.dag import dag
from airflow_provider_k8s_inventory.cli.doctor import doctor
from airflow_provider_k8s_inventory.cli.prune import prune
from airflow_provider_k8s_inventory.cli.show import show
from airflow_provider_k8s_inventory.cli.status import status
from airflow_provider_k8s_inventory.cli.sync import sync
from airflow_provider_k8s_inventory.cli.watch import watch

_EXAMPLES: Final = """
\b
Examples:
  k8s-inventory doctor --context 'prod-*' --dsn postgresql://inventory@db.example.com/inventory
  k8s-inventory sync --context 'prod-*' --dsn postgresql://inventory@db.example.com/inventory
  k8s-inventory COMMAND --help
"""


class _Program(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)  # in the order of a first day

    def main(self, *args: Any, **options: Any) -> Any:
        streams.prepare()
        try:
            return super().main(*args, **options)
        except OSError as error:
            # Disks that are full, and the like; what the commands know of, they say better.
            raise SystemExit(f"Error: {error}") from error
        finally:
            if said := streams.finish():
                raise SystemExit(f"Error: the output could not be written: {said}")


@click.group(
    cls=_Program, epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__)
def main() -> None:
    """Keep a PostgreSQL inventory of many Kubernetes clusters."""
    logs.prepare()


for command in (sync, watch, doctor, status, changes, show, prune, dag):
    main.add_command(command)
