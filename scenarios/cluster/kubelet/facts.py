"""What a container is started with, as lines that the rules of a scenario ask for.

`env NAME=value`, `file /path/key=content`, `command ...`, `mount /path`, `pull-secret NAME` (one that exists),
`security NAME=value`, `service-account NAME`, `sidecar NAME`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

from lamplighter.scenarios.cluster.jsons import Json, at, namespace_of
from lamplighter.scenarios.cluster.store import Store

SOURCES = (("configmaps", "configMapRef", "configMapKeyRef"), ("secrets", "secretRef", "secretKeyRef"))


def facts_of(store: Store, pod: Json, container: Json) -> tuple[str, ...]:
    """The facts of a container as it would start now: values of ConfigMaps and Secrets are read at this moment."""
    return (
        *_environment(store, pod, container),
        *_files(store, pod, container),
        *_pod_facts(store, pod, container),
    )


def _data(store: Store, key: str, space: str, name: str) -> dict[str, str]:
    found = store.get(key, space, name) or {}
    data = dict(found.get("data") or {})
    if key == "secrets":
        return {k: base64.b64decode(v).decode(errors="replace") for k, v in data.items()}
    return data


def _environment(store: Store, pod: Json, container: Json) -> Iterator[str]:
    space = namespace_of(pod)
    for source in container.get("envFrom") or ():
        for key, whole, _ in SOURCES:
            if whole in source:
                data = _data(store, key, space, source[whole]["name"])
                yield from (f"env {source.get('prefix') or ''}{k}={v}" for k, v in data.items())
    for entry in container.get("env") or ():
        value = entry.get("value", "")
        for key, _, single in SOURCES:
            reference = at(entry, "valueFrom", single)
            if reference:
                value = _data(store, key, space, reference["name"]).get(reference["key"], "")
        yield f"env {entry['name']}={value}"


def _files(store: Store, pod: Json, container: Json) -> Iterator[str]:
    space = namespace_of(pod)
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
    for mount in container.get("volumeMounts") or ():
        path, volume = mount["mountPath"], volumes.get(mount["name"]) or {}
        yield f"mount {path}"
        for key, field in (("configmaps", "configMap"), ("secrets", "secret")):
            source = volume.get(field)
            if source is None:
                continue
            data = _data(store, key, space, source.get("name") or source.get("secretName") or "")
            names = {item["key"]: item["path"] for item in source.get("items") or ()} or {k: k for k in data}
            yield from (f"file {path}/{names[k]}={v}" for k, v in data.items() if k in names)


def _pod_facts(store: Store, pod: Json, container: Json) -> Iterator[str]:
    spec = pod["spec"]
    yield "command " + " ".join([*(container.get("command") or ()), *(container.get("args") or ())])
    yield f"service-account {spec.get('serviceAccountName', '')}"
    for entry in spec.get("imagePullSecrets") or ():
        if store.get("secrets", namespace_of(pod), entry["name"]) is not None:
            yield f"pull-secret {entry['name']}"
    for entry in spec.get("initContainers") or ():
        if entry.get("restartPolicy") == "Always":
            yield f"sidecar {entry['name']}"
    security = {**(spec.get("securityContext") or {}), **(container.get("securityContext") or {})}
    yield from (f"security {key}={value}" for key, value in security.items())
