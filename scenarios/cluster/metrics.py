"""metrics.k8s.io: what pods and nodes use, as the scenario scripts it; a running pod that nobody scripted idles."""

from __future__ import annotations

from decimal import Decimal

from lamplighter.scenarios.cluster import quantities
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.errors import not_found
from lamplighter.scenarios.cluster.http import Request, Target
from lamplighter.scenarios.cluster.jsons import Json, at, labels_of, name_of
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.kubelet.behaviour import behaviour_of
from lamplighter.scenarios.cluster.kubelet.facts import facts_of
from lamplighter.scenarios.cluster.selectors import matches, parse_labels

WINDOW = "15.123s"
IDLE: Json = {"cpu": "1m", "memory": "12Mi"}
NODE_OWN = {"cpu": Decimal("0.12"), "memory": Decimal(900 * 1024**2)}
"""What a node uses with no pods on it."""


def container_usage(cluster: Cluster, pod: Json, container: str) -> Json:
    """CPU and memory of a container: scripted for the pod, for its label `app` or by its behaviour, else idle."""
    namespace = pod["metadata"]["namespace"]
    spec = next((entry for entry in pod["spec"]["containers"] if entry["name"] == container), None)
    needs = behaviour_of(pod, spec, cluster.rules, facts_of(cluster.store, pod, spec)).memory if spec else 0
    idle = {**IDLE, **({"memory": f"{needs // 1024**2}Mi"} if needs else {})}
    for name in (f"{name_of(pod)}/{container}", name_of(pod), labels_of(pod).get("app", "")):
        found = cluster.usage.get((namespace, name))
        if found is not None:
            return {**idle, **_part(cluster, namespace, name, found)}
    return idle


def _part(cluster: Cluster, namespace: str, app: str, found: Json) -> Json:
    """What is scripted for each pod, or the part of one pod of what is scripted for all of an app together."""
    if not found.get("shared"):
        return found
    pods = cluster.store.pods_with(namespace, {"app": app})
    count = max(1, sum(_running(pod) for pod in pods))
    parts = {name: quantities.amount(value) / count for name, value in found.items() if name != "shared"}
    return {name: quantities.decimal(value) for name, value in parts.items()}


def _running(pod: Json) -> bool:
    return bool(at(pod, "status", "phase") == "Running")


def pod_metrics(cluster: Cluster, pod: Json) -> Json:
    meta = {
        "name": name_of(pod),
        "namespace": pod["metadata"]["namespace"],
        "creationTimestamp": cluster.clock.stamp(),
        "labels": labels_of(pod),
    }
    containers = [
        {"name": entry["name"], "usage": container_usage(cluster, pod, entry["name"])}
        for entry in at(pod, "status", "containerStatuses") or ()
        if "running" in (entry.get("state") or {})
    ]
    return {
        "kind": "PodMetrics",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": meta,
        "timestamp": cluster.clock.stamp(),
        "window": WINDOW,
        "containers": containers,
    }


def _node_metrics(cluster: Cluster, node: Json) -> Json:
    total = dict(NODE_OWN)
    for pod in cluster.store.on_node(name_of(node)):
        for entry in pod_metrics(cluster, pod)["containers"] if _running(pod) else ():
            for name in total:
                total[name] += quantities.amount(entry["usage"][name])
    usage_ = {"cpu": quantities.decimal(total["cpu"]), "memory": f"{int(total['memory']) // 1024}Ki"}
    meta = {"name": name_of(node), "creationTimestamp": cluster.clock.stamp(), "labels": labels_of(node)}
    return {
        "kind": "NodeMetrics",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": meta,
        "timestamp": cluster.clock.stamp(),
        "window": WINDOW,
        "usage": usage_,
    }


def usage(cluster: Cluster, kind: Kind, target: Target, request: Request) -> Json:
    """The answer to a request for one or all of a kind's metrics. Raises 404."""
    labels = parse_labels(request.option("labelSelector"))
    if kind.kind == "NodeMetrics":
        found = [
            _node_metrics(cluster, node)
            for node in cluster.store.all("nodes")
            if matches(labels, labels_of(node))
        ]
    else:
        pods = [pod for pod in cluster.store.all("pods", target.namespace or None) if _running(pod)]
        found = [pod_metrics(cluster, pod) for pod in pods if matches(labels, labels_of(pod))]
    if not target.name:
        return {
            "kind": f"{kind.kind}List",
            "apiVersion": "metrics.k8s.io/v1beta1",
            "metadata": {},
            "items": found,
        }
    chosen = next((entry for entry in found if entry["metadata"]["name"] == target.name), None)
    if chosen is None:
        shown = f"{target.namespace}/{target.name}" if target.namespace else target.name
        raise not_found("podmetrics" if target.namespace else "nodemetrics", "metrics.k8s.io", shown)
    return chosen
