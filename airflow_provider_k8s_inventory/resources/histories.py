"""The history of each resource: whether its changes are kept, for how long, and which of them mean nothing.

The paths that mean nothing are matched in `noise`; how history is written and dropped is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.model import Definition
from airflow_provider_k8s_inventory.resources.noise import COMMON, Noise, parsed

ON: Final = "on"
OFF: Final = "off"
EXACT: Final = "exact"
ALL: Final = "*"
FOREVER: Final = 0
"""The number of days of what is never dropped."""

_OFF: Final = ("*.metrics.k8s.io",)
"""Globs of the resources without a declaration whose objects change all the time."""
_BOUND: Final = re.compile(
    r"\s*(?!(?:metadata|spec|status|data)[.\[])(?P<resource>[A-Za-z0-9*?\[][-A-Za-z0-9.*?!\[\]]*):(?P<rule>.*)",
    re.DOTALL,
)
_DAYS: Final = re.compile(r"[+-]?\d+")
MOST_DAYS: Final = 36_500
_MEMBERS: Final = ("days", ON, "noise")
_ALLOWED: Final = (
    f"{OFF}, {ON}, {EXACT} (nothing is noise), a number of days (90; {FOREVER}: for ever), or a path whose changes are "
    "noise (status.refreshTime, metadata.annotations['a.b/c'], .data), each for all resources or behind RESOURCE: for "
    "some (pods:90, '*.cert-manager.io:off')"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """The history of one resource."""

    on: bool = True
    """Whether its changes are kept."""
    days: int | None = None
    """For how many days; 0: for ever; None: as long as of all resources."""
    noise: tuple[str, ...] = COMMON
    """The paths whose changes are noise, as people write them."""
    noisy_names: tuple[str, ...] = ()
    """Globs of the names of objects whose updates are noise."""

    def noise_of(self, definition: Definition) -> Noise:
        """Compile the rules for noise.

        :param definition: the resource.
        """
        return Noise(definition, self.noise, self.noisy_names)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule that somebody wrote."""

    resource: str
    """A canonical name, a glob or a group."""
    said: str
    """``on``, ``off``, ``exact``, a number of days or a path."""

    def covers(self, resource: str) -> bool:
        """Tell if it is for a resource."""
        if resources.is_glob(self.resource):
            return resources.matches(self.resource, resource)
        return self.resource == resource

    def apply(self, before: History, *, noisy: bool) -> History:
        """Change what is kept of a resource.

        :param noisy: whether it changes all the time, so that nothing but its name turns its history on.
        """
        turned_on = before.on or not noisy or not resources.is_glob(self.resource)
        if self.said in (ON, OFF):
            return replace(before, on=turned_on and self.said == ON)
        if self.said == EXACT:
            return replace(before, noise=(), noisy_names=())
        if self.said.isdecimal():
            return replace(before, on=turned_on, days=int(self.said))
        return replace(before, noise=(*before.noise, self.said))


@dataclass(frozen=True, slots=True)
class Histories:
    """The histories of all resources."""

    texts: tuple[str, ...] = ()
    """The rules, as people write them, the later ones over the earlier ones.

    :raises UsageError: when one cannot be read.
    """

    def __post_init__(self) -> None:
        for _ in self._rules():
            pass

    @classmethod
    def read(cls, history: Any) -> Histories:
        """Read what was said in Python or on a command line.

        :param history: True or None for what goes without saying, False for none, one rule as text, a list of them, or
            a mapping of resources to ``"on"``, ``"off"``, True, False, days, rules, or a mapping with ``on``, ``days``
            and ``noise``.
        :raises UsageError: when it cannot be read.
        """
        return cls(tuple(_texts(history)))

    def of(self, resource: str) -> History:
        """Return the history of a resource.

        :param resource: its canonical name.
        """
        found = _declared(resource)
        noisy = not found.on
        for rule in self._rules():
            if rule.covers(resource):
                found = rule.apply(found, noisy=noisy)
        return found

    @property
    def days(self) -> frozenset[int]:
        """The numbers of days that rules name."""
        return frozenset(int(rule.said) for rule in self._rules() if rule.said.isdecimal())

    def _rules(self) -> Iterator[_Rule]:
        return map(_rule, self.texts)


