"""The part that every object and every table share: the metadata we decode and the columns that hold it.

What is kept beyond that is declared in one module per resource beside this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from airflow_provider_k8s_inventory.model import Column, Definition, Index, Table

EMPTY: Final = msgspec.Raw(b"{}")
ABSENT: Final = msgspec.Raw(b"")
Time = Annotated[datetime, msgspec.Meta(tz=True)]
"""RFC 3339 with a time zone; without one it would be of PostgreSQL's."""
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
COPIES: Final = (
    LAST_APPLIED,
    "kapp.k14s.io/original",
    "kapp.k14s.io/original-diff",
    "kapp.k14s.io/original-diff-full",
    "objectset.rio.cattle.io/applied",
    "banzaicloud.com/last-applied",
    "kopf.zalando.org/last-handled-configuration",
)
"""The annotations in which kubectl, kapp, Rancher, Cisco's operators and kopf keep a copy of the whole object."""


class OwnerReference(msgspec.Struct, frozen=True, gc=False):
    """One entry of ``metadata.ownerReferences``."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The fields of ``metadata`` that become columns; every one may be missing or null."""

    uid: str | None = None
    name: str | None = None
    namespace: str | None = None
    labels: msgspec.Raw = EMPTY
    annotations: msgspec.Raw = EMPTY
    owner_references: list[OwnerReference] | None = None
    resource_version: str | None = None
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    managed_fields: msgspec.Raw = ABSENT
    """No column: it is left out of what is stored."""

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages the object; at most one may have ``controller: true``."""
        for owner in self.owner_references or ():
            if owner.controller:
                return owner
        return None


class Object(msgspec.Struct, frozen=True, rename="camel"):
    """An object of which only the metadata is read; the resources extend it by what they read."""

    metadata: Metadata = Metadata()
    kind: str | None = None
    api_version: str | None = None


class Condition(msgspec.Struct, frozen=True, gc=False):
    """One entry of ``status.conditions``."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    changed: str | None = msgspec.field(name="lastTransitionTime", default=None)
    """Read by `time` where it matters, which is of few."""


