"""Selectors as kubectl takes them, of labels, of fields and of namespaces: read, and written in one way.

Two selectors that are written in one way select the same, so that their text can be the key of a scope.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, NamedTuple

from airflow_provider_k8s_inventory.exceptions import UsageError

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_NAME: Final = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY: Final = rf"(?:[a-z0-9][-a-z0-9.]{{0,252}}/)?{_NAME}"
_VALUE: Final = re.compile(rf"(?:{_NAME})?")
# The grammar of k8s.io/apimachinery/pkg/labels/selector.go.
_REQUIREMENT: Final = re.compile(
    rf"\s*(?:!\s*(?P<absent>{_KEY})"
    rf"|(?P<key>{_KEY})(?:\s*(?P<sign>==|=|!=|>|<)\s*(?P<value>{_VALUE.pattern})"
    r"|\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*(?:,(?=.)|$)",
    re.DOTALL,
)
# strconv.ParseInt in base 10 of 64 bits; a label has at most 63 characters.
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,63}")
_NUMBERS: Final = range(-(2**63), 2**63)
_COMPARED: Final[Mapping[str, Callable[[int, int], bool]]] = {">": operator.gt, "<": operator.lt}

# Backslashes stand before commas, equals signs and backslashes: k8s.io/apimachinery/pkg/fields, EscapeValue.
_TERM: Final = re.compile(r"\s*(?P<field>[^\\,=!\s]+)\s*(?P<sign>==|=|!=)(?P<value>(?:\\[\\,=]|[^\\,=])*)(?:,(?=.)|$)")
_ESCAPED: Final = re.compile(r"([\\,=])")
_ESCAPE: Final = r"\\\1"

_UNSEEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of characters that no field has: control characters, halves of others, and separators of lines."""
_WHITESPACE: Final = frozenset(" \t\r\n")
"""What selectors of labels may have between their parts, as in isWhitespace of the grammar."""

_GLOB: Final = re.compile(r"[*?\[]")
# A bracket that comes first is one of the set, as in the shell.
_PIECE: Final = re.compile(r"(?P<some>\*)|(?P<one>\?)|(?P<set>\[!?\]?[-a-z0-9]*\])|(?P<same>[-a-z0-9]+)")
_PIECE_OF_NAME: Final = re.compile(r"(?P<some>\*)|(?P<one>\?)|(?P<set>\[!?\]?[^\]]*\])|(?P<same>.)", re.DOTALL)
# Names of objects are parts of paths: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
_EACH_OF_NAME: Final = "".join(letter for letter in map(chr, range(33, 127)) if letter not in "/%")
_LETTERS: Final = "-a-z0-9"
_EACH_LETTER: Final = "-0123456789abcdefghijklmnopqrstuvwxyz"
EXCLUSION: Final = "!"
"""Stands before what is left out."""


class _Requirement(NamedTuple):
    """One condition on the label of a key."""

    key: str
    sign: str
    """``in``, ``notin``, ``>`` or ``<``; ``has`` and ``lacks`` take no values."""
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.sign in _COMPARED:
            return f"{self.key}{self.sign}{self.values[0]}"
        if self.sign in ("has", "lacks"):
            return self.key if self.sign == "has" else f"!{self.key}"
        if len(self.values) == 1:
            return f"{self.key}{'=' if self.sign == 'in' else '!='}{self.values[0]}"
        return f"{self.key} {self.sign} ({','.join(self.values)})"

    def holds(self, labels: Mapping[str, object]) -> bool:
        """Tell if an object of these labels fulfills it."""
        value = labels.get(self.key)
        if self.sign in ("has", "lacks"):
            return (self.key in labels) is (self.sign == "has")
        if self.sign in _COMPARED:
            number, than = _number(value), _number(self.values[0])
            return number is not None and than is not None and _COMPARED[self.sign](number, than)
        return (value in self.values) is (self.sign == "in")


