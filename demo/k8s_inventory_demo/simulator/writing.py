"""Create, replace, patch and delete objects, with the conflicts and the bookkeeping of a real API server.

No controller runs: deleting an owner leaves what it owned, and nothing makes a Deployment's pods. Writes take effect
in `store`; what the server adds to a new object is in `admission`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from k8s_inventory_demo.simulator import admission, errors
from k8s_inventory_demo.simulator.admission import Document
from k8s_inventory_demo.simulator.objects import Entry, decode, encode, entry_of, key_of, uid_of
from k8s_inventory_demo.simulator.served import DEFINITIONS, Registry, Served, custom_resources
from k8s_inventory_demo.simulator.store import Store

Written = Literal["all", "main", "status"]
"""The part a write may change: a request to an object's own path keeps its status, one to ``/status`` all else."""

_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
"""The metadata that no client can change."""


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386, JSON Merge Patch."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


class Writer:
    """The writes of one server."""

    def __init__(self, name: str, store: Store, registry: Registry) -> None:
        self._name = name
        self._store = store
        self._registry = registry

    def create(self, served: Served, namespace: str | None, document: Mapping[str, Any]) -> Entry:
        """Store a new object.

        :raises StatusError: 400 and 422 for what cannot be, 404 without the namespace, 409 when it exists.
        """
        with self._store.lock:
            document = {**document, "metadata": dict(document.get("metadata") or {})}
            metadata = document["metadata"]
            namespace = admission.namespace_of(served, metadata, namespace)
            if namespace and self._store.get("namespaces", namespace) is None:
                raise errors.not_found("namespaces", "", namespace)
            name = admission.name_of(served, metadata, self._store.resource_version + 1)
            key = key_of(namespace, name)
            if self._store.get(served.collection, key) is not None:
                raise errors.already_exists(served.plural, served.group, name)
            version = self._store.next_version()
            uid = uid_of(self._name, served.collection, key, str(version))
            metadata |= {"name": name, "uid": uid, "creationTimestamp": admission.now()}
            if served.counts_generations:
                metadata["generation"] = 1
            if namespace:
                metadata["namespace"] = namespace
            admission.default(served.collection, document)
            if served.collection == DEFINITIONS:
                self._registry.add(custom_resources(document))
            return self._apply(served, "ADDED", document, version)

    def replace(
        self, served: Served, namespace: str | None, name: str, document: Mapping[str, Any], part: Written = "all"
    ) -> Entry:
        """Store a new state of an object; nothing happens when it is the one it has.

        :raises StatusError: 404 without the object, 409 when its resourceVersion or uid is not the given one.
        """
        with self._store.lock:
            entry = self.get(served, namespace, name)
            old: Document = decode(entry.body)
            new = _combine(old, document, part)
            self._check(served, old, document.get("metadata") or {})
            if _without_version(new) == _without_version(old):
                return entry
            if _desired(new) != _desired(old) and "generation" in old["metadata"]:
                new["metadata"]["generation"] += 1
            if "deletionTimestamp" in old["metadata"] and not new["metadata"].get("finalizers"):
                return self._remove(served, new)
            if served.collection == DEFINITIONS:
                self._registry.remove(name)
                self._registry.add(custom_resources(new))
            return self._apply(served, "MODIFIED", new, self._store.next_version())

    def patch(
        self, served: Served, namespace: str | None, name: str, patch: Mapping[str, Any], part: Written = "all"
    ) -> Entry:
        """Merge into an object, as `replace` does with the merged one."""
        with self._store.lock:
            old = decode(self.get(served, namespace, name).body)
            if "resourceVersion" not in (patch.get("metadata") or {}):
                old["metadata"].pop("resourceVersion", None)
            return self.replace(served, namespace, name, merge(old, patch), part)

    def delete(
        self, served: Served, namespace: str | None, name: str, preconditions: Mapping[str, str] | None = None
    ) -> Entry:
        """Remove an object, or mark it as being deleted while it has finalizers; what lies in a namespace goes first.

        :param preconditions: a ``uid`` or ``resourceVersion`` the object must have.
        :raises StatusError: 404 without the object, 409 when a precondition does not hold.
        """
        with self._store.lock:
            document: Document = decode(self.get(served, namespace, name).body)
            self._check(served, document, preconditions or {})
            metadata = document["metadata"]
            if metadata.get("finalizers"):
                metadata.setdefault("deletionTimestamp", admission.now())
                return self._apply(served, "MODIFIED", document, self._store.next_version())
            if served.collection == "namespaces":
                self._empty_namespace(name)
            if served.collection == DEFINITIONS:
                self._withdraw(name)
            return self._remove(served, document)

    def get(self, served: Served, namespace: str | None, name: str) -> Entry:
        """One object.

        :raises StatusError: 404.
        """
        if (entry := self._store.get(served.collection, key_of(namespace, name))) is None:
            raise errors.not_found(served.plural, served.group, name)
        return entry

    def _apply(self, served: Served, type_: Literal["ADDED", "MODIFIED"], document: Document, version: int) -> Entry:
        entry = _entry(served, document, version)
        self._store.apply(served.collection, type_, entry)
        return entry

    def _remove(self, served: Served, document: Document) -> Entry:
        entry = _entry(served, document, self._store.next_version())
        self._store.apply(served.collection, "DELETED", entry)
        return entry

    def _empty_namespace(self, namespace: str) -> None:
        """Delete what a namespace holds, whatever its finalizers say."""
        for served in {r.collection: r for r in self._registry.resources if r.namespaced}.values():
            for entry in self._store.entries(served.collection):
                if entry.namespace == namespace:
                    self._remove(served, decode(entry.body))

    def _withdraw(self, collection: str) -> None:
        """Delete the instances of a custom resource and serve it no longer."""
        served = next((r for r in self._registry.resources if r.custom and r.collection == collection), None)
        if served is not None:
            for entry in self._store.entries(collection):
                self._remove(served, decode(entry.body))
        self._registry.remove(collection)

    def _check(self, served: Served, old: Document, given: Mapping[str, str]) -> None:
        """Refuse a write that was meant for another state of the object."""
        metadata = old["metadata"]
        if given.get("uid", metadata.get("uid")) != metadata.get("uid"):
            why = f"Precondition failed: UID in precondition: {given['uid']}, UID in object meta: {metadata.get('uid')}"
            raise errors.conflict(served.plural, served.group, metadata["name"], why)
        if given.get("resourceVersion", metadata.get("resourceVersion")) != metadata.get("resourceVersion"):
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise errors.conflict(served.plural, served.group, metadata["name"], why)


