"""The columns of kubectl's tables, worked out from a row.

Written from what kubectl prints. Ages are left out, and quantities that are printed in the unit that they were
written in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from tests.kit.inventory import Row

Printed = dict[str, object]

NONE: Final = "<none>"
UNSET: Final = "<unset>"
MODES: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
"""The access modes in the order in which they are printed."""


def shown(value: object, missing: str = NONE) -> str:
    """A value, or what stands for none."""
    return missing if value is None else str(value)


def joined(labels: Mapping[str, str]) -> str:
    """Labels, sorted."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or NONE


def matched(selector: Mapping[str, Any]) -> str:
    """A selector; those of the tests have nothing but labels."""
    assert set(selector) <= {"matchLabels"}
    return joined(selector.get("matchLabels", {}))


def shortened(values: Sequence[str]) -> str:
    """The first three of a list, and how many there are beside."""
    return ",".join(values[:3]) + (f" + {len(values) - 3} more..." if len(values) > 3 else "")


def modes(written: Iterable[str]) -> str:
    """Access modes of a volume."""
    return ",".join(short for mode, short in MODES.items() if mode in written)


def containers(row: Row) -> Printed:
    return {"Containers": ",".join(row["containers"]), "Images": ",".join(row["images"])}


def apiservice(row: Row) -> Printed:
    service = f"{row['service_namespace']}/{row['service_name']}" if row["service_name"] else "Local"
    return {"Service": service, "Available": str(row["available"])}


def certificatesigningrequest(row: Row) -> Printed:
    return {"SignerName": row["signer_name"], "Requestor": row["requestor"], "Condition": row["condition"]}


def componentstatus(row: Row) -> Printed:
    return {"Status": "Healthy" if row["healthy"] else "Unhealthy", "Message": row["messages"][0]}


def configmap(row: Row) -> Printed:
    return {"Data": len(row["keys"])}


def controllerrevision(row: Row) -> Printed:
    # They are made by controllers of that group only, which no column tells.
    return {"Controller": f"{row['owner_kind'].lower()}.apps/{row['owner_name']}", "Revision": row["revision"]}


def cronjob(row: Row) -> Printed:
    return {
        "Schedule": row["schedule"],
        "Timezone": shown(row["time_zone"]),
        "Suspend": str(row["suspended"]),
        "Active": row["active"],
        **containers(row),
    }


def csidriver(row: Row) -> Printed:
    return {
        "AttachRequired": row["attach_required"],
        "PodInfoOnMount": row["pod_info_on_mount"],
        "StorageCapacity": row["storage_capacity"],
        "TokenRequests": ",".join(row["token_audiences"]) or UNSET,
        "RequiresRepublish": row["requires_republish"],
        "Modes": ",".join(row["modes"]),
    }


def daemonset(row: Row) -> Printed:
    return {
        "Desired": row["desired"],
        "Current": row["current"],
        "Ready": row["ready"],
        "Up-to-date": row["up_to_date"],
        "Available": row["available"],
        "Node Selector": joined(row["node_selector"]),
        "Selector": matched(row["selector"]),
        **containers(row),
    }


def deployment(row: Row) -> Printed:
    return {
        "Ready": f"{row['ready']}/{row['replicas']}",
        "Up-to-date": row["up_to_date"],
        "Available": row["available"],
        "Images": ",".join(row["images"]),
        "Selector": matched(row["selector"]),
    }


def endpoints(row: Row) -> Printed:
    addresses = [
        f"{address['ip']}:{port['port']}"
        for subset in row["subsets"]
        for port in subset["ports"]
        for address in subset.get("addresses", ())
    ]
    return {"Endpoints": shortened(addresses) if row["subsets"] else NONE}


def endpointslice(row: Row) -> Printed:
    ports = [str(port["port"]) for port in row["ports"]]
    return {
        "AddressType": row["address_type"],
        "Ports": shortened(ports) or UNSET,
        "Endpoints": shortened(row["addresses"]) or UNSET,
    }


