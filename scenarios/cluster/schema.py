"""What a kind's objects look like: the OpenAPI definitions, and the reading of a body into one of them.

Reading does what Go's decoder does: it refuses wrong types (DecodeError, which becomes 400 or 422), drops unknown
fields and says which, and leaves out what a Go struct would leave out.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lamplighter.scenarios.cluster import quantities
from lamplighter.scenarios.cluster.jsons import Json
from lamplighter.scenarios.cluster.kinds import Kind

META = "io.k8s.apimachinery.pkg.apis.meta.v1."
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
POINTERS = {"storageClassName", "volumeName", "ipFamilyPolicy", "hostnameOverride", "port", "name"}
"""Optional texts that may be empty and still be said: pointers in Go."""
PLAIN_FLAGS = {
    "unschedulable",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "paused",
    "tty",
    "stdin",
    "stdinOnce",
    "readOnly",
    "publishNotReadyAddresses",
    "orphanDependents",
    "optional",
} - {"optional"}
"""Flags that Go leaves out when false; other flags are pointers, or always said."""
GO_TYPES = {"int32": "int32", "int64": "int64", "double": "float64", "byte": "[]uint8"}
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")


class DecodeError(ValueError):
    """A body whose types do not fit; the text is Go's."""


@lru_cache(1)
def definitions() -> dict[str, Json]:
    """OpenAPI definitions by name."""
    data = files("lamplighter.scenarios.cluster").joinpath("data/openapi.json.gz").read_bytes()
    found: dict[str, Json] = json.loads(gzip.decompress(data))
    return found


def description(definition: str, field: str) -> str:
    """The text of a field, e.g. of `ObjectMeta` `name`."""
    return str(definitions()[definition]["properties"][field].get("description", ""))


def resolved(node: Json) -> Json:
    """The schema itself where the node only names it."""
    return definitions().get(node["$ref"], {}) if "$ref" in node else node


def root(kind: Kind) -> Json:
    """The schema of a kind's objects."""
    if kind.schema:
        return definitions()[kind.schema]
    if kind.custom is None:
        return {"type": "object"}
    body: Json = dict((kind.custom.get("schema") or {}).get("openAPIV3Schema") or {"type": "object"})
    plain = {"type": "string"}
    body["properties"] = {
        **body.get("properties", {}),
        "apiVersion": plain,
        "kind": plain,
        "metadata": {"$ref": META + "ObjectMeta"},
    }
    return body


def field(node: Json, name: str) -> Json | None:
    """The schema of one field of an object: a declared one, or the value of a map; None for an unknown one."""
    node = resolved(node)
    properties = node.get("properties")
    if properties and name in properties:
        found: Json = properties[name]
        return found
    more = node.get("additionalProperties")
    if isinstance(more, dict):
        return more
    if not properties or node.get("x-kubernetes-preserve-unknown-fields"):
        return {}
    return None


def read(body: Json, kind: Kind) -> tuple[Json, list[str]]:
    """(the object as the kind's type holds it, the paths of unknown fields). Raises DecodeError."""
    unknown: list[str] = []
    reader = _Reader(unknown, kind.custom is not None)
    return reader.structure(body, root(kind), kind.kind, ""), unknown


