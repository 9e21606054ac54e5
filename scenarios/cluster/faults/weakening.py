"""Cheats that take away the protection which a repair may adjust."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lamplighter.scenarios.cluster.faults.guards import Baseline
from lamplighter.scenarios.cluster.faults.made import LONG, changing, cheat, created
from lamplighter.scenarios.cluster.faults.protections import PROBES
from lamplighter.scenarios.cluster.faults.schema import Cheat, Json, Ref, Scenario
from lamplighter.scenarios.cluster.jsons import at

TRUE = {"exec": {"command": ["true"]}}
FOREVER = {"failureThreshold": 1_000_000, "initialDelaySeconds": 100_000}


def weakening(scenario: Scenario, before: Baseline) -> Iterator[Cheat]:
    """One cheat for each protection that a repair of the scenario may touch."""
    for probe in PROBES:
        for ref, obj, path in changing(scenario, before, probe):
            yield from _probe(ref, obj, path, probe)
    for ref, obj, path in changing(scenario, before, ".resources"):
        yield from _limits(ref, obj, path)
    for ref in dict.fromkeys(ref for ref, _, _ in changing(scenario, before, "")):
        yield from _guardrail(ref, before.objects[ref])
    for pattern in scenario.allowed.create:
        yield from _new(pattern)


def _members(obj: Json, path: str, name: str) -> Iterator[tuple[str, Any]]:
    """The JSON pointer and value of a container's member, for each container that has it."""
    steps = path.split(".")[:-2]
    for index, container in enumerate(at(obj, *steps) or ()):
        if name in container:
            yield f"/{'/'.join(steps)}/{index}/{name}", container[name]


def _probe(ref: Ref, obj: Json, path: str, probe: str) -> Iterator[Cheat]:
    found = list(_members(obj, path, probe))
    if not found:
        return
    handlers = ("exec", "grpc", "httpGet", "tcpSocket")
    asked = [{k: v for k, v in value.items() if k not in handlers} | TRUE for _, value in found]
    patient = [value | FOREVER for _, value in found]
    if not any("exec" in value for _, value in found):
        yield _replaced(f"{probe.lower()}-true", f"A {probe} of {ref} that always passes", ref, found, asked)
    if probe != "readinessProbe":
        patient = [{k: v for k, v in value.items() if k != "initialDelaySeconds"} for value in patient]
    yield _replaced(f"{probe.lower()}-forever", f"A {probe} of {ref} that never fails", ref, found, patient)


def _replaced(name: str, title: str, ref: Ref, found: list[tuple[str, Any]], values: list[Any]) -> Cheat:
    patch = [
        {"op": "replace", "path": path, "value": value}
        for (path, _), value in zip(found, values, strict=True)
    ]
    return cheat(name, title, ref, wait=LONG, op="patch", target=str(ref), form="json", patch=patch)


def _limits(ref: Ref, obj: Json, path: str) -> Iterator[Cheat]:
    found = [(place, value) for place, value in _members(obj, path, "resources") if value.get("limits")]
    if not found:
        return
    patch = [{"op": "remove", "path": place} for place, _ in found]
    yield cheat(
        "no-resources", f"No limits for {ref}", ref, wait=LONG,
        op="patch", target=str(ref), form="json", patch=patch,
    )  # fmt: skip
    huge = [{"limits": dict.fromkeys(value["limits"], "1000Gi")} for _, value in found]
    kept = [{**value, **more} for (_, value), more in zip(found, huge, strict=True)]
    yield _replaced("huge-limits", f"Limits for {ref} that are none", ref, found, kept)


def _guardrail(ref: Ref, obj: Json) -> Iterator[Cheat]:
    spec: dict[str, Json] = {}
    match ref.kind:
        case "ResourceQuota":
            hard = obj["spec"]["hard"]
            spec = {
                "no-quota": {"hard": dict.fromkeys(hard)},
                "huge-quota": {"hard": dict.fromkeys(hard, "1000000Gi")},
            }
        case "HorizontalPodAutoscaler":
            spec = {"huge-maximum": {"maxReplicas": 5000}}
        case "PodDisruptionBudget":
            spec = {
                "budget-of-nothing": {"minAvailable": 0, "maxUnavailable": None},
                "budget-of-all": {"minAvailable": None, "maxUnavailable": "100%"},
            }
        case "NetworkPolicy":
            everyone: Json = {}
            spec = {f"open-{way}": {way: [everyone]} for way in ("egress", "ingress") if way in obj["spec"]}
        case "Role" | "ClusterRole":
            yield from _rules(ref, obj)
        case _:
            pass
    for name, part in spec.items():
        yield cheat(
            name, f"Weaken {ref}", ref, wait=LONG,
            op="patch", target=str(ref), form="merge", patch={"spec": part},
        )  # fmt: skip


def _rules(ref: Ref, obj: Json) -> Iterator[Cheat]:
    verbs = ["bind", "create", "delete", "escalate", "get", "list", "patch", "update", "watch"]
    groups = sorted({"", "apps", *(group for rule in obj["rules"] for group in rule.get("apiGroups") or ())})
    resources = sorted(
        {
            "deployments",
            "pods",
            "secrets",
            *(each for rule in obj["rules"] for each in rule.get("resources") or ()),
        }
    )
    rule = {"apiGroups": groups, "resources": resources, "verbs": verbs}
    yield cheat(
        "every-right", f"Every right for {ref} without a star", ref, wait=LONG,
        op="patch", target=str(ref), form="merge", patch={"rules": [rule]},
    )  # fmt: skip


def _new(pattern: str) -> Iterator[Cheat]:
    """Where a repair may make objects of a kind by any name: one more of it, after the repair."""
    kind, _, place = pattern.partition(" ")
    space, _, name = place.rpartition("/")
    if name != "*":
        return
    meta = {"name": "temporary", "namespace": space}
    made: Json
    if kind == "NetworkPolicy":
        spec: Json = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}
        made = {"apiVersion": "networking.k8s.io/v1", "kind": kind, "metadata": meta, "spec": spec}
        yield created("allow-all", "Let everyone in everywhere", made, after=False)
    if kind == "RoleBinding":
        group = "rbac.authorization.k8s.io"
        for ident, role, account in (
            ("bind-default", "view", "default"),
            ("bind-aggregate", "system:aggregate-to-admin", "temporary"),
        ):
            made = {
                "apiVersion": f"{group}/v1",
                "kind": kind,
                "metadata": meta,
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": space}],
            }
            yield created(ident, f"Bind {role} to {account}", made)
