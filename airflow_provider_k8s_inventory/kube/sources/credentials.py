"""Authenticate requests by a token, a token file, a password or a client certificate, or not at all.

Credentials that a command gives are in `execplugins`, those of legacy auth providers in `legacy`; which of them a
kubeconfig asks for is decided in `users`.
"""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Authentication:
    """The part of a request that says who asks."""

    authorization: str | None = None
    """The value of the Authorization header."""
    certificate: ClientCertificate | None = None
    """The certificate that the TLS handshake presents."""


class Credentials:
    """Anonymous requests; the other kinds of credentials override what they know better."""

    def authentication(self) -> Authentication:
        """Authenticate the next request.

        :raises UnauthorizedError: when it cannot be had.
        """
        return Authentication()

    def renew(self) -> bool:
        """Forget what a 401 has just rejected; return True when asking again may give something better.

        Of the calling thread's last `authentication`, that is: others may have renewed it meanwhile.
        """
        return False

    def secrets(self) -> tuple[str, ...]:
        """Return every text that must not be shown, as far as it is known now."""
        return ()


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class UnusableCredentials(Credentials):
    """Credentials that cannot be used; that matters only to those who use the context."""

    problem: str
    """The problem and the advice, ready to be shown."""

    def authentication(self) -> Authentication:
        """Raise what is wrong."""
        raise UnauthorizedError(self.problem)


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class StaticCredentials(Credentials):
    """Credentials in the kubeconfig itself: at most one of token and password, perhaps with a certificate."""

    token: str = ""
    username: str = ""
    password: str = ""
    certificate: ClientCertificate | None = None

    def authentication(self) -> Authentication:
        """Authenticate every request by the same."""
        header = f"Bearer {self.token}" if self.token else None
        if self.username or self.password:
            header = basic(self.username, self.password)
        return Authentication(authorization=header, certificate=self.certificate)

    def secrets(self) -> tuple[str, ...]:
        """Return token, password and private key."""
        encoded = basic(self.username, self.password).removeprefix("Basic ") if self.password else ""
        return _known(self.token, self.password, encoded, *_keys(self.certificate))


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class TokenFileCredentials(Credentials):
    """A token that others keep fresh in a file: read again for every request."""

    owner: str
    """The owner, for messages."""
    path: str
    fallback: str = ""
    """The kubeconfig's own token, for when the file cannot be read."""
    certificate: ClientCertificate | None = None
    _sent: deque[str] = field(default_factory=lambda: deque(maxlen=2), init=False)
    """The last token and the one before: the file may have another by the time an error quotes it."""

    def authentication(self) -> Authentication:
        """Authenticate the request by the file's content as of now.

        client-go lets a readable token file win over the token beside it:
        https://pkg.go.dev/k8s.io/client-go/tools/clientcmd/api#AuthInfo
        """
        token = self._token()
        if token not in self._sent:
            self._sent.append(token)
        return Authentication(authorization=f"Bearer {token}", certificate=self.certificate)

    def secrets(self) -> tuple[str, ...]:
        """Return the kubeconfig's token, the file's as of now and those that were sent last, and the private key."""
        try:
            token = self._token()
        except UnauthorizedError:
            token = ""
        return _known(self.fallback, token, *self._sent, *_keys(self.certificate))

    def _token(self) -> str:
        try:
            return checked_token(Path(self.path).read_text(encoding="utf-8").strip(), self.owner)
        except (OSError, ValueError, UnauthorizedError) as error:  # ValueError: no text, or NUL in its path
            if self.fallback:
                return self.fallback
            why = error.strerror if isinstance(error, OSError) else "it holds no token"
        raise UnauthorizedError(
            f"{self.owner}: the token file {self.path} cannot be used: {why}",
            advice="check that the path is right on this machine and that its user may read it",
        )


def basic(username: str, password: str) -> str:
    """Make the Authorization header of a user name and password, in UTF-8 as Go writes it."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def checked_token(token: str, owner: str) -> str:
    """Return the token, when an HTTP header can hold it.

    :raises UnauthorizedError: when it is empty or has characters no header may have. Left to `http.client`, the
        error would quote the token.
    """
    if not token or not (token.isascii() and token.isprintable()) or " " in token:
        what = "holds characters that no HTTP header may hold" if token else "is empty"
        raise UnauthorizedError(f"{owner}: the token {what}", advice="get a new one")
    return token


def _keys(certificate: ClientCertificate | None) -> tuple[str, ...]:
    return certificate.secrets() if certificate else ()


def _known(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


class _Claims(msgspec.Struct, frozen=True):
    exp: float | None = None


def expiry_of(credentials: Credentials) -> str | None:
    """Say what expired, when, and what to do; None when nothing did, or nothing can be known.

    :param credentials: those that a 401 has just rejected.
    """
    try:
        authentication = credentials.authentication()
    except UnauthorizedError:
        return None
    now = datetime.now(UTC)
    if authentication.authorization and (expired := _of_token(authentication.authorization)) and expired < now:
        return f"the token expired on {expired:%Y-%m-%d %H:%M} UTC: get a new one"
    if authentication.certificate and (expired := _of_certificate(authentication.certificate)) and expired < now:
        return f"the client certificate expired on {expired:%Y-%m-%d %H:%M} UTC: get a new one"
    return None


def _of_token(header: str) -> datetime | None:
    """Read the expiry of a JSON Web Token (RFC 7519); other tokens say nothing."""
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
