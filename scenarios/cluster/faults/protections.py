"""What a repair may adjust and must not take away: limits, quotas, budgets, probes, and policies over traffic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lamplighter.scenarios.cluster.faults.schema import Json, Ref
from lamplighter.scenarios.cluster.jsons import at
from lamplighter.scenarios.cluster.quantities import parse

TIMES = 16
"""A bound may grow to so many times what it was; the right repairs of all scenarios stay under 14 times."""
PATIENCE = 600.0
"""Seconds that a probe may take to give up whatever it took before: longer than any program here needs to start."""
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
TEMPLATES: dict[str, tuple[str, ...]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}


def containers(obj: Json) -> dict[str, Json]:
    """The containers of a workload's template by name, init containers among them."""
    path = TEMPLATES.get(obj["kind"])
    spec = None if path is None else at(obj, *path, "spec")
    found = [*(at(spec, "containers") or ()), *(at(spec, "initContainers") or ())]
    return {entry["name"]: entry for entry in found}


def weakened(ref: Ref, old: Json, new: Json) -> Iterator[str]:
    """What an object protects no longer, one line each: for objects that a repair may change."""
    match ref.kind:
        case "ResourceQuota":
            yield from _bounds(f"{ref}", at(old, "spec", "hard"), at(new, "spec", "hard"))
        case "LimitRange":
            if len(at(new, "spec", "limits") or ()) < len(at(old, "spec", "limits") or ()):
                yield f"{ref} lost limits"
        case "HorizontalPodAutoscaler":
            yield from _bounds(f"{ref}", _only(old, "maxReplicas"), _only(new, "maxReplicas"))
        case "PodDisruptionBudget":
            if not _protects_nothing(old) and _protects_nothing(new):
                yield f"{ref} protects nothing any more"
        case _:
            now = containers(new)
            for name, container in containers(old).items():
                yield from _container(f"{ref} container {name}", container, now.get(name, {}))


def _only(obj: Json, name: str) -> Json:
    return {name: at(obj, "spec", name)}


def _container(what: str, old: Json, new: Json) -> Iterator[str]:
    was, now = old.get("resources") or {}, new.get("resources") or {}
    yield from _bounds(f"{what} limit", was.get("limits"), now.get("limits"))
    for name in was.get("requests") or ():
        if name not in (now.get("requests") or ()) and name not in (now.get("limits") or ()):
            yield f"{what} lost its request of {name}"
    for probe in PROBES:
        had, has = old.get(probe), new.get(probe)
        if has is None:
            continue
        if had is not None and "exec" in has and "exec" not in had:
            yield f"{what} has a {probe} that asks the server no more"
        if _patience(has) > max(TIMES * _patience(had or {}), PATIENCE):
            yield f"{what} has a {probe} that gives up after {_patience(has):.0f} s only"


def _patience(probe: Json) -> float:
    """Seconds until a probe that always fails has failed; defaults as in core/v1 Probe."""
    each = max(probe.get("periodSeconds") or 10, probe.get("timeoutSeconds") or 1)
    return float((probe.get("initialDelaySeconds") or 0) + (probe.get("failureThreshold") or 3) * each)


def _bounds(what: str, old: Json | None, new: Json | None) -> Iterator[str]:
    for name, bound in (old or {}).items():
        now = (new or {}).get(name)
        if now is None:
            yield f"{what} lost its bound of {name}"
        elif parse(str(now)) > TIMES * parse(str(bound)):
            yield f"{what} has a bound of {name} that is none: {now}, was {bound}"


def _protects_nothing(budget: Json) -> bool:
    least, most = at(budget, "spec", "minAvailable"), at(budget, "spec", "maxUnavailable")
    if least is None and most is None:
        return True
    return str(least) in ("0", "0%") or str(most) == "100%" or (isinstance(most, int) and most >= TIMES)


def opened(ref: Ref, old: Json | None, new: Json) -> Iterator[str]:
    """Where a NetworkPolicy lets in everyone, or out to everywhere, and did not before."""
    if ref.kind != "NetworkPolicy":
        return
    had = set() if old is None else set(_open(old))
    yield from (f"{ref} opens {way} to all" for way in dict.fromkeys(_open(new)) if way not in had)


def _open(policy: Json) -> Iterator[str]:
    for way, peers in (("ingress", "from"), ("egress", "to")):
        for rule in at(policy, "spec", way) or ():
            everyone = not rule.get(peers) or any(map(_is_anyone, rule[peers]))
            if everyone and (way == "ingress" or not rule.get("ports")):
                yield way


def _is_anyone(peer: Any) -> bool:
    if str(at(peer, "ipBlock", "cidr") or "").endswith("/0"):
        return True
    return at(peer, "namespaceSelector") == {} and not peer.get("podSelector")
