"""Sets of fields, and who manages them: the FieldsV1 form of `metadata.managedFields`.

A path is a tuple of FieldsV1 steps: `f:name` of a field or key, `k:{...}` of an item of a keyed list, `v:...` of one
of a set. An item that is itself a member of the set ends in ".". Semantics: sigs.k8s.io/structured-merge-diff.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from lamplighter.scenarios.cluster.errors import Cause
from lamplighter.scenarios.cluster.jsons import Json, compact
from lamplighter.scenarios.cluster.schema import field, resolved

Path: TypeAlias = tuple[str, ...]
UNMANAGED = {
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata", "f:name"),
    ("f:metadata", "f:namespace"),
    ("f:metadata", "f:uid"),
    ("f:metadata", "f:creationTimestamp"),
    ("f:metadata", "f:generation"),
    ("f:metadata", "f:resourceVersion"),
    ("f:metadata", "f:managedFields"),
    ("f:metadata", "f:selfLink"),
    ("f:metadata", "f:generateName"),
}
UNMANAGED_ON_APPLY = UNMANAGED | {("f:metadata", "f:deletionTimestamp")}


def is_atomic(node: Json) -> bool:
    inner = resolved(node)
    marks = {node.get("x-kubernetes-map-type"), inner.get("x-kubernetes-map-type")}
    return "atomic" in marks


def paths(value: Any, node: Json, applied: bool) -> dict[Path, Any]:
    """The fields of an object and their values. An applied set holds items of lists; one that is compared holds maps
    too, since creating a map is something that a manager did."""
    return {path: item for path, item in _walk(value, node, (), applied) if not _unmanaged(path)}


def _unmanaged(path: Path) -> bool:
    return path[:2] in UNMANAGED or path[:1] in UNMANAGED or path in ((), ("f:metadata",), (".",))


def _walk(value: Any, node: Json, path: Path, applied: bool) -> Iterator[tuple[Path, Any]]:
    inner = resolved(node)
    if isinstance(value, dict) and not is_atomic(node) and inner.get("type", "object") == "object":
        if not value and path:
            yield path, value
            return
        if not applied and path:
            yield (*path, "."), None
        for key, item in value.items():
            yield from _walk(item, field(inner, key) or {}, (*path, f"f:{key}"), applied)
    elif isinstance(value, list) and node.get("x-kubernetes-list-type") in ("map", "set") and value:
        if not applied:
            yield (*path, "."), None
        yield from _items(value, node, path, applied)
    else:
        yield path, value


def _items(value: list[Any], node: Json, path: Path, applied: bool) -> Iterator[tuple[Path, Any]]:
    keys = node.get("x-kubernetes-list-map-keys")
    for item in value:
        if keys and isinstance(item, dict):
            inner = (*path, "k:" + item_key(item, keys))
            yield (*inner, "."), None
            for key, part in item.items():
                yield from _walk(part, field(node["items"], key) or {}, (*inner, f"f:{key}"), applied)
        else:
            yield (*path, "v:" + compact(item)), item


def item_key(item: Json, keys: list[str]) -> str:
    """The key of a list's item; a protocol that is left out is TCP, the one default of a key in the API."""
    found = {key: item.get(key, "TCP" if key == "protocol" else None) for key in keys}
    return compact({key: value for key, value in found.items() if value is not None})


def encode(found: set[Path]) -> Json:
    """FieldsV1."""
    out: Json = {}
    for path in sorted(found):
        node = out
        for step in path:
            node = node.setdefault(step, {})
    return out


def decode(tree: Json) -> set[Path]:
    """The set that a FieldsV1 says. A leaf is a member; "." makes its parent one."""
    return set(_leaves(tree, ()))


def _leaves(tree: Json, path: Path) -> Iterator[Path]:
    if not tree and path:
        yield path
    for step, inner in tree.items():
        yield from _leaves(inner, (*path, step))


def shown(path: Path) -> str:
    """A path as conflicts name it: `.spec.containers[name="a"].image`."""
    out = ""
    for step in path:
        if step.startswith("f:"):
            out += "." + step[2:]
        elif step.startswith("k:"):
            pairs = ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(step[2:]).items())
            out += f"[{pairs}]"
        elif step.startswith("v:"):
            out += f"[={step[2:]}]"
    return out


def conflict_cause(path: Path, manager: Json, api_version: str) -> Cause:
    """How a conflict names the other manager."""
    text = f'conflict with "{manager["manager"]}"'
    if manager.get("subresource"):
        text += f' with subresource "{manager["subresource"]}"'
    if manager.get("operation") == "Update":
        text += f" using {manager.get('apiVersion', api_version)}"
    return Cause(shown(path), "FieldManagerConflict", text)
