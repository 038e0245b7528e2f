"""The values of template fields, as execution finds them: rendered text or the native values of params.

What an argument means is with the operator that takes it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_k8s_inventory import durations
from airflow_provider_k8s_inventory.exceptions import UsageError

if TYPE_CHECKING:
    from airflow_provider_k8s_inventory.resources.histories import Histories
    from airflow_provider_k8s_inventory.sync.selections import Selections

_WORDS = {"": None, "None": None, "True": True, "False": False}


def names(argument: str, value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return several names of a list, of the text Jinja renders a list or null to, or of text with commas between them.

    The names of a list are taken as they are: a context may be called ``a, b``.

    :param argument: the argument's name, for the message.
    :raises UsageError: for anything else.
    """
    rendered = _rendered(value)
    return _texts(argument, map(str.strip, rendered.split(",")) if isinstance(rendered, str) else rendered)


def texts(argument: str, value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return several texts as `names` does, but for commas, which may be part of a text.

    :param argument: the argument's name, for the message.
    :raises UsageError: for anything else.
    """
    rendered = _rendered(value)
    return _texts(argument, [rendered] if isinstance(rendered, str) else rendered)


def _texts(argument: str, value: Iterable[str]) -> tuple[str, ...]:
    found = tuple(value)
    if isinstance(value, Mapping) or not all(isinstance(name, str) for name in found):
        raise UsageError(
            f"{argument} must be text or a list of texts, got {(value if isinstance(value, Mapping) else found)!r}"
        )
    return tuple(name for name in found if name.strip())


def _rendered(value: str | Iterable[str] | None) -> str | Iterable[str]:
    """Read what Jinja renders a list or null to."""
    if not isinstance(value, str):
        return value or ()
    # Without `render_template_as_native_obj` a list of params comes as its repr.
    if value.lstrip().startswith("["):
        with suppress(ValueError, SyntaxError):  # a glob may begin like a list: [dp]*
            return list(ast.literal_eval(value.strip()))
    return value if value.strip() != "None" else ()


def selections(
    namespaces: str | Iterable[str] | None,
    label_selector: str | Iterable[str] | None,
    field_selector: str | Iterable[str] | None,
) -> Selections:
    """Read the arguments that narrow what is synced.

    :raises UsageError: when one cannot be.
    """
    from airflow_provider_k8s_inventory.sync.selections import parse

    return parse(
        names("namespaces", namespaces),
        texts("label_selector", label_selector),
        texts("field_selector", field_selector),
    )


def histories(history: Any) -> Histories:
    """Read the argument that says whose history is kept, also as the text Jinja renders it to.

    :raises UsageError: when it cannot be.
    """
    from airflow_provider_k8s_inventory.resources.histories import Histories

    if isinstance(history, str):
        history = _WORDS.get(history.strip(), history)
    if isinstance(history, str) and history.lstrip().startswith(("[", "{")):
        with suppress(ValueError, SyntaxError):  # a glob may begin like a list: [dp]*:off
            history = ast.literal_eval(history.strip())
    return Histories.read(history)


def flag(argument: str, value: Any) -> bool:
    """Read a boolean, also as the text Jinja renders it to: the text ``False`` would count as true.

    :param argument: the argument's name, for the message.
    :raises UsageError: for anything else.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise UsageError(f"{argument} must be true or false, got {value!r}")


def days(argument: str, value: Any) -> int | None:
    """Read for how many days something is kept, 0 for ever, as `whole` does.

    :raises UsageError: for anything else, also for more than a hundred years.
    """
    from airflow_provider_k8s_inventory.resources.histories import MOST_DAYS

    number = whole(argument, value, least=0)
    if number is not None and number > MOST_DAYS:
        raise UsageError(f"{argument} must be at most {MOST_DAYS} days, got {number}; 0 is for ever")
    return number


def whole(argument: str, value: Any, *, least: int = 1) -> int | None:
    """Read a whole number, also as text; None and empty text give None.

    :param argument: the argument's name, for the message.
    :param least: the smallest it may be.
    :raises UsageError: for anything else.
    """
    if value in (None, "", "None"):
        return None
    if not isinstance(value, bool) and str(value).isdecimal() and int(value) >= least:
        return int(value)
    raise UsageError(f"{argument} must be a {'positive ' if least else ''}whole number, got {value!r}")


def percentage(argument: str, value: Any) -> float | None:
    """Read a number from 0 to 100, also as text; None and empty text give None.

    :param argument: the argument's name, for the message.
    :raises UsageError: for anything else.
    """
    if value in (None, "", "None"):
        return None
    with suppress(TypeError, ValueError):
        if not isinstance(value, bool) and 0 <= (number := float(value)) <= 100:
            return number
    raise UsageError(f"{argument} must be a percentage, a number from 0 to 100, got {value!r}")


def span(argument: str, value: Any) -> timedelta | None:
    """Read a span of time, also as text; None and empty text give None.

    :param argument: the argument's name, for the message.
    :raises UsageError: for anything else.
    """
    if value is None or isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise UsageError(f"{argument} must be a span of time such as '90m' or a timedelta, got {value!r}")
    if value.strip() in ("", "None"):
        return None
    try:
        return durations.parse(value.strip())
    except UsageError as error:
        raise UsageError(f"{argument}: {error}") from None


def choice(argument: str, value: Any, choices: Sequence[str]) -> Any:
    """Check that a value is one of several words.

    :param argument: the argument's name, for the message.
    :param choices: the words.
    :raises UsageError: for anything else.
    """
    if value in choices:
        return value
    raise UsageError(f"{argument} must be {' or '.join(map(repr, choices))}, got {value!r}")
