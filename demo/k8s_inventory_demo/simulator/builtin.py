"""The built-in resources of Kubernetes 1.36, as its discovery lists them; a table, and how it is read.

What a resource is, and those that come from a CustomResourceDefinition, is in `served`.
https://github.com/kubernetes/kubernetes/tree/master/api/discovery
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from k8s_inventory_demo.simulator.served import VERBS, Served, Subresource

# One resource a line: plural, kind, "N" for namespaced or "C" for cluster-wide, then short=, in= (categories),
# sub= (subresources), verbs= and kept= (the collection that holds its objects, when it is another's).
_TABLE: Final = """
v1
  bindings Binding N verbs=create
  componentstatuses ComponentStatus C short=cs verbs=get,list
  configmaps ConfigMap N short=cm
  endpoints Endpoints N short=ep
  events Event N short=ev
  limitranges LimitRange N short=limits
  namespaces Namespace C short=ns sub=finalize,status verbs=create,delete,get,list,patch,update,watch
  nodes Node C short=no sub=proxy,status
  persistentvolumeclaims PersistentVolumeClaim N short=pvc sub=status
  persistentvolumes PersistentVolume C short=pv sub=status
  pods Pod N short=po in=all sub=attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status
  podtemplates PodTemplate N
  replicationcontrollers ReplicationController N short=rc in=all sub=scale,status
  resourcequotas ResourceQuota N short=quota sub=status
  secrets Secret N
  serviceaccounts ServiceAccount N short=sa sub=token
  services Service N short=svc in=all sub=proxy,status
apiregistration.k8s.io/v1
  apiservices APIService C in=api-extensions sub=status
apps/v1
  controllerrevisions ControllerRevision N
  daemonsets DaemonSet N short=ds in=all sub=status
  deployments Deployment N short=deploy in=all sub=scale,status
  replicasets ReplicaSet N short=rs in=all sub=scale,status
  statefulsets StatefulSet N short=sts in=all sub=scale,status
events.k8s.io/v1
  events Event N short=ev kept=events
authentication.k8s.io/v1
  selfsubjectreviews SelfSubjectReview C verbs=create
  tokenreviews TokenReview C verbs=create
authorization.k8s.io/v1
  localsubjectaccessreviews LocalSubjectAccessReview N verbs=create
  selfsubjectaccessreviews SelfSubjectAccessReview C verbs=create
  selfsubjectrulesreviews SelfSubjectRulesReview C verbs=create
  subjectaccessreviews SubjectAccessReview C verbs=create
autoscaling/v2
  horizontalpodautoscalers HorizontalPodAutoscaler N short=hpa in=all sub=status
autoscaling/v1
  horizontalpodautoscalers HorizontalPodAutoscaler N short=hpa in=all sub=status
batch/v1
  cronjobs CronJob N short=cj in=all sub=status
  jobs Job N in=all sub=status
certificates.k8s.io/v1
  certificatesigningrequests CertificateSigningRequest C short=csr sub=approval,status
networking.k8s.io/v1
  ingressclasses IngressClass C
  ingresses Ingress N short=ing sub=status
  ipaddresses IPAddress C short=ip
  networkpolicies NetworkPolicy N short=netpol
  servicecidrs ServiceCIDR C sub=status
policy/v1
  poddisruptionbudgets PodDisruptionBudget N short=pdb sub=status
rbac.authorization.k8s.io/v1
  clusterrolebindings ClusterRoleBinding C
  clusterroles ClusterRole C
  rolebindings RoleBinding N
  roles Role N
storage.k8s.io/v1
  csidrivers CSIDriver C
  csinodes CSINode C
  csistoragecapacities CSIStorageCapacity N
  storageclasses StorageClass C short=sc
  volumeattachments VolumeAttachment C sub=status
  volumeattributesclasses VolumeAttributesClass C short=vac
admissionregistration.k8s.io/v1
  mutatingadmissionpolicies MutatingAdmissionPolicy C in=api-extensions
  mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding C in=api-extensions
  mutatingwebhookconfigurations MutatingWebhookConfiguration C in=api-extensions
  validatingadmissionpolicies ValidatingAdmissionPolicy C in=api-extensions sub=status
  validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding C in=api-extensions
  validatingwebhookconfigurations ValidatingWebhookConfiguration C in=api-extensions
apiextensions.k8s.io/v1
  customresourcedefinitions CustomResourceDefinition C short=crd,crds in=api-extensions sub=status
scheduling.k8s.io/v1
  priorityclasses PriorityClass C short=pc
coordination.k8s.io/v1
  leases Lease N
node.k8s.io/v1
  runtimeclasses RuntimeClass C
discovery.k8s.io/v1
  endpointslices EndpointSlice N
resource.k8s.io/v1
  deviceclasses DeviceClass C
  resourceclaims ResourceClaim N sub=status
  resourceclaimtemplates ResourceClaimTemplate N
  resourceslices ResourceSlice C
flowcontrol.apiserver.k8s.io/v1
  flowschemas FlowSchema C sub=status
  prioritylevelconfigurations PriorityLevelConfiguration C sub=status
"""

_SUBRESOURCES: Final[Mapping[str, Subresource]] = {
    sub.name: sub
    for sub in (
        Subresource(name="attach", verbs=("create", "get"), kind="PodAttachOptions"),
        Subresource(name="binding", verbs=("create",), kind="Binding"),
        Subresource(name="eviction", verbs=("create",), kind="Eviction", group="policy", version="v1"),
        Subresource(name="exec", verbs=("create", "get"), kind="PodExecOptions"),
        Subresource(name="finalize", verbs=("update",)),
        Subresource(name="log", verbs=("get",)),
        Subresource(name="portforward", verbs=("create", "get"), kind="PodPortForwardOptions"),
        Subresource(name="scale", kind="Scale", group="autoscaling", version="v1"),
        Subresource(name="token", verbs=("create",), kind="TokenRequest", group="authentication.k8s.io", version="v1"),
    )
}
"""Those that are not just another view of the object."""


def _subresource(name: str, kind: str) -> Subresource:
    if name == "proxy":
        return Subresource(name=name, verbs=("create", "delete", "get", "patch", "update"), kind=f"{kind}ProxyOptions")
    return _SUBRESOURCES.get(name) or Subresource(name=name)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _resource(group: str, version: str, line: str) -> Served:
    plural, kind, scope, *rest = line.split()
    options = dict(option.split("=", 1) for option in rest)
    return Served(
        group=group,
        version=version,
        plural=plural,
        kind=kind,
        namespaced=scope == "N",
        singular=kind.lower(),
        short_names=_words(options.get("short")),
        categories=_words(options.get("in")),
        verbs=_words(options.get("verbs")) or VERBS,
        subresources=tuple(_subresource(name, kind) for name in _words(options.get("sub"))),
        collection=options.get("kept") or (f"{plural}.{group}" if group else plural),
    )


def _resources() -> Iterator[Served]:
    group = version = ""
    for line in _TABLE.strip().splitlines():
        if line.startswith(" "):
            yield _resource(group, version, line)
        else:
            group, _, version = line.rpartition("/")


BUILT_IN: Final[tuple[Served, ...]] = tuple(_resources())
"""Every built-in resource, in the server's order of groups."""
