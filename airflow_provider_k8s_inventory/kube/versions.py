"""Compare resourceVersions; where they come from is in `listing`, `metadata` and `watching`."""

from __future__ import annotations


def reaches(version: str, other: str) -> bool:
    """Whether a state is another one or later; False also when that cannot be told.

    Kubernetes promises from 1.35 on that resourceVersions can be compared as numbers, and has always kept to it.
    """
    return version.isdecimal() and other.isdecimal() and int(version) >= int(other)


def precedes(version: str, other: str) -> bool:
    """Whether a state is before another one; False also when that cannot be told."""
    return version.isdecimal() and other.isdecimal() and int(version) < int(other)
