"""The objects of a cluster with one growing resourceVersion, the history that watches read, and indexes.

Objects in the store are never changed in place: a writer puts a new one. Whoever reads may keep what it got.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from lamplighter.scenarios.cluster.jsons import Json, labels_of, name_of, namespace_of

HISTORY = 10_000
"""Changes that a watch may go back to; before them it gets 410."""

Listener = Callable[["Change"], None]
Entry: TypeAlias = tuple[str, str, str]
"""Where an object is: its kind's key, namespace and name."""
Bucket: TypeAlias = tuple[str, ...]
"""What an index finds objects by: `("owner", uid)`, `("node", name)` or `("label", namespace, name, value)`."""


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
        self._buckets: dict[Bucket, dict[Entry, None]] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Store:
        """A store that goes its own way from here, without history. What is never changed in place is shared."""
        new = Store()
        memo[id(self)] = new
        new.version, new.oldest = self.version, self.version
        new._objects = {
            key: {space: dict(found) for space, found in spaces.items()}
            for key, spaces in self._objects.items()
        }
        new._buckets = {bucket: dict(found) for bucket, found in self._buckets.items()}
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
        return self._found(entry for entry in self._in("owner", uid) if key is None or entry[0] == key)

    def owned_entries(self, uid: str) -> list[Entry]:
        """What has an owner reference to that uid."""
        return sorted(self._in("owner", uid))

    def on_node(self, node: str) -> list[Json]:
        """Pods bound to a node, in order."""
        return self._found(self._in("node", node))

    def pods_with(self, namespace: str, labels: Mapping[str, str]) -> list[Json]:
        """Pods of a namespace that carry all the labels, in order; all its pods where there are no labels."""
        if not labels:
            return self.all("pods", namespace)
        candidates = min((self._in("label", namespace, *pair) for pair in labels.items()), key=len)
        return [pod for pod in self._found(candidates) if labels.items() <= labels_of(pod).items()]

    def _in(self, *bucket: str) -> Collection[Entry]:
        return self._buckets.get(bucket, ())

    def _found(self, entries: Iterable[Entry]) -> list[Json]:
        return [self._objects[key][namespace][name] for key, namespace, name in sorted(entries)]

    def put(self, key: str, obj: Json) -> Json:
        """Store a new object or a new state of one; gives it its resourceVersion and tells the listeners."""
        namespace, name = namespace_of(obj), name_of(obj)
        before = self.get(key, namespace, name)
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._objects.setdefault(key, {}).setdefault(namespace, {})[name] = obj
        self._index((key, namespace, name), before, obj)
        self._tell(Change(self.version, "ADDED" if before is None else "MODIFIED", key, obj, before))
        return obj

    def remove(self, key: str, namespace: str, name: str) -> Json:
        """Take an object out; what its watchers see has the version of the removal. KeyError when there is none."""
        before = self._objects[key][namespace].pop(name)
        self._index((key, namespace, name), before, None)
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

    def _index(self, entry: Entry, before: Json | None, now: Json | None) -> None:
        old, new = _buckets(entry, before), _buckets(entry, now)
        if old == new:
            return
        for bucket in old:
            found = self._buckets[bucket]
            found.pop(entry, None)
            if not found:
                del self._buckets[bucket]
        for bucket in new:
            self._buckets.setdefault(bucket, {})[entry] = None


def _buckets(entry: Entry, obj: Json | None) -> dict[Bucket, None]:
    """Where an object is found: by its owners' uids, and a pod by its node and by each of its labels."""
    if obj is None:
        return {}
    key, namespace, _ = entry
    found: dict[Bucket, None] = {
        ("owner", owner["uid"]): None for owner in obj["metadata"].get("ownerReferences") or ()
    }
    if key == "pods":
        found |= {("label", namespace, *pair): None for pair in labels_of(obj).items()}
        node = obj.get("spec", {}).get("nodeName")
        if node:
            found["node", node] = None
    return found
