"""Sandboxes for the tests: one as the recorded control plane was, and one as a person has it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from http.client import HTTPSConnection
from typing import Any

import pytest

from lamplighter.scenarios.cluster.rbac import MASTERS, User
from lamplighter.scenarios.cluster.sandbox import Node, Plan, Sandbox
from tests.cluster_sandbox import replay
from tests.cluster_sandbox.worlds import World

SPEED = 5.0
TOKENS = {
    "admin-token": User("admin", (MASTERS,), "1"),
    "restricted-token": User("restricted", ("ops-restricted",), "2"),
    "viewer-token": User("viewer", ("viewers",), "3"),
}


def recorded_node(number: int, zone: str) -> Node:
    """A node as those of the recorded control plane were."""
    name = f"h3-node-{number}"
    healthy = (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    )
    conditions = [
        {
            "type": kind, "status": value, "lastHeartbeatTime": "2026-01-05T09:00:00Z", "lastTransitionTime": None,
            "reason": reason, "message": message,
        }
        for kind, value, reason, message in healthy
    ]  # fmt: skip
    status = {
        "allocatable": {"cpu": "3800m", "ephemeral-storage": "45Gi", "memory": "7Gi"},
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 5310}},
        "nodeInfo": {
            "kernelVersion": "6.1.0-fake",
            "osImage": "Fake OS",
            "containerRuntimeVersion": "fake://1.0",
        },
        "declaredFeatures": ["ExtendWebSocketsToKubelet"],
        "conditions": conditions,
    }
    labels = {"node.kubernetes.io/instance-type": "fake.large"}
    extra = {"spec": {"providerID": f"fake:///{name}"}, "status": status}
    return Node(name, f"zone-{zone}", labels=labels, extra=extra)


def recorded_plan() -> Plan:
    """The nodes and users of the recorded control plane, and like it no metrics server."""
    nodes = [recorded_node(number, zone) for number, zone in enumerate("abc", 1)]
    return Plan(nodes=nodes, tokens=TOKENS, metrics=False, address="127.0.0.1:6443", speed=replay.SPEED)


@pytest.fixture(scope="module")
def recorded() -> Iterator[Sandbox]:
    """A sandbox as the recorded control plane was."""
    with Sandbox(recorded_plan()) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def live() -> Iterator[Sandbox]:
    """One sandbox for all tests of clients: as a person has it, but time goes by faster."""
    with Sandbox(Plan(tokens=TOKENS, speed=SPEED)) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def api(live: Sandbox) -> Iterator[Any]:
    """The official Python client."""
    from kubernetes import client, config

    configuration = client.Configuration()
    config.load_kube_config(str(live.kubeconfig), client_configuration=configuration)
    with client.ApiClient(configuration) as found:
        yield found


def web(namespace: str, name: str = "web", image: str = "web:1", replicas: int = 2) -> dict[str, Any]:
    """The manifest of a Deployment."""
    container = {"name": "main", "image": image, "ports": [{"containerPort": 80}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def connect(sandbox: Sandbox, timeout: float = 30.0) -> HTTPSConnection:
    """A connection with nothing between it and the server but TLS."""
    context = ssl.create_default_context(cafile=str(sandbox.ca_file))
    host, _, port = sandbox.url.removeprefix("https://").partition(":")
    return HTTPSConnection(host, int(port), timeout=timeout, context=context)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()
