"""Redact the bytes of an object, before anything else reads them; the rules are in `resources.redaction`.

An object that cannot be decoded loses all but its names: what cannot be looked into may hold what is not to be kept.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import ResponseError
from airflow_provider_k8s_inventory.kube import nesting, text
from airflow_provider_k8s_inventory.resources.redaction import Redaction
from airflow_provider_k8s_inventory.sync import fitting
from airflow_provider_k8s_inventory.sync.keys import ODD, name_of
from airflow_provider_k8s_inventory.sync.remarks import Remarks

# Numbers keep all their digits.
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NAMES: Final = ("uid", "name", "namespace", "resourceVersion", "creationTimestamp", "deletionTimestamp")
_TYPE: Final = ("kind", "apiVersion")


def redact(item: msgspec.Raw, redaction: Redaction, remarks: Remarks) -> msgspec.Raw:
    """Return an object without what the rules take out of it.

    :raises ResponseError: when it is no JSON object.
    """
    for readable in (bytes(item), text.utf8(bytes(fitting.sanitize(item)[0]))):
        try:
            document = _DECODER.decode(readable)
            if isinstance(document, dict):
                redaction.apply(document)
                return msgspec.Raw(_ENCODER.encode(document))
        except ODD:
            continue
    remarks.add(
        name_of(item) or "an object without a name", "what cannot be decoded to be redacted", "only its names stay"
    )
    return _names(item)


def _names(item: msgspec.Raw) -> msgspec.Raw:
    try:
        members = _MEMBERS.decode(nesting.shallow(text.utf8(bytes(fitting.sanitize(item)[0]))))
        metadata = _MEMBERS.decode(members["metadata"])
    except (*ODD, KeyError):
        raise ResponseError("an item of the list is not an object of Kubernetes, and cannot be redacted") from None
    kept: dict[str, msgspec.Raw] = {name: members[name] for name in _TYPE if name in members}
    kept["metadata"] = msgspec.Raw(_ENCODER.encode({name: metadata[name] for name in _NAMES if name in metadata}))
    return msgspec.Raw(_ENCODER.encode(kept))
