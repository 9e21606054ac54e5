"""StatefulSets: pods with names of their own, made and updated one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import common
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.errors import ApiError
from lamplighter.scenarios.cluster.events import record
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

KEY = "statefulsets.apps"
HASH = "controller-revision-hash"
COMPONENT = "statefulset-controller"
RETRY_SECONDS = 15.0
"""When a pod or claim that was refused is tried again."""


def ordinal(pod: Json) -> int:
    return int(name_of(pod).rpartition("-")[2])


class StatefulSets:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        yield from common.owner_keys(change, KEY, "StatefulSet")

    def reconcile(self, key: Key) -> float | None:
        owner = self.cluster.store.get(KEY, *key)
        if owner is None:
            return None
        revision = f"{name_of(owner)}-{common.template_hash(owner['spec']['template'])}"
        before = owner.get("status") or {}
        current = before.get("currentRevision") or revision
        again = None if is_deleting(owner) else self._move(owner, revision, current)
        self._report(owner, revision, current)
        return again

    def _move(self, owner: Json, revision: str, current: str) -> float | None:
        """One step: the first pod that is missing or sick is dealt with, and others wait for it.

        Seconds until the next try where a pod could not be made, else None.
        """
        spec = owner["spec"]
        first = at(spec, "ordinals", "start") or 0
        pods = {ordinal(pod): pod for pod in common.pods_of(self.cluster, owner)}
        wanted = range(first, first + spec["replicas"])
        parallel = spec["podManagementPolicy"] == "Parallel"
        for number in wanted:
            pod = pods.get(number)
            if pod is None:
                if not self._make(owner, number, revision):
                    return RETRY_SECONDS
            elif at(pod, "status", "phase") in ("Failed", "Succeeded") and not is_deleting(pod):
                acts.delete(self.cluster, "pods", pod)
            if not parallel and (pod is None or is_deleting(pod) or not common.is_ready(pod)):
                if pod is not None:
                    self._update(owner, pods, revision)
                return None
        surplus = sorted((number for number in pods if number not in wanted), reverse=True)
        for number in surplus if parallel else surplus[:1]:
            if not is_deleting(pods[number]):
                self._remove(owner, pods[number])
        if not surplus:
            self._update(owner, pods, revision)
        return None

    def _update(self, owner: Json, pods: dict[int, Json], revision: str) -> None:
        """Replace the highest pod of an old revision, if all above it are well."""
        update = owner["spec"]["updateStrategy"]
        if update["type"] != "RollingUpdate":
            return
        partition = at(update, "rollingUpdate", "partition") or 0
        for number in sorted(pods, reverse=True):
            pod = pods[number]
            if number < partition:
                return
            if is_deleting(pod):
                return
            if labels_of(pod).get(HASH) != revision:
                self._remove(owner, pod)
                return
            if not common.is_ready(pod):
                return

    def _remove(self, owner: Json, pod: Json) -> None:
        acts.delete(self.cluster, "pods", pod)
        text = f"delete Pod {name_of(pod)} in StatefulSet {name_of(owner)} successful"
        record(self.cluster, owner, "Normal", "SuccessfulDelete", text, COMPONENT)

    def _make(self, owner: Json, number: int, revision: str) -> bool:
        name = f"{name_of(owner)}-{number}"
        pod = common.pod_from(owner["spec"]["template"], owner, name)
        pod["metadata"].setdefault("labels", {}).update(
            {
                HASH: revision,
                "statefulset.kubernetes.io/pod-name": name,
                "apps.kubernetes.io/pod-index": str(number),
            }
        )
        pod["spec"] |= {"hostname": name, "subdomain": owner["spec"].get("serviceName", "")}
        for claim in owner["spec"].get("volumeClaimTemplates") or ():
            if not self._claim(owner, claim, name, pod):
                return False
        try:
            acts.create(self.cluster, "pods", pod)
        except ApiError as error:
            text = f"create Pod {name} in StatefulSet {name_of(owner)} failed error: {error.message}"
            record(self.cluster, owner, "Warning", "FailedCreate", text, COMPONENT)
            return False
        text = f"create Pod {name} in StatefulSet {name_of(owner)} successful"
        record(self.cluster, owner, "Normal", "SuccessfulCreate", text, COMPONENT)
        return True

    def _claim(self, owner: Json, claim: Json, pod_name: str, pod: Json) -> bool:
        """Mount the pod's claim, made where it is not there; whether that could be done."""
        volume = name_of(claim)
        name = f"{volume}-{pod_name}"
        volumes = [v for v in pod["spec"].get("volumes") or [] if v["name"] != volume]
        pod["spec"]["volumes"] = [*volumes, {"name": volume, "persistentVolumeClaim": {"claimName": name}}]
        if self.cluster.store.get("persistentvolumeclaims", namespace_of(owner), name) is not None:
            return True
        labels = {**labels_of(claim), **(at(owner, "spec", "selector", "matchLabels") or {})}
        meta = {"name": name, "namespace": namespace_of(owner), "labels": labels}
        try:
            acts.create(
                self.cluster, "persistentvolumeclaims", {"metadata": meta, "spec": copied(claim["spec"])}
            )
        except ApiError as error:
            place = f"for Pod {pod_name} in StatefulSet {name_of(owner)}"
            text = f"create Claim {name} {place} failed error: {error.message}"
            record(self.cluster, owner, "Warning", "FailedCreate", text, COMPONENT)
            return False
        text = f"create Claim {name} Pod {pod_name} in StatefulSet {name_of(owner)} success"
        record(self.cluster, owner, "Normal", "SuccessfulCreate", text, COMPONENT)
        return True

    def _report(self, owner: Json, revision: str, current: str) -> None:
        owner = self.cluster.store.get(KEY, namespace_of(owner), name_of(owner)) or owner
        pods = [pod for pod in common.pods_of(self.cluster, owner) if common.is_active(pod)]
        updated = [pod for pod in pods if labels_of(pod).get(HASH) == revision]
        ready = [pod for pod in pods if common.is_ready(pod)]
        if len(updated) == len(pods) == owner["spec"]["replicas"] and len(ready) == len(pods):
            current = revision
        status: Json = {
            "observedGeneration": owner["metadata"]["generation"],
            "replicas": len(pods),
            "availableReplicas": len(ready),
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
        }
        counts = {
            "readyReplicas": len(ready),
            "updatedReplicas": len(updated),
            "currentReplicas": sum(labels_of(pod).get(HASH) == current for pod in pods),
        }
        status |= {name: count for name, count in counts.items() if count}
        acts.set_status(self.cluster, KEY, owner, status)
