"""Get credentials from a command: the exec plugins of kubeconfigs, such as those of EKS, GKE and AKS.

`execcredentials` runs them and reads what they print. `users` decides whether a kubeconfig may ask for one.
"""

from __future__ import annotations

import base64
import logging
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.sources import certificates, execcredentials, quoting
from airflow_provider_k8s_inventory.kube.sources.credentials import Authentication, Credentials, checked_token
from airflow_provider_k8s_inventory.kube.sources.documents import Entry
from airflow_provider_k8s_inventory.kube.sources.entries import beside
from airflow_provider_k8s_inventory.kube.sources.redacting import excerpt
from airflow_provider_k8s_inventory.kube.sources.servers import Server

API_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
FAILURE_KEPT: Final[float] = 60
"""Seconds in which a command that failed is not run again: as long as one may take. Of 20 contexts that share one,
each with six resources, every one would wait that long, and ask a person to log in."""
LONGEST_EXCERPT: Final = 500
"""Characters of standard error that the log quotes: the last ones, as they say why."""
_SECRET_NAME: Final = re.compile("secret|token|passw|key|credential", re.IGNORECASE)
"""Variables and arguments whose values are not shown; a profile or a region may be."""


_log = logging.getLogger(__name__)


class _Variable(msgspec.Struct, frozen=True):
    name: str = ""
    value: str = ""


class Plugin(msgspec.Struct, rename="camel", frozen=True):
    """Fields of https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#ExecConfig objects."""

    command: str = ""
    args: list[str] = []
    env: list[_Variable] = []
    api_version: str = ""
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"


def check(plugin: Plugin, owner: str) -> None:
    """Check that the plugin can be run here.

    :param owner: the owner, for messages.
    :raises UnauthorizedError: when not, with what to change.
    """
    if not plugin.command or not all(variable.name for variable in plugin.env):
        raise UnauthorizedError(f"{owner}: its exec plugin lacks a command, or the name of a variable; add it")
    if plugin.api_version not in API_VERSIONS:
        raise UnauthorizedError(
            f"{owner}: its exec plugin is of {plugin.api_version or 'no apiVersion'}",
            advice=f"update it to one of {' or '.join(API_VERSIONS)}",
        )
    if plugin.interactive_mode not in {"Never", "IfAvailable", ""}:
        raise UnauthorizedError(
            f"{owner}: its exec plugin has interactiveMode {plugin.interactive_mode}, and nobody is here to type "
            "anything; use a way to log in that asks nothing"
        )


class NoCredentialError(Exception):
    """A command that gave no credential; the message goes on from the command's name."""


