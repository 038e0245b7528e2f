"""Resolve single values of YAML as Go's library does: ``resolve.go`` of sigs.k8s.io/yaml's fork of yaml.v2.

PyYAML's own rules make dates of what Go leaves text, numbers of ``10:20``, bytes of ``!!binary``, and an error of
``=``.
"""

from __future__ import annotations

import base64
import math
import re
from dataclasses import dataclass
from typing import Any, Final

_TAG: Final = "tag:yaml.org,2002:"
MERGE_TAG: Final = f"{_TAG}merge"
_TYPES: Final = {"str", "bool", "int", "float", "null", "timestamp"}
"""The tags that Go resolves; text under any other tag, such as ``!ruby/symbol``, is text."""
_WORDS: Final[dict[str, tuple[str, Any]]] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], ("bool", True)),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], ("bool", False)),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), ("null", None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), ("float", math.nan)),
    **{sign + word: ("float", math.inf) for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), ("float", -math.inf)),
}
_INTEGER: Final = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPACED: Final = re.compile(r"\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?")
_TIMESTAMP: Final = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[Tt ]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)?)?")
_BASES: Final = (16, 2, 8, 10)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A placeholder of a value that cannot be read, which matters only to those who want it."""

    problem: str
    """The place and the reason, ready to be shown."""


def scalar(tag: str | None, text: str, plain_text: bool) -> Any:
    """Return a value by its tag and text: `resolve` and `scalar` of resolve.go and decode.go."""
    if tag is None and not plain_text:
        return text
    wanted = tag.removeprefix(_TAG) if tag else ""
    if tag == f"{_TAG}binary":
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode(errors="replace")
        except ValueError:
            return Unreadable("it is tagged as !!binary and is not base64")
    if tag and (wanted not in _TYPES or not tag.startswith(_TAG)):
        return text
    kind, value = _resolved(wanted, text)
    if wanted == "float" and kind == "int":
        kind, value = "float", float(value)
    if wanted not in ("", "str", kind):
        return Unreadable(f"it is tagged as !!{wanted} and is none; put text that begins with ! in quotes")
    return value


def _resolved(wanted: str, text: str) -> tuple[str, Any]:
    """Return the type and the value that plain text has."""
    if wanted == "str":
        return "str", text
    if text in _WORDS:
        return _WORDS[text]
    if wanted in ("", "timestamp") and _TIMESTAMP.fullmatch(text):
        return "timestamp", text  # Go keeps it text
    if text[:1] not in set("+-.0123456789"):
        return "str", text
    # Underscores may stand anywhere, but behind a point only between digits.
    return _number(text.replace("_", "") if text[0] != "." or _SPACED.fullmatch(text) else text) or ("str", text)


def _number(text: str) -> tuple[str, Any] | None:
    if match := _INTEGER.fullmatch(text):
        digits, base = next((digits, base) for digits, base in zip(match.groups()[1:], _BASES, strict=True) if digits)
        # Longer ones cannot be 64 bits, and Python refuses to read thousands of digits.
        number = int(match[1] + digits, base) if len(digits) <= 64 else 1 << 64
        if -(1 << 63) <= number < 1 << (63 if match[1] else 64):
            return "int", number
    if _FLOAT.fullmatch(text) and math.isfinite(value := float(text)):
        return "float", value
    return None
