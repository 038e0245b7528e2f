"""The paths by which people name places in objects: ``.spec.a``, ``['a.b']``, ``[0]``, ``[*]`` and ``.*``.

Those of declarations are in `paths`, those of the printed columns of custom resources in `jsonpaths`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from airflow_provider_k8s_inventory.exceptions import UsageError

Step = str | int | tuple[str]
"""The name of a member, the index of an item, or `EACH`."""

EACH: Final = ("*",)
"""A step to every member or item; no key is a tuple."""

_STEP: Final = re.compile(
    r"\.(?P<key>(?:[^\s.\[\]'\"\\*]|\\.)+)|\.?\[\s*'(?P<quoted>(?:[^'\\]|\\.)+)'\s*\]"
    r"|\.?\[\s*\"(?P<double>(?:[^\"\\]|\\.)+)\"\s*\]|\[(?P<index>\d{1,6})\]|(?P<each>\[\*\]|\.\*)"
)
_ESCAPED: Final = re.compile(r"\\(.)")


def parse(path: str, said: str) -> tuple[Step, ...]:
    """Read a path.

    :param path: as people write it.
    :param said: what it is part of, at the beginning of a message.
    :raises UsageError: when it is none.
    """
    return tuple(_steps(path.removeprefix("$"), said))


def _steps(path: str, said: str) -> Iterator[Step]:
    while path:
        step = _STEP.match(path)
        if not step:
            raise UsageError(f"{said} is no path at {path[:30]!r}; write .spec.a, ['a.b'], [0], [*] or .*")
        if step["index"]:
            yield int(step["index"])
        elif step["each"]:
            yield EACH
        else:
            yield _ESCAPED.sub(r"\1", step["key"] or step["quoted"] or step["double"])
        path = path[step.end() :]
