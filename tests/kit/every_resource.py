"""At least one object of every built-in resource, as small as an API server takes it.

What people look at first - pods, deployments, services, nodes - is put into clusters by `populating`.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider_k8s_inventory import resources
from tests.kit import objects
from tests.kit.cluster import LiveCluster

Object = dict[str, Any]

NOBODYS: Final = {"matchLabels": {"example.com/nobody": "has-it"}}
NO_OBJECTS: Final = {
    "apiGroups": ["example.org"],
    "apiVersions": ["v1"],
    "operations": ["CREATE"],
    "resources": ["none"],
}
"""A rule for nothing that a cluster serves, so that no admission stands in the way of other tests."""
GROUP: Final = "rbac.authorization.k8s.io"
SUBJECTS: Final = [
    {"kind": "User", "apiGroup": GROUP, "name": "ann"},
    {"kind": "User", "apiGroup": GROUP, "name": "bob"},
    {"kind": "Group", "apiGroup": GROUP, "name": "auditors"},
    {"kind": "ServiceAccount", "namespace": "default", "name": "robot"},
]
RULES: Final = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
LABELS: Final = {"app": "every"}
SELECTOR: Final = {"matchLabels": LABELS}
TEMPLATE: Final[Object] = {
    "metadata": {"labels": LABELS},
    "spec": {"containers": [{"name": "main", "image": "main:1"}, {"name": "side", "image": "side:2"}]},
}
ONCE: Final[Object] = {"spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}
REQUEST: Final = {"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com", "count": 1}}
SCALED: Final = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "every"}
BACKEND: Final = {"service": {"name": "every", "port": {"number": 80}}}
PATHS: Final = {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]}
WEBHOOK: Final[Object] = {
    "name": "hook.example.com",
    "clientConfig": {"service": {"namespace": "default", "name": "hook", "path": "/admit"}},
    "rules": [NO_OBJECTS],
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "failurePolicy": "Ignore",
}
WEBHOOKS: Final = [
    WEBHOOK,
    {**WEBHOOK, "name": "far.example.com", "clientConfig": {"url": "https://hook.example.com/"}},
]
CONSTRAINTS: Final = {"resourceRules": [NO_OBJECTS]}
PARAM_KIND: Final = {"apiVersion": "v1", "kind": "ConfigMap"}
PARAMETERS: Final = {"name": "every", "namespace": "default", "parameterNotFoundAction": "Allow"}
LIMIT: Final = {"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"}}
DEVICES: Final = [{"name": "gpu-0"}, {"name": "gpu-1"}]
VOLUME: Final[Object] = {
    "capacity": {"storage": "1Gi"},
    "accessModes": ["ReadWriteOnce", "ReadOnlyMany"],
    "persistentVolumeReclaimPolicy": "Retain",
    "storageClassName": "slow",
    "csi": {"driver": "csi.example.com", "volumeHandle": "volume-1"},
}
CLAIM: Final[Object] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "500Mi"}}}


@cache
def signing_request() -> str:
    """A request for a certificate, as objects hold it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ann")])
    signed = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


