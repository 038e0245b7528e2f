"""The schemas by which a real API server describes its objects, and objects that have all that is in them."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_k8s_inventory.model import Definition
from tests.clusters.control_plane import ControlPlane

Schema = dict[str, Any]

TIME: Final = "2026-01-02T03:04:05Z"
ADDRESS: Final = "192.0.2.1"
QUANTITIES: Final = {"cpu": "1500m", "memory": "1Gi", "storage": "1e3", "pods": "2", "example.com/gpu": "1"}
ADDRESSES: Final = ("ip", "ips", "hostip", "hostips", "podip", "podips", "clusterip", "clusterips", "externalips")
"""The names of fields that hold addresses, or lists of them, in lower case."""


class Schemas:
    """What a server says of the objects of one group and version."""

    def __init__(self, definition: Definition, control_plane: ControlPlane) -> None:
        resource = definition.resource
        self._root = resource.path().rpartition("/")[0]
        self._kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        self._all: dict[str, Schema] = control_plane.request("GET", f"/openapi/v3{self._root}")["components"]["schemas"]

    def of_object(self) -> Schema:
        (found,) = (
            each for each in self._all.values() if self._kind in each.get("x-kubernetes-group-version-kind", ())
        )
        return found

    def resolve(self, schema: Schema) -> Schema:
        """A schema without references; a property has its own in ``allOf``, beside its default."""
        for inner in schema.get("allOf", ()):
            schema = schema | self.resolve(inner)
        if "$ref" in schema:
            return self.resolve(self._all[schema["$ref"].rpartition("/")[2]])
        return schema

    def types(self, schema: Schema) -> set[str]:
        """The types of a value; quantities and ports are of one of several."""
        return {option["type"] for option in schema.get("oneOf", (schema,)) if "type" in option}

    def filled(self, schema: Schema, items: int, name: str = "", above: tuple[str, ...] = ()) -> Any:
        """Make a value that has every field.

        :param items: how many items each list has; where a value may be a number or a text, one makes it a number.
        :param name: the name of the field.
        :param above: the schemas it stands in, as some hold themselves.
        """
        references = [
            inner["$ref"].rpartition("/")[2] for inner in (schema, *schema.get("allOf", ())) if "$ref" in inner
        ]
        if set(references) & set(above):
            return None
        if any(kind.endswith(".Quantity") for kind in references):
            return QUANTITIES["memory"]
        above = (*above, *references)
        schema = self.resolve(schema)
        types = self.types(schema)
        if schema.get("format") == "int-or-string" or len(types) > 1:
            return 8080 if items == 1 else "50%"
        if "properties" in schema:
            return {key: self.filled(each, items, key, above) for key, each in schema["properties"].items()}
        if "additionalProperties" in schema:
            value = self.filled(schema["additionalProperties"], items, name, above)
            return dict(QUANTITIES) if value == QUANTITIES["memory"] else {"key": value}
        if "items" in schema:
            return [self.filled(schema["items"], items, name, above) for _ in range(items)]
        return _scalar(schema, name)


def _scalar(schema: Schema, name: str) -> Any:
    match schema.get("type"):
        case "string" if schema.get("format") == "date-time":
            return TIME
        case "string" if schema.get("format") == "byte":
            return "dGV4dA=="
        case "string":
            return ADDRESS if name.lower() in ADDRESSES else schema.get("enum", ["text"])[0]
        case "integer":
            return 7
        case "number":
            return 1.5
        case "boolean":
            return True
    return {"any": [1, "text", None]}
