"""Creating, updating and deleting objects: what every writer goes through, be it a request or a controller."""

from __future__ import annotations

from dataclasses import dataclass

from lamplighter.scenarios.cluster import admission, defaults, managers, schema, strategies, validation
from lamplighter.scenarios.cluster.clock import stamp
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.errors import (
    already_exists,
    bad_request,
    conflict,
    internal,
    invalid,
    modified,
    unsupported,
)
from lamplighter.scenarios.cluster.jsons import Json, at, copied, is_deleting, name_of, namespace_of, uid_of
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.managers import Writer
from lamplighter.scenarios.cluster.rbac import MASTERS, User

SYSTEM = User("system:kube-controller-manager", (MASTERS,))
NAME_TRIES = 8
POLICIES = ("Foreground", "Background", "Orphan")
CRDS = "customresourcedefinitions.apiextensions.k8s.io"


@dataclass(frozen=True)
class Options:
    """How a write is done: `manager` is the field manager; a dry run goes all the way but stores nothing."""

    manager: str = "unknown"
    dry_run: bool = False
    user: User = SYSTEM
    subresource: str = ""
    applied: bool = False
    """Whether managedFields were already computed by server-side apply."""
    tracked: bool = True
    """Whether managedFields are kept: controllers leave that out where they only report what they see."""


def create(cluster: Cluster, kind: Kind, namespace: str, obj: Json, options: Options) -> Json:
    """The object as it was stored. The body is the caller's to give away. Raises ApiError."""
    meta = obj.setdefault("metadata", {})
    _place(kind, namespace, meta)
    if meta.get("resourceVersion") not in (None, "", "0"):
        raise internal("resourceVersion should not be set on objects to be created")
    _name(cluster, kind, namespace, meta)
    if kind.namespaced:
        admission.namespace_alive(cluster, kind, namespace, name_of(obj))
    obj["kind"], obj["apiVersion"] = kind.kind, kind.api_version
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"):
        meta.pop(name, None)
    meta["uid"], meta["creationTimestamp"] = cluster.uid(), cluster.clock.stamp()
    if strategies.counts_generations(kind):
        meta["generation"] = 1
    else:
        meta.pop("generation", None)
    strategies.start_status(kind, obj)
    defaults.apply_defaults(kind.key, obj)
    admission.mutate(cluster, kind, obj)
    strategies.prepare_create(cluster, kind, obj)
    admission.refuse(kind, obj, validation.on_create(kind, obj))
    if cluster.store.get(kind.key, namespace, name_of(obj)) is not None:
        raise already_exists(kind.plural, kind.group, name_of(obj))
    admission.validate(cluster, kind, obj, None, options.user, "create")
    _manage(cluster, kind, obj, None, options)
    if options.dry_run:
        return obj
    return cluster.store.put(kind.key, obj)


def _place(kind: Kind, namespace: str, meta: Json) -> None:
    said = meta.get("namespace")
    if kind.namespaced:
        if said and said != namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        meta["namespace"] = namespace
    else:
        meta.pop("namespace", None)


def _name(cluster: Cluster, kind: Kind, namespace: str, meta: Json) -> None:
    prefix = meta.get("generateName")
    if meta.get("name") or not prefix:
        return
    for _ in range(NAME_TRIES):
        meta["name"] = prefix[:58] + cluster.suffix()
        if cluster.store.get(kind.key, namespace, meta["name"]) is None:
            return


def _manage(cluster: Cluster, kind: Kind, obj: Json, old: Json | None, options: Options) -> None:
    if options.applied or not options.tracked:
        return
    writer = Writer(options.manager, kind.api_version, options.subresource, cluster.clock.stamp())
    found = managers.update(old, obj, schema.root(kind), writer)
    if found:
        obj["metadata"]["managedFields"] = found


