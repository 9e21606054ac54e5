"""The Python clients that people use take the sandbox for a cluster: the official one, and kr8s."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.scenarios.cluster.sandbox import Sandbox
from tests.cluster_sandbox.conftest import web


def test_the_official_client(api: Any) -> None:
    from kubernetes import client, watch
    from kubernetes.client.exceptions import ApiException
    from kubernetes.stream import stream

    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    core.create_namespace({"metadata": {"name": "client"}})
    body = web("client")
    made = apps.create_namespaced_deployment("client", body)
    for event in watch.Watch().stream(apps.list_namespaced_deployment, "client", timeout_seconds=15):
        if event["object"].status.available_replicas == 2:
            break
    pods = core.list_namespaced_pod("client", label_selector="app=web").items
    assert [pod.status.phase for pod in pods] == ["Running", "Running"]
    name = pods[0].metadata.name
    log = core.read_namespaced_pod_log(name, "client", _preload_content=False)
    assert log.data == b"starting web:1\nready to serve\n"
    said = stream(core.connect_get_namespaced_pod_exec, name, "client", command=["echo", "hi"], stdout=True)
    assert said == "hi\n"
    stale = {"name": "web", "resourceVersion": made.metadata.resource_version}
    with pytest.raises(ApiException) as refused:
        apps.replace_namespaced_deployment("web", "client", {**body, "metadata": stale})
    assert refused.value.status == 409
    scaled = apps.patch_namespaced_deployment_scale("web", "client", {"spec": {"replicas": 1}})
    assert scaled.spec.replicas == 1


def test_the_official_client_on_nodes_rights_and_pages(api: Any) -> None:
    from kubernetes import client
    from kubernetes.client.exceptions import ApiException

    core = client.CoreV1Api(api)
    metrics = client.CustomObjectsApi(api).list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes")
    assert len(metrics["items"]) == 3
    assert core.patch_node("node-3", {"spec": {"unschedulable": True}}).spec.unschedulable is True
    assert core.patch_node("node-3", {"spec": {"unschedulable": None}}).spec.unschedulable is None
    attributes = {"verb": "delete", "resource": "pods", "namespace": "client"}
    review = {"spec": {"user": "somebody", "resourceAttributes": attributes}}
    answer = client.AuthorizationV1Api(api).create_subject_access_review(review)
    assert answer.status.allowed is False
    for number in range(5):
        core.create_namespaced_config_map("default", {"metadata": {"name": f"page-{number}"}})
    seen, token = [], None
    while True:
        found = core.list_namespaced_config_map("default", limit=2, _continue=token)
        seen += [item.metadata.name for item in found.items]
        token = found.metadata._continue
        if not token:
            break
    assert [name for name in seen if name.startswith("page-")] == [f"page-{n}" for n in range(5)]
    dry = core.create_namespaced_config_map("default", {"metadata": {"name": "dry"}}, dry_run="All")
    assert dry.metadata.uid
    with pytest.raises(ApiException) as missing:
        core.read_namespaced_config_map("dry", "default")
    assert (missing.value.status, missing.value.reason) == (404, "Not Found")


def test_kr8s(live: Sandbox) -> None:
    import kr8s
    from kr8s.objects import Deployment, Namespace, Node, Pod

    api = kr8s.api(kubeconfig=str(live.kubeconfig))
    assert api.version()["gitVersion"].endswith("+lamplighter.sandbox")
    assert sorted(node.name for node in api.get("nodes")) == ["node-1", "node-2", "node-3"]
    Namespace({"metadata": {"name": "kr8s"}}, api=api).create()
    deployment = Deployment(web("kr8s"), api=api)
    deployment.create()
    deployment.wait("condition=Available", timeout=20)
    deployment.scale(3)
    deployment.wait("jsonpath='{.status.replicas}'=3", timeout=20)
    pods = list(api.get("pods", namespace="kr8s", label_selector="app=web"))
    assert len(pods) == 3 and all(isinstance(pod, Pod) for pod in pods)
    pods[0].wait("condition=Ready", timeout=20)
    assert "ready to serve" in list(pods[0].logs())
    assert pods[0].exec(["echo", "hi"]).stdout == b"hi\n"
    deployment.patch({"metadata": {"labels": {"team": "a"}}})
    deployment.refresh()
    assert deployment.labels["team"] == "a"
    node = Node.get("node-1", api=api)
    node.cordon()
    node.refresh()
    assert node.unschedulable
    node.uncordon()
    assert any(event.raw["reason"] == "Scheduled" for event in api.get("events", namespace="kr8s"))
    with pytest.raises(kr8s.NotFoundError):
        Deployment.get("none", namespace="kr8s", api=api)
    deployment.delete()
