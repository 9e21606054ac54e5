"""What the pods on each node take of it, kept up to date with every change: nobody has to add it up again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import TypeAlias

from lamplighter.scenarios.cluster.jsons import Json, at, namespace_of, uid_of
from lamplighter.scenarios.cluster.quantities import amount
from lamplighter.scenarios.cluster.store import Change

ZERO = Decimal(0)
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
Port: TypeAlias = tuple[int, str]
"""A port of a node and its protocol."""


def requests(pod: Json) -> dict[str, Decimal]:
    """What a pod asks for: the sum of its containers, or its largest init container where that is more."""
    total: dict[str, Decimal] = {}
    for container in at(pod, "spec", "containers") or ():
        for name, value in ((container.get("resources") or {}).get("requests") or {}).items():
            total[name] = total.get(name, ZERO) + amount(value)
    for container in at(pod, "spec", "initContainers") or ():
        for name, value in ((container.get("resources") or {}).get("requests") or {}).items():
            total[name] = max(total.get(name, ZERO), amount(value))
    return total


def host_ports(pod: Json) -> set[Port]:
    """The ports of its node that a pod takes."""
    found = [port for c in at(pod, "spec", "containers") or () for port in c.get("ports") or ()]
    return {(port["hostPort"], port.get("protocol", "TCP")) for port in found if port.get("hostPort")}


def affinity_terms(pod: Json, kind: str) -> list[Json]:
    """The required terms of `podAffinity` or `podAntiAffinity`."""
    return at(pod, "spec", "affinity", kind, REQUIRED) or []


class Load:
    """What the pods of one node take. Pods that have ended take no resources, but still their ports."""

    def __init__(self) -> None:
        self.taken: dict[str, Decimal] = {}
        self.count = 0
        self.ports: Counter[Port] = Counter()
        self._averse: dict[str, tuple[str, list[Json]]] = {}

    def averse(self) -> Iterator[tuple[str, Json]]:
        """(namespace, term) of whom the node's pods keep away from."""
        for space, terms in self._averse.values():
            for term in terms:
                yield space, term

    def add(self, pod: Json) -> None:
        if not _ended(pod):
            self._take(pod, 1)
        self.ports.update(host_ports(pod))
        terms = affinity_terms(pod, "podAntiAffinity")
        if terms:
            self._averse[uid_of(pod)] = (namespace_of(pod), terms)

    def drop(self, pod: Json) -> None:
        """Take out a pod that was added, as it was then."""
        if not _ended(pod):
            self._take(pod, -1)
        self.ports -= Counter(host_ports(pod))
        self._averse.pop(uid_of(pod), None)

    def _take(self, pod: Json, sign: int) -> None:
        self.count += sign
        for name, value in requests(pod).items():
            self.taken[name] = self.taken.get(name, ZERO) + sign * value


class Loads:
    """The load of every node. `note` is a listener of the store, from its first pod on."""

    def __init__(self) -> None:
        self._nodes: defaultdict[str, Load] = defaultdict(Load)

    def of(self, node: str) -> Load:
        return self._nodes[node]

    def note(self, change: Change) -> None:
        if change.key != "pods":
            return
        before, now = change.before, None if change.type == "DELETED" else change.obj
        if (
            before is not None
            and now is not None
            and before["spec"] is now["spec"]
            and _ended(before) == _ended(now)
        ):
            return
        if before is not None and before["spec"].get("nodeName"):
            self.of(before["spec"]["nodeName"]).drop(before)
        if now is not None and now["spec"].get("nodeName"):
            self.of(now["spec"]["nodeName"]).add(now)


def _ended(pod: Json) -> bool:
    return at(pod, "status", "phase") in ("Succeeded", "Failed")
