"""Probes: whether a container answers, and what a failure is called."""

from __future__ import annotations

from lamplighter.scenarios.cluster.jsons import Json, at
from lamplighter.scenarios.cluster.kubelet.behaviour import Behaviour, run_in

WORDS = {"livenessProbe": "Liveness", "readinessProbe": "Readiness", "startupProbe": "Startup"}


def failure(
    kind: str, container: Json, behaviour: Behaviour, address: str, running: float, unmet: str = ""
) -> str:
    """Why a probe fails after `running` seconds, "" for success. `unmet` is what the server waits for itself."""
    probe, word = container[kind], WORDS[kind]
    timed_out = behaviour.failing_after is not None and running >= behaviour.failing_after
    timed_out = timed_out or behaviour.latency > (probe.get("timeoutSeconds") or 1)
    late = running < behaviour.ready_after
    for form in ("httpGet", "tcpSocket", "grpc"):
        if form not in probe:
            continue
        port = _port(probe[form].get("port"), container)
        where = f"{address}:{port}"
        if late or not listens(port, container, behaviour):
            url = f'Get "http://{where}{at(probe, form, "path") or "/"}": ' if form == "httpGet" else ""
            return f"{word} probe failed: {url}dial tcp {where}: connect: connection refused"
        if timed_out:
            url = f"http://{where}{at(probe, form, 'path') or '/'}"
            why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            return f'{word} probe failed: Get "{url}": {why}'
        path = at(probe, form, "path") or "/"
        if form == "httpGet" and behaviour.paths is not None and path not in behaviour.paths:
            return f"{word} probe failed: HTTP probe failed with statuscode: 404"
        if form == "httpGet" and unmet:
            return f"{word} probe failed: HTTP probe failed with statuscode: 503"
    if "exec" in probe:
        answer = run_in(behaviour, probe["exec"].get("command") or [])
        if answer.code not in (0, 127) or timed_out or late:
            return (
                f"{word} probe failed: {answer.output}".rstrip()
                if answer.output
                else f"{word} probe failed: "
            )
    return ""


def _port(said: object, container: Json) -> int:
    if isinstance(said, int):
        return said
    for port in container.get("ports") or ():
        if port.get("name") == said:
            return int(port["containerPort"])
    return int(said) if isinstance(said, str) and said.isdigit() else 0


def listens(port: int, container: Json, behaviour: Behaviour) -> bool:
    """A container that declares ports listens on those, one that declares none on any."""
    if behaviour.ports is not None:
        return port in behaviour.ports
    declared = {entry["containerPort"] for entry in container.get("ports") or ()}
    return not declared or port in declared
