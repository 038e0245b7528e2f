"""The operator that fails when the inventory is not as good as its readers need it.

The checks are queries of `postgres.gates`. What a single run did is for the report to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TriggerRule

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.hooks import arguments, postgres
from airflow_provider_k8s_inventory.operators import failures
from airflow_provider_k8s_inventory.operators.base import InventoryOperator

if TYPE_CHECKING:
    import psycopg
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_k8s_inventory.postgres.gates import Result, Wanted

_SHOWN: Final = 10
"""Scopes that a message names."""


class KubernetesInventoryCheckOperator(InventoryOperator):
    """Check that the inventory is fresh and whole; all checks are made, and all that failed are told at once.

    It runs whatever became of the syncs, and asks the database alone. Between the syncs and
    `KubernetesInventoryPublishOperator`, the asset event is sent only when it passes. The checks:

    - ``nothing_missing``: each context that is asked for, and of it each resource that is asked for by its name, was
      synced at least once. Always made.
    - ``fresh``: each scope ended well within `fresh_within`.
    - ``no_fall``: no scope has lost more than `max_fall` percent of its objects since the syncs before.
    - ``few_warnings``: the last syncs of all scopes have at most `max_warnings` warnings together.

    :param contexts: names or globs of contexts; empty: all that the database knows, also those that have left the
        kubeconfig. (templated)
    :param exclude_contexts: names or globs to leave out, such as clusters that are known to be down. (templated)
    :param resource_names: names, globs, groups and exclusions of resources; empty: all. ``!events`` leaves out what
        comes and goes. (templated)
    :param planned: what the sync was mapped over, ``plan.output``: each of its contexts must be there, too.
        (templated)
    :param fresh_within: the age of a scope's last good sync: ``90m``, ``2h``, ``1d12h``; None: not checked. (templated)
    :param max_fall: percent by which the last good sync of a scope may have fewer objects than those before it had on
        average; None: not checked. (templated)
    :param fall_from: objects that a scope must have had for a fall to count. (templated)
    :param last_syncs: how many good syncs before the last one that average is of. After as many syncs a fall is what
        is usual. (templated)
    :param max_warnings: None: not checked. (templated)
    :param retry_on_failure: whether Airflow may try again when a check failed. As long as no other run syncs
        meanwhile, that is useless. (templated)
    :param postgres_conn_id: the Connection of the database. (templated)
    :param schema: the schema that holds the ledger. (templated)
    :raises UsageError: for a value that cannot be, when the DAG is parsed unless it is a template.
    :raises AirflowFailException: when a check failed; not retried. With `retry_on_failure` an `AirflowException`.
    :raises DatabaseError: when the ledger cannot be read.
    """

    template_fields: Sequence[str] = (
        "contexts",
        "exclude_contexts",
        "resource_names",
        "planned",
        "fresh_within",
        "max_fall",
        "fall_from",
        "last_syncs",
        "max_warnings",
        "retry_on_failure",
        "postgres_conn_id",
        "schema",
    )
    ui_color = "#e8eaf6"

    def __init__(
        self,
        *,
        contexts: Sequence[str] | str | None = (),
        exclude_contexts: Sequence[str] | str | None = (),
        resource_names: Sequence[str] | str | None = (),
        planned: Sequence[Mapping[str, str]] | None = None,
        fresh_within: str | timedelta | None = "2h",
        max_fall: float | str | None = 50,
        fall_from: int | str = 10,
        last_syncs: int | str = 5,
        max_warnings: int | str | None = None,
        retry_on_failure: bool | str = False,
        postgres_conn_id: str = "postgres_default",
        schema: str = "public",
        trigger_rule: str = TriggerRule.ALL_DONE,
        **kwargs: Any,
    ) -> None:
        super().__init__(trigger_rule=trigger_rule, **kwargs)
        self.contexts = contexts
        self.exclude_contexts = exclude_contexts
        self.resource_names = resource_names
        self.planned = planned
        self.fresh_within = fresh_within
        self.max_fall = max_fall
        self.fall_from = fall_from
        self.last_syncs = last_syncs
        self.max_warnings = max_warnings
        self.retry_on_failure = retry_on_failure
        self.postgres_conn_id = postgres_conn_id
        self.schema = schema
        for name, read in _READ.items():
            if _is_plain(value := getattr(self, name)):
                read(name, value)

    @failures.fail_without_retry
    def execute(self, context: Context) -> dict[str, Any]:
        """Return how each check ended, with its SQL."""
        from airflow_provider_k8s_inventory.postgres import gates

        read = {name: read(name, getattr(self, name)) for name, read in _READ.items()}
        retried = read.pop("retry_on_failure")
        contexts, exclude, names = (read.pop(name) for name in ("contexts", "exclude_contexts", "resource_names"))
        bounds = gates.Bounds(**read)
        planned = [each["cluster_context"] for each in self.planned or ()]
        with postgres.connection(self.postgres_conn_id) as conn:
            wanted = _wanted(conn, self.schema, contexts, exclude, names, planned)
            results = gates.judge(conn, self.schema, wanted, bounds)
        summary = {"checks": {each.name: _document(each) for each in results}}
        failed = [each for each in results if not each.passed]
        for each in results:
            if each.passed:
                self.log.info("%s passed: %s\n%s", each.name, each.demand, each.sql)
        if failed:
            context["ti"].xcom_push(key="return_value", value=summary)
            raise (AirflowException if retried else AirflowFailException)(_complaint(failed, len(results)))
        return summary


def _resource_names(argument: str, value: Any) -> tuple[str, ...]:
    """Read names of resources, and check them as far as that takes no cluster."""
    names = arguments.names(argument, value)
    for name in names:
        resources.asked(name)
    return names


def _required(argument: str, value: Any, *, least: int = 1) -> int:
    number = arguments.whole(argument, value, least=least)
    if number is None:
        raise UsageError(f"{argument} must be a whole number, got {value!r}")
    return number


_READ: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "contexts": arguments.names,
    "exclude_contexts": arguments.names,
    "resource_names": _resource_names,
    "fresh_within": arguments.span,
    "max_fall": arguments.percentage,
    "fall_from": _required,
    "last_syncs": _required,
    "max_warnings": lambda argument, value: arguments.whole(argument, value, least=0),
    "retry_on_failure": arguments.flag,
}
"""The arguments whose values are checked, and what reads them."""


def _is_plain(value: Any) -> bool:
    """Tell if a value is known when the DAG is parsed: no template, and nothing that another task gives."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, str):
        return not any(mark in value for mark in ("{{", "{%", "{#"))
    return value is None or isinstance(value, (bool, int, float, timedelta))


