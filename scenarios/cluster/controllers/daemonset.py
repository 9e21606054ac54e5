"""DaemonSets: one pod on every node that fits."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import common, fit
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.events import record
from lamplighter.scenarios.cluster.jsons import Json, at, is_deleting, labels_of, name_of, namespace_of
from lamplighter.scenarios.cluster.store import Change

KEY = "daemonsets.apps"
HASH = "controller-revision-hash"
TOLERATED = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)


class DaemonSets:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        yield from common.owner_keys(change, KEY, "DaemonSet")
        if change.key == "nodes":
            for found in self.cluster.store.all(KEY):
                yield namespace_of(found), name_of(found)

    def reconcile(self, key: Key) -> float | None:
        owner = self.cluster.store.get(KEY, *key)
        if owner is None:
            return None
        digest = common.template_hash(owner["spec"]["template"])
        nodes = [
            name_of(n)
            for n in self.cluster.store.all("nodes")
            if fit.daemon_fits(owner["spec"]["template"], n, self._tolerations(owner))
        ]
        if not is_deleting(owner):
            self._place(owner, nodes, digest)
        self._report(owner, nodes, digest)
        return None

    def _tolerations(self, owner: Json) -> list[Json]:
        own = at(owner, "spec", "template", "spec", "tolerations") or []
        return [
            *own,
            *({"key": f"node.kubernetes.io/{k}", "operator": "Exists", "effect": e} for k, e in TOLERATED),
        ]

    def _by_node(self, owner: Json) -> dict[str, list[Json]]:
        found: dict[str, list[Json]] = {}
        for pod in common.pods_of(self.cluster, owner):
            found.setdefault(_node_of(pod), []).append(pod)
        return found

    def _place(self, owner: Json, nodes: list[str], digest: str) -> None:
        found = self._by_node(owner)
        for node in nodes:
            here = found.get(node, [])
            for pod in here:
                if at(pod, "status", "phase") == "Failed" and not is_deleting(pod):
                    acts.delete(self.cluster, "pods", pod)
            if not here:
                self._make(owner, node, digest)
        for node, pods in sorted(found.items()):
            for pod in pods if node not in nodes else pods[1:]:
                if not is_deleting(pod):
                    acts.delete(self.cluster, "pods", pod)
        self._update(owner, nodes, digest)

    def _make(self, owner: Json, node: str, digest: str) -> None:
        pod = common.pod_from(owner["spec"]["template"], owner)
        pod["metadata"].setdefault("labels", {}).update(
            {HASH: digest, "pod-template-generation": str(owner["metadata"]["generation"])}
        )
        terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
        affinity = pod["spec"].setdefault("affinity", {}).setdefault("nodeAffinity", {})
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": terms}
        pod["spec"]["tolerations"] = self._tolerations(owner)
        made = acts.create(self.cluster, "pods", pod)
        text = f"Created pod: {name_of(made)}"
        record(self.cluster, owner, "Normal", "SuccessfulCreate", text, "daemonset-controller")

    def _update(self, owner: Json, nodes: list[str], digest: str) -> None:
        update = owner["spec"]["updateStrategy"]
        if update["type"] != "RollingUpdate":
            return
        pods = [pod for group in self._by_node(owner).values() for pod in group]
        down = sum(is_deleting(pod) or not common.is_ready(pod) for pod in pods) + max(
            0, len(nodes) - len(pods)
        )
        budget = max(1, common.share(at(update, "rollingUpdate", "maxUnavailable"), len(nodes), up=True))
        for pod in sorted(pods, key=lambda p: (common.is_ready(p), name_of(p))):
            if is_deleting(pod) or labels_of(pod).get(HASH) == digest:
                continue
            if not common.is_ready(pod) or down < budget:
                down += common.is_ready(pod)
                acts.delete(self.cluster, "pods", pod)

    def _report(self, owner: Json, nodes: list[str], digest: str) -> None:
        owner = self.cluster.store.get(KEY, namespace_of(owner), name_of(owner)) or owner
        found = self._by_node(owner)
        placed = [found[node][0] for node in nodes if found.get(node)]
        ready = sum(common.is_ready(pod) for pod in placed)
        status: Json = {
            "currentNumberScheduled": len(placed),
            "numberMisscheduled": sum(node not in nodes for node in found),
            "desiredNumberScheduled": len(nodes),
            "numberReady": ready,
            "observedGeneration": owner["metadata"]["generation"],
        }
        counts = {
            "updatedNumberScheduled": sum(labels_of(pod).get(HASH) == digest for pod in placed),
            "numberAvailable": ready,
            "numberUnavailable": len(nodes) - ready,
        }
        status |= {name: count for name, count in counts.items() if count}
        acts.set_status(self.cluster, KEY, owner, status)


def _node_of(pod: Json) -> str:
    bound = at(pod, "spec", "nodeName")
    if bound:
        return str(bound)
    terms = at(
        pod,
        "spec",
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    )
    return str(at(terms, 0, "matchFields", 0, "values", 0) or "")
