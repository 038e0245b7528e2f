"""The values of template fields, as execution finds them: rendered text or the native values of params.

What an argument means is with the operator that takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from airflow_provider_k8s_inventory.exceptions import UsageError


def names(argument: str, value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Several names: a list, or text with commas between them; None and empty text are no names.

    :param argument: the argument's name, for the message.
    :raises UsageError: for text that is a rendered list, and for anything else.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        # Jinja renders a list as its repr, whose parts are no names of anything.
        if value.lstrip().startswith(("[", "(", "{")):
            raise UsageError(
                f"{argument} is the text {value!r}; pass the param itself, as dag.param({argument!r}), "
                f"or join it: {{{{ params.{argument} | join(',') }}}}"
            )
        value = value.split(",")
    found = tuple(value)
    if not all(isinstance(name, str) for name in found):
        raise UsageError(f"{argument} holds something else than names: {found!r}")
    return tuple(name.strip() for name in found if name.strip())


def flag(argument: str, value: Any) -> bool:
    """A boolean, also as the text Jinja renders it to: the text ``False`` would count as true.

    :param argument: the argument's name, for the message.
    :raises UsageError: for anything else.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise UsageError(f"{argument} is {value!r}; it takes true or false")


def whole(argument: str, value: Any) -> int | None:
    """A positive whole number, also as text; None and empty text are none.

    :param argument: the argument's name, for the message.
    :raises UsageError: for anything else.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, bool) and str(value).isdecimal() and int(value) > 0:
        return int(value)
    raise UsageError(f"{argument} is {value!r}; it takes a positive whole number")


def choice(argument: str, value: Any, choices: Sequence[str]) -> Any:
    """One of several words.

    :param argument: the argument's name, for the message.
    :param choices: the words.
    :raises UsageError: for anything else.
    """
    if value in choices:
        return value
    raise UsageError(f"{argument} is {value!r}; it takes {' or '.join(map(repr, choices))}")
