"""The frozen data that crosses rooms: what is kept, what was asked, what came, what was done.

Only data: reading Kubernetes is in `kube`, writing PostgreSQL in `postgres`, and what is kept of each resource
is declared in `resources`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, Literal, LiteralString, NamedTuple

import msgspec

from airflow_provider_k8s_inventory import selectors
from airflow_provider_k8s_inventory.exceptions import BadStatus, InventoryError

Status = Literal["success", "absent", BadStatus]
"""The end of a sync; see the README for what each one means for the rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """The consequences of a status."""

    good: bool = False
    """Whether the rows are what the cluster says, and the task succeeds."""
    down: bool = False
    """Whether no other scope of the context is likely to fare better, unless the API server responded."""
    retried: bool = False
    """Whether trying again may help though nobody changes anything; else a person must, and Airflow does not retry."""
    turned_away: bool = False
    """Whether another sync of the scope was running, and says how the rows are."""


MEANINGS: Final[Mapping[Status, Meaning]] = MappingProxyType(
    {
        "unreachable": Meaning(down=True, retried=True),
        "unauthorized": Meaning(down=True, retried=True),
        "failed": Meaning(retried=True),
        "forbidden": Meaning(),
        "refused": Meaning(),
        "busy": Meaning(retried=True, turned_away=True),
        "success": Meaning(good=True),
        "absent": Meaning(good=True),
    }
)
"""The consequences of each status, the worst first: `k8s_cluster_health` shows the first one that a scope has."""
GOOD: Final = tuple(status for status, meaning in MEANINGS.items() if meaning.good)
DOWN: Final = tuple(status for status, meaning in MEANINGS.items() if meaning.down)
TURNED_AWAY: Final = tuple(status for status, meaning in MEANINGS.items() if meaning.turned_away)

Mode = Literal["full", "metadata", "delta", "watch"]
"""The way a scope was read: all objects whole, their metadata and what differs, or what changed since the last time."""


OnDelete = Literal["delete", "mark"]
"""The fate of a row whose object is gone: it goes too, or gets a ``deleted_at``."""