def event(row: Row) -> Printed:
    # An instance of what reports by the newer API is no host.
    where = row["host"] or row["object"].get("reportingInstance")
    return {
        "Type": row["type"],
        "Reason": row["reason"],
        "Object": f"{row['involved_kind'].lower()}/{row['involved_name']}",
        "Subobject": row["involved_field"] or "",
        "Source": ", ".join(filter(None, (row["component"], where))),
        "Message": row["message"].strip(),
        "Count": row["count"],
    }


def flowschema(row: Row) -> Printed:
    return {
        "PriorityLevel": row["priority_level"],
        "MatchingPrecedence": row["matching_precedence"],
        "DistinguisherMethod": shown(row["distinguisher"]),
        "MissingPL": shown(row["dangling"], "?"),
    }


def horizontalpodautoscaler(row: Row) -> Printed:
    return {
        "Reference": f"{row['target_kind']}/{row['target_name']}",
        "MinPods": str(row["min_replicas"]),
        "MaxPods": row["max_replicas"],
        "Replicas": row["replicas"],
    }


def ingress(row: Row) -> Printed:
    return {
        "Class": shown(row["class_name"]),
        "Hosts": shortened(row["hosts"]) or "*",
        "Address": ",".join(sorted(row["addresses"])),
        "Ports": "80, 443" if row["tls_hosts"] else "80",
    }


def ingressclass(row: Row) -> Printed:
    kind = ".".join(filter(None, (row["parameters_kind"], row["parameters_group"])))
    return {
        "Name": row["name"] + " (default)" * row["is_default"],
        "Controller": row["controller"],
        "Parameters": f"{kind}/{row['parameters_name']}" if kind else NONE,
    }


def ipaddress(row: Row) -> Printed:
    parent = ".".join(filter(None, (row["parent_resource"], row["parent_group"])))
    return {"ParentRef": "/".join(filter(None, (parent, row["parent_namespace"], row["parent_name"])))}


def job(row: Row) -> Printed:
    wanted = "1" if row["completions"] is None else str(row["completions"])
    any_of = f" of {row['parallelism']}" if row["completions"] is None and row["parallelism"] > 1 else ""
    return {
        "Status": row["status"],
        "Completions": f"{row['succeeded']}/{wanted}{any_of}",
        **containers(row),
    }


def mutatingadmissionpolicy(row: Row) -> Printed:
    return {"Mutations": row["mutations"], "ParamKind": param_kind(row)}


def namespace(row: Row) -> Printed:
    return {"Status": row["status"]}


def networkpolicy(row: Row) -> Printed:
    return {"Pod-Selector": matched(row["pod_selector"])}


def node(row: Row) -> Printed:
    return {
        "Status": row["status"],
        "Roles": ",".join(row["roles"]),
        "Version": row["kubelet_version"],
        "Internal-IP": shown(row["internal_ip"]),
        "External-IP": shown(row["external_ip"]),
        "OS-Image": row["os_image"],
        "Kernel-Version": f"{row['kernel_version']} ({row['architecture']})",
        "Container-Runtime": row["container_runtime"],
    }


def param_kind(row: Row) -> str:
    return f"{row['param_api_version']}/{row['param_kind']}" if row["param_kind"] else UNSET


def persistentvolume(row: Row) -> Printed:
    return {
        "Access Modes": modes(row["access_modes"]),
        "Reclaim Policy": row["reclaim_policy"],
        "Status": row["status"],
        "Claim": f"{row['claim_namespace']}/{row['claim_name']}" if row["claim_name"] else "",
        "StorageClass": row["storage_class"],
        "VolumeAttributesClass": shown(row["volume_attributes_class"], UNSET),
        "Reason": row["reason"] or "",
        "VolumeMode": row["volume_mode"],
    }


