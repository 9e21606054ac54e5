"""CronJobs: a Job at each due time."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.clock import seconds_of, stamp
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import common
from lamplighter.scenarios.cluster.cron import next_after
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.events import record
from lamplighter.scenarios.cluster.jsons import (
    Json,
    at,
    condition,
    copied,
    is_deleting,
    name_of,
    namespace_of,
    uid_of,
)
from lamplighter.scenarios.cluster.store import Change
from lamplighter.scenarios.cluster.writes import owner_reference

KEY, JOBS = "cronjobs.batch", "jobs.batch"


class CronJobs:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        yield from common.owner_keys(change, KEY, "CronJob")

    def reconcile(self, key: Key) -> float | None:
        cron = self.cluster.store.get(KEY, *key)
        if cron is None or is_deleting(cron):
            return None
        jobs = self.cluster.store.owned_by(uid_of(cron), JOBS)
        self._clean(cron, jobs)
        status, now = copied(cron.get("status") or {}), self.cluster.clock.now()
        again = None if cron["spec"].get("suspend") else self._due(cron, jobs, status, now)
        active = [job for job in self.cluster.store.owned_by(uid_of(cron), JOBS) if not _ended(job)]
        status["active"] = [
            {
                "kind": "Job",
                "namespace": namespace_of(job),
                "name": name_of(job),
                "uid": uid_of(job),
                "apiVersion": "batch/v1",
            }
            for job in active
        ]
        if not status["active"]:
            del status["active"]
        done = [at(job, "status", "completionTime") for job in jobs if condition(job, "Complete")]
        if done:
            status["lastSuccessfulTime"] = max(filter(None, done))
        acts.set_status(self.cluster, KEY, cron, status)
        return again

    def _due(self, cron: Json, jobs: list[Json], status: Json, now: float) -> float | None:
        """Make the Job that is due; seconds until the next one is."""
        since = seconds_of(status.get("lastScheduleTime") or cron["metadata"]["creationTimestamp"]) or now
        due = next_after(cron["spec"]["schedule"], since)
        if due is not None and due <= now:
            last = due
            while (following := next_after(cron["spec"]["schedule"], last)) is not None and following <= now:
                last = following
            deadline = cron["spec"].get("startingDeadlineSeconds")
            if deadline is not None and now - last > deadline:
                record(
                    self.cluster,
                    cron,
                    "Warning",
                    "MissSchedule",
                    f"Missed scheduled time to start a job: {stamp(last)}",
                    "cronjob-controller",
                )
            elif self._allowed(cron, [job for job in jobs if not _ended(job)]):
                self._make(cron, last)
                status["lastScheduleTime"] = stamp(last)
            due = next_after(cron["spec"]["schedule"], max(last, now))
        return None if due is None else due - now + 0.01

    def _allowed(self, cron: Json, active: list[Json]) -> bool:
        policy = cron["spec"]["concurrencyPolicy"]
        if active and policy == "Forbid":
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            record(self.cluster, cron, "Normal", "JobAlreadyActive", text, "cronjob-controller")
            return False
        if policy == "Replace":
            for job in active:
                acts.delete(self.cluster, JOBS, job, {"propagationPolicy": "Background"})
        return True

    def _make(self, cron: Json, due: float) -> None:
        template = copied(cron["spec"]["jobTemplate"])
        name = f"{name_of(cron)}-{int(due // 60)}"
        if self.cluster.store.get(JOBS, namespace_of(cron), name) is not None:
            return
        found = template.get("metadata") or {}
        meta: Json = {key: found[key] for key in ("labels",) if found.get(key)}
        notes = {
            **(found.get("annotations") or {}),
            "batch.kubernetes.io/cronjob-scheduled-timestamp": stamp(due),
        }
        meta |= {
            "name": name,
            "namespace": namespace_of(cron),
            "annotations": notes,
            "ownerReferences": [owner_reference(cron)],
        }
        acts.create(self.cluster, JOBS, {"metadata": meta, "spec": template["spec"]})
        record(self.cluster, cron, "Normal", "SuccessfulCreate", f"Created job {name}", "cronjob-controller")

    def _clean(self, cron: Json, jobs: list[Json]) -> None:
        for kind, limit in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            ended = sorted((job for job in jobs if condition(job, kind)), key=name_of)
            keep = cron["spec"].get(limit, 1)
            for job in ended[: max(0, len(ended) - keep)]:
                acts.delete(self.cluster, JOBS, job, {"propagationPolicy": "Background"})


def _ended(job: Json) -> bool:
    return condition(job, "Complete") is not None or condition(job, "Failed") is not None
