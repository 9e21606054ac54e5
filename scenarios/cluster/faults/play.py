"""Bringing a sandbox into a scenario: its objects, its timeline, and the repairs and cheats that follow."""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, assert_never

from lamplighter.scenarios.cluster.api import Api
from lamplighter.scenarios.cluster.certificates import Issuer, encoded
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.engine import Engine
from lamplighter.scenarios.cluster.faults.client import Client, Reply
from lamplighter.scenarios.cluster.faults.images import rules_of
from lamplighter.scenarios.cluster.faults.load import ScenarioError
from lamplighter.scenarios.cluster.faults.schema import (
    Behave,
    Create,
    Delete,
    Drain,
    Issue,
    Kubelet,
    NodeSpec,
    Patch,
    Ref,
    Scenario,
    Step,
    Trust,
    Use,
    Wait,
    ref_of,
)
from lamplighter.scenarios.cluster.jsons import controller_of, copied, name_of, namespace_of
from lamplighter.scenarios.cluster.kubelet.behaviour import rule_of
from lamplighter.scenarios.cluster.rbac import MASTERS, User
from lamplighter.scenarios.cluster.sandbox import THREE_NODES, Node, Plan, Sandbox

OPERATOR = User("scenario-operator", (MASTERS,))
DAY = 86_400.0


class World(NamedTuple):
    """The inside of a stepped sandbox, served to nobody: a copy that goes its own way."""

    cluster: Cluster
    engine: Engine
    api: Api

    def advance(self, seconds: float) -> None:
        """Let time pass, event by event."""
        self.engine.advance(seconds)


class Player:
    """Plays steps in one sandbox. On a stepped clock waiting takes no time; on wall time it does."""

    def __init__(self, sandbox: Sandbox | World, scenario: Scenario) -> None:
        self.sandbox = sandbox
        self.scenario = scenario
        token = secrets.token_hex(16)  # nobody else is to have it: the sandbox may be served
        sandbox.cluster.authenticator.add(token, OPERATOR)
        self.client = Client(sandbox.api, token)
        self._issuers: dict[str, Issuer] = {}

    def branch(self) -> Player:
        """A player in a copy of the sandbox as it is now (stepped ones only): what happens there happens only there."""
        place = self.sandbox
        made = Player(World(*copy.deepcopy((place.cluster, place.engine, place.api))), self.scenario)
        made._issuers = self._issuers
        return made

    def begin(self) -> None:
        """Make the objects. Raises ScenarioError for one that the API server refuses."""
        with self.sandbox.cluster.lock:
            self.sandbox.cluster.rules.extend(rule_of(entry) for entry in rules_of(self.scenario))
        spaces = [obj for obj in self.scenario.objects if obj["kind"] == "Namespace"]
        known = {name_of(obj) for obj in (*spaces, *self.client.of("Namespace"))}
        missing = dict.fromkeys(namespace_of(obj) for obj in self.scenario.objects)
        for name in missing:
            if name and name not in known:
                spaces.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for obj in spaces:
            self._must(self.client.create(copied(obj)), f"Namespace {name_of(obj)}")
        self._settle()
        for obj in self.scenario.objects:
            if obj["kind"] != "Namespace":
                self._must(self.client.create(copied(obj)), f"{obj['kind']} {name_of(obj)}")
            if obj["kind"] == "CustomResourceDefinition":
                self._settle()
        self._settle()

    def run(self, steps: Iterable[Step]) -> None:
        """Do the steps in order. Raises ScenarioError for a request that is refused, or wrongly is not."""
        for step in steps:
            self._step(step)

    def _step(self, step: Step) -> None:
        match step:
            case Wait():
                self._wait(step.seconds)
            case Create():
                reply = self.client.create(copied(step.object))
                self._must(reply, f"{step.object['kind']} {name_of(step.object)}", step.refused)
            case Patch():
                reply = self.client.patch(ref_of(step.target), step.patch, step.form, step.subresource)
                self._must(reply, step.target, step.refused)
            case Delete():
                reply = self.client.delete(ref_of(step.target), step.grace)
                if reply.code != 404:
                    self._must(reply, step.target)
            case Drain():
                self._drain(step.node)
            case Issue():
                self._issue(step)
            case Trust():
                self._trust(step)
            case Behave() | Use() | Kubelet():
                self._world(step)
            case _:
                assert_never(step)
        self._settle()

    def _wait(self, seconds: float) -> None:
        if self.sandbox.cluster.clock.stepped:
            self.sandbox.advance(seconds)
        else:
            time.sleep(seconds)

    def _settle(self) -> None:
        if self.sandbox.cluster.clock.stepped:
            with self.sandbox.cluster.lock:
                self.sandbox.engine.settle()

    def _must(self, reply: Reply, what: str, refused: bool = False) -> None:
        if reply.ok == refused:
            said = "was not refused" if refused else f"was refused: {reply.message}"
            raise ScenarioError(f"{self.scenario.id}: {what} {said}")

    def _drain(self, node: str) -> None:
        self._must(
            self.client.patch(Ref("Node", "", node), {"spec": {"unschedulable": True}}), f"Node {node}"
        )
        for pod in self.client.of("Pod"):
            owner = controller_of(pod)
            if pod["spec"].get("nodeName") != node or (owner and owner["kind"] == "DaemonSet"):
                continue
            meta = {"name": name_of(pod), "namespace": namespace_of(pod)}
            body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
            path = self.client.path(
                self.client.kind(Ref("Pod", "", "")), meta["namespace"], meta["name"], "eviction"
            )
            self.client.request("POST", path, body)

    def _issuer(self, name: str) -> Issuer:
        if name not in self._issuers:
            self._issuers[name] = Issuer(name, self.client.now)
        return self._issuers[name]

    def _issue(self, step: Issue) -> None:
        now, ref = self.client.now, ref_of(step.target)
        data = self._issuer(step.authority).issue(
            step.hosts, now + step.since_days * DAY, now + step.days * DAY
        )
        if self.client.get(ref) is None:
            meta = {"name": ref.name, "namespace": ref.namespace}
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "kubernetes.io/tls"}
            self._must(self.client.create({**body, "data": data}), step.target)
        else:
            self._must(self.client.patch(ref, {"data": data}, "merge"), step.target)

    def _trust(self, step: Trust) -> None:
        ref = ref_of(step.target)
        found = self.client.get(ref)
        if found is None:
            raise ScenarioError(f"{self.scenario.id}: {step.target} is not there")
        bundle = encoded(self._issuer(step.authority).certificate)
        hooks = [
            {**hook, "clientConfig": {**hook["clientConfig"], "caBundle": bundle}}
            for hook in found["webhooks"]
        ]
        self._must(self.client.patch(ref, {"webhooks": hooks}, "merge"), step.target)

    def _world(self, step: Behave | Use | Kubelet) -> None:
        cluster = self.sandbox.cluster
        with cluster.lock:
            match step:
                case Behave():
                    cluster.rules.extend(rule_of(entry) for entry in step.rules)
                case Use():
                    said = {"cpu": step.cpu, "memory": step.memory}
                    found = {k: v for k, v in said.items() if v}
                    cluster.usage[step.namespace, step.app] = found | (
                        {"shared": True} if step.shared else {}
                    )
                case Kubelet(running=True):
                    cluster.stopped_nodes.discard(step.node)
                case Kubelet():
                    cluster.stopped_nodes.add(step.node)
                case _:
                    assert_never(step)


