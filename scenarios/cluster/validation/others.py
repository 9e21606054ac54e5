"""Validation of configuration, services, nodes, storage, access and custom kinds."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from lamplighter.scenarios.cluster.errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    required,
    unsupported,
)
from lamplighter.scenarios.cluster.jsons import Json, at, compact
from lamplighter.scenarios.cluster.quantities import amount
from lamplighter.scenarios.cluster.validation import names, pods

SERVICE_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
DATA_BYTES = 1024 * 1024


def config(obj: Json) -> Iterator[Cause]:
    """ConfigMaps and Secrets."""
    size = 0
    for field in ("data", "binaryData"):
        for key, value in (obj.get(field) or {}).items():
            wrong = names.config_key(key)
            if wrong:
                yield invalid_value(f"{field}[{key}]", key, wrong)
            size += len(value)
    if size > DATA_BYTES:
        yield Cause("", "FieldValueTooLong", f"Too long: may not be more than {DATA_BYTES} bytes")


def config_update(new: Json, old: Json) -> Iterator[Cause]:
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        yield forbidden_field("immutable", "field is immutable when `immutable` is set")
    for field in ("data", "binaryData"):
        if (new.get(field) or {}) != (old.get(field) or {}):
            yield forbidden_field(field, "field is immutable when `immutable` is set")


def secret_update(new: Json, old: Json) -> Iterator[Cause]:
    if new.get("type") != old.get("type"):
        yield invalid_value("type", new.get("type"), "field is immutable")
    yield from config_update(new, old)


def service(obj: Json) -> Iterator[Cause]:
    spec = obj["spec"]
    headless = spec.get("clusterIP") == "None"
    if not spec.get("ports") and spec["type"] != "ExternalName" and not headless:
        yield required("spec.ports")
    taken: set[str] = set()
    for index, port in enumerate(spec.get("ports") or ()):
        yield from _service_port(port, f"spec.ports[{index}]", len(spec["ports"]) > 1, taken)
    if spec["type"] not in SERVICE_TYPES:
        yield unsupported("spec.type", spec["type"], SERVICE_TYPES)
    if spec["type"] == "ExternalName" and not spec.get("externalName"):
        yield required("spec.externalName")
    if spec["sessionAffinity"] not in ("ClientIP", "None"):
        yield unsupported("spec.sessionAffinity", spec["sessionAffinity"], ("ClientIP", "None"))


def _service_port(port: Json, path: str, named: bool, taken: set[str]) -> Iterator[Cause]:
    name = port.get("name", "")
    if named and not name:
        yield required(f"{path}.name")
    elif name and names.label(name):
        yield invalid_value(f"{path}.name", name, names.label(name))
    elif name and name in taken:
        yield duplicate(f"{path}.name", name)
    taken.add(name)
    yield from pods.in_range(f"{path}.port", port.get("port", 0), 1, 65535)
    if port.get("protocol") not in pods.PROTOCOLS:
        yield unsupported(f"{path}.protocol", port.get("protocol"), pods.PROTOCOLS)
    target = port.get("targetPort")
    if isinstance(target, int):
        yield from pods.in_range(f"{path}.targetPort", target, 1, 65535)
    elif isinstance(target, str) and names.label(target) != "":
        yield invalid_value(f"{path}.targetPort", target, names.label(target))


def service_update(new: Json, old: Json) -> Iterator[Cause]:
    before, after = old["spec"], new["spec"]
    if before["type"] == "ExternalName" or after["type"] == "ExternalName":
        return
    first, had = (after.get("clusterIPs") or [None])[0], (before.get("clusterIPs") or [None])[0]
    if after.get("clusterIP") != before.get("clusterIP") and before.get("clusterIP"):
        yield invalid_value("spec.clusterIPs[0]", [after.get("clusterIP")], "may not change once set")
    elif first != had and had:
        yield invalid_value("spec.clusterIPs[0]", after.get("clusterIPs"), "may not change once set")


def namespace(obj: Json) -> Iterator[Cause]:
    for index, name in enumerate(at(obj, "spec", "finalizers") or ()):
        if names.qualified(name):
            yield invalid_value(f"spec.finalizers[{index}]", name, names.qualified(name))


def node(obj: Json) -> Iterator[Cause]:
    taken: set[tuple[str, str]] = set()
    for index, taint in enumerate(at(obj, "spec", "taints") or ()):
        field = f"metadata.taints[{index}]"  # the path that the real server shows for spec.taints
        if names.qualified(taint.get("key", "")):
            yield invalid_value(f"{field}.key", taint.get("key", ""), names.qualified(taint.get("key", "")))
        if taint.get("value") and names.label_value(taint["value"]):
            yield invalid_value(f"{field}.value", taint["value"], names.label_value(taint["value"]))
        if taint.get("effect") not in pods.EFFECTS:
            yield unsupported(f"{field}.effect", taint.get("effect", ""), pods.EFFECTS)
        pair = (taint.get("key", ""), taint.get("effect", ""))
        if pair in taken:
            yield duplicate(field, taint)
        taken.add(pair)


def event(obj: Json) -> Iterator[Cause]:
    target = obj["involvedObject"].get("namespace") or "default"
    if target != obj["metadata"].get("namespace"):
        yield invalid_value(
            "involvedObject.namespace",
            obj["involvedObject"].get("namespace", ""),
            "does not match event.namespace",
        )


def claim(obj: Json) -> Iterator[Cause]:
    spec = obj["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    for index, mode in enumerate(spec.get("accessModes") or ()):
        if mode not in ACCESS_MODES:
            yield unsupported(f"spec.accessModes[{index}]", mode, ACCESS_MODES)
    size = at(spec, "resources", "requests", "storage")
    if size is None:
        yield required("spec.resources[storage]")
    elif amount(size) <= 0:
        yield invalid_value("spec.resources[storage]", size, "must be greater than zero")


def claim_update(new: Json, old: Json) -> Iterator[Cause]:
    def fixed(obj: Json) -> Json:
        return {
            k: v
            for k, v in obj["spec"].items()
            if k not in ("resources", "volumeName", "volumeAttributesClassName")
        }

    before, after = (at(obj, "spec", "resources", "requests", "storage") for obj in (old, new))
    bound = old["spec"].get("volumeName") and old["spec"]["volumeName"] != new["spec"].get("volumeName")
    if fixed(new) != fixed(old) or bound:
        free = "resources.requests and volumeAttributesClassName for bound claims"
        text = f"spec is immutable after creation except {free}"
        yield forbidden_field("spec", text)
    elif amount(after) < amount(before):
        yield forbidden_field("spec.resources.requests.storage", "field can not be less than status.capacity")


def volume(obj: Json) -> Iterator[Cause]:
    spec = obj["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes")
    if not at(spec, "capacity", "storage"):
        yield required("spec.capacity")


def binding(obj: Json) -> Iterator[Cause]:
    reference = obj.get("roleRef") or {}
    kinds = ("Role", "ClusterRole") if obj["metadata"].get("namespace") else ("ClusterRole",)
    if reference.get("kind") not in kinds:
        yield unsupported("roleRef.kind", reference.get("kind", ""), kinds)
    if not reference.get("name"):
        yield required("roleRef.name")
    for index, subject in enumerate(obj.get("subjects") or ()):
        field = f"subjects[{index}]"
        if not subject.get("name"):
            yield required(f"{field}.name")
        if subject.get("kind") not in ("ServiceAccount", "User", "Group"):
            yield unsupported(f"{field}.kind", subject.get("kind", ""), ("ServiceAccount", "User", "Group"))
        elif subject["kind"] == "ServiceAccount" and not subject.get("namespace"):
            yield required(f"{field}.namespace")


def binding_update(new: Json, old: Json) -> Iterator[Cause]:
    if new.get("roleRef") != old.get("roleRef"):
        reference = new["roleRef"]
        fields = (("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name"))
        shown = "{" + ",".join(f'"{go}":{compact(reference.get(name, ""))}' for go, name in fields) + "}"
        yield Cause("roleRef", "FieldValueInvalid", f"Invalid value: {shown}: cannot change roleRef")


def role(obj: Json) -> Iterator[Cause]:
    namespaced = bool(obj["metadata"].get("namespace"))
    for index, rule in enumerate(obj.get("rules") or ()):
        field = f"rules[{index}]"
        if not rule.get("verbs"):
            yield required(f"{field}.verbs", "verbs must contain at least one value")
        if rule.get("nonResourceURLs"):
            if namespaced:
                text = "namespaced rules cannot apply to non-resource URLs"
                yield invalid_value(f"{field}.nonResourceURLs", rule["nonResourceURLs"], text)
            continue
        if not rule.get("apiGroups"):
            yield required(f"{field}.apiGroups", "resource rules must supply at least one api group")
        if not rule.get("resources"):
            yield required(f"{field}.resources", "resource rules must supply at least one resource")


def network_policy(obj: Json) -> Iterator[Cause]:
    for direction in ("ingress", "egress"):
        for index, rule in enumerate(at(obj, "spec", direction) or ()):
            for place, peer in enumerate(rule.get("from") or rule.get("to") or ()):
                block = at(peer, "ipBlock", "cidr")
                side = "from" if direction == "ingress" else "to"
                if block is not None:
                    yield from _block(block, f"spec.{direction}[{index}].{side}[{place}].ipBlock.cidr")


def _block(text: str, path: str) -> Iterator[Cause]:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        yield invalid_value(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")


def ingress(obj: Json) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield invalid_value("spec", [], "either `defaultBackend` or `rules` must be specified")
    for index, rule in enumerate(spec.get("rules") or ()):
        for place, path in enumerate(at(rule, "http", "paths") or ()):
            field = f"spec.rules[{index}].http.paths[{place}]"
            if not path.get("pathType"):
                yield required(f"{field}.pathType", "pathType must be specified")
            elif path["pathType"] not in ("Exact", "ImplementationSpecific", "Prefix"):
                yield unsupported(
                    f"{field}.pathType", path["pathType"], ("Exact", "ImplementationSpecific", "Prefix")
                )


def custom_definition(obj: Json) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    plural = at(spec, "names", "plural") or ""
    wanted = f"{plural}.{spec.get('group', '')}"
    if obj["metadata"].get("name") != wanted:
        yield invalid_value(
            "metadata.name", obj["metadata"].get("name"), 'must be spec.names.plural+"."+spec.group'
        )
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        yield invalid_value(
            "spec.versions", versions, "must have exactly one version marked as storage version"
        )
    for index, version in enumerate(versions):
        if not version.get("schema"):
            yield required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required")


def custom(value: Any, node: Json, path: str = "") -> Iterator[Cause]:
    """An object of a custom kind against its structural schema."""
    yield from _kind_of(value, node, path)
    if isinstance(value, dict):
        for name in node.get("required") or ():
            if name not in value:
                yield required(f"{path}.{name}" if path else name)
        for name, inner in (node.get("properties") or {}).items():
            if name in value and not (path == "" and name == "metadata"):
                yield from custom(value[name], inner, f"{path}.{name}" if path else name)
        more = node.get("additionalProperties")
        if isinstance(more, dict):
            for name, item in value.items():
                yield from custom(item, more, f"{path}.{name}" if path else name)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from custom(item, node.get("items") or {}, f"{path}[{index}]")


TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def _kind_of(value: Any, node: Json, path: str) -> Iterator[Cause]:
    wanted = node.get("type")
    names_ = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object", list: "array"}
    if wanted in TYPES and (
        not isinstance(value, TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean")
    ):
        text = f'{path} in body must be of type {wanted}: "{names_.get(type(value), "null")}"'
        yield Cause(
            path,
            "FieldValueTypeInvalid",
            f"Invalid value: {compact(names_.get(type(value), 'null'))}: {text}",
        )
        return
    if "enum" in node and value not in node["enum"]:
        yield unsupported(path, value, [str(item) for item in node["enum"]])
    if isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in node and value < node["minimum"]:
            yield invalid_value(
                path, value, f"{path} in body should be greater than or equal to {node['minimum']}"
            )
        if "maximum" in node and value > node["maximum"]:
            yield invalid_value(
                path, value, f"{path} in body should be less than or equal to {node['maximum']}"
            )
    if isinstance(value, str):
        yield from _text(value, node, path)


def _text(value: str, node: Json, path: str) -> Iterator[Cause]:
    if "pattern" in node and not re.search(node["pattern"], value):
        yield invalid_value(path, value, f"{path} in body should match '{node['pattern']}'")
    if "minLength" in node and len(value) < node["minLength"]:
        yield invalid_value(path, value, f"{path} in body should be at least {node['minLength']} chars long")
    if "maxLength" in node and len(value) > node["maxLength"]:
        text = f"Too long: may not be more than {node['maxLength']} bytes"
        yield Cause(path, "FieldValueTooLong", text)