def _declared(resource: str) -> History:
    definition = resources.CATALOGUE.get(resource)
    if definition is None:
        return History(on=not any(fnmatchcase(resource, glob) for glob in _OFF))
    return History(on=definition.history, noise=(*COMMON, *definition.noise), noisy_names=definition.noisy_names)


def _rule(text: str) -> _Rule:
    """Read one rule: ``off``, ``pods:90``, ``certificates.cert-manager.io:status.renewalTime``."""
    bound = _BOUND.fullmatch(text)
    resource, said = (_resource(bound["resource"], text), bound["rule"].strip()) if bound else (ALL, text.strip())
    if said.lower() in (ON, OFF, EXACT):
        return _Rule(resource, said.lower())
    if _DAYS.fullmatch(said):
        if not 0 <= int(said) <= MOST_DAYS:
            raise UsageError(f"history: {text!r}: the days must be 0 (for ever) to {MOST_DAYS}, got {said}")
        return _Rule(resource, str(int(said)))
    if not any(character in said for character in ".[$"):
        raise UsageError(f"history: {text!r} is no rule; it can be {_ALLOWED}")
    parsed(said)
    return _Rule(resource, said)


def _resource(written: str, text: str) -> str:
    """Return the canonical name of the resource that a rule is for; globs and groups stay."""
    asked = resources.asked(written)
    if not (asked.certain or resources.is_glob(asked.name)):
        raise UsageError(
            f"history: {text!r} is for a resource that no cluster is asked for: write its full name, NAME.GROUP"
        )
    return asked.name


def _texts(history: Any) -> Iterator[str]:
    """Write the rules as people write them."""
    if history is None or history is True:
        return
    if isinstance(history, Histories):
        yield from history.texts
    elif isinstance(history, Mapping):
        for resource, said in history.items():
            yield from (f"{resource}:{rule}" for rule in _said(resource, said))
    elif isinstance(history, Iterable) and not isinstance(history, str):
        for each in history:
            yield _one(each)
    else:
        yield _one(history)


def _said(resource: Any, said: Any) -> Iterator[str]:
    """Write the rules for one resource."""
    if isinstance(said, Mapping):
        yield from _members(resource, said)
    elif isinstance(said, Iterable) and not isinstance(said, str):
        yield from map(_one, said)
    else:
        yield _one(said)


def _members(resource: Any, said: Mapping[Any, Any]) -> Iterator[str]:
    if unknown := ", ".join(str(member) for member in said if member not in _MEMBERS):
        raise UsageError(f"history: {resource} has no {unknown}; it can have {', '.join(_MEMBERS)}")
    days, on, noise = (said.get(member) for member in _MEMBERS)
    if days is not None:
        if isinstance(days, bool) or not _DAYS.fullmatch(str(days).strip()):
            raise UsageError(f"history: {resource} has days that are no number: {days!r}")
        yield str(days)
    if on is not None:
        yield _one(on)
    if noise is False:
        yield EXACT
    elif noise is not None:
        yield from map(_path, (noise,) if isinstance(noise, str) or not isinstance(noise, Iterable) else noise)


def _path(noise: Any) -> str:
    """Write a path so that it cannot be taken for another rule."""
    if not isinstance(noise, str):
        raise UsageError(f"history: noise must be paths such as status.refreshTime, or False for none, got {noise!r}")
    return noise if noise.startswith((".", "$", "[")) else f".{noise}"


def _one(rule: Any) -> str:
    if isinstance(rule, bool):
        return ON if rule else OFF
    if isinstance(rule, int):
        return str(rule)
    if isinstance(rule, str):
        return rule
    raise UsageError(f"history: {rule!r} is no rule; it can be {_ALLOWED}")


DEFAULT: Final = Histories()
"""What goes without saying: the changes of all resources but the noisy ones."""
