"""Secrets: which keys they have, and when certificates end. What the keys hold is never kept."""

from __future__ import annotations

import msgspec

from airflow_provider_k8s_inventory.resources import certificates, keyvalues
from airflow_provider_k8s_inventory.resources.declare import at, boolean, computed, resource, text
from airflow_provider_k8s_inventory.resources.shared import EMPTY

_CERTIFICATE = "tls.crt"
_TLS = "kubernetes.io/tls"


def _certificate(data: msgspec.Raw, type_: str | None) -> certificates.Read:
    """Read the public certificate of a TLS secret."""
    found = keyvalues.binary(data).get(_CERTIFICATE) if type_ == _TLS else None
    return certificates.read(found) if found else certificates.NONE


def _keys(data: msgspec.Raw) -> tuple[list[str], str]:
    return keyvalues.sizes(keyvalues.binary(data))


DEFINITION = resource(
    "v1",
    "secrets",
    "Secret",
    text("type", "type", missing="Opaque"),
    computed(
        _keys,
        at("data", msgspec.Raw, missing=EMPTY),
        keys=("text[]", "The keys of data, sorted"),
        sizes=("jsonb", "The bytes that each key has"),
    ),
    boolean("immutable", "immutable", missing=False),
    computed(
        _certificate,
        at("data"),
        at("type"),
        certificate_subject=("text", "The subject of tls.crt, where type is kubernetes.io/tls"),
        certificate_dns_names=("text[]", "The DNS names of tls.crt"),
        certificate_not_after=("timestamp with time zone", "When tls.crt ends"),
    ),
    hidden=("data", "stringData"),
)
