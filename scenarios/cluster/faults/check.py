"""Whether a scenario is repaired: its checks, and what a repair must leave as it was, all read through the API."""

from __future__ import annotations

import re
from typing import Any

from lamplighter.scenarios.cluster import certificates
from lamplighter.scenarios.cluster.clock import seconds_of
from lamplighter.scenarios.cluster.faults.client import Client
from lamplighter.scenarios.cluster.faults.guards import Baseline, violations
from lamplighter.scenarios.cluster.faults.schema import (
    Admits,
    Bound,
    Certified,
    Check,
    Complete,
    Disruptable,
    FieldIs,
    Gone,
    Json,
    May,
    NodeFit,
    Ran,
    Ready,
    Ref,
    Routes,
    Scales,
    Scenario,
    Serves,
    Steady,
    ref_of,
)
from lamplighter.scenarios.cluster.jsons import at, condition, copied, is_deleting, labels_of, namespace_of
from lamplighter.scenarios.cluster.selectors import selects

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")


def verdict(client: Client, scenario: Scenario, before: Baseline) -> list[str]:
    """Why the scenario is not repaired, one line each; empty where it is."""
    found = [line for check in scenario.check for line in failures(client, check, before)]
    return found + violations(client, before, scenario.allowed)


def failures(client: Client, check: Check, before: Baseline) -> list[str]:
    """Why one check fails, empty where it holds."""
    match check:
        case May():
            return _may(client, check)
        case Admits():
            return _admits(client, check)
        case Gone():
            return [f"{check.target} is still there"] if client.get(ref_of(check.target)) else []
        case _:
            return _of_object(client, check, before)


def _of_object(client: Client, check: Any, before: Baseline) -> list[str]:
    ref = ref_of(check.target)
    obj = client.get(ref)
    if obj is None:
        return [f"{ref} is not there"]
    match check:
        case Ready():
            why = _ready(obj, check.replicas, before.objects.get(ref))
        case Steady():
            why = _steady(client, obj, check.seconds)
        case FieldIs():
            value = field_of(obj, check.path)
            why = "" if value == check.value else f"{check.path} is {value!r}, not {check.value!r}"
        case Serves():
            why = serves(client, obj)
        case Routes():
            why = _routes(client, obj)
        case Certified():
            problems = (certificates.problem(obj, host, client.now) for host in check.hosts)
            why = next((problem for problem in problems if problem), "")
        case Bound():
            phase = at(obj, "status", "phase")
            why = "" if phase == "Bound" else f"is {phase}"
        case Complete():
            found = condition(obj, "Complete")
            why = "" if found and found["status"] == "True" else "is not complete"
        case Ran():
            why = _ran(obj, client.now - check.seconds)
        case Scales():
            why = _scales(obj)
        case Disruptable():
            why = "" if at(obj, "status", "disruptionsAllowed") else "allows no disruption"
        case NodeFit():
            why = _node(obj, check.cordoned)
        case _:
            raise AssertionError(check)
    return [f"{ref} {why}"] if why else []


def field_of(obj: Any, path: str) -> Any:
    """What stands at a dotted path; numbers are indices; a step may be quoted by the path's `[...]`."""
    for step in re.findall(r"\[([^\]]+)\]|([^.\[\]]+)", path):
        key = step[0] or step[1]
        obj = at(obj, int(key) if isinstance(obj, list) and key.isdigit() else key)
    return obj


