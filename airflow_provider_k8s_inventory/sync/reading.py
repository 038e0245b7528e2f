"""Which pages answer a scope: a list, one list per namespace, or the one object a cluster is.

How a page is fetched is in `kube`; what becomes of it is in `full`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.exceptions import AnswerError, ForbiddenError, NotServedError, ScopeError
from airflow_provider_k8s_inventory.kube import cluster, discovery, listing
from airflow_provider_k8s_inventory.kube.client import Client
from airflow_provider_k8s_inventory.model import Definition, Page, Resource, Scope
from airflow_provider_k8s_inventory.resources import custom
from airflow_provider_k8s_inventory.resources.shared import own_values
from airflow_provider_k8s_inventory.sync.knowing import Known
from airflow_provider_k8s_inventory.sync.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a cluster will say of a scope; nothing of it is read before `pages` is iterated."""

    cluster_uid: str | None
    definition: Definition
    namespaces: tuple[str, ...]
    """What the answer is narrowed to; empty for resources outside of namespaces."""
    warnings: tuple[str, ...]
    problem: ScopeError | None = None
    """Why the cluster's UID cannot be told."""
    pages: Callable[[Client], Iterator[Page]]
    """Start reading through a client of the context; the answer is complete when the iterator ends.

    It raises NotServedError when the cluster has no such path, which is not yet a proof of absence.
    """


def scope_of(context_name: str, resource: str, settings: Settings) -> Scope:
    """The scope that settings make of a resource; what is outside of namespaces cannot be narrowed to some.

    :param resource: a canonical name, with its version where that matters, or the label of what has none.
    :raises UnknownResourceError: when it cannot be a resource.
    """
    asked = resources.asked(resource)
    definition = resources.CATALOGUE.get(asked.name)
    narrowed = definition is None or definition.resource.namespaced
    return Scope(
        context_name=context_name,
        resource=asked.name,
        namespaces=settings.namespaces if narrowed else (),
        version=asked.version,
    )


def open_answer(scope: Scope, settings: Settings, known: Known) -> Answer:
    """Find out which cluster this is, and how the scope is read from it.

    :param known: what other scopes of the context have found out.
    :raises ScopeError: when the cluster does not answer.
    """
    catalogued = resources.CATALOGUE.get(scope.resource)
    if catalogued and not catalogued.listed:
        return _cluster(catalogued, settings, known)
    uid, problem = identify(known)
    definition = definition_of(scope.resource, known, scope.version)
    namespaces = scope.namespaces if definition.resource.namespaced else ()
    return Answer(
        cluster_uid=uid,
        definition=definition,
        namespaces=namespaces,
        warnings=(
            *(
                (f"cluster_uid is NULL: {problem}; whether it is the cluster it was before cannot be told",)
                if problem
                else ()
            ),
            *_unpreferred(definition.resource, scope, known),
        ),
        problem=problem,
        pages=lambda client: _pages(client, definition.resource, namespaces, settings.page_size),
    )


def definition_of(name: str, known: Known, version: str | None = None) -> Definition:
    """What is kept of a resource; of one without a table of its own the cluster knows version and kind.

    One that the cluster does not know is taken for ``v1``, which listing will not find.

    :param name: a canonical name.
    :param version: the version to read; None takes the one the cluster prefers.
    :raises ScopeError: when discovery is needed and fails.
    """
    if name in resources.CATALOGUE:
        return resources.CATALOGUE[name]
    found = known.discovery().find(name, version)
    if found is None:
        plural, _, group = name.partition(".")
        found = Resource(group=group, version=version or "v1", plural=plural, kind="", namespaced=True)
    return custom.definition(found)


def _unpreferred(resource: Resource, scope: Scope, known: Known) -> tuple[str, ...]:
    """Say which version is kept, where the cluster prefers another one."""
    preferred = known.discovery().find(resource.name) if scope.version else None
    if preferred is None or preferred.version == resource.version:
        return ()
    return (f"kept as {resource.api_version}, as asked for: the cluster prefers {preferred.api_version}",)


def prove_absent(client: Client, resource: Resource) -> str:
    """Ask discovery whether a cluster that had no path for a resource really does not serve it.

    :returns: the reason for the ledger.
    :raises AnswerError: when it does serve it, or cannot tell.
    """
    if discovery.serves(client, resource):
        raise AnswerError(
            f"context {client.context.name}: discovery names {resource.name}, but listing it gives 404: "
            "it is being set up or removed; run again"
        )
    if _is_defined(client, resource):
        raise AnswerError(
            f"context {client.context.name}: {resource.name} is defined, but discovery does not name it: "
            "it is being set up or removed, or one of several API servers lags behind; run again"
        )
    return f"context {client.context.name} does not serve {resource.name}"


def _is_defined(client: Client, resource: Resource) -> bool:
    """Whether a definition says that the cluster serves a custom resource, as far as we may read them."""
    crds = resources.CATALOGUE["crds"]
    path = crds.resource.path()
    try:
        pages = list(listing.pages(client, path, limit=1, name=resource.name, expected=crds.resource))
    except (ForbiddenError, NotServedError):
        return False
    found = (own_values(crds, item) for page in pages for item in page.items)
    return any(values["established"] and values["served_versions"] for values in found)


def missing(scope: Scope, namespaces: Iterable[str], known: Known) -> Iterator[str]:
    """Say of which namespaces the cluster has none of that name: a list in one is as empty as any other."""
    for namespace in namespaces:
        try:
            if not known.has_namespace(namespace):
                yield f"context {scope.context_name} has no namespace {namespace}"
        except ForbiddenError:
            continue
        except ScopeError:
            # It is only a warning, and a cluster that does not answer is not waited for.
            return


def _cluster(definition: Definition, settings: Settings, known: Known) -> Answer:
    try:
        identity = known.identity()
    except ForbiddenError as error:
        raise ForbiddenError(f"{error}; without it a cluster has no identity") from error
    except NotServedError as error:
        raise AnswerError(
            f"{error}; a cluster without a namespace kube-system has no identity, and so no row: "
            "leave out clusters, or look at what answers in the place of its API server"
        ) from error
    return Answer(
        cluster_uid=identity.uid,
        definition=definition,
        namespaces=(),
        warnings=(),
        pages=lambda client: cluster.pages(client, identity, limit=settings.page_size),
    )


def identify(known: Known) -> tuple[str | None, ScopeError | None]:
    """The UID of the cluster that answers, or why there is none.

    :raises ScopeError: when the cluster does not answer, or not with what was asked for.
    """
    try:
        return known.identity().uid, None
    except (ForbiddenError, NotServedError) as error:
        return None, error


def _pages(client: Client, resource: Resource, namespaces: tuple[str, ...], limit: int) -> Iterator[Page]:
    if not namespaces:
        yield from listing.pages(client, resource.path(), limit=limit, expected=resource)
    for namespace in namespaces:
        yield from listing.pages(client, resource.path(namespace), limit=limit, expected=resource)
