"""What the kubelet of each node does again and again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.jsons import Json, name_of
from lamplighter.scenarios.cluster.store import Change


class EveryNode(ABC):
    """A controller that looks at each node every `PERIOD` seconds, but for those whose kubelet has stopped."""

    PERIOD: ClassVar[float]

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        if change.key == "nodes" and change.type == "ADDED":
            yield (name_of(change.obj),)

    def reconcile(self, key: Key) -> float | None:
        node = self.cluster.store.get("nodes", "", key[0])
        if node is None:
            return None
        if key[0] not in self.cluster.stopped_nodes:
            self.look(node)
        return self.PERIOD

    @abstractmethod
    def look(self, node: Json) -> None:
        """What is to be done for one node."""
