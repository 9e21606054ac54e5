"""Kinds that are shown in two shapes: events of events.k8s.io/v1, and autoscalers of autoscaling/v1."""

from __future__ import annotations

from lamplighter.scenarios.cluster.jsons import Json, at
from lamplighter.scenarios.cluster.kinds import Kind

EVENT_FIELDS = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
ALWAYS = {"deprecatedFirstTimestamp", "deprecatedLastTimestamp", "eventTime", "deprecatedSource"}


def shown(kind: Kind, obj: Json) -> Json:
    """A stored object in the shape of the kind that was asked for."""
    if not kind.stored:
        return obj
    if kind.custom is not None:
        return {**obj, "apiVersion": kind.api_version}
    out = _event(obj) if kind.kind == "Event" else _autoscaler_v1(obj)
    out["apiVersion"], out["kind"] = kind.api_version, kind.kind
    return out


def stored(kind: Kind, body: Json, storage: Kind) -> Json:
    """A body of the kind in the shape that is stored."""
    if not kind.stored:
        return body
    if kind.kind == "Event" and kind.custom is None:
        names = {new: old for old, new in EVENT_FIELDS.items()}
        body = {names.get(key, key): value for key, value in body.items()}
    elif kind.custom is None:
        body = _autoscaler_v2(body)
    body["apiVersion"], body["kind"] = storage.api_version, storage.kind
    return body


def _event(obj: Json) -> Json:
    out = {EVENT_FIELDS.get(key, key): value for key, value in obj.items()}
    return {key: value for key, value in out.items() if key in ALWAYS or value not in ("", None, {})}


def _autoscaler_v1(obj: Json) -> Json:
    """The CPU metric alone; v1 keeps others in annotations, which the sandbox leaves out."""
    spec, status = obj["spec"], obj.get("status") or {}
    kept = {key: spec[key] for key in ("scaleTargetRef", "minReplicas", "maxReplicas") if key in spec}
    for metric in spec.get("metrics") or ():
        if at(metric, "resource", "name") == "cpu":
            kept["targetCPUUtilizationPercentage"] = at(metric, "resource", "target", "averageUtilization")
    names = ("observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas")
    shown_status = {"currentReplicas": 0, "desiredReplicas": 0}
    shown_status.update({key: status[key] for key in names if key in status})
    return {"metadata": obj["metadata"], "spec": kept, "status": shown_status}


def _autoscaler_v2(body: Json) -> Json:
    spec = dict(body.get("spec") or {})
    percent = spec.pop("targetCPUUtilizationPercentage", None)
    if percent is not None:
        target = {"type": "Utilization", "averageUtilization": percent}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**body, "spec": spec}
