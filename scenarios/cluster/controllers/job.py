"""Jobs: pods until enough of them have succeeded, or too many have failed."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.clock import seconds_of
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import common
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.errors import ApiError
from lamplighter.scenarios.cluster.events import record
from lamplighter.scenarios.cluster.jsons import Json, at, copied, is_deleting, name_of, namespace_of
from lamplighter.scenarios.cluster.store import Change

KEY = "jobs.batch"
FIRST_BACKOFF, LONGEST_BACKOFF = 10.0, 360.0
INDEX = "batch.kubernetes.io/job-completion-index"


class Jobs:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        yield from common.owner_keys(change, KEY, "Job")

    def reconcile(self, key: Key) -> float | None:
        job = self.cluster.store.get(KEY, *key)
        if job is None or is_deleting(job):
            return None
        status = copied(job.get("status") or {})
        ended = next((c for c in status.get("conditions") or () if c["type"] in ("Complete", "Failed")), None)
        if ended is not None:
            self._after(job, status)
            return self._expire(job, ended)
        pods = common.pods_of(self.cluster, job)
        good = [p for p in pods if at(p, "status", "phase") == "Succeeded"]
        bad = [p for p in pods if at(p, "status", "phase") == "Failed"]
        active = [p for p in pods if common.is_active(p)]
        if job["spec"].get("suspend"):
            self._suspend(job, status, active)
            return None
        status.setdefault("startTime", self.cluster.clock.stamp())
        again = self._decide(job, status, good, bad, active)
        self._counts(job, status)
        return again

    def _decide(
        self, job: Json, status: Json, good: list[Json], bad: list[Json], active: list[Json]
    ) -> float | None:
        spec = job["spec"]
        wanted = spec.get("completions")
        restarts = sum(
            c.get("restartCount", 0) for p in active for c in at(p, "status", "containerStatuses") or ()
        )
        deadline = spec.get("activeDeadlineSeconds")
        running = self.cluster.clock.now() - (seconds_of(status["startTime"]) or 0)
        if len(bad) + (
            restarts if spec["template"]["spec"].get("restartPolicy") == "OnFailure" else 0
        ) > spec.get("backoffLimit", 6):
            self._fail(
                job, status, active, "BackoffLimitExceeded", "Job has reached the specified backoff limit"
            )
            return None
        if deadline is not None and running >= deadline:
            self._fail(
                job, status, active, "DeadlineExceeded", "Job was active longer than specified deadline"
            )
            return None
        done = len(good) >= wanted if wanted is not None else bool(good) and not active
        if done:
            self._complete(job, status)
            return None
        wait = self._make(job, good, bad, active)
        left = None if deadline is None else deadline - running + 0.01
        return min((w for w in (wait, left) if w is not None), default=None)

    def _make(self, job: Json, good: list[Json], bad: list[Json], active: list[Json]) -> float | None:
        """Make the pods that are missing; seconds to wait after failures."""
        spec = job["spec"]
        left = (
            spec["completions"] - len(good)
            if spec.get("completions") is not None
            else (0 if good else spec["parallelism"])
        )
        missing = min(spec.get("parallelism", 1), left) - len(active)
        if missing <= 0:
            return None
        if bad:
            ends = [
                seconds_of(at(c, "state", "terminated", "finishedAt")) or 0
                for p in bad
                for c in at(p, "status", "containerStatuses") or ()
            ]
            delay = min(FIRST_BACKOFF * 2 ** (len(bad) - 1), LONGEST_BACKOFF)
            wait = float(delay) + max(ends, default=0.0) - self.cluster.clock.now()
            if wait > 0:
                return wait
        taken = {(p["metadata"].get("annotations") or {}).get(INDEX) for p in [*good, *active]}
        free = [str(i) for i in range(spec.get("completions") or 0) if str(i) not in taken]
        for number in range(missing):
            pod = common.pod_from(spec["template"], job)
            if spec.get("completionMode") == "Indexed":
                pod["metadata"].setdefault("annotations", {})[INDEX] = free[number]
                pod["metadata"].setdefault("labels", {})[INDEX] = free[number]
            try:
                made = acts.create(self.cluster, "pods", pod)
            except ApiError as error:
                record(
                    self.cluster,
                    job,
                    "Warning",
                    "FailedCreate",
                    f"Error creating: {error.message}",
                    "job-controller",
                )
                return FIRST_BACKOFF
            record(
                self.cluster,
                job,
                "Normal",
                "SuccessfulCreate",
                f"Created pod: {name_of(made)}",
                "job-controller",
            )
        return None

    def _suspend(self, job: Json, status: Json, active: list[Json]) -> None:
        for pod in active:
            acts.delete(self.cluster, "pods", pod)
        acts.condition(self.cluster, status, "Suspended", "True", "JobSuspended", "Job suspended")
        self._probed(status)
        acts.set_status(self.cluster, KEY, job, status)

    def _complete(self, job: Json, status: Json) -> None:
        text = "Reached expected number of succeeded pods"
        for kind in ("SuccessCriteriaMet", "Complete"):
            acts.condition(self.cluster, status, kind, "True", "CompletionsReached", text)
        status["completionTime"] = self.cluster.clock.stamp()
        record(self.cluster, job, "Normal", "Completed", "Job completed", "job-controller")

    def _fail(self, job: Json, status: Json, active: list[Json], reason: str, text: str) -> None:
        for kind in ("FailureTarget", "Failed"):
            acts.condition(self.cluster, status, kind, "True", reason, text)
        for pod in active:
            acts.delete(self.cluster, "pods", pod)
        record(self.cluster, job, "Warning", reason, text, "job-controller")

    def _probed(self, status: Json) -> None:
        for entry in status.get("conditions") or ():
            entry.setdefault("lastProbeTime", entry["lastTransitionTime"])

    def _after(self, job: Json, status: Json) -> None:
        self._counts(job, status)

    def _counts(self, job: Json, status: Json) -> None:
        pods = common.pods_of(self.cluster, job)
        phases = [at(p, "status", "phase") for p in pods]
        active = [p for p in pods if common.is_active(p)]
        over = any(c["type"] in ("Complete", "Failed") for c in status.get("conditions") or ())
        counts = {
            "active": 0 if over else len(active),
            "succeeded": phases.count("Succeeded"),
            "failed": phases.count("Failed"),
        }
        for name, value in counts.items():
            before = 0 if name == "active" else status.get(name, 0)
            status.pop(name, None)
            if max(value, before):
                status[name] = max(value, before)
        status |= {"terminating": sum(is_deleting(p) for p in pods), "uncountedTerminatedPods": {}}
        status["ready"] = sum(common.is_ready(p) for p in active)
        self._probed(status)
        found = self.cluster.store.get(KEY, namespace_of(job), name_of(job)) or job
        acts.set_status(self.cluster, KEY, found, status)

    def _expire(self, job: Json, ended: Json) -> float | None:
        keep = job["spec"].get("ttlSecondsAfterFinished")
        if keep is None:
            return None
        left = float(keep) + (seconds_of(ended["lastTransitionTime"]) or 0) - self.cluster.clock.now()
        if left > 0:
            return left + 0.01
        acts.delete(self.cluster, KEY, job, {"propagationPolicy": "Background"})
        return None
