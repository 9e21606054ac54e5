"""The objects of a cluster with one growing resourceVersion, the history that watches read, and indexes.

Objects in the store are never changed in place: a writer puts a new one. Whoever reads may keep what it got.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from lamplighter.scenarios.cluster.jsons import Json, name_of, namespace_of

HISTORY = 10_000
"""Changes that a watch may go back to; before them it gets 410."""

Listener = Callable[["Change"], None]


class Change(NamedTuple):
    """One write. `type` is ADDED, MODIFIED or DELETED; `before` is the object that it replaced."""

    version: int
    type: str
    key: str
    obj: Json
    before: Json | None


class Store:
    """All objects, by kind (`Kind.key`), namespace ("" for none) and name."""

    def __init__(self) -> None:
        self.version = 1
        self.oldest = 1
        self.history: deque[Change] = deque(maxlen=HISTORY)
        self.listeners: list[Listener] = []
        self._objects: dict[str, dict[str, dict[str, Json]]] = {}
        self._owned: dict[str, dict[tuple[str, str, str], None]] = {}
        self._on_node: dict[str, dict[tuple[str, str], None]] = {}
        self.node_changes: dict[str, int] = {}
        """How often a node's pods changed: what is computed of them holds until then."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Store:
        """A store that goes its own way from here, without history. What is never changed in place is shared."""
        new = Store()
        memo[id(self)] = new
        new.version, new.oldest = self.version, self.version
        new._objects = {
            key: {space: dict(found) for space, found in spaces.items()}
            for key, spaces in self._objects.items()
        }
        new._owned = {uid: dict(found) for uid, found in self._owned.items()}
        new._on_node = {node: dict(found) for node, found in self._on_node.items()}
        new.node_changes = dict(self.node_changes)
        new.listeners = copy.deepcopy(self.listeners, memo)
        return new

    def get(self, key: str, namespace: str, name: str) -> Json | None:
        return self._objects.get(key, {}).get(namespace, {}).get(name)

    def all(self, key: str, namespace: str | None = None) -> list[Json]:
        """Objects of a kind, in one namespace or in all, in the order of etcd's keys."""
        spaces = self._objects.get(key, {})
        if namespace is not None:
            return [obj for _, obj in sorted(spaces.get(namespace, {}).items())]
        return [obj for _, space in sorted(spaces.items()) for _, obj in sorted(space.items())]

    def each(self, key: str) -> Iterator[Json]:
        """Objects of a kind in no order: without the cost of sorting."""
        for space in self._objects.get(key, {}).values():
            yield from space.values()

    def count(self, key: str) -> int:
        return sum(len(space) for space in self._objects.get(key, {}).values())

    def owned_by(self, uid: str, key: str | None = None) -> list[Json]:
        """Objects with an owner reference to that uid, in order."""
        found = sorted(entry for entry in self._owned.get(uid, ()) if key is None or entry[0] == key)
        return [self._objects[kind][namespace][name] for kind, namespace, name in found]

    def owned_entries(self, uid: str) -> list[tuple[str, str, str]]:
        """(kind, namespace, name) of the objects with an owner reference to that uid."""
        return sorted(self._owned.get(uid, ()))

    def on_node(self, node: str) -> list[Json]:
        """Pods bound to a node, in order."""
        pods = self._objects.get("pods", {})
        return [pods[namespace][name] for namespace, name in sorted(self._on_node.get(node, ()))]

    def put(self, key: str, obj: Json) -> Json:
        """Store a new object or a new state of one; gives it its resourceVersion and tells the listeners."""
        namespace, name = namespace_of(obj), name_of(obj)
        before = self.get(key, namespace, name)
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        if before is not None:
            self._unindex(key, before)
        self._objects.setdefault(key, {}).setdefault(namespace, {})[name] = obj
        self._index(key, obj)
        self._tell(Change(self.version, "ADDED" if before is None else "MODIFIED", key, obj, before))
        return obj

    def remove(self, key: str, namespace: str, name: str) -> Json:
        """Take an object out; what its watchers see has the version of the removal. KeyError when there is none."""
        before = self._objects[key][namespace].pop(name)
        self._unindex(key, before)
        self.version += 1
        last = {**before, "metadata": {**before["metadata"], "resourceVersion": str(self.version)}}
        self._tell(Change(self.version, "DELETED", key, last, before))
        return last

    def compact(self) -> None:
        """Forget the history, as etcd's compaction does."""
        self.history.clear()
        self.oldest = self.version

    def since(self, version: int) -> list[Change] | None:
        """Changes after that version, None where they are no longer kept."""
        if version < self.oldest:
            return None
        found = []
        for change in reversed(self.history):
            if change.version <= version:
                break
            found.append(change)
        return found[::-1]

    def _tell(self, change: Change) -> None:
        if len(self.history) == HISTORY:
            self.oldest = self.history[0].version
        self.history.append(change)
        for listener in self.listeners:
            listener(change)

    def _index(self, key: str, obj: Json) -> None:
        entry = (key, namespace_of(obj), name_of(obj))
        for owner in obj["metadata"].get("ownerReferences") or ():
            self._owned.setdefault(owner["uid"], {})[entry] = None
        node = obj.get("spec", {}).get("nodeName") if key == "pods" else None
        if node:
            self._on_node.setdefault(node, {})[entry[1:]] = None
            self.node_changes[node] = self.node_changes.get(node, 0) + 1

    def _unindex(self, key: str, obj: Json) -> None:
        entry = (key, namespace_of(obj), name_of(obj))
        for owner in obj["metadata"].get("ownerReferences") or ():
            found = self._owned.get(owner["uid"])
            if found is not None:
                found.pop(entry, None)
                if not found:
                    del self._owned[owner["uid"]]
        node = obj.get("spec", {}).get("nodeName") if key == "pods" else None
        if node and node in self._on_node:
            self._on_node[node].pop(entry[1:], None)
            self.node_changes[node] = self.node_changes.get(node, 0) + 1