def update(cluster: Cluster, kind: Kind, obj: Json, old: Json, options: Options) -> Json:
    """The object after an update of `old` to `obj` (the caller's to give away). Raises ApiError."""
    meta, before = obj["metadata"], old["metadata"]
    _check_version(kind, meta, before)
    for name in ("uid", "creationTimestamp", "namespace", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if name in before:
            meta[name] = before[name]
        else:
            meta.pop(name, None)
    meta.setdefault("generateName", before.get("generateName"))
    if meta["generateName"] is None:
        del meta["generateName"]
    obj["kind"], obj["apiVersion"] = kind.kind, kind.api_version
    _split_status(kind, obj, old, options)
    defaults.apply_defaults(kind.key, obj)
    strategies.prepare_update(cluster, kind, obj, old)
    _generation(kind, obj, old)
    if options.subresource not in ("status", "resize", "ephemeralcontainers"):
        admission.refuse(kind, obj, validation.on_update(kind, obj, old))
        admission.validate(cluster, kind, obj, old, options.user, "update")
    meta["resourceVersion"] = before["resourceVersion"]
    if options.applied:
        if _unchanged(obj, old):
            return old
    else:
        meta["managedFields"] = before.get("managedFields") or []
        if not meta["managedFields"]:
            del meta["managedFields"]
        if _unchanged(obj, old):
            return old
        _manage(cluster, kind, obj, old, options)
    if options.dry_run:
        return obj
    if is_deleting(obj) and not meta.get("finalizers") and not meta.get("deletionGracePeriodSeconds"):
        cluster.store.put(kind.key, obj)
        return _gone(cluster, kind, obj)
    return cluster.store.put(kind.key, obj)


def _check_version(kind: Kind, meta: Json, before: Json) -> None:
    name = before["name"]
    if meta.get("uid") and meta["uid"] != before["uid"]:
        key = f"/registry/{kind.plural}/{before.get('namespace', '')}/{name}"
        why = (
            f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition "
            f"failed: UID in precondition: {meta['uid']}, UID in object meta: {before['uid']}"
        )
        raise conflict(kind.plural, kind.group, name, why)
    said = meta.get("resourceVersion")
    if said and said != before["resourceVersion"]:
        raise modified(kind.plural, kind.group, name)


def _split_status(kind: Kind, obj: Json, old: Json, options: Options) -> None:
    """The status subresource writes the status alone; anything else leaves it as it was."""
    if options.subresource == "status":
        kept = {key: value for key, value in old.items() if key not in ("status", "metadata")}
        status = obj.get("status")
        meta = {**old["metadata"], "resourceVersion": obj["metadata"].get("resourceVersion")}
        for name in ("labels", "annotations", "finalizers", "managedFields"):
            if (options.applied or kind.key in ("nodes", "pods")) and name in obj["metadata"]:
                meta[name] = obj["metadata"][name]
        obj.clear()
        obj.update(copied(kept))
        obj["metadata"] = meta
        if status is not None:
            obj["status"] = status
    elif strategies.has_status(kind):
        obj.pop("status", None)
        if "status" in old:
            obj["status"] = copied(old["status"])


def _generation(kind: Kind, obj: Json, old: Json) -> None:
    before = old["metadata"].get("generation")
    if before is None:
        obj["metadata"].pop("generation", None)
        return
    ignored = {"metadata", "status", "kind", "apiVersion"}
    changed = any(obj.get(key) != old.get(key) for key in {*obj, *old} - ignored)
    if kind.key in strategies.ANNOTATIONS_COUNT:
        notes = [entry["metadata"].get("annotations") or {} for entry in (obj, old)]
        changed = changed or notes[0] != notes[1]
    obj["metadata"]["generation"] = before + 1 if changed else before


def _unchanged(obj: Json, old: Json) -> bool:
    return obj == old


def delete(
    cluster: Cluster, kind: Kind, old: Json, options: Options, body: Json | None = None
) -> tuple[Json, bool]:
    """(the object as it is or was, whether it is gone). `body` holds DeleteOptions. Raises ApiError."""
    body = body or {}
    check_delete_options(body)
    _check_preconditions(kind, old, body.get("preconditions") or {})
    admission.call_webhooks(cluster, kind, old, "delete")
    meta = copied(old["metadata"])
    policy = body.get("propagationPolicy") or ("Orphan" if body.get("orphanDependents") else "")
    finalizers = [f for f in meta.get("finalizers") or [] if f not in ("orphan", "foregroundDeletion")]
    finalizers += {"Foreground": ["foregroundDeletion"], "Orphan": ["orphan"]}.get(policy, [])
    if kind.key == "namespaces":
        return _delete_namespace(cluster, kind, old, options), False
    grace = _grace(kind, old, body)
    if is_deleting(old):
        if grace >= (meta.get("deletionGracePeriodSeconds") or 0) and finalizers == (
            meta.get("finalizers") or []
        ):
            return old, False
    elif not finalizers and grace == 0:
        if options.dry_run:
            return old, True
        return _gone(cluster, kind, old), True
    meta["deletionTimestamp"] = stamp(cluster.clock.now() + grace)
    meta["deletionGracePeriodSeconds"] = grace
    if "generation" in meta and not is_deleting(old):
        meta["generation"] += 1
    if finalizers:
        meta["finalizers"] = finalizers
    obj = {**old, "metadata": meta}
    if options.dry_run:
        return obj, False
    stored = cluster.store.put(kind.key, obj)
    if not finalizers and grace == 0:
        return _gone(cluster, kind, stored), True
    return stored, False


def check_delete_options(body: Json) -> None:
    policy = body.get("propagationPolicy")
    if policy is not None and policy not in POLICIES:
        cause = unsupported("propagationPolicy", policy, (*POLICIES, "nil"))
        raise invalid("DeleteOptions", "meta.k8s.io", "", [cause])


def _check_preconditions(kind: Kind, old: Json, found: Json) -> None:
    meta = old["metadata"]
    if found.get("uid") and found["uid"] != meta["uid"]:
        why = (
            f"the UID in the precondition ({found['uid']}) does not match the UID in record ({meta['uid']}). "
            "The object might have been deleted and then recreated"
        )
        raise conflict(kind.kind, kind.group, meta["name"], why)
    if found.get("resourceVersion") and found["resourceVersion"] != meta["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({found['resourceVersion']}) does not match the ResourceVersion "
            f"in record ({meta['resourceVersion']}). The object might have been modified"
        )
        raise conflict(kind.kind, kind.group, meta["name"], why)


def _grace(kind: Kind, old: Json, body: Json) -> int:
    """Only pods end gracefully, and only those that may be running somewhere."""
    if kind.key != "pods":
        return 0
    if not at(old, "spec", "nodeName") or at(old, "status", "phase") in ("Succeeded", "Failed"):
        return 0
    said = body.get("gracePeriodSeconds")
    return int(said if said is not None else at(old, "spec", "terminationGracePeriodSeconds") or 0)


def _delete_namespace(cluster: Cluster, kind: Kind, old: Json, options: Options) -> Json:
    if is_deleting(old):
        return old
    meta = {**old["metadata"], "deletionTimestamp": cluster.clock.stamp()}
    obj = {**old, "metadata": meta, "status": {**(old.get("status") or {}), "phase": "Terminating"}}
    return obj if options.dry_run else cluster.store.put(kind.key, obj)


def _gone(cluster: Cluster, kind: Kind, obj: Json) -> Json:
    return cluster.store.remove(kind.key, namespace_of(obj), name_of(obj))


def returned_on_delete(kind: Kind) -> bool:
    """Kinds whose deletion answers with the object instead of a Status."""
    return kind.key in {
        "pods",
        "persistentvolumes",
        "persistentvolumeclaims",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "services",
    }


def owner_reference(owner: Json, controller: bool = True) -> Json:
    """A reference that makes `owner` the controller of what carries it."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": controller,
        "blockOwnerDeletion": True,
    }
