"""Redact in others' text what looks like a credential, and cut it to what a message can hold.

Known secrets are redacted by `contexts.Context.redact`. Here is what nobody told us of: a token that a command
prints in its debug output is known neither to us nor to Airflow's masker.
"""

from __future__ import annotations

import re
from typing import Final

from airflow_provider_k8s_inventory.kube.sources import quoting

_BLOT: Final = "***"

# Each starts where a run of its characters starts, so that the time grows with the text and not with its square.
_LOOKS_SECRET: Final = (
    # A private key, even one that was cut off.
    re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", re.DOTALL),
    # A JSON Web Token, RFC 7519: base64 of `{"` is eyJ.
    re.compile(r"(?<![\w-])eyJ[\w-]+(?:\.[\w-]*)+"),
    # User and password of a URL.
    re.compile(r"(?<=://)[^\s/@]+(?=@)"),
    # The text behind the name of a secret: anything behind a colon or equals sign, else what is no plain word.
    re.compile(
        r"(?:(?:token|secret|passw(?:or)?d|passphrase|api.?key|access.?key|authorization|credentials?)[\"']?"
        r"(?:\s*[:=]\s*(?:bearer\s|basic\s)?|\s(?:is\s)?(?=\S*\d))|(?:bearer|basic)\s(?=\S*[\d=_]))[\"']?"
        r"(?P<secret>[^\s\"',;]{4,})",
        re.IGNORECASE,
    ),
    # Runs of base64, hexadecimal and their kin with a digit in them; words have none, and parts of paths are shorter.
    re.compile(r"(?<![\w+/=-])(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*[a-z])[\w+/=-]{40,}"),
    re.compile(r"(?<![\w+=-])(?=[\w+=-]*\d)[\w+=-]{20,}"),
)


def redacted(text: str) -> str:
    """Redact what looks like a credential."""
    for pattern in _LOOKS_SECRET:
        text = pattern.sub(_blot, text)
    return text


def _blot(match: re.Match[str]) -> str:
    secret = match.groupdict().get("secret")
    return f"{match[0].removesuffix(secret)}{_BLOT}" if secret else _BLOT


def excerpt(text: str, longest: int, *, end: bool = False) -> str:
    """Put what others wrote on one line, without what looks like a credential, and cut it.

    :param text: with known secrets redacted. Of a text that was cut before, a part of a secret may remain.
    :param longest: characters.
    :param end: keep the end, not the start.
    """
    text = quoting.one_line(redacted(text))
    if len(text) <= longest:
        return text
    return f"…{text[-longest:]}" if end else f"{text[:longest]}…"
