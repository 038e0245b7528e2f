"""``python -m airflow_provider_k8s_inventory`` is ``k8s-inventory``."""

from airflow_provider_k8s_inventory.cli import main

if __name__ == "__main__":
    main(prog_name="k8s-inventory")
