"""The scheduler: binds each pod to the best node that fits, or says why none does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import fit
from lamplighter.scenarios.cluster.controllers.load import REQUIRED, Loads
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.events import record_scheduling
from lamplighter.scenarios.cluster.jsons import (
    Json,
    at,
    copied,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
)
from lamplighter.scenarios.cluster.store import Change
from lamplighter.scenarios.cluster.subresources import bind

RETRY_SECONDS = 300.0
OWN = "default-scheduler"
WAKING = {"nodes", "persistentvolumeclaims", "persistentvolumes"}


class Scheduler:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._waiting: dict[Key, None] = {}
        self._loads = Loads()
        cluster.store.listeners.append(self._loads.note)

    def keys(self, change: Change) -> Iterator[Key]:
        if change.key == "pods":
            key = (namespace_of(change.obj), name_of(change.obj))
            if change.type == "DELETED":
                self._waiting.pop(key, None)
                yield from list(self._waiting)
            elif not change.obj["spec"].get("nodeName"):
                yield key
            elif at(change.obj, "status", "phase") in ("Succeeded", "Failed"):
                yield from list(self._waiting)
        elif change.key in WAKING and self._matters(change):
            yield from list(self._waiting)

    def _matters(self, change: Change) -> bool:
        """A heartbeat of a node frees nothing."""
        before, now = change.before or {}, change.obj
        if change.key != "nodes":
            return True
        parts = (before.get("spec"), labels_of(before), at(before, "status", "allocatable"))
        return parts != (now.get("spec"), labels_of(now), at(now, "status", "allocatable"))

    def reconcile(self, key: Key) -> float | None:
        pod = self.cluster.store.get("pods", *key)
        if (
            pod is None
            or at(pod, "spec", "nodeName")
            or is_deleting(pod)
            or pod["spec"].get("schedulerName") != OWN
        ):
            self._waiting.pop(key, None)
            return None
        gates = pod["spec"].get("schedulingGates")
        if gates:
            self._say(
                pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates", quiet=True
            )
            return None
        wrong = self._volumes(pod)
        nodes = self.cluster.store.all("nodes")
        if not wrong:
            best, wrong = self._choose(pod, nodes)
            if best is not None:
                self._waiting.pop(key, None)
                self._bind(pod, best)
                return None
        self._waiting[key] = None
        self._say(pod, "Unschedulable", wrong)
        return RETRY_SECONDS

    def _choose(self, pod: Json, nodes: list[Json]) -> tuple[Json | None, str]:
        reasons: Counter[str] = Counter()
        helpful, fits = 0, []
        wish = fit.wish_of(self.cluster.store, pod)
        for node in nodes:
            found, could_help = fit.obstacle(wish, node, self._loads.of(name_of(node)))
            found = found or self._volume_affinity(pod, node)
            if not found:
                fits.append(node)
            reasons.update(found)
            helpful += could_help
        if fits:
            return min(fits, key=lambda node: self._rank(wish, node)), ""
        if not nodes:
            return None, "no nodes available to schedule pods"
        listed = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
        text = f"0/{len(nodes)} nodes are available: {listed}. no new claims to deallocate, "
        hopes = [
            (helpful, "No preemption victims found for incoming pod."),
            (len(nodes) - helpful, "Preemption is not helpful for scheduling."),
        ]
        shown = ", ".join(f"{count} {why.rstrip('.')}" for count, why in hopes if count)
        return None, f"{text}preemption: 0/{len(nodes)} nodes are available: {shown}."

    def _rank(self, wish: fit.Wish, node: Json) -> tuple[float, int, str]:
        name = name_of(node)
        return *fit.score(wish, node, self._loads.of(name)), name

    def _claims(self, pod: Json) -> Iterator[str]:
        for volume in pod["spec"].get("volumes") or ():
            if "persistentVolumeClaim" in volume:
                yield volume["persistentVolumeClaim"]["claimName"]

    def _volumes(self, pod: Json) -> str:
        """Why the pod's claims keep it from being scheduled, "" where they do not."""
        store, space = self.cluster.store, namespace_of(pod)
        count = store.count("nodes")
        head = f"0/{count} nodes are available: "
        tail = f"no new claims to deallocate, preemption: {head}{count} Preemption is not helpful for scheduling."
        for name in self._claims(pod):
            claim = store.get("persistentvolumeclaims", space, name)
            if claim is None:
                return f'{head}persistentvolumeclaim "{name}" not found. {tail}'
            if at(claim, "spec", "volumeName"):
                continue
            storage = store.get(
                "storageclasses.storage.k8s.io", "", claim["spec"].get("storageClassName") or ""
            )
            if storage is not None and storage.get("volumeBindingMode") == "WaitForFirstConsumer":
                self._select_node(pod, claim)
                return f"{head}waiting for the volume of claim {name} to be provisioned."
            return f"{head}pod has unbound immediate PersistentVolumeClaims. {tail}"
        return ""

    def _select_node(self, pod: Json, claim: Json) -> None:
        """Tell the provisioner of a late-binding claim which node it is for."""
        best, _ = self._choose(pod, self.cluster.store.all("nodes"))
        if best is None:
            return
        notes = {
            **(claim["metadata"].get("annotations") or {}),
            "volume.kubernetes.io/selected-node": name_of(best),
        }
        acts.set_metadata(
            self.cluster, "persistentvolumeclaims", claim, {**claim["metadata"], "annotations": notes}
        )

    def _volume_affinity(self, pod: Json, node: Json) -> list[str]:
        for name in self._claims(pod):
            claim = self.cluster.store.get("persistentvolumeclaims", namespace_of(pod), name) or {}
            volume = (
                self.cluster.store.get("persistentvolumes", "", at(claim, "spec", "volumeName") or "") or {}
            )
            terms = at(volume, "spec", "nodeAffinity", "required")
            if terms and not fit.matches_affinity({"affinity": {"nodeAffinity": {REQUIRED: terms}}}, node):
                return ["node(s) had volume node affinity conflict"]
        return []

    def _bind(self, pod: Json, node: Json) -> None:
        bind(self.cluster, pod, name_of(node))
        text = f"Successfully assigned {namespace_of(pod)}/{name_of(pod)} to {name_of(node)}"
        record_scheduling(self.cluster, pod, "Normal", "Scheduled", text, "Binding")

    def _say(self, pod: Json, reason: str, text: str, quiet: bool = False) -> None:
        status = copied(pod.get("status") or {})
        before = status.get("conditions") or []
        acts.condition(self.cluster, status, "PodScheduled", "False", reason, text)
        entry = next(c for c in status["conditions"] if c["type"] == "PodScheduled")
        entry.setdefault("lastProbeTime", None)
        entry["observedGeneration"] = pod["metadata"].get("generation", 1)
        if status["conditions"] != before:
            acts.set_status(self.cluster, "pods", pod, status)
        if not quiet:
            record_scheduling(self.cluster, pod, "Warning", "FailedScheduling", text, "Scheduling")
