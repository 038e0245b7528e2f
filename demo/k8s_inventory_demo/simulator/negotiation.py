"""Negotiate the form of a response: the first one a client accepts among those this package speaks.

JSON is spoken, and protobuf in lists of metadata; the Tables that kubectl would rather print are not.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from k8s_inventory_demo.simulator.errors import not_acceptable

Form = Literal[
    "object",
    "object/unmanaged",
    "metadata",
    "metadata/unmanaged",
    "metadata/protobuf",
    "discovery/v2",
    "discovery/v2beta1",
]
"""Plain JSON, objects cut down to their metadata, both also without managedFields, a list of metadata in protobuf, or
aggregated discovery."""
_JSON: Final = ("application/json", "application/*", "*/*")
_PROTOBUF: Final = "application/vnd.kubernetes.protobuf"


def _form(media_range: str) -> Form | None:
    """Tell the form of a media range; None when there is none.

    Kubernetes 1.37 leaves out what ``drop`` names, in JSON; other versions, and fields it does not know, are ignored:
    https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5958-client-opt-out-managedfields
    """
    media_type, *parameters = (part.strip() for part in media_range.split(";"))
    options = dict(parameter.partition("=")[::2] for parameter in parameters)
    wanted = options.get("as"), options.get("g"), options.get("v")
    unmanaged = "metadata.managedFields" in options.get("drop", "").split("+")
    if media_type == _PROTOBUF and wanted == ("PartialObjectMetadataList", "meta.k8s.io", "v1"):
        return "metadata/protobuf"
    if media_type not in _JSON:
        return None
    match wanted:
        case None, _, _:
            return "object/unmanaged" if unmanaged else "object"
        case (("PartialObjectMetadata" | "PartialObjectMetadataList"), "meta.k8s.io", "v1"):
            return "metadata/unmanaged" if unmanaged else "metadata"
        case "APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2":
            return "discovery/v2"
        case "APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2beta1":
            return "discovery/v2beta1"
    return None


def negotiate(accept: str | None, offered: Collection[Form]) -> Form:
    """Choose the first acceptable form.

    :param accept: the request's Accept header.
    :raises StatusError: 406, none of them.
    """
    for media_range in (accept or "*/*").split(","):
        if (form := _form(media_range.strip())) in offered and form is not None:
            return form
    raise not_acceptable()


def content_type(form: Form) -> str:
    """Return the Content-Type that names a form; client-go recognises aggregated discovery by it."""
    if form.startswith("discovery/"):
        return f"application/json;g=apidiscovery.k8s.io;v={form.removeprefix('discovery/')};as=APIGroupDiscoveryList"
    return _PROTOBUF if form == "metadata/protobuf" else "application/json"
