"""The verbs: what each does to a resource, and its response; a watch, whose response has no end, is in `watching`.

Requests have been read, and their users allowed, in `server`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from k8s_inventory_demo.simulator import errors, listing, rendering, responses
from k8s_inventory_demo.simulator.access import User
from k8s_inventory_demo.simulator.cluster import Cluster
from k8s_inventory_demo.simulator.listing import Part
from k8s_inventory_demo.simulator.negotiation import Form, content_type
from k8s_inventory_demo.simulator.objects import Entry, decode
from k8s_inventory_demo.simulator.options import read
from k8s_inventory_demo.simulator.responses import Response
from k8s_inventory_demo.simulator.reviews import review
from k8s_inventory_demo.simulator.served import Served
from k8s_inventory_demo.simulator.targets import Target
from k8s_inventory_demo.simulator.writing import Written


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request that may go ahead."""

    cluster: Cluster
    user: User
    served: Served
    at: Target
    query: Mapping[str, str]
    body: Mapping[str, Any]
    """Empty when there is none."""
    form: Form

    @property
    def name(self) -> str:
        """The object's; only asked for where the path has one."""
        return self.at.name or ""

    @property
    def part(self) -> Written:
        """The part that a write to this path may change."""
        if self.at.subresource == "status":
            return "status"
        return "main" if self.served.has_status else "all"

    def page(self) -> Part:
        """Select the objects of a list, or of a deletion of many."""
        options = read(self.query, watch=False, watch_list=False)
        return listing.page(self.cluster.store, self.served, self.at.namespace, options)

    def response(self, entry: Entry, code: int = 200) -> Response:
        """Make the response that holds one object."""
        return responses.raw(rendering.one(self.served, entry, self.form), code)

    def success(self, uid: str) -> Response:
        """Make the response that holds nothing but good news."""
        details = errors.details(self.served.plural, self.served.group, self.name) | {"uid": uid}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return responses.document(status)


def _get(call: Call) -> Response:
    return call.response(call.cluster.writer.get(call.served, call.at.namespace, call.name))


def _list(call: Call) -> Response:
    size, pieces = rendering.list_of(call.served, call.page(), call.form)
    return responses.pieces(size, pieces, content_type(call.form))


def _create(call: Call) -> Response:
    if call.served.verbs == ("create",):  # a review: nothing is stored
        return responses.document(review(call.served, call.user, call.body), 201)
    return call.response(call.cluster.writer.create(call.served, call.at.namespace, call.body), 201)


def _update(call: Call) -> Response:
    return call.response(call.cluster.writer.replace(call.served, call.at.namespace, call.name, call.body, call.part))


def _patch(call: Call) -> Response:
    return call.response(call.cluster.writer.patch(call.served, call.at.namespace, call.name, call.body, call.part))


def _delete(call: Call) -> Response:
    writer, namespace = call.cluster.writer, call.at.namespace
    uid = decode(writer.get(call.served, namespace, call.name).metadata).get("uid", "")
    writer.delete(call.served, namespace, call.name, call.body.get("preconditions"))
    return call.success(uid)


def _delete_collection(call: Call) -> Response:
    page = call.page()
    for entry in page.entries:
        call.cluster.writer.delete(call.served, entry.namespace or None, entry.name)
    return responses.pieces(*rendering.list_of(call.served, page, call.form))


ACTIONS: Final[Mapping[str, Callable[[Call], Response]]] = {
    "get": _get,
    "list": _list,
    "create": _create,
    "update": _update,
    "patch": _patch,
    "delete": _delete,
    "deletecollection": _delete_collection,
}
"""By verb; each raises StatusError to refuse."""
