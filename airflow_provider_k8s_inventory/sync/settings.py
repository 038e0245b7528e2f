"""The settings of a sync that a caller may choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.kube.listing import PAGE_SIZE
from airflow_provider_k8s_inventory.model import OnDelete
from airflow_provider_k8s_inventory.postgres import schemas
from airflow_provider_k8s_inventory.resources import redaction
from airflow_provider_k8s_inventory.resources.histories import DEFAULT, Histories
from airflow_provider_k8s_inventory.resources.redaction import Redaction
from airflow_provider_k8s_inventory.sync.selections import ALL, Selections

AskedMode = Literal["auto", "full", "metadata", "delta"]
"""The way a caller wants scopes read; ``auto`` takes the cheapest. Each falls back to a safer one where it must."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of a sync that a caller may choose.

    :raises UsageError: when a value is out of its range.
    """

    schema: str = "public"
    """The PostgreSQL schema of the tables."""
    selections: Selections = ALL
    """The objects to read."""
    store_object: bool = True
    """Whether the column ``object`` is filled."""
    on_delete: OnDelete = "delete"
    """What becomes of a row whose object is gone: it goes too, or gets a ``deleted_at``."""
    allow_mass_delete: bool = False
    """Let a complete response delete more than half of a scope of over 100 rows."""
    max_deletes: int | None = None
    """Let a complete response delete so many rows of a scope, but not more: an approval with a bound."""
    accept_new_cluster: bool = False
    """Let a context that leads to another cluster than before replace the rows of the old one."""
    mode: AskedMode = "auto"
    verify_every: int = 24
    """Verify the rows of a scope that is read by its changes against a metadata list every so many syncs, and at least
    daily; 0: never."""
    max_parallel_requests: int = 4
    """Requests to one cluster at a time."""
    redact: tuple[str, ...] = ()
    """Rules for what is taken out of objects before anything else reads them: see `resources.redaction`."""
    keep: tuple[str, ...] = ()
    """What is kept on request only: ``configmap-values``."""
    histories: Histories = DEFAULT
    keep_events: int = 7
    """Days for which events stay that the server has forgotten; 0: they go with their objects."""
    page_size: int = PAGE_SIZE
    """Objects per request, at most; more is faster and takes more memory."""

    @property
    def keeps_config_maps(self) -> bool:
        """Whether the values of config maps are kept, as far as nothing redacts them."""
        return redaction.CONFIG_MAP_VALUES in self.keep

    def redaction_of(self, resource: str) -> Redaction:
        """Return the rules for a resource.

        :param resource: a canonical name.
        """
        return redaction.parse(self.redact, resources.canonical)(resource, self.keeps_config_maps)

    def __post_init__(self) -> None:
        schemas.check(self.schema)
        redaction.check_kept(self.keep)
        redaction.parse(self.redact, resources.canonical)
        if self.page_size < 1:
            raise UsageError(f"page_size must be at least 1, got {self.page_size}")
        if self.mode not in get_args(AskedMode):
            raise UsageError(f"mode must be one of {', '.join(get_args(AskedMode))}, got {self.mode!r}")
        if self.verify_every < 0:
            raise UsageError(f"verify_every must be 0 (off) or positive, got {self.verify_every}")
        if self.max_deletes is not None and self.max_deletes < 0:
            raise UsageError(f"max_deletes must be at least 0, got {self.max_deletes}")
        if self.keep_events < 0:
            raise UsageError(f"keep_events must be 0 (off) or positive, got {self.keep_events}")
        if self.max_parallel_requests < 1:
            raise UsageError(f"max_parallel_requests must be at least 1, got {self.max_parallel_requests}")
