"""Read a kubeconfig's user entry: which of its credentials count, and which may be used.

What each kind of credentials does is in `credentials`, `execplugins` and `legacy`.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import msgspec

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.sources import execplugins
from airflow_provider_k8s_inventory.kube.sources.certificates import ClientCertificate
from airflow_provider_k8s_inventory.kube.sources.credentials import (
    Credentials,
    StaticCredentials,
    TokenFileCredentials,
    checked_token,
)
from airflow_provider_k8s_inventory.kube.sources.documents import Entry
from airflow_provider_k8s_inventory.kube.sources.entries import beside, embedded, typed
from airflow_provider_k8s_inventory.kube.sources.execplugins import ExecCredentials, Plugin, Sessions
from airflow_provider_k8s_inventory.kube.sources.legacy import LegacyCredentials, Provider
from airflow_provider_k8s_inventory.kube.sources.servers import Server

_NAME_CHARACTERS = "!#$&'*+-.^_`|~"
"""The characters that a header's name may hold beside letters and digits; `%` is escaped too, as client-go does."""


class User(msgspec.Struct, rename="kebab", frozen=True):
    """Fields of https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#AuthInfo objects."""

    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    username: str = ""
    password: str = ""
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    as_: str = msgspec.field(name="as", default="")
    as_uid: str = ""
    as_groups: list[str] = []
    as_user_extra: dict[str, list[str]] = {}
    exec: Plugin | None = None
    auth_provider: Provider | None = None


def user(entry: Entry, owner: str) -> User:
    """Read a user entry.

    :param owner: the owner, for messages.
    :raises UnauthorizedError: when it has not the shape of one.
    """
    return typed(User, entry, owner, UnauthorizedError)


def credentials(
    fields: User, entry: Entry, server: Server, owner: str, *, allow_exec: bool, sessions: Sessions
) -> Credentials:
    """Choose how the user authenticates, in client-go's order: its own fields, a command, an auth provider.

    :param fields: the user.
    :param entry: the entry of the kubeconfig.
    :param server: the API server it is sent to.
    :param owner: the owner, for messages.
    :param allow_exec: whether it may run commands, and send what is in files.
    :param sessions: the credentials that commands gave to other contexts.
    :raises UnauthorizedError: when that cannot be used.
    """
    if not allow_exec:
        _refuse(fields, entry, owner)
    if fields.exec and fields.auth_provider:
        raise UnauthorizedError(f"{owner}: both exec and auth-provider; keep one, as kubectl demands")
    certificate = _certificate(fields, entry.folder, owner)
    has_token, has_password = fields.token or fields.token_file, fields.username or fields.password
    if has_token and has_password:
        raise UnauthorizedError(f"{owner}: both a token and a user name or password; keep one, as kubectl demands")
    if fields.exec and not (has_token or has_password or certificate):
        execplugins.check(fields.exec, owner)
        session = sessions.of(fields.exec, entry, server)
        return ExecCredentials(session, command=fields.exec.command, owner=owner)
    if fields.auth_provider and not (has_token or has_password):
        return LegacyCredentials(fields.auth_provider, server=server.url, certificate=certificate, owner=owner)
    if fields.token_file:
        path = beside(entry.folder, fields.token_file)
        return TokenFileCredentials(owner=owner, path=path, fallback=fields.token, certificate=certificate)
    return StaticCredentials(
        token=checked_token(fields.token, owner) if fields.token else "",
        username=fields.username,
        password=fields.password,
        certificate=certificate,
    )


def _refuse(fields: User, entry: Entry, owner: str) -> None:
    """Refuse what fetches credentials from this machine: somebody may have typed the kubeconfig into a form.

    A command could do anything here. A file's content would go to whatever server the kubeconfig names.
    """
    uses = {
        "exec": fields.exec,
        "auth-provider": fields.auth_provider,
        "tokenFile": fields.token_file,
        "client-certificate": fields.client_certificate,
        "client-key": fields.client_key,
    }
    if asked := ", ".join(name for name, value in uses.items() if value):
        raise UnauthorizedError(
            f"{owner}: its user asks for {asked}, and {entry.source} may neither run commands nor read files here; "
            "embed a token or certificate, use a kubeconfig file, or set allow_exec=True in the DAG"
        )


def impersonation(fields: User, owner: str) -> tuple[tuple[str, str], ...]:
    """Make the headers that ask to act as somebody else.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation

    :raises UnauthorizedError: when it is not said as whom, or no header can hold it.
    """
    headers = [
        *([("Impersonate-Uid", fields.as_uid)] if fields.as_uid else []),
        *(("Impersonate-Group", group) for group in fields.as_groups),
        *(
            (f"Impersonate-Extra-{quote(key.lower(), safe=_NAME_CHARACTERS)}", value)
            for key, values in fields.as_user_extra.items()
            for value in values
        ),
    ]
    if headers and not fields.as_:
        raise UnauthorizedError(f"{owner}: as-uid, as-groups or as-user-extra without `as`; say as whom")
    if fields.as_:
        headers.insert(0, ("Impersonate-User", fields.as_))
    if not all(value.isprintable() for _, value in headers):
        raise UnauthorizedError(f"{owner}: whom it acts as holds characters that no HTTP header may hold; correct it")
    return tuple(headers)


def _certificate(fields: User, folder: Path | None, owner: str) -> ClientCertificate | None:
    if not (fields.client_certificate or fields.client_certificate_data):
        return None
    if not (fields.client_key or fields.client_key_data):
        raise UnauthorizedError(f"{owner}: a client certificate without its key; add client-key or client-key-data")
    return ClientCertificate(
        owner=owner,
        certificate_file=beside(folder, fields.client_certificate),
        certificate_data=embedded(fields.client_certificate_data, owner, "client-certificate-data", UnauthorizedError),
        key_file=beside(folder, fields.client_key),
        key_data=embedded(fields.client_key_data, owner, "client-key-data", UnauthorizedError),
    )
