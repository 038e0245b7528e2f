"""Translate the JSONPath of Kubernetes, as definitions write it for printed columns, to that of PostgreSQL.

https://kubernetes.io/docs/reference/kubectl/jsonpath/,
https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-SQLJSON-PATH
"""

from __future__ import annotations

import json
import re
from typing import Final

_KEY: Final = re.compile(r"(?:[^\s.\[\]\\'\"()*,?@=<>!]|\\.)+")
_INDEX: Final = re.compile(r"\[\s*(-?\d{1,9})\s*\]")
_SLICE: Final = re.compile(r"\[\s*(\d{0,9})\s*:\s*(\d{0,9})\s*\]")
_QUOTED: Final = re.compile(r"\[\s*(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")\s*\]")
_EACH: Final = re.compile(r"\[\s*\*\s*\]")
_FILTER: Final = re.compile(
    r"\[\s*\?\(\s*(?P<left>@[^=<>!\s]*)\s*(?:(?P<operator>==|!=|<=|>=|<|>)\s*(?P<right>.*?))?\s*\)\s*\]"
)
_TEXT: Final = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,9})?")
_ESCAPED: Final = re.compile(r"\\(.)")


def translate(path: str) -> str | None:
    """Translate a path.

    :param path: ``.status.conditions[?(@.type=="Ready")].status``.
    :returns: None for what PostgreSQL has no word for.
    """
    steps = _steps(path.strip().removeprefix("{").removesuffix("}").removeprefix("$"))
    return None if steps is None else f"${steps}"


def _steps(path: str) -> str | None:
    found = ""
    while path:
        step, rest = _step(path)
        if step is None:
            return None
        found, path = found + step, rest
    return found


def _step(path: str) -> tuple[str | None, str]:
    """Translate the first step, and return the rest."""
    if path.startswith(".."):
        key = _KEY.match(path, 2)
        return (f".**{_member(_plain(key[0]))}", path[key.end() :]) if key else (None, "")
    if path.startswith(".["):
        path = path[1:]
    if path.startswith("."):
        if path.startswith(".*"):
            return ".*", path[2:]
        key = _KEY.match(path, 1)
        return (_member(_plain(key[0])), path[key.end() :]) if key else (None, "")
    return _bracket(path)


def _bracket(path: str) -> tuple[str | None, str]:
    if each := _EACH.match(path):
        return "[*]", path[each.end() :]
    if index := _INDEX.match(path):
        place = int(index[1])
        return (f"[{place}]" if place >= 0 else f"[last - {-place - 1}]"), path[index.end() :]
    if part := _SLICE.match(path):
        start, end = part[1] or "0", f"{int(part[2]) - 1}" if part[2] else "last"
        return f"[{start} to {end}]", path[part.end() :]
    if quoted := _QUOTED.match(path):
        return _member(_plain(quoted[1] if quoted[1] is not None else quoted[2])), path[quoted.end() :]
    if chosen := _FILTER.match(path):
        return _filter(chosen), path[chosen.end() :]
    return None, ""


def _filter(chosen: re.Match[str]) -> str | None:
    left = _steps(chosen["left"].removeprefix("@"))
    if left is None:
        return None
    if not chosen["operator"]:
        return f"[*] ? (exists(@{left}))"
    right = _literal(chosen["right"])
    return None if right is None else f"[*] ? (@{left} {chosen['operator']} {right})"


def _literal(written: str) -> str | None:
    """Translate what a filter compares with: a text, a number, true or false."""
    text = _TEXT.fullmatch(written)
    if text:
        return json.dumps(_plain(text[1] if text[1] is not None else text[2]))
    return written if written in ("true", "false") or _NUMBER.fullmatch(written) else None


def _member(key: str) -> str:
    return f".{json.dumps(key, ensure_ascii=False)}"


def _plain(written: str) -> str:
    return _ESCAPED.sub(r"\1", written)
