"""ConfigMaps: which keys they have, how big they are, and a digest that tells when one has changed."""

from __future__ import annotations

import msgspec

from airflow_provider_k8s_inventory.resources import keyvalues
from airflow_provider_k8s_inventory.resources.declare import at, boolean, computed, resource
from airflow_provider_k8s_inventory.resources.shared import EMPTY


def _keys(data: msgspec.Raw, binary: msgspec.Raw) -> tuple[list[str], str, str]:
    values = keyvalues.texts(data) | keyvalues.binary(binary)
    return *keyvalues.sizes(values), keyvalues.digests(values)


DEFINITION = resource(
    "v1",
    "configmaps",
    "ConfigMap",
    computed(
        _keys,
        at("data", msgspec.Raw, missing=EMPTY),
        at("binaryData", msgspec.Raw, missing=EMPTY),
        keys=("text[]", "The keys of data and binaryData, sorted"),
        sizes=("jsonb", "The bytes that each key has"),
        digests=("jsonb", "The SHA-256 of what each key holds"),
    ),
    boolean("immutable", "immutable", missing=False),
    short=("cm",),
    hidden=("data", "binaryData"),
    # They are written every few seconds, with the time in their data; leader elections have theirs in an annotation.
    noisy_names=("cluster-autoscaler-status", "gke-common-webhook-heartbeat"),
)
