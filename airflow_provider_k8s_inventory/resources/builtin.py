"""Names of the resources that are part of Kubernetes and have no table of their own.

They say the same in each cluster, so a scope has its full name before a cluster is asked, and also when none responds.
Resources that are not here are found by discovery all the same; whether one is served, only discovery says.
https://kubernetes.io/docs/reference/kubectl/#resource-types
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

# A group and its resources: plural, singular, short name.
_TABLE: Final = """
core: componentstatuses componentstatus cs, configmaps configmap cm, endpoints endpoints ep, events event ev,
 limitranges limitrange limits,
 persistentvolumeclaims persistentvolumeclaim pvc, persistentvolumes persistentvolume pv, podtemplates podtemplate,
 replicationcontrollers replicationcontroller rc, resourcequotas resourcequota quota, serviceaccounts serviceaccount sa
admissionregistration.k8s.io: mutatingadmissionpolicies mutatingadmissionpolicy,
 mutatingadmissionpolicybindings mutatingadmissionpolicybinding,
 mutatingwebhookconfigurations mutatingwebhookconfiguration,
 validatingadmissionpolicies validatingadmissionpolicy,
 validatingadmissionpolicybindings validatingadmissionpolicybinding,
 validatingwebhookconfigurations validatingwebhookconfiguration
apiregistration.k8s.io: apiservices apiservice
apps: controllerrevisions controllerrevision, daemonsets daemonset ds, replicasets replicaset rs,
 statefulsets statefulset sts
autoscaling: horizontalpodautoscalers horizontalpodautoscaler hpa
batch: cronjobs cronjob cj, jobs job
certificates.k8s.io: certificatesigningrequests certificatesigningrequest csr
coordination.k8s.io: leases lease
discovery.k8s.io: endpointslices endpointslice
flowcontrol.apiserver.k8s.io: flowschemas flowschema, prioritylevelconfigurations prioritylevelconfiguration
networking.k8s.io: ingressclasses ingressclass, ingresses ingress ing, ipaddresses ipaddress ip,
 networkpolicies networkpolicy netpol, servicecidrs servicecidr
node.k8s.io: runtimeclasses runtimeclass
policy: poddisruptionbudgets poddisruptionbudget pdb
rbac.authorization.k8s.io: clusterrolebindings clusterrolebinding, clusterroles clusterrole, rolebindings rolebinding,
 roles role
resource.k8s.io: deviceclasses deviceclass, resourceclaims resourceclaim,
 resourceclaimtemplates resourceclaimtemplate, resourceslices resourceslice
scheduling.k8s.io: priorityclasses priorityclass pc
storage.k8s.io: csidrivers csidriver, csinodes csinode, csistoragecapacities csistoragecapacity,
 storageclasses storageclass sc, volumeattachments volumeattachment,
 volumeattributesclasses volumeattributesclass vac
"""


def _read() -> Iterator[tuple[str, str]]:
    for line in _TABLE.replace("\n ", " ").strip().splitlines():
        group, _, resources = line.partition(": ")
        suffix = "" if group == "core" else f".{group}"
        for words in (each.split() for each in resources.split(",")):
            for word in words:
                yield word, words[0] + suffix
                yield word + suffix, words[0] + suffix


NAMES: Final[Mapping[str, str]] = MappingProxyType(dict(_read()))
"""The full name by all that people write: ``ing``, ``ingress``, ``ing.networking.k8s.io``."""