def persistentvolumeclaim(row: Row) -> Printed:
    return {
        "Status": row["status"],
        "Volume": row["volume_name"] or "",
        "Access Modes": modes(row["access_modes"]),
        "StorageClass": row["storage_class"],
        "VolumeAttributesClass": shown(row["volume_attributes_class"], UNSET),
        "VolumeMode": row["volume_mode"],
    }


def pod(row: Row) -> Printed:
    return {
        "Ready": f"{row['ready_containers']}/{row['containers']}",
        "Status": row["status"],
        "Restarts": str(row["restarts"]),
        "IP": shown(row["pod_ip"]),
        "Node": shown(row["node_name"]),
    }


def poddisruptionbudget(row: Row) -> Printed:
    return {
        "Min Available": shown(row["min_available"], "N/A"),
        "Max Unavailable": shown(row["max_unavailable"], "N/A"),
        "Allowed Disruptions": row["allowed_disruptions"],
    }


def podtemplate(row: Row) -> Printed:
    return {"Pod Labels": joined(row["pod_labels"]), **containers(row)}


def policy_binding(row: Row) -> Printed:
    param = f"{row['param_namespace'] or '*'}/{row['param_name']}" if row["param_name"] else UNSET
    return {"PolicyName": row["policy_name"], "ParamRef": param}


def priorityclass(row: Row) -> Printed:
    return {
        "Value": row["value"],
        "Global-Default": row["global_default"],
        "PreemptionPolicy": row["preemption_policy"],
    }


def prioritylevelconfiguration(row: Row) -> Printed:
    limits = {
        "NominalConcurrencyShares": row["nominal_shares"],
        "Queues": row["queues"],
        "HandSize": row["hand_size"],
        "QueueLengthLimit": row["queue_length_limit"],
    }
    return {"Type": row["type"], **{name: NONE if value is None else value for name, value in limits.items()}}


def replicaset(row: Row) -> Printed:
    return {**replicas(row), "Selector": matched(row["selector"])}


def replicas(row: Row) -> Printed:
    return {"Desired": row["replicas"], "Current": row["current"], "Ready": row["ready"], **containers(row)}


def replicationcontroller(row: Row) -> Printed:
    return {**replicas(row), "Selector": joined(row["selector"])}


def resourceclaim(row: Row) -> Printed:
    return {"State": row["state"]}


def resourcequota(row: Row) -> Printed:
    used = {name: f"{name}: {row['used'].get(name, '0')}/{hard}" for name, hard in sorted(row["hard"].items())}
    limits = [text for name, text in used.items() if name.startswith("limits.")]
    return {"Request": ", ".join(text for text in used.values() if text not in limits), "Limit": ", ".join(limits)}


def resourceslice(row: Row) -> Printed:
    return {"Node": row["node_name"] or "", "Driver": row["driver"], "Pool": row["pool_name"]}


def role_binding(row: Row) -> Printed:
    def named(kind: str) -> str:
        found = [subject for subject in row["subjects"] if subject["kind"] == kind]
        return ", ".join("/".join(filter(None, (each.get("namespace"), each["name"]))) for each in found)

    return {
        "Role": f"{row['role_kind']}/{row['role_name']}",
        "Users": named("User"),
        "Groups": named("Group"),
        "ServiceAccounts": named("ServiceAccount"),
    }


def runtimeclass(row: Row) -> Printed:
    return {"Handler": row["handler"]}


def secret(row: Row) -> Printed:
    return {"Type": row["type"], "Data": len(row["keys"])}


def service(row: Row) -> Printed:
    # kubectl tells the two apart that have no address: None is headless, <none> an ExternalName.
    address = shown(row["cluster_ip"]) if row["cluster_ip"] or row["external_name"] else "None"
    return {"Type": row["type"], "Cluster-IP": address, "Selector": joined(row["selector"])}


def servicecidr(row: Row) -> Printed:
    return {"CIDRs": ",".join(row["cidrs"])}


def statefulset(row: Row) -> Printed:
    return {"Ready": f"{row['ready']}/{row['replicas']}", **containers(row)}