class Session:
    """The credential of one user of a kubeconfig, which all contexts of that user share, and the command that gives it.

    A command that asks a person to log in must not ask once per context; client-go shares it too.
    https://github.com/kubernetes/client-go/blob/v0.36.3/plugin/pkg/client/auth/exec/exec.go
    """

    def __init__(self, plugin: Plugin, *, server: Server, folder: Path | None) -> None:
        """Keep what the command needs; it runs when a credential is first asked for.

        :param plugin: as `check` lets it pass.
        :param server: the cluster that the plugin is told of, where it asks for it.
        :param folder: the folder that a relative command is relative to.
        """
        self._plugin = plugin
        self._server = server
        self._folder = folder
        self._lock = threading.Lock()
        self._credential: execcredentials.Credential | None = None
        self._before: execcredentials.Credential | None = None
        """The one that was rejected last: an error may still quote it."""
        self._failure = ""
        self._failed_at = -FAILURE_KEPT

    def credential(self) -> execcredentials.Credential:
        """Return a credential that is good; run the command when there is none.

        :raises NoCredentialError: when it gives none, or gave none a moment ago.
        """
        with self._lock:
            if self._credential is None or not self._credential.good:
                if time.monotonic() - self._failed_at < FAILURE_KEPT:
                    raise NoCredentialError(self._failure)
                self._credential = self._ask()
            return self._credential

    def forget(self, rejected: execcredentials.Credential | None) -> None:
        """Let the command run again, unless it has since it gave what was rejected."""
        with self._lock:
            if self._credential is rejected:
                self._credential, self._before = None, rejected

    def secrets(self) -> tuple[str, ...]:
        """Return the last two credentials, and the variables and arguments that look like secrets."""
        given = (secret for one in (self._credential, self._before) if one for secret in one.secrets())
        variables = (one.value for one in self._plugin.env if _SECRET_NAME.search(one.name))
        return tuple(text for text in (*given, *variables, *_arguments(self._plugin.args)) if text)

    def _ask(self) -> execcredentials.Credential:
        try:
            return execcredentials.parse(self._run(), self._plugin.api_version)
        except (execcredentials.CommandError, execcredentials.InvalidCredentialError, OSError) as error:
            self._failure, self._failed_at = self._explained(error), time.monotonic()
            raise NoCredentialError(self._failure) from None

    def _run(self) -> bytes:
        plugin = self._plugin
        # A bare name is looked for on PATH.
        command = beside(self._folder, plugin.command) if os.sep in plugin.command else plugin.command
        info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": self._spec()}
        variables = {one.name: one.value for one in plugin.env}
        environ = {**os.environ, **variables, "KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}
        return execcredentials.run([command, *plugin.args], environ)

    def _explained(self, error: Exception) -> str:
        """Say why, and what to do. The command's own words go to the log alone: ledger and XCom have many readers."""
        if isinstance(error, OSError):
            return f"is to be told the CA in {error.filename}: {error.strerror}"
        if not isinstance(error, execcredentials.CommandError):
            return str(error)
        if error.missing:
            return f"{error}; {' '.join(self._plugin.install_hint.split()) or 'install it, or give its whole path'}"
        if not error.started:
            return f"{error}; run it by hand as the same user to see more"
        advice = "run it by hand as the same user to see more"
        said = excerpt(quoting.redacted(error.said, self.secrets()), LONGEST_EXCERPT, end=True)
        if not said:
            return f"{error} and said nothing; {advice}"
        _log.warning("credential command %s %s and said: %s", self._plugin.command, error, said)
        return f"{error}; the log has what it said on standard error; {advice}"

    def _spec(self) -> dict[str, Any]:
        """Make the spec of https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ objects."""
        if not self._plugin.provide_cluster_info:
            return {"interactive": False}
        server = self._server
        fields = {
            "server": server.url,
            "tls-server-name": server.tls_server_name,
            "insecure-skip-tls-verify": server.insecure,
            "certificate-authority-data": self._authority(),
            "proxy-url": server.proxy_url,
            "disable-compression": server.disable_compression,
            "config": server.exec_config,
        }
        return {"cluster": {name: value for name, value in fields.items() if value}, "interactive": False}

    def _authority(self) -> str | None:
        """Return the CA in base64; plugins are never given the file."""
        data, file = self._server.ca_data, self._server.ca_file
        text = data or (certificates.content(file) if file else "")
        return base64.b64encode(text.encode()).decode() or None


class Sessions:
    """The sessions of one kubeconfig: one per user, and per cluster where a command is told of it."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], Session] = {}

    def of(self, plugin: Plugin, user: Entry, server: Server) -> Session:
        """Return the session of a user with an API server."""
        key = (user.name, server.name if plugin.provide_cluster_info else "")
        if key not in self._sessions:
            self._sessions[key] = Session(plugin, server=server, folder=user.folder)
        return self._sessions[key]


class ExecCredentials(Credentials):
    """One context's view of the credential that it shares with others of the same user."""

    def __init__(self, session: Session, *, command: str, owner: str) -> None:
        """Keep it; the command runs at the first request.

        :param command: the plugin's, for messages.
        :param owner: the owner, for messages.
        """
        self._session = session
        self._owner = f"{owner}: its credential command {command}"
        self._given = threading.local()
        """The credential that each thread was given last, for when a 401 disproves it."""

    def authentication(self) -> Authentication:
        """Authenticate by the token, the certificate, or both, as the command gave them."""
        try:
            self._given.credential = credential = self._session.credential()
        except NoCredentialError as error:
            raise UnauthorizedError(f"{self._owner} {error}") from None
        if credential.token:
            checked_token(credential.token, self._owner)
        certificate = credential.certificate
        return replace(credential.authentication, certificate=certificate and replace(certificate, owner=self._owner))

    def renew(self) -> bool:
        """Let the next request run the command again, once for all contexts that share what it gave."""
        self._session.forget(getattr(self._given, "credential", None))
        return True

    def secrets(self) -> tuple[str, ...]:
        """Return those of the session."""
        return self._session.secrets()


def _arguments(args: Sequence[str]) -> Iterator[str]:
    """Yield the values of arguments whose names look like secrets: ``--client-secret=value``, or the next argument.

    Only options take the next one: ``get-token`` is a command, and ``--login`` behind an option is one itself.
    """
    for argument, following in zip_longest(args, args[1:], fillvalue=""):
        name, equals, value = argument.partition("=")
        if not _SECRET_NAME.search(name):
            continue
        if equals:
            yield value
        elif name.startswith("-") and not following.startswith("--"):
            yield following
