"""The fields of a Connection that are about clusters; its other fields are not read.

Who edits a Connection need not be who writes DAGs, so nothing of it may run a command or name code to run. Turning
what is read here into contexts and clients is in `kubernetes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.hooks import arguments, fieldnames

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

_DOCUMENT_FIELDS: Final = {"k8s_inventory": "kube_config_secret", "kubernetes": "kube_config"}
"""The connection types we read, and the field that holds a kubeconfig's text in each."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Fields:
    """The fields of a Connection. With nothing but defaults there is none, and the default kubeconfigs are used."""

    source: str = "the default kubeconfig"
    """For messages; for example ``"connection 'k8s_inventory_default'"``."""
    paths: tuple[str, ...] = ()
    """Kubeconfig files, merged as kubectl merges those of KUBECONFIG."""
    document: str | Mapping[str, Any] | None = None
    """A kubeconfig, as text or as the JSON the extra already held."""
    in_cluster: bool = False
    cluster_context: str | None = None
    """The context meant where none is named."""
    namespace: str | None = None
    """Stands for the namespace of every context."""
    disable_verify_ssl: bool = False
    page_size: int | None = None
    warnings: tuple[str, ...] = ()
    """Warnings of the Connection, which can be used all the same."""


def read(connection: Connection) -> Fields:
    """Read the fields of an own `k8s_inventory` or a stock `kubernetes` Connection.

    :param connection: as Airflow gives it.
    :raises UsageError: for another type, and for fields that contradict each other.
    """
    kind, source = str(connection.conn_type), f"connection {connection.conn_id!r}"
    if kind not in _DOCUMENT_FIELDS:
        raise UsageError(f"{source} is of type {kind!r}; give one of type {' or '.join(_DOCUMENT_FIELDS)}")
    extra = _extra(connection, source)

    def field(name: str) -> Any:
        # Connections made before Airflow 2.3 carry the type in the name of each field.
        return extra.get(name, extra.get(f"extra__{kind}__{name}")) or None

    def text(name: str) -> str | None:
        value = field(name)
        if value is None or isinstance(value, str):
            return value
        raise UsageError(f"{source}: {name} must be text, got {value!r}")

    def flag(name: str) -> bool:
        return arguments.flag(f"{source}: {name}", field(name) or False)

    if kind == "k8s_inventory" and field("kube_config"):
        raise UsageError(
            f"{source}: name the field kube_config_secret; Airflow's REST API shows one that is named kube_config"
        )
    warnings = [*fieldnames.check(kind, source, extra)]
    fields = Fields(
        source=source,
        paths=_paths(text("kube_config_path"), source),
        document=field(_DOCUMENT_FIELDS[kind]),
        in_cluster=flag("in_cluster"),
        cluster_context=text("cluster_context"),
        namespace=text("namespace"),
        disable_verify_ssl=flag("disable_verify_ssl"),
        page_size=arguments.whole(f"{source}: page_size", field("page_size")),
    )
    leads_somewhere = _check(fields, kind)
    warnings += fieldnames.check_standard(connection, source, leads_somewhere=leads_somewhere)
    return replace(fields, warnings=tuple(warnings))


def _paths(text: str | None, source: str) -> tuple[str, ...]:
    """Split the files, without the spaces and line ends that come with them into a form."""
    paths = tuple(path.strip() for path in (text or "").split(":") if path.strip())
    if text and not paths:  # and we would go to some other cluster
        raise UsageError(f"{source}: kube_config_path names no file; correct or remove it")
    return paths


def _extra(connection: Connection, source: str) -> dict[str, Any]:
    extra = connection.extra_dejson
    # Airflow takes an extra that it cannot read for an empty one, and we would go to some other cluster.
    if not isinstance(extra, dict) or (not extra and (connection.extra or "{}").strip() != "{}"):
        raise UsageError(f"{source}: its extra is not a JSON object; correct it")
    return extra


def _check(fields: Fields, kind: str) -> bool:
    """Tell whether the fields say which clusters are meant.

    :raises UsageError: when several do.
    """
    given = [
        name
        for name, value in (
            ("kube_config_path", fields.paths),
            (_DOCUMENT_FIELDS[kind], fields.document),
            ("in_cluster", fields.in_cluster),
        )
        if value
    ]
    if len(given) > 1:
        raise UsageError(f"{fields.source} has {' and '.join(given)}; keep one of them")
    return bool(given)
