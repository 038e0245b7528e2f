"""Declare a resource: one line per column, with its name, its type and the path of its value.

The path is the comment of a column that has no other. How objects are read is compiled when it is first asked for: for
all resources it takes 30 ms, which each mapped task would pay, and a task needs it of one. The structs that are decoded
are built in `paths`; the columns that all tables share are in `shared`.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from os.path import commonprefix
from typing import Any, Final, Literal

import msgspec

from airflow_provider_k8s_inventory.exceptions import DeclarationError
from airflow_provider_k8s_inventory.model import Column, Definition, Reading, Resource, Source, Table
from airflow_provider_k8s_inventory.resources import paths, quantities, shared
from airflow_provider_k8s_inventory.resources.extracting import compiled
from airflow_provider_k8s_inventory.resources.paths import EACH, At

Type = Literal[
    "text", "integer", "bigint", "numeric", "boolean", "timestamp with time zone", "inet", "jsonb", "text[]", "inet[]"
]
"""The type of a column, as PostgreSQL writes it."""

_NULL: Final = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class Part:
    """Columns that are read together."""

    columns: tuple[Column, ...]
    reads: tuple[At, ...]
    compute: Callable[..., Any] | None = None
    """Makes the column's value, or a tuple of the columns' values, of the values read; None: it is the value read."""
    is_copy: bool = False
    """Whether the column is JSON that stands so in the object."""


def text(name: str, path: str, comment: str = "", *, missing: str | None = None) -> Part:
    """Keep a text.

    :param name: the column.
    :param path: the value's place in the object, in JSON names: ``spec.nodeName``.
    :param comment: the column's SQL comment.
    :param missing: the value where the object has none; None is NULL.
    """
    return _plain(name, "text", path, comment, str, missing)


def integer(name: str, path: str, comment: str = "", *, missing: int | None = None) -> Part:
    """Keep an integer of four bytes; parameters as of `text`."""
    return _plain(name, "integer", path, comment, int, missing)


def bigint(name: str, path: str, comment: str = "", *, missing: int | None = None) -> Part:
    """Keep an integer of eight bytes; parameters as of `text`."""
    return _plain(name, "bigint", path, comment, int, missing)


def quantity(name: str, path: str, comment: str = "") -> Part:
    """Keep a quantity as a number in its base unit; parameters as of `text`."""
    part = _plain(name, "numeric", path, comment, str, None)
    return Part(part.columns, part.reads, quantities.quantity)


def count(name: str, path: str, comment: str = "") -> Part:
    """Keep the length of a list, 0 where there is none; parameters as of `text`."""
    read = At(path, list[msgspec.Raw])
    return Part((_column(name, "integer", comment or f"The number of {path}"),), (read,), _length)


def condition(name: str, type: str, comment: str = "") -> Part:
    """Keep if a condition is ``True``; NULL where the object does not have it.

    :param type: the type of the condition in ``status.conditions``.
    """
    read = At("status.conditions", list[shared.Condition])
    column = _column(name, "boolean", comment or f"Whether the condition {type} is True")
    return Part((column,), (read,), partial(shared.state, type_=type))


def template(path: str) -> tuple[Part, ...]:
    """Keep the containers of a pod template.

    :param path: the place of the template: ``spec.template``.
    """
    containers = f"{path}.spec.containers[]"
    return (
        texts("containers", f"{containers}.name", f"The names of {path}.spec.containers, in order"),
        texts("images", f"{containers}.image", f"The images of {path}.spec.containers, in order"),
    )


def boolean(name: str, path: str, comment: str = "", *, missing: bool | None = None) -> Part:
    """Keep a boolean; parameters as of `text`."""
    return _plain(name, "boolean", path, comment, bool, missing)


def timestamp(name: str, path: str, comment: str = "") -> Part:
    """Keep a time; parameters as of `text`."""
    return _plain(name, "timestamp with time zone", path, comment, shared.Time, None)


def json(name: str, path: str, comment: str = "", *, missing: bytes = b"null") -> Part:
    """Keep any value as JSON; parameters as of `text`, where ``null`` is the same as none, and NULL."""
    none = msgspec.Raw(missing)
    part = _plain(name, "jsonb", path, comment, msgspec.Raw, none)
    # Go writes null for empty lists that it does not leave out: the rules of a role, the ports of a slice.
    read = partial(_json_text, none=None if none == _NULL else missing.decode())
    return Part(part.columns, part.reads, read, is_copy=True)


def inet(name: str, path: str, comment: str = "") -> Part:
    """Keep an address, NULL for ``""`` and ``"None"``; parameters as of `text`."""
    part = _plain(name, "inet", path, comment, str, None)
    return Part(part.columns, part.reads, shared.address)


def texts(name: str, path: str, comment: str = "") -> Part:
    """Keep the texts of a list, or of each item that has one: ``spec.containers[].image``; parameters as of `text`."""
    if EACH not in path:
        raise DeclarationError(f"{name}: {path} has no [] that says which list is read")
    return Part((_column(name, "text[]", comment or path.removesuffix(EACH)),), (At(path, str),))


def at(path: str, type: Any = None, *, missing: Any = None) -> At:
    """Read a value for `computed`.

    :param path: as of `text` or `texts`.
    :param type: as for msgspec; a struct for several fields at once. None: a struct reads the value already.
        `msgspec.Raw` needs a value where there is none, and is ``null`` where the object says so.
    :param missing: the value where the object has none.
    """
    return At(path, type, missing)


def computed(function: Callable[..., Any], *reads: At, **columns: tuple[Type, str]) -> Part:
    """Keep the result of a function.

    :param function: takes the values that are read, in their order; returns the value of the column, or a tuple of
        the columns' values.
    :param reads: the values.
    :param columns: the type and the comment by the name of the column.
    """
    try:
        inspect.signature(function).bind(*reads)
    except TypeError as error:
        raise DeclarationError(f"{', '.join(columns)}: the function takes other values: {error}") from error
    except ValueError:
        pass  # some built-in functions, as bool, tell no signature
    return Part(tuple(_column(name, *each) for name, each in columns.items()), reads, function)


def resource(
    api_version: str,
    plural: str,
    kind: str,
    *parts: Part | Column,
    name: str = "",
    comment: str = "",
    short: Sequence[str] = (),
    namespaced: bool = True,
    indexes: Any = (),
    watchable: bool = True,
    source: Source = "list",
    hidden: tuple[str, ...] = (),
    aged_by: Any = None,
    also_in: tuple[str, ...] = (),
    has_uids: bool = True,
    history: bool = True,
    noise: tuple[str, ...] = (),
    noisy_names: tuple[str, ...] = (),
) -> Definition:
    """Declare a resource with a table of its own.

    :param api_version: the version that is read, as objects write it: ``apps/v1``.
    :param plural: the resource in paths: ``deployments``.
    :param kind: the kind of its objects: ``Deployment``.
    :param parts: the columns of its own, in their order; a bare column is one that PostgreSQL or the sync fills.
    :param name: what users and the table call it, when that is not the plural.
    :param comment: the table's SQL comment, when the kinds' plural does not do.
    :param short: the short names of kubectl.
    :param namespaced: whether the objects live in namespaces.
    :param indexes: indexes on own columns.
    :param watchable: whether the API server tells changes of it.
    :param source: where the objects come from.
    :param hidden: members of the object that are read for columns and never stored.
    :param aged_by: the column that says how old a row is, where the server forgets objects that are worth keeping.
    :param also_in: other API groups that serve the same objects under the same plural.
    :param has_uids: whether the objects have uids.
    :param history: whether its changes are kept, unless somebody says otherwise.
    :param noise: the paths that no history is written for, as people write them: ``status.images``.
    :param noisy_names: globs of the names of objects that no history is written for when they are updated.
    :raises DeclarationError: when the declaration contradicts itself.
    """
    group, _, version = api_version.rpartition("/")
    columns = [column for part in parts for column in (part.columns if isinstance(part, Part) else (part,))]
    start = commonprefix([kind.lower(), plural])  # noqa: RUF071 - networkpolic of NetworkPolicy and networkpolicies
    table = shared.table(
        f"k8s_{name or plural}",
        comment or kind[: len(start)] + plural[len(start) :],
        *columns,
        namespaced=namespaced,
        indexes=indexes,
    )
    found = Resource(
        group=group,
        version=version,
        plural=plural,
        kind=kind,
        namespaced=namespaced,
        watchable=watchable,
        singular=kind.lower(),
        short_names=tuple(short),
    )
    own = [part for part in parts if isinstance(part, Part)]
    defined = define(name or plural, found, table, own)
    return replace(
        defined,
        source=source,
        hidden=hidden,
        aged_by=aged_by,
        also_in=also_in,
        has_uids=has_uids,
        history=history,
        noise=noise,
        noisy_names=noisy_names,
    )


def define(name: str, resource: Resource, table: Table, parts: Sequence[Part]) -> Definition:
    """Say how the objects of a resource become rows of a table that is there.

    :raises DeclarationError: when two columns have one name.
    """
    twice = [column for column, times in Counter(column.name for column in table.columns).items() if times > 1]
    if twice:
        raise DeclarationError(f"{table.name} has two columns {', '.join(twice)}")
    return Definition(
        name=name,
        resource=resource,
        table=table,
        reading=cache(partial(_reading, table, tuple(parts))),
        reads={column.name: tuple(read.path for read in part.reads) for part in parts for column in part.columns},
        copies={part.columns[0].name: part.reads[0].path for part in parts if part.is_copy},
    )


def _reading(table: Table, parts: Sequence[Part]) -> Reading:
    """Build how the columns are read.

    :raises DeclarationError: when the declaration contradicts itself.
    """
    pieces = [(part.compute, tuple(read.path for read in part.reads), len(part.columns)) for part in parts]
    try:
        type_ = paths.struct(shared.Object, [read for part in parts for read in part.reads])
        extract = compiled(type_, pieces)
    except DeclarationError as error:
        raise DeclarationError(f"{table.name}: {error}") from error
    return Reading(type_, extract, cache(lambda: tuple((piece[-1], compiled(type_, [piece])) for piece in pieces)))


def _json_text(found: msgspec.Raw, none: str | None) -> str | None:
    return none if found == _NULL else bytes(found).decode()


def _length(items: list[msgspec.Raw] | None) -> int:
    return len(items or ())


def _plain(name: str, type_: Type, path: str, comment: str, read_as: Any, missing: Any) -> Part:
    if EACH in path:
        raise DeclarationError(f"{name}: {path} reads a list, and {type_} holds one value")
    return Part((_column(name, type_, comment or path),), (At(path, read_as, missing),))


def _column(name: str, type_: Type, comment: str) -> Column:
    return Column(name=name, type=type_, comment=comment)