def manifests(namespace: str) -> dict[str, list[Object]]:
    """The objects that people create, by resource: without version and kind; the namespace is in the path.

    :param namespace: the one that they refer to.
    """
    regarding = {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": "every"}
    return {
        "configmaps": [named("every", data={"one": "1", "two": "22"}, binaryData={"three": "AAE="}), named("empty")],
        "secrets": [
            named("every", stringData={"password": "hunter2"}),
            named("tls", type="kubernetes.io/tls", data={"tls.crt": "", "tls.key": ""}),
        ],
        "serviceaccounts": [named("robot", imagePullSecrets=[{"name": "registry"}])],
        "limitranges": [named("every", spec={"limits": [LIMIT]})],
        "resourcequotas": [
            named("every", spec={"hard": {"configmaps": "100", "limits.cpu": "1k", "requests.memory": "1Ti"}})
        ],
        "podtemplates": [named("every", template=TEMPLATE)],
        "endpoints": [
            named("every", subsets=[{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"name": "http", "port": 80}]}])
        ],
        "endpointslices": [
            named(
                "every-slice",
                labels={"kubernetes.io/service-name": "every"},
                addressType="IPv4",
                endpoints=[
                    {"addresses": ["192.0.2.7"], "conditions": {"ready": True}},
                    {"addresses": ["192.0.2.8"], "conditions": {"ready": False}},
                ],
                ports=[{"name": "http", "port": 80, "protocol": "TCP"}, {"name": "https", "port": 443}],
            ),
            named("many-slice", addressType="IPv6", endpoints=[{"addresses": [f"2001:db8::{n}"]} for n in range(1, 6)]),
        ],
        "events": [
            named(
                "old-way",
                involvedObject={**regarding, "fieldPath": "spec.containers{main}"},
                type="Warning",
                reason="BackOff",
                message="Back-off restarting failed container",
                source={"component": "kubelet", "host": "worker"},
                firstTimestamp="2026-07-01T08:00:00Z",
                lastTimestamp="2026-07-01T09:00:00Z",
                count=12,
            ),
            named(
                "new-way",
                involvedObject=regarding,
                type="Normal",
                reason="Seen",
                message="Seen again ",
                action="Look",
                eventTime="2026-07-01T08:00:00.000001Z",
                series={"count": 3, "lastObservedTime": "2026-07-01T09:00:00.000001Z"},
                reportingComponent="example.com/looker",
                reportingInstance="looker-1",
                source={},
            ),
        ],
        "persistentvolumes": [
            named("bound", spec={**VOLUME, "claimRef": {"namespace": namespace, "name": "bound"}}),
            named("available", spec={**VOLUME, "csi": {**VOLUME["csi"], "volumeHandle": "volume-2"}}),
        ],
        "persistentvolumeclaims": [
            named("bound", spec={**CLAIM, "storageClassName": "slow", "volumeName": "bound"}),
            named("pending", spec={**CLAIM, "storageClassName": "fast", "volumeAttributesClassName": "gold"}),
        ],
        "replicationcontrollers": [
            named("every", spec={"replicas": 1, "selector": {"rc": "y"}, "template": labelled("rc")})
        ],
        "statefulsets": [
            named("every", spec={"replicas": 1, "serviceName": "every", "selector": SELECTOR, "template": TEMPLATE})
        ],
        "daemonsets": [
            named(
                "every",
                spec={
                    "selector": {"matchLabels": {"ds": "y"}},
                    "template": labelled(
                        "ds", tolerations=[{"operator": "Exists"}], nodeSelector={"zone": "b", "arch": "a"}
                    ),
                },
            )
        ],
        "jobs": [
            named("three", spec={"completions": 3, "parallelism": 2, "template": ONCE}),
            named("any", spec={"parallelism": 2, "template": ONCE}),
            named("held", spec={"suspend": True, "template": ONCE}),
        ],
        "cronjobs": [
            named(
                "every",
                spec={
                    "schedule": "0 0 1 1 *",
                    "timeZone": "Europe/Vienna",
                    "suspend": True,
                    "jobTemplate": {"spec": {"template": ONCE}},
                },
            ),
            named("here", spec={"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": ONCE}}}),
        ],
        "horizontalpodautoscalers": [
            named("every", spec={"scaleTargetRef": SCALED, "minReplicas": 1, "maxReplicas": 4}),
        ],
        "poddisruptionbudgets": [
            named("number", spec={"minAvailable": 2, "selector": SELECTOR}),
            named("percentage", spec={"maxUnavailable": "50%", "selector": SELECTOR}),
        ],
        "ingressclasses": [
            named(
                "every",
                annotations={"ingressclass.kubernetes.io/is-default-class": "true"},
                spec={
                    "controller": "example.com/ingress",
                    "parameters": {"apiGroup": "example.com", "kind": "Tuning", "name": "fast", "scope": "Cluster"},
                },
            ),
            named("plain", spec={"controller": "example.com/plain"}),
        ],
        "ingresses": [
            named(
                "every",
                spec={
                    "ingressClassName": "every",
                    "rules": [{"host": f"{host}.example.com", "http": PATHS} for host in "abcde"],
                    "tls": [{"hosts": ["a.example.com"], "secretName": "tls"}],
                },
            ),
            named("any-host", spec={"ingressClassName": "plain", "defaultBackend": BACKEND}),
        ],
        "networkpolicies": [
            named("every", spec={"podSelector": SELECTOR, "policyTypes": ["Ingress", "Egress"]}),
            named("all", spec={"podSelector": {}, "ingress": [{"from": [{"podSelector": SELECTOR}]}]}),
        ],
        "roles": [named("every", rules=RULES)],
        "rolebindings": [
            named("every", roleRef={"apiGroup": GROUP, "kind": "Role", "name": "every"}, subjects=SUBJECTS)
        ],
        "clusterroles": [named("every", rules=RULES, labels=LABELS)],
        "clusterrolebindings": [
            named("every", roleRef={"apiGroup": GROUP, "kind": "ClusterRole", "name": "every"}, subjects=SUBJECTS)
        ],
        "storageclasses": [
            named(
                "slow",
                annotations={"storageclass.kubernetes.io/is-default-class": "true"},
                provisioner="csi.example.com",
                parameters={"type": "disk"},
                reclaimPolicy="Retain",
                volumeBindingMode="WaitForFirstConsumer",
                allowVolumeExpansion=True,
            ),
            named("fast", provisioner="csi.example.com"),
            named(
                "of-old",
                annotations={"storageclass.beta.kubernetes.io/is-default-class": "true"},
                provisioner="csi.example.com",
            ),
        ],
        "csidrivers": [
            named("csi.example.com", spec={}),
            named(
                "tokens.example.com",
                spec={
                    "attachRequired": False,
                    "podInfoOnMount": True,
                    "storageCapacity": True,
                    "requiresRepublish": True,
                    "tokenRequests": [{"audience": "vault"}, {"audience": "other", "expirationSeconds": 3600}],
                    "volumeLifecycleModes": ["Persistent", "Ephemeral"],
                },
            ),
        ],
        "csinodes": [
            named("worker", spec={"drivers": [{"name": "csi.example.com", "nodeID": "n1", "topologyKeys": ["zone"]}]})
        ],
        "csistoragecapacities": [
            named("every", storageClassName="slow", capacity="10Gi", nodeTopology=NOBODYS),
        ],
        "volumeattachments": [
            named(
                "every",
                spec={
                    "attacher": "csi.example.com",
                    "nodeName": "worker",
                    "source": {"persistentVolumeName": "available"},
                },
            )
        ],
        "volumeattributesclasses": [named("gold", driverName="csi.example.com", parameters={"iops": "5000"})],
        "mutatingwebhookconfigurations": [
            named("every", webhooks=WEBHOOKS),
            named("none"),
        ],
        "validatingwebhookconfigurations": [named("every", webhooks=WEBHOOKS)],
        "mutatingadmissionpolicies": [
            named(
                "every",
                spec={
                    "paramKind": PARAM_KIND,
                    "matchConstraints": CONSTRAINTS,
                    "failurePolicy": "Ignore",
                    "reinvocationPolicy": "Never",
                    "mutations": [
                        {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}},
                    ],
                },
            )
        ],
        "mutatingadmissionpolicybindings": [
            named("every", spec={"policyName": "every", "paramRef": PARAMETERS}),
            named("plain", spec={"policyName": "every"}),
        ],
        "validatingadmissionpolicies": [
            named(
                "every",
                spec={
                    "paramKind": PARAM_KIND,
                    "matchConstraints": CONSTRAINTS,
                    "failurePolicy": "Ignore",
                    "validations": [{"expression": "true"}, {"expression": "1 < 2"}],
                },
            )
        ],
        "validatingadmissionpolicybindings": [
            named(
                "every",
                spec={"policyName": "every", "paramRef": PARAMETERS, "validationActions": ["Audit", "Warn"]},
            ),
            named(
                "anywhere",
                spec={
                    "policyName": "every",
                    "paramRef": {"name": "every", "parameterNotFoundAction": "Deny"},
                    "validationActions": ["Deny"],
                },
            ),
        ],
        "priorityclasses": [
            named("every", value=1000, description="before the rest", preemptionPolicy="Never"),
        ],
        "runtimeclasses": [named("every", handler="runsc", overhead={"podFixed": {"memory": "64Mi"}})],
        "leases": [
            named("every", spec={"holderIdentity": "looker-1", "leaseDurationSeconds": 15, "leaseTransitions": 2}),
            named("free"),
        ],
        "certificatesigningrequests": [
            named(
                name,
                spec={
                    "request": signing_request(),
                    "signerName": "example.com/signer",
                    "usages": ["client auth"],
                    "expirationSeconds": 3600,
                },
            )
            for name in ("asked", *DECISIONS)
        ],
        "deviceclasses": [
            named(
                "gpu.example.com", spec={"selectors": [{"cel": {"expression": "device.driver == 'gpu.example.com'"}}]}
            )
        ],
        "resourceclaims": [named("every", spec={"devices": {"requests": [REQUEST]}})],
        "resourceclaimtemplates": [named("every", spec={"spec": {"devices": {"requests": [REQUEST]}}})],
        "resourceslices": [
            named(
                "every",
                spec={
                    "driver": "gpu.example.com",
                    "nodeName": "worker",
                    "pool": {"name": "worker", "generation": 1, "resourceSliceCount": 1},
                    "devices": DEVICES,
                },
            ),
            named(
                "everywhere",
                spec={
                    "driver": "gpu.example.com",
                    "allNodes": True,
                    "pool": {"name": "shared", "generation": 1, "resourceSliceCount": 1},
                    "devices": DEVICES,
                },
            ),
        ],
    }


