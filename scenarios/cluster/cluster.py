"""The state of one sandbox: store, kinds, clock, chance, and what is handed out (names, addresses)."""

from __future__ import annotations

import random
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from lamplighter.scenarios.cluster.authn import Authenticator
from lamplighter.scenarios.cluster.clock import Clock
from lamplighter.scenarios.cluster.jsons import Json
from lamplighter.scenarios.cluster.kinds import Registry
from lamplighter.scenarios.cluster.kubelet.behaviour import Rule
from lamplighter.scenarios.cluster.kubelet.logs import Records
from lamplighter.scenarios.cluster.store import Store

SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of generated names (k8s.io/apimachinery util/rand): none that make words."""


@dataclass
class Cluster:
    """Everything that a request or a controller works on. Whoever works on it holds `lock`."""

    clock: Clock
    seed: int = 0
    metrics: bool = True
    ca: str = ""
    store: Store = field(default_factory=Store)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.registry = Registry(self.metrics)
        self.chance = random.Random(self.seed)
        self.authenticator = Authenticator(self.store, self.chance.randbytes(32))
        self.records = Records()
        self.rules: list[Rule] = []
        self.images: dict[str, set[str]] = {}
        self.stopped_nodes: set[str] = set()
        self.event_names: dict[tuple[str, ...], str] = {}
        self.events = 0
        self.usage: dict[tuple[str, str], Json] = {}
        self._addresses = 0
        self._service_addresses = 9
        self._node_ports = 29_999

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, lock=threading.RLock())

    def uid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def suffix(self, length: int = 5) -> str:
        return "".join(self.chance.choice(SUFFIX) for _ in range(length))

    def pod_address(self, node: int) -> str:
        """An address of the pod network: 10.244.NODE.x, on to the next block of a node that is full."""
        self._addresses += 1
        number = self._addresses
        return f"10.{244 + number // 64_000}.{(node + number // 250) % 256}.{number % 250 + 2}"

    def service_address(self) -> str:
        self._service_addresses += 1
        number = self._service_addresses
        return f"10.96.{number // 250}.{number % 250 + 1}"

    def node_port(self) -> int:
        self._node_ports += 1
        return self._node_ports
