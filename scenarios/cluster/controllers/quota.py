"""ResourceQuotas: what is used of what is allowed."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts, admission
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.jsons import at, name_of, namespace_of
from lamplighter.scenarios.cluster.store import Change


class Quotas:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        space = namespace_of(change.obj)
        if change.key == "resourcequotas":
            yield space, name_of(change.obj)
        elif space and change.key != "events":
            for quota in self.cluster.store.all("resourcequotas", space):
                yield space, name_of(quota)

    def reconcile(self, key: Key) -> float | None:
        quota = self.cluster.store.get("resourcequotas", *key)
        if quota is None:
            return None
        hard = at(quota, "spec", "hard") or {}
        used = admission.quota_use(self.cluster, quota)
        status = {"hard": hard, "used": {name: admission.spelled(name, used[name]) for name in hard}}
        acts.set_status(self.cluster, "resourcequotas", quota, status)
        return None
