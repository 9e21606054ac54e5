"""One sandbox: a cluster with nodes and users, served over HTTPS, and its kubeconfig."""

from __future__ import annotations

import base64
import json
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.api import Api
from lamplighter.scenarios.cluster.clock import START, Clock
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import all_controllers
from lamplighter.scenarios.cluster.engine import Engine
from lamplighter.scenarios.cluster.jsons import Json, copied
from lamplighter.scenarios.cluster.kubelet.behaviour import rule_of
from lamplighter.scenarios.cluster.pki import Authority, Pair
from lamplighter.scenarios.cluster.rbac import MASTERS, RBAC, User
from lamplighter.scenarios.cluster.server import Server

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
ADMIN = User("kubernetes-admin", (MASTERS,))


@dataclass(frozen=True)
class Node:
    """A node of the sandbox. `extra` is laid over its object."""

    name: str
    zone: str = ""
    cpu: str = "4"
    memory: str = "8Gi"
    pods: str = "110"
    labels: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


THREE_NODES = tuple(Node(f"node-{number}", f"zone-{letter}") for number, letter in enumerate("abc", 1))


@dataclass(frozen=True)
class Plan:
    """How a sandbox is put up. Where it is `stepped`, time begins at `start` and moves by `Sandbox.advance`."""

    nodes: Sequence[Node] = THREE_NODES
    stepped: bool = False
    start: datetime = START
    speed: float = 1.0
    """How fast time passes where it is not stepped; clients then see times that lie ahead of theirs."""
    seed: int = 0
    metrics: bool = True
    tokens: Mapping[str, User] = field(default_factory=dict)
    rules: Sequence[Json] = ()
    address: str = ""
    """What discovery tells as the server's address where it is not the one listened on."""


class Sandbox:
    """A running sandbox; a context manager. `cluster` is its inside, for scenarios; clients use `kubeconfig`."""

    def __init__(self, plan: Plan | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        plan = plan or Plan()
        self.authority = Authority()
        self.cluster = Cluster(
            Clock(plan.stepped, plan.start, plan.speed),
            plan.seed,
            plan.metrics,
            self.authority.certificate.decode(),
        )
        self.cluster.rules = [rule_of(entry) for entry in plan.rules]
        self.engine = Engine(self.cluster, all_controllers(self.cluster))
        self._folder = tempfile.TemporaryDirectory(prefix="lamplighter-sandbox-")
        self.ca_file = self._write("ca.crt", self.authority.certificate)
        self._bootstrap(plan)
        self.server = self._server(host, port)
        self.url = f"https://{host}:{self.server.server_address[1]}"
        self.api.address = plan.address or self.url.removeprefix("https://")
        self.kubeconfig = self._write("kubeconfig", self._config().encode())

    def _write(self, name: str, data: bytes) -> Path:
        path = Path(self._folder.name) / name
        path.touch(0o600)
        path.write_bytes(data)
        return path

    def _server(self, host: str, port: int) -> Server:
        self.api = Api(self.cluster)
        pair = self.authority.server(host)
        return Server(
            self.api, (host, port), self._write("server.pem", pair.certificate + pair.key), self.ca_file
        )

    def _bootstrap(self, plan: Plan) -> None:
        for token, user in plan.tokens.items():
            self.cluster.authenticator.add(token, user)
        for name in NAMESPACES:
            acts.create(self.cluster, "namespaces", {"metadata": {"name": name}})
        self.engine.settle()
        _roles(self.cluster)
        for number, node in enumerate(plan.nodes, 1):
            acts.create(self.cluster, "nodes", node_object(node, number, self.cluster.clock.stamp()))
        _furnish(self.cluster)
        self.engine.settle()
        self.cluster.store.compact()

    def _config(self) -> str:
        return kubeconfig(
            self.url, self.authority.certificate, self.authority.client(ADMIN.name, ADMIN.groups)
        )

    def advance(self, seconds: float) -> None:
        """Let time pass in a stepped sandbox, event by event."""
        with self.cluster.lock:
            self.engine.advance(seconds)

    def release(self) -> None:
        """Let a stepped sandbox that has not been entered catch up with wall time, and go by it from then on."""
        with self.cluster.lock:
            self.engine.advance(max(0.0, time.time() - self.cluster.clock.now()))
            self.cluster.clock.release()

    def __enter__(self) -> Sandbox:
        if not self.cluster.clock.stepped:
            self.engine.start()
        self.server.run()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()
        self.engine.stop()
        self._folder.cleanup()

    def close(self) -> None:
        """Give back what a sandbox holds that was never entered: its port and its folder."""
        self.server.server_close()
        self._folder.cleanup()


def kubeconfig(url: str, authority: bytes, client: Pair) -> str:
    """A kubeconfig (JSON, which is YAML) with everything in it."""

    def encoded(data: bytes) -> str:
        return base64.b64encode(data).decode()

    user = {"client-certificate-data": encoded(client.certificate), "client-key-data": encoded(client.key)}
    cluster = {"server": url, "certificate-authority-data": encoded(authority)}
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "sandbox",
        "clusters": [{"name": "sandbox", "cluster": cluster}],
        "users": [{"name": "sandbox", "user": user}],
        "contexts": [
            {"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox", "namespace": "default"}}
        ],
    }
    return json.dumps(body, indent=2) + "\n"


