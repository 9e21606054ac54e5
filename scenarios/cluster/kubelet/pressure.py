"""What a kubelet does when memory or disk of its node runs short: conditions, events, and the eviction of pods.

Thresholds, order and times are the kubelet's defaults (Kubernetes documentation, "Node-pressure Eviction").
"""

from __future__ import annotations

from typing import NamedTuple

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers.load import requests
from lamplighter.scenarios.cluster.events import record
from lamplighter.scenarios.cluster.jsons import Json, at, condition, copied, is_deleting, name_of
from lamplighter.scenarios.cluster.kubelet.behaviour import behaviour_of
from lamplighter.scenarios.cluster.kubelet.facts import facts_of
from lamplighter.scenarios.cluster.kubelet.periodic import EveryNode
from lamplighter.scenarios.cluster.metrics import NODE_OWN, container_usage
from lamplighter.scenarios.cluster.quantities import amount

TRANSITION = 300.0
"""How long a condition stays after the pressure is gone (eviction-pressure-transition-period)."""
MEBI = 1024**2


class Signal(NamedTuple):
    """A resource of the node that can run short, and what the kubelet says about it."""

    condition: str
    resource: str
    under: tuple[str, str, str]
    """Event, reason and message while it is short."""
    well: tuple[str, str, str]


MEMORY = Signal(
    "MemoryPressure",
    "memory",
    (
        "NodeHasInsufficientMemory",
        "KubeletHasInsufficientMemory",
        "kubelet has insufficient memory available",
    ),
    ("NodeHasSufficientMemory", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
)
DISK = Signal(
    "DiskPressure",
    "ephemeral-storage",
    ("NodeHasDiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure"),
    ("NodeHasNoDiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
)


class Pressure(EveryNode):
    """All nodes' eviction managers; idle while no scenario scripts memory or disk."""

    PERIOD = 10.0

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._seen: dict[tuple[str, str], float] = {}

    def look(self, node: Json) -> None:
        """Report the node's pressures and evict what is too much."""
        if self._scripted():
            for signal in (MEMORY, DISK):
                self._look(name_of(node), signal)
            self._over_limit(name_of(node))

    def _scripted(self) -> bool:
        rules = (rule.behaviour for rule in self.cluster.rules)
        return bool(self.cluster.usage) or any("memory" in rule or "disk" in rule for rule in rules)

    def _pods(self, node: str) -> list[Json]:
        pods = self.cluster.store.on_node(node)
        return [pod for pod in pods if at(pod, "status", "phase") == "Running" and not is_deleting(pod)]

    def _used(self, pod: Json, container: Json, signal: Signal) -> int:
        if signal is MEMORY:
            return int(amount(container_usage(self.cluster, pod, container["name"])["memory"]))
        facts = facts_of(self.cluster.store, pod, container)
        return behaviour_of(pod, container, self.cluster.rules, facts).disk

    def _total(self, pod: Json, signal: Signal) -> int:
        return sum(self._used(pod, container, signal) for container in pod["spec"]["containers"])

    def _look(self, name: str, signal: Signal) -> None:
        node = self.cluster.store.get("nodes", "", name) or {}
        capacity = int(amount(at(node, "status", "capacity", signal.resource)))
        own = int(NODE_OWN["memory"]) if signal is MEMORY else 0
        pods = self._pods(name)
        available = max(0, capacity - own - sum(self._total(pod, signal) for pod in pods))
        threshold = 100 * MEBI if signal is MEMORY else capacity // 10
        now = self.cluster.clock.now()
        if available < threshold:
            self._seen[name, signal.condition] = now
            self._set(node, signal, "True", signal.under)
            text = f"Attempting to reclaim {signal.resource}"
            record(self.cluster, node, "Warning", "EvictionThresholdMet", text, "kubelet", name)
            self._evict_one(pods, signal, threshold, available)
        elif now - self._seen.get((name, signal.condition), -TRANSITION) >= TRANSITION:
            found = condition(node, signal.condition)
            if found is not None and found["status"] == "True":
                self._set(node, signal, "False", signal.well)

    def _set(self, node: Json, signal: Signal, value: str, words: tuple[str, str, str]) -> None:
        found = condition(node, signal.condition)
        if found is None or found["status"] == value:
            return
        status = copied(node["status"])
        acts.condition(self.cluster, status, signal.condition, value, words[1], words[2])
        name = name_of(node)
        acts.set_status(self.cluster, "nodes", node, status)
        text = f"Node {name} status is now: {words[0]}"
        record(self.cluster, node, "Normal", words[0], text, "kubelet", name)

    def _evict_one(self, pods: list[Json], signal: Signal, threshold: int, available: int) -> None:
        """Evict the pod that goes first: over its request, of low priority, and furthest over it."""

        def rank(pod: Json) -> tuple[bool, int, int, str]:
            over = self._total(pod, signal) - int(requests(pod).get(signal.resource, 0))
            return over <= 0, pod["spec"].get("priority", 0), -over, name_of(pod)

        if not pods:
            return
        pod = min(pods, key=rank)
        worst = max(pod["spec"]["containers"], key=lambda entry: self._used(pod, entry, signal))
        request = at(worst, "resources", "requests", signal.resource) or "0"
        text = (
            f"The node was low on resource: {signal.resource}. Threshold quantity: {_bytes(threshold)}, available: "
            f"{_bytes(available)}. Container {worst['name']} was using {_bytes(self._used(pod, worst, signal))}, "
            f"request is {request}, has larger consumption of {signal.resource}. "
        )
        self._evict(pod, text)

    def _over_limit(self, name: str) -> None:
        for pod in self._pods(name):
            limits = [at(c, "resources", "limits", "ephemeral-storage") for c in pod["spec"]["containers"]]
            most = sum(int(amount(limit)) for limit in limits if limit)
            if most and self._total(pod, DISK) > most:
                text = f"Pod ephemeral local storage usage exceeds the total limit of containers {_bytes(most)}. "
                self._evict(pod, text)

    def _evict(self, pod: Json, text: str) -> None:
        record(self.cluster, pod, "Warning", "Evicted", text, "kubelet", pod["spec"]["nodeName"])
        status = copied(pod["status"]) | {"phase": "Failed", "reason": "Evicted", "message": text}
        now = self.cluster.clock.stamp()
        for entry in status.get("containerStatuses") or ():
            since = at(entry, "state", "running", "startedAt") or now
            ended = {"exitCode": 137, "reason": "Error", "startedAt": since, "finishedAt": now}
            entry |= {"ready": False, "started": False, "state": {"terminated": ended}}
        for kind in ("Ready", "ContainersReady"):
            acts.condition(self.cluster, status, kind, "False", "PodFailed", "")
        acts.condition(self.cluster, status, "DisruptionTarget", "True", "TerminationByKubelet", text)
        acts.set_status(self.cluster, "pods", pod, status)


def _bytes(value: int) -> str:
    """Bytes with the largest binary suffix that is exact, as Kubernetes spells quantities."""
    for size, suffix in ((1024**3, "Gi"), (MEBI, "Mi"), (1024, "Ki")):
        if value and value % size == 0:
            return f"{value // size}{suffix}"
    return str(value)
