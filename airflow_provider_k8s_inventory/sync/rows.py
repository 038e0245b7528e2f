"""Make rows of objects: bytes from a page in, the values of a table's columns out.

An object that is not as it should be costs itself only: its row has NULL for what cannot be read or held, and a line of
the report says so. What the columns are is declared in `resources`, and the text of an object is made in `objects`. How
rows get into PostgreSQL is in `postgres.copying`, and what becomes of those that PostgreSQL refuses in `storing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from airflow_provider_k8s_inventory.exceptions import ResponseError
from airflow_provider_k8s_inventory.kube import matching, nesting, text
from airflow_provider_k8s_inventory.model import EVERYTHING, Definition, Page, Selection
from airflow_provider_k8s_inventory.resources.shared import EMPTY, Metadata, own_columns
from airflow_provider_k8s_inventory.sync import fitting
from airflow_provider_k8s_inventory.sync.keys import ODD, key, name_of, where
from airflow_provider_k8s_inventory.sync.objects import Texts, quiet, string_map, value, without_noise
from airflow_provider_k8s_inventory.sync.remarks import Remarks
from airflow_provider_k8s_inventory.sync.salvaging import UNREADABLE, salvage


class _Own(NamedTuple):
    """A column of the resource's own that cannot hold every value."""

    place: int
    name: str
    holder: str
    """Its type, or its index."""
    holds: Callable[[Any], bool]


_S = TypeVar("_S", bound=msgspec.Struct)

