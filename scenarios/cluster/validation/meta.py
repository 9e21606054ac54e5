"""Validation of metadata, the same for every kind (k8s.io/apimachinery api/validation)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lamplighter.scenarios.cluster.errors import Cause, forbidden_field, invalid_value, required
from lamplighter.scenarios.cluster.jsons import Json
from lamplighter.scenarios.cluster.validation import names

LABEL_NAMED = {"namespaces"}
DNS_1035_NAMED = {"services"}
PATH_NAMED = {
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
}
ANNOTATIONS_BYTES = 256 * 1024


def name_form(key: str) -> Callable[[str], str]:
    """The check that names of a kind must pass."""
    if key in LABEL_NAMED:
        return names.label
    if key in DNS_1035_NAMED:
        return names.label_1035
    if key in PATH_NAMED:
        return names.path_segment
    return names.subdomain


def validate(meta: Json, key: str) -> Iterator[Cause]:
    if not meta.get("name"):
        yield required("metadata.name", "name or generateName is required")
    else:
        wrong = name_form(key)(meta["name"])
        if wrong:
            yield invalid_value("metadata.name", meta["name"], wrong)
    yield from labels(meta.get("labels") or {}, "metadata.labels")
    yield from _annotations(meta)
    for name in meta.get("finalizers") or ():
        wrong = names.qualified(name)
        if wrong:
            yield invalid_value("metadata.finalizers", name, wrong)
    yield from owners(meta)


def labels(found: dict[str, str], path: str) -> Iterator[Cause]:
    for name, value in found.items():
        wrong = names.qualified(name)
        if wrong:
            yield invalid_value(path, name, wrong)
        wrong = names.label_value(value)
        if wrong:
            yield invalid_value(path, value, wrong)


def _annotations(meta: Json) -> Iterator[Cause]:
    found: dict[str, str] = meta.get("annotations") or {}
    for name in found:
        wrong = names.qualified(name.lower())
        if wrong:
            yield invalid_value("metadata.annotations", name, wrong)
    if sum(len(name) + len(value) for name, value in found.items()) > ANNOTATIONS_BYTES:
        yield Cause(
            "metadata.annotations", "FieldValueTooLong", "Too long: may not be more than 262144 bytes"
        )


def owners(meta: Json) -> Iterator[Cause]:
    controllers = 0
    for owner in meta.get("ownerReferences") or ():
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                yield invalid_value(f"metadata.ownerReferences.{field}", "", "must not be empty")
        controllers += bool(owner.get("controller"))
    if controllers > 1:
        text = "Only one reference can have Controller set to true"
        yield invalid_value("metadata.ownerReferences", meta["ownerReferences"], text)


def validate_update(meta: Json, old: Json) -> Iterator[Cause]:
    """What may not change."""
    yield from labels(meta.get("labels") or {}, "metadata.labels")
    yield from _annotations(meta)
    yield from owners(meta)
    if old.get("deletionTimestamp"):
        added = [name for name in meta.get("finalizers") or () if name not in (old.get("finalizers") or ())]
        if added:
            listed = ", ".join(f'"{name}"' for name in added)
            head = "no new finalizers can be added if the object is being deleted"
            text = f"{head}, found new finalizers []string{{{listed}}}"
            yield forbidden_field("metadata.finalizers", text)
    for field in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp"):
        if meta.get(field) != old.get(field):
            yield invalid_value(f"metadata.{field}", meta.get(field), "field is immutable")
