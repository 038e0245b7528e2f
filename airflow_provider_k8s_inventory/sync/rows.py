"""Make rows of objects: bytes from a page in, the values of a table's columns out.

An object that is not as it should be costs itself only: its row has NULL for what cannot be read or held, and a line of
the report says so. What the columns are is declared in `resources`; how rows get into PostgreSQL is in
`postgres.loading`, and what becomes of those that PostgreSQL refuses in `storing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from airflow_provider_k8s_inventory.exceptions import AnswerError, UnprovenError
from airflow_provider_k8s_inventory.kube import matching, nesting, text
from airflow_provider_k8s_inventory.model import EVERYTHING, Definition, Page, Selection
from airflow_provider_k8s_inventory.resources.shared import EMPTY, LAST_APPLIED, Metadata, own_columns
from airflow_provider_k8s_inventory.sync import fitting
from airflow_provider_k8s_inventory.sync.remarks import Remarks
from airflow_provider_k8s_inventory.sync.salvaging import UNREADABLE, salvage


class _Identity(msgspec.Struct, frozen=True, gc=False):
    """What tells an object from others."""

    uid: str | None = None
    name: str | None = None
    namespace: str | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else f"{self.name}"


class _Identified(msgspec.Struct, frozen=True, gc=False):
    metadata: _Identity = _Identity()


class _Own(NamedTuple):
    """A column of the resource's own that cannot hold every value."""

    place: int
    name: str
    holder: str
    """Its type, or its index."""
    holds: Callable[[Any], bool]


