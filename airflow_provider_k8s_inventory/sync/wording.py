"""Say in a few words what changed: ``images web:1 → web:2, replicas 3 → 5``.

From our own columns, which are what people ask for; where none of them changed, from the paths in the object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from airflow_provider_k8s_inventory.sync.patches import Operation, Path

LONGEST: Final = 240
"""Characters of a summary; a line of a terminal is half of it."""
_VALUE: Final = 60
"""Characters of one value."""
_FIRST: Final = ("problem", "images")
"""The columns that people look at first."""
BESIDE: Final = frozenset(
    {"problem_detail", "problem_since", "image_ids", "owner_uid", "cluster_uid", "resource_version"}
)
"""Columns that say the same as another one, or nothing to a person."""
_COARSER: Final = ("phase",)
"""Columns that say less than the column ``status``."""
_MAPS: Final = ("labels", "annotations")


def summary(columns: Mapping[str, tuple[Any, Any]], steps: Sequence[Operation]) -> str | None:
    """Sum up a change.

    :param columns: the old and the new value of each column that differs and matters.
    :param steps: the steps between the objects that matter.
    :returns: None when there is nothing to say.
    """
    beside = {*BESIDE, *(_COARSER if "status" in columns else ())}
    names = sorted(columns.keys() - beside, key=lambda name: (_place(name), name))
    told = list(dict.fromkeys(text for name in names if (text := _column(name, *columns[name]))))
    return _cut(", ".join(told or _paths(steps))) or None


def of_images(images: Iterable[str | None] | None) -> str | None:
    """Sum up a row that came."""
    return _cut(", ".join(filter(None, images or ()))) or None


def path_text(path: Path) -> str:
    """Write a path as people do: ``spec.containers[0].image``, ``metadata.labels["a.b/c"]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier():
            text += f".{step}" if text else step
        else:
            text += f"[{msgspec.json.encode(step).decode()}]"
    return text


def _place(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _column(name: str, old: Any, new: Any) -> str:
    if name == "problem":
        return _problem(old, new)
    if name in _MAPS or isinstance(old, dict) or isinstance(new, dict):
        return _members(name, old, new)
    if isinstance(old, list) and isinstance(new, list):
        return _items(name, old, new)
    return f"{name} {_value(old)} → {_value(new)}"


def _problem(old: Any, new: Any) -> str:
    if old is None:
        return str(new)
    return f"{old} → {new}" if new is not None else f"well again (was {old})"


def _members(name: str, old: Any, new: Any) -> str:
    """Name the members that differ; their values may be long."""
    was, now = (value if isinstance(value, dict) else {} for value in (old, new))
    signs = {key: "+" if key not in was else "-" if key not in now else "" for key in sorted(was.keys() | now.keys())}
    told = [f"{sign}{key}" for key, sign in signs.items() if sign or was[key] != now[key]]
    return f"{name} {' '.join(told)}" if told else name


def _items(name: str, old: Sequence[Any], new: Sequence[Any]) -> str:
    if len(old) == len(new):
        pairs = [(was, now) for was, now in zip(old, new, strict=True) if was != now]
        return f"{name} {', '.join(f'{_value(was)} → {_value(now)}' for was, now in pairs)}"
    gone = [f"-{_value(item)}" for item in old if item not in new]
    come = [f"+{_value(item)}" for item in new if item not in old]
    return f"{name} {' '.join(gone + come) or f'{len(old)} → {len(new)}'}"


def _paths(steps: Iterable[Operation]) -> list[str]:
    return [_step(step) for step in steps]


def _step(step: Operation) -> str:
    path = path_text(step.path) or "object"
    if step.old is None or step.new is None:
        return f"{'+' if step.old is None else '-'}{path}"
    old, new = bytes(step.old).decode(), bytes(step.new).decode()
    plain = not any(text[0] in "{[" or len(text) > _VALUE for text in (old, new))
    return f"{path} {old} → {new}" if plain else path


def _value(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
