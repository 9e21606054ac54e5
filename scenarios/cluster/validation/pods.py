"""Validation of pod specs (k8s.io/kubernetes pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster.errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    required,
    unsupported,
)
from lamplighter.scenarios.cluster.jsons import Json, at, copied
from lamplighter.scenarios.cluster.quantities import amount
from lamplighter.scenarios.cluster.validation import names

RESTARTS = ("Always", "OnFailure", "Never")
PULLS = ("Always", "IfNotPresent", "Never")
DNS = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
PROTOCOLS = ("SCTP", "TCP", "UDP")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
MUTABLE = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def in_range(field: str, value: object, low: int, high: int) -> Iterator[Cause]:
    if isinstance(value, int) and not low <= value <= high:
        yield invalid_value(field, value, f"must be between {low} and {high}, inclusive")


def not_negative(field: str, value: object) -> Iterator[Cause]:
    if isinstance(value, int) and value < 0:
        yield invalid_value(field, value, "must be greater than or equal to 0")


def validate(spec: Json, path: str) -> Iterator[Cause]:
    containers = spec.get("containers") or []
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    yield from _volumes(spec, f"{path}.volumes")
    if not containers:
        yield required(f"{path}.containers")
    taken: set[str] = set()
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            yield from _container(container, f"{path}.{group}[{index}]", volumes, taken)
    if spec.get("restartPolicy") not in RESTARTS:
        yield unsupported(f"{path}.restartPolicy", spec.get("restartPolicy"), RESTARTS)
    if spec.get("dnsPolicy") not in DNS:
        yield unsupported(f"{path}.dnsPolicy", spec.get("dnsPolicy"), DNS)
    yield from not_negative(
        f"{path}.terminationGracePeriodSeconds", spec.get("terminationGracePeriodSeconds")
    )
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None:
        yield from in_range(f"{path}.activeDeadlineSeconds", deadline, 1, 2147483647)
    yield from tolerations(spec, f"{path}.tolerations")


def _volumes(spec: Json, path: str) -> Iterator[Cause]:
    taken: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        field = f"{path}[{index}].name"
        name = volume.get("name")
        if not name:
            yield required(field)
        elif names.label(name):
            yield invalid_value(field, name, names.label(name))
        elif name in taken:
            yield duplicate(field, name)
        taken.add(name or "")


def _container(container: Json, path: str, volumes: set[str | None], taken: set[str]) -> Iterator[Cause]:
    name = container.get("name")
    if not name:
        yield required(f"{path}.name")
    elif names.label(name):
        yield invalid_value(f"{path}.name", name, names.label(name))
    elif name in taken:
        yield duplicate(f"{path}.name", name)
    taken.add(name or "")
    if not container.get("image"):
        yield required(f"{path}.image")
    elif container["image"] != container["image"].strip():
        yield invalid_value(
            f"{path}.image", container["image"], "must not have leading or trailing whitespace"
        )
    yield from _ports(container, path)
    for index, entry in enumerate(container.get("env") or ()):
        yield from _environment(entry, f"{path}.env[{index}]")
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        yield from _mount(mount, f"{path}.volumeMounts[{index}]", volumes)
    if container.get("imagePullPolicy") not in PULLS:
        yield unsupported(f"{path}.imagePullPolicy", container.get("imagePullPolicy"), PULLS)
    yield from resources(container.get("resources") or {}, f"{path}.resources")
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(kind):
            yield from _probe(container[kind], f"{path}.{kind}", kind)


def _ports(container: Json, path: str) -> Iterator[Cause]:
    for index, port in enumerate(container.get("ports") or ()):
        field = f"{path}.ports[{index}]"
        if not port.get("containerPort"):
            yield required(f"{field}.containerPort")
        else:
            yield from in_range(f"{field}.containerPort", port["containerPort"], 1, 65535)
        if port.get("protocol") not in PROTOCOLS:
            yield unsupported(f"{field}.protocol", port.get("protocol"), PROTOCOLS)


def _environment(entry: Json, path: str) -> Iterator[Cause]:
    if not entry.get("name"):
        yield required(f"{path}.name")
    source = entry.get("valueFrom")
    if source is not None:
        if entry.get("value"):
            yield invalid_value(f"{path}.valueFrom", "", "may not be specified when `value` is not empty")
        if len(source) != 1:
            text = (
                "may not have more than one field specified at a time"
                if source
                else "must specify one of: "
                + ("`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`")
            )
            yield invalid_value(f"{path}.valueFrom", "", text)


def _mount(mount: Json, path: str, volumes: set[str | None]) -> Iterator[Cause]:
    if not mount.get("name"):
        yield required(f"{path}.name")
    elif mount["name"] not in volumes:
        yield Cause(f"{path}.name", "FieldValueNotFound", f'Not found: "{mount["name"]}"')
    if not mount.get("mountPath"):
        yield required(f"{path}.mountPath")


def resources(found: Json, path: str) -> Iterator[Cause]:
    limits, requests = found.get("limits") or {}, found.get("requests") or {}
    for group, values in (("limits", limits), ("requests", requests)):
        for name, value in values.items():
            if amount(value) < 0:
                yield invalid_value(f"{path}.{group}.{name}", value, "must be greater than or equal to 0")
    for name, value in requests.items():
        if name in limits and amount(value) > amount(limits[name]):
            text = f"must be less than or equal to {name} limit of {limits[name]}"
            yield invalid_value(f"{path}.requests", value, text)


def _probe(probe: Json, path: str, kind: str) -> Iterator[Cause]:
    handlers = [name for name in ("exec", "httpGet", "tcpSocket", "grpc") if name in probe]
    if not handlers:
        yield required(path, "must specify a handler type")
    if len(handlers) > 1:
        yield forbidden_field(f"{path}.{handlers[1]}", "may not specify more than 1 handler type")
    for name in (
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ):
        yield from not_negative(f"{path}.{name}", probe.get(name))
    if kind != "readinessProbe" and probe.get("successThreshold") not in (None, 1):
        yield invalid_value(f"{path}.successThreshold", probe["successThreshold"], "must be 1")
    for name in ("httpGet", "tcpSocket"):
        port = at(probe, name, "port")
        if isinstance(port, int):
            yield from in_range(f"{path}.{name}.port", port, 1, 65535)


def tolerations(spec: Json, path: str) -> Iterator[Cause]:
    for index, entry in enumerate(spec.get("tolerations") or ()):
        field = f"{path}[{index}]"
        operator = entry.get("operator") or "Equal"
        if not entry.get("key") and operator != "Exists":
            text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            yield invalid_value(f"{field}.operator", operator, text)
        if operator not in ("Equal", "Exists"):
            yield unsupported(f"{field}.operator", operator, ("Equal", "Exists"))
        if entry.get("effect") and entry["effect"] not in EFFECTS:
            yield unsupported(f"{field}.effect", entry["effect"], EFFECTS)


def validate_update(new: Json, old: Json) -> Iterator[Cause]:
    """A pod's spec is fixed but for images, deadlines and added tolerations."""
    masked = [copied(new.get("spec") or {}), copied(old.get("spec") or {})]
    for spec in masked:
        for group in ("containers", "initContainers"):
            for container in spec.get(group) or ():
                container.pop("image", None)
        spec.pop("activeDeadlineSeconds", None)
    kept = masked[1].pop("tolerations", None) or []
    if all(entry in (masked[0].get("tolerations") or []) for entry in kept):
        masked[0].pop("tolerations", None)
    if masked[0] != masked[1]:
        yield Cause("spec", "FieldValueForbidden", MUTABLE)
