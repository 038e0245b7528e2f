"""The ways a context proves who it is: nothing, a token, a token file, a password, a client certificate.

Credentials that a command gives are in `execplugins`, those of legacy auth providers in `legacy`; which of them a
kubeconfig asks for is decided in `users`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.tls import ClientCertificate


class Credentials:
    """Proves nothing: the request is anonymous. The other ways override what they know better."""

    def authorization(self) -> str | None:
        """The value of the Authorization header for the next request.

        :raises UnauthorizedError: when there is none to be had.
        """
        return None

    def certificate(self) -> ClientCertificate | None:
        """What the TLS handshake of the next connection presents.

        :raises UnauthorizedError: when there is none to be had.
        """
        return None

    def renew(self) -> bool:
        """Forget what a 401 has just disproved; True when asking again may give something better."""
        return False

    def secrets(self) -> tuple[str, ...]:
        """Every text that must not be shown, as far as it is known now."""
        return ()


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class BrokenCredentials(Credentials):
    """What the kubeconfig says of the user cannot be used; only who uses this context needs to know."""

    problem: str
    """What is wrong and what to do, ready to be shown."""

    def authorization(self) -> str | None:
        """Never gives one."""
        raise UnauthorizedError(self.problem)

    def certificate(self) -> ClientCertificate | None:
        """Never gives one."""
        raise UnauthorizedError(self.problem)


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class StaticCredentials(Credentials):
    """What stands in the kubeconfig itself: at most one of token and password, perhaps with a certificate."""

    token: str = ""
    username: str = ""
    password: str = ""
    client_certificate: ClientCertificate | None = None

    def authorization(self) -> str | None:
        """The token, else user name and password, else nothing."""
        if self.token:
            return f"Bearer {self.token}"
        if self.username or self.password:
            return basic(self.username, self.password)
        return None

    def certificate(self) -> ClientCertificate | None:
        """The one the kubeconfig gives."""
        return self.client_certificate

    def secrets(self) -> tuple[str, ...]:
        """Token, password and private key."""
        key = self.client_certificate.secrets() if self.client_certificate else ()
        encoded = basic(self.username, self.password).removeprefix("Basic ") if self.password else ""
        return tuple(text for text in (self.token, self.password, encoded, *key) if text)


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class TokenFileCredentials(Credentials):
    """A token that others keep fresh in a file: read again for every request."""

    owner: str
    """Whose it is, for messages."""
    path: str
    fallback: str = ""
    """The kubeconfig's own token, for when the file cannot be read."""
    client_certificate: ClientCertificate | None = None

    def authorization(self) -> str | None:
        """The file's content as of now.

        client-go lets a readable token file win over the token beside it:
        https://pkg.go.dev/k8s.io/client-go/tools/clientcmd/api#AuthInfo
        """
        try:
            token = checked_token(Path(self.path).read_text(encoding="utf-8").strip(), self.owner)
        except (OSError, UnicodeDecodeError, UnauthorizedError) as error:
            if self.fallback:
                return f"Bearer {self.fallback}"
            why = error.strerror if isinstance(error, OSError) else "it holds no token"
            raise UnauthorizedError(
                f"{self.owner}: the token file {self.path} cannot be used: {why}; "
                "check that the path is right on this machine and that its user may read it"
            ) from error
        return f"Bearer {token}"

    def certificate(self) -> ClientCertificate | None:
        """The one the kubeconfig gives."""
        return self.client_certificate

    def secrets(self) -> tuple[str, ...]:
        """The kubeconfig's token, the file's as of now, and the private key."""
        key = self.client_certificate.secrets() if self.client_certificate else ()
        try:
            current = Path(self.path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            current = ""
        return tuple(text for text in (self.fallback, current, *key) if text)


def basic(username: str, password: str) -> str:
    """The Authorization header of a user name and password, in UTF-8 as Go writes it."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def checked_token(token: str, owner: str) -> str:
    """The token, when an HTTP header can hold it.

    :raises UnauthorizedError: when it is empty or has characters no header may have. Left to `http.client`, the
        error would quote the token.
    """
    if not token or not (token.isascii() and token.isprintable()) or " " in token:
        what = "holds characters that no HTTP header may hold" if token else "is empty"
        raise UnauthorizedError(f"{owner}: the token {what}; get a new one")
    return token
