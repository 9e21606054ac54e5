"""Deployments: a ReplicaSet for each template, rolled from one to the next (Kubernetes' controller/deployment)."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.clock import seconds_of
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import common
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.events import record
from lamplighter.scenarios.cluster.jsons import (
    Json,
    at,
    condition,
    controller_of,
    copied,
    is_deleting,
    name_of,
    namespace_of,
    uid_of,
)
from lamplighter.scenarios.cluster.store import Change
from lamplighter.scenarios.cluster.writes import owner_reference

KEY, SETS = "deployments.apps", "replicasets.apps"
PREFIX = "deployment.kubernetes.io/"
REVISION = f"{PREFIX}revision"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def revision_of(obj: Json) -> int:
    return int((obj["metadata"].get("annotations") or {}).get(REVISION, 0))


class Deployments:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        yield from common.owner_keys(change, KEY, "Deployment")

    def reconcile(self, key: Key) -> float | None:
        owner = self.cluster.store.get(KEY, *key)
        if owner is None:
            return None
        sets = self._sets(owner)
        if is_deleting(owner):
            return self._report(owner, sets)
        new = next(
            (s for s in sets if common.same_template(s["spec"]["template"], owner["spec"]["template"])), None
        )
        if owner["spec"].get("paused"):
            self._scale_proportionally(owner, sets, new)
            return self._report(owner, self._sets(owner))
        new = self._new_set(owner, sets, new)
        owner = self.cluster.store.get(KEY, *key) or owner
        old = [s for s in self._sets(owner) if uid_of(s) != uid_of(new)]
        if owner["spec"]["strategy"]["type"] == "Recreate":
            self._recreate(owner, new, old)
        else:
            self._roll(owner, new, old)
        self._clean(owner, [s for s in self._sets(owner) if uid_of(s) != uid_of(new)])
        return self._report(owner, self._sets(owner))

    def _sets(self, owner: Json) -> list[Json]:
        found = [
            s
            for s in self.cluster.store.owned_by(uid_of(owner), SETS)
            if (controller_of(s) or {}).get("uid") == uid_of(owner)
        ]
        return sorted(found, key=lambda s: (s["metadata"]["creationTimestamp"], revision_of(s)))

    def _new_set(self, owner: Json, sets: list[Json], new: Json | None) -> Json:
        """The ReplicaSet of the current template, made or brought to the newest revision."""
        newest = max([revision_of(s) for s in sets if new is None or uid_of(s) != uid_of(new)], default=0) + 1
        if new is None:
            new = self._make(owner, str(newest))
        elif revision_of(new) < newest and len(sets) > 1:
            new = self._annotate(SETS, new, {REVISION: str(newest)})
        self._annotate(KEY, owner, {REVISION: str(revision_of(new))})
        return new

    def _annotate(self, key: str, obj: Json, notes: Json) -> Json:
        found = {**(obj["metadata"].get("annotations") or {}), **notes}
        return acts.set_metadata(self.cluster, key, obj, {**obj["metadata"], "annotations": found})

    def _sizes(self, owner: Json) -> Json:
        wanted = owner["spec"]["replicas"]
        return {
            f"{PREFIX}desired-replicas": str(wanted),
            f"{PREFIX}max-replicas": str(wanted + self._surge(owner)),
        }

    def _make(self, owner: Json, revision: str) -> Json:
        spec = owner["spec"]
        digest = common.template_hash(spec["template"], at(owner, "status", "collisionCount") or 0)
        template = copied(spec["template"])
        template["metadata"].setdefault("labels", {})["pod-template-hash"] = digest
        labels = template["metadata"]["labels"]
        selector = copied(spec["selector"])
        selector.setdefault("matchLabels", {})["pod-template-hash"] = digest
        notes = {k: v for k, v in (owner["metadata"].get("annotations") or {}).items() if k != LAST_APPLIED}
        meta = {
            "name": f"{name_of(owner)}-{digest}",
            "namespace": namespace_of(owner),
            "labels": dict(labels),
            "annotations": {**notes, **self._sizes(owner), REVISION: revision},
            "ownerReferences": [owner_reference(owner)],
        }
        old = [s for s in self._sets(owner) if s["spec"]["replicas"] or (at(s, "status", "replicas") or 0)]
        wanted = spec["replicas"]
        if old:
            room = wanted + self._surge(owner) - sum(s["spec"]["replicas"] for s in old)
            wanted = 0 if spec["strategy"]["type"] == "Recreate" else max(0, min(room, wanted))
        body: Json = {"replicas": wanted, "selector": selector, "template": template}
        if spec.get("minReadySeconds"):
            body["minReadySeconds"] = spec["minReadySeconds"]
        made = acts.create(self.cluster, SETS, {"metadata": meta, "spec": body})
        if wanted:
            text = f"Scaled up replica set {name_of(made)} from 0 to {wanted}"
            record(self.cluster, owner, "Normal", "ScalingReplicaSet", text, "deployment-controller")
        return made

    def _surge(self, owner: Json) -> int:
        strategy = owner["spec"]["strategy"]
        return common.share(at(strategy, "rollingUpdate", "maxSurge"), owner["spec"]["replicas"], up=True)

    def _unavailable(self, owner: Json) -> int:
        strategy, wanted = owner["spec"]["strategy"], owner["spec"]["replicas"]
        allowed = common.share(at(strategy, "rollingUpdate", "maxUnavailable"), wanted, up=False)
        return 1 if allowed == 0 and self._surge(owner) == 0 else min(allowed, wanted)

    def _scale(self, owner: Json, found: Json, to: int) -> Json:
        """Set the replicas of a set, with an event where they change."""
        current = self.cluster.store.get(SETS, namespace_of(found), name_of(found)) or found
        before = current["spec"]["replicas"]
        notes = {**(current["metadata"].get("annotations") or {}), **self._sizes(owner)}
        if before == to and notes == current["metadata"].get("annotations"):
            return current
        new = copied(current)
        new["spec"]["replicas"] = to
        new["metadata"]["annotations"] = notes
        out = acts.update(self.cluster, SETS, new, current)
        if before != to:
            way = "up" if to > before else "down"
            text = f"Scaled {way} replica set {name_of(found)} from {before} to {to}"
            record(self.cluster, owner, "Normal", "ScalingReplicaSet", text, "deployment-controller")
        return out

    def _roll(self, owner: Json, new: Json, old: list[Json]) -> None:
        wanted, sets = owner["spec"]["replicas"], [new, *old]
        total = sum(s["spec"]["replicas"] for s in sets)
        have = new["spec"]["replicas"]
        if have > wanted:
            self._scale(owner, new, wanted)
        else:
            room = wanted + self._surge(owner) - total
            self._scale(owner, new, have + max(0, min(room, wanted - have)) if old_pods(old) else wanted)
        new = self.cluster.store.get(SETS, namespace_of(new), name_of(new)) or new
        self._shrink(owner, new, old)

    def _shrink(self, owner: Json, new: Json, old: list[Json]) -> None:
        """Take away old replicas: sick ones first, then as many as stay available allows."""
        wanted = owner["spec"]["replicas"]
        least = wanted - self._unavailable(owner)
        total = sum(s["spec"]["replicas"] for s in [new, *old])
        missing = new["spec"]["replicas"] - (at(new, "status", "availableReplicas") or 0)
        budget = total - least - missing
        for found in old if budget > 0 else ():
            sick = found["spec"]["replicas"] - (at(found, "status", "availableReplicas") or 0)
            gone = min(budget, max(0, sick))
            if gone:
                self._scale(owner, found, found["spec"]["replicas"] - gone)
                budget -= gone
        old = [self.cluster.store.get(SETS, namespace_of(s), name_of(s)) or s for s in old]
        spare = sum(at(s, "status", "availableReplicas") or 0 for s in [new, *old]) - least
        for found in old:
            gone = min(max(0, spare), found["spec"]["replicas"])
            if gone:
                self._scale(owner, found, found["spec"]["replicas"] - gone)
                spare -= gone

    def _recreate(self, owner: Json, new: Json, old: list[Json]) -> None:
        for found in old:
            self._scale(owner, found, 0)
        alive = [
            pod
            for found in old
            for pod in common.pods_of(self.cluster, found)
            if at(pod, "status", "phase") not in ("Succeeded", "Failed")
        ]
        if not alive:
            self._scale(owner, new, owner["spec"]["replicas"])

    def _scale_proportionally(self, owner: Json, sets: list[Json], new: Json | None) -> None:
        """A paused Deployment still follows its replicas, with the newest set that has pods."""
        active = [s for s in sets if s["spec"]["replicas"] > 0] or ([new] if new else sets[-1:])
        if len(active) == 1:
            self._scale(owner, active[0], owner["spec"]["replicas"])

    def _clean(self, owner: Json, old: list[Json]) -> None:
        idle = [
            s
            for s in old
            if s["spec"]["replicas"] == 0 and not (at(s, "status", "replicas") or 0) and not is_deleting(s)
        ]
        keep = owner["spec"].get("revisionHistoryLimit", 10)
        for found in sorted(idle, key=revision_of)[: max(0, len(idle) - keep)]:
            acts.delete(self.cluster, SETS, found)

    def _report(self, owner: Json, sets: list[Json]) -> float | None:
        owner = self.cluster.store.get(KEY, namespace_of(owner), name_of(owner)) or owner
        spec = owner["spec"]
        new = next((s for s in sets if common.same_template(s["spec"]["template"], spec["template"])), None)
        totals = {
            name: sum(at(s, "status", name) or 0 for s in sets)
            for name in ("replicas", "readyReplicas", "availableReplicas", "terminatingReplicas")
        }
        updated = at(new, "status", "replicas") or 0 if new else 0
        missing = max(0, spec["replicas"] - totals["availableReplicas"]) if sets else 0
        wanted: Json = {
            "observedGeneration": owner["metadata"]["generation"],
            "replicas": totals["replicas"],
            "updatedReplicas": updated,
            "readyReplicas": totals["readyReplicas"],
            "availableReplicas": totals["availableReplicas"],
            "unavailableReplicas": missing,
        }
        before = owner.get("status") or {}
        status = {name: value for name, value in wanted.items() if value}
        status["terminatingReplicas"] = totals["terminatingReplicas"]
        status["conditions"] = [dict(c) for c in before.get("conditions") or ()]
        if not (spec["replicas"] == 0 and not sets):
            self._available(owner, status, totals["availableReplicas"])
        again = None
        if not spec.get("paused") and not is_deleting(owner):
            _copy_failure(status, new, sets)
            again = self._progress(owner, new, status, before)
        if spec.get("paused"):
            acts.condition(
                self.cluster,
                status,
                "Progressing",
                "Unknown",
                "DeploymentPaused",
                "Deployment is paused",
                updated=True,
            )
        if not status["conditions"]:
            del status["conditions"]
        acts.set_status(self.cluster, KEY, owner, status)
        return again

    def _available(self, owner: Json, status: Json, available: int) -> None:
        if available >= owner["spec"]["replicas"] - self._unavailable(owner):
            reason, text = "MinimumReplicasAvailable", "Deployment has minimum availability."
            acts.condition(self.cluster, status, "Available", "True", reason, text, updated=True)
        else:
            reason, text = "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
            acts.condition(self.cluster, status, "Available", "False", reason, text, updated=True)

    def _progress(self, owner: Json, new: Json | None, status: Json, before: Json) -> float | None:
        """The Progressing condition; seconds until its deadline, None where it is through."""
        if new is None:
            return None
        name, wanted = name_of(new), owner["spec"]["replicas"]
        counts = [status.get(field, 0) for field in ("updatedReplicas", "replicas", "availableReplicas")]
        if all(count == wanted for count in counts):
            text = f'ReplicaSet "{name}" has successfully progressed.'
            acts.condition(
                self.cluster, status, "Progressing", "True", "NewReplicaSetAvailable", text, updated=True
            )
            return None
        found = condition({"status": status}, "Progressing")
        moved = any(
            status.get(f, 0) > before.get(f, 0)
            for f in ("updatedReplicas", "readyReplicas", "availableReplicas")
        )
        moved = moved or status.get("replicas", 0) - status.get("updatedReplicas", 0) < before.get(
            "replicas", 0
        ) - before.get("updatedReplicas", 0)
        again = (
            found is None
            or found.get("reason") == "NewReplicaSetAvailable"
            or at(before, "observedGeneration") != status.get("observedGeneration")
        )
        deadline = float(owner["spec"].get("progressDeadlineSeconds", 600))
        if moved or again:
            text = f'ReplicaSet "{name}" is progressing.'
            acts.condition(
                self.cluster, status, "Progressing", "True", "ReplicaSetUpdated", text, updated=True
            )
            fresh = condition({"status": status}, "Progressing")
            assert fresh is not None
            fresh["lastUpdateTime"] = self.cluster.clock.stamp()
            return deadline + 1
        assert found is not None
        passed = self.cluster.clock.now() - (seconds_of(found.get("lastUpdateTime")) or 0)
        if passed < deadline:
            return deadline - passed + 0.5
        text = f'ReplicaSet "{name}" has timed out progressing.'
        acts.condition(
            self.cluster, status, "Progressing", "False", "ProgressDeadlineExceeded", text, updated=True
        )
        return None


def _copy_failure(status: Json, new: Json | None, sets: list[Json]) -> None:
    """ReplicaFailure as the newest set has it, or else an older one (Kubernetes' getReplicaFailures)."""
    failures = [condition(found, "ReplicaFailure") for found in ([new] if new else []) + sets]
    failure = next((found for found in failures if found), None)
    before = condition({"status": status}, "ReplicaFailure")
    if failure and before and all(failure[key] == before[key] for key in ("status", "reason")):
        return
    status["conditions"] = [found for found in status["conditions"] if found is not before]
    if failure:
        status["conditions"].append({**failure, "lastUpdateTime": failure["lastTransitionTime"]})


def old_pods(old: list[Json]) -> bool:
    """Whether any old set still has or wants pods."""
    return any(s["spec"]["replicas"] or (at(s, "status", "replicas") or 0) for s in old)
