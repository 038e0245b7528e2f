"""Whether rejected credentials say themselves that they have expired, which is the most common reason.

Renewing them is the business of `credentials` and its kin.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import msgspec

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.credentials import Credentials
from airflow_provider_k8s_inventory.kube.tls import ClientCertificate


class _Claims(msgspec.Struct, frozen=True):
    exp: float | None = None


def note(credentials: Credentials) -> str | None:
    """What expired, when, and what to do; None when nothing did, or nothing can be known.

    :param credentials: those a 401 has just answered.
    """
    try:
        proof = credentials.proof()
    except UnauthorizedError:
        return None
    now = datetime.now(UTC)
    if proof.authorization and (expired := _of_token(proof.authorization)) and expired < now:
        return f"the token expired on {expired:%Y-%m-%d %H:%M} UTC: get a new one"
    if proof.certificate and (expired := _of_certificate(proof.certificate)) and expired < now:
        return f"the client certificate expired on {expired:%Y-%m-%d %H:%M} UTC: get a new one"
    return None


def _of_token(header: str) -> datetime | None:
    """The expiry of a JSON Web Token (RFC 7519); other tokens say nothing."""
    parts = header.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = msgspec.json.decode(payload, type=_Claims)
        return datetime.fromtimestamp(claims.exp, UTC) if claims.exp else None
    except (ValueError, OverflowError, OSError, msgspec.MsgspecError):
        return None


def _of_certificate(certificate: ClientCertificate) -> datetime | None:
    # Only here: it takes as long to import as the rest of this package.
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(certificate.text().encode()).not_valid_after_utc
    except (ValueError, OSError):
        return None
