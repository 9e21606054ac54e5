"""What the API server fills in on create and update, by kind (the defaulting functions of Kubernetes 1.36)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from lamplighter.scenarios.cluster.jsons import Json, at

Defaulter = Callable[[Json], None]


def fill(target: Json, **values: Any) -> None:
    """Set what is not set."""
    for name, value in values.items():
        target.setdefault(name, value)


def pod_spec(spec: Json, of_pod: bool = False) -> None:
    for group in ("initContainers", "containers"):
        for container in spec.get(group) or ():
            _container(container)
    for volume in spec.get("volumes") or ():
        _volume(volume)
    fill(spec, restartPolicy="Always", terminationGracePeriodSeconds=30, dnsPolicy="ClusterFirst")
    fill(spec, securityContext={}, schedulerName="default-scheduler")
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for constraint in spec.get("topologySpreadConstraints") or ():
        fill(constraint, whenUnsatisfiable="DoNotSchedule")
    if spec.get("hostNetwork"):
        for container in spec.get("containers") or ():
            for port in container.get("ports") or ():
                fill(port, hostPort=port.get("containerPort"))
    if of_pod:
        fill(spec, enableServiceLinks=True)


def _container(container: Json) -> None:
    image = container.get("image", "")
    tag = re.search(r":([\w][\w.-]*)$", image)
    latest = (tag is None or tag[1] == "latest") and "@" not in image
    for port in container.get("ports") or ():
        fill(port, protocol="TCP")
    fill(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    fill(container, imagePullPolicy="Always" if latest else "IfNotPresent")
    resources = container["resources"]
    for name, value in (resources.get("limits") or {}).items():
        resources.setdefault("requests", {}).setdefault(name, value)
    for entry in container.get("env") or ():
        reference = at(entry, "valueFrom", "fieldRef")
        if reference is not None:
            fill(reference, apiVersion="v1")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name):
            _probe(container[name])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict) and "httpGet" in hook:
            fill(hook["httpGet"], scheme="HTTP", path="/")


def _probe(probe: Json) -> None:
    fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if "httpGet" in probe:
        fill(probe["httpGet"], scheme="HTTP", path="/")
    if "grpc" in probe:
        fill(probe["grpc"], service="")


def _volume(volume: Json) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}
    for name in ("configMap", "secret", "projected", "downwardAPI"):
        if name in volume:
            fill(volume[name], defaultMode=420)
    for source in at(volume, "projected", "sources") or ():
        if "serviceAccountToken" in source:
            fill(source["serviceAccountToken"], expirationSeconds=3600)
    if "hostPath" in volume:
        fill(volume["hostPath"], type="")


def template(spec: Json) -> None:
    body = spec.setdefault("template", {})
    body.setdefault("metadata", {})
    body["metadata"].pop("creationTimestamp", None)
    pod_spec(body.setdefault("spec", {}))


def pod(obj: Json) -> None:
    pod_spec(obj.setdefault("spec", {}), of_pod=True)


def deployment(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    template(spec)
    strategy = spec.setdefault("strategy", {})
    fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy.setdefault("rollingUpdate", {}), maxUnavailable="25%", maxSurge="25%")
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)


def replica_set(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    if "template" in spec:
        template(spec)
    fill(spec, replicas=1)


def replication_controller(obj: Json) -> None:
    replica_set(obj)
    labels = at(obj, "spec", "template", "metadata", "labels")
    if labels:
        fill(obj["spec"], selector=dict(labels))


def stateful_set(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    template(spec)
    fill(spec, replicas=1, podManagementPolicy="OrderedReady", revisionHistoryLimit=10)
    update = spec.setdefault("updateStrategy", {})
    fill(update, type="RollingUpdate")
    if update["type"] == "RollingUpdate":
        fill(update.setdefault("rollingUpdate", {}), partition=0)
    fill(spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})
    for claim in spec.get("volumeClaimTemplates") or ():
        fill(claim, apiVersion="v1", kind="PersistentVolumeClaim")
        fill(claim.setdefault("spec", {}), volumeMode="Filesystem")
        fill(claim, status={"phase": "Pending"})


def daemon_set(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    template(spec)
    update = spec.setdefault("updateStrategy", {})
    fill(update, type="RollingUpdate")
    if update["type"] == "RollingUpdate":
        fill(update.setdefault("rollingUpdate", {}), maxUnavailable=1, maxSurge=0)
    fill(spec, revisionHistoryLimit=10)


def job_spec(spec: Json) -> None:
    body = spec.setdefault("template", {})
    restart = at(body, "spec", "restartPolicy")
    template(spec)
    if restart is None:
        body["spec"].pop("restartPolicy")  # a Job's must be said: validation refuses the default
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    fill(spec, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)


def job(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    job_spec(spec)
    labels = at(spec, "template", "metadata", "labels")
    if labels and not obj.setdefault("metadata", {}).get("labels"):
        obj["metadata"]["labels"] = dict(labels)
    fill(spec, podReplacementPolicy="Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed")


def cron_job(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    fill(
        spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1
    )
    body = spec.setdefault("jobTemplate", {})
    body.setdefault("metadata", {})
    inner = body.setdefault("spec", {})
    template(inner)


def service(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports") or ():
        fill(port, protocol="TCP")
        fill(port, targetPort=port.get("port"))
    if spec["sessionAffinity"] == "ClientIP":
        fill(spec, sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10800}})
    if spec["type"] in ("NodePort", "LoadBalancer"):
        fill(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)
    if spec["type"] != "ExternalName":
        fill(spec, internalTrafficPolicy="Cluster")


def secret(obj: Json) -> None:
    fill(obj, type="Opaque")
    for key, value in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()


def persistent_volume_claim(obj: Json) -> None:
    fill(obj.setdefault("spec", {}), volumeMode="Filesystem")
    fill(obj, status={"phase": "Pending"})


def persistent_volume(obj: Json) -> None:
    fill(obj.setdefault("spec", {}), persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    fill(obj, status={"phase": "Pending"})
    if "hostPath" in obj["spec"]:
        fill(obj["spec"]["hostPath"], type="")


def ingress(obj: Json) -> None:
    fill(obj, status={"loadBalancer": {}})


def network_policy(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, podSelector={})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in (spec.get("ingress") or []) + (spec.get("egress") or []):
        for port in rule.get("ports") or ():
            fill(port, protocol="TCP")


def autoscaler(obj: Json) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def roles_bound(obj: Json) -> None:
    reference = obj.get("roleRef") or {}
    fill(reference, apiGroup="rbac.authorization.k8s.io")
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            fill(subject, apiGroup="rbac.authorization.k8s.io")


def role(obj: Json) -> None:
    obj.setdefault("rules", None)


def storage_class(obj: Json) -> None:
    fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def priority_class(obj: Json) -> None:
    fill(obj, preemptionPolicy="PreemptLowerPriority")


def limit_range(obj: Json) -> None:
    for item in at(obj, "spec", "limits") or ():
        if item.get("type") != "Container":
            continue
        for name, value in (item.get("max") or {}).items():
            item.setdefault("default", {}).setdefault(name, value)
        for name, value in (item.get("default") or {}).items():
            item.setdefault("defaultRequest", {}).setdefault(name, value)


def event(obj: Json) -> None:
    fill(obj, involvedObject={}, source={}, firstTimestamp=None, lastTimestamp=None, eventTime=None)
    fill(obj, reportingComponent="", reportingInstance="")


def endpoints(obj: Json) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            fill(port, protocol="TCP")


def endpoint_slice(obj: Json) -> None:
    fill(obj, endpoints=[])
    for port in obj.get("ports") or ():
        fill(port, name="", protocol="TCP")


def namespace(obj: Json) -> None:
    obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
    fill(obj.setdefault("spec", {}), finalizers=["kubernetes"])
    fill(obj, status={"phase": "Active"})


def node(obj: Json) -> None:
    obj.setdefault("spec", {})
    status = obj.setdefault("status", {})
    if "capacity" in status:
        fill(status, allocatable=dict(status["capacity"]))


def custom_definition(obj: Json) -> None:
    spec = obj.get("spec") or {}
    names = spec.get("names") or {}
    if names.get("kind"):
        fill(names, singular=names["kind"].lower(), listKind=names["kind"] + "List")
    fill(spec, conversion={"strategy": "None"})


def webhooks(obj: Json) -> None:
    for hook in obj.get("webhooks") or ():
        fill(hook, failurePolicy="Fail", matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
        fill(hook, timeoutSeconds=10)
        for rule in hook.get("rules") or ():
            fill(rule, scope="*")
        if at(hook, "clientConfig", "service"):
            fill(hook["clientConfig"]["service"], port=443)


DEFAULTS: dict[str, Defaulter] = {
    "pods": pod,
    "services": service,
    "secrets": secret,
    "namespaces": namespace,
    "nodes": node,
    "events": event,
    "endpoints": endpoints,
    "limitranges": limit_range,
    "persistentvolumeclaims": persistent_volume_claim,
    "persistentvolumes": persistent_volume,
    "replicationcontrollers": replication_controller,
    "deployments.apps": deployment,
    "replicasets.apps": replica_set,
    "statefulsets.apps": stateful_set,
    "daemonsets.apps": daemon_set,
    "jobs.batch": job,
    "cronjobs.batch": cron_job,
    "ingresses.networking.k8s.io": ingress,
    "networkpolicies.networking.k8s.io": network_policy,
    "horizontalpodautoscalers.autoscaling": autoscaler,
    "rolebindings.rbac.authorization.k8s.io": roles_bound,
    "clusterrolebindings.rbac.authorization.k8s.io": roles_bound,
    "roles.rbac.authorization.k8s.io": role,
    "clusterroles.rbac.authorization.k8s.io": role,
    "storageclasses.storage.k8s.io": storage_class,
    "priorityclasses.scheduling.k8s.io": priority_class,
    "endpointslices.discovery.k8s.io": endpoint_slice,
    "customresourcedefinitions.apiextensions.k8s.io": custom_definition,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": webhooks,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": webhooks,
}


def apply_defaults(key: str, obj: Json) -> None:
    """Fill in the object in place."""
    if key in DEFAULTS:
        DEFAULTS[key](obj)
