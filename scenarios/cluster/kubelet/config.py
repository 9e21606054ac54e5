"""What a container needs before it can start: volumes, and values from ConfigMaps and Secrets."""

from __future__ import annotations

from lamplighter.scenarios.cluster.jsons import Json, at, name_of, namespace_of, uid_of
from lamplighter.scenarios.cluster.store import Store


def missing_volume(store: Store, pod: Json) -> str:
    """Why a volume of the pod cannot be set up, "" where all can."""
    space = namespace_of(pod)
    for volume in pod["spec"].get("volumes") or ():
        name = volume["name"]
        for kind, field in (("configmap", "configMap"), ("secret", "secret")):
            source = volume.get(field)
            if source is None or source.get("optional"):
                continue
            target = source.get("name") or source.get("secretName")
            found = store.get(f"{kind}s", space, target)
            if found is None:
                return f'MountVolume.SetUp failed for volume "{name}" : {kind} "{target}" not found'
            for item in source.get("items") or ():
                if item["key"] not in _data(found):
                    problem = f"references non-existent {_word(kind)} key: {item['key']}"
                    return f'MountVolume.SetUp failed for volume "{name}" : {problem}'
        for source in at(volume, "projected", "sources") or ():
            for kind, field in (("configmap", "configMap"), ("secret", "secret")):
                target = at(source, field, "name")
                if (
                    target
                    and not source[field].get("optional")
                    and store.get(f"{kind}s", space, target) is None
                ):
                    return f'MountVolume.SetUp failed for volume "{name}" : {kind} "{target}" not found'
    return ""


def _word(kind: str) -> str:
    return "config" if kind == "configmap" else "secret"


def _data(obj: Json) -> Json:
    return {**(obj.get("data") or {}), **(obj.get("binaryData") or {})}


def config_error(store: Store, pod: Json, container: Json) -> str:
    """Why the container's environment cannot be made (CreateContainerConfigError), "" where it can."""
    space = namespace_of(pod)
    for source in container.get("envFrom") or ():
        for kind, field in (("configmap", "configMapRef"), ("secret", "secretRef")):
            reference = source.get(field)
            if (
                reference
                and not reference.get("optional")
                and store.get(f"{kind}s", space, reference["name"]) is None
            ):
                return f'{kind} "{reference["name"]}" not found'
    for entry in container.get("env") or ():
        for kind, field in (("configmap", "configMapKeyRef"), ("secret", "secretKeyRef")):
            reference = at(entry, "valueFrom", field)
            if not reference or reference.get("optional"):
                continue
            found = store.get(f"{kind}s", space, reference["name"])
            if found is None:
                return f'{kind} "{reference["name"]}" not found'
            if reference["key"] not in _data(found):
                word = "ConfigMap" if kind == "configmap" else "Secret"
                return f"couldn't find key {reference['key']} in {word} {space}/{reference['name']}"
    security = {**(pod["spec"].get("securityContext") or {}), **(container.get("securityContext") or {})}
    if security.get("runAsNonRoot") and security.get("runAsUser") == 0:
        place = f"{name_of(pod)}_{space}({uid_of(pod)})"
        return (
            f'container\'s runAsUser breaks non-root policy (pod: "{place}", container: {container["name"]})'
        )
    return ""