class Container(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One container of a pod or of a pod template."""

    name: str = ""
    image: str | None = None
    restart_policy: str | None = None


class Balanced(msgspec.Struct, frozen=True, gc=False):
    """One way in through a load balancer."""

    ip: str | None = None
    hostname: str | None = None


def balanced(ways: Iterable[Balanced] | None) -> list[str]:
    """List the addresses and host names of a load balancer."""
    return [found for way in ways or () if (found := way.ip or way.hostname)]


def time(written: str | None) -> datetime | None:
    """Read a time; None: there is none, or it cannot be read."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(written, Time | None)
    return None


def holds(conditions: Iterable[Condition] | None, type_: str) -> bool:
    """Tell if the condition is there and ``True``."""
    return any(condition.type == type_ and condition.status == "True" for condition in conditions or ())


def state(conditions: Iterable[Condition] | None, type_: str) -> bool | None:
    """Tell if the condition is ``True``; None: it is not there, or ``Unknown``."""
    found = next((condition.status for condition in conditions or () if condition.type == type_), None)
    return {"True": True, "False": False}.get(found or "")


def terminating(phase: str | None, deleted: datetime | None) -> str | None:
    """Return what kubectl prints as STATUS of a thing that is being deleted, and else its phase."""
    return "Terminating" if deleted else phase


def member(raw: msgspec.Raw, key: str) -> str | None:
    """Return the text of a label or an annotation; None: there is none."""
    # To decode all of them takes ten times as long as to see that it is not among them.
    if key.encode() not in bytes(raw):
        return None
    found = (msgspec.json.decode(raw, type=dict[str, Any] | None) or {}).get(key)
    return found if isinstance(found, str) else None


def flagged(annotations: msgspec.Raw, key: str) -> bool:
    """Tell if an annotation is ``"true"``."""
    return member(annotations, key) == "true"


def str_or_none(value: int | str | None) -> str | None:
    """Return the text of a number or a percentage."""
    return None if value is None else str(value)


def address(written: str | None) -> str | None:
    """Return an address, or None: ``""`` and ``"None"`` (headless) are none."""
    return None if written == "None" else written or None


_KEY: Final = (
    Column(name="context_name", type="text", comment="The kubeconfig context it was read through"),
    Column(name="cluster_uid", type="text", comment="The cluster: the UID of its kube-system namespace"),
    Column(name="uid", type="text", comment="metadata.uid; with namespace and name where it is missing or shared"),
)
_NAMESPACE: Final = Column(name="namespace", type="text", comment="metadata.namespace")
_NAME: Final = Column(name="name", type="text", comment="metadata.name")
_REST: Final = (
    Column(name="labels", type="jsonb", comment="metadata.labels; {} when there are none"),
    Column(name="annotations", type="jsonb", comment="metadata.annotations, without last-applied-configuration"),
    Column(name="owner_kind", type="text", comment="The kind of the controller among metadata.ownerReferences"),
    Column(name="owner_name", type="text", comment="The name of that controller"),
    Column(name="owner_uid", type="text", comment="The UID of that controller"),
    Column(name="resource_version", type="text", comment="metadata.resourceVersion; compare for equality only"),
    Column(name="created_at", type="timestamp with time zone", comment="metadata.creationTimestamp"),
    Column(name="deletion_timestamp", type="timestamp with time zone", comment="metadata.deletionTimestamp"),
    Column(name="first_seen_at", type="timestamp with time zone", comment="When a sync first wrote the row"),
    Column(name="changed_at", type="timestamp with time zone", comment="When a sync last changed the row"),
    Column(name="deleted_at", type="timestamp with time zone", comment="When a sync proved it gone (on_delete=mark)"),
    Column(name="object", type="jsonb", comment="The object without managedFields; NULL when not stored"),
)

SHARED_NAMES: Final = tuple(column.name for column in (*_KEY, _NAMESPACE, _NAME, *_REST))
"""The columns that every table has, `namespace` only where its objects have one."""


def own_columns(table: Table) -> tuple[Column, ...]:
    """Return the columns of a table that are not shared; `namespace` is an own one of `k8s_clusters`."""
    shared = {*SHARED_NAMES} if table.namespaced else {*SHARED_NAMES} - {_NAMESPACE.name}
    return tuple(column for column in table.columns if column.name not in shared)


def own_values(definition: Definition, item: bytes | msgspec.Raw) -> dict[str, Any]:
    """Read the columns of a resource's own, by name.

    :raises msgspec.MsgspecError: when the object is not of the shape it should be.
    """
    names = [column.name for column in own_columns(definition.table) if column.extracted]
    return dict(zip(names, definition.extract(msgspec.json.decode(item, type=definition.type)), strict=True))


def table(
    name: Any,
    comment: str,
    *own: Column,
    namespaced: bool = True,
    key: Any = ("context_name", "uid"),
    indexes: Any = (),
) -> Table:
    """Make a table of the shared columns and its own ones.

    :param name: the SQL name, a literal string.
    :param comment: what it holds; becomes the SQL comment.
    :param own: the columns of its own; they follow `name`, as what a person looks for, and `object` is last.
    :param namespaced: whether the objects live in namespaces.
    :param key: the names of the columns that tell rows apart.
    :param indexes: further indexes.
    """
    namespace = (_NAMESPACE,) if namespaced else ()
    place: Any = ("context_name", "namespace", "name") if namespaced else ("context_name", "name")
    # In the order of bytes, which finds the beginning of a name whatever the database's collation is.
    by_name = Index(("name",), operators="text_pattern_ops")
    found = [Index(place), by_name, Index(("uid",)), Index(("changed_at",))]
    if any(column.name == "problem" for column in own):
        found.append(Index(("context_name",), where="problem IS NOT NULL AND deleted_at IS NULL"))
    return Table(
        name=name,
        comment=comment,
        columns=(*_KEY, *namespace, _NAME, *own, *_REST),
        namespaced=namespaced,
        key=key,
        indexes=(*found, *indexes),
    )
