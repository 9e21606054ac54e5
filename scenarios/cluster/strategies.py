"""What each kind does with status and generation, and what it is given when it is created or updated."""

from __future__ import annotations

from collections.abc import Callable

from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.jsons import Json, at, uid_of
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.quantities import amount
from lamplighter.scenarios.cluster.schema import definitions

WITHOUT_GENERATION = {
    "services",
    "persistentvolumeclaims",
    "persistentvolumes",
    "nodes",
    "namespaces",
    "limitranges",
    "resourcequotas",
    "replicationcontrollers.x",
    "leases.coordination.k8s.io",
    "horizontalpodautoscalers.autoscaling",
    "podtemplates",
    "certificatesigningrequests.certificates.k8s.io",
    "apiservices.apiregistration.k8s.io",
}
ANNOTATIONS_COUNT = {"deployments.apps"}
"""Kinds whose generation counts changes of annotations too."""
KEEPS_STATUS = {"nodes", "namespaces"}
"""Kinds that take their status from the body of a create."""
EMPTY_STATUS: dict[str, Json] = {
    "pods": {"phase": "Pending"},
    "namespaces": {"phase": "Active"},
    "services": {"loadBalancer": {}},
    "persistentvolumeclaims": {"phase": "Pending"},
    "persistentvolumes": {"phase": "Pending"},
    "ingresses.networking.k8s.io": {"loadBalancer": {}},
    "poddisruptionbudgets.policy": {
        "disruptionsAllowed": 0,
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "expectedPods": 0,
    },
    "replicasets.apps": {"replicas": 0},
    "replicationcontrollers": {"replicas": 0},
    "statefulsets.apps": {"replicas": 0, "availableReplicas": 0},
    "daemonsets.apps": {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    },
    "horizontalpodautoscalers.autoscaling": {"desiredReplicas": 0, "currentMetrics": None},
    "customresourcedefinitions.apiextensions.k8s.io": {
        "conditions": None,
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": [],
    },
}


def has_status(kind: Kind) -> bool:
    """Whether the status is a subresource, so that writes of the object itself leave it alone."""
    return "status" in kind.subresources


def counts_generations(kind: Kind) -> bool:
    if kind.custom is not None:
        return True
    if kind.key in WITHOUT_GENERATION or not kind.schema:
        return False
    return "spec" in definitions()[kind.schema].get("properties", {})


def start_status(kind: Kind, obj: Json) -> None:
    """The status of an object that is new."""
    if kind.key in KEEPS_STATUS or not has_status(kind):
        return
    obj.pop("status", None)
    if kind.custom is not None:
        return
    obj["status"] = dict(EMPTY_STATUS.get(kind.key, {}))


def quality(spec: Json) -> str:
    """The QoS class of a pod (k8s.io/kubernetes pkg/apis/core/helper/qos)."""
    limits_all, some = True, False
    for container in (spec.get("containers") or []) + (spec.get("initContainers") or []):
        found = container.get("resources") or {}
        limits, requests = found.get("limits") or {}, found.get("requests") or {}
        some = some or any(name in ("cpu", "memory") for name in [*limits, *requests])
        for name in ("cpu", "memory"):
            limit = limits.get(name)
            limits_all = (
                limits_all and limit is not None and amount(requests.get(name, limit)) == amount(limit)
            )
    return "BestEffort" if not some else "Guaranteed" if limits_all else "Burstable"


def _new_pod(cluster: Cluster, obj: Json) -> None:
    obj["status"]["qosClass"] = quality(obj["spec"])


def _new_job(cluster: Cluster, obj: Json) -> None:
    """Labels and selector that tie a Job to its pods."""
    spec, uid, name = obj["spec"], uid_of(obj), obj["metadata"].get("name", "")
    spec.setdefault("manualSelector", False)
    if spec["manualSelector"]:
        return
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    meta = spec["template"].setdefault("metadata", {})
    meta["labels"] = {**(meta.get("labels") or {}), **labels}
    if not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(meta["labels"])
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}


def _addresses(cluster: Cluster, obj: Json) -> None:
    """A cluster IP and node ports for a service that has none yet."""
    spec = obj["spec"]
    if spec.get("type") == "ExternalName":
        return
    if not spec.get("clusterIP"):
        spec["clusterIP"] = cluster.service_address()
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                port["nodePort"] = cluster.node_port()


PREPARE: dict[str, Callable[[Cluster, Json], None]] = {
    "pods": _new_pod,
    "jobs.batch": _new_job,
    "services": _addresses,
}


def prepare_create(cluster: Cluster, kind: Kind, obj: Json) -> None:
    if kind.key in PREPARE:
        PREPARE[kind.key](cluster, obj)


def prepare_update(cluster: Cluster, kind: Kind, obj: Json, old: Json) -> None:
    """What an update keeps from the object that it replaces."""
    if kind.key == "services":
        spec, before = obj["spec"], old["spec"]
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if name not in spec and name in before:
                spec[name] = before[name]
        kept = {port.get("port"): port.get("nodePort") for port in before.get("ports") or ()}
        for port in spec.get("ports") or ():
            if spec["type"] != "ClusterIP" and kept.get(port.get("port")):
                port.setdefault("nodePort", kept[port["port"]])
        _addresses(cluster, obj)
    if kind.key == "jobs.batch":
        obj["spec"].setdefault("selector", at(old, "spec", "selector"))
        obj["spec"].setdefault("manualSelector", at(old, "spec", "manualSelector"))
