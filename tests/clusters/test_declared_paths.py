"""All that the declarations read is in the schemas of a real API server, and of the type it is read as."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import reduce
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec
import pytest

from airflow_provider_k8s_inventory import resources
from airflow_provider_k8s_inventory.resources.declare import (
    Part,
    at,
    computed,
    integer,
    json,
    resource,
    text,
    texts,
    timestamp,
)
from tests.clusters.control_plane import ControlPlane
from tests.clusters.schemas import Schema, Schemas

SERVED = {name: definition for name, definition in resources.CATALOGUE.items() if definition.listed}
TYPES: Final = {str: "string", int: "integer", bool: "boolean", datetime: "string", dict: "object"}


def plain(type_: Any) -> Any:
    """A type without None and without what is annotated to it; of several types, their union."""
    if get_origin(type_) is Annotated:
        return plain(get_args(type_)[0])
    if get_origin(type_) in (Union, UnionType):
        return reduce(or_, (plain(option) for option in get_args(type_) if option is not NoneType))
    return type_


def served_as(type_: Any) -> set[str | None]:
    """The types, as schemas write them, of what is read as a type."""
    options = get_args(type_) if get_origin(type_) in (Union, UnionType) else (type_,)
    return {TYPES.get(get_origin(option) or option) for option in options}


def odd(type_: Any, schema: Schema, schemas: Schemas, path: str = "") -> Iterator[str]:
    """The paths of what is read and not served, or as another type."""
    type_, schema = plain(type_), schemas.resolve(schema)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        for field in msgspec.structs.fields(type_):
            below = f"{path}.{field.encode_name}".lstrip(".")
            inner = schema.get("properties", {}).get(field.encode_name, schema.get("additionalProperties"))
            if inner is None:
                yield f"{below} is not served"
            else:
                yield from odd(field.type, inner, schemas, below)
    elif get_origin(type_) is list and "items" in schema:
        yield from odd(get_args(type_)[0], schema["items"], schemas, f"{path}[]")
    elif type_ is not msgspec.Raw and not served_as(type_) <= schemas.types(schema):
        yield f"{path} is {schemas.types(schema) or 'anything'}, and read as {type_}"
    elif type_ is datetime and schema.get("format") != "date-time":
        yield f"{path} is no time"


@pytest.mark.parametrize("name", SERVED)
def test_every_path_is_served(name: str, control_plane: ControlPlane) -> None:
    schemas = Schemas(SERVED[name], control_plane)

    assert list(odd(SERVED[name].type, schemas.of_object(), schemas)) == []


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        (text("c", "spec.nodename"), "spec.nodename is not served"),
        (texts("c", "spec.containers[].picture"), "spec.containers[].picture is not served"),
        (json("c", "status.rest"), "status.rest is not served"),
        (integer("c", "spec.nodeName"), "spec.nodeName is {'string'}, and read as <class 'int'>"),
        (texts("c", "spec.nodeName[]"), "spec.nodeName is {'string'}, and read as list[str]"),
        (text("c", "spec.containers.image"), "spec.containers.image is not served"),
        (timestamp("c", "spec.nodeName"), "spec.nodeName is no time"),
        (text("c", "spec.nodeSelector.zone"), None),
        (text("c", "spec.overhead.cpu"), None),
        (json("c", "spec.overhead"), None),
        (computed(len, at("spec.overhead", dict[str, str]), c=("integer", "")), None),
        (
            computed(str, at("spec.hostname", int | str), c=("text", "")),
            "spec.hostname is {'string'}, and read as int | str",
        ),
        (computed(str, at("spec.containers[].livenessProbe.httpGet.port", int | str), c=("text", "")), None),
    ],
)
def test_a_path_that_is_not_served_is_found(part: Part, problem: str | None, control_plane: ControlPlane) -> None:
    wrong = resource("v1", "pods", "Pod", part)
    schemas = Schemas(wrong, control_plane)

    assert next(odd(wrong.type, schemas.of_object(), schemas), None) == problem
