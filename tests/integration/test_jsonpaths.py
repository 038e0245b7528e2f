"""JSONPath as definitions of custom resources write it, translated for PostgreSQL; paths are those of real ones."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from airflow_provider_k8s_inventory.resources.jsonpaths import translate

OBJECT = {
    "metadata": {"creationTimestamp": "2026-01-05T08:00:00Z", "labels": {"app.kubernetes.io/name": "web", "a": "b"}},
    "spec": {"hosts": ["one", "two", "three"], "secretName": "tls", "minReplicas": 0, "odd key": 1, 'q"u': 2, "ü": 3},
    "status": {
        "conditions": [
            {"type": "Synced", "status": "False", "n": 1},
            {"type": "Ready", "status": "True", "reason": "Up", "n": 2},
        ],
        "health": {"status": "Healthy"},
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".spec.secretName", "tls"),
        (".metadata.creationTimestamp", "2026-01-05T08:00:00Z"),
        ('.status.conditions[?(@.type=="Ready")].status', "True"),
        (".status.conditions[?(@.type=='Synced')].status", "False"),
        ('.status.conditions[?(@.type == "Ready")].reason', "Up"),
        ('.status.conditions[?(@.type=="Nothing")].status', None),
        (".status.conditions[?(@.n>1)].type", "Ready"),
        (".status.conditions[?(@.n>=1)].type", "Synced"),
        (".status.conditions[?(@.reason)].type", "Ready"),
        ('.status.conditions[?(@.type!="Ready")].type', "Synced"),
        (".status.conditions[0].type", "Synced"),
        (".status.conditions[-1].type", "Ready"),
        (".status.conditions[-2:].type", None),
        (".spec.hosts", ["one", "two", "three"]),
        (".spec.hosts[*]", "one"),
        (".spec.hosts[1:2]", "two"),
        (".spec.hosts[1:]", "two"),
        (".spec.hosts[:1]", "one"),
        (".spec.minReplicas", 0),
        (".metadata.labels.app\\.kubernetes\\.io/name", "web"),
        (".metadata.labels['app.kubernetes.io/name']", "web"),
        (".metadata.labels['app\\.kubernetes\\.io/name']", "web"),
        ('.metadata.labels["a"]', "b"),
        (".metadata.['labels'].a", "b"),
        ("['spec']['secretName']", "tls"),
        (".spec['odd key']", 1),
        (".spec['q\\\"u']", 2),
        (".spec.ü", 3),
        ("..secretName", "tls"),
        (".status.health.*", "Healthy"),
        ("{.spec.secretName}", "tls"),
        ("$.spec.secretName", "tls"),
        (".nothing.there", None),
        (".spec.hosts[7]", None),
        ("", OBJECT),
    ],
)
def test_the_first_result_is_that_of_kubernetes(path: str, value: Any, migrated_database: str) -> None:
    translated = translate(path)
    if translated is None:
        assert value is None
        return
    with psycopg.connect(migrated_database) as conn:
        (found,) = conn.execute(
            "SELECT jsonb_path_query_first(%s::jsonb, %s::jsonpath, '{}', true)", [json.dumps(OBJECT), translated]
        ).fetchall()
    assert found == (value,)


@pytest.mark.parametrize(
    "path",
    [
        "spec",
        ".spec.",
        ".spec[",
        ".spec[a]",
        ".spec['a','b']",
        ".spec[0:4:2]",
        '.a[?(@.b=="c" && @.d)]',
        ".a[?(@.b==@.c)]",
        "range .items",
        ".a[?(x)]",
        ".a b",
    ],
)
def test_what_postgresql_has_no_word_for_is_left_out(path: str) -> None:
    assert translate(path) is None
