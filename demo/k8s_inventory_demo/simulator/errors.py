"""The refusals of an API server: the Status document, and the exception that carries one.

Who raises them is everywhere in this package; `server` turns them into responses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_CAUSES: Final = {
    "Forbidden": "FieldValueForbidden",
    "Invalid value": "FieldValueInvalid",
    "Required value": "FieldValueRequired",
}


class StatusError(Exception):
    """A refusal, as the API server words it.

    :param code: the HTTP status.
    :param reason: the machine-readable word of the Status, for example ``"NotFound"``; empty where the response is the
        message alone.
    :param details: the Status' ``details``.
    :param metadata: the Status' ``metadata``; a list that expired gets a new continue token here.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata = metadata or {}

    def document(self) -> dict[str, Any]:
        """Write the Status object of the response's body."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details is not None:
            status["details"] = self.details
        return status | {"code": self.code}


def details(plural: str, group: str, name: str | None) -> dict[str, Any]:
    """Say what a refusal is about."""
    about = {"name": name, "group": group, "kind": plural}
    return {key: value for key, value in about.items() if value}


def _qualified(plural: str, group: str) -> str:
    return f"{plural}.{group}" if group else plural


def bad_request(message: str) -> StatusError:
    """400: the request makes no sense."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """401: no credentials, or none that this server knows."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def page_not_found() -> StatusError:
    """404: no such path; of a group or version that is not served, this plain text is all there is."""
    return StatusError(404, "", "404 page not found\n")


def not_served() -> StatusError:
    """404: the group is served, and has no such resource."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", details={})


def not_found(plural: str, group: str, name: str) -> StatusError:
    """404: the resource is served, and has no object of that name."""
    message = f'{_qualified(plural, group)} "{name}" not found'
    return StatusError(404, "NotFound", message, details=details(plural, group, name))


def method_not_allowed() -> StatusError:
    """405: the resource knows no such verb."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, details={})


def not_acceptable() -> StatusError:
    """406: the client only takes what we do not speak."""
    return StatusError(
        406, "NotAcceptable", "only the following media types are accepted: application/json", details={}
    )


def already_exists(plural: str, group: str, name: str) -> StatusError:
    """409: there is an object of that name."""
    message = f'{_qualified(plural, group)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, details=details(plural, group, name))


def conflict(plural: str, group: str, name: str, why: str) -> StatusError:
    """409: the object is not what the writer believes it is."""
    message = f'Operation cannot be fulfilled on {_qualified(plural, group)} "{name}": {why}'
    return StatusError(409, "Conflict", message, details=details(plural, group, name))


def expired(message: str, **metadata: str) -> StatusError:
    """410: the history that was asked for is gone."""
    return StatusError(410, "Expired", message, metadata=dict(metadata))


def unsupported_media_type() -> StatusError:
    """415: a body that is not JSON; kubectl sends protobuf for some built-in types."""
    accepted = "application/json, application/merge-patch+json, application/strategic-merge-patch+json"
    message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return StatusError(415, "UnsupportedMediaType", message)


def unavailable() -> StatusError:
    """503: the group is served elsewhere, and nobody responds there."""
    return StatusError(503, "ServiceUnavailable", "service unavailable")


def invalid(kind: str, group: str, field: str, problem: str, why: str) -> StatusError:
    """422: well-formed, and wrong.

    :param problem: ``"Forbidden"``, ``"Invalid value"`` or ``"Required value"``.
    """
    cause = {"reason": _CAUSES[problem], "message": f"{problem}: {why}", "field": field}
    what = f"{kind}.{group}" if group else kind
    message = f'{what} "" is invalid: {field}: {problem}: {why}'
    return StatusError(422, "Invalid", message, details=details(kind, group, None) | {"causes": [cause]})
