"""What several controllers share: whose pod it is, whether it is up, shares of a number, hashes of templates."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

from lamplighter.scenarios.cluster.clock import seconds_of
from lamplighter.scenarios.cluster.cluster import SUFFIX, Cluster
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.jsons import (
    Json,
    at,
    compact,
    controller_of,
    copied,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    uid_of,
)
from lamplighter.scenarios.cluster.selectors import selects
from lamplighter.scenarios.cluster.store import Change, Store
from lamplighter.scenarios.cluster.writes import owner_reference


def owner_keys(change: Change, key: str, kind: str) -> Iterator[Key]:
    """The object itself, or the controller of that kind of an object that changed."""
    if change.key == key:
        yield namespace_of(change.obj), name_of(change.obj)
    for obj in (change.obj, change.before):
        owner = controller_of(obj) if obj is not None and change.key != key else None
        if owner is not None and owner["kind"] == kind:
            yield namespace_of(change.obj), owner["name"]


def is_ready(pod: Json) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in at(pod, "status", "conditions") or ())


def is_available(pod: Json, least: float, now: float) -> bool:
    """Whether a pod has been ready for `least` seconds."""
    found = next((c for c in at(pod, "status", "conditions") or () if c["type"] == "Ready"), None)
    if found is None or found["status"] != "True":
        return False
    since = seconds_of(found.get("lastTransitionTime"))
    return not least or (since is not None and now - since >= least)


def is_active(pod: Json) -> bool:
    return at(pod, "status", "phase") not in ("Succeeded", "Failed") and not is_deleting(pod)


def share(value: int | str | None, total: int, up: bool) -> int:
    """A number, or a percentage of the total, rounded up or down."""
    if isinstance(value, str) and value.endswith("%"):
        part = int(value[:-1]) * total / 100
        return math.ceil(part) if up else math.floor(part)
    return int(value or 0)


def template_hash(template: Json, collisions: int = 0) -> str:
    """A hash of a pod template, in the letters of Kubernetes' own (which hashes Go's memory form of it)."""
    body = copied(template)
    (body.get("metadata", {}).get("labels") or {}).pop("pod-template-hash", None)
    number = int.from_bytes(hashlib.sha256(f"{compact(body)}{collisions}".encode()).digest()[:4])
    return "".join(SUFFIX[int(digit) % len(SUFFIX)] for digit in str(number))


def same_template(one: Json, other: Json) -> bool:
    """Equal but for the hash label."""
    first, second = copied(one), copied(other)
    for body in (first, second):
        labels = body.get("metadata", {}).get("labels") or {}
        labels.pop("pod-template-hash", None)
        labels.pop("controller-revision-hash", None)
    return bool(first == second)


def pods_of(cluster: Cluster, owner: Json) -> list[Json]:
    """Pods whose controller the object is."""
    uid = uid_of(owner)
    found = cluster.store.owned_by(uid, "pods")
    return [pod for pod in found if (controller_of(pod) or {}).get("uid") == uid]


def pods_selected(store: Store, namespace: str, selector: Json | None) -> list[Json]:
    """Pods of a namespace that a LabelSelector object selects, in order."""
    candidates = store.pods_with(namespace, (selector or {}).get("matchLabels") or {})
    return [pod for pod in candidates if selects(selector, labels_of(pod))]


def adopt(cluster: Cluster, owner: Json) -> None:
    """Take pods that match the selector and have no controller."""
    if is_deleting(owner):
        return
    for pod in pods_selected(cluster.store, namespace_of(owner), at(owner, "spec", "selector")):
        if controller_of(pod) is None and is_active(pod):
            meta = {**pod["metadata"]}
            meta["ownerReferences"] = [*(meta.get("ownerReferences") or []), owner_reference(owner)]
            cluster.store.put("pods", {**pod, "metadata": meta})


def pod_from(template: Json, owner: Json, name: str = "") -> Json:
    """A pod as a workload makes it."""
    body = copied(template)
    found = body.get("metadata") or {}
    meta: Json = {key: found[key] for key in ("labels", "annotations", "finalizers") if found.get(key)}
    meta |= {"namespace": namespace_of(owner), "ownerReferences": [owner_reference(owner)]}
    if name:
        meta["name"] = name
    else:
        meta["generateName"] = f"{name_of(owner)}-"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": body.get("spec") or {}}


def deletion_rank(pod: Json) -> tuple[bool, int, bool, int, str]:
    """Which of several pods goes first: unbound, pending, not ready, restarted most, youngest."""
    phases = {"Pending": 0, "Unknown": 1, "Running": 2}
    restarts = max(
        [c.get("restartCount", 0) for c in at(pod, "status", "containerStatuses") or ()], default=0
    )
    made = pod["metadata"]["creationTimestamp"]
    younger = "".join(chr(255 - ord(mark)) for mark in made)
    phase = phases.get(at(pod, "status", "phase") or "", 0)
    return bool(at(pod, "spec", "nodeName")), phase, is_ready(pod), -restarts, younger
