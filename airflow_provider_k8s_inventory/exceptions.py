"""Errors that this package raises on purpose; the message says what failed, why, and what to do.

The tree is our own, so that neither the HTTP library nor the driver shows through::

    InventoryError
    ├── UsageError                  the caller asked for something that cannot be: exit status 2
    │   ├── KubeconfigError         no kubeconfig, or one that cannot be read
    │   ├── UnknownContextError     the kubeconfig has no such context
    │   └── UnknownResourceError    no such resource; the message names the nearest
    ├── ScopeError                  one scope failed; carries the status for the ledger
    │   ├── UnreachableError        the API server did not respond, or not in time
    │   │   └── SlowError           the whole of a response did not come within its time
    │   ├── UnauthorizedError       401, or credentials that cannot be had
    │   ├── ForbiddenError          403
    │   ├── UnresolvedError         the cluster serves nothing of that name
    │   ├── NotServedError          404: whether it proves absence, discovery must say
    │   ├── ExpiredError            410 in the middle of a list: start again
    │   ├── UnprovenError           a cheaper way cannot prove what it read, or would cost more: read in another way
    │   ├── ResponseError             a response that is not what the API promises
    │   │   ├── OtherVersionError   the cluster serves the resource in other versions only
    │   │   ├── SelectorError       a selector that the API server refuses, or does not heed
    │   │   └── TooLargeError       a response of more bytes than the limit
    │   ├── ServerError             the API server says why it cannot serve just this resource
    │   ├── RefusedError            the mass-delete guard
    │   └── LockedError             another sync of this scope is running
    └── DatabaseError               PostgreSQL cannot be reached, or refuses
        ├── DestructiveChangeError  a migration would destroy data and was not forced
        └── NewerSchemaError        the database was migrated by a newer version of this package
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal, Self, TypeVar

BadStatus = Literal["forbidden", "unauthorized", "unreachable", "refused", "busy", "failed"]
"""The end of a sync that failed; `model.MEANINGS` says what follows from each."""


_E = TypeVar("_E", bound=BaseException)


class InventoryError(Exception):
    """An error that this package raises on purpose."""

    needs_a_person: ClassVar[bool] = False
    """Whether trying again is useless until somebody changes something, whatever the status of the scope."""

    def retold(self, message: str) -> Self:
        """Return the same error with another message: its data and its cause stay."""
        # Not by `copy`, which would call the constructor with the message alone.
        other = type(self).__new__(type(self), message)
        other.__dict__.update(self.__dict__)
        other.__cause__ = self.__cause__
        return other


class DeclarationError(InventoryError):
    """A declaration of a resource that contradicts itself."""


class UsageError(InventoryError):
    """A request of the caller that cannot be fulfilled."""

    needs_a_person = True


class KubeconfigError(UsageError):
    """A kubeconfig that is missing or cannot be read."""

    # kubectl writes the file in place: who reads it meanwhile finds a part of it, mostly one that is no YAML.
    # https://github.com/kubernetes/client-go/blob/master/tools/clientcmd/loader.go
    needs_a_person = False


class UnknownContextError(UsageError):
    """A context that the kubeconfig does not have."""


class UnknownResourceError(UsageError):
    """A resource that neither the catalogue nor a cluster knows."""


class ScopeError(InventoryError):
    """The failure of one scope; other scopes go on."""

    status: ClassVar[BadStatus] = "failed"
    """The status that the ledger records."""

    def __init__(
        self,
        what: str = "",
        *,
        advice: str | None = None,
        tries: str = "",
        http_status: int | None = None,
        kubernetes_reason: str | None = None,
        request: str | None = None,
    ) -> None:
        """Compose the message, and keep the data.

        :param what: the failure and its reason.
        :param advice: ends the message.
        :param tries: the number of tries, behind that.
        :param http_status: the status of the response, if there was one.
        :param kubernetes_reason: the reason in its Status, such as ``Expired``; "" in one without, None without one.
        :param request: method and path.
        """
        super().__init__("; ".join(filter(None, (what, advice))) + tries)
        self.advice = advice
        self.http_status = http_status
        self.kubernetes_reason = kubernetes_reason
        self.request = request


class UnreachableError(ScopeError):
    """An API server that did not respond, or not in time."""

    status = "unreachable"


class SlowError(UnreachableError):
    """A response of which not all came in time, though bytes may have."""


class UnauthorizedError(ScopeError):
    """Credentials that the API server does not accept, or that cannot be had."""

    status = "unauthorized"


class ForbiddenError(ScopeError):
    """A request that the API server does not allow this user."""

    status = "forbidden"


class UnresolvedError(ScopeError):
    """A name of which the cluster serves nothing, and which alone does not say what it would be."""

    needs_a_person = True


class NotServedError(ScopeError):
    """A path that the API server does not have."""


class ExpiredError(ScopeError):
    """A list whose snapshot the server has forgotten: it must start again."""


class OvertakenError(ScopeError):
    """Changes of a scope whose rows are at another resourceVersion by now: another sync wrote them meanwhile."""


class UnprovenError(ScopeError):
    """A cheaper mode that cannot prove what it read, or would cost more than a list of all objects.

    For example, no bookmark proved that every change had come, or objects have neither uid nor resourceVersion.
    """


class ResponseError(ScopeError):
    """A response that is cut off, of another media type, or not what the API promises."""


class OtherVersionError(ResponseError):
    """A resource that a cluster serves in other versions only than the one that was asked for."""

    def __init__(self, what: str, version: str) -> None:
        """Keep the version as well.

        :param version: the one that the cluster prefers: ``v1beta1``.
        """
        super().__init__(what)
        self.version = version


class SelectorError(ResponseError):
    """A selector that the API server refuses, or does not heed."""

    needs_a_person = True


class TooLargeError(ResponseError):
    """A response of more bytes than the limit."""


class ServerError(ScopeError):
    """A reason why the API server cannot serve just this resource, such as a conversion webhook that is down."""


class RefusedError(ScopeError):
    """A sync that would delete too much of a scope, or replace the rows of another cluster."""

    status = "refused"


class LockedError(ScopeError):
    """Another sync of the same scope, which is running."""

    status = "busy"


class DatabaseError(InventoryError):
    """A database that cannot be reached, or refuses what we need."""


class DestructiveChangeError(DatabaseError):
    """A migration that would destroy data, and was not forced."""

    needs_a_person = True


class NewerSchemaError(DatabaseError):
    """A database that a newer version of this package has migrated."""

    needs_a_person = True


_BY_STATUS: Final[dict[str, type[ScopeError]]] = {
    each.status: each for each in (UnreachableError, UnauthorizedError, ForbiddenError, RefusedError, LockedError)
}


def of_status(status: str, message: str) -> ScopeError:
    """Make the error of a scope of which only the ledger's line is known."""
    return _BY_STATUS.get(status, ScopeError)(message)


def released(error: _E) -> _E:
    """Let go of the frames of an error and of its causes, and of errors that are none of its causes.

    An error that is kept would keep all that was on the stack: connections, and the bytes of a page.
    """
    each: BaseException | None = error
    while each is not None:
        each.__traceback__ = each.__context__ = None
        each = each.__cause__
    return error