def _number(value: object) -> int | None:
    """Read the number of a label as selectors compare it; None: it is none."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return None
    number = int(value)
    return number if number in _NUMBERS else None


def labels(text: str) -> str:
    """Write a label selector in the one way: ``tier in (b,a), app==web`` as ``app=web,tier in (a,b)``.

    :param text: the selector, as for ``kubectl get --selector``; empty selects all.
    :raises UsageError: when it is none.
    """
    return ",".join(sorted({str(requirement) for requirement in _requirements(text)}))


def matches(selector: str, found: Mapping[str, object]) -> bool:
    """Tell if a label selector selects an object.

    :param selector: a selector that `labels` has written.
    :param found: the object's labels.
    """
    return all(requirement.holds(found) for requirement in _read(selector))


@lru_cache
def _read(selector: str) -> tuple[_Requirement, ...]:
    return tuple(_requirements(selector))


def _requirements(text: str) -> Iterator[_Requirement]:
    text, place = text.strip(), 0
    _check_seen("label selector", text, apart_from=_WHITESPACE)
    while place < len(text):
        found = _REQUIREMENT.match(text, place)
        if found is None:
            raise UsageError(_not_understood("label", text, place, "app=web,tier in (a,b),!canary"))
        place = found.end()
        yield _requirement(found, text)


def _requirement(found: re.Match[str], text: str) -> _Requirement:
    key, sign = found["key"], found["sign"]
    if found["absent"]:
        return _Requirement(found["absent"], "lacks")
    if found["set"]:
        values = sorted({value.strip() for value in found["values"].split(",")})
        for value in values:
            if not _VALUE.fullmatch(value):
                raise UsageError(f"the label selector {text!r} has a value that no label can have: {value!r}")
        return _Requirement(key, found["set"], tuple(values))
    if sign in _COMPARED:
        if _number(found["value"]) is None:
            raise UsageError(
                f"the label selector {text!r} compares with {found['value']!r}, which is no whole number of 64 bits"
            )
        return _Requirement(key, sign, (found["value"],))
    if sign:
        return _Requirement(key, "notin" if sign == "!=" else "in", (found["value"],))
    return _Requirement(key, "has")


def fields(text: str) -> str:
    """Write a field selector in the one way: ``b!=2,a==1`` as ``a=1,b!=2``.

    Which fields there are, only the API server knows.

    :param text: the selector, as for ``kubectl get --field-selector``; empty selects all.
    :raises UsageError: when it is none.
    """
    terms, place, text = set(), 0, text.strip()
    _check_seen("field selector", text)
    while place < len(text):
        found = _TERM.match(text, place)
        if found is None:
            raise UsageError(_not_understood("field", text, place, "spec.nodeName=node-1,status.phase!=Running"))
        place = found.end()
        terms.add(f"{found['field']}{'!=' if found['sign'] == '!=' else '='}{found['value'].strip()}")
    return ",".join(sorted(terms))


def field(name: str, value: str) -> str:
    """Write the field selector of one value."""
    return f"{name}={_ESCAPED.sub(_ESCAPE, value)}"


def _check_seen(kind: str, text: str, *, apart_from: frozenset[str] = frozenset()) -> None:
    """Refuse a text with characters that nobody sees: they come by mistake, and then it selects nothing."""
    for character in text:
        if unicodedata.category(character) in _UNSEEN and character not in apart_from:
            raise UsageError(f"the {kind} {text!r} has a control character or a line break: {character!r}")


def _not_understood(kind: str, text: str, place: int, example: str) -> str:
    return f"the {kind} selector {text!r} cannot be read at {text[place:].strip()!r}: write it like {example!r}"


def namespaces(texts: Iterable[str]) -> tuple[str, ...]:
    """Write names, globs and exclusions of namespaces in the one way: sorted, each once, and exclusions last.

    Exclusions alone leave out of all. Where no glob is left, nobody has to list namespaces.

    :param texts: names, globs such as ``team-*``, and either behind ``!``.
    :raises UsageError: when one cannot be a namespace, or none is left.
    """
    found = dict.fromkeys(text.strip() for text in texts)
    excluded = sorted(text for text in found if text.startswith(EXCLUSION))
    included = sorted(text for text in found if text not in excluded)
    for text in found:
        _check(text)
    leaving = [re.compile(_pattern([text[1:]])) for text in excluded]
    for name in included:
        if not is_glob(name) and f"{EXCLUSION}{name}" in excluded:
            raise UsageError(f"the namespace {name!r} is asked for and left out: take one of them away")
    if included and not any(map(is_glob, included)):
        left = tuple(name for name in included if not any(each.match(name) for each in leaving))
        if not left:
            raise UsageError(f"no namespace is left of {', '.join(included)} without {', '.join(excluded)}")
        return left
    if "*" in included or (excluded and not included):
        included = ["*"] if excluded else []
    return (*included, *excluded)


def is_glob(text: str) -> bool:
    """Tell if a name of namespaces is a glob."""
    return _GLOB.search(text) is not None


def _check(text: str) -> None:
    name = text.removeprefix(EXCLUSION)
    _check_seen("namespace", name)
    if not is_glob(name) and not NAMESPACE.fullmatch(name):
        raise UsageError(f"a namespace must consist of lowercase letters, digits and '-', got {name!r}")
    try:
        _translated(name)
    except ValueError:
        raise UsageError(
            f"a glob of namespaces must consist of lowercase letters, digits, '-', *, ? and [...], got {name!r}"
        ) from None


def namespace_pattern(texts: Sequence[str]) -> str:
    """Make the regular expression of namespaces, in what Python's and PostgreSQL's have in common.

    :param texts: names, globs and exclusions that `namespaces` has written.
    """
    excluded = [text[1:] for text in texts if text.startswith(EXCLUSION)]
    included = [text for text in texts if not text.startswith(EXCLUSION)]
    # https://www.postgresql.org/docs/current/functions-matching.html#POSIX-CONSTRAINTS-TABLE has lookahead, too.
    without = f"(?!{_pattern(excluded)[1:]})" if excluded else ""
    return f"^{without}{_pattern(included)[1:]}"


def name_pattern(glob: str) -> str:
    """Make the regular expression of a name or glob of objects, in what Python's and PostgreSQL's have in common.

    :raises UsageError: when no name can match it.
    """
    pieces = []
    for found in _PIECE_OF_NAME.finditer(glob):
        if found["some"] or found["one"]:
            pieces.append(".*" if found["some"] else ".")
        elif found["set"]:
            letters = [re.escape(letter) for letter in _EACH_OF_NAME if fnmatchcase(letter, found["set"])]
            if not letters:
                raise UsageError(f"no name can match {glob!r}: {found['set']} has no letter that names have")
            pieces.append(f"(?:{'|'.join(letters)})")
        else:
            pieces.append(re.escape(found["same"]))
    return f"^{''.join(pieces)}$"


def _pattern(globs: Iterable[str]) -> str:
    return f"^(?:{'|'.join(map(_translated, globs))})$"


def _translated(glob: str) -> str:
    """Translate a glob.

    :raises ValueError: when it has what is none of a glob.
    """
    pieces, place = [], 0
    while place < len(glob):
        found = _PIECE.match(glob, place)
        if found is None:
            raise ValueError(glob)
        place = found.end()
        if found["some"] or found["one"]:
            pieces.append(f"[{_LETTERS}]{'*' if found['some'] else ''}")
        else:
            pieces.append(_one_of(found["set"]) if found["set"] else found["same"])
    return "".join(pieces)


def _one_of(bracketed: str) -> str:
    """Translate a set of letters to one without ranges: PostgreSQL refuses some that Python takes, as ``[a-c-e]``.

    :raises ValueError: when no letter of a namespace is in it.
    """
    letters = "".join(letter for letter in _EACH_LETTER if fnmatchcase(letter, bracketed))
    if not letters:
        raise ValueError(bracketed)
    return f"[{letters}]"
