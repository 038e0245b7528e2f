"""``k8s-inventory``: the core without Airflow. One module per command; what they share is in `options`."""

from __future__ import annotations

import logging

import click

from airflow_provider_k8s_inventory import __version__
from airflow_provider_k8s_inventory.cli.demo import demo
from airflow_provider_k8s_inventory.cli.doctor import doctor
from airflow_provider_k8s_inventory.cli.sync import sync


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Keep a PostgreSQL inventory of many Kubernetes clusters."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # It warns of every try; what a person must know is in the reports.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


main.add_command(sync)
main.add_command(doctor)
main.add_command(demo)
