"""Read YAML as Go's library does, and so kubectl: https://pkg.go.dev/sigs.k8s.io/yaml over its fork of yaml.v2.

Both libraries take libyaml's events; this module builds values of them by Go's rules, and `goscalars` resolves single
ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from airflow_provider_k8s_inventory.kube.sources import goscalars, yamlevents
from airflow_provider_k8s_inventory.kube.sources.goscalars import Unreadable as Unreadable
from airflow_provider_k8s_inventory.kube.sources.yamlevents import NotYamlError as NotYamlError

DEEPEST: Final = 100
"""Levels of a value that are read; a kubeconfig needs eight, and what exec plugins are told few more."""
_MOST_LEVELS: Final = 10_000
"""Go stops here too (`max_flow_level`, `max_indents`). libyaml takes time with the square of them: 14 s for 100,000."""
MOST_VALUES: Final = 500_000
"""Values of a document; 10,000 contexts with an exec plugin of their own have 400,000. Each takes some 100 bytes."""
MOST_ALIASED: Final = 100_000
"""Values that the aliases of a document may stand for; 2,000 users that share an exec plugin have 50,000.

Go refuses a document when more than 100 values, of more than 1,000, come from aliases and these are above 99 % of all;
from 400,000 values on the share falls, to 10 % at 4,000,000: `allowedAliasRatio` in decode.go.
"""

_Broken = dict[Any, Any]
"""A mapping with a key that cannot be read has an `Unreadable` at the key None, which no other mapping has."""


def read(text: str | bytes) -> Any:
    """Read the first document; a mapping's keys are all text. kubectl does not look at further ones either.

    :raises NotYamlError: when there is none.
    """
    return next(read_all(text), None)


def read_all(text: str | bytes) -> Iterator[Any]:
    """Yield all documents, which ``---`` divides.

    :raises NotYamlError: when one is none.
    """
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    events = yamlevents.read(data)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            yield _Document().read(events)


def plain(value: Any, levels: int = DEEPEST) -> Any:
    """Return the value in JSON's types alone, nulls in mappings left out: Go takes them for absent.

    :param levels: the number of levels it may have.
    :raises NotYamlError: when something in it cannot be read.
    """
    if isinstance(value, Unreadable):
        raise NotYamlError(value.problem)
    if isinstance(value, float) and not math.isfinite(value):
        raise NotYamlError("it holds a number that JSON has not: infinite, or none")
    if isinstance(value, dict | list) and not levels:
        raise NotYamlError(f"it has more than {DEEPEST} levels")
    if isinstance(value, dict):
        if None in value:
            raise NotYamlError(value[None].problem)
        return {key: plain(item, levels - 1) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [plain(item, levels - 1) for item in value]
    return value


@dataclass(slots=True)
class _Open:
    """A list or mapping of which not all has come yet."""

    value: list[Any] | dict[Any, Any]
    anchor: str | None
    place: str
    size: int = 1
    """Values in it so far, those that aliases stand for included."""
    height: int = 1
    """Levels so far."""
    key: Any = None
    """Of a mapping: whose value comes next."""
    has_key: bool = False


@dataclass(frozen=True, slots=True)
class _Node:
    """A value that has come whole."""

    value: Any
    size: int = 1
    height: int = 0


_MERGE: Final = object()
"""Takes the place of the key ``<<``."""


class _Document:
    """A builder of values from the events of one document."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._anchors: dict[str, _Node | None] = {}
        """None: that of a list or mapping that has not ended."""
        self._aliased = 0
        self._skipped = 0
        """Levels below `DEEPEST` that we are in."""
        self._root: Any = None

    def read(self, events: Iterable[Any]) -> Any:
        """Read the document whose start has come."""
        for number, event in enumerate(events):
            if isinstance(event, yaml.DocumentEndEvent):
                break
            if number > 2 * MOST_VALUES:  # keys count, and so do ends
                raise NotYamlError(f"{yamlevents.place(event.start_mark)}: more than {MOST_VALUES} values")
            if isinstance(event, yaml.CollectionEndEvent):
                self._close()
            elif isinstance(event, yaml.CollectionStartEvent):
                self._start(event)
            elif not self._skipped:
                self._single(event)
        return self._root

    def _start(self, event: Any) -> None:
        if self._skipped or len(self._open) >= DEEPEST:
            if self._skipped + DEEPEST >= _MOST_LEVELS:
                raise NotYamlError(f"{yamlevents.place(event.start_mark)}: more than {_MOST_LEVELS} levels")
            self._skipped += 1
            return
        if event.anchor:
            self._anchors[event.anchor] = None
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append(_Open(value, event.anchor, yamlevents.place(event.start_mark)))

    def _close(self) -> None:
        if self._skipped:
            self._skipped -= 1
            if not self._skipped:
                self._put(_Node(Unreadable(f"{self._open[-1].place}: it has more than {DEEPEST} levels")))
            return
        ended = self._open.pop()
        node = _Node(ended.value, ended.size, ended.height)
        if ended.anchor:
            self._anchors[ended.anchor] = node
        self._put(node)

    def _single(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._put(self._alias(event))
            return
        plain_text = event.implicit[0]
        if event.value == "<<" and (plain_text or event.tag == goscalars.MERGE_TAG) and self._awaits_key():
            self._open[-1].key, self._open[-1].has_key = _MERGE, True
            return
        value = goscalars.scalar(event.tag, event.value, plain_text)
        if isinstance(value, Unreadable):
            value = Unreadable(f"{yamlevents.place(event.start_mark)}: {value.problem}")
        node = _Node(value)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._put(node)

    def _alias(self, event: Any) -> _Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            what = "itself" if event.anchor in self._anchors else "something that is not there"
            return _Node(
                Unreadable(
                    f"{yamlevents.place(event.start_mark)}: an alias stands for {what}; put text with * in quotes"
                )
            )
        if self._aliased + node.size > MOST_ALIASED:
            return _Node(
                Unreadable(f"{yamlevents.place(event.start_mark)}: aliases stand for more than {MOST_ALIASED} values")
            )
        if len(self._open) + node.height > DEEPEST:
            return _Node(
                Unreadable(f"{yamlevents.place(event.start_mark)}: with its aliases it has more than {DEEPEST} levels")
            )
        self._aliased += node.size
        return node

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and not self._open[-1].has_key

    def _put(self, node: _Node) -> None:
        if not self._open:
            self._root = node.value
            return
        into = self._open[-1]
        into.size += node.size
        into.height = max(into.height, node.height + 1)
        if isinstance(into.value, list):
            into.value.append(node.value)
        elif not into.has_key:
            into.key, into.has_key = node.value, True
        else:
            _set(into.value, into.key, node.value, into.place)
            into.has_key = False


def _set(mapping: _Broken, key: Any, value: Any, place: str) -> None:
    """Put a key into a mapping; the last of several has it."""
    if key is _MERGE:
        _merge(mapping, value, place)
    elif isinstance(key, str | bool | int | float):
        mapping[_key(key)] = value
    else:
        problem = key.problem if isinstance(key, Unreadable) else f"{place}: a key in it is no text; put it in quotes"
        mapping[None] = Unreadable(problem)


def _merge(mapping: _Broken, value: Any, place: str) -> None:
    """Take in the mappings that ``<<`` names; Go lets them win over the keys that stand before it."""
    values = value if isinstance(value, list) else [value]
    for one in reversed(values):  # of several the first wins
        if isinstance(one, dict):
            mapping.update(one)
        else:
            problem = one.problem if isinstance(one, Unreadable) else f"{place}: << in it names no mapping"
            mapping[None] = Unreadable(problem)


def _key(key: str | float) -> str:
    """Write a key as text, which JSON demands."""
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, float):
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}.get(text := f"{key:g}", text)
    return str(key)
