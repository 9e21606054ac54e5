"""CustomResourceDefinitions: a definition that stands makes its kinds served; one that goes takes its objects along."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.jsons import Json, copied, name_of, namespace_of
from lamplighter.scenarios.cluster.kinds import custom_kinds
from lamplighter.scenarios.cluster.store import Change

KEY = "customresourcedefinitions.apiextensions.k8s.io"


class Definitions:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._served: dict[str, tuple[str, str]] = {}

    def keys(self, change: Change) -> Iterator[Key]:
        if change.key == KEY:
            yield (name_of(change.obj),)

    def reconcile(self, key: Key) -> float | None:
        definition = self.cluster.store.get(KEY, "", key[0])
        served = self._served.get(key[0])
        if definition is None:
            if served is not None:
                self._withdraw(key[0], served)
            return None
        spec = definition["spec"]
        if served is not None:
            self.cluster.registry.remove(*served)
        for kind in custom_kinds(definition):
            self.cluster.registry.add(kind)
        self._served[key[0]] = (spec["group"], spec["names"]["plural"])
        acts.set_status(self.cluster, KEY, definition, self._status(definition))
        return None

    def _withdraw(self, name: str, served: tuple[str, str]) -> None:
        group, plural = served
        for obj in self.cluster.store.all(f"{plural}.{group}"):
            self.cluster.store.remove(f"{plural}.{group}", namespace_of(obj), name_of(obj))
        self.cluster.registry.remove(group, plural)
        del self._served[name]

    def _status(self, definition: Json) -> Json:
        spec = definition["spec"]
        status: Json = copied(definition.get("status") or {})
        status["conditions"] = status.get("conditions") or []
        acts.condition(self.cluster, status, "NamesAccepted", "True", "NoConflicts", "no conflicts found")
        acts.condition(
            self.cluster,
            status,
            "Established",
            "True",
            "InitialNamesAccepted",
            "the initial names have been accepted",
        )
        status["acceptedNames"] = spec["names"]
        status["storedVersions"] = [v["name"] for v in spec["versions"] if v.get("storage")]
        return status
