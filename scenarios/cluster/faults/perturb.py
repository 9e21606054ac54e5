"""The same scenario in another dress: names, order, replica counts and noise, all from a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from lamplighter.scenarios.cluster.faults.noise import noise
from lamplighter.scenarios.cluster.faults.schema import Json, Scenario
from lamplighter.scenarios.cluster.jsons import at
from lamplighter.scenarios.cluster.sandbox import THREE_NODES

POOL = (
    "amber", "anchor", "arbor", "aspen", "atlas", "basil", "beacon", "birch", "bishop", "cedar", "cobalt", "comet",
    "coral", "crane", "cypress", "delta", "dune", "ember", "falcon", "fennel", "garnet", "glacier", "harbor", "hazel",
    "heron", "iris", "ivory", "jasper", "juniper", "kestrel", "lagoon", "lantern", "larch", "lotus", "maple", "marlin",
    "meadow", "mesa", "mistral", "nectar", "nimbus", "onyx", "opal", "orchid", "osprey", "pebble", "pepper", "pine",
    "quartz", "raven", "reef", "saffron", "sequoia", "sierra", "sparrow", "spruce", "summit", "tundra", "umber",
    "velvet", "walnut", "willow", "zephyr", "zinnia",
)  # fmt: skip
KEPT = ("kind", "apiVersion", "cause", "op", "check", "form", "id", "family", "schema", "title")
"""Members whose values are words of the format or of the API, never names."""
FIRST = (
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
)
LAST = ("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob")
HOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")


def perturb(scenario: Scenario, seed: int) -> Scenario:
    """The scenario with names, order, replicas and noise of the seed. The same seed gives the same scenario."""
    chance = random.Random(f"{scenario.id}/{seed}")
    body = scenario.model_dump(mode="json", by_alias=True)
    body["nodes"] = body["nodes"] or [{"name": node.name, "zone": node.zone} for node in THREE_NODES]
    body = _renamed(body, _names(scenario, chance))
    if scenario.vary.replicas:
        _replicas(body["objects"], chance)
    body["objects"] = _order(body["objects"], chance)
    if scenario.vary.noise:
        words = [word for word in POOL if word not in str(body)]
        body["objects"] = [*noise(chance, words), *body["objects"]]
    return Scenario.model_validate(body)


def _names(scenario: Scenario, chance: random.Random) -> dict[str, str]:
    text = scenario.model_dump_json()
    free = [word for word in POOL if word not in text]
    chance.shuffle(free)
    found = dict(zip(scenario.vary.names, free, strict=False))
    nodes = [node.name for node in scenario.nodes or THREE_NODES]
    pool = f"node-{chance.randrange(10, 100)}"
    found |= {name: f"{pool}{name.removeprefix('node')}" for name in nodes if name.startswith("node-")}
    return found


def _renamed(body: Json, names: Mapping[str, str]) -> Json:
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    form = re.compile(rf"(?<![A-Za-z0-9])({words})(?![A-Za-z0-9])")

    def text(value: str) -> str:
        return form.sub(lambda found: names[found[0]], value)

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: item if key in KEPT and isinstance(item, str) else walk(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [walk(item) for item in value]
        return text(value) if isinstance(value, str) else value

    out: Json = walk(body)
    return out


def _replicas(objects: list[Json], chance: random.Random) -> None:
    for obj in objects:
        count = at(obj, "spec", "replicas")
        if obj["kind"] == "Deployment" and isinstance(count, int) and count >= 2:
            obj["spec"]["replicas"] = count + chance.randrange(3)


def _order(objects: list[Json], chance: random.Random) -> list[Json]:
    """In another order, but what others need at once stays before them."""
    mixed = list(objects)
    chance.shuffle(mixed)
    return sorted(mixed, key=_rank)


def _rank(obj: Json) -> int:
    kind = obj["kind"]
    if kind in FIRST:
        return 0
    return 3 if kind in HOOKS else 2 if kind in LAST else 1