DECISIONS: Final = {"approved": "Approved", "denied": "Denied"}
"""The condition that each request for a certificate gets; one that it does not name stays as it is asked."""


def made_by_servers() -> dict[str, list[Object]]:
    """The objects that API servers and controllers make by themselves, for a simulated cluster, which has neither."""
    wanted = {"replicas": 1, "selector": SELECTOR, "template": TEMPLATE}
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "every", "uid": "7", "controller": True}
    level = {"name": "global-default"}
    queuing = {"queues": 64, "handSize": 6, "queueLengthLimit": 50}
    return {
        "apiservices": [named("v1.", spec={"version": "v1", "groupPriorityMinimum": 18000, "versionPriority": 1})],
        "controllerrevisions": [named("every-1", revision=1, ownerReferences=[owner])],
        "flowschemas": [named("every", spec={"priorityLevelConfiguration": level, "matchingPrecedence": 9900})],
        "prioritylevelconfigurations": [
            named("global-default", spec={"type": "Limited", "limited": {"limitResponse": {"queuing": queuing}}}),
        ],
        "ipaddresses": [
            named(
                "10.96.0.1", spec={"parentRef": {"resource": "services", "namespace": "default", "name": "kubernetes"}}
            )
        ],
        "replicasets": [named("every", spec=wanted)],
        "servicecidrs": [named("kubernetes", spec={"cidrs": ["10.96.0.0/16"]})],
    }


