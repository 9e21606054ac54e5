"""Field managers: what an update makes its manager own, and server-side apply with its conflicts."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from lamplighter.scenarios.cluster import fields
from lamplighter.scenarios.cluster.errors import ApiError
from lamplighter.scenarios.cluster.fields import Path
from lamplighter.scenarios.cluster.jsons import Json, copied
from lamplighter.scenarios.cluster.schema import field, resolved


class Writer(NamedTuple):
    """Who writes: the manager's name, the apiVersion of its request, the subresource, and the time."""

    manager: str
    api_version: str
    subresource: str
    time: str


def entries_of(obj: Json | None) -> list[Json]:
    return list((obj or {}).get("metadata", {}).get("managedFields") or ())


def update(old: Json | None, new: Json, node: Json, writer: Writer) -> list[Json]:
    """managedFields after an update: what changed is the writer's, and nobody else's any more."""
    before = fields.paths(old, node, applied=False) if old else {}
    after = fields.paths(new, node, applied=False)
    missing = object()
    changed = {path for path, value in after.items() if before.get(path, missing) != value}
    gone = set(before) - set(after)
    out = []
    own: set[Path] = set(changed)
    for entry in entries_of(old):
        owned = fields.decode(entry["fieldsV1"]) - gone
        if _same(entry, writer, "Update"):
            own |= owned
            continue
        owned -= changed - {path for path in changed if path[-1] == "."}
        if owned:
            out.append({**entry, "fieldsV1": fields.encode(owned)})
    if own:
        out.append(_entry(writer, "Update", own))
    return sorted(out, key=_order)


def _same(entry: Json, writer: Writer, operation: str) -> bool:
    return (
        entry["manager"] == writer.manager
        and entry["operation"] == operation
        and (entry.get("subresource") or "") == writer.subresource
        and (operation == "Apply" or entry.get("apiVersion") == writer.api_version)
    )


def _entry(writer: Writer, operation: str, own: set[Path]) -> Json:
    entry = {
        "manager": writer.manager,
        "operation": operation,
        "apiVersion": writer.api_version,
        "time": writer.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields.encode(own),
    }
    if writer.subresource:
        entry["subresource"] = writer.subresource
    return entry


def _order(entry: Json) -> tuple[int, str, str]:
    return (0 if entry["operation"] == "Apply" else 1, entry.get("time") or "", entry["manager"])


def apply(live: Json | None, wanted: Json, node: Json, writer: Writer, force: bool) -> Json:
    """The object after a server-side apply. Raises 409 with a cause for each field of another manager that differs.

    What the manager applied before and leaves out now is removed, unless another manager has it too.
    """
    wanted_paths = fields.paths(wanted, node, applied=True)
    live_paths = fields.paths(live, node, applied=True) if live else {}
    others: list[tuple[Json, set[Path]]] = []
    previous: set[Path] = set()
    for entry in entries_of(live):
        owned = fields.decode(entry["fieldsV1"])
        if _same(entry, writer, "Apply"):
            previous = owned
        else:
            others.append((entry, owned))
    _check_conflicts(wanted_paths, live_paths, others, writer, force)
    kept_elsewhere = {path for _, owned in others for path in owned}
    removed = previous - set(wanted_paths) - kept_elsewhere
    merged: Json = _merge(_without(live, removed, node) if live else {}, wanted, node)
    taken = {path for path, value in wanted_paths.items() if live_paths.get(path) != value}
    merged.setdefault("metadata", {})["managedFields"] = _applied(
        others, taken, set(wanted_paths), writer, live
    )
    return merged


def _check_conflicts(
    wanted: dict[Path, Any],
    live: dict[Path, Any],
    others: list[tuple[Json, set[Path]]],
    writer: Writer,
    force: bool,
) -> None:
    causes = [
        fields.conflict_cause(path, entry, writer.api_version)
        for entry, owned in others
        for path, value in sorted(wanted.items(), key=lambda pair: pair[0])
        if path in owned and path[-1] != "." and path in live and live[path] != value
    ]
    if not causes or force:
        return
    listed = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    if len(causes) == 1:
        text = f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        groups: dict[str, list[str]] = {}
        for cause in causes:
            groups.setdefault(cause.message, []).append(cause.field)
        lines = [f"{who}:\n- " + "\n- ".join(names) for who, names in groups.items()]
        text = f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines)
    raise ApiError(409, "Conflict", text, {"causes": listed})


def _applied(
    others: list[tuple[Json, set[Path]]], taken: set[Path], own: set[Path], writer: Writer, live: Json | None
) -> list[Json]:
    out = []
    for entry, owned in others:
        left = owned - taken
        if left:
            out.append({**entry, "fieldsV1": fields.encode(left)} if left != owned else entry)
    before = next((entry for entry in entries_of(live) if _same(entry, writer, "Apply")), None)
    mine = _entry(writer, "Apply", own)
    if before and before["fieldsV1"] == mine["fieldsV1"]:
        mine["time"] = before["time"]
    return sorted([*out, mine], key=_order)


def _merge(live: Any, wanted: Any, node: Json) -> Any:
    """`wanted` laid over `live`: maps by key, keyed lists by key, sets joined, the rest replaced."""
    inner = resolved(node)
    if isinstance(wanted, dict) and isinstance(live, dict) and not fields.is_atomic(node):
        out = dict(live)
        for key, value in wanted.items():
            out[key] = _merge(out.get(key), value, field(inner, key) or {}) if key in out else copied(value)
        return out
    kind = node.get("x-kubernetes-list-type")
    if not isinstance(wanted, list) or not isinstance(live, list) or kind not in ("map", "set"):
        return copied(wanted)
    if kind == "set":
        return live + [item for item in wanted if item not in live]
    keys = node["x-kubernetes-list-map-keys"]
    found = {fields.item_key(item, keys): item for item in live}
    for item in wanted:
        key = fields.item_key(item, keys)
        found[key] = _merge(found[key], item, node["items"]) if key in found else copied(item)
    return list(found.values())


def _without(live: Json, removed: set[Path], node: Json) -> Json:
    out: Json = copied(live)
    for path in sorted(removed, key=len, reverse=True):
        _remove(out, path[:-1] if path[-1] == "." else path, node)
    return out


def _remove(value: Any, path: Path, node: Json) -> None:
    for step in path[:-1]:
        value, node = _child(value, step, node)
        if value is None:
            return
    last = path[-1]
    if last.startswith("f:") and isinstance(value, dict):
        value.pop(last[2:], None)
        return
    child, _ = _child(value, last, node)
    if isinstance(value, list) and child is not None:
        value.remove(child)


def _child(value: Any, step: str, node: Json) -> tuple[Any, Json]:
    if step.startswith("f:"):
        inner = field(node, step[2:]) or {}
        return (value.get(step[2:]) if isinstance(value, dict) else None), inner
    if not isinstance(value, list):
        return None, {}
    items = node.get("items", {})
    if step.startswith("k:"):
        keys = node.get("x-kubernetes-list-map-keys") or list(json.loads(step[2:]))
        return next((item for item in value if fields.item_key(item, keys) == step[2:]), None), items
    return next((item for item in value if item == json.loads(step[2:])), None), items
