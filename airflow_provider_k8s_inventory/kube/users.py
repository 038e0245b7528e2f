"""What a kubeconfig's user entry means: which of its credentials count, and which may be used.

What each kind of credentials does is in `credentials`, `execplugins` and `legacy`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from airflow_provider_k8s_inventory.exceptions import UnauthorizedError
from airflow_provider_k8s_inventory.kube.credentials import (
    Credentials,
    StaticCredentials,
    TokenFileCredentials,
    checked_token,
)
from airflow_provider_k8s_inventory.kube.documents import Entry
from airflow_provider_k8s_inventory.kube.entries import beside, pem, typed
from airflow_provider_k8s_inventory.kube.tls import ClientCertificate

_NAME_CHARACTERS = "!#$&'*+-.^_`|~"
"""What a header's name may hold beside letters and digits; `%` is escaped too, as client-go does."""


class User(msgspec.Struct, rename="kebab", frozen=True):
    """The fields we know of https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#AuthInfo."""

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
    exec: dict[str, Any] | None = None
    auth_provider: dict[str, Any] | None = None


def user(entry: Entry, owner: str) -> User:
    """Read a user entry.

    :param owner: whose it is, for messages.
    :raises UnauthorizedError: when it has not the shape of one.
    """
    return typed(User, entry, owner, UnauthorizedError)


def credentials(fields: User, folder: Path | None, owner: str) -> Credentials:
    """What the user proves itself with.

    :param folder: what its relative paths are relative to.
    :param owner: whose it is, for messages.
    :raises UnauthorizedError: when that cannot be used.
    """
    proof = _certificate(fields, folder, owner)
    if (fields.token or fields.token_file) and (fields.username or fields.password):
        raise UnauthorizedError(f"{owner}: both a token and a user name or password; keep one, as kubectl demands")
    if fields.token_file:
        path = beside(folder, fields.token_file)
        return TokenFileCredentials(owner=owner, path=path, fallback=fields.token, client_certificate=proof)
    return StaticCredentials(
        token=checked_token(fields.token, owner) if fields.token else "",
        username=fields.username,
        password=fields.password,
        client_certificate=proof,
    )


def impersonation(fields: User, owner: str) -> tuple[tuple[str, str], ...]:
    """The headers that ask to act as somebody else.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation

    :raises UnauthorizedError: when it is not said as whom.
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
    if fields.as_:
        return (("Impersonate-User", fields.as_), *headers)
    if headers:
        raise UnauthorizedError(f"{owner}: as-uid, as-groups or as-user-extra without `as`; say as whom")
    return ()


def _certificate(fields: User, folder: Path | None, owner: str) -> ClientCertificate | None:
    if not (fields.client_certificate or fields.client_certificate_data):
        return None
    if not (fields.client_key or fields.client_key_data):
        raise UnauthorizedError(f"{owner}: a client certificate without its key; add client-key or client-key-data")
    return ClientCertificate(
        owner=owner,
        certificate_file=beside(folder, fields.client_certificate),
        certificate_data=pem(fields.client_certificate_data, owner, "client-certificate-data", UnauthorizedError),
        key_file=beside(folder, fields.client_key),
        key_data=pem(fields.client_key_data, owner, "client-key-data", UnauthorizedError),
    )