def _ready(obj: Json, least: int | None, before: Json | None) -> str:
    if is_deleting(obj):
        return "is being deleted"
    if obj["kind"] == "Pod":
        found = condition(obj, "Ready")
        return "" if found and found["status"] == "True" else "is not ready"
    spec, status = obj["spec"], obj.get("status") or {}
    if status.get("observedGeneration") != obj["metadata"].get("generation"):
        return "was not looked at since its last change"
    if obj["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        counts = [status.get(name, 0) for name in ("updatedNumberScheduled", "numberAvailable")]
    else:
        wanted = spec.get("replicas", 1)
        counts = [
            status.get(name, 0)
            for name in ("updatedReplicas", "readyReplicas", "availableReplicas", "replicas")
        ]
    floor = least if least is not None else min(at(before, "spec", "replicas") or 0, wanted)
    floor = max(floor, 1 if least is None and (before is None or at(before, "spec", "replicas") != 0) else 0)
    if wanted < floor:
        return f"wants {wanted} replicas, not {floor}"
    if any(count != wanted for count in counts):
        return f"has {min(counts)} of {wanted} replicas up and updated"
    return ""


def pods_of(client: Client, obj: Json) -> list[Json]:
    """The pods that a workload's selector, or a Pod itself, means."""
    if obj["kind"] == "Pod":
        return [obj]
    pods = client.of("Pod", namespace_of(obj))
    return [pod for pod in pods if selects(at(obj, "spec", "selector"), labels_of(pod))]


def _steady(client: Client, obj: Json, seconds: float) -> str:
    since = client.now - seconds
    for pod in pods_of(client, obj):
        for entry in at(pod, "status", "containerStatuses") or ():
            begun = seconds_of(at(entry, "state", "running", "startedAt"))
            if entry["restartCount"] and begun is not None and begun > since:
                return f"had container {entry['name']} restart {client.now - begun:.0f} s ago"
            for state in ("lastState", "state"):
                ended = seconds_of(at(entry, state, "terminated", "finishedAt"))
                if ended is not None and ended >= since:
                    return f"had container {entry['name']} end {client.now - ended:.0f} s ago"
    return ""


def serves(client: Client, service: Json) -> str:
    """Why a Service leads to nothing, "" where each of its ports has a ready endpoint that takes it."""
    space, name = namespace_of(service), service["metadata"]["name"]
    slices = [
        entry
        for entry in client.of("EndpointSlice", space)
        if labels_of(entry).get("kubernetes.io/service-name") == name
    ]
    ready = [
        (endpoint, entry.get("ports") or [])
        for entry in slices
        for endpoint in entry.get("endpoints") or ()
        if at(endpoint, "conditions", "ready") and _is_behind(client, endpoint, service)
    ]
    if not ready:
        return "has no ready endpoint"
    for port in service["spec"].get("ports") or ():
        if not any(_taken(client, endpoint, ports, port) for endpoint, ports in ready):
            return f"has no endpoint that takes port {port['port']}"
    return ""


def _is_behind(client: Client, endpoint: Json, service: Json) -> bool:
    """Whether an endpoint is a ready pod of the Service; of one without a selector, whatever someone wrote."""
    selector = at(service, "spec", "selector")
    if not selector:
        return True
    pod = _target(client, endpoint)
    if pod is None or namespace_of(pod) != namespace_of(service) or _ready(pod, None, None):
        return False
    same = at(pod, "status", "podIP") in (endpoint.get("addresses") or ())
    return same and bool(selector.items() <= labels_of(pod).items())


def _target(client: Client, endpoint: Json) -> Json | None:
    """The pod that an endpoint says it is."""
    target = endpoint.get("targetRef") or {}
    if target.get("kind") != "Pod":
        return None
    return client.get(Ref("Pod", target.get("namespace", ""), target.get("name", "")))


def _taken(client: Client, endpoint: Json, ports: list[Json], port: Json) -> bool:
    """Whether the pod behind an endpoint declares the port that the service's port leads to."""
    numbers = {entry.get("port") for entry in ports if (entry.get("name") or "") == (port.get("name") or "")}
    if endpoint.get("targetRef") is None:
        return bool(numbers)
    found = at(_target(client, endpoint), "spec", "containers") or ()
    declared = {entry["containerPort"] for container in found for entry in container.get("ports") or ()}
    return bool(numbers & declared)


def _routes(client: Client, ingress: Json) -> str:
    space, spec = namespace_of(ingress), ingress["spec"]
    wanted = spec.get("ingressClassName")
    classes = client.of("IngressClass")
    if wanted not in [entry["metadata"]["name"] for entry in classes]:
        return f"has class {wanted!r}, which there is not"
    backends = [at(path, "backend", "service") for rule in spec.get("rules") or () for path in _of_rule(rule)]
    for backend in [*backends, *filter(None, [at(spec, "defaultBackend", "service")])]:
        service = client.get(Ref("Service", space, backend["name"]))
        if service is None:
            return f"leads to service {backend['name']!r}, which there is not"
        port = backend["port"]
        known = [entry for entry in service["spec"]["ports"] if _is_port(entry, port)]
        if not known:
            return f"leads to a port of {backend['name']!r} that there is not: {port}"
        why = serves(client, service)
        if why:
            return f"leads to {backend['name']!r}, which {why}"
    for entry in spec.get("tls") or ():
        secret = client.get(Ref("Secret", space, entry.get("secretName") or ""))
        if secret is None or secret.get("type") != "kubernetes.io/tls":
            return f"has no TLS Secret {entry.get('secretName')!r}"
        for host in entry.get("hosts") or ():
            why = certificates.problem(secret, host, client.now)
            if why:
                return f"has a certificate that is no good: {why}"
    return ""


def _of_rule(rule: Json) -> list[Json]:
    return at(rule, "http", "paths") or []


def _is_port(entry: Json, port: Json) -> bool:
    if port.get("name"):
        return bool(entry.get("name") == port["name"])
    return bool(entry["port"] == port.get("number"))


def _ran(obj: Json, since: float) -> str:
    last = seconds_of(at(obj, "status", "lastSuccessfulTime"))
    return "" if last is not None and last >= since else "has had no successful run of late"


def _scales(obj: Json) -> str:
    for name, value in (("AbleToScale", "True"), ("ScalingActive", "True")):
        found = condition(obj, name)
        if found is None or found["status"] != value:
            return f"is not {name}: {(found or {}).get('message', 'no condition')}"
    limited = condition(obj, "ScalingLimited")
    if limited is not None and limited["status"] == "True" and limited["reason"] == "TooManyReplicas":
        return "is held at its upper bound"
    return ""


def _node(obj: Json, cordoned: bool) -> str:
    ready = condition(obj, "Ready")
    if ready is None or ready["status"] != "True":
        return "is not ready"
    pressed = [name for name in PRESSURES if (condition(obj, name) or {}).get("status") == "True"]
    if pressed:
        return f"is under {pressed[0]}"
    if bool(at(obj, "spec", "unschedulable")) != cordoned:
        return "is cordoned" if not cordoned else "is not cordoned any more"
    return ""


def _may(client: Client, check: May) -> list[str]:
    attributes = {
        "verb": check.verb, "resource": check.resource, "group": check.group, "namespace": check.namespace,
    }  # fmt: skip
    groups = ["system:authenticated"]
    if check.user.startswith("system:serviceaccount:"):
        groups += ["system:serviceaccounts", f"system:serviceaccounts:{check.user.split(':')[2]}"]
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": check.user, "groups": groups, "resourceAttributes": attributes},
    }
    reply = client.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    if bool(at(reply.body, "status", "allowed")) == check.allowed:
        return []
    said = "may not" if check.allowed else "may"
    return [f"{check.user} {said} {check.verb} {check.resource} in {check.namespace or 'the cluster'}"]


def _admits(client: Client, check: Admits) -> list[str]:
    reply = client.create(copied(check.object), dry_run=True)
    if reply.ok == check.admitted:
        return []
    return [f"a {check.object['kind']} is {'taken' if reply.ok else f'refused: {reply.message}'}"]