_S = TypeVar("_S", bound=msgspec.Struct)

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_IDENTITY: Final = msgspec.json.Decoder(_Identified)
_NAMED: Final = msgspec.json.Decoder(_Identity)
_LAST_APPLIED: Final = LAST_APPLIED.encode()
_NULL: Final = b"null"
_TIMES: Final = ("creation_timestamp", "deletion_timestamp")
_MAPS: Final = ("labels", "annotations")
_NAMES: Final = ("namespace", "name")
_ODD: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What reading an odd object raises. A UnicodeDecodeError is a ValueError."""


class RowReader:
    """Reads the objects of one resource, and gathers what a person should know about them."""

    def __init__(self, definition: Definition, *, store_object: bool, selection: Selection = EVERYTHING) -> None:
        """Prepare to read.

        :param store_object: whether rows keep the objects.
        :param selection: the objects that were asked for.
        """
        self._definition = definition
        self._namespaces = frozenset(selection.namespaces)
        self._store_object = store_object
        self._decoder = msgspec.json.Decoder(definition.type)
        self._namespaced = definition.table.namespaced
        own = [column for column in own_columns(definition.table) if column.extracted]
        self._own = len(own)
        indexed = {name for index in definition.table.indexes for name in index}
        self._limited = [
            _Own(place, column.name, column.type, fitting.HOLDS[column.type])
            for place, column in enumerate(own)
            if column.type in fitting.HOLDS
        ] + [
            _Own(place, column.name, "an index", lambda value: not fitting.is_long(value))
            for place, column in enumerate(own)
            if column.name in indexed and column.type == "text"
        ]
        self._type = {
            "kind": msgspec.Raw(msgspec.json.encode(definition.resource.kind)),
            "apiVersion": msgspec.Raw(msgspec.json.encode(definition.resource.api_version)),
        }
        self.remarks = Remarks()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be known."""
        return tuple(self.remarks)

    def rows(self, page: Page) -> Iterator[tuple[Any, ...]]:
        """The rows of a page, in the order of `Target.staged`.

        :raises AnswerError: when something in the page is not an object of Kubernetes: it may be any object, so the
            list proves of none that it is gone.
        """
        for warning in page.warnings:
            self.remarks.say(warning)
        for item in page.items:
            held, replaced = fitting.sanitize(item)
            try:
                row = self._row(held)
            except _ODD:
                try:
                    row = self._odd_row(held)
                except _ODD as error:
                    called = f"the item {name}" if (name := _name(item)) else "an item"
                    raise AnswerError(
                        f"{called} in the list of {self._definition.name} is not an object of Kubernetes: {error}"
                    ) from error
            if replaced:
                has = "characters that PostgreSQL cannot hold (NUL, lone surrogates)"
                self.remarks.add(_name(item) or "an object without a name", has, "they became U+FFFD")
            yield row

    def _row(self, item: bytes | msgspec.Raw) -> tuple[Any, ...]:
        """The row of an object that is as it should be.

        :raises ValueError: when it is not; RecursionError and msgspec's errors as well.
        """
        decoded: Any = self._decoder.decode(item)
        self._check_kind(decoded)
        own = self._definition.extract(decoded)
        for column in self._limited:
            value = own[column.place]
            if value is not None and not column.holds(value):
                raise ValueError(column.name)
        metadata: Metadata = decoded.metadata
        if not all(map(fitting.holds_time, filter(None, (metadata.creation_timestamp, metadata.deletion_timestamp)))):
            raise ValueError("a time")
        if not metadata.name or fitting.is_long(metadata.name) or fitting.is_long(metadata.namespace or ""):
            raise ValueError("a name")
        return self._values(self._key(metadata), metadata, own, self._object(item) if self._store_object else None)

    def _check_kind(self, decoded: Any) -> None:
        """Check that an object is what was asked for, as far as it says; those in lists of built-in resources do not.

        :raises AnswerError: when it is of another resource.
        """
        try:
            matching.check_object(self._definition.resource, decoded.kind, decoded.api_version)
        except ValueError as error:
            raise AnswerError(
                f"the list of {self._definition.name} has {error}: is there a proxy in between?"
            ) from error

    def _check_namespace(self, metadata: Metadata) -> None:
        """Check that an object is where it was asked for: a row elsewhere is none of this scope's, and would stay.

        :raises AnswerError: when it is not.
        """
        if self._namespaces and metadata.namespace not in self._namespaces:
            found = f"namespace {metadata.namespace}" if metadata.namespace else "no namespace"
            raise AnswerError(
                f"the list of {self._definition.name} in {', '.join(sorted(self._namespaces))} has {metadata.name} of "
                f"{found}: is there a proxy in between?"
            )

    def _values(self, uid: str, metadata: Metadata, own: tuple[Any, ...], stored: str | None) -> tuple[Any, ...]:
        self._check_namespace(metadata)
        controller = metadata.controller
        namespace = (metadata.namespace,) if self._namespaced else ()
        labels, annotations = _map(metadata.labels), _map(_annotations(metadata.annotations))
        return (
            uid,
            *namespace,
            metadata.name,
            *(_json(value) if isinstance(value, msgspec.Raw) else value for value in own),
            labels,
            annotations,
            controller.kind if controller else None,
            controller.name if controller else None,
            controller.uid if controller else None,
            metadata.resource_version,
            metadata.creation_timestamp,
            metadata.deletion_timestamp,
            stored,
        )

    def _odd_row(self, item: bytes | msgspec.Raw) -> tuple[Any, ...]:
        """The row of any object that has a uid or a name."""
        data = bytes(item)
        readable = text.utf8(data)
        odd: dict[str, str] = {}
        decoded = salvage(msgspec.Raw(nesting.shallow(readable)), self._definition.type, odd)
        if decoded is UNREADABLE or decoded.metadata is UNREADABLE:
            raise ValueError(", ".join(odd.values()))
        self._check_kind(decoded)
        name = _where(decoded.metadata)
        if readable != data:
            self.remarks.add(name, "bytes that are not UTF-8", "they became U+FFFD")
        for path, problem in odd.items():
            self.remarks.add(name, f"a {path} that cannot be read ({problem})", "what comes of it is NULL")
        uid = self._key(_known(decoded.metadata))
        metadata = self._metadata(decoded.metadata, name)
        # Some columns come of the metadata, too.
        own = self._extract(msgspec.structs.replace(decoded, metadata=metadata), name)
        stored = self._stored(readable, name) if self._store_object else None
        return self._values(uid, metadata, own, stored)

    def _metadata(self, metadata: Metadata, name: str) -> Metadata:
        """The metadata with None for what could not be read, and what cannot be held."""
        called: Any = metadata.name
        if called is not UNREADABLE and not called:
            self.remarks.add(name, "no name", "its row has none")
        metadata = _known(metadata)
        values = msgspec.structs.asdict(metadata)
        cleared: dict[str, Any] = {"owner_references": [_known(owner) for owner in metadata.owner_references or ()]}
        for field in _TIMES:
            if values[field] is not None and not fitting.holds_time(values[field]):
                cleared[field] = None
                self.remarks.add(name, f"a {field} that is not within the years 1 to 9999", "it is NULL")
        for field in _NAMES:
            if fitting.is_long(values[field] or ""):
                cleared[field] = None
                self.remarks.add(name, f"a {field} of more than {fitting.LONGEST} bytes", "it is NULL")
        for field in _MAPS:
            if not bytes(values[field]).startswith((b"{", _NULL)):
                cleared[field] = EMPTY
                self.remarks.add(name, f"{field} that are no JSON object", "they are {}")
        return msgspec.structs.replace(metadata, **cleared)

    def _extract(self, decoded: Any, name: str) -> tuple[Any, ...]:
        """The values of the columns of the resource's own, with None for what could not be read, and cannot be held."""
        try:
            own = [_readable(value) for value in self._definition.extract(decoded)]
        except (AttributeError, TypeError, ValueError) as error:
            has = f"not the shape of a {self._definition.resource.kind} ({error})"
            self.remarks.add(name, has, "its own columns are NULL")
            return (None,) * self._own
        for column in self._limited:
            value = own[column.place]
            if value is not None and not column.holds(value):
                own[column.place] = None
                self.remarks.add(name, f"a value for {column.name} that {column.holder} cannot hold", "it is NULL")
        return tuple(own)

    def _stored(self, item: bytes, name: str) -> str | None:
        try:
            return self._object(item)
        except _ODD:
            self.remarks.add(name, f"more than {nesting.DEEPEST} levels of nesting", "its row has no object")
            return None

    def _key(self, metadata: Metadata) -> str:
        """The key of an object: aggregated APIs such as metrics.k8s.io give no uid, and others what they like."""
        if metadata.uid:
            if fitting.is_long(metadata.uid):
                has = f"a uid of more than {fitting.LONGEST} bytes"
                self.remarks.add(_where(metadata), has, "a digest of it is the key")
            return key(metadata.uid)
        if not metadata.name:
            raise AnswerError(f"an object in the list of {self._definition.name} has neither uid nor name")
        self.remarks.add(_where(metadata), "no uid", "resource, namespace and name are the key")
        # With the resource, as one table holds many of them.
        return key(f"{self._definition.resource.name}/{_where(metadata)}")

    def _object(self, item: bytes | msgspec.Raw) -> str:
        """The object as it is stored: with its type, which lists leave out, and without what is only noise.

        :raises ValueError: when it is nested too deeply.
        """
        members = self._type | _MEMBERS.decode(item)
        metadata = _MEMBERS.decode(members.get("metadata", EMPTY))
        metadata.pop("managedFields", None)
        if "annotations" in metadata:
            metadata["annotations"] = _annotations(metadata["annotations"])
        members["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
        stored = msgspec.json.encode(members)
        if nesting.is_deep(stored):
            raise ValueError("nested too deeply")
        return stored.decode()


def key(uid: str) -> str:
    """The key that PostgreSQL's index can hold of a uid."""
    return f"sha256:{sha256(uid.encode()).hexdigest()}" if fitting.is_long(uid) else uid


def uid_of(item: msgspec.Raw) -> str:
    """The key of the row of an object.

    :raises AnswerError: when it is not an object of Kubernetes.
    :raises UnprovenError: when it has no uid, and so nothing tells it from another one of its name.
    """
    try:
        metadata = text.decode(_IDENTITY, fitting.sanitize(item)[0]).metadata
    except _ODD as error:
        raise AnswerError(f"an object that changed is not an object of Kubernetes: {error}") from error
    if not metadata.uid:
        raise UnprovenError(f"{metadata} has no uid: what became of it cannot be told")
    return key(metadata.uid)


def _name(item: bytes | msgspec.Raw) -> str | None:
    """The name and namespace of an item, when they can be read."""
    with suppress(*_ODD):
        outer, inner = nesting.fold(bytes(item), 1)
        metadata = nesting.unfold(_MEMBERS.decode(outer).get("metadata", EMPTY), inner)
        identity = text.decode(_NAMED, metadata)
        if identity.name:
            return str(identity)
    return None


def _known(struct: _S) -> _S:
    """The same with None for the fields that could not be read."""
    unknown = {name: None for name in struct.__struct_fields__ if getattr(struct, name) is UNREADABLE}
    return msgspec.structs.replace(struct, **unknown)


def _readable(value: Any) -> Any:
    """The same without what could not be read."""
    if isinstance(value, list):
        return [item for item in value if item is not UNREADABLE]
    return None if value is UNREADABLE else value


def _map(raw: msgspec.Raw) -> str:
    """A map of strings; readers of the column may count on an object.

    :raises ValueError: when it is something else.
    """
    held = _json(raw)
    if held is None:
        return "{}"
    if not held.startswith("{"):
        raise ValueError("no JSON object")
    return held


def _annotations(raw: msgspec.Raw) -> msgspec.Raw:
    held = bytes(raw)
    if _LAST_APPLIED not in held or not held.startswith(b"{"):
        return raw
    annotations = _MEMBERS.decode(raw)
    annotations.pop(LAST_APPLIED, None)
    return msgspec.Raw(msgspec.json.encode(annotations))


def _json(raw: msgspec.Raw) -> str | None:
    held = bytes(raw)
    return None if held == _NULL else held.decode()


def _where(metadata: Metadata) -> str:
    known: list[Any] = [metadata.name, metadata.namespace, metadata.uid]
    name, namespace, uid = (None if each is UNREADABLE else each for each in known)
    return str(_Identity(name=name or uid, namespace=namespace))
