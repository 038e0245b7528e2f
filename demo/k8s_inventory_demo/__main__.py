"""``k8s-inventory-demo``, also as ``python -m k8s_inventory_demo``."""

import logging

from airflow_provider_k8s_inventory.cli import streams
from k8s_inventory_demo.command import demo


def main() -> None:
    """Run the demo's command line."""
    streams.prepare()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # It warns of every try; the table of the run says what became of each scope.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    try:
        demo(prog_name="k8s-inventory-demo")
    finally:
        streams.finish()


if __name__ == "__main__":
    main()
