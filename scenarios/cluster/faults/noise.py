"""Unrelated objects that stand around a scenario: all of them well, some of them odd to look at."""

from __future__ import annotations

import random

from lamplighter.scenarios.cluster.faults.schema import Json


def noise(chance: random.Random, words: list[str]) -> list[Json]:
    """Healthy workloads of other teams in a namespace of their own. `words` are names that nothing else has."""
    chosen = chance.sample(words, 6)
    space, names = chosen[0], chosen[1:]
    out: list[Json] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}]
    for name in names[: chance.randrange(2, 4)]:
        out += _service(space, name, chance.randrange(1, 4))
    out.append(_idle(space, names[3]))
    out.append(_done(space, names[4]))
    out += [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{name}-settings", "namespace": space},
            "data": {"LEVEL": chance.choice(("debug", "info", "warn"))},
        }
        for name in chance.sample(names, 2)
    ]
    return out


def _template(name: str, image: str, **spec: object) -> Json:
    container = {"name": "main", "image": image, "ports": [{"containerPort": 8080}]}
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **spec}}


def _deployment(space: str, name: str, replicas: int, notes: dict[str, str]) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": space, "labels": {"app": name}, "annotations": notes},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": _template(name, f"registry.example.com/{space}/{name}:1.{replicas}"),
        },
    }


def _service(space: str, name: str, replicas: int) -> list[Json]:
    ports = [{"port": 80, "targetPort": 8080}]
    service = {"selector": {"app": name}, "ports": ports}
    return [
        _deployment(space, name, replicas, {}),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": space},
            "spec": service,
        },
    ]


def _idle(space: str, name: str) -> Json:
    """Scaled to zero on purpose."""
    return _deployment(space, name, 0, {"example.com/scaled-down": "until the next campaign"})


def _done(space: str, name: str) -> Json:
    command = ["sh", "-c", "echo migrated; exit 0"]
    template = _template(name, "busybox:1.36", restartPolicy="Never")
    template["spec"]["containers"] = [{"name": "main", "image": "busybox:1.36", "command": command}]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{name}-migration", "namespace": space},
        "spec": {"template": template},
    }