def add_every_resource(cluster: LiveCluster, namespace: str) -> None:
    """Create them, the namespaced ones in a namespace."""
    made = manifests(namespace) | ({} if cluster.has_controllers else made_by_servers())
    for name, bodies in made.items():
        resource = resources.CATALOGUE[name].resource
        for body in bodies:
            cluster.request("POST", resource.path(namespace if resource.namespaced else None), body)
    for name, type_ in DECISIONS.items():
        decide(cluster, name, type_)


def decide(cluster: LiveCluster, name: str, type_: str) -> None:
    """Approve or deny a request for a certificate."""
    path = f"{resources.CATALOGUE['certificatesigningrequests'].resource.path()}/{name}"
    condition = {"type": type_, "status": "True", "reason": "Decided"}
    subresource = "approval" if cluster.has_controllers else "status"
    cluster.request("PATCH", f"{path}/{subresource}", {"status": {"conditions": [condition]}})


def named(name: str, **members: Any) -> Object:
    """An object of a name, with members of its own and of its metadata."""
    metadata = {key: members.pop(key) for key in ("labels", "annotations", "ownerReferences") if key in members}
    return objects.named(name, **metadata) | members


def labelled(label: str, **spec: Any) -> Object:
    """The template with a label of its own, so that no two controllers want the same pods."""
    return {"metadata": {"labels": {label: "y"}}, "spec": {**TEMPLATE["spec"], **spec}}
