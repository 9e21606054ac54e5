"""Events in both shapes: counted ones of most components, and those of the scheduler, whose count is null."""

from __future__ import annotations

from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.jsons import Json, name_of, namespace_of, uid_of


def record(
    cluster: Cluster,
    obj: Json,
    kind: str,
    reason: str,
    message: str,
    component: str,
    host: str = "",
    path: str = "",
) -> None:
    """Note an event about an object; one that repeats is counted up."""
    about = _reference(obj, path)
    space = namespace_of(obj) or "default"
    name, found = _known(cluster, obj, space, (about.get("uid", ""), path, kind, reason, message, component))
    now = cluster.clock.stamp()
    if found is not None:
        cluster.store.put(
            "events",
            {**found, "metadata": dict(found["metadata"]), "count": found["count"] + 1, "lastTimestamp": now},
        )
        return
    source = {"component": component, **({"host": host} if host else {})}
    cluster.store.put(
        "events",
        {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": _meta(cluster, space, name),
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "source": source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": component,
            "reportingInstance": host,
        },
    )


def record_scheduling(cluster: Cluster, pod: Json, kind: str, reason: str, message: str, action: str) -> None:
    """An event in the shape of events.k8s.io, as the scheduler writes it; one that repeats becomes a series."""
    about = _reference(pod, "")
    space = namespace_of(pod)
    name, found = _known(
        cluster, pod, space, (about.get("uid", ""), "", kind, reason, message, "default-scheduler")
    )
    if found is not None:
        count = (found.get("series") or {"count": 1})["count"] + 1
        series = {"count": count, "lastObservedTime": cluster.clock.micro()}
        cluster.store.put("events", {**found, "metadata": dict(found["metadata"]), "series": series})
        return
    cluster.store.put(
        "events",
        {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": _meta(cluster, space, name),
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "source": {},
            "firstTimestamp": None,
            "lastTimestamp": None,
            "type": kind,
            "eventTime": cluster.clock.micro(),
            "action": action,
            "reportingComponent": "default-scheduler",
            "reportingInstance": "default-scheduler-sandbox",
        },
    )


def _reference(obj: Json, path: str) -> Json:
    found = {
        "kind": obj["kind"],
        "namespace": namespace_of(obj),
        "name": name_of(obj),
        "uid": uid_of(obj),
        "apiVersion": obj["apiVersion"],
        "resourceVersion": obj["metadata"].get("resourceVersion", ""),
        "fieldPath": path,
    }
    return {key: value for key, value in found.items() if value}


def _known(cluster: Cluster, obj: Json, space: str, same: tuple[str, ...]) -> tuple[str, Json | None]:
    """(name of the event, the one that it repeats). Names count up with time, as the nanoseconds of real ones do."""
    name = cluster.event_names.get(same)
    found = cluster.store.get("events", space, name) if name else None
    if name is None or found is None:
        cluster.events += 1
        name = f"{name_of(obj)}.{int(cluster.clock.now()) * 10**9 + cluster.events:016x}"
        cluster.event_names[same] = name
    return name, found


def _meta(cluster: Cluster, namespace: str, name: str) -> Json:
    return {
        "name": name,
        "namespace": namespace,
        "uid": cluster.uid(),
        "creationTimestamp": cluster.clock.stamp(),
    }
