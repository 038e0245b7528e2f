"""Make rows of objects: bytes from a page in, the values of a table's columns out.

An object that is not as it should be costs itself only: its row has NULL for what cannot be read or held, and a line of
the report says so. What the columns are is declared in `resources`, and the text of an object is made in `objects`. How
rows get into PostgreSQL is in `postgres.copying`, and what becomes of those that PostgreSQL refuses in `storing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import ResponseError
from airflow_provider_k8s_inventory.kube import matching, nesting, text
from airflow_provider_k8s_inventory.model import EVERYTHING, Definition, Page, Selection
from airflow_provider_k8s_inventory.resources.redaction import Redaction
from airflow_provider_k8s_inventory.resources.shared import Metadata
from airflow_provider_k8s_inventory.sync import fitting, managers
from airflow_provider_k8s_inventory.sync.clearing import Clearing, known, limited
from airflow_provider_k8s_inventory.sync.keys import ODD, key, name_of, where
from airflow_provider_k8s_inventory.sync.objects import Texts, quiet, string_map, without_noise
from airflow_provider_k8s_inventory.sync.redacting import redact
from airflow_provider_k8s_inventory.sync.remarks import Remarks
from airflow_provider_k8s_inventory.sync.salvaging import UNREADABLE, salvage


class RowReader:
    """Reads the objects of one resource, and gathers what a person should know about them."""

    def __init__(
        self,
        definition: Definition,
        *,
        store_object: bool,
        selection: Selection = EVERYTHING,
        redaction: Redaction | None = None,
    ) -> None:
        """Prepare to read.

        :param store_object: whether rows keep the objects.
        :param selection: the objects that were asked for.
        :param redaction: takes out of objects what is not to be kept; None: nothing.
        """
        self._redaction = redaction
        self._definition = definition
        self._selection = selection
        self._within = re.compile(selection.namespace_pattern) if selection.namespace_pattern else None
        self._store_object = store_object
        self._decoder = msgspec.json.Decoder(definition.type)
        self._extract = definition.extract
        self._namespaced = definition.table.namespaced
        found = limited(definition)
        self._checks = [(column.place, column.holds) for column in found]
        self._texts = Texts(definition.resource, definition.hidden)
        self.remarks = Remarks()
        self._clearing = Clearing(definition, found, self.remarks)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The lines about its objects."""
        return tuple(self.remarks)

    def rows(self, page: Page, *, managed_since: str | None = None) -> Iterator[tuple[Any, ...]]:
        """Make the rows of a page, in the order of `Target.staged`.

        :param managed_since: with managedFields as JSON behind them, where one of them is of this time or later; None
            where there are none, or they are odd. None: without.
        :raises ResponseError: when something in the page is not an object of Kubernetes: it may be any object, so the
            list proves of none that it is gone.
        """
        for warning in page.warnings:
            self.remarks.say(warning)
        for listed in page.items:
            item = redact(listed, self._redaction, self.remarks) if self._redaction else listed
            try:
                row = self._row(bytes(item), managed_since)
            except ODD:
                row = self._sanitized_row(item)
                if managed_since is not None:
                    row = (*row, _managed(item, managed_since))
            yield row

    def _row(self, item: bytes, managed_since: str | None) -> tuple[Any, ...]:
        """Make the row of an object that is as it should be; with managedFields as of `rows`.

        :raises ValueError: when it is not, or a closer look is needed; RecursionError and msgspec's errors as well.
        """
        decoded: Any = self._decoder.decode(item)
        managed = bytes(decoded.metadata.managed_fields)
        rest = without_noise(item, managed)
        if rest is None:
            raise ValueError("its bytes do not tell")
        row = self._checked(decoded, self._texts.of(rest, decoded) if self._store_object else None)
        return row if managed_since is None else (*row, managers.recent(managed, managed_since))

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
        own = self._extract(decoded)
        for place, holds in self._checks:
            if (found := own[place]) is not None and not holds(found):
                raise ValueError(place)
        metadata: Metadata = decoded.metadata
        created, deleted = metadata.creation_timestamp, metadata.deletion_timestamp
        if (created and not fitting.holds_time(created)) or (deleted and not fitting.holds_time(deleted)):
            raise ValueError("a time")
        if not metadata.name or fitting.is_long(metadata.name) or fitting.is_long(metadata.namespace or ""):
            raise ValueError("a name")
        maps = _maps(metadata)
        return self._values(self._key(metadata), metadata, own, maps, stored)

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
        if self._within and not self._within.fullmatch(metadata.namespace or ""):
            found = f"namespace {metadata.namespace}" if metadata.namespace else "no namespace"
            raise ResponseError(
                f"the list of {self._definition.name} in {', '.join(self._selection.namespaces)} has {metadata.name} "
                f"of {found}: is there a proxy in between?"
            )

    def _values(
        self, uid: str, metadata: Metadata, own: tuple[Any, ...], maps: tuple[str, str], stored: str | None
    ) -> tuple[Any, ...]:
        self._check_namespace(metadata)
        controller = metadata.controller
        owner = (controller.kind, controller.name, controller.uid) if controller else (None, None, None)
        namespace = (metadata.namespace,) if self._namespaced else ()
        return (
            uid,
            *namespace,
            metadata.name,
            *own,
            *maps,
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
        uid = self._key(known(decoded.metadata))
        metadata = self._clearing.metadata(decoded.metadata, name)
        # Some columns come of the metadata, too.
        own = self._clearing.own(msgspec.structs.replace(decoded, metadata=metadata), name)
        stored = self._stored(readable, name) if self._store_object else None
        return self._values(uid, metadata, own, _maps(metadata), stored)

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
        if self._definition.has_uids:
            self.remarks.add(where(metadata), "no uid", "resource, namespace and name are the key")
        # With the resource, as one table holds many of them.
        return key(f"{self._definition.resource.name}/{where(metadata)}")


class _Managed(msgspec.Struct, frozen=True, gc=False):
    managed_fields: msgspec.Raw = msgspec.field(name="managedFields", default=msgspec.Raw())


class _Holder(msgspec.Struct, frozen=True, gc=False):
    metadata: _Managed = _Managed()


_HOLDER: Final = msgspec.json.Decoder(_Holder)


def _managed(item: msgspec.Raw, since: str) -> str | None:
    """Return the managedFields of an object that is odd."""
    try:
        return managers.recent(bytes(_HOLDER.decode(item).metadata.managed_fields), since)
    except ODD:
        return None


def _maps(metadata: Metadata) -> tuple[str, str]:
    """Return the texts of labels and annotations.

    :raises ValueError: when one of them is no map.
    """
    return string_map(metadata.labels), string_map(quiet(metadata.annotations))
