"""Label and field selectors: which objects a list or watch speaks of.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from k8s_inventory_demo.simulator.errors import bad_request
from k8s_inventory_demo.simulator.objects import Entry

Predicate = Callable[[Entry], bool]
_Requirement = Callable[[Mapping[str, str]], bool]

_SET: Final = re.compile(r"(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)")
_EQUALITY: Final = re.compile(r"(?P<key>[^\s=!]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s=!(),]*)")
_EXISTENCE: Final = re.compile(r"(?P<absent>!?)\s*(?P<key>[^\s=!(),]+)")
_FIELD: Final = re.compile(r"([^=!]+)(==|=|!=)(.*)")
# Backslashes stand before commas, equals signs and backslashes in values: k8s.io/apimachinery/pkg/fields, EscapeValue.
_TERM: Final = re.compile(r"(?:\\.|[^,\\])+")
_ESCAPED: Final = re.compile(r"\\(.)")
_BETWEEN: Final = re.compile(r",(?![^(]*\))")  # a comma that is not inside of a set's parentheses

_FIELDS: Final[Mapping[str, Callable[[Entry], str]]] = {
    "metadata.name": lambda entry: entry.name,
    "metadata.namespace": lambda entry: entry.namespace,
    "status.phase": lambda entry: entry.phase,
    "spec.nodeName": lambda entry: entry.node_name,
}
_OF_ALL: Final = frozenset({"metadata.name", "metadata.namespace"})
_OF_SOME: Final[Mapping[str, frozenset[str]]] = {
    "pods": frozenset({"status.phase", "spec.nodeName"}),
    "namespaces": frozenset({"status.phase"}),
}


def _requirement(text: str) -> _Requirement:
    if match := _SET.fullmatch(text):
        key, values = match["key"], {value.strip() for value in match["values"].split(",")}
        if match["operator"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUALITY.fullmatch(text):
        key, value = match["key"], match["value"]
        if match["operator"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTENCE.fullmatch(text):
        key, absent = match["key"], bool(match["absent"])
        return lambda labels: (key not in labels) is absent
    raise bad_request(f"unable to parse requirement: {text!r} is not a label selector")


def _by_labels(selector: str) -> Predicate:
    requirements = [_requirement(part.strip()) for part in _BETWEEN.split(selector)]
    return lambda entry: all(requirement(entry.labels) for requirement in requirements)


def _by_field(collection: str, term: str) -> Predicate:
    match = _FIELD.fullmatch(term)
    if match is None:
        raise bad_request(f"invalid selector: {term!r}; can't understand it")
    field, operator, escaped = match.groups()
    value = _ESCAPED.sub(r"\1", escaped)
    if field not in _OF_ALL | _OF_SOME.get(collection, frozenset()):
        raise bad_request(
            f'Unable to find "{collection}" that match field selector: field label not supported: {field}'
        )
    read, wanted = _FIELDS[field], operator != "!="
    return lambda entry: (read(entry) == value) is wanted


def predicate(collection: str, labels: str | None, fields: str | None) -> Predicate | None:
    """Make a test of whether an object is asked for; ``None`` when all of them are.

    :param labels: a label selector; for example ``"app=web,tier in (a, b),!canary"``.
    :param fields: a field selector; for example ``"metadata.name=web"``.
    :raises StatusError: 400, a selector that cannot be read or asks for what the server cannot select by.
    """
    tests = [_by_labels(labels)] if labels else []
    tests += [_by_field(collection, term) for term in _TERM.findall(fields or "")]
    return (lambda entry: all(test(entry) for test in tests)) if tests else None
