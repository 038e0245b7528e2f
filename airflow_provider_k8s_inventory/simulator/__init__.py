"""Kubernetes API servers over real HTTPS, simulated: for the demo, and for tests that need faults.

`Cluster` is what one of them knows, `Simulator` serves several. Not simulated: controllers, admission, Tables,
server-side apply, and protobuf but for lists of metadata; the tests against real control planes are for those.
"""

from airflow_provider_k8s_inventory.simulator.access import Rule, User
from airflow_provider_k8s_inventory.simulator.cluster import Cluster, Request
from airflow_provider_k8s_inventory.simulator.errors import StatusError
from airflow_provider_k8s_inventory.simulator.faults import Fault
from airflow_provider_k8s_inventory.simulator.simulator import Simulator

__all__ = ["Cluster", "Fault", "Request", "Rule", "Simulator", "StatusError", "User"]
