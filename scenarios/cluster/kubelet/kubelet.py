"""The kubelets of all nodes: they run the pods that are bound, report what happens, and end those that are deleted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.clock import seconds_of
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.events import record
from lamplighter.scenarios.cluster.jsons import Json, at, is_deleting, name_of, namespace_of, uid_of
from lamplighter.scenarios.cluster.kubelet.config import missing_volume
from lamplighter.scenarios.cluster.kubelet.container import STOP_SECONDS, Container
from lamplighter.scenarios.cluster.kubelet.periodic import EveryNode
from lamplighter.scenarios.cluster.store import Change

MOUNT_RETRY = 15.0
NETWORK = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


@dataclass
class Run:
    """A pod on its node."""

    init: list[Container]
    main: list[Container]
    address: str = ""
    started: str = ""
    mounted: bool = False
    blocked: str = ""
    stopping: float = 0.0
    conditions: dict[str, Json] = field(default_factory=dict)


class Kubelets:
    """All nodes' kubelets as one controller. A node in `Cluster.stopped_nodes` reports nothing any more."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._runs: dict[str, Run] = {}
        self._uids: dict[Key, str] = {}

    def keys(self, change: Change) -> Iterator[Key]:
        if change.key == "pods":
            if change.type == "DELETED" or change.obj["spec"].get("nodeName"):
                yield namespace_of(change.obj), name_of(change.obj)
        elif change.key in ("configmaps", "secrets"):
            space = namespace_of(change.obj)
            for key, uid in list(self._uids.items()):
                run = self._runs.get(uid)
                if key[0] == space and run and self._held_up(run):
                    yield key

    def _held_up(self, run: Run) -> bool:
        return bool(run.blocked) or any(c.phase == "config_error" for c in (*run.init, *run.main))

    def reconcile(self, key: Key) -> float | None:
        pod = self.cluster.store.get("pods", *key)
        known = self._uids.get(key)
        if known and (pod is None or uid_of(pod) != known):
            self._forget(key, known)
        node = at(pod, "spec", "nodeName")
        if pod is None or not node or node in self.cluster.stopped_nodes:
            return None
        if is_deleting(pod):
            return self._terminate(key, pod)
        if at(pod, "status", "phase") in ("Succeeded", "Failed"):
            return None
        now = self.cluster.clock.now()
        run = self._run_of(key, pod)
        for container in (*run.init, *run.main):
            container.pod = pod
        self._specs(run, pod)
        again = self._advance(run, pod, now)
        acts.set_status(self.cluster, "pods", pod, self._status(run, pod))
        return None if again == float("inf") else max(0.001, again - now)

    def _run_of(self, key: Key, pod: Json) -> Run:
        uid = uid_of(pod)
        if uid not in self._runs:
            spec = pod["spec"]
            init = [
                Container(self.cluster, pod, c, "initContainers") for c in spec.get("initContainers") or ()
            ]
            run = Run(init, [Container(self.cluster, pod, c) for c in spec["containers"]])
            run.started = self.cluster.clock.stamp()
            self._runs[uid], self._uids[key] = run, uid
        return self._runs[uid]

    def _specs(self, run: Run, pod: Json) -> None:
        """Images of a running pod may be changed."""
        for group, containers in (("initContainers", run.init), ("containers", run.main)):
            for container, spec in zip(containers, pod["spec"].get(group) or (), strict=False):
                container.spec = spec

    def _advance(self, run: Run, pod: Json, now: float) -> float:
        if not run.mounted:
            run.blocked = missing_volume(self.cluster.store, pod)
            if run.blocked:
                record(
                    self.cluster,
                    pod,
                    "Warning",
                    "FailedMount",
                    run.blocked,
                    "kubelet",
                    pod["spec"]["nodeName"],
                )
                return now + MOUNT_RETRY
            run.mounted = True
            run.address = self._address(pod)
        waits = []
        for container in run.init:
            container.advance(now)
            waits.append(container.until)
            if not _initialized(container):
                return min(waits)
        for container in run.main:
            container.advance(now)
            waits.append(container.until)
        return min(waits)

    def _address(self, pod: Json) -> str:
        if pod["spec"].get("hostNetwork"):
            return self._host(pod)
        names = sorted(name_of(node) for node in self.cluster.store.each("nodes"))
        node = pod["spec"]["nodeName"]
        return self.cluster.pod_address(names.index(node) + 1 if node in names else 0)

    def _host(self, pod: Json) -> str:
        node = self.cluster.store.get("nodes", "", pod["spec"]["nodeName"]) or {}
        found = at(node, "status", "addresses") or []
        return next((entry["address"] for entry in found if entry["type"] == "InternalIP"), "")

    def _status(self, run: Run, pod: Json) -> Json:
        status = dict(pod.get("status") or {})
        initialized = all(_initialized(c) for c in run.init)
        sidecars = [c for c in run.init if c.spec.get("restartPolicy") == "Always"]
        serving = [*sidecars, *run.main]
        unready = [c.spec["name"] for c in serving if not (c.ready and c.phase == "running")]
        status["phase"] = phase = self._phase(run, pod)
        status["conditions"] = self._conditions(run, pod, initialized, unready, phase)
        status |= {"hostIP": self._host(pod), "hostIPs": [{"ip": self._host(pod)}], "startTime": run.started}
        if run.address:
            status |= {"podIP": run.address, "podIPs": [{"ip": run.address}]}
        if run.init:
            status["initContainerStatuses"] = [c.status() for c in run.init]
        status["containerStatuses"] = [c.status() for c in run.main]
        if not initialized:
            for entry in status["containerStatuses"]:
                if "waiting" in entry["state"]:
                    entry["state"] = {"waiting": {"reason": "PodInitializing"}}
        return status

    def _phase(self, run: Run, pod: Json) -> str:
        if pod["spec"].get("restartPolicy") == "Never" and any(
            c.phase == "ended" and not c.succeeded() for c in run.init
        ):
            return "Failed"
        if all(c.phase == "ended" for c in run.main):
            return "Succeeded" if all(c.succeeded() for c in run.main) else "Failed"
        return "Running" if all(c.was_tried() for c in run.main) else "Pending"

    def _conditions(
        self, run: Run, pod: Json, initialized: bool, unready: list[str], phase: str
    ) -> list[Json]:
        kept = [c for c in at(pod, "status", "conditions") or [] if c["type"] not in NETWORK]
        over = phase in ("Succeeded", "Failed")
        why = (
            ("PodCompleted" if phase == "Succeeded" else "PodFailed", "")
            if over
            else ("ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
        )
        incomplete = [c.spec["name"] for c in run.init if not _initialized(c)]
        not_init = (
            "ContainersNotInitialized",
            f"containers with incomplete status: [{' '.join(incomplete)}]",
        )
        wanted = (
            ("PodReadyToStartContainers", run.mounted and not over, ("", "")),
            ("Initialized", initialized, not_init),
            ("Ready", not unready and not over, why),
            ("ContainersReady", not unready and not over, why),
        )
        return [self._condition(run, *entry) for entry in wanted] + kept

    def _condition(self, run: Run, kind: str, holds: bool, why: tuple[str, str]) -> Json:
        value = "True" if holds else "False"
        before = run.conditions.get(kind)
        moved = before is None or before["status"] != value
        entry: Json = {"type": kind, "status": value, "lastProbeTime": None}
        entry["lastTransitionTime"] = (
            self.cluster.clock.stamp() if moved or before is None else before["lastTransitionTime"]
        )
        if not holds and why[0]:
            entry["reason"] = why[0]
            if why[1]:
                entry["message"] = why[1]
        run.conditions[kind] = entry
        return entry

    def _terminate(self, key: Key, pod: Json) -> float | None:
        run = self._runs.get(uid_of(pod))
        now = self.cluster.clock.now()
        grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        if run is not None and run.stopping == 0.0:
            run.stopping = now + min(STOP_SECONDS, grace)
            for container in run.main:
                if container.phase == "running":
                    path = f"spec.containers{{{container.spec['name']}}}"
                    text = f"Stopping container {container.spec['name']}"
                    record(
                        self.cluster, pod, "Normal", "Killing", text, "kubelet", pod["spec"]["nodeName"], path
                    )
        if run is not None and now < run.stopping - 1e-6:
            return run.stopping - now
        self._forget(key, uid_of(pod))
        meta = pod["metadata"]
        if meta.get("finalizers"):
            if meta.get("deletionGracePeriodSeconds"):
                phase = at(pod, "status", "phase")
                ended = {
                    **(pod.get("status") or {}),
                    "phase": phase if phase in ("Succeeded", "Failed") else "Succeeded",
                }
                self.cluster.store.put(
                    "pods", {**pod, "metadata": {**meta, "deletionGracePeriodSeconds": 0}, "status": ended}
                )
            return None
        self.cluster.store.remove("pods", *key)
        return None

    def _forget(self, key: Key, uid: str) -> None:
        self._runs.pop(uid, None)
        self._uids.pop(key, None)
        self.cluster.records.forget(uid)


def _initialized(container: Container) -> bool:
    """Whether an init container lets the next one begin: a sidecar once it started, any other once it ended well."""
    sidecar = container.spec.get("restartPolicy") == "Always"
    return container.succeeded() or (sidecar and container.started)


class Leases(EveryNode):
    """The heartbeats of the kubelets: a Lease for each node."""

    PERIOD = 10.0
    SECONDS = 40

    def look(self, node: Json) -> None:
        """Make the node's Lease, or renew it."""
        name = name_of(node)
        found = self.cluster.store.get("leases.coordination.k8s.io", "kube-node-lease", name)
        spec = {
            "holderIdentity": name,
            "leaseDurationSeconds": self.SECONDS,
            "renewTime": self.cluster.clock.micro(),
        }
        if found is None:
            owner = [{"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid_of(node)}]
            meta = {"name": name, "namespace": "kube-node-lease", "ownerReferences": owner}
            acts.create(self.cluster, "leases.coordination.k8s.io", {"metadata": meta, "spec": spec})
        else:
            self.cluster.store.put(
                "leases.coordination.k8s.io", {**found, "metadata": dict(found["metadata"]), "spec": spec}
            )


def lease_age(cluster: Cluster, node: str) -> float:
    """Seconds since the node's kubelet was last heard of."""
    found = cluster.store.get("leases.coordination.k8s.io", "kube-node-lease", node)
    moment = seconds_of(at(found, "spec", "renewTime"))
    return 0.0 if moment is None else cluster.clock.now() - moment