def storageclass(row: Row) -> Printed:
    return {
        "Name": row["name"] + " (default)" * row["is_default"],
        "Provisioner": row["provisioner"],
        "ReclaimPolicy": row["reclaim_policy"],
        "VolumeBindingMode": row["volume_binding_mode"],
        "AllowVolumeExpansion": row["allow_volume_expansion"],
    }


def validatingadmissionpolicy(row: Row) -> Printed:
    return {"Validations": row["validations"], "ParamKind": param_kind(row)}


def volumeattachment(row: Row) -> Printed:
    return {
        "Attacher": row["attacher"],
        "PV": row["volume_name"] or "",
        "Node": row["node_name"],
        "Attached": row["attached"],
    }


def webhooks(row: Row) -> Printed:
    return {"Webhooks": len(row["webhook_names"])}


def with_time(row: Row) -> Printed:
    """Of a resource that nobody taught the server to print: its time instead of its age."""
    return {"Created At": row["created_at"].strftime("%Y-%m-%dT%H:%M:%SZ")}


def only_named(row: Row) -> Printed:
    """Of a resource that is printed with its name and its age."""
    return {"Name": row["name"]}


PRINTERS: Mapping[str, Callable[[Row], Printed]] = {
    "apiservices": apiservice,
    "certificatesigningrequests": certificatesigningrequest,
    "clusterrolebindings": role_binding,
    "clusterroles": with_time,
    "componentstatuses": componentstatus,
    "configmaps": configmap,
    "controllerrevisions": controllerrevision,
    "crds": with_time,
    "cronjobs": cronjob,
    "csidrivers": csidriver,
    "csinodes": lambda row: {"Drivers": len(row["drivers"])},
    # The server has no printer for them where it lists them, and answers with what every resource has.
    "csistoragecapacities": with_time,
    "daemonsets": daemonset,
    "deployments": deployment,
    "deviceclasses": only_named,
    "endpoints": endpoints,
    "endpointslices": endpointslice,
    "events": event,
    "flowschemas": flowschema,
    "horizontalpodautoscalers": horizontalpodautoscaler,
    "ingressclasses": ingressclass,
    "ingresses": ingress,
    "ipaddresses": ipaddress,
    "jobs": job,
    "leases": lambda row: {"Holder": row["holder"] or ""},
    "limitranges": with_time,
    "mutatingadmissionpolicies": mutatingadmissionpolicy,
    "mutatingadmissionpolicybindings": policy_binding,
    "mutatingwebhookconfigurations": webhooks,
    "namespaces": namespace,
    "networkpolicies": networkpolicy,
    "nodes": node,
    "persistentvolumeclaims": persistentvolumeclaim,
    "persistentvolumes": persistentvolume,
    "poddisruptionbudgets": poddisruptionbudget,
    "pods": pod,
    "podtemplates": podtemplate,
    "priorityclasses": priorityclass,
    "prioritylevelconfigurations": prioritylevelconfiguration,
    "replicasets": replicaset,
    "replicationcontrollers": replicationcontroller,
    "resourceclaims": resourceclaim,
    "resourceclaimtemplates": only_named,
    "resourcequotas": resourcequota,
    "resourceslices": resourceslice,
    "rolebindings": role_binding,
    "roles": with_time,
    "runtimeclasses": runtimeclass,
    "secrets": secret,
    "serviceaccounts": only_named,
    "servicecidrs": servicecidr,
    "services": service,
    "statefulsets": statefulset,
    "storageclasses": storageclass,
    "validatingadmissionpolicies": validatingadmissionpolicy,
    "validatingadmissionpolicybindings": policy_binding,
    "validatingwebhookconfigurations": webhooks,
    "volumeattachments": volumeattachment,
    "volumeattributesclasses": lambda row: {"DriverName": row["driver_name"]},
}
"""The resources by name."""


def printed(resource: str, row: Row) -> Printed:
    """The columns of a row's resource; most print its name as it is."""
    return {"Name": row["name"], **PRINTERS[resource](row)}
