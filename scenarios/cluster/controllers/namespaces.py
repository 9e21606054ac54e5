"""Namespaces: what each is given, and how one that is deleted empties itself."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.clock import seconds_of
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.jsons import Json, at, is_deleting, name_of, namespace_of
from lamplighter.scenarios.cluster.store import Change

GRACE_SECONDS = 5.0
"""How long a namespace is left alone after its deletion (namespaceDeletionGracePeriod)."""
ABOUT = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


class Namespaces:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        if change.key == "namespaces":
            if change.type != "DELETED":
                yield (name_of(change.obj),)
            return
        space = namespace_of(change.obj)
        gone = change.type == "DELETED" and space
        given = change.key == "serviceaccounts" and name_of(change.obj) == "default"
        if gone and (
            given or is_deleting(self.cluster.store.get("namespaces", "", space) or {"metadata": {}})
        ):
            yield (space,)

    def reconcile(self, key: Key) -> float | None:
        space = self.cluster.store.get("namespaces", "", key[0])
        if space is None:
            return None
        if is_deleting(space):
            since = seconds_of(space["metadata"]["deletionTimestamp"]) or 0.0
            left = since + GRACE_SECONDS - self.cluster.clock.now()
            if left > 0:
                return left
            self._empty(space)
            return None
        if self.cluster.store.get("configmaps", key[0], "kube-root-ca.crt") is None:
            meta = {
                "name": "kube-root-ca.crt",
                "namespace": key[0],
                "annotations": {"kubernetes.io/description": ABOUT},
            }
            acts.create(self.cluster, "configmaps", {"metadata": meta, "data": {"ca.crt": self.cluster.ca}})
        if self.cluster.store.get("serviceaccounts", key[0], "default") is None:
            acts.create(
                self.cluster, "serviceaccounts", {"metadata": {"name": "default", "namespace": key[0]}}
            )
        return None

    def _empty(self, space: Json) -> None:
        left: dict[str, int] = {}
        held: dict[str, int] = {}
        for kind in list(self.cluster.registry.stored()):
            for obj in self.cluster.store.all(kind.key, name_of(space)) if kind.namespaced else ():
                if not is_deleting(obj):
                    acts.delete(self.cluster, kind.key, obj)
            for obj in self.cluster.store.all(kind.key, name_of(space)) if kind.namespaced else ():
                resource = f"{kind.plural}.{kind.group}" if kind.group else f"{kind.plural}."
                left[resource] = left.get(resource, 0) + 1
                for finalizer in obj["metadata"].get("finalizers") or ():
                    held[finalizer] = held.get(finalizer, 0) + 1
        found = self.cluster.store.get("namespaces", "", name_of(space)) or space
        if left:
            self._report(found, left, held)
            return
        finalizers = [entry for entry in at(found, "spec", "finalizers") or [] if entry != "kubernetes"]
        if finalizers or found["metadata"].get("finalizers"):
            self.cluster.store.put(
                "namespaces",
                {**found, "metadata": dict(found["metadata"]), "spec": {"finalizers": finalizers}},
            )
            return
        self.cluster.store.remove("namespaces", "", name_of(space))

    def _report(self, space: Json, left: dict[str, int], held: dict[str, int]) -> None:
        status: Json = {
            "phase": "Terminating",
            "conditions": [dict(c) for c in at(space, "status", "conditions") or ()],
        }
        remain = ", ".join(f"{name} has {count} resource instances" for name, count in sorted(left.items()))
        acts.condition(
            self.cluster,
            status,
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        )
        acts.condition(
            self.cluster,
            status,
            "NamespaceContentRemaining",
            "True",
            "SomeResourcesRemain",
            f"Some resources are remaining: {remain}",
        )
        if held:
            text = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(held.items()))
            acts.condition(
                self.cluster,
                status,
                "NamespaceFinalizersRemaining",
                "True",
                "SomeFinalizersRemain",
                f"Some content in the namespace has finalizers remaining: {text}",
            )
        acts.set_status(self.cluster, "namespaces", space, status)
