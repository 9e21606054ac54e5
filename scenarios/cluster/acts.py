"""How controllers write: the same pipeline as requests, as the system's own user."""

from __future__ import annotations

from lamplighter.scenarios.cluster import writes
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.jsons import Json, name_of, namespace_of
from lamplighter.scenarios.cluster.writes import Options

QUIET = Options("kube-controller-manager", tracked=False)


def create(cluster: Cluster, key: str, obj: Json) -> Json:
    """Create an object; raises ApiError as for anyone."""
    return writes.create(cluster, cluster.registry.of_key(key), namespace_of(obj), obj, QUIET)


def update(cluster: Cluster, key: str, new: Json, old: Json, tracked: bool = False) -> Json:
    """Change the spec or metadata of an object."""
    options = Options("kube-controller-manager", tracked=tracked)
    return writes.update(cluster, cluster.registry.of_key(key), new, old, options)


def set_status(cluster: Cluster, key: str, obj: Json, status: Json) -> Json:
    """Write the status if it is another one."""
    if obj.get("status") == status:
        return obj
    return cluster.store.put(key, {**obj, "metadata": dict(obj["metadata"]), "status": status})


def set_metadata(cluster: Cluster, key: str, obj: Json, metadata: Json) -> Json:
    if obj["metadata"] == metadata:
        return obj
    return cluster.store.put(key, {**obj, "metadata": metadata})


def delete(cluster: Cluster, key: str, obj: Json, body: Json | None = None) -> None:
    """Delete an object if it is still there."""
    found = cluster.store.get(key, namespace_of(obj), name_of(obj))
    if found is not None:
        writes.delete(cluster, cluster.registry.of_key(key), found, QUIET, body)


def condition(
    cluster: Cluster, status: Json, kind: str, value: str, reason: str, message: str, updated: bool = False
) -> None:
    """Set a condition in place; its transition time moves only when its value does."""
    now = cluster.clock.stamp()
    found = status.setdefault("conditions", [])
    for entry in found:
        if entry["type"] == kind:
            if entry["status"] != value:
                entry["lastTransitionTime"] = now
            elif entry.get("reason") == reason and entry.get("message") == message:
                return
            entry.update(status=value, reason=reason, message=message)
            if updated:
                entry["lastUpdateTime"] = now
            return
    entry = {"type": kind, "status": value}
    if updated:
        entry["lastUpdateTime"] = now
    found.append({**entry, "lastTransitionTime": now, "reason": reason, "message": message})
