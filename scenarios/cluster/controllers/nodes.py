"""The life of nodes: taints that follow conditions, lost nodes, and the eviction of pods that do not tolerate."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.clock import seconds_of
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import fit
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.events import record
from lamplighter.scenarios.cluster.jsons import Json, at, condition, copied, is_deleting, name_of
from lamplighter.scenarios.cluster.kubelet.kubelet import lease_age
from lamplighter.scenarios.cluster.store import Change

LOST_SECONDS = 50.0
"""Without a heartbeat for so long a node is lost (node-monitor-grace-period)."""
QUARANTINE_SECONDS = 40.0
"""How long the pods of a deleted node are left alone (podgc's quarantineTime)."""
PREFIX = "node.kubernetes.io/"
PRESSURES = {
    "MemoryPressure": "memory-pressure",
    "DiskPressure": "disk-pressure",
    "PIDPressure": "pid-pressure",
}
OURS = {f"{PREFIX}{name}" for name in ("not-ready", "unreachable", "unschedulable", *PRESSURES.values())}


class Nodes:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._gone: dict[str, float] = {}
        self._cordoned: set[str] = set()

    def keys(self, change: Change) -> Iterator[Key]:
        if change.key == "nodes":
            yield (name_of(change.obj),)
        elif change.key == "pods" and change.before is not None:
            node = change.obj["spec"].get("nodeName")
            if node and not change.before["spec"].get("nodeName"):
                yield (node,)

    def reconcile(self, key: Key) -> float | None:
        node = self.cluster.store.get("nodes", "", key[0])
        if node is None:
            self._cordoned.discard(key[0])
            return self._collect(key[0])
        self._tell_cordon(node)
        self._gone.pop(key[0], None)
        node, again = self._heartbeat(node)
        node = self._taint(node)
        left = self._evict(node)
        return min([w for w in (again, left) if w is not None], default=None)

    def _tell_cordon(self, node: Json) -> None:
        """The event by which the node's kubelet says that it was cordoned, or is so no more."""
        name, cordoned = name_of(node), bool(at(node, "spec", "unschedulable"))
        if cordoned == (name in self._cordoned) or name in self.cluster.stopped_nodes:
            return
        self._cordoned ^= {name}
        reason = "NodeNotSchedulable" if cordoned else "NodeSchedulable"
        text = f"Node {name} status is now: {reason}"
        record(self.cluster, node, "Normal", reason, text, "kubelet", name)

    def _collect(self, name: str) -> float | None:
        """Remove the pods of a node that is gone (the pod garbage collector), some time after it went."""
        pods = self.cluster.store.on_node(name)
        if not pods:
            return None
        now = self.cluster.clock.now()
        left = self._gone.setdefault(name, now) + QUARANTINE_SECONDS - now
        if left > 0:
            return left
        for pod in pods:
            acts.delete(self.cluster, "pods", pod, {"gracePeriodSeconds": 0})
        return None

    def _heartbeat(self, node: Json) -> tuple[Json, float | None]:
        """Mark a node whose kubelet is silent as unknown, and one that is back as ready."""
        stopped = name_of(node) in self.cluster.stopped_nodes
        silent = lease_age(self.cluster, name_of(node))
        status = copied(node.get("status") or {})
        ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
        if ready is None:
            return node, None
        if not stopped:
            if ready.get("reason") == "NodeStatusUnknown":
                self._restore(node, status)
                return acts.set_status(self.cluster, "nodes", node, status), None
            return node, LOST_SECONDS
        if silent < LOST_SECONDS:
            return node, LOST_SECONDS - silent + 0.01
        if ready["status"] != "Unknown":
            for entry in status["conditions"]:
                entry |= {
                    "status": "Unknown",
                    "reason": "NodeStatusUnknown",
                    "message": "Kubelet stopped posting node status.",
                }
                entry["lastTransitionTime"] = self.cluster.clock.stamp()
            record(
                self.cluster,
                node,
                "Normal",
                "NodeNotReady",
                f"Node {name_of(node)} status is now: NodeNotReady",
                "node-controller",
            )
            node = acts.set_status(self.cluster, "nodes", node, status)
            self._unready_pods(node)
        return node, LOST_SECONDS

    def _restore(self, node: Json, status: Json) -> None:
        now = self.cluster.clock.stamp()
        words = {
            "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
            "MemoryPressure": (
                "False",
                "KubeletHasSufficientMemory",
                "kubelet has sufficient memory available",
            ),
            "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        }
        for entry in status["conditions"]:
            if entry["type"] in words:
                value, reason, text = words[entry["type"]]
                entry |= {
                    "status": value,
                    "reason": reason,
                    "message": text,
                    "lastHeartbeatTime": now,
                    "lastTransitionTime": now,
                }
        record(
            self.cluster,
            node,
            "Normal",
            "NodeReady",
            f"Node {name_of(node)} status is now: NodeReady",
            "kubelet",
            name_of(node),
        )
        for pod in self.cluster.store.on_node(name_of(node)):
            self.cluster.store.put("pods", {**pod, "metadata": dict(pod["metadata"])})

    def _unready_pods(self, node: Json) -> None:
        for pod in self.cluster.store.on_node(name_of(node)):
            status = copied(pod.get("status") or {})
            ready = condition({"status": status}, "Ready")
            if ready is None or ready["status"] != "True":
                continue
            ready |= {"status": "False", "lastTransitionTime": self.cluster.clock.stamp()}
            told = acts.set_status(self.cluster, "pods", pod, status)
            record(self.cluster, told, "Warning", "NodeNotReady", "Node is not ready", "node-controller")

    def _taint(self, node: Json) -> Json:
        """Taints of ours that the conditions and the cordon ask for; others stay."""
        values = {c["type"]: c["status"] for c in at(node, "status", "conditions") or ()}
        wanted: list[tuple[str, str]] = []
        if at(node, "spec", "unschedulable"):
            wanted.append(("unschedulable", "NoSchedule"))
        if values.get("Ready") in ("False", "Unknown"):
            name = "not-ready" if values["Ready"] == "False" else "unreachable"
            wanted += [(name, "NoSchedule"), (name, "NoExecute")]
        wanted += [(taint, "NoSchedule") for kind, taint in PRESSURES.items() if values.get(kind) == "True"]
        found = at(node, "spec", "taints") or []
        kept = [
            t for t in found if t["key"] not in OURS or (t["key"].removeprefix(PREFIX), t["effect"]) in wanted
        ]
        have = {(t["key"].removeprefix(PREFIX), t["effect"]) for t in kept}
        new = [
            {"key": PREFIX + n, "effect": e, "timeAdded": self.cluster.clock.stamp()}
            for n, e in wanted
            if (n, e) not in have
        ]
        if kept + new == found:
            return node
        spec = {**node["spec"], "taints": kept + new}
        if not spec["taints"]:
            del spec["taints"]
        return self.cluster.store.put("nodes", {**node, "metadata": dict(node["metadata"]), "spec": spec})

    def _evict(self, node: Json) -> float | None:
        """Delete pods that do not tolerate a NoExecute taint (any longer); seconds until the next has to go."""
        taints = [t for t in at(node, "spec", "taints") or () if t["effect"] == "NoExecute"]
        waits: list[float] = []
        now = self.cluster.clock.now()
        for pod in self.cluster.store.on_node(name_of(node)) if taints else ():
            left = self._left(pod, taints, now)
            if left is None or is_deleting(pod):
                continue
            if left > 0:
                waits.append(left)
                continue
            record(
                self.cluster,
                pod,
                "Normal",
                "TaintManagerEviction",
                f"Marking for deletion Pod {pod['metadata']['namespace']}/{name_of(pod)}",
                "taint-eviction-controller",
            )
            acts.delete(self.cluster, "pods", pod)
        return min(waits, default=None)

    def _left(self, pod: Json, taints: list[Json], now: float) -> float | None:
        """Seconds that the pod may stay, None for ever."""
        left: list[float] = []
        for taint in taints:
            found = [t for t in pod["spec"].get("tolerations") or () if fit.tolerates(t, taint)]
            if not found:
                return 0.0
            limits = [t["tolerationSeconds"] for t in found if t.get("tolerationSeconds") is not None]
            if len(limits) == len(found):
                left.append((seconds_of(taint.get("timeAdded")) or now) + min(limits) - now)
        return max(0.0, min(left)) if left else None
