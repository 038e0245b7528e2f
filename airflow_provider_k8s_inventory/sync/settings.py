"""What a caller may choose about a sync."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from airflow_provider_k8s_inventory.postgres.loading import OnDelete

AskedMode = Literal["auto", "full"]
"""The way a caller wants scopes read; ``auto`` takes the cheapest that is safe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a caller may choose about a sync."""

    schema: str = "public"
    """The PostgreSQL schema of the tables."""
    namespaces: tuple[str, ...] = ()
    """Read only these namespaces; empty: all. Resources outside of namespaces are read whole."""
    store_object: bool = True
    """Whether the column ``object`` is filled."""
    on_delete: OnDelete = "delete"
    """What becomes of a row whose object is gone: it goes too, or gets a ``deleted_at``."""
    allow_mass_delete: bool = False
    """Let a complete answer delete more than half of a scope of over 100 rows."""
    mode: AskedMode = "auto"
    page_size: int = 500
    """Objects per request; more is faster and takes more memory."""
