"""The room where reading Kubernetes meets writing PostgreSQL. It knows no Airflow, and runs from anywhere.

`run` syncs one scope; the command line and the Airflow operators are skins over it.
"""

from airflow_provider_k8s_inventory.sync.running import run
from airflow_provider_k8s_inventory.sync.settings import Settings
from airflow_provider_k8s_inventory.sync.summaries import summary

__all__ = ["Settings", "run", "summary"]
