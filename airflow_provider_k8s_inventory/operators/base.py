"""The base of our operators: template fields are rendered where the DAG's author wrote them, and nowhere else.

Airflow also renders each text that `expand_kwargs` takes from an XCom: `ListOfDictsExpandInput.resolve` of Airflow 3.1
to 3.3 takes it for a literal of the DAG file. The names of contexts come from kubeconfigs, Connections and clouds: one
that is called ``{{ conn.x.password }}`` would put that password into the log, the UI and the REST API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import Context


class InventoryOperator(BaseOperator):
    """An operator whose mapped values are data."""

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        names = list(template_fields)
        if parent is self:
            data = _mapped_data(self, context["ti"].map_index)
            names = [name for name in names if name not in data]
        super()._do_render_template_fields(parent, names, context, jinja_env, seen_oids)


def _mapped_data(operator: Any, map_index: int | None) -> frozenset[str]:
    """Return the arguments whose values come from other tasks, as far as the operator is mapped over them."""
    # The operator itself is unmapped by now; the DAG still has it as its author wrote it.
    mapped: Any = operator.dag.get_task(operator.task_id) if operator.has_dag() else operator
    written = getattr(getattr(mapped, "expand_input", None), "value", None)
    if isinstance(written, Mapping):  # expand(name=…)
        return frozenset(name for name, value in written.items() if not isinstance(value, (Sequence, Mapping)))
    if isinstance(written, Sequence) and map_index is not None and isinstance(written[map_index], Mapping):
        return frozenset()  # expand_kwargs([{…}, …])
    if written is None:
        return frozenset()
    return frozenset(operator.template_fields).difference(mapped.partial_kwargs)
