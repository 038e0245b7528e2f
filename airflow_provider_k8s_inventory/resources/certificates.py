"""Read the public certificate of a TLS secret: whose it is, and when it ends."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple


class Read(NamedTuple):
    """The subject, the names and the end of a certificate."""

    subject: str | None = None
    dns_names: list[str] | None = None
    not_after: datetime | None = None


NONE: Final = Read()


def read(pem: bytes) -> Read:
    """Read the first certificate of a PEM file; nothing of one that cannot be read."""
    # It takes 60 ms to import, and few scopes need it.
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(pem)
        try:
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            dns_names = names.get_values_for_type(x509.DNSName)
        except x509.ExtensionNotFound:
            dns_names = []
        return Read(found.subject.rfc4514_string(), dns_names, found.not_valid_after_utc)
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return NONE
