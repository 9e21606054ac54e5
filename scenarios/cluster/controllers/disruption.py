"""PodDisruptionBudgets: how many pods may go now."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import common
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.jsons import (
    Json,
    at,
    controller_of,
    copied,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
)
from lamplighter.scenarios.cluster.selectors import selects
from lamplighter.scenarios.cluster.store import Change

KEY = "poddisruptionbudgets.policy"
SCALED = {
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
    "ReplicationController": "replicationcontrollers",
}


class Disruption:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        space = namespace_of(change.obj)
        if change.key == KEY:
            yield space, name_of(change.obj)
        elif change.key == "pods":
            labels = [labels_of(obj) for obj in (change.obj, change.before) if obj is not None]
            for budget in self.cluster.store.all(KEY, space):
                if any(selects(at(budget, "spec", "selector"), found) for found in labels):
                    yield space, name_of(budget)
        elif change.key in SCALED.values():
            now = None if change.type == "DELETED" else at(change.obj, "spec", "replicas")
            if now != at(change.before, "spec", "replicas"):
                for budget in self.cluster.store.all(KEY, space):
                    yield space, name_of(budget)

    def reconcile(self, key: Key) -> float | None:
        budget = self.cluster.store.get(KEY, *key)
        if budget is None:
            return None
        found = common.pods_selected(self.cluster.store, key[0], at(budget, "spec", "selector"))
        pods = [pod for pod in found if common.is_active(pod)]
        expected, desired = self._wanted(budget, pods)
        status = copied(budget.get("status") or {})
        disrupted = {
            name: when
            for name, when in (status.get("disruptedPods") or {}).items()
            if (pod := self.cluster.store.get("pods", key[0], name)) is not None and not is_deleting(pod)
        }
        healthy = sum(common.is_ready(pod) and name_of(pod) not in disrupted for pod in pods)
        allowed = max(0, healthy - desired) if expected else 0
        status |= {
            "observedGeneration": budget["metadata"]["generation"],
            "disruptionsAllowed": allowed,
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "expectedPods": expected,
            "disruptedPods": disrupted,
        }
        if not disrupted:
            del status["disruptedPods"]
        value, reason = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
        acts.condition(self.cluster, status, "DisruptionAllowed", value, reason, "")
        status["conditions"][0]["observedGeneration"] = budget["metadata"]["generation"]
        acts.set_status(self.cluster, KEY, budget, status)
        return None

    def _wanted(self, budget: Json, pods: list[Json]) -> tuple[int, int]:
        """(pods that there should be, pods that must stay healthy)."""
        spec = budget.get("spec") or {}
        least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
        if most is not None:
            expected = self._expected(pods)
            return expected, max(0, expected - common.share(most, expected, up=True))
        if isinstance(least, str):
            expected = self._expected(pods)
            return expected, common.share(least, expected, up=True)
        return len(pods), int(least if least is not None else 1)

    def _expected(self, pods: list[Json]) -> int:
        """The sum of the replicas of the pods' controllers."""
        owners = {(owner["kind"], owner["name"]) for pod in pods if (owner := controller_of(pod)) is not None}
        space = namespace_of(pods[0]) if pods else ""
        total = 0
        for kind, name in sorted(owners):
            found = self.cluster.store.get(SCALED.get(kind, ""), space, name)
            total += (at(found, "spec", "replicas") or 0) if found else 0
        return total