def _entry(served: Served, document: Document, version: int) -> Entry:
    document["metadata"]["resourceVersion"] = str(version)
    members = {key: value for key, value in document.items() if key not in ("apiVersion", "kind", "metadata")}
    return entry_of(served.collection, encode({"metadata": document["metadata"], **members}))


def _combine(old: Document, given: Mapping[str, Any], part: Written) -> Document:
    """Compute the state a write leads to: the given one, as far as it may change."""
    new = {key: value for key, value in given.items() if key not in ("apiVersion", "kind")}
    if part == "status":
        new = {**old, "status": new.get("status", {})}
    elif part == "main":
        new.pop("status", None)
        new |= {"status": old["status"]} if "status" in old else {}
    metadata = dict((old if part == "status" else new).get("metadata") or {})
    kept = {key: old["metadata"][key] for key in _KEPT if key in old["metadata"]}
    identity = {key: old["metadata"][key] for key in ("name", "namespace") if key in old["metadata"]}
    return {**new, "metadata": {**metadata, **kept, **identity}}


def _desired(document: Document) -> Document:
    return {key: value for key, value in document.items() if key not in ("metadata", "status")}


def _without_version(document: Document) -> Document:
    return {**document, "metadata": {k: v for k, v in document["metadata"].items() if k != "resourceVersion"}}
