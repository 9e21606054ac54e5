"""A stepped sandbox for tests, and the workload that most of them look at."""

from __future__ import annotations

from typing import Any

from lamplighter.scenarios.cluster import acts, writes
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.jsons import at, copied
from lamplighter.scenarios.cluster.sandbox import Plan, Sandbox

Json = dict[str, Any]


class World:
    """A stepped sandbox without its server's thread: the core alone."""

    def __init__(self, *rules: Json) -> None:
        self.sandbox = Sandbox(Plan(stepped=True, rules=rules))
        self.cluster: Cluster = self.sandbox.cluster

    def make(self, key: str, name: str, **body: Any) -> Json:
        kind = self.cluster.registry.of_key(key)
        obj = {"metadata": {"name": name, **body.pop("metadata", {})}, **copied(body)}
        space = "default" if kind.namespaced else ""
        return writes.create(self.cluster, kind, space, obj, writes.Options("test"))

    def get(self, key: str, name: str, space: str = "default") -> Json:
        found = self.cluster.store.get(key, space, name)
        assert found is not None, f"{key} {name} is not there"
        return found

    def change(self, key: str, name: str, **spec: Any) -> Json:
        old = self.get(key, name)
        new = copied(old)
        new["spec"].update(spec)
        return acts.update(self.cluster, key, new, old)

    def pods(self) -> list[Json]:
        return self.cluster.store.all("pods", "default")

    def events(self) -> list[tuple[str, str, str]]:
        found = self.cluster.store.all("events", "default")
        return [(e["type"], e["reason"], e["message"]) for e in found]

    def reasons(self) -> set[str]:
        return {reason for _, reason, _ in self.events()}

    def close(self) -> None:
        self.sandbox.server.server_close()


def template(image: str = "shop:1", name: str = "main", **container: Any) -> Json:
    spec = {"containers": [{"name": name, "image": image, **container}], "terminationGracePeriodSeconds": 1}
    return {"metadata": {"labels": {"app": "shop"}}, "spec": spec}


def deploy(world: World, replicas: int = 3, **container: Any) -> None:
    world.make(
        "deployments.apps", "shop",
        spec={"replicas": replicas, "selector": {"matchLabels": {"app": "shop"}}, "template": template(**container)},
    )  # fmt: skip


def waiting(pod: Json) -> str:
    return str(at(pod, "status", "containerStatuses", 0, "state", "waiting", "reason"))
