"""Validation of workloads: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob, PodDisruptionBudget, HPA."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lamplighter.scenarios.cluster.cron import CronError, parse
from lamplighter.scenarios.cluster.errors import (
    Cause,
    forbidden_field,
    invalid_value,
    required,
    unsupported,
)
from lamplighter.scenarios.cluster.jsons import Json, at, quoted
from lamplighter.scenarios.cluster.selectors import selects
from lamplighter.scenarios.cluster.validation import meta, pods

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def selector(found: Json, path: str) -> Iterator[Cause]:
    for index, entry in enumerate(found.get("matchExpressions") or ()):
        field = f"{path}.matchExpressions[{index}]"
        operator, values = entry.get("operator"), entry.get("values") or []
        if operator not in OPERATORS:
            yield invalid_value(f"{field}.operator", operator, "not a valid selector operator")
        elif operator in ("In", "NotIn") and not values:
            yield required(f"{field}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist") and values:
            text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield forbidden_field(f"{field}.values", text)
    yield from meta.labels(found.get("matchLabels") or {}, f"{path}.matchLabels")


def _template(spec: Json, restart: tuple[str, ...] = ("Always",)) -> Iterator[Cause]:
    """The selector and the template that it must select."""
    body = spec.get("template") or {}
    labels = at(body, "metadata", "labels")
    found = spec.get("selector")
    if found is None:
        yield required("spec.selector")
    else:
        yield from selector(found, "spec.selector")
        if not found.get("matchLabels") and not found.get("matchExpressions"):
            yield invalid_value("spec.selector", {}, "empty selector is invalid for deployment")
    if not selects(found, labels or {}):
        text = "`selector` does not match template `labels`"
        yield invalid_value("spec.template.metadata.labels", labels, text)
    yield from pods.validate(body.get("spec") or {}, "spec.template.spec")
    policy = at(body, "spec", "restartPolicy")
    if policy in pods.RESTARTS and policy not in restart:
        yield unsupported("spec.template.spec.restartPolicy", policy, restart)


def deployment(obj: Json) -> Iterator[Cause]:
    spec = obj["spec"]
    yield from pods.not_negative("spec.replicas", spec.get("replicas"))
    yield from _template(spec)
    yield from _strategy(spec["strategy"])
    for name in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        yield from pods.not_negative(f"spec.{name}", spec.get(name))
    if spec.get("progressDeadlineSeconds", 600) <= spec.get("minReadySeconds", 0):
        text = "must be greater than minReadySeconds"
        yield invalid_value("spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], text)


def _strategy(found: Json) -> Iterator[Cause]:
    rolling: Json | None = found.get("rollingUpdate")
    if found["type"] == "Recreate":
        if rolling is not None:
            text = "may not be specified when strategy `type` is 'Recreate'"
            yield forbidden_field("spec.strategy.rollingUpdate", text)
    elif found["type"] != "RollingUpdate":
        shown = f'{{"Type":{quoted(found["type"])},"RollingUpdate":{"null" if rolling is None else quoted(rolling)}}}'
        text = f'Unsupported value: {shown}: supported values: "Recreate", "RollingUpdate"'
        yield Cause("spec.strategy", "FieldValueNotSupported", text)
    else:
        for name in ("maxUnavailable", "maxSurge"):
            yield from _share(rolling, name, "spec.strategy.rollingUpdate")
        if rolling and all(str(rolling.get(name)) in ("0", "0%") for name in ("maxUnavailable", "maxSurge")):
            text = "may not be 0 when `maxSurge` is 0"
            yield invalid_value("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], text)


def _share(found: Json | None, name: str, path: str) -> Iterator[Cause]:
    value = (found or {}).get(name)
    if isinstance(value, str) and not re.fullmatch(r"\d+%", value):
        text = (
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex "
            "used for validation is '[0-9]+%')"
        )
        yield invalid_value(f"{path}.{name}", value, text)
    yield from pods.not_negative(f"{path}.{name}", value)


def replica_set(obj: Json) -> Iterator[Cause]:
    yield from pods.not_negative("spec.replicas", obj["spec"].get("replicas"))
    yield from _template(obj["spec"])


def _with_claims(spec: Json) -> Json:
    """The spec with a volume for each claim template: what the pods will have, and what containers may mount."""
    claims = [{"name": at(entry, "metadata", "name")} for entry in spec.get("volumeClaimTemplates") or ()]
    body = at(spec, "template", "spec") or {}
    named = {entry.get("name") for entry in body.get("volumes") or ()}
    volumes = [*(body.get("volumes") or ()), *(entry for entry in claims if entry["name"] not in named)]
    return {**spec, "template": {**(spec.get("template") or {}), "spec": {**body, "volumes": volumes}}}


def stateful_set(obj: Json) -> Iterator[Cause]:
    spec = obj["spec"]
    if spec["podManagementPolicy"] not in ("OrderedReady", "Parallel"):
        yield invalid_value(
            "spec.podManagementPolicy", spec["podManagementPolicy"], "must be 'OrderedReady' or 'Parallel'"
        )
    if spec["updateStrategy"]["type"] not in ("RollingUpdate", "OnDelete"):
        text = "must be 'RollingUpdate' or 'OnDelete'"
        yield invalid_value("spec.updateStrategy", spec["updateStrategy"], text)
    yield from pods.not_negative("spec.replicas", spec.get("replicas"))
    yield from _template(_with_claims(spec))


def daemon_set(obj: Json) -> Iterator[Cause]:
    yield from _template(obj["spec"])


def job_spec(spec: Json, path: str) -> Iterator[Cause]:
    for name in ("parallelism", "completions", "backoffLimit", "ttlSecondsAfterFinished"):
        yield from pods.not_negative(f"{path}.{name}", spec.get(name))
    body = at(spec, "template", "spec") or {}
    policy = body.get("restartPolicy")
    field = f"{path}.template.spec"
    yield from pods.validate({**body, "restartPolicy": policy or "Never"}, field)
    if policy is None:
        yield required(f"{field}.restartPolicy", 'valid values: "OnFailure", "Never"')
    elif policy == "Always":
        yield unsupported(f"{field}.restartPolicy", policy, ("OnFailure", "Never"))


def job(obj: Json) -> Iterator[Cause]:
    yield from job_spec(obj["spec"], "spec")


def cron_job(obj: Json) -> Iterator[Cause]:
    spec = obj["spec"]
    schedule = spec.get("schedule")
    if not schedule:
        yield required("spec.schedule")
    else:
        try:
            parse(schedule)
        except CronError as error:
            yield invalid_value("spec.schedule", schedule, str(error))
    if spec["concurrencyPolicy"] not in ("Allow", "Forbid", "Replace"):
        yield unsupported("spec.concurrencyPolicy", spec["concurrencyPolicy"], ("Allow", "Forbid", "Replace"))
    inner = at(spec, "jobTemplate", "spec") or {}
    policy = at(inner, "template", "spec", "restartPolicy")
    if policy == "Always":
        field = "spec.jobTemplate.spec.template.spec.restartPolicy"
        yield required(field, 'valid values: "OnFailure", "Never"')
    yield from job_spec(
        {**inner, "template": {"spec": {**at(inner, "template", "spec"), "restartPolicy": "Never"}}},
        "spec.jobTemplate.spec",
    )


def disruption_budget(obj: Json) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        shown = {"minAvailable": spec["minAvailable"], "maxUnavailable": spec["maxUnavailable"]}
        yield invalid_value("spec", shown, "minAvailable and maxUnavailable cannot be both set")
    for name in ("minAvailable", "maxUnavailable"):
        yield from _share(spec, name, "spec")
    yield from selector(spec.get("selector") or {}, "spec.selector")


def autoscaler(obj: Json) -> Iterator[Cause]:
    spec = obj["spec"]
    low, high = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if low < 1:
        yield invalid_value("spec.minReplicas", low, "must be greater than or equal to 1")
    if high < 1:
        yield invalid_value("spec.maxReplicas", high, "must be greater than 0")
    elif high < low:
        yield invalid_value("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`")
    target = spec.get("scaleTargetRef") or {}
    for name in ("kind", "name"):
        if not target.get(name):
            yield required(f"spec.scaleTargetRef.{name}")


def immutable(new: Json, old: Json, *names: str) -> Iterator[Cause]:
    for name in names:
        value = at(new, *name.split("."))
        if value != at(old, *name.split(".")):
            yield invalid_value(name, value, "field is immutable")


def stateful_set_update(new: Json, old: Json) -> Iterator[Cause]:
    free = {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    }
    before, after = ({k: v for k, v in obj["spec"].items() if k not in free} for obj in (old, new))
    if before != after:
        text = (
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
            "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        )
        yield forbidden_field("spec", text)
