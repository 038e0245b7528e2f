"""One simulated API server's state, and the Python side of it: fill it, change it, let it fail, see what was asked.

`server` serves HTTP from it, `simulator` runs several at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from k8s_inventory_demo.simulator.access import User
from k8s_inventory_demo.simulator.admission import default
from k8s_inventory_demo.simulator.builtin import BUILT_IN
from k8s_inventory_demo.simulator.faults import Fault, Faults
from k8s_inventory_demo.simulator.objects import (
    Entry,
    decode,
    encode,
    entry_of,
    key_of,
    put_together,
    take_apart,
    uid_of,
)
from k8s_inventory_demo.simulator.rendering import one
from k8s_inventory_demo.simulator.served import DEFINITIONS, Registry, Served, custom_resources
from k8s_inventory_demo.simulator.store import Store
from k8s_inventory_demo.simulator.writing import Writer

NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
"""The namespaces of every cluster."""
SEEDED_AT: Final = "2026-01-05T08:00:00Z"
"""The creationTimestamp of seeded objects that bring none."""

Object = Mapping[str, Any] | bytes


@dataclass(kw_only=True)
class Request:
    """One request a server got."""

    method: str
    path: str
    query: Mapping[str, str]
    verb: str
    headers: Mapping[str, str]
    """Without the credentials."""
    user: str | None = None
    """``None`` when it did not get so far."""
    code: int | None = None
    """The response's HTTP status; ``None`` when there was no whole response."""


class Cluster:
    """One simulated cluster; usable from any thread, before and while it is served.

    :param name: its context in the kubeconfig.
    :param version: what ``/version`` says.
    :param users: who may use it; by default an administrator with a token. The first is the context's user.
    :param namespaces: what it starts with.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str = "v1.36.3",
        users: Sequence[User] = (User(name="admin"),),
        namespaces: Iterable[str] = NAMESPACES,
    ) -> None:
        self.name = name
        self.version = version
        self.users = {user.name: user for user in users}
        self.faults = Faults()
        self.requests: deque[Request] = deque(maxlen=100_000)
        """The requests so far, the newest last."""
        self.aggregated_discovery = True
        """True: discovery is offered in one document."""
        self.watch_list = True
        """True: a watch may begin with all objects there are."""
        self.json_only: set[str] = set()
        """The groups, the core one being ``""``, that speak no protobuf, as an aggregated API server may not."""
        self.bookmark_after: float | None = None
        """Seconds between the bookmarks of a watch; ``None``: a minute, and one two seconds before its end."""
        self.store = Store()
        self.registry = Registry(list(BUILT_IN))
        self.writer = Writer(name, self.store, self.registry)
        """The writes, as HTTP requests make them."""
        self.seed("namespaces", ({"metadata": {"name": namespace}} for namespace in namespaces))

    @property
    def resource_version(self) -> int:
        """Of the last write."""
        return self.store.resource_version

    def seed(self, resource: str, objects: Iterable[Object], *, as_is: bool = False) -> int:
        """Take objects that were always there; watches cannot resume from before, lists under way expire.

        Each gets the next resourceVersion and, where it has none, a UID that depends on its name only and a constant
        creation time: the same seed makes the same bytes.

        :param resource: as kubectl writes it.
        :param as_is: leave the objects' metadata as it is, also without UID or resourceVersion.
        :returns: how many.
        """
        served = self.registry.find(resource)
        with self.store.lock:
            entries = [self._seeded(served, item, as_is=as_is) for item in objects]
            self.store.load(served.collection, entries)
            if served.collection == DEFINITIONS:
                for entry in entries:
                    self.registry.add(custom_resources(decode(entry.body)))
        return len(entries)

    def create(self, resource: str, document: Mapping[str, Any], namespace: str | None = None) -> dict[str, Any]:
        """Create an object as a client would, but keep the status it brings.

        :returns: what was stored, as all of these methods.
        :raises StatusError: as the server refuses it.
        """
        served = self.registry.find(resource)
        return self._document(served, self.writer.create(served, namespace, document))

    def replace(self, resource: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an object, its status too."""
        served, metadata = self.registry.find(resource), document["metadata"]
        return self._document(
            served, self.writer.replace(served, metadata.get("namespace"), metadata["name"], document)
        )

    def patch(self, resource: str, name: str, patch: Mapping[str, Any], namespace: str | None = None) -> dict[str, Any]:
        """Merge into an object, its status too."""
        served = self.registry.find(resource)
        return self._document(served, self.writer.patch(served, namespace, name, patch))

    def delete(self, resource: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """Delete an object."""
        served = self.registry.find(resource)
        return self._document(served, self.writer.delete(served, namespace, name))

    def get(self, resource: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """One object."""
        served = self.registry.find(resource)
        return self._document(served, self.writer.get(served, namespace, name))

    def objects(self, resource: str) -> list[dict[str, Any]]:
        """All objects of a resource, in the order of lists."""
        served = self.registry.find(resource)
        return [self._document(served, entry) for entry in self.store.entries(served.collection)]

    def compact(self) -> None:
        """Forget all history: older lists cannot be continued, older watches not resumed."""
        self.store.compact()

    def inject(self, fault: Fault) -> Fault:
        """Let something go wrong from now on."""
        return self.faults.add(fault)

    def add_user(self, user: User) -> None:
        """Know a user, or know it by other rules; a running server needs no restart."""
        self.users[user.name] = user

    def lose_group(self, group: str, version: str) -> None:
        """Let a group's own API server be down: discovery still names the group, and nothing can be had of it."""
        self.registry.stale.add((group, version))

    @staticmethod
    def _document(served: Served, entry: Entry) -> dict[str, Any]:
        document: dict[str, Any] = decode(one(served, entry))
        return document

    def _seeded(self, served: Served, item: Object, *, as_is: bool) -> Entry:
        version = self.store.next_version()
        metadata, members = take_apart(item)
        if not as_is:
            key = key_of(metadata.get("namespace"), metadata["name"])
            metadata.setdefault("uid", uid_of(self.name, served.collection, key))
            metadata.setdefault("creationTimestamp", SEEDED_AT)
            metadata["resourceVersion"] = str(version)
        if served.collection in ("namespaces", DEFINITIONS):
            document = {"metadata": metadata, **{key: decode(value) for key, value in members.items()}}
            default(served.collection, document)
            metadata = document.pop("metadata")
            members = {key: msgspec.Raw(encode(value)) for key, value in document.items()}
        return entry_of(served.collection, put_together(metadata, members))
