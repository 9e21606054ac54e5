"""Claims and volumes: binding, provisioning, and what happens to a volume whose claim is gone."""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster import acts
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.engine import Key
from lamplighter.scenarios.cluster.events import record
from lamplighter.scenarios.cluster.jsons import (
    Json,
    at,
    copied,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    uid_of,
)
from lamplighter.scenarios.cluster.quantities import amount
from lamplighter.scenarios.cluster.selectors import selects
from lamplighter.scenarios.cluster.store import Change

CLAIMS, VOLUMES, CLASSES = "persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io"
PROTECTION = "kubernetes.io/pvc-protection"
SELECTED = "volume.kubernetes.io/selected-node"
COMPONENT = "persistentvolume-controller"
PROVISIONERS = {"sandbox.lamplighter/local"}
"""Provisioners that work here; a class of another one waits for ever, as without its driver."""


class Volumes:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def keys(self, change: Change) -> Iterator[Key]:
        if change.key == CLAIMS:
            yield "claim", namespace_of(change.obj), name_of(change.obj)
            volume = at(change.obj, "spec", "volumeName")
            if change.type == "DELETED" and volume:
                yield "volume", "", volume
        elif change.key in (VOLUMES, CLASSES):
            if change.key == VOLUMES and change.type != "DELETED":
                yield "volume", "", name_of(change.obj)
            for claim in self.cluster.store.all(CLAIMS):
                if at(claim, "status", "phase") != "Bound":
                    yield "claim", namespace_of(claim), name_of(claim)
        elif change.key == "pods" and change.type == "DELETED":
            for volume in change.obj["spec"].get("volumes") or ():
                if "persistentVolumeClaim" in volume:
                    yield "claim", namespace_of(change.obj), volume["persistentVolumeClaim"]["claimName"]

    def reconcile(self, key: Key) -> float | None:
        if key[0] == "volume":
            self._volume(key[2])
            return None
        claim = self.cluster.store.get(CLAIMS, key[1], key[2])
        if claim is None:
            return None
        if is_deleting(claim):
            self._release(claim)
            return None
        finalizers = claim["metadata"].get("finalizers") or []
        if PROTECTION not in finalizers:
            claim = acts.set_metadata(
                self.cluster, CLAIMS, claim, {**claim["metadata"], "finalizers": [*finalizers, PROTECTION]}
            )
        if not at(claim, "spec", "volumeName"):
            self._bind(claim)
        else:
            self._bound(claim)
        return None

    def _release(self, claim: Json) -> None:
        """A claim that a pod uses stays until the pod is gone."""
        space, name = namespace_of(claim), name_of(claim)
        for pod in self.cluster.store.all("pods", space):
            if any(
                at(v, "persistentVolumeClaim", "claimName") == name for v in pod["spec"].get("volumes") or ()
            ) and at(pod, "status", "phase") not in ("Succeeded", "Failed"):
                return
        left = [entry for entry in claim["metadata"].get("finalizers") or [] if entry != PROTECTION]
        if left:
            acts.set_metadata(self.cluster, CLAIMS, claim, {**claim["metadata"], "finalizers": left})
            return
        self.cluster.store.remove(CLAIMS, space, name)

    def _bind(self, claim: Json) -> None:
        name = claim["spec"].get("storageClassName") or ""
        volume = next((v for v in self.cluster.store.all(VOLUMES) if self._matches(v, claim, name)), None)
        if volume is not None:
            self._join(claim, volume)
            return
        storage = self.cluster.store.get(CLASSES, "", name)
        if not name:
            text = "no persistent volumes available for this claim and no storage class is set"
            record(self.cluster, claim, "Normal", "FailedBinding", text, COMPONENT)
        elif storage is None:
            text = f'storageclass.storage.k8s.io "{name}" not found'
            record(self.cluster, claim, "Warning", "ProvisioningFailed", text, COMPONENT)
        elif storage.get("volumeBindingMode") == "WaitForFirstConsumer" and SELECTED not in (
            claim["metadata"].get("annotations") or {}
        ):
            text = "waiting for first consumer to be created before binding"
            record(self.cluster, claim, "Normal", "WaitForFirstConsumer", text, COMPONENT)
        elif storage.get("provisioner") in PROVISIONERS:
            self._provision(claim, storage)
        else:
            text = (
                f"Waiting for a volume to be created either by the external provisioner '{storage.get('provisioner')}' "
                "or manually by the system administrator. If volume creation is delayed, please verify that the "
                "provisioner is running and correctly registered."
            )
            record(self.cluster, claim, "Normal", "ExternalProvisioning", text, COMPONENT)

    def _matches(self, volume: Json, claim: Json, name: str) -> bool:
        spec, wanted = volume["spec"], claim["spec"]
        reference = spec.get("claimRef")
        if reference and (reference.get("namespace"), reference.get("name")) != (
            namespace_of(claim),
            name_of(claim),
        ):
            return False
        if reference and reference.get("uid") and reference["uid"] != uid_of(claim):
            return False
        fits = amount(at(spec, "capacity", "storage")) >= amount(
            at(wanted, "resources", "requests", "storage")
        )
        modes = set(wanted.get("accessModes") or ()) <= set(spec.get("accessModes") or ())
        chosen = wanted.get("selector") is None or selects(wanted["selector"], labels_of(volume))
        return fits and modes and chosen and (spec.get("storageClassName") or "") == name

    def _join(self, claim: Json, volume: Json) -> None:
        reference = {
            "kind": "PersistentVolumeClaim",
            "apiVersion": "v1",
            "namespace": namespace_of(claim),
            "name": name_of(claim),
            "uid": uid_of(claim),
            "resourceVersion": claim["metadata"]["resourceVersion"],
        }
        new = copied(volume)
        new["spec"]["claimRef"] = reference
        new["status"] = {"phase": "Bound"}
        self.cluster.store.put(VOLUMES, new)
        notes = {
            **(claim["metadata"].get("annotations") or {}),
            "pv.kubernetes.io/bind-completed": "yes",
            "pv.kubernetes.io/bound-by-controller": "yes",
        }
        status = {
            "phase": "Bound",
            "accessModes": volume["spec"].get("accessModes"),
            "capacity": volume["spec"]["capacity"],
        }
        meta, spec = (
            {**claim["metadata"], "annotations": notes},
            {**claim["spec"], "volumeName": name_of(volume)},
        )
        self.cluster.store.put(CLAIMS, {**claim, "metadata": meta, "spec": spec, "status": status})

    def _provision(self, claim: Json, storage: Json) -> None:
        name = f"pvc-{uid_of(claim)}"
        node = (claim["metadata"].get("annotations") or {}).get(SELECTED)
        spec: Json = {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "storageClassName": name_of(storage),
            "persistentVolumeReclaimPolicy": storage.get("reclaimPolicy", "Delete"),
            "hostPath": {"path": f"/var/sandbox/{name}"},
        }
        if node:
            expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
            spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
        volume = acts.create(self.cluster, VOLUMES, {"metadata": {"name": name}, "spec": spec})
        text = f"Successfully provisioned volume {name}"
        record(self.cluster, claim, "Normal", "ProvisioningSucceeded", text, storage["provisioner"])
        self._join(claim, volume)

    def _bound(self, claim: Json) -> None:
        """A claim that names its volume: bound to it, or lost with it."""
        volume = self.cluster.store.get(VOLUMES, "", claim["spec"]["volumeName"])
        phase = at(claim, "status", "phase")
        if volume is None:
            if phase == "Bound":
                acts.set_status(self.cluster, CLAIMS, claim, {**claim["status"], "phase": "Lost"})
                text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
                record(self.cluster, claim, "Warning", "ClaimLost", text, COMPONENT)
        elif phase != "Bound" and self._matches(volume, claim, claim["spec"].get("storageClassName") or ""):
            self._join(claim, volume)

    def _volume(self, name: str) -> None:
        volume = self.cluster.store.get(VOLUMES, "", name)
        if volume is None or is_deleting(volume):
            return
        reference = at(volume, "spec", "claimRef")
        if not reference or not reference.get("uid"):
            acts.set_status(self.cluster, VOLUMES, volume, {"phase": "Available"})
            return
        claim = self.cluster.store.get(CLAIMS, reference["namespace"], reference["name"])
        if claim is not None and uid_of(claim) == reference["uid"]:
            return
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            acts.delete(self.cluster, VOLUMES, volume)
        else:
            acts.set_status(self.cluster, VOLUMES, volume, {"phase": "Released"})
