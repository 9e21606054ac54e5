"""Endpoints and EndpointSlices: which pods stand behind a service."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.controllers import common
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.jsons import (
    Json,
    at,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    uid_of,
)
from lamplighter.scenarios.cluster.store import Change
from lamplighter.scenarios.cluster.writes import owner_reference

SLICES = "endpointslices.discovery.k8s.io"
MANAGER = "endpointslice-controller.k8s.io"


class Endpoints:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        space = namespace_of(change.obj)
        if change.key == "services":
            yield space, name_of(change.obj)
        elif change.key == "pods":
            labels = [labels_of(obj).items() for obj in (change.obj, change.before) if obj is not None]
            for service in self.cluster.store.all("services", space):
                selector = (at(service, "spec", "selector") or {}).items()
                if selector and any(selector <= found for found in labels):
                    yield space, name_of(service)

    def reconcile(self, key: Key) -> float | None:
        service = self.cluster.store.get("services", *key)
        if service is None:
            self._remove(key)
            return None
        selector = at(service, "spec", "selector")
        if not selector or is_deleting(service) or service["spec"]["type"] == "ExternalName":
            return None
        pods = [
            pod
            for pod in self.cluster.store.pods_with(key[0], selector)
            if at(pod, "status", "podIP") and at(pod, "status", "phase") not in ("Succeeded", "Failed")
        ]
        self._slice(service, pods)
        self._legacy(service, [pod for pod in pods if not is_deleting(pod)])
        return None

    def _remove(self, key: Key) -> None:
        found = self.cluster.store.get("endpoints", *key)
        if found is not None and labels_of(found).get("endpoints.kubernetes.io/managed-by"):
            acts.delete(self.cluster, "endpoints", found)

    def _ports(self, service: Json, pods: list[Json]) -> list[Json]:
        found = []
        for port in service["spec"].get("ports") or ():
            number = self._number(port, pods)
            if number is not None:
                found.append(
                    {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": number}
                )
        return found

    def _number(self, port: Json, pods: list[Json]) -> int | None:
        """The port of the pods; a named one that no pod has leaves the port out."""
        target = port.get("targetPort", port["port"])
        if isinstance(target, int):
            return target
        for pod in pods:
            for container in pod["spec"]["containers"]:
                for entry in container.get("ports") or ():
                    if entry.get("name") == target:
                        return int(entry["containerPort"])
        return None

    def _slice(self, service: Json, pods: list[Json]) -> None:
        space, name = namespace_of(service), name_of(service)
        always = bool(service["spec"].get("publishNotReadyAddresses"))
        endpoints = [self._endpoint(pod, always) for pod in pods]
        found = next(
            (
                s
                for s in self.cluster.store.owned_by(uid_of(service), SLICES)
                if labels_of(s).get("endpointslice.kubernetes.io/managed-by") == MANAGER
            ),
            None,
        )
        ports = self._ports(service, pods)
        if found is None:
            labels = {"endpointslice.kubernetes.io/managed-by": MANAGER, "kubernetes.io/service-name": name}
            labels |= dict(labels_of(service).items())
            if service["spec"].get("clusterIP") == "None":
                labels["service.kubernetes.io/headless"] = ""
            meta = {
                "generateName": f"{name}-",
                "namespace": space,
                "labels": labels,
                "ownerReferences": [owner_reference(service)],
            }
            acts.create(
                self.cluster,
                SLICES,
                {"metadata": meta, "addressType": "IPv4", "endpoints": endpoints, "ports": ports},
            )
        elif (found.get("endpoints") or [], found.get("ports") or []) != (endpoints, ports):
            meta = {**found["metadata"], "generation": found["metadata"].get("generation", 1) + 1}
            self.cluster.store.put(
                SLICES, {**found, "metadata": meta, "endpoints": endpoints, "ports": ports}
            )

    def _endpoint(self, pod: Json, always: bool) -> Json:
        serving, leaving = common.is_ready(pod), is_deleting(pod)
        node = pod["spec"]["nodeName"]
        zone = labels_of(self.cluster.store.get("nodes", "", node) or {}).get("topology.kubernetes.io/zone")
        reference = {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "uid": uid_of(pod)}
        out: Json = {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {
                "ready": always or (serving and not leaving),
                "serving": serving,
                "terminating": leaving,
            },
            "targetRef": reference,
            "nodeName": node,
        }
        return {**out, "zone": zone} if zone else out

    def _legacy(self, service: Json, pods: list[Json]) -> None:
        space, name = namespace_of(service), name_of(service)
        groups: Json = {"addresses": [], "notReadyAddresses": []}
        for pod in pods:
            reference = {"kind": "Pod", "namespace": space, "name": name_of(pod), "uid": uid_of(pod)}
            entry = {
                "ip": pod["status"]["podIP"],
                "nodeName": pod["spec"]["nodeName"],
                "targetRef": reference,
            }
            groups["addresses" if common.is_ready(pod) else "notReadyAddresses"].append(entry)
        ports = [
            {key: value for key, value in port.items() if value != ""} for port in self._ports(service, pods)
        ]
        subset = {key: value for key, value in groups.items() if value}
        subsets = [{**subset, "ports": ports}] if subset else []
        found = self.cluster.store.get("endpoints", space, name)
        labels = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}
        if found is None:
            meta = {"name": name, "namespace": space, "labels": labels}
            acts.create(
                self.cluster, "endpoints", {"metadata": meta, **({"subsets": subsets} if subsets else {})}
            )
        elif (found.get("subsets") or []) != subsets:
            new = {**found, "metadata": dict(found["metadata"]), "subsets": subsets}
            self.cluster.store.put("endpoints", new)
