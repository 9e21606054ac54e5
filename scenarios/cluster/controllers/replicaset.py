"""ReplicaSets and ReplicationControllers: as many pods as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import common
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.errors import ApiError
from lamplighter.scenarios.cluster.events import record
from lamplighter.scenarios.cluster.jsons import (
    Json,
    controller_of,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
)
from lamplighter.scenarios.cluster.selectors import selects
from lamplighter.scenarios.cluster.store import Change

KEY = "replicasets.apps"
FIRST_RETRY, LONGEST_RETRY = 1.0, 48.0
"""Seconds after which what was refused is tried again, twice as long each time. Kubernetes goes from 5 ms to 1000 s
(workqueue's DefaultTypedControllerRateLimiter)."""


class Refusal(NamedTuple):
    """Pods that could not be made, when that is tried again, and for which generation of their owner it was tried."""

    why: str
    due: float
    wait: float
    generation: int


class ReplicaSets:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._refused: dict[Key, Refusal] = {}

    def keys(self, change: Change) -> Iterator[Key]:
        yield from common.owner_keys(change, KEY, "ReplicaSet")
        if change.key == "pods" and controller_of(change.obj) is None and change.type != "DELETED":
            for found in self.cluster.store.all(KEY, namespace_of(change.obj)):
                if selects(found["spec"].get("selector"), labels_of(change.obj)):
                    yield namespace_of(found), name_of(found)

    def reconcile(self, key: Key) -> float | None:
        owner = self.cluster.store.get(KEY, *key)
        if owner is None:
            self._refused.pop(key, None)
            return None
        common.adopt(self.cluster, owner)
        pods = common.pods_of(self.cluster, owner)
        failure, again = "", None
        if not is_deleting(owner):
            failure, again = self._try(key, owner, [pod for pod in pods if common.is_active(pod)])
            pods = common.pods_of(self.cluster, owner)
        waiting = self._report(owner, pods, failure)
        return waiting if again is None else again

    def _try(self, key: Key, owner: Json, active: list[Json]) -> tuple[str, float | None]:
        """(why pods could not be made, seconds until it is tried again)."""
        now, generation = self.cluster.clock.now(), owner["metadata"].get("generation", 1)
        before = self._refused.pop(key, None)
        if before and before.generation != generation:
            before = None
        if before and before.due > now and len(active) < owner["spec"].get("replicas", 1):
            self._refused[key] = before
            return before.why, before.due - now
        failure = self._scale(owner, active)
        if not failure:
            return "", None
        wait = min(before.wait * 2, LONGEST_RETRY) if before else FIRST_RETRY
        self._refused[key] = Refusal(failure, now + wait, wait, generation)
        return failure, wait

    def _scale(self, owner: Json, active: list[Json]) -> str:
        """Make or remove pods; why that is refused, "" where it is not."""
        wanted = owner["spec"].get("replicas", 1)
        for _ in range(wanted - len(active)):
            try:
                pod = acts.create(self.cluster, "pods", common.pod_from(owner["spec"]["template"], owner))
            except ApiError as error:
                text = f"Error creating: {error.message}"
                record(self.cluster, owner, "Warning", "FailedCreate", text, "replicaset-controller")
                return error.message
            text = f"Created pod: {name_of(pod)}"
            record(self.cluster, owner, "Normal", "SuccessfulCreate", text, "replicaset-controller")
        for pod in sorted(active, key=common.deletion_rank)[: max(0, len(active) - wanted)]:
            acts.delete(self.cluster, "pods", pod)
            text = f"Deleted pod: {name_of(pod)}"
            record(self.cluster, owner, "Normal", "SuccessfulDelete", text, "replicaset-controller")
        return ""

    def _report(self, owner: Json, pods: list[Json], failure: str) -> float | None:
        found = self.cluster.store.get(KEY, namespace_of(owner), name_of(owner)) or owner
        now, least = self.cluster.clock.now(), found["spec"].get("minReadySeconds", 0)
        active = [pod for pod in pods if common.is_active(pod)]
        ready = [pod for pod in active if common.is_ready(pod)]
        available = [pod for pod in ready if common.is_available(pod, least, now)]
        labels = found["spec"]["template"]["metadata"].get("labels") or {}
        labelled = [pod for pod in active if labels.items() <= labels_of(pod).items()]
        status: Json = {"replicas": len(active), "terminatingReplicas": sum(is_deleting(pod) for pod in pods)}
        counts = {"fullyLabeledReplicas": labelled, "readyReplicas": ready, "availableReplicas": available}
        status |= {name: len(group) for name, group in counts.items() if group}
        status["observedGeneration"] = found["metadata"].get("generation", 1)
        if failure:
            status["conditions"] = [dict(c) for c in (found.get("status") or {}).get("conditions") or ()]
            acts.condition(self.cluster, status, "ReplicaFailure", "True", "FailedCreate", failure)
        acts.set_status(self.cluster, KEY, found, status)
        return float(least) if len(available) < len(ready) else None
