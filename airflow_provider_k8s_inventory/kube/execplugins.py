"""Credentials from a command: the exec plugins of kubeconfigs, such as those of EKS, GKE and AKS.

What plugins print is read in `execanswers`, and commands are run in `commands`. Whether a kubeconfig may ask for one
is decided in `users`.
"""

from __future__ import annotations

import base64
import os
import re
import threading
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import msgspec

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube import commands, execanswers
from airflow_provider_k8s_inventory.kube.credentials import Credentials, Proof
from airflow_provider_k8s_inventory.kube.entries import beside
from airflow_provider_k8s_inventory.kube.servers import Server

API_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_SECRET_NAME: Final = re.compile("secret|token|passw|key|credential", re.IGNORECASE)
"""Variables and arguments whose values are not shown; a profile or a region may be."""


class _Variable(msgspec.Struct, frozen=True):
    name: str
    value: str = ""


class Plugin(msgspec.Struct, rename="camel", frozen=True):
    """What we know of https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#ExecConfig objects."""

    command: str = ""
    args: list[str] = []
    env: list[_Variable] = []
    api_version: str = ""
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"


def check(plugin: Plugin, owner: str) -> None:
    """Whether the plugin can be run here.

    :param owner: whose it is, for messages.
    :raises UnauthorizedError: when not, with what to change.
    """
    if not plugin.command or not all(variable.name for variable in plugin.env):
        raise UnauthorizedError(f"{owner}: its exec plugin lacks a command, or the name of a variable; add it")
    if plugin.api_version not in API_VERSIONS:
        raise UnauthorizedError(
            f"{owner}: its exec plugin speaks {plugin.api_version or 'no apiVersion'}; "
            f"update it to one that speaks {' or '.join(API_VERSIONS)}"
        )
    if plugin.interactive_mode not in {"Never", "IfAvailable"}:
        raise UnauthorizedError(
            f"{owner}: its exec plugin has interactiveMode {plugin.interactive_mode}, and nobody is here to answer; "
            "use a way to log in that asks nothing"
        )


class ExecCredentials(Credentials):
    """Runs the command when there is no credential yet, it has expired, or a 401 has disproved it."""

    def __init__(self, plugin: Plugin, *, server: Server, folder: Path | None, owner: str) -> None:
        """Keep what the command needs; it runs at the first request.

        :param plugin: as `check` lets it pass.
        :param server: what the plugin is told when it asks for it.
        :param folder: what a relative command is relative to.
        :param owner: whose it is, for messages.
        """
        self._plugin = plugin
        self._server = server
        self._folder = folder
        self._owner = f"{owner}: its credential command {plugin.command}"
        self._lock = threading.Lock()
        self._credential: execanswers.Credential | None = None

    def proof(self) -> Proof:
        """The token, the certificate, or both, as the command gave them."""
        with self._lock:
            if self._credential is None or not self._credential.good:
                output = self._run()
                self._credential = execanswers.understand(output, self._plugin.api_version, self._owner)
            return self._credential.proof

    def renew(self) -> bool:
        """The next request runs the command again."""
        with self._lock:
            self._credential = None
        return True

    def secrets(self) -> tuple[str, ...]:
        """What the command gave last, and the variables and arguments that look like secrets."""
        given = self._credential.secrets() if self._credential else ()
        variables = (one.value for one in self._plugin.env if _SECRET_NAME.search(one.name))
        return tuple(text for text in (*given, *variables, *_arguments(self._plugin.args)) if text)

    def _run(self) -> bytes:
        plugin = self._plugin
        # A bare name is looked for on PATH.
        command = beside(self._folder, plugin.command) if os.sep in plugin.command else plugin.command
        info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": self._spec()}
        variables = {one.name: one.value for one in plugin.env}
        environ = {**os.environ, **variables, "KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}
        try:
            return commands.run([command, *plugin.args], environ, redact=self._redacted)
        except commands.CommandError as error:
            advice = "run it by hand as the same user to see more"
            if error.missing:
                advice = " ".join(plugin.install_hint.split()) or "install it, or give its whole path"
            raise UnauthorizedError(f"{self._owner} {error}; {advice}") from None

    def _redacted(self, text: str) -> str:
        for secret in sorted(self.secrets(), key=len, reverse=True):  # one may be a part of another
            text = text.replace(secret, "***")
        return text

    def _spec(self) -> dict[str, Any]:
        """https://kubernetes.io/docs/reference/config-api/client-authentication.v1/, the spec."""
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
        """The CA in base64; plugins are never given the file."""
        data, file = self._server.ca_data, self._server.ca_file
        try:
            content = data.encode() if data else Path(file).read_bytes() if file else None
        except OSError as error:
            raise UnauthorizedError(f"{self._owner} is to be told the CA in {file}: {error.strerror}") from None
        return base64.b64encode(content).decode() if content else None


def _arguments(args: Sequence[str]) -> Iterator[str]:
    """The values of arguments whose names look like secrets: ``--client-secret=value``, or ``value`` in the next one.

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
