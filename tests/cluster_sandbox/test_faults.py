"""What the kubelets do about images that are none, nodes that run short and nodes that are gone."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.jsons import at, condition, name_of
from lamplighter.scenarios.cluster.kubelet.behaviour import rule_of
from tests.cluster_sandbox.worlds import World, deploy, template, waiting


@pytest.mark.parametrize(
    ("container", "reason", "words"),
    [
        ({"image": "registry.example.com/Shop/web:1"}, "InvalidImageName", "(Shop/web) must be lowercase"),
        ({"image": "shop:1", "imagePullPolicy": "Never"}, "ErrImageNeverPull", "pull policy of Never"),
    ],
)
def test_an_image_that_is_not_even_asked_for(
    world: World, container: dict[str, Any], reason: str, words: str
) -> None:
    deploy(world, 1, **container)
    world.sandbox.advance(30)
    assert waiting(world.pods()[0]) == reason
    assert any(words in text for _, _, text in world.events())
    assert ("Warning", "Failed", f"Error: {reason}") in world.events()


def test_a_pull_secret_that_is_not_there_is_said_and_the_pull_tried(world: World) -> None:
    world.cluster.rules.append(
        rule_of({"image": "^shop", "without": "^pull-secret login$", "pull_error": "unauthorized"})
    )
    body = template()
    body["spec"]["imagePullSecrets"] = [{"name": "login"}]
    world.make(
        "deployments.apps",
        "shop",
        spec={"replicas": 1, "selector": {"matchLabels": {"app": "shop"}}, "template": body},
    )
    world.sandbox.advance(30)
    assert {"FailedToRetrieveImagePullSecret", "Failed"} <= world.reasons()
    world.make("secrets", "login", data={})
    world.sandbox.advance(300)
    assert at(world.pods()[0], "status", "phase") == "Running"


def test_memory_pressure_evicts_the_largest_and_ends_five_minutes_after(world: World) -> None:
    world.cluster.rules.append(rule_of({"image": "^hog", "memory": 7 * 1024**3}))
    world.make("pods", "hog", spec={"containers": [{"name": "c", "image": "hog:1"}], "nodeName": "node-1"})
    world.make("pods", "calm", spec={"containers": [{"name": "c", "image": "calm:1"}], "nodeName": "node-1"})
    world.sandbox.advance(20)
    assert at(world.get("pods", "hog"), "status", "reason") is None, "there is still room"
    world.cluster.rules.append(rule_of({"image": "^hog", "memory": 8 * 1024**3}))
    world.sandbox.advance(20)
    status = world.get("pods", "hog")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert status["message"].startswith(
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: "
    )
    assert at(world.get("pods", "calm"), "status", "phase") == "Running"
    assert condition(world.get("nodes", "node-1", ""), "MemoryPressure")["status"] == "True"  # type: ignore[index]
    assert {t["key"] for t in world.get("nodes", "node-1", "")["spec"]["taints"]} == {
        "node.kubernetes.io/memory-pressure"
    }
    world.sandbox.advance(250)
    assert condition(world.get("nodes", "node-1", ""), "MemoryPressure")["status"] == "True"  # type: ignore[index]
    world.sandbox.advance(100)
    assert condition(world.get("nodes", "node-1", ""), "MemoryPressure")["status"] == "False"  # type: ignore[index]
    assert "taints" not in world.get("nodes", "node-1", "")["spec"]


def test_pods_of_a_node_that_is_deleted_go_some_time_after(world: World) -> None:
    deploy(world, 3)
    world.sandbox.advance(5)
    gone = {name_of(pod) for pod in world.pods() if pod["spec"]["nodeName"] == "node-1"}
    assert gone
    acts.delete(world.cluster, "nodes", world.get("nodes", "node-1", ""))
    world.sandbox.advance(30)
    assert gone <= {name_of(pod) for pod in world.pods()}
    world.sandbox.advance(30)
    assert not gone & {name_of(pod) for pod in world.pods()}
    assert world.get("deployments.apps", "shop")["status"]["availableReplicas"] == 3


def test_what_a_container_was_started_with_stays_until_its_next_start(world: World) -> None:
    world.cluster.rules.append(
        rule_of({"image": "^shop", "given": "^env MODE=bad$", "exit_code": 3, "run_seconds": 1})
    )
    world.make("configmaps", "settings", data={"MODE": "good"})
    deploy(world, 1, envFrom=[{"configMapRef": {"name": "settings"}}])
    world.sandbox.advance(10)
    old = world.get("configmaps", "settings")
    acts.update(
        world.cluster, "configmaps", {**old, "metadata": dict(old["metadata"]), "data": {"MODE": "bad"}}, old
    )
    world.sandbox.advance(60)
    assert at(world.pods()[0], "status", "containerStatuses", 0, "restartCount") == 0
    acts.delete(world.cluster, "pods", world.pods()[0])
    world.sandbox.advance(60)
    assert at(world.pods()[-1], "status", "containerStatuses", 0, "lastState", "terminated", "exitCode") == 3


def test_a_container_ends_for_what_it_may_not_do(world: World) -> None:
    world.cluster.rules.append(rule_of({"image": "^shop", "calls": ["list nodes *"]}))
    deploy(world, 1)
    world.sandbox.advance(30)
    uid = world.pods()[0]["metadata"]["uid"]
    log = [text for _, text in world.cluster.records.previous_log(uid, "main")]
    assert log[-1].startswith(
        'fatal: nodes is forbidden: User "system:serviceaccount:default:default" cannot list resource'
    )
    assert at(world.pods()[0], "status", "containerStatuses", 0, "restartCount") >= 1
