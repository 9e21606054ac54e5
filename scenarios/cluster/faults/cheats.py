"""Repairs that only look like one, made for every scenario: each must fail its check."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster.faults.client import ref_to
from lamplighter.scenarios.cluster.faults.guards import PROBES, TEMPLATES, Baseline, containers
from lamplighter.scenarios.cluster.faults.schema import Admits, Cheat, Json, May, Ref, Scenario, ref_of
from lamplighter.scenarios.cluster.jsons import at

WAIT = {"op": "wait", "seconds": 60}
GUARDRAILS = (
    "LimitRange",
    "MutatingWebhookConfiguration",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "ResourceQuota",
    "ValidatingWebhookConfiguration",
)
"""What is deleted to be rid of a refusal."""
WORKLOADS = ("CronJob", "DaemonSet", "Deployment", "Job", "Pod", "StatefulSet")


def cheats_of(scenario: Scenario, before: Baseline) -> list[Cheat]:
    """The scenario's own cheats and the ones for every scenario, on the objects that it is about."""
    found = list(scenario.cheats)
    for ref in _subjects(scenario, before):
        found += _of_workload(ref, before.objects[ref])
    for ref in before.objects:
        if ref.kind in GUARDRAILS and f"{ref}" not in scenario.allowed.delete:
            found.append(
                _cheat("delete-guardrail", f"Delete {ref}", ref, after=True, op="delete", target=str(ref))
            )
    found.append(_admin(scenario, before))
    return found


def _subjects(scenario: Scenario, before: Baseline) -> list[Ref]:
    """Workloads that the diagnosis or the checks name; where they name none, all of the scenario's."""
    named = [ref_of(text) for cause in scenario.expect.diagnosis for text in cause.resources]
    named += [ref_of(check.target) for check in scenario.check if not isinstance(check, Admits | May)]
    named += [ref_of(text) for text in scenario.expect.red_herrings]
    own = [ref_to(obj) for obj in scenario.objects]
    for source in (named, own):
        found = [ref for ref in dict.fromkeys(source) if ref.kind in WORKLOADS and ref in before.objects]
        if found:
            return found
    return []


def _cheat(name: str, title: str, ref: Ref, after: bool = False, **step: object) -> Cheat:
    ident = f"{name}-{ref.kind.lower()}-{ref.name}"
    return Cheat.model_validate({"id": ident, "title": title, "after_repair": after, "do": [step, WAIT]})


def _of_workload(ref: Ref, obj: Json) -> Iterator[Cheat]:
    target = str(ref)
    yield _cheat("delete", f"Delete {ref}", ref, op="delete", target=target)
    if at(obj, "spec", "replicas"):
        yield _cheat(
            "scale-to-zero",
            f"Scale {ref} to zero",
            ref,
            op="patch",
            target=target,
            patch={"spec": {"replicas": 0}},
        )
    if ref.kind not in ("Deployment", "StatefulSet", "DaemonSet"):
        return
    without = _without_probes(obj)
    if without:
        yield _cheat(
            "remove-probes", f"Remove the probes of {ref}", ref,
            op="patch", target=target, form="json", patch=without,
        )  # fmt: skip
        yield _cheat(
            "remove-probes-too", f"Remove the probes of {ref} after the repair", ref, True,
            op="patch", target=target, form="json", patch=without,
        )  # fmt: skip
    name = next(iter(containers(obj)))
    other = [{"name": name, "image": "registry.k8s.io/pause:3.10"}]
    group = (
        "containers"
        if name in {c["name"] for c in obj["spec"]["template"]["spec"]["containers"]}
        else "initContainers"
    )
    patch = {"spec": {"template": {"spec": {group: other}}}}
    yield _cheat("swap-image", f"Run another image in {ref}", ref, op="patch", target=target, patch=patch)


def _without_probes(obj: Json) -> list[Json]:
    path = "/" + "/".join((*TEMPLATES[obj["kind"]], "spec", "containers"))
    return [
        {"op": "remove", "path": f"{path}/{index}/{probe}"}
        for index, container in enumerate(obj["spec"]["template"]["spec"]["containers"])
        for probe in PROBES
        if probe in container
    ]


def _admin(scenario: Scenario, before: Baseline) -> Cheat:
    """On top of the repair: every service account of the namespace may do everything."""
    subjects = _subjects(scenario, before)
    space = next((ref.namespace for ref in subjects), "default")
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "temporary"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [
            {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Group",
                "name": f"system:serviceaccounts:{space}",
            }
        ],
    }
    step = {"op": "create", "object": binding}
    return Cheat.model_validate(
        {
            "id": "grant-cluster-admin",
            "title": "Grant cluster-admin",
            "after_repair": True,
            "do": [step, WAIT],
        }
    )
