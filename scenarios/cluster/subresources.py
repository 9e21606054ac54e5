"""Subresources that are not the object itself: scale, eviction, binding, tokens, and a namespace's finalizers."""

from __future__ import annotations

from lamplighter.scenarios.cluster import writes
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.errors import (
    ApiError,
    bad_request,
    conflict,
    internal,
    invalid,
    invalid_value,
    modified,
    success,
)
from lamplighter.scenarios.cluster.jsons import Json, at, copied, labels_of, name_of
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.selectors import as_text, selects
from lamplighter.scenarios.cluster.writes import Options

ZONE = "topology.kubernetes.io/zone"
REGION = "topology.kubernetes.io/region"


def scale_of(obj: Json) -> Json:
    """The Scale of a workload."""
    meta = obj["metadata"]
    kept = {
        name: meta[name]
        for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if name in meta
    }
    selector = obj["spec"].get("selector") or {}
    if obj["kind"] == "ReplicationController":
        selector = {"matchLabels": selector}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": kept,
        "spec": {"replicas": obj["spec"].get("replicas", 0)},
        "status": {"replicas": at(obj, "status", "replicas") or 0, "selector": as_text(selector)},
    }


def write_scale(cluster: Cluster, kind: Kind, old: Json, scale: Json, options: Options) -> Json:
    """The Scale after `old` has got the replicas that `scale` says. Raises 409 and 422."""
    name = name_of(old)
    said = at(scale, "metadata", "resourceVersion")
    if said and said != old["metadata"]["resourceVersion"]:
        raise modified(kind.plural, kind.group, name)
    replicas = at(scale, "spec", "replicas") or 0
    if replicas < 0:
        cause = invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid("Scale", "autoscaling", name, [cause])
    new = copied(old)
    new["spec"]["replicas"] = replicas
    return scale_of(writes.update(cluster, kind, new, old, options))


def evict(cluster: Cluster, kind: Kind, pod: Json, body: Json, options: Options) -> Json:
    """Delete a pod if its disruption budgets allow it. Raises 429 where they do not, in a dry run too."""
    name = name_of(pod)
    said = at(body, "metadata", "name")
    if said and said != name:
        raise bad_request("name in URL does not match name in Eviction object")
    delete_options = dict(body.get("deleteOptions") or {})
    if "All" in (delete_options.get("dryRun") or ()):
        options = Options(options.manager, True, options.user)
    budget = _budget(cluster, pod)
    if budget is not None:
        _disrupt(cluster, budget, pod, options.dry_run)
    writes.delete(cluster, kind, pod, options, delete_options)
    return success(code=201)


def _budget(cluster: Cluster, pod: Json) -> Json | None:
    if at(pod, "status", "phase") in ("Succeeded", "Failed", "Pending") or pod["metadata"].get(
        "deletionTimestamp"
    ):
        return None
    found = [
        budget
        for budget in cluster.store.all("poddisruptionbudgets.policy", pod["metadata"]["namespace"])
        if selects(at(budget, "spec", "selector"), labels_of(pod))
    ]
    if len(found) > 1:
        raise internal(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
    return found[0] if found else None


def _disrupt(cluster: Cluster, budget: Json, pod: Json, dry_run: bool) -> None:
    """Take one allowed disruption of the budget, or raise 429."""
    status = budget.get("status") or {}
    text = "Cannot evict pod as it would violate the pod's disruption budget."
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in at(pod, "status", "conditions") or ())
    always = at(budget, "spec", "unhealthyPodEvictionPolicy") == "AlwaysAllow"
    healthy = status.get("currentHealthy", 0) >= status.get("desiredHealthy", 0)
    if not ready and (always or (healthy and status.get("desiredHealthy", 0) > 0)):
        return
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        cause = {
            "reason": "DisruptionBudget",
            "message": f"The disruption budget {name_of(budget)} is still being processed by the server.",
        }
        raise ApiError(
            429, "TooManyRequests", text, {"causes": [cause], "retryAfterSeconds": 10}, {"Retry-After": "10"}
        )
    if status.get("disruptionsAllowed", 0) < 1:
        message = (
            f"The disruption budget {name_of(budget)} needs {status.get('desiredHealthy', 0)} healthy pods and has "
            f"{status.get('currentHealthy', 0)} currently"
        )
        raise ApiError(
            429, "TooManyRequests", text, {"causes": [{"reason": "DisruptionBudget", "message": message}]}
        )
    if not dry_run:
        new = copied(budget)
        new["status"]["disruptionsAllowed"] -= 1
        new["status"].setdefault("disruptedPods", {})[name_of(pod)] = cluster.clock.stamp()
        cluster.store.put("poddisruptionbudgets.policy", new)


def bind(cluster: Cluster, pod: Json, node: str, dry_run: bool = False) -> Json:
    """Bind a pod to a node: what the scheduler does. Raises 409 for a pod that is bound."""
    if at(pod, "spec", "nodeName"):
        why = f'pod {name_of(pod)} is already assigned to node "{pod["spec"]["nodeName"]}"'
        raise conflict("pods/binding", "", name_of(pod), why)
    new = copied(pod)
    new["spec"]["nodeName"] = node
    found = labels_of(cluster.store.get("nodes", "", node) or {})
    for label in (ZONE, REGION):  # PodTopologyLabels admission, since 1.35
        if label in found:
            new["metadata"].setdefault("labels", {})[label] = found[label]
    status = new.setdefault("status", {})
    kept = [c for c in status.get("conditions") or [] if c["type"] != "PodScheduled"]
    entry = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": cluster.clock.stamp(),
    }
    status["conditions"] = [*kept, entry]
    if not dry_run:
        cluster.store.put("pods", new)
    return success(code=201)


def finalize(cluster: Cluster, old: Json, body: Json, dry_run: bool) -> Json:
    """Set the finalizers of a namespace's spec."""
    new = {**old, "spec": {**(old.get("spec") or {}), "finalizers": at(body, "spec", "finalizers") or []}}
    return new if dry_run else cluster.store.put("namespaces", new)
