"""The store's indexes and the scheduler's running totals agree with what a look at every object finds."""

from __future__ import annotations

import copy
import sys
from typing import Any

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.controllers.load import Load, Loads
from lamplighter.scenarios.cluster.controllers.scheduler import Scheduler
from lamplighter.scenarios.cluster.engine import Engine
from lamplighter.scenarios.cluster.jsons import at, labels_of, name_of, uid_of
from lamplighter.scenarios.cluster.sandbox import Node, Plan, Sandbox
from lamplighter.scenarios.cluster.store import Store
from tests.cluster_sandbox.worlds import World, deploy, template


def loads_of(engine: Engine) -> Loads:
    (found,) = (one for one in engine._controllers if isinstance(one, Scheduler))
    return found._loads


def shown(load: Load) -> tuple[Any, ...]:
    taken = {name: value for name, value in load.taken.items() if value}
    return taken, load.count, dict(load.ports), sorted(space for space, _ in load.averse())


def agree(store: Store, loads: Loads) -> None:
    for node in store.all("nodes"):
        pods = [pod for pod in store.all("pods") if at(pod, "spec", "nodeName") == name_of(node)]
        assert store.on_node(name_of(node)) == pods
        counted = Load()
        for pod in pods:
            counted.add(pod)
        assert shown(loads.of(name_of(node))) == shown(counted)
    for labels in ({"app": "shop"}, {"app": "shop", "team": "a"}, {"app": "none"}, {}):
        found = [pod for pod in store.all("pods", "default") if labels.items() <= labels_of(pod).items()]
        assert store.pods_with("default", labels) == found
    for owner in store.all("replicasets.apps"):
        owners = [(pod, pod["metadata"].get("ownerReferences") or ()) for pod in store.all("pods")]
        owned = [pod for pod, found in owners if uid_of(owner) in {one["uid"] for one in found}]
        assert store.owned_by(uid_of(owner), "pods") == owned


def busy(world: World) -> None:
    """Pods that start, end, are relabelled, moved away and deleted."""
    deploy(world, 4, resources={"requests": {"cpu": "300m", "memory": "64Mi"}})
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "alone"}}}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    alone = template("alone:1", ports=[{"containerPort": 80, "hostPort": 8080}])["spec"]
    for number in range(4):  # one more than there are nodes
        labels = {"app": "alone"}
        world.make("pods", f"alone-{number}", metadata={"labels": labels}, spec={**alone, "affinity": apart})
    short = template("busybox:1", command=["sh", "-c", "sleep 5"])["spec"]
    world.make("pods", "short", spec={**short, "restartPolicy": "Never"})
    world.sandbox.advance(10)


def test_indexes_and_totals_agree_with_a_recount(world: World) -> None:
    busy(world)
    loads = loads_of(world.sandbox.engine)
    agree(world.cluster.store, loads)
    assert at(world.get("pods", "short"), "status", "phase") == "Succeeded"
    assert not at(world.get("pods", "alone-3"), "spec", "nodeName"), "its ports and its kind are everywhere"
    first = world.cluster.store.pods_with("default", {"app": "shop"})[0]
    acts.set_metadata(
        world.cluster, "pods", first, {**first["metadata"], "labels": {**labels_of(first), "team": "a"}}
    )
    agree(world.cluster.store, loads)
    acts.delete(world.cluster, "pods", world.get("pods", "alone-0"))
    world.change("deployments.apps", "shop", replicas=2)
    world.sandbox.advance(40)
    agree(world.cluster.store, loads)
    assert at(world.get("pods", "alone-3"), "spec", "nodeName"), "it takes the place that was left"


def test_a_copy_of_a_world_goes_its_own_way(world: World) -> None:
    busy(world)
    cluster, engine = copy.deepcopy((world.cluster, world.sandbox.engine))
    acts.delete(cluster, "deployments.apps", world.get("deployments.apps", "shop"))
    engine.advance(60)
    assert cluster.store.pods_with("default", {"app": "shop"}) == []
    agree(cluster.store, loads_of(engine))
    assert len(world.cluster.store.pods_with("default", {"app": "shop"})) == 4
    agree(world.cluster.store, loads_of(world.sandbox.engine))


def calls(deployments: int) -> int:
    """How many Python functions are called until so many Deployments of 20 pods run: the same in every run."""
    nodes = [Node(f"node-{number}", cpu="64", pods="500") for number in range(3)]
    sandbox, count = Sandbox(Plan(stepped=True, nodes=nodes)), 0

    def called(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(called)
    try:
        for number in range(deployments):
            labels = {"app": f"web-{number}"}
            web = {**template(), "metadata": {"labels": labels}}
            ports = {"selector": labels, "ports": [{"port": 80}]}
            spec = {"replicas": 20, "selector": {"matchLabels": labels}, "template": web}
            for key, one in (("deployments.apps", spec), ("services", ports)):
                meta = {"name": labels["app"], "namespace": "default"}
                acts.create(sandbox.cluster, key, {"metadata": meta, "spec": one})
            sandbox.advance(3)
    finally:
        sys.setprofile(None)
    sandbox.close()
    assert sum(at(pod, "status", "phase") == "Running" for pod in sandbox.cluster.store.each("pods")) == (
        20 * deployments
    )
    return count


def test_a_pod_costs_the_same_among_many() -> None:
    few, many = calls(3), calls(12)
    assert many < 4.2 * few, "four times as many pods cost more than four times as much"
