"""The controllers of the sandbox, one small file each; `all_controllers` puts them in the order in which they look."""

from __future__ import annotations

from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.engine import Controller


def all_controllers(cluster: Cluster) -> list[Controller]:
    from lamplighter.scenarios.cluster.controllers import (
        cronjob,
        daemonset,
        definitions,
        deployment,
        disruption,
        endpoints,
        garbage,
        hpa,
        job,
        namespaces,
        nodes,
        quota,
        replicaset,
        scheduler,
        statefulset,
        volumes,
    )
    from lamplighter.scenarios.cluster.kubelet.kubelet import Kubelets, Leases
    from lamplighter.scenarios.cluster.kubelet.pressure import Pressure

    return [
        namespaces.Namespaces(cluster),
        definitions.Definitions(cluster),
        garbage.Garbage(cluster),
        deployment.Deployments(cluster),
        replicaset.ReplicaSets(cluster),
        statefulset.StatefulSets(cluster),
        daemonset.DaemonSets(cluster),
        cronjob.CronJobs(cluster),
        job.Jobs(cluster),
        volumes.Volumes(cluster),
        scheduler.Scheduler(cluster),
        Kubelets(cluster),
        Leases(cluster),
        Pressure(cluster),
        nodes.Nodes(cluster),
        endpoints.Endpoints(cluster),
        disruption.Disruption(cluster),
        quota.Quotas(cluster),
        hpa.Autoscaler(cluster),
    ]