Source = Literal["list", "cluster"]
"""The origin of the objects of a resource: a list of the API server, or what the cluster says of itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """An API endpoint, as kubectl writes it."""

    group: str
    """The API group; ``""`` is the core group."""
    version: str
    """For example ``"v1"``."""
    plural: str
    """The name in paths; for example ``"deployments"``."""
    kind: str
    """The type name in its objects; for example ``"Deployment"``."""
    namespaced: bool
    watchable: bool = True
    """Whether the API server tells its changes; that of an aggregated API may only list."""
    singular: str = field(default="", compare=False)
    """The name that people may write, where discovery has one: ``"deployment"``."""
    short_names: tuple[str, ...] = field(default=(), compare=False)
    """Further names that people may write: ``"deploy"``."""

    @property
    def name(self) -> str:
        """The name, as kubectl writes it: ``pods``, ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """The apiVersion, as objects write it: ``v1``, ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None) -> str:
        """Return the path that lists it, in one namespace or (``None``) everywhere."""
        prefix = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{prefix}/namespaces/{namespace}/{self.plural}" if namespace else f"{prefix}/{self.plural}"


_KEY_BYTES: Final = 1900
"""With the names of a context and a resource it fits into an index: of 2,704 bytes at most, BTMaxItemSize in
src/include/access/nbtree.h of PostgreSQL."""
_BRIEF: Final = 500
"""Characters."""


class Endpoint(NamedTuple):
    """A path that is listed or watched, and the query that narrows it."""

    path: str
    query: Mapping[str, str] = MappingProxyType({})

    def named(self, name: str) -> Endpoint:
        """Narrow it to the object of one name, where the server selects by fields; an aggregated one may not."""
        terms = (self.query.get("fieldSelector"), selectors.field("metadata.name", name))
        return Endpoint(self.path, {**self.query, "fieldSelector": ",".join(filter(None, terms))})


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The objects of a resource that are read: those of some namespaces, labels and fields, or all.

    Its text is canonical: two selections are the same exactly if their texts are. That of all objects is empty.

    :raises UsageError: when a namespace or a selector cannot be one.
    """

    namespaces: tuple[str, ...] = ()
    """Names, globs and exclusions: sorted, and each once, whatever the order they were given in; empty: all."""
    labels: str = ""
    """A label selector, as kubectl takes it; empty: whatever their labels."""
    fields: str = ""
    """A field selector."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "namespaces", selectors.namespaces(self.namespaces))
        object.__setattr__(self, "labels", selectors.labels(self.labels))
        object.__setattr__(self, "fields", selectors.fields(self.fields))

    def __bool__(self) -> bool:
        """Tell if it leaves anything out."""
        return bool(self.namespaces or self.selects)

    def __str__(self) -> str:
        labels = f"-l {self.labels}" if self.labels else ""
        fields_ = f"--field-selector {self.fields}" if self.fields else ""
        return " ".join(filter(None, (", ".join(self.namespaces), labels, fields_)))

    @property
    def key(self) -> str:
        """Its text, for an index; a long one is cut, and its digest tells it from others."""
        text = str(self).encode()
        if len(text) <= _KEY_BYTES:
            return str(self)
        return f"{text[:_KEY_BYTES].decode(errors='ignore')}… {sha256(text).hexdigest()[:32]}"

    @property
    def brief(self) -> str:
        """Its text for people, who read no hundred namespaces in a line."""
        text = str(self)
        return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}… of {len(text)} characters"

    @property
    def selects(self) -> bool:
        """Tell if an object may leave it and be there all the same, as labels and fields change."""
        return bool(self.labels or self.fields)

    @property
    def is_open(self) -> bool:
        """Tell if only the cluster knows which namespaces it has."""
        return any(selectors.is_glob(namespace) for namespace in self.namespaces)

    @property
    def namespace_pattern(self) -> str | None:
        """The regular expression of its namespaces, for Python and PostgreSQL; None: all."""
        return selectors.namespace_pattern(self.namespaces) if self.namespaces else None

    @property
    def columns(self) -> dict[str, Any]:
        """The values of its columns in the ledger and in ``k8s_scopes``; None: it is not narrowed by them."""
        return {
            "namespaces": list(self.namespaces) or None,
            "label_selector": self.labels or None,
            "field_selector": self.fields or None,
        }

    @classmethod
    def of_columns(cls, row: Mapping[str, Any]) -> Selection:
        """Make the selection of a row that has these columns."""
        return cls(
            namespaces=tuple(row["namespaces"] or ()),
            labels=row["label_selector"] or "",
            fields=row["field_selector"] or "",
        )

    def within(self, resource: Resource) -> Selection:
        """Keep what narrows this resource: one outside of namespaces cannot be narrowed to some."""
        return self if resource.namespaced else replace(self, namespaces=())

    def narrowed(self, namespace: str | None) -> Selection:
        """Narrow it to one namespace; None: to what is outside of namespaces."""
        return replace(self, namespaces=(namespace,) if namespace else ())

    def widened(self) -> Selection:
        """Widen it to all objects of its namespaces, whatever their labels and fields."""
        return replace(self, labels="", fields="")

    def endpoints(self, resource: Resource) -> tuple[Endpoint, ...]:
        """Return what is listed, or watched, to read these objects of a resource; its namespaces must be names."""
        asked = {"labelSelector": self.labels, "fieldSelector": self.fields}
        query = {name: text for name, text in asked.items() if text}
        namespaces = self.within(resource).namespaces or (None,)
        return tuple(Endpoint(resource.path(namespace), query) for namespace in namespaces)


EVERYTHING: Final = Selection()
"""All objects of a resource."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a table."""

    name: LiteralString
    """The SQL name, unquoted; for example ``"node_name"``."""
    type: LiteralString
    """The PostgreSQL type as ``format_type`` prints it; for example ``"text"``, ``"timestamp with time zone"``."""
    comment: str
    """The content; becomes the SQL comment."""
    generated: LiteralString | None = None
    """The column it repeats, which PostgreSQL keeps up; None: we write it."""
    stamped: bool = False
    """Whether every good sync sets it to its time, also of a row that did not change."""

    @property
    def extracted(self) -> bool:
        """Whether its value comes from the object."""
        return not self.generated and not self.stamped


@dataclass(frozen=True, slots=True)
class Index:
    """One index of a table, beside that of its key."""

    columns: tuple[LiteralString, ...]
    """The names of the columns, in order."""
    method: LiteralString = "btree"
    """The access method; ``gin`` for what a row has many of."""
    operators: LiteralString | None = None
    """The operator class of the columns; None: that of their types."""
    where: LiteralString | None = None
    """The condition on the rows it has; None: all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One table, as this package wants it to be."""

    name: LiteralString
    comment: str
    columns: tuple[Column, ...]
    """All columns, in the order of a new table; an older table keeps its order, so nothing may rely on it."""
    namespaced: bool
    """Whether its objects live in namespaces, and so the shared columns have ``namespace``."""
    key: tuple[LiteralString, ...] = ("context_name", "uid")
    """The names of the columns that tell rows apart."""
    indexes: tuple[Index, ...] = ()
    """Further indexes."""