def plan_of(scenario: Scenario, seed: int = 0, stepped: bool = True) -> Plan:
    """The sandbox that a scenario begins with."""
    nodes = [_node(node) for node in scenario.nodes] or THREE_NODES
    return Plan(nodes=nodes, stepped=stepped, seed=seed, metrics=scenario.metrics)


def _node(node: NodeSpec) -> Node:
    extra: dict[str, Any] = {"spec": {"taints": list(node.taints)}} if node.taints else {}
    return Node(node.name, node.zone, node.cpu, node.memory, node.pods, node.labels, extra)


@contextmanager
def played(scenario: Scenario, seed: int = 0) -> Iterator[Player]:
    """A stepped sandbox, served to nobody, in which the scenario's timeline has passed. Raises ScenarioError."""
    sandbox = Sandbox(plan_of(scenario, seed))
    try:
        player = Player(sandbox, scenario)
        player.begin()
        player.run(scenario.timeline)
        yield player
    finally:
        sandbox.close()


def events(client: Client) -> list[tuple[str, ...]]:
    """(time, namespace, object, type, reason, message, count) of all events, in the order in which they were first
    written: what two runs on a stepped clock must have in common."""
    found = sorted(client.of("Event"), key=lambda event: int(name_of(event).rpartition(".")[2], 16))
    return [
        (
            str(event.get("lastTimestamp") or event.get("eventTime")),
            namespace_of(event),
            f"{event['involvedObject']['kind']} {event['involvedObject']['name']}",
            str(event.get("type")),
            str(event.get("reason")),
            str(event.get("message")),
            str(event.get("count") or (event.get("series") or {}).get("count")),
        )
        for event in found
    ]