class _Reader:
    def __init__(self, unknown: list[str], custom: bool) -> None:
        self.unknown = unknown
        self.custom = custom

    def structure(self, value: Json, node: Json, owner: str, path: str) -> Json:
        """An object with declared fields."""
        out: Json = {}
        needed = node.get("required") or ()
        for name, item in value.items():
            inner = f"{path}.{name}" if path else name
            found = field(node, name)
            if found is None:
                self.unknown.append(inner)
                continue
            if item is None:
                continue
            read = self.value(item, found, owner, inner)
            if not self._left_out(read, found, name, name in needed):
                out[name] = read
        return out

    def _left_out(self, value: Any, node: Json, name: str, needed: bool) -> bool:
        """Whether Go's `omitempty` would leave the field out."""
        if needed or (self.custom and name not in {"labels", "annotations", "finalizers", "ownerReferences"}):
            return False
        if value in ([], "") and not isinstance(value, bool):
            return name not in POINTERS or value == []
        if value == {} and isinstance(value, dict):
            return "additionalProperties" in resolved(node)
        return value is False and name in PLAIN_FLAGS

    def value(self, value: Any, node: Json, owner: str, path: str) -> Any:
        reference = node.get("$ref", "")
        node = resolved(node)
        if reference == QUANTITY:
            return _quantity(value)
        if node.get("format") == "int-or-string" or node.get("x-kubernetes-int-or-string"):
            return value
        kind = node.get("type")
        if kind == "object" or node.get("properties"):
            return self.mapping(value, node, reference.rsplit(".", 1)[-1] or owner, owner, path)
        if kind == "array":
            if not isinstance(value, list):
                raise _wrong(value, owner, path, "[]" + _go_type(node.get("items", {})))
            return [self._entry(item, node["items"], owner, path) for item in value]
        return value if kind is None or self.custom else _scalar(value, node, owner, path)

    def _entry(self, value: Any, node: Json, owner: str, path: str) -> Any:
        """An item of a list; null is the zero value of its type, as in Go."""
        if value is None and not self.custom:
            whole = resolved(node)
            value = {} if whole.get("properties") else "" if whole.get("type") == "string" else None
        return value if value is None else self.value(value, node, owner, path)

    def mapping(self, value: Any, node: Json, name: str, owner: str, path: str) -> Any:
        if not isinstance(value, dict):
            if self.custom:
                return value
            raise _wrong(value, owner, path, _go_type(node) if name == owner else "v1." + name)
        if node.get("properties"):
            return self.structure(value, node, name, path)
        items = node.get("additionalProperties")
        if not isinstance(items, dict):
            return value
        return {key: self.value(item, items, owner, path) for key, item in value.items() if item is not None}


def _quantity(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DecodeError(f"quantities must match the regular expression '{quantities.PATTERN.pattern}'")
    try:
        return quantities.canonical(str(value))
    except quantities.BadQuantity as error:
        raise DecodeError(str(error)) from None


def _scalar(value: Any, node: Json, owner: str, path: str) -> Any:
    kind, form = node.get("type"), node.get("format")
    if kind == "string":
        if not isinstance(value, str):
            raise _wrong(value, owner, path, "string")
        if form == "byte":
            _base64(value)
        elif form == "date-time" and not TIME.match(value):
            layout = '"2006-01-02T15:04:05Z07:00"'
            raise DecodeError(f'parsing time "{value}" as {layout}: cannot parse "{value}" as "2006"')
        return value
    if kind == "boolean":
        if not isinstance(value, bool):
            raise _wrong(value, owner, path, "bool")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(value, owner, path, GO_TYPES.get(form or "", "int"))
    if kind == "integer":
        if value != int(value):
            raise DecodeError(
                f"json: cannot unmarshal number {value} into Go struct field {owner}.{path} of type {form}"
            )
        return int(value)
    return value


def _base64(text: str) -> None:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        bad = re.search(r"[^A-Za-z0-9+/=\r\n]", text)
        raise DecodeError(f"illegal base64 data at input byte {bad.start() if bad else len(text)}") from None


def _go_type(node: Json) -> str:
    reference = str(node.get("$ref", ""))
    if reference:
        return "v1." + reference.rsplit(".", 1)[-1]
    if node.get("type") == "object":
        return "map[string]" + _go_type(node.get("additionalProperties") or {"type": "string"})
    return GO_TYPES.get(node.get("format", ""), str(node.get("type", "string")))


def _wrong(value: Any, owner: str, path: str, wanted: str) -> DecodeError:
    names = {bool: "bool", str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return DecodeError(
        f"json: cannot unmarshal {names[type(value)]} into Go struct field {owner}.{path} of type {wanted}"
    )
