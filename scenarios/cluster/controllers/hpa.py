"""HorizontalPodAutoscalers on scripted metrics (the algorithm of the autoscaler's documentation)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import common
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.events import record
from lamplighter.scenarios.cluster.jsons import Json, at, copied, name_of, namespace_of
from lamplighter.scenarios.cluster.metrics import container_usage
from lamplighter.scenarios.cluster.quantities import amount, decimal
from lamplighter.scenarios.cluster.store import Change

KEY = "horizontalpodautoscalers.autoscaling"
PERIOD = 15.0
TOLERANCE = 0.1
CALM_SECONDS = 300.0
UTILIZATION = "cpu resource utilization (percentage of request)"
NO_METRICS = "did not receive metrics for targeted pods (pods might be unready)"
COMPONENT = "horizontal-pod-autoscaler"


class Autoscaler:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._advised: dict[Key, list[tuple[float, int]]] = {}

    def keys(self, change: Change) -> Iterator[Key]:
        if (
            change.key == KEY
            and change.type != "DELETED"
            and (change.before or {}).get("spec") != change.obj["spec"]
        ):
            yield namespace_of(change.obj), name_of(change.obj)

    def reconcile(self, key: Key) -> float | None:
        found = self.cluster.store.get(KEY, *key)
        if found is None:
            self._advised.pop(key, None)
            return None
        status = copied(found.get("status") or {})
        status.pop("currentMetrics", None)
        self._run(key, found, status)
        found = self.cluster.store.get(KEY, *key) or found
        acts.set_status(self.cluster, KEY, found, status)
        return PERIOD

    def _target(self, found: Json) -> tuple[str, Json | None]:
        reference = found["spec"]["scaleTargetRef"]
        kind = self.cluster.registry.of_kind(reference.get("apiVersion", "apps/v1"), reference["kind"])
        if kind is None or "scale" not in kind.subresources:
            return "", None
        return kind.key, self.cluster.store.get(kind.key, namespace_of(found), reference["name"])

    def _run(self, key: Key, found: Json, status: Json) -> None:
        target_key, target = self._target(found)
        reference = found["spec"]["scaleTargetRef"]
        if target is None:
            name = f'{reference["kind"].lower()}s.apps "{reference["name"]}"'
            text = f"the HPA controller was unable to get the target's current scale: {name} not found"
            acts.condition(self.cluster, status, "AbleToScale", "False", "FailedGetScale", text)
            record(self.cluster, found, "Warning", "FailedGetScale", text.partition(": ")[2], COMPONENT)
            status.setdefault("desiredReplicas", 0)
            return
        current = target["spec"].get("replicas", 1)
        status["currentReplicas"] = at(target, "status", "replicas") or 0
        acts.condition(
            self.cluster,
            status,
            "AbleToScale",
            "True",
            "ReadyForNewScale",
            "recommended size matches current size",
        )
        if current == 0:
            acts.condition(
                self.cluster,
                status,
                "ScalingActive",
                "False",
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
            )
            status["desiredReplicas"] = 0
            return
        advice, metrics, wrong = self._advice(found, target, current)
        status["currentMetrics"] = metrics
        if wrong:
            reason, text = wrong
            acts.condition(
                self.cluster,
                status,
                "ScalingActive",
                "False",
                reason,
                f"the HPA was unable to compute the replica count: {text}",
            )
            record(self.cluster, found, "Warning", reason, text, COMPONENT)
            status["desiredReplicas"] = current
            return
        text = f"the HPA was able to successfully calculate a replica count from {UTILIZATION}"
        acts.condition(self.cluster, status, "ScalingActive", "True", "ValidMetricFound", text)
        wanted = self._limited(key, found, status, advice, current)
        status["desiredReplicas"] = wanted
        if wanted != current:
            self._scale(found, status, target_key, target, wanted)

    def _advice(
        self, found: Json, target: Json, current: int
    ) -> tuple[int, list[Json], tuple[str, str] | None]:
        """(replicas that the metrics ask for, what they are, why they cannot be had)."""
        chosen = common.pods_selected(self.cluster.store, namespace_of(found), at(target, "spec", "selector"))
        pods = [pod for pod in chosen if common.is_active(pod)]
        best = 0
        shown: list[Json] = []
        for metric in found["spec"].get("metrics") or ():
            name = at(metric, "resource", "name")
            unserved = _unserved(metric, namespace_of(found))
            if unserved is not None:
                return 0, shown, unserved
            if metric.get("type") != "Resource" or not self.cluster.metrics:
                return (
                    0,
                    shown,
                    (
                        "FailedGetResourceMetric",
                        "unable to get metrics for resource: no metrics returned from resource metrics API",
                    ),
                )
            ready = [pod for pod in pods if common.is_ready(pod)]
            if not ready:
                return (
                    0,
                    shown,
                    (
                        "FailedGetResourceMetric",
                        f"failed to get {name} utilization: {NO_METRICS}",
                    ),
                )
            value, entry, wrong = self._ratio(metric["resource"], ready)
            if wrong:
                return 0, shown, ("FailedGetResourceMetric", wrong)
            shown.append({"type": "Resource", "resource": {"name": name, "current": entry}})
            wanted = current if abs(value - 1) <= TOLERANCE else math.ceil(value * len(ready))
            best = max(best, wanted)
        return best, shown, None

    def _ratio(self, resource: Json, pods: list[Json]) -> tuple[float, Json, str]:
        name, target = resource["name"], resource["target"]
        used = requested = amount("0")
        for pod in pods:
            for container in pod["spec"]["containers"]:
                used += amount(container_usage(self.cluster, pod, container["name"]).get(name, "0"))
                request = at(container, "resources", "requests", name)
                if request is None and target.get("averageUtilization") is not None:
                    where = f"in container {container['name']} of Pod {name_of(pod)}"
                    text = f"failed to get {name} utilization: missing request for {name} {where}"
                    return 0.0, {}, text
                requested += amount(request)
        average = decimal(used / len(pods))
        if target.get("averageUtilization") is not None:
            percent = int(used * 100 / requested)
            return (
                percent / target["averageUtilization"],
                {"averageUtilization": percent, "averageValue": average},
                "",
            )
        return float(used / len(pods) / amount(target["averageValue"])), {"averageValue": average}, ""

    def _limited(self, key: Key, found: Json, status: Json, advice: int, current: int) -> int:
        """Bounds, and the calm before scaling down: the highest advice of the last minutes counts."""
        now = self.cluster.clock.now()
        calm = at(found, "spec", "behavior", "scaleDown", "stabilizationWindowSeconds")
        window = CALM_SECONDS if calm is None else float(calm)
        kept = [(when, size) for when, size in self._advised.get(key, []) if now - when < window]
        self._advised[key] = [*kept, (now, advice)]
        if advice < current:
            advice = min(current, max([advice, *(size for _, size in kept)]))
        low, high = found["spec"].get("minReplicas", 1), found["spec"]["maxReplicas"]
        bounded = min(max(advice, low), high)
        reason, text = "DesiredWithinRange", "the desired count is within the acceptable range"
        if advice > high:
            reason, text = (
                "TooManyReplicas",
                "the desired replica count is more than the maximum replica count",
            )
        elif advice < low:
            reason, text = (
                "TooFewReplicas",
                "the desired replica count is less than the minimum replica count",
            )
        acts.condition(
            self.cluster, status, "ScalingLimited", "False" if bounded == advice else "True", reason, text
        )
        return int(bounded)

    def _scale(self, found: Json, status: Json, key: str, target: Json, wanted: int) -> None:
        new = copied(target)
        new["spec"]["replicas"] = wanted
        acts.update(self.cluster, key, new, target, tracked=True)
        why = (
            "cpu resource utilization (percentage of request) above target"
            if wanted > target["spec"]["replicas"]
            else "All metrics below target"
        )
        record(
            self.cluster,
            found,
            "Normal",
            "SuccessfulRescale",
            f"New size: {wanted}; reason: {why}",
            COMPONENT,
        )
        status["lastScaleTime"] = self.cluster.clock.stamp()
        acts.condition(
            self.cluster,
            status,
            "AbleToScale",
            "True",
            "SucceededRescale",
            f"the HPA controller was able to update the target scale to {wanted}",
        )


def _unserved(metric: Json, namespace: str) -> tuple[str, str] | None:
    """Why a metric that is no resource cannot be had: no sandbox has an adapter for custom or external metrics."""
    head = "unable to fetch metrics from"
    match metric.get("type"):
        case "Pods":
            text = f"unable to get metric {at(metric, 'pods', 'metric', 'name')}: {head} custom metrics API: "
            return "FailedGetPodsMetric", f"{text}no custom metrics API (custom.metrics.k8s.io) registered"
        case "Object":
            text = (
                f"unable to get metric {at(metric, 'object', 'metric', 'name')}: {head} custom metrics API: "
            )
            return "FailedGetObjectMetric", f"{text}no custom metrics API (custom.metrics.k8s.io) registered"
        case "External":
            name = at(metric, "external", "metric", "name")
            text = f"unable to get external metric {namespace}/{name}/nil: {head} external metrics API: "
            return (
                "FailedGetExternalMetric",
                f"{text}no external metrics API (external.metrics.k8s.io) registered",
            )
        case _:
            return None
