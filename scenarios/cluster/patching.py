"""Merge patches (RFC 7386), JSON patches (RFC 6902) and strategic merge patches (Kubernetes' own)."""

from __future__ import annotations

import json
from typing import Any

from lamplighter.scenarios.cluster.errors import ApiError, bad_request
from lamplighter.scenarios.cluster.jsons import Json, copied
from lamplighter.scenarios.cluster.schema import field, resolved

DIRECTIVES = ("$patch", "$retainKeys")
ORDER, DELETE_FROM = "$setElementOrder/", "$deleteFromPrimitiveList/"


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merge(out.get(key), value)
    return out


def rejected() -> ApiError:
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def json_patch(target: Json, operations: Any) -> Json:
    """RFC 6902; one operation that cannot be done refuses the whole patch with 422."""
    if not isinstance(operations, list):
        name = "object" if isinstance(operations, dict) else type(operations).__name__
        raise bad_request(
            f"error decoding patch: json: cannot unmarshal {name} into Go value of type []handlers.jsonPatchOp"
        )
    out: Any = copied(target)
    try:
        for operation in operations:
            out = _operate(out, operation)
    except (KeyError, IndexError, ValueError, TypeError):
        raise rejected() from None
    return _object(out)


def _object(value: Any) -> Json:
    if not isinstance(value, dict):
        raise rejected()
    return value


def _operate(doc: Any, operation: Json) -> Any:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            return _put(doc, path, operation["value"], insert=True)
        case "replace":
            _get(doc, path)
            return _put(doc, path, operation["value"], insert=False)
        case "remove":
            return _drop(doc, path)
        case "move":
            value = _get(doc, _pointer(operation["from"]))
            return _put(_drop(doc, _pointer(operation["from"])), path, value, insert=True)
        case "copy":
            return _put(doc, path, copied(_get(doc, _pointer(operation["from"]))), insert=True)
        case "test":
            if _get(doc, path) != operation.get("value"):
                raise ValueError("test failed")
            return doc
        case other:
            raise ValueError(other)


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError(text)
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _step(node: Any, part: str) -> Any:
    return node[int(part)] if isinstance(node, list) else node[part]


def _get(doc: Any, path: list[str]) -> Any:
    for part in path:
        doc = _step(doc, part)
    return doc


def _put(doc: Any, path: list[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    node, last = _get(doc, path[:-1]), path[-1]
    if isinstance(node, list):
        index = len(node) if last == "-" else int(last)
        if not 0 <= index <= len(node):
            raise IndexError(last)
        if insert:
            node.insert(index, value)
        else:
            node[index] = value
    else:
        node[last] = value
    return doc


def _drop(doc: Any, path: list[str]) -> Any:
    node, last = _get(doc, path[:-1]), path[-1]
    if isinstance(node, list):
        del node[int(last)]
    else:
        del node[last]
    return doc


def strategic(target: Json, patch: Json, node: Json) -> Json:
    """Strategic merge: lists with a merge key are merged by it. `node` is the schema of both."""
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if patch.get("$patch") == "delete":
        return {}
    out = dict(target)
    if "$retainKeys" in patch:
        out = {key: value for key, value in out.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith(DELETE_FROM):
            name = key[len(DELETE_FROM) :]
            out[name] = [item for item in out.get(name) or () if item not in value]
        elif key in DIRECTIVES or key.startswith(ORDER):
            continue
        elif value is None:
            out.pop(key, None)
        else:
            order = patch.get(ORDER + key)
            out[key] = _strategic_value(out.get(key), value, field(node, key) or {}, order)
    _orders_alone(out, patch, node)
    return out


def _orders_alone(out: Json, patch: Json, node: Json) -> None:
    """A `$setElementOrder` without a list beside it orders what is there."""
    for key, order in patch.items():
        name = key[len(ORDER) :]
        if key.startswith(ORDER) and name not in patch and isinstance(out.get(name), list):
            out[name] = _ordered(
                out[name], order, (field(node, name) or {}).get("x-kubernetes-patch-merge-key")
            )


def _strategic_value(target: Any, patch: Any, node: Json, order: list[Any] | None) -> Any:
    if isinstance(patch, dict):
        return strategic(target if isinstance(target, dict) else {}, patch, resolved(node))
    merges = "merge" in str(node.get("x-kubernetes-patch-strategy", ""))
    if not isinstance(patch, list) or not merges:
        return patch
    current = list(target) if isinstance(target, list) else []
    key = node.get("x-kubernetes-patch-merge-key")
    if key is None:
        return _ordered(current + [item for item in patch if item not in current], order, None)
    return _ordered(_merged_list(current, patch, key, resolved(node.get("items", {}))), order, key)


def _merged_list(current: list[Json], patch: list[Json], key: str, node: Json) -> list[Json]:
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    for item in patch:
        if key not in item and "$patch" not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        places = [index for index, entry in enumerate(current) if entry.get(key) == item.get(key)]
        if item.get("$patch") == "delete":
            current = [entry for entry in current if entry.get(key) != item.get(key)]
        elif places:
            current[places[0]] = strategic(current[places[0]], item, node)
        else:
            current.append(strategic({}, item, node))
    return current


def _ordered(items: list[Any], order: list[Any] | None, key: str | None) -> list[Any]:
    """Items in the order that the patch asks for; what it does not name keeps its place behind."""
    if not order:
        return items
    names = [json.dumps(entry.get(key) if key and isinstance(entry, dict) else entry) for entry in order]

    def place(item: Any) -> int:
        name = json.dumps(item.get(key) if key and isinstance(item, dict) else item)
        return names.index(name) if name in names else len(names)

    return sorted(items, key=place)
