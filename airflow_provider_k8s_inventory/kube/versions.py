"""Compare resourceVersions, which `listing`, `metadata` and `watching` read.

Kubernetes promises from 1.35 on that they can be compared as numbers, and has always kept to it:
https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = re.compile("[1-9][0-9]*")


def is_number(version: str) -> bool:
    """Tell if it has the form that storage in etcd gives; 0 stands for any state, and is the version of none."""
    return _NUMBER.fullmatch(version) is not None


def at_least(version: str, other: str) -> bool:
    """Tell if a state is another one or later; False also when they cannot be compared."""
    return is_number(version) and is_number(other) and _order(version) >= _order(other)


def precedes(version: str, other: str) -> bool:
    """Tell if a state is before another one; False also when they cannot be compared."""
    return is_number(version) and is_number(other) and _order(version) < _order(other)


def _order(version: str) -> tuple[int, str]:
    # Of any length, as client-go does it: Python makes no int of more than 4,300 digits.
    return len(version), version
