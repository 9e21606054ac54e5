"""Sandboxes for the tests: one as the recorded control plane was, and one as a person has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lamplighter.scenarios.cluster.rbac import MASTERS, User
from lamplighter.scenarios.cluster.sandbox import Node, Plan, Sandbox
from tests.cluster_sandbox.worlds import World

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
    return Plan(nodes=nodes, tokens=TOKENS, metrics=False, address="127.0.0.1:6443")


@pytest.fixture(scope="module")
def recorded() -> Iterator[Sandbox]:
    """A sandbox as the recorded control plane was."""
    with Sandbox(recorded_plan()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def live() -> Iterator[Sandbox]:
    """A sandbox on wall time, as a person has it."""
    with Sandbox(Plan(tokens=TOKENS)) as sandbox:
        yield sandbox


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()
