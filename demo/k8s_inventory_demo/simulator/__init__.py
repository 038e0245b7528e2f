"""Kubernetes API servers over real HTTPS, simulated: for the demo, and for tests that need faults.

`Cluster` is what one of them knows, `Simulator` serves several. Not simulated: controllers, admission, Tables,
server-side apply, and protobuf but for lists of metadata; the tests against real control planes are for those.
"""

from k8s_inventory_demo.simulator.access import Rule, User
from k8s_inventory_demo.simulator.cluster import Cluster, Request
from k8s_inventory_demo.simulator.errors import StatusError
from k8s_inventory_demo.simulator.faults import Fault
from k8s_inventory_demo.simulator.simulator import Simulator

__all__ = ["Cluster", "Fault", "Request", "Rule", "Simulator", "StatusError", "User"]
