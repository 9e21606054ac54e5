"""The row of a pod: how its containers' states become one word (printPod of Kubernetes' printers)."""

from __future__ import annotations

from typing import Any, NamedTuple

from lamplighter.scenarios.cluster.clock import age, seconds_of
from lamplighter.scenarios.cluster.jsons import Json, at, name_of

NONE = "<none>"


class _Count(NamedTuple):
    reason: str
    ready: int
    restarts: int
    last: float | None


def pod_cells(obj: Json, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    found = _state(obj)
    reason = found.reason
    if obj["metadata"].get("deletionTimestamp"):
        reason = "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
        if found.reason in ("Completed",) and status.get("phase") in ("Succeeded", "Failed"):
            reason = found.reason
    total = len(spec.get("containers") or ()) + sum(
        1 for c in spec.get("initContainers") or () if _sidecar(c)
    )
    restarts = str(found.restarts)
    if found.restarts and found.last is not None:
        restarts += f" ({age(now - found.last)} ago)"
    gates = spec.get("readinessGates") or []
    held = sum(
        any(
            c["type"] == gate["conditionType"] and c["status"] == "True"
            for c in status.get("conditions") or ()
        )
        for gate in gates
    )
    return [
        name_of(obj),
        f"{found.ready}/{total}",
        reason,
        restarts,
        age(now - (seconds_of(obj["metadata"].get("creationTimestamp")) or now)),
        status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"{held}/{len(gates)}" if gates else NONE,
    ]


def _sidecar(container: Json) -> bool:
    return container.get("restartPolicy") == "Always"


def _state(obj: Json) -> _Count:
    spec, status = obj["spec"], obj.get("status") or {}
    reason = status.get("reason") or status.get("phase", "")
    for entry in status.get("conditions") or ():
        if entry["type"] == "PodScheduled" and entry.get("reason") == "SchedulingGated":
            reason = "SchedulingGated"
    init, ready, restarts, last = _initializing(spec, status)
    if init:
        return _Count(init, ready, restarts, last)
    running = False
    for entry in reversed(status.get("containerStatuses") or []):
        restarts += entry.get("restartCount", 0)
        last = _latest(last, at(entry, "lastState", "terminated", "finishedAt"))
        state = entry.get("state") or {}
        if at(state, "waiting", "reason"):
            reason = state["waiting"]["reason"]
        elif "terminated" in state:
            reason = _ended(state["terminated"])
        elif entry.get("ready") and "running" in state:
            running = True
            ready += 1
    if reason == "Completed" and running:
        is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
        reason = "Running" if is_ready else "NotReady"
    return _Count(reason, ready, restarts, last)


def _latest(last: float | None, text: str | None) -> float | None:
    moment = seconds_of(text)
    return last if moment is None else moment if last is None else max(last, moment)


def _ended(state: Json) -> str:
    if state.get("reason"):
        return str(state["reason"])
    if state.get("signal"):
        return f"Signal:{state['signal']}"
    return f"ExitCode:{state.get('exitCode', 0)}"


def _initializing(spec: Json, status: Json) -> tuple[str, int, int, float | None]:
    """(the word for init containers that are not through, ready sidecars, restarts, when last)."""
    sidecars = {c["name"] for c in spec.get("initContainers") or () if _sidecar(c)}
    ready = restarts = 0
    last: float | None = None
    total = len(spec.get("initContainers") or ())
    for index, entry in enumerate(status.get("initContainerStatuses") or ()):
        restarts += entry.get("restartCount", 0)
        last = _latest(last, at(entry, "lastState", "terminated", "finishedAt"))
        state = entry.get("state") or {}
        if "terminated" in state and state["terminated"].get("exitCode") == 0:
            continue
        if entry["name"] in sidecars and entry.get("started"):
            ready += bool(entry.get("ready"))
            continue
        if "terminated" in state:
            return f"Init:{_ended(state['terminated'])}", ready, restarts, last
        waiting = at(state, "waiting", "reason")
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}", ready, restarts, last
        return f"Init:{index}/{total}", ready, restarts, last
    return "", ready, restarts, last
