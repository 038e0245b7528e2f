"""Clear what could not be read of an odd object, and what PostgreSQL cannot hold of it, with a remark on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from airflow_provider_k8s_inventory.model import Definition
from airflow_provider_k8s_inventory.resources.shared import EMPTY, Metadata, own_columns
from airflow_provider_k8s_inventory.sync import fitting
from airflow_provider_k8s_inventory.sync.remarks import Remarks
from airflow_provider_k8s_inventory.sync.salvaging import UNREADABLE, UnreadableError

_S = TypeVar("_S", bound=msgspec.Struct)

_NULL: Final = b"null"
_TIMES: Final = ("creation_timestamp", "deletion_timestamp")
_MAPS: Final = ("labels", "annotations")
_NAMES: Final = ("namespace", "name")


class Limited(NamedTuple):
    """A column of the resource's own that cannot hold every value."""

    place: int
    name: str
    holder: str
    """Its type, or its index."""
    holds: Callable[[Any], bool]


def limited(definition: Definition) -> list[Limited]:
    """List the columns of a resource's own that cannot hold every value."""
    own = [column for column in own_columns(definition.table) if column.extracted]
    indexed = {name for index in definition.table.indexes for name in index.columns}
    return [
        Limited(place, column.name, column.type, fitting.HOLDS[column.type])
        for place, column in enumerate(own)
        if column.type in fitting.HOLDS
    ] + [
        Limited(place, column.name, "an index", lambda value: not fitting.is_long(value))
        for place, column in enumerate(own)
        if column.name in indexed and column.type == "text"
    ]


@dataclass(frozen=True, slots=True)
class Clearing:
    """Clear the values of one resource's objects."""

    definition: Definition
    limited: Sequence[Limited]
    remarks: Remarks

    def metadata(self, metadata: Metadata, name: str) -> Metadata:
        """Return the metadata with None for what could not be read, and what cannot be held.

        :param name: what remarks call the object.
        """
        called: Any = metadata.name
        if called is not UNREADABLE and not called:
            self.remarks.add(name, "no name", "its row has none")
        metadata = known(metadata)
        values = msgspec.structs.asdict(metadata)
        cleared: dict[str, Any] = {"owner_references": [known(owner) for owner in metadata.owner_references or ()]}
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

    def own(self, decoded: Any, name: str) -> tuple[Any, ...]:
        """Return the values of the resource's own columns, with None for what could not be read, and cannot be held.

        :param name: what remarks call the object.
        """
        own: list[Any] = []
        lost: list[int] = []
        problem: Exception | None = None
        for count, extract in self.definition.reading().apart():
            try:
                own += map(_readable, extract(decoded))
            except UnreadableError:  # whose field has a remark already
                own += [None] * count
            except (AttributeError, TypeError, ValueError) as error:
                problem = problem or error
                lost += range(len(own), len(own) + count)
                own += [None] * count
        if lost:
            has = f"not the shape of a {self.definition.resource.kind} ({problem})"
            self.remarks.add(name, has, f"{self._called(lost)} NULL")
        for column in self.limited:
            value = own[column.place]
            if value is not None and not column.holds(value):
                own[column.place] = None
                self.remarks.add(name, f"a value for {column.name} that {column.holder} cannot hold", "it is NULL")
        return tuple(own)

    def _called(self, places: Sequence[int]) -> str:
        """Name columns of the resource's own, as the subject of a sentence."""
        names = [column.name for column in own_columns(self.definition.table) if column.extracted]
        if len(places) == len(names):
            return "its own columns are"
        return f"{', '.join(names[place] for place in places)} {'is' if len(places) == 1 else 'are'}"


def known(struct: _S) -> _S:
    """Return the same with None for the fields that could not be read."""
    unknown = {name: None for name in struct.__struct_fields__ if getattr(struct, name) is UNREADABLE}
    return msgspec.structs.replace(struct, **unknown)


def _readable(value: Any) -> Any:
    """Return the same without what could not be read."""
    if isinstance(value, list):
        return [item for item in value if item is not UNREADABLE]
    return None if value is UNREADABLE else value