class Reading(NamedTuple):
    """The way from an object to the columns of its own."""

    type: type[msgspec.Struct]
    """The struct that an object is decoded into: only the fields that `extract` reads."""
    extract: Callable[[Any], tuple[Any, ...]]
    """The values of the resource's own columns, in the table's order."""
    apart: Callable[[], tuple[tuple[int, Callable[[Any], tuple[Any, ...]]], ...]]
    """Return the same in pieces, each with the number of its columns: of an odd object, one may fail alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A resource that is kept: where it is listed, its table, and how a row is read from an object."""

    name: str
    """The short name users write: ``"deployments"``; a custom resource's is its full one."""
    resource: Resource
    table: Table
    reading: Callable[[], Reading] = field(repr=False)
    """Return how a row is read from an object, made when it is first asked for: a task needs that of one resource."""
    source: Source = "list"
    """The origin of the objects."""
    hidden: tuple[str, ...] = ()
    """Members of the object that are read for columns and never stored."""
    aged_by: LiteralString | None = None
    """The column that says how old a row is, where rows stay for some days after the server has forgotten their
    objects; None: they go with their objects."""
    also_in: tuple[str, ...] = ()
    """Other API groups that serve the same objects under the same plural."""
    has_uids: bool = True
    """True where its objects have uids; else their names tell them apart, which is nothing to warn of."""
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)
    """The paths that columns of its own are read from, by the name of the column."""
    copies: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """The path of what a column of JSON repeats, by the name of the column."""
    history: bool = True
    """True where its changes are kept unless somebody says otherwise; False: it changes all the time."""
    noise: tuple[str, ...] = ()
    """The paths that no history is written for, beside those of all resources: see `resources.noise`."""
    noisy_names: tuple[str, ...] = ()
    """Globs of the names of objects that no history is written for when they are updated."""

    @property
    def type(self) -> type[msgspec.Struct]:
        """The struct that an object is decoded into."""
        return self.reading().type

    @property
    def extract(self) -> Callable[[Any], tuple[Any, ...]]:
        """The function that makes the values of the resource's own columns, in the table's order."""
        return self.reading().extract

    @property
    def listed(self) -> bool:
        """Whether the API server lists and watches the objects, and so grants rights to them."""
        return self.source == "list"

    def narrow(self, selection: Selection) -> Selection:
        """Keep of a selection what narrows this resource: what is not listed cannot be narrowed."""
        return selection.within(self.resource) if self.listed else EVERYTHING

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names users may write, the group behind them or not."""
        names = (self.resource.plural, self.resource.singular, *self.resource.short_names)
        return tuple(name for name in dict.fromkeys(names) if name and name != self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """The part of the inventory that one sync covers: one context, one resource, one selection."""

    context_name: str
    resource: str
    """The definition's name."""
    selection: Selection = EVERYTHING
    version: str | None = field(default=None, compare=False)
    """The version it is to be read in, which makes it no other scope; None: the one the cluster prefers."""

    @property
    def selected(self) -> str:
        """The resource and its selection, for people: ``pods``, ``pods (a, b)``."""
        return f"{self.resource} ({self.selection.brief})" if self.selection else self.resource

    def __str__(self) -> str:
        # Of a task that failed before any context was known, a report has none.
        return f"{self.context_name} · {self.selected}" if self.context_name else self.selected


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One piece of a list: the objects as the bytes they came in."""

    items: list[msgspec.Raw]
    resource_version: str
    """The collection's resourceVersion, the same on every page of one list."""
    token: str | None
    """The continue token of the next page; None on the last: the list is complete."""
    size: int
    """Bytes of JSON."""
    warnings: tuple[str, ...] = ()
    """Remarks for a person."""
    null: bool = False
    """Whether its items were null, which Go's own types take for none."""
    first: Hashable = None
    """The identity of its first object; None: it has none, or one that cannot be read."""

    @property
    def count(self) -> int:
        """The number of objects."""
        return len(self.items)


