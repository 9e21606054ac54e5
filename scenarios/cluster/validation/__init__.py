"""Which validation a kind has: of an object, and of a change of one. The words are Kubernetes' own (Apache-2.0)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from lamplighter.scenarios.cluster import schema
from lamplighter.scenarios.cluster.errors import Cause, invalid_value
from lamplighter.scenarios.cluster.jsons import Json, at
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.validation import meta, others, pods, workloads

RBAC = "rbac.authorization.k8s.io"
Validator = Callable[[Json], Iterator[Cause]]
UpdateValidator = Callable[[Json, Json], Iterator[Cause]]

VALIDATORS: dict[str, Validator] = {
    "pods": lambda obj: pods.validate(obj["spec"], "spec"),
    "configmaps": others.config,
    "secrets": others.config,
    "services": others.service,
    "namespaces": others.namespace,
    "nodes": others.node,
    "events": others.event,
    "persistentvolumeclaims": others.claim,
    "persistentvolumes": others.volume,
    "deployments.apps": workloads.deployment,
    "replicasets.apps": workloads.replica_set,
    "statefulsets.apps": workloads.stateful_set,
    "daemonsets.apps": workloads.daemon_set,
    "jobs.batch": workloads.job,
    "cronjobs.batch": workloads.cron_job,
    "poddisruptionbudgets.policy": workloads.disruption_budget,
    "horizontalpodautoscalers.autoscaling": workloads.autoscaler,
    "ingresses.networking.k8s.io": others.ingress,
    "networkpolicies.networking.k8s.io": others.network_policy,
    f"rolebindings.{RBAC}": others.binding,
    f"clusterrolebindings.{RBAC}": others.binding,
    f"roles.{RBAC}": others.role,
    f"clusterroles.{RBAC}": others.role,
    "customresourcedefinitions.apiextensions.k8s.io": others.custom_definition,
}


def _job_update(new: Json, old: Json) -> Iterator[Cause]:
    yield from workloads.immutable(new, old, "spec.completions", "spec.selector", "spec.completionMode")
    body = new["spec"]["template"]
    if body != old["spec"]["template"]:
        shown = json.dumps({**body.get("metadata", {}), "Spec": body.get("spec")}, separators=(",", ":"))
        yield Cause("spec.template", "FieldValueInvalid", f"Invalid value: {shown}: field is immutable")


def _storage_class_update(new: Json, old: Json) -> Iterator[Cause]:
    for name in ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"):
        if new.get(name) != old.get(name):
            yield invalid_value(name, new.get(name), "field is immutable")


def _selector_update(new: Json, old: Json) -> Iterator[Cause]:
    yield from workloads.immutable(new, old, "spec.selector")


UPDATES: dict[str, UpdateValidator] = {
    "pods": pods.validate_update,
    "configmaps": others.config_update,
    "secrets": others.secret_update,
    "services": others.service_update,
    "persistentvolumeclaims": others.claim_update,
    "deployments.apps": _selector_update,
    "replicasets.apps": _selector_update,
    "daemonsets.apps": _selector_update,
    "statefulsets.apps": workloads.stateful_set_update,
    "jobs.batch": _job_update,
    f"rolebindings.{RBAC}": others.binding_update,
    f"clusterrolebindings.{RBAC}": others.binding_update,
    "storageclasses.storage.k8s.io": _storage_class_update,
}
TWICE = {"nodes"}
"""Kinds whose own validation the real server runs twice on an update, so that each cause is there twice."""


def on_create(kind: Kind, obj: Json) -> list[Cause]:
    causes = list(meta.validate(obj["metadata"], kind.key))
    if kind.custom is not None:
        return causes + list(others.custom(obj, schema.root(kind)))
    if kind.key in VALIDATORS:
        causes += VALIDATORS[kind.key](obj)
    return causes


def on_update(kind: Kind, obj: Json, old: Json) -> list[Cause]:
    """Metadata is checked twice, by the generic registry and by the kind's own: so the causes are doubled."""
    causes = list(meta.validate_update(obj["metadata"], old["metadata"])) * 2
    if kind.custom is not None:
        return causes + list(others.custom(obj, schema.root(kind)))
    if (kind.key in VALIDATORS and at(obj, "spec") != at(old, "spec")) or kind.key not in UPDATES:
        found = list(VALIDATORS[kind.key](obj)) if kind.key in VALIDATORS else []
        causes += found * 2 if kind.key in TWICE else found
    if kind.key in UPDATES:
        causes += UPDATES[kind.key](obj, old)
    return causes
