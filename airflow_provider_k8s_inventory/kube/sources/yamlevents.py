"""Read libyaml's events, and turn its errors into advice.

Of what cannot be read only the place is told, and a problem in our words: libyaml's and PyYAML's own quote the text,
which may be a password that begins with ``!``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # absent where libyaml is

_INDENT: Final = "check the indentation"
_BRACKETS: Final = "a bracket is not closed, or a comma is missing"
_QUOTES: Final = "a quotation mark is not closed"
_PROBLEMS: Final = {
    "found character that cannot start any token": "indent by spaces; text that begins with @, ` or % needs quotes",
    "did not find expected key": _INDENT,
    "did not find expected '-' indicator": _INDENT,
    "block sequence entries are not allowed in this context": _INDENT,
    "did not find expected ',' or '}'": _BRACKETS,
    "did not find expected ',' or ']'": _BRACKETS,
    "did not find expected node content": _BRACKETS,
    # Also of YAML that a form's field of one line has joined.
    "mapping values are not allowed in this context": "put text that holds a colon and a space in quotes, and each "
    "entry on a line of its own, or write it as JSON",
    "could not find expected ':'": "a colon is missing",
    "found unexpected end of stream": _QUOTES,
    "found unknown escape character": "a backslash between double quotes needs another one",
    "found undefined tag handle": "put text that begins with ! in quotes",
}
"""Advice by the messages of libyaml; of others only the place is told."""


class NotYamlError(Exception):
    """A text that is no YAML; the message tells the place and what to do, and nothing of the text."""


def read(data: bytes) -> Iterator[Any]:
    """Yield libyaml's events, its errors turned into ours."""
    try:
        yield from yaml.parse(data, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = place(mark) if mark else "somewhere"
        advice = _PROBLEMS.get(error.problem or "", "correct it there")
        raise NotYamlError(f"{where}: {advice}") from None
    except (yaml.YAMLError, ValueError) as error:
        position = getattr(error, "position", None)
        line = f"line {data[:position].count(10) + 1}" if isinstance(position, int) else "somewhere"
        raise NotYamlError(f"{line}: it holds bytes that are no text in UTF-8 or UTF-16; is it the file?") from None


def place(mark: Any) -> str:
    """Write a place in the text."""
    return f"line {mark.line + 1}, column {mark.column + 1}"