class Seen(NamedTuple):
    """An object, as far as a list of metadata tells."""

    uid: str
    namespace: str | None
    name: str
    resource_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataPage:
    """One piece of a list of metadata."""

    items: Iterable[Seen]
    """Read while they are taken, and only once."""
    count: int
    resource_version: str
    """As for `Page`."""
    token: str | None
    """As for `Page`."""
    size: int
    """Bytes of the response."""
    first: Hashable = None
    """As for `Page`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """One piece of a watch: the changes of objects, in order."""

    events: list[tuple[bool, msgspec.Raw]]
    """Whether the object is gone, and the object."""
    resource_version: str | None
    """Set on the last piece: every change up to here has come."""
    size: int
    """Bytes of JSON."""

    @property
    def count(self) -> int:
        """The number of changes."""
        return len(self.events)


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """The changes of a scope that a watch brought between two resourceVersions."""

    since: str
    """The resourceVersion that the rows are to be complete at."""
    resource_version: str
    """The one they are complete at with these changes."""
    changes: Changes
    began_at: datetime
    """When the first of them came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """The Airflow task instance a sync runs in, for the ledger; all None outside of Airflow."""

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    try_number: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """The numbers of objects, and of rows by what became of them."""

    seen: int = 0
    """Objects in the cluster, each counted once."""
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    unselected: int = 0
    """Rows that left because the selection no longer has their objects, which need not be gone."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(Counts)})

    @property
    def written(self) -> int:
        """Rows that changed."""
        return self.inserted + self.updated + self.deleted + self.unselected

    def of(self, seen: int) -> Counts:
        """Return the same changes among so many objects."""
        # A row that was written twice, by its change and by a check, counts as written once at the most.
        return replace(self, seen=seen, unchanged=max(0, seen - self.inserted - self.updated))


COUNTS: Final = tuple(each.name for each in fields(Counts))
CHANGES: Final = ("inserted", "updated", "deleted", "unselected")
"""Those of rows that changed."""


def counted(reports: Iterable[Counts]) -> tuple[str, ...]:
    """List the counts that a table of reports shows: all, but for rows that left where none did."""
    return COUNTS if any(report.unselected for report in reports) else COUNTS[:-1]


UNRECORDED: Final = ("error", "retries")
"""The fields of a report that the ledger does not have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncReport(Counts):
    """The result of one sync of one scope: a row of the ledger."""

    context_name: str
    cluster_uid: str | None
    resource: str
    selection: Selection = EVERYTHING
    mode: Mode = "full"
    fallback: str | None = None
    """The reason why it was not read in a cheaper mode."""
    row_format: str | None = None
    """What rows were made of: by which version, and whether whole objects are kept."""
    status: Status
    reason: str | None = None
    """The reason why it is not a success, and the advice."""
    started_at: datetime
    finished_at: datetime
    resource_version: str | None = None
    """The resourceVersion of the list, when it was complete; of the lists of several namespaces the oldest."""
    pages: int = 0
    bytes: int = 0
    retries: int = 0
    """Requests that were sent again; the ledger does not have it."""
    responded: bool = False
    """Whether the API server sent any response: one that did is not down, though this scope may be unreachable."""
    drift: int | None = None
    """Rows that a check found to differ from the cluster though every change had been applied; None: not checked."""
    warnings: tuple[str, ...] = ()
    """Remarks for a person, though the sync went on; the ledger holds them as text[]."""
    redacted: tuple[str, ...] = ()
    """The rules by which objects were redacted."""
    unmatched: tuple[str, ...] | None = None
    """Those of these rules for all resources that matched nothing; None: not every object was read."""
    kept: tuple[str, ...] = ()
    """What was kept on request."""
    changes: int | None = None
    """Rows of history; None: none is kept of the resource."""
    noise: int | None = None
    """Changed rows of which no history was written, as rules say that what changed is noise; None: as of `changes`."""
    host: str | None = None
    """The machine that synced it: of many workers, one may lack a kubeconfig or a route."""
    origin: Origin = field(default_factory=Origin)
    error: InventoryError | None = field(default=None, compare=False, repr=False)
    """The error behind a bad status, where it happened in this process; the ledger has its message alone."""

    @property
    def scope(self) -> Scope:
        """The scope that was synced."""
        return Scope(context_name=self.context_name, resource=self.resource, selection=self.selection)

    @property
    def meaning(self) -> Meaning:
        """The consequences of the status."""
        return MEANINGS[self.status]

    @property
    def good(self) -> bool:
        """Whether the rows are now what the cluster says."""
        return self.meaning.good

    @property
    def seconds(self) -> float:
        """The length of the sync."""
        return (self.finished_at - self.started_at).total_seconds()

    def as_dict(self) -> dict[str, Any]:
        """Return the ledger's fields and ``seconds``, all of them JSON values."""
        values = asdict(replace(self, error=None))
        for name in ("selection", *UNRECORDED):
            del values[name]
        values.update(self.selection.columns, **values.pop("origin"))
        values.update(
            namespaces=list(self.selection.namespaces),
            warnings=list(self.warnings),
            redacted=list(self.redacted),
            unmatched=None if self.unmatched is None else list(self.unmatched),
            kept=list(self.kept),
            started_at=self.started_at.isoformat(),
            finished_at=self.finished_at.isoformat(),
            seconds=round(self.seconds, 3),
        )
        return values
