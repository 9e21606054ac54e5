"""Garbage collection: dependents of what is gone, foreground deletion and orphaning."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.jsons import Json, is_deleting, name_of, namespace_of, uid_of
from lamplighter.scenarios.cluster.store import Change

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


class Garbage:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        if change.type == "DELETED":
            yield "gone", uid_of(change.obj)
            for owner in change.obj["metadata"].get("ownerReferences") or ():
                if owner.get("blockOwnerDeletion"):
                    found = self.cluster.registry.of_kind(owner["apiVersion"], owner["kind"])
                    if found is not None:
                        yield (
                            "owner",
                            found.key,
                            namespace_of(change.obj) if found.namespaced else "",
                            owner["name"],
                        )
        elif is_deleting(change.obj) and {FOREGROUND, ORPHAN} & set(
            change.obj["metadata"].get("finalizers") or ()
        ):
            yield "owner", change.key, namespace_of(change.obj), name_of(change.obj)

    def reconcile(self, key: Key) -> float | None:
        if key[0] == "gone":
            for entry in self.cluster.store.owned_entries(key[1]):
                self._release(entry, key[1], delete=True)
            return None
        obj = self.cluster.store.get(*key[1:])
        if obj is None or not is_deleting(obj):
            return None
        finalizers = obj["metadata"].get("finalizers") or []
        if ORPHAN in finalizers:
            for entry in self.cluster.store.owned_entries(uid_of(obj)):
                self._release(entry, uid_of(obj), delete=False)
            self._unfinalize(key[1], obj, ORPHAN)
        elif FOREGROUND in finalizers:
            for entry in self.cluster.store.owned_entries(uid_of(obj)):
                dependent = self.cluster.store.get(*entry)
                if dependent is not None and not is_deleting(dependent):
                    acts.delete(self.cluster, entry[0], dependent, {"propagationPolicy": "Foreground"})
            if not any(
                self._blocks(entry, uid_of(obj)) for entry in self.cluster.store.owned_entries(uid_of(obj))
            ):
                self._unfinalize(key[1], obj, FOREGROUND)
        return None

    def _blocks(self, entry: tuple[str, str, str], uid: str) -> bool:
        dependent = self.cluster.store.get(*entry) or {"metadata": {}}
        owners = dependent["metadata"].get("ownerReferences") or []
        return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)

    def _release(self, entry: tuple[str, str, str], uid: str, delete: bool) -> None:
        """Delete a dependent whose last owner is gone, or take the owner out of it."""
        obj = self.cluster.store.get(*entry)
        if obj is None:
            return
        left = [owner for owner in obj["metadata"].get("ownerReferences") or [] if owner["uid"] != uid]
        if delete and not any(self._alive(owner, entry[1]) for owner in left):
            acts.delete(self.cluster, entry[0], obj, {"propagationPolicy": "Background"})
            return
        meta = {**obj["metadata"], "ownerReferences": left}
        if not left:
            del meta["ownerReferences"]
        acts.set_metadata(self.cluster, entry[0], obj, meta)

    def _alive(self, owner: Json, namespace: str) -> bool:
        kind = self.cluster.registry.of_kind(owner["apiVersion"], owner["kind"])
        if kind is None:
            return False
        found = self.cluster.store.get(kind.key, namespace if kind.namespaced else "", owner["name"])
        return found is not None and uid_of(found) == owner["uid"]

    def _unfinalize(self, key: str, obj: Json, name: str) -> None:
        left = [entry for entry in obj["metadata"]["finalizers"] if entry != name]
        meta = {**obj["metadata"], "finalizers": left}
        if left:
            acts.set_metadata(self.cluster, key, obj, meta)
            return
        del meta["finalizers"]
        acts.set_metadata(self.cluster, key, obj, meta)
        if not meta.get("deletionGracePeriodSeconds"):
            self.cluster.store.remove(key, namespace_of(obj), name_of(obj))