_NULL: Final = b"null"
_TIMES: Final = ("creation_timestamp", "deletion_timestamp")
_MAPS: Final = ("labels", "annotations")
_NAMES: Final = ("namespace", "name")


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
        self._checks = [(column.place, column.holds) for column in self._limited]
        self._json = [place for place, column in enumerate(own) if column.type == "jsonb"]
        self._texts = Texts(definition.resource)
        self.remarks = Remarks()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The lines about its objects."""
        return tuple(self.remarks)

    def rows(self, page: Page) -> Iterator[tuple[Any, ...]]:
        """Make the rows of a page, in the order of `Target.staged`.

        :raises ResponseError: when something in the page is not an object of Kubernetes: it may be any object, so the
            list proves of none that it is gone.
        """
        for warning in page.warnings:
            self.remarks.say(warning)
        for item in page.items:
            try:
                row = self._row(bytes(item))
            except ODD:
                row = self._sanitized_row(item)
            yield row

    def _row(self, item: bytes) -> tuple[Any, ...]:
        """Make the row of an object that is as it should be.

        :raises ValueError: when it is not, or a closer look is needed; RecursionError and msgspec's errors as well.
        """
        decoded: Any = self._decoder.decode(item)
        rest = without_noise(item, bytes(decoded.metadata.managed_fields))
        if rest is None:
            raise ValueError("its bytes do not tell")
        return self._checked(decoded, self._texts.of(rest, decoded) if self._store_object else None)

    def _sanitized_row(self, item: msgspec.Raw) -> tuple[Any, ...]:
        """Make the row of any object, without what PostgreSQL cannot hold.

        :raises ResponseError: when it is not an object of Kubernetes.
        """
        held, replaced = fitting.sanitize(item)
        try:
            stored = self._texts.encoded(held) if self._store_object else None
            row = self._checked(self._decoder.decode(held), stored)
        except ODD:
            try:
                row = self._odd_row(held)
            except ODD as error:
                called = f"the item {name}" if (name := name_of(item)) else "an item"
                raise ResponseError(
                    f"{called} in the list of {self._definition.name} is not an object of Kubernetes: {error}"
                ) from error
        if replaced:
            has = "characters that PostgreSQL cannot hold (NUL, lone surrogates)"
            self.remarks.add(name_of(item) or "an object without a name", has, "they became U+FFFD")
        return row

    def _checked(self, decoded: Any, stored: str | None) -> tuple[Any, ...]:
        """Make the row of an object whose values PostgreSQL can hold.

        :raises ValueError: when it cannot.
        """
        self._check_kind(decoded)
        own = self._definition.extract(decoded)
        for place, holds in self._checks:
            if own[place] is not None and not holds(own[place]):
                raise ValueError(place)
        metadata: Metadata = decoded.metadata
        created, deleted = metadata.creation_timestamp, metadata.deletion_timestamp
        if (created and not fitting.holds_time(created)) or (deleted and not fitting.holds_time(deleted)):
            raise ValueError("a time")
        if not metadata.name or fitting.is_long(metadata.name) or fitting.is_long(metadata.namespace or ""):
            raise ValueError("a name")
        return self._values(self._key(metadata), metadata, own, stored)

    def _check_kind(self, decoded: Any) -> None:
        """Check that an object is what was asked for, as far as it says; those in lists of built-in resources do not.

        :raises ResponseError: when it is of another resource.
        """
        if decoded.kind is None and decoded.api_version is None:
            return
        try:
            matching.check_object(self._definition.resource, decoded.kind, decoded.api_version)
        except ValueError as error:
            raise ResponseError(
                f"the list of {self._definition.name} has {error}: is there a proxy in between?"
            ) from error

    def _check_namespace(self, metadata: Metadata) -> None:
        """Check that an object is where it was asked for: a row elsewhere is none of this scope's, and would stay.

        :raises ResponseError: when it is not.
        """
        if self._namespaces and metadata.namespace not in self._namespaces:
            found = f"namespace {metadata.namespace}" if metadata.namespace else "no namespace"
            raise ResponseError(
                f"the list of {self._definition.name} in {', '.join(sorted(self._namespaces))} has {metadata.name} of "
                f"{found}: is there a proxy in between?"
            )

    def _values(self, uid: str, metadata: Metadata, own: tuple[Any, ...], stored: str | None) -> tuple[Any, ...]:
        self._check_namespace(metadata)
        controller = metadata.controller
        owner = (controller.kind, controller.name, controller.uid) if controller else (None, None, None)
        namespace = (metadata.namespace,) if self._namespaced else ()
        if self._json:
            own = tuple(value(each) if isinstance(each, msgspec.Raw) else each for each in own)
        labels, others = string_map(metadata.labels), string_map(quiet(metadata.annotations))
        return (
            uid,
            *namespace,
            metadata.name,
            *own,
            labels,
            others,
            *owner,
            metadata.resource_version,
            metadata.creation_timestamp,
            metadata.deletion_timestamp,
            stored,
        )

    def _odd_row(self, item: bytes | msgspec.Raw) -> tuple[Any, ...]:
        """Make the row of any object that has a uid or a name."""
        data = bytes(item)
        readable = text.utf8(data)
        odd: dict[str, str] = {}
        decoded = salvage(msgspec.Raw(nesting.shallow(readable)), self._definition.type, odd)
        if decoded is UNREADABLE or decoded.metadata is UNREADABLE:
            raise ValueError(", ".join(odd.values()))
        self._check_kind(decoded)
        name = where(decoded.metadata)
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
        """Return the metadata with None for what could not be read, and what cannot be held."""
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
        """Extract the resource's own columns, with None for what could not be read, and cannot be held."""
        try:
            own = [_readable(value) for value in self._definition.extract(decoded)]
        except (AttributeError, TypeError, ValueError) as error:
            has = f"not the shape of a {self._definition.resource.kind} ({error})"
            self.remarks.add(name, has, "its own columns are NULL")
            return (None,) * self._own
        for column in self._limited:
            found = own[column.place]
            if found is not None and not column.holds(found):
                own[column.place] = None
                self.remarks.add(name, f"a value for {column.name} that {column.holder} cannot hold", "it is NULL")
        return tuple(own)

    def _stored(self, item: bytes, name: str) -> str | None:
        try:
            return self._texts.encoded(item)
        except ODD:
            self.remarks.add(name, f"more than {nesting.DEEPEST} levels of nesting", "its row has no object")
            return None

    def _key(self, metadata: Metadata) -> str:
        """Choose the key of an object: aggregated APIs such as metrics.k8s.io give no uid, others what they like."""
        if metadata.uid:
            if fitting.is_long(metadata.uid):
                has = f"a uid of more than {fitting.LONGEST} bytes"
                self.remarks.add(where(metadata), has, "a digest of it is the key")
            return key(metadata.uid)
        if not metadata.name:
            raise ResponseError(f"an object in the list of {self._definition.name} has neither uid nor name")
        self.remarks.add(where(metadata), "no uid", "resource, namespace and name are the key")
        # With the resource, as one table holds many of them.
        return key(f"{self._definition.resource.name}/{where(metadata)}")


def _known(struct: _S) -> _S:
    """Return the same with None for the fields that could not be read."""
    unknown = {name: None for name in struct.__struct_fields__ if getattr(struct, name) is UNREADABLE}
    return msgspec.structs.replace(struct, **unknown)


def _readable(value: Any) -> Any:
    """Return the same without what could not be read."""
    if isinstance(value, list):
        return [item for item in value if item is not UNREADABLE]
    return None if value is UNREADABLE else value
