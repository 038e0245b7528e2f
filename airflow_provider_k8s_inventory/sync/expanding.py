"""Expand names, globs and groups to resources of one context, by its discovery and by kubectl's rules.

A name is looked for among served resources in `kube.names`; what needs no cluster is in `resources`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import partial
from typing import Final, NamedTuple

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import (
    InventoryError,
    ResponseError,
    ScopeError,
    UnknownResourceError,
    UnresolvedError,
)
from airflow_provider_k8s_inventory.kube import names as kubectl
from airflow_provider_k8s_inventory.kube.discovery import Discovery
from airflow_provider_k8s_inventory.model import Resource, Status
from airflow_provider_k8s_inventory.resources import is_exclusion as is_exclusion
from airflow_provider_k8s_inventory.resources import is_glob as is_glob
from airflow_provider_k8s_inventory.sync.exclusions import Exclusions, twins

HINT: Final = "; did you mean "
"""What stands before the nearest names, at the end of a reason."""

LEFT_OUT: Final = " but what is left out"
"""The end of the reason of a glob of which exclusions leave nothing."""

_SECRETS: Final = "secrets"
_NEAR: Final = 0.7
"""The share of letters that a misspelled group has in common with the one that is meant."""


def checked(names: Sequence[str]) -> list[str]:
    """Resolve names as far as that takes no cluster, each once; globs, groups and exclusions stay as they are.

    Where there are exclusions only, a ``*`` comes before them.

    :param names: all that was asked for.
    :raises UnknownResourceError: for a name that no cluster can serve, or one that is asked for and left out.
    """
    asked = {written.strip(): resources.asked(written) for written in names}
    exclusions = Exclusions(asked, _as_it_is)
    plain = {written: each for written, each in asked.items() if is_name(each.name)}
    for written, each in plain.items():
        # What a short name means that only a cluster knows, a glob cannot tell.
        if by := exclusions.of(each.name) if each.certain else exclusions.naming(each.name):
            raise UnknownResourceError(_contradiction(written, by))
    found = list(dict.fromkeys(map(str, asked.values())))
    return ["*", *found] if found and all(map(is_exclusion, found)) else found


def _as_it_is(name: str) -> str:
    return name


def is_name(name: str) -> bool:
    """Tell if a name is that of one resource: no glob, no group, and no exclusion."""
    return not (is_glob(name) or is_exclusion(name))


def _contradiction(name: str, exclusion: str) -> str:
    return f"{name!r} is asked for by its name, and {exclusion!r} leaves it out: take one of them away"


def catalogued(names: Sequence[str]) -> list[str]:
    """List the canonical names that are known without asking a cluster, each once, in the order they were asked for.

    :param names: all that was asked for; a name that only a cluster can resolve is among the results as it was written,
        and a glob or group is not: what it means, only discovery says.
    :raises UnknownResourceError: as `checked`.
    """
    asked = (resources.asked(name).name for name in checked(names))
    return list(dict.fromkeys(filter(is_name, asked)))


class Problem(NamedTuple):
    """A name or glob that means nothing in a context, or of which that cannot be told."""

    name: str
    """As it was asked for."""
    label: str
    """What stands for it in the ledger, which has lines of scopes only: a name with a question mark, or a glob."""
    status: Status
    reason: str
    error: InventoryError | None = None
    """The error that says so, if one did."""

    @property
    def unresolved(self) -> bool:
        """Whether the name may be one all the same that another context knows."""
        return isinstance(self.error, UnresolvedError)


Lookup = Callable[[str], Sequence[Resource]]
"""Gives the resources the inventory knows of, for a name that is not served (any more)."""


def expand(
    names: Sequence[str], found: Discovery, context_name: str, stored: Sequence[str], known: Lookup
) -> tuple[dict[str, str], list[Problem]]:
    """Expand names, globs and groups to the resources of a context.

    :param names: names, globs, groups and exclusions, as `checked` gives them; names of the catalogue may be left out.
    :param found: what the context serves.
    :param stored: the full names of the custom resources it has rows of. Those of one that is no longer served would
        else stay for ever: only a sync proves that it is absent.
    :param known: as for `resolve`.
    :returns: the canonical names by what they were asked for as, and what means nothing.
    """
    meant: dict[str, str] = {}
    problems: list[Problem] = []
    exclusions = Exclusions(names, partial(_left_out, found=found, context_name=context_name, known=known))
    for name in filter(is_name, _as_written(names)):
        try:
            resolved = resolve(name, found, context_name, known)
            if by := exclusions.of(_scope(resolved)):
                raise UnknownResourceError(_contradiction(name, by))
        except (ScopeError, UnknownResourceError) as error:
            problems.append(Problem(name, label(name), "failed", str(error), error))
            continue
        others = (other for other in meant.values() if _scope(other) == _scope(resolved))
        twice = next((other for other in others if other != resolved), None)
        if twice:
            reason = f"{name!r} and {twice!r} are two versions of one resource, which is kept in one: ask for one"
            problems.append(Problem(name, label(name), "failed", reason))
        else:
            meant[name] = resolved
    globs = list(filter(is_glob, _as_written(names)))
    here = {_scope(name) for name in meant.values()}
    matching = dict.fromkeys((*_matching(globs, found, {*here, *stored}), *matched(globs, stored)))
    for left in exclusions.rest(matching):
        name = resources.FULL_NAMES.get(left, left)
        if name not in here:
            meant[name] = name
    problems.extend(_problems(globs, exclusions, found, context_name, stored))
    return meant, problems


def _as_written(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(str(resources.asked(name)) for name in names))


def _scope(name: str) -> str:
    return resources.asked(name).name


def _left_out(name: str, found: Discovery, context_name: str, known: Lookup) -> str:
    """Resolve the name of an exclusion as that of a resource; what it cannot mean is no error."""
    with suppress(ScopeError):
        return _scope(resolve(name, found, context_name, known))
    return likely(name, known)


def _problems(
    globs: Iterable[str], exclusions: Exclusions, found: Discovery, context_name: str, stored: Sequence[str]
) -> Iterator[Problem]:
    for glob in globs:
        if silent := [group for group in _silent(glob, found) if not exclusions.cover(group)]:
            reason = (
                f"context {context_name}: the API groups {', '.join(silent)} do not respond, so what {glob} means of "
                "them cannot be told: look at their APIServices"
            )
            yield Problem(glob, glob, "failed", reason)
        elif not (matching := [*_matching([glob], found, ()), *matched([glob], stored)]):
            secret = " but secrets, which no glob means: name them" if resources.matches(glob, _SECRETS) else ""
            yield Problem(glob, glob, "absent", f"context {context_name} has no resource that matches {glob}{secret}")
        elif not exclusions.rest(matching):
            reason = f"context {context_name} has no resource that matches {glob}{LEFT_OUT}"
            yield Problem(glob, glob, "absent", reason)


def omitted(names: Sequence[str], found: Discovery) -> str | None:
    """Say what globs and groups leave out of what is served, though nobody left it out; None: nothing.

    :param names: as for `expand`.
    """
    globs = list(filter(is_glob, _as_written(names)))
    given = [*filter(is_name, _as_written(names)), *(resources.excluded(name) for name in names if is_exclusion(name))]
    served = {name for name in (_SECRETS, *found.unlistable) if any(resources.matches(glob, name) for glob in globs)}
    silent = sorted(name for name in served if not any(means(each, name) for each in given))
    unlistable = ", ".join(name for name in silent if name != _SECRETS)
    said = [
        f"{_SECRETS}, which must be named" if _SECRETS in silent else "",
        f"{unlistable}, which cannot be listed" if unlistable else "",
    ]
    return "; ".join(filter(None, said)) or None


def expand_stored(names: Sequence[str], stored: Sequence[str], known: Lookup) -> dict[str, str]:
    """Expand names, globs and groups by what the inventory knows, where the cluster does not say.

    :param names: as for `expand`.
    :param stored: as for `expand`.
    :param known: as for `resolve`.
    :returns: as `expand` does.
    """
    exclusions = Exclusions(names, partial(likely, known=known))
    meant = {name: likely(name, known) for name in filter(is_name, _as_written(names))}
    return meant | {name: name for name in exclusions.rest(matched(filter(is_glob, _as_written(names)), stored))}


def likely(name: str, known: Lookup) -> str:
    """Return the canonical name of what a name means, or meant, without asking a cluster; else its label."""
    asked = resources.asked(name)
    if asked.certain or is_glob(asked.name):
        return str(asked)
    before = kubectl.find(known(asked.name), asked.name)
    return resources.FULL_NAMES.get(before.name, before.name) if before else label(name)


def label(name: str) -> str:
    """Return the text that stands for a name in the ledger and the report while no cluster has resolved it.

    A short name that no cluster has resolved is no scope: the question mark keeps it out of `k8s_freshness`.
    """
    asked = resources.asked(name)
    return asked.name if asked.certain or is_glob(asked.name) else f"{asked.name}?"


def resolve(name: str, found: Discovery, context_name: str, known: Lookup) -> str:
    """Resolve a name to the canonical one; with its version where that is not the preferred one.

    The full name of what is not served is given as it is: only listing it can prove that it is absent.

    :param name: a name, and no glob.
    :param found: what the context serves.
    :param known: the resources the inventory knows of.
    :raises UnresolvedError: when the context serves nothing of that name, and it is no full name either.
    :raises ResponseError: when that cannot be told, or it is served otherwise than asked for.
    """
    asked = resources.asked(name)
    if asked.name in resources.CATALOGUE:
        return asked.name
    word, _, group = asked.name.partition(".")
    served = kubectl.find(found.resources, str(asked))
    if served and (group in ("", served.group) or all(one.name != asked.name for one in known(word))):
        return _spelled(served, found)
    if others := [resource.api_version for resource in found.resources if resource.name == asked.name]:
        raise ResponseError(
            f"context {context_name} serves {asked.name} as {', '.join(others)}, not as {asked.version}"
        )
    if asked.name in found.unlistable:
        raise ResponseError(f"context {context_name} serves {asked.name}, but it cannot be listed: leave it out")
    if before := kubectl.find(known(word), asked.name, whole_groups=True):
        return resources.FULL_NAMES.get(before.name, before.name)
    if asked.certain:
        return asked.name
    _check(found, asked.name, context_name)
    raise UnresolvedError(
        f"context {context_name} serves no resource {asked.name!r} that can be listed{hint(asked.name, found)}"
        + ("; `all` is kubectl's word for a few of them: '*' is everything" if asked.name == "all" else "")
    )


def _spelled(served: Resource, found: Discovery) -> str:
    if served.name in resources.FULL_NAMES:
        return resources.FULL_NAMES[served.name]
    preferred = found.find(served.name)
    return str(resources.Asked(served.name, None if served == preferred else served.version))


def _check(found: Discovery, name: str, context_name: str) -> None:
    """Check that discovery tells enough to say that there is no such name.

    :raises ResponseError: when it does not.
    """
    if found.silent:
        raise ResponseError(
            f"context {context_name}: the API groups {', '.join(sorted(found.silent))} do not respond, and {name!r} "
            "may be of them: look at their APIServices, or give its full name"
        )
    if found.find("namespaces") is None:
        raise ResponseError(f"context {context_name}: discovery does not even name namespaces, so it proves nothing")


def hint(name: str, found: Discovery) -> str:
    """Suggest the names a misspelled one may mean, as the end of a reason; empty when none is near."""
    near = [resources.FULL_NAMES.get(one, one) for one in kubectl.nearest(found.resources, name)]
    near += (f"the group {group}" for group in get_close_matches(name, resources.GROUPS, cutoff=_NEAR))
    return HINT + ", ".join(near) + "?" if near else ""


def _matching(globs: Sequence[str], found: Discovery, named: Iterable[str]) -> list[str]:
    """List the canonical names of the served resources that globs match, each object under one of them.

    :param named: the names that are synced whatever the globs mean.
    """
    catalogue = [name for glob in globs for name in matched([glob], resources.CATALOGUE) if _is_served(name, found)]
    served = [
        resource
        for resource in found.resources
        if not _is_catalogued(resource) and any(resources.matches(glob, resource.name) for glob in globs)
    ]
    all_names = {resource.name for resource in served} | set(catalogue)
    matching = set(named)
    chosen = (one.name for one in served if one.name in matching or not _is_twin(one, all_names))
    return list(dict.fromkeys((*catalogue, *chosen)))


def _is_catalogued(resource: Resource) -> bool:
    """Tell if it is a resource of the catalogue under its own name, and not under that of another group."""
    name = resources.FULL_NAMES.get(resource.name)
    return name is not None and resources.CATALOGUE[name].resource.name == resource.name


def _is_twin(resource: Resource, others: set[str]) -> bool:
    return not others.isdisjoint(twins(resource.name))


def _silent(glob: str, found: Discovery) -> list[str]:
    """List the API groups that do not respond and may have a resource that a glob matches."""
    if glob in resources.GROUPS:
        return sorted(found.silent & {resources.CATALOGUE[name].resource.group for name in resources.GROUPS[glob]})
    tail = glob[max(glob.rfind(character) for character in "*?]") + 1 :]
    ends = ((group, f".{group}") for group in sorted(found.silent))
    return [group for group, end in ends if end.endswith(tail) or tail.endswith(end)]


def means(name: str, other: str) -> bool:
    """Tell if a name, glob or group means a resource of a canonical name."""
    return resources.matches(name, other) if is_glob(name) else name == other


def matched(globs: Iterable[str], names: Iterable[str]) -> list[str]:
    """Select the canonical names that globs and groups match, which is never that of secrets."""
    globs = list(globs)
    return [name for name in names if name != _SECRETS and any(resources.matches(glob, name) for glob in globs)]


def _is_served(name: str, found: Discovery) -> bool:
    """Tell if a context has objects of a resource of the catalogue."""
    definition = resources.CATALOGUE[name]
    return not definition.listed or found.find(definition.resource.name) is not None
