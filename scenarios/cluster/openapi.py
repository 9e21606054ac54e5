"""OpenAPI v3 documents of the served groups, for `kubectl explain`, `apply` and `diff`.

Schemas are those of Kubernetes; of the paths each document says what clients look for: which kind a path takes, and
that it knows `dryRun`, `fieldManager` and `fieldValidation`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from lamplighter.scenarios.cluster import schema
from lamplighter.scenarios.cluster.jsons import Json
from lamplighter.scenarios.cluster.kinds import Kind, Registry

COMPONENTS = "#/components/schemas/"
PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


def index(registry: Registry) -> Json:
    """`/openapi/v3`: where the documents are."""
    paths = {path: group for group in ["", *registry.groups()] for path in _paths_of(registry, group)}
    entries = {}
    for path in paths:
        digest = hashlib.sha512(path.encode()).hexdigest().upper()
        entries[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return {"paths": entries}


def _paths_of(registry: Registry, group: str) -> list[str]:
    return [f"apis/{group}/{v}" if group else f"api/{v}" for v in registry.versions(group)]


def document(registry: Registry, group: str, version: str) -> Json | None:
    """The document of one group and version, None where nothing is served."""
    kinds = registry.resources(group, version)
    if not kinds:
        return None
    components: dict[str, Any] = {}
    paths: Json = {}
    for kind in kinds:
        name = kind.schema or _custom_name(kind)
        if kind.schema:
            _collect(kind.schema, components)
        else:
            _collect(schema.META + "ObjectMeta", components)
            components[name] = _custom(kind)
        for path, operations in _operations(kind, name):
            paths[path] = operations
    info = {"title": "Kubernetes", "version": "v1.36.2"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": components}}


def _custom_name(kind: Kind) -> str:
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


def _custom(kind: Kind) -> Json:
    marks = [{"group": kind.group, "version": kind.version, "kind": kind.kind}]
    return {**_linked(schema.root(kind)), "x-kubernetes-group-version-kind": marks}


def _collect(name: str, components: dict[str, Any]) -> None:
    if name in components or name not in schema.definitions():
        return
    definition = schema.definitions()[name]
    components[name] = _linked(definition)
    for reference in _references(definition):
        _collect(reference, components)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _linked(node: Any) -> Any:
    """References as the document has them: within `allOf`, beside a description."""
    if isinstance(node, list):
        return [_linked(item) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        rest = {key: value for key, value in node.items() if key != "$ref"}
        link = {"$ref": COMPONENTS + node["$ref"]}
        return {**rest, "allOf": [link]} if rest else link
    return {key: _linked(value) for key, value in node.items()}


def _operations(kind: Kind, name: str) -> Iterator[tuple[str, Json]]:
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    base += "/namespaces/{namespace}" if kind.namespaced else ""
    mark = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    body = {"content": {"*/*": {"schema": {"$ref": COMPONENTS + name}}}}
    answer = {"200": {"description": "OK", "content": {"application/json": body["content"]["*/*"]}}}

    def operation(action: str, **more: Any) -> Json:
        return {
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": mark,
            "responses": answer,
            **more,
        }

    writes = [_query(option) for option in ("dryRun", "fieldManager", "fieldValidation")]
    collection: Json = {"get": operation("list")}
    single: Json = {"get": operation("get")}
    if "create" in kind.verbs:
        collection["post"] = operation("post", parameters=writes, requestBody=body)
    if "patch" in kind.verbs:
        content = {media: {"schema": {"$ref": COMPONENTS + schema.META + "Patch"}} for media in PATCHES}
        single["patch"] = operation(
            "patch", parameters=[*writes, _query("force")], requestBody={"content": content}
        )
        single["put"] = operation("put", parameters=writes, requestBody=body)
        single["delete"] = operation("delete", parameters=writes[:1])
    yield f"{base}/{kind.plural}", collection
    yield f"{base}/{kind.plural}/{{name}}", single


def _query(name: str) -> Json:
    kind = "boolean" if name == "force" else "string"
    return {"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": True}}