def _wanted(
    conn: psycopg.Connection,
    schema: str,
    contexts: Sequence[str],
    exclude: Sequence[str],
    names: Sequence[str],
    planned: Iterable[str],
) -> Wanted:
    """Resolve names and globs by the scopes that the database knows."""
    from airflow_provider_k8s_inventory.postgres import freshness, gates
    from airflow_provider_k8s_inventory.sync import choosing

    canonical = choosing.meaning(conn, schema)
    scopes = freshness.read(conn, schema)
    known = {each.context_name: None for each in scopes}
    chosen = choosing.choose(scopes, contexts, names, canonical, exclude=exclude)
    needed = [
        name
        for pattern in contexts or "*"
        for name in ([each for each in known if choosing.is_context(pattern, each)] or [pattern])
    ]
    needed = [each for each in (*needed, *planned) if not any(choosing.is_context(one, each) for one in exclude)]
    plain = [name for name in names if not resources.is_exclusion(name)]
    globs = {name for name in plain if resources.is_glob(name.strip().lower())}
    matched = {each.resource for each in chosen}
    among = list(dict.fromkeys([*(each.context_name for each in chosen), *needed]))
    return gates.Wanted(
        contexts=among if contexts or exclude else None,
        resources=sorted(matched) if names else None,
        needed_contexts=list(dict.fromkeys(needed)),
        needed_resources=list(
            dict.fromkeys(
                name if name in globs else canonical(name)
                for name in plain
                if name not in globs or not any(choosing.is_resource(name, one) for one in matched)
            )
        ),
    )


def _document(result: Result) -> dict[str, Any]:
    return {"passed": result.passed, "failed": len(result.found), "sql": result.sql}


def _complaint(failed: Sequence[Result], checks: int) -> str:
    lines = [f"{len(failed)} of {checks} checks failed"]
    for each in failed:
        more = len(each.found) - _SHOWN
        found = ", ".join(each.found[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        lines.append(f"{each.name}: it is not so that {each.demand}: {found}\n{each.sql}")
    return "\n".join(lines)
