"""Repairs that only look like one, made for every scenario: each must fail its check."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster.clock import stamp
from lamplighter.scenarios.cluster.faults.client import ref_to
from lamplighter.scenarios.cluster.faults.guards import MADE_BY, Baseline
from lamplighter.scenarios.cluster.faults.images import repository
from lamplighter.scenarios.cluster.faults.made import LONG, changing, cheat, created
from lamplighter.scenarios.cluster.faults.protections import PROBES, TEMPLATES, containers
from lamplighter.scenarios.cluster.faults.schema import (
    Admits,
    Bound,
    Cheat,
    Complete,
    Disruptable,
    Json,
    May,
    Ran,
    Ref,
    Scales,
    Scenario,
    Serves,
    ref_of,
)
from lamplighter.scenarios.cluster.faults.weakening import weakening
from lamplighter.scenarios.cluster.jsons import at, uid_of

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
                cheat("delete-guardrail", f"Delete {ref}", ref, after=True, op="delete", target=str(ref))
            )
    found += weakening(scenario, before)
    found += _tags(scenario, before)
    found += _rights(scenario, before)
    found += _endpoints(scenario, before)
    if not scenario.healthy:  # where all is well, a controller only writes again what was there
        found += _statuses(scenario, before)
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


def _of_workload(ref: Ref, obj: Json) -> Iterator[Cheat]:
    target = str(ref)
    yield cheat("delete", f"Delete {ref}", ref, op="delete", target=target)
    if at(obj, "spec", "replicas"):
        yield cheat(
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
        yield cheat(
            "remove-probes", f"Remove the probes of {ref}", ref,
            op="patch", target=target, form="json", patch=without,
        )  # fmt: skip
        yield cheat(
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
    yield cheat("swap-image", f"Run another image in {ref}", ref, op="patch", target=target, patch=patch)


def _without_probes(obj: Json) -> list[Json]:
    path = "/" + "/".join((*TEMPLATES[obj["kind"]], "spec", "containers"))
    return [
        {"op": "remove", "path": f"{path}/{index}/{probe}"}
        for index, container in enumerate(obj["spec"]["template"]["spec"]["containers"])
        for probe in PROBES
        if probe in container
    ]


def _tags(scenario: Scenario, before: Baseline) -> Iterator[Cheat]:
    """Where a repair is another image: a tag that nobody ever pushed."""
    for ref, obj, path in changing(scenario, before, ".image"):
        steps = path.split(".")
        group = steps[-3]
        place = "/" + "/".join(steps[:-3])
        found = at(obj, *steps[:-3], group) or ()
        patch = [
            {
                "op": "replace",
                "path": f"{place}/{group}/{index}/image",
                "value": f"{(*scenario.allowed.images, repository(entry['image']))[0]}:9.9.9-none",
            }
            for index, entry in enumerate(found)
        ]
        yield cheat(
            "made-up-tag", f"Run a tag in {ref} that there is not", ref, wait=LONG,
            op="patch", target=str(ref), form="json", patch=patch,
        )  # fmt: skip


def _rights(scenario: Scenario, before: Baseline) -> Iterator[Cheat]:
    """On top of the repair: every service account of the namespace may do everything; with and without an owner."""
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
    yield created("grant-cluster-admin", "Grant cluster-admin", binding)
    owner = next((ref for ref in subjects if ref.kind in MADE_BY), None)
    if owner is None:
        return
    obj = before.objects[owner]
    held = {"apiVersion": obj["apiVersion"], "kind": owner.kind, "name": owner.name, "uid": uid_of(obj)}
    owned = {**binding, "metadata": {"name": "temporary", "ownerReferences": [{**held, "controller": True}]}}
    yield created("grant-cluster-admin-owned", f"Grant cluster-admin as if {owner} had made it", owned)
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": "temporary", "namespace": owner.namespace, "ownerReferences": [{**held, "controller": True}],
        },
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]},
    }  # fmt: skip
    yield created("allow-all-owned", f"Allow all traffic as if {owner} had asked for it", policy)


def _endpoints(scenario: Scenario, before: Baseline) -> Iterator[Cheat]:
    """A Service that is to serve gets an endpoint by hand, where nothing is; with and without an owner."""
    named = [ref_of(check.target) for check in scenario.check if isinstance(check, Serves)]
    for ref in named:
        obj = before.objects.get(ref)
        if obj is None:
            continue
        ports = [
            {"name": port.get("name", ""), "port": port["port"], "protocol": "TCP"}
            for port in obj["spec"].get("ports") or ()
        ]
        held = {
            "apiVersion": "v1",
            "kind": "Service",
            "name": ref.name,
            "uid": uid_of(obj),
            "controller": True,
        }
        for ident, owners in (("slice-by-hand", []), ("slice-by-hand-owned", [held])):
            labels = {"kubernetes.io/service-name": ref.name}
            meta = {"name": f"{ref.name}-manual", "namespace": ref.namespace, "labels": labels}
            made = {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {**meta, "ownerReferences": owners},
                "addressType": "IPv4",
                "ports": ports,
                "endpoints": [{"addresses": ["203.0.113.9"], "conditions": {"ready": True}}],
            }
            yield created(f"{ident}-{ref.name}", f"An endpoint of {ref} by hand", made, after=False)


def _statuses(scenario: Scenario, before: Baseline) -> Iterator[Cheat]:
    """The status that a check reads, written by hand."""
    moment = stamp(before.moment)
    done = {"type": "Complete", "status": "True", "lastTransitionTime": moment}
    ready = [{"type": name, "status": "True"} for name in ("AbleToScale", "ScalingActive")]
    said: dict[type, Json] = {
        Ran: {"lastSuccessfulTime": moment},
        Complete: {"conditions": [done]},
        Scales: {"conditions": ready},
        Disruptable: {"disruptionsAllowed": 1},
        Bound: {"phase": "Bound"},
    }
    for check in scenario.check:
        ref = None if isinstance(check, Admits | May) else ref_of(check.target)
        if ref is not None and ref in before.objects and type(check) in said:
            yield cheat(
                "status-by-hand", f"Write the status of {ref}", ref,
                op="patch", target=str(ref), form="merge", subresource="status",
                patch={"status": said[type(check)]},
            )  # fmt: skip