def node_object(node: Node, number: int, now: str) -> Json:
    """The Node as its kubelet registers it."""
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        **({"topology.kubernetes.io/zone": node.zone} if node.zone else {}),
        **node.labels,
    }
    capacity = {"cpu": node.cpu, "memory": node.memory, "ephemeral-storage": "50Gi", "pods": node.pods}
    healthy = (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    )
    conditions = [
        {
            "type": k,
            "status": v,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
            "reason": r,
            "message": m,
        }
        for k, v, r, m in healthy
    ]
    info = {
        "machineID": node.name,
        "systemUUID": node.name,
        "bootID": node.name,
        "kernelVersion": "6.1.0-sandbox",
        "osImage": "Sandbox OS (simulated)",
        "containerRuntimeVersion": "sandbox://1.0",
        "kubeletVersion": "v1.36.2",
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": "amd64",
    }
    out: Json = {
        "metadata": {
            "name": node.name,
            "labels": labels,
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": {
            "podCIDR": f"10.244.{number}.0/24",
            "podCIDRs": [f"10.244.{number}.0/24"],
            "providerID": f"sandbox:///{node.name}",
        },
        "status": {
            "capacity": capacity,
            "allocatable": dict(capacity),
            "conditions": conditions,
            "nodeInfo": info,
            "addresses": [
                {"type": "InternalIP", "address": f"172.18.0.{number + 1}"},
                {"type": "Hostname", "address": node.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        },
    }
    return _laid_over(out, node.extra)


def _laid_over(base: Json, extra: Mapping[str, Any]) -> Json:
    for key, value in extra.items():
        found = base.get(key)
        base[key] = (
            _laid_over(found, value)
            if isinstance(found, dict) and isinstance(value, Mapping)
            else copied(value)
        )
    return base


@cache
def _role_data() -> Json:
    return tomllib.loads(files("lamplighter.scenarios.cluster").joinpath("data/roles.toml").read_text())


def _roles(cluster: Cluster) -> None:
    """The roles and bindings that every cluster has."""
    found = _role_data()
    roles = found["roles"]
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}

    def rules(name: str) -> list[Json]:
        found = [rule for other in roles[name].get("include", ()) for rule in rules(other)]
        return found + list(roles[name]["rules"])

    for name in roles:
        acts.create(
            cluster,
            f"clusterroles.{RBAC}",
            {"metadata": {"name": name, "labels": dict(labels)}, "rules": copied(rules(name))},
        )
    for name, entry in found["bindings"].items():
        subjects = [{"apiGroup": RBAC, "kind": "Group", "name": group} for group in entry["groups"]]
        reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": entry["role"]}
        body = {
            "metadata": {"name": name, "labels": dict(labels)},
            "subjects": subjects,
            "roleRef": reference,
        }
        acts.create(cluster, f"clusterrolebindings.{RBAC}", body)


def _furnish(cluster: Cluster) -> None:
    """What else a plain cluster has: the service of the API, priority classes and a storage class."""
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}
    labels = {"component": "apiserver", "provider": "kubernetes"}
    service = {"clusterIP": "10.96.0.1", "ports": [port], "type": "ClusterIP"}
    acts.create(
        cluster,
        "services",
        {"metadata": {"name": "kubernetes", "namespace": "default", "labels": labels}, "spec": service},
    )
    for name, value in (("system-cluster-critical", 2000000000), ("system-node-critical", 2000001000)):
        acts.create(
            cluster, "priorityclasses.scheduling.k8s.io", {"metadata": {"name": name}, "value": value}
        )
    notes = {"storageclass.kubernetes.io/is-default-class": "true"}
    storage = {
        "metadata": {"name": "standard", "annotations": notes},
        "provisioner": "sandbox.lamplighter/local",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    acts.create(cluster, "storageclasses.storage.k8s.io", storage)
