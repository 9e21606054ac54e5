"""What happens in a sandbox as time passes: on a stepped clock, event by event, the same each time."""

from __future__ import annotations

import pytest

from lamplighter.scenarios.cluster import acts, subresources, writes
from lamplighter.scenarios.cluster.clock import seconds_of
from lamplighter.scenarios.cluster.errors import ApiError
from lamplighter.scenarios.cluster.jsons import at, condition, name_of
from lamplighter.scenarios.cluster.kubelet.behaviour import rule_of
from tests.cluster_sandbox.worlds import Json, World, deploy, template, waiting


def rollout(world: World) -> list[tuple[str, str, str]]:
    deploy(world)
    world.sandbox.advance(5)
    world.change("deployments.apps", "shop", template=template("shop:2"))
    world.sandbox.advance(30)
    status = world.get("deployments.apps", "shop")["status"]
    assert (status["updatedReplicas"], status["availableReplicas"], status["replicas"]) == (3, 3, 3)
    assert {at(pod, "spec", "containers", 0, "image") for pod in world.pods()} == {"shop:2"}
    return world.events()


def test_a_rollout_is_the_same_twice() -> None:
    runs = []
    for _ in range(2):
        world = World()
        runs.append((rollout(world), [name_of(pod) for pod in world.pods()]))
        world.close()
    assert runs[0] == runs[1]
    assert len(runs[0][0]) > 10


def test_a_bad_tag_stops_a_rollout_with_old_pods_up(world: World) -> None:
    deploy(world)
    world.sandbox.advance(5)
    world.change("deployments.apps", "shop", template=template("nonexistent:2"), progressDeadlineSeconds=60)
    world.sandbox.advance(120)
    deployment = world.get("deployments.apps", "shop")
    assert deployment["status"]["availableReplicas"] == 3
    progressing = condition(deployment, "Progressing")
    assert progressing is not None and progressing["reason"] == "ProgressDeadlineExceeded"
    assert "ImagePullBackOff" in {waiting(pod) for pod in world.pods()}


def test_back_off_grows_and_the_previous_log_is_kept(world: World) -> None:
    deploy(world, 1, image="crash:1")
    world.sandbox.advance(120)
    status = world.pods()[0]["status"]["containerStatuses"][0]
    assert status["restartCount"] == 4  # at once, then after 10, 20 and 40 seconds
    assert status["lastState"]["terminated"]["exitCode"] == 1
    uid = world.pods()[0]["metadata"]["uid"]
    assert world.cluster.records.previous_log(uid, "main")[-1][1] == "fatal: cannot go on"


def test_memory_over_the_limit_ends_a_container(world: World) -> None:
    world.cluster.rules.append(rule_of({"image": "^shop", "memory": 300 * 1024**2, "run_seconds": 4}))
    deploy(world, 1, resources={"limits": {"memory": "256Mi"}})
    world.sandbox.advance(30)
    status = world.pods()[0]["status"]["containerStatuses"][0]
    ended = at(status, "lastState", "terminated") or at(status, "state", "terminated")
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_probes_that_fail(world: World) -> None:
    world.cluster.rules.append(rule_of({"image": "^shop", "paths": ["/healthz"]}))
    readiness = {"httpGet": {"path": "/ready", "port": 8080}}
    deploy(world, 1, ports=[{"containerPort": 8080}], readinessProbe=readiness)
    world.sandbox.advance(60)
    assert not condition(world.pods()[0], "Ready") or condition(world.pods()[0], "Ready")["status"] == "False"  # type: ignore[index]
    assert (
        "Warning",
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 404",
    ) in world.events()
    liveness = {"httpGet": {"path": "/live", "port": 8080}}
    world.change(
        "deployments.apps", "shop", template=template(ports=[{"containerPort": 8080}], livenessProbe=liveness)
    )
    world.sandbox.advance(60)
    assert "Killing" in world.reasons()
    assert max(at(pod, "status", "containerStatuses", 0, "restartCount") for pod in world.pods()) >= 1


def test_a_missing_key_holds_a_container_until_it_is_there(world: World) -> None:
    reference = {"configMapKeyRef": {"name": "settings", "key": "url"}}
    deploy(world, 1, env=[{"name": "URL", "valueFrom": reference}])
    world.sandbox.advance(5)
    assert waiting(world.pods()[0]) == "CreateContainerConfigError"
    world.make("configmaps", "settings", data={"url": "http://x"})
    world.sandbox.advance(15)
    assert at(world.pods()[0], "status", "phase") == "Running"


def test_a_pod_that_fits_nowhere_says_why_and_is_bound_once_it_fits(world: World) -> None:
    spec = {"nodeSelector": {"disk": "fast"}, "containers": [{"name": "c", "image": "x"}]}
    world.make("pods", "picky", spec=spec)
    world.sandbox.advance(1)
    text = condition(world.get("pods", "picky"), "PodScheduled")
    assert text is not None and text["message"].startswith(
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
    )
    node = world.get("nodes", "node-2", "")
    labels = {**node["metadata"]["labels"], "disk": "fast"}
    acts.set_metadata(world.cluster, "nodes", node, {**node["metadata"], "labels": labels})
    world.sandbox.advance(2)
    assert at(world.get("pods", "picky"), "spec", "nodeName") == "node-2"


def test_a_lost_node_is_tainted_and_its_pods_move_after_five_minutes(world: World) -> None:
    deploy(world, 3)
    world.sandbox.advance(5)
    world.cluster.stopped_nodes.add("node-1")
    world.sandbox.advance(70)
    node = world.get("nodes", "node-1", "")
    assert {t["key"] for t in node["spec"]["taints"]} == {"node.kubernetes.io/unreachable"}
    assert world.get("deployments.apps", "shop")["status"]["availableReplicas"] == 2
    world.sandbox.advance(320)
    assert world.get("deployments.apps", "shop")["status"]["availableReplicas"] == 3
    world.cluster.stopped_nodes.clear()
    world.sandbox.advance(120)
    assert "taints" not in world.get("nodes", "node-1", "")["spec"]
    assert len(world.pods()) == 3


def test_a_stateful_set_goes_one_by_one_with_volumes_of_its_own(world: World) -> None:
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    world.make(
        "statefulsets.apps", "db",
        spec={
            "replicas": 2, "serviceName": "db", "selector": {"matchLabels": {"app": "shop"}}, "template": template(),
            "volumeClaimTemplates": [claim],
        },
    )  # fmt: skip
    world.sandbox.advance(20)
    assert [name_of(pod) for pod in world.pods()] == ["db-0", "db-1"]
    assert world.get("statefulsets.apps", "db")["status"]["readyReplicas"] == 2
    assert world.get("persistentvolumeclaims", "data-db-1")["status"]["phase"] == "Bound"
    world.change("statefulsets.apps", "db", template=template("shop:2"))
    world.sandbox.advance(30)
    assert {at(pod, "spec", "containers", 0, "image") for pod in world.pods()} == {"shop:2"}
    world.change("statefulsets.apps", "db", replicas=1)
    world.sandbox.advance(10)
    assert [name_of(pod) for pod in world.pods()] == ["db-0"]


def test_a_claim_of_an_unknown_class_keeps_its_pod_pending(world: World) -> None:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "gold",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    world.make("persistentvolumeclaims", "data", spec=spec)
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    world.make("pods", "p", spec={"volumes": volumes, "containers": [{"name": "c", "image": "x"}]})
    world.sandbox.advance(2)
    text = condition(world.get("pods", "p"), "PodScheduled")
    assert text is not None and "pod has unbound immediate PersistentVolumeClaims" in text["message"]
    assert "ProvisioningFailed" in world.reasons()


def test_jobs_and_cron_jobs(world: World) -> None:
    body = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "job-ok"}]}}
    world.make(
        "cronjobs.batch",
        "tick",
        spec={"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": body}}},
    )
    world.sandbox.advance(11 * 60)
    jobs = world.cluster.store.all("jobs.batch", "default")
    assert len(jobs) == 2
    assert all(condition(job, "Complete") for job in jobs)
    failing = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "job-fail"}]}}
    world.make("jobs.batch", "bad", spec={"backoffLimit": 2, "template": failing})
    world.sandbox.advance(120)
    found = condition(world.get("jobs.batch", "bad"), "Failed")
    assert found is not None and found["reason"] == "BackoffLimitExceeded"
    assert world.get("jobs.batch", "bad")["status"]["failed"] == 3


def test_a_daemon_set_follows_the_nodes(world: World) -> None:
    spec = {"selector": {"matchLabels": {"app": "shop"}}, "template": template()}
    world.make("daemonsets.apps", "agent", spec=spec)
    world.sandbox.advance(5)
    assert world.get("daemonsets.apps", "agent")["status"]["numberAvailable"] == 3
    node = world.get("nodes", "node-3", "")
    tainted = {
        **node,
        "metadata": dict(node["metadata"]),
        "spec": {**node["spec"], "taints": [{"key": "gpu", "effect": "NoSchedule"}]},
    }
    world.cluster.store.put("nodes", tainted)
    world.sandbox.advance(5)
    assert world.get("daemonsets.apps", "agent")["status"]["desiredNumberScheduled"] == 2


def test_an_autoscaler_follows_the_scripted_load(world: World) -> None:
    deploy(world, 1, resources={"requests": {"cpu": "100m"}})
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    world.make(
        "horizontalpodautoscalers.autoscaling",
        "shop",
        spec={"scaleTargetRef": target, "maxReplicas": 4, "metrics": [metric]},
    )
    world.cluster.usage["default", "shop"] = {"cpu": "150m"}
    world.sandbox.advance(60)
    assert world.get("deployments.apps", "shop")["spec"]["replicas"] == 4
    world.cluster.usage["default", "shop"] = {"cpu": "5m"}
    world.sandbox.advance(200)
    assert world.get("deployments.apps", "shop")["spec"]["replicas"] == 4, (
        "it waits five minutes before it shrinks"
    )
    world.sandbox.advance(200)
    assert world.get("deployments.apps", "shop")["spec"]["replicas"] == 1


def test_evictions_stop_at_the_budget_and_a_dry_run_takes_nothing(world: World) -> None:
    deploy(world, 3)
    selector = {"matchLabels": {"app": "shop"}}
    world.make("poddisruptionbudgets.policy", "shop", spec={"minAvailable": 2, "selector": selector})
    world.sandbox.advance(5)
    kind = world.cluster.registry.of_key("pods")
    for _ in range(3):
        subresources.evict(world.cluster, kind, world.pods()[0], {}, writes.Options("test", dry_run=True))
    assert len(world.pods()) == 3
    subresources.evict(world.cluster, kind, world.pods()[0], {}, writes.Options("test"))
    for dry_run in (True, False):
        with pytest.raises(ApiError) as refused:
            subresources.evict(
                world.cluster, kind, world.pods()[1], {}, writes.Options("test", dry_run=dry_run)
            )
        assert refused.value.code == 429
    world.sandbox.advance(10)
    assert world.get("poddisruptionbudgets.policy", "shop")["status"]["disruptionsAllowed"] == 1


def test_a_quota_refuses_what_is_too_much(world: World) -> None:
    world.make("resourcequotas", "small", spec={"hard": {"pods": "1"}})
    deploy(world, 2)
    world.sandbox.advance(5)
    assert len(world.pods()) == 1
    assert any(
        "exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1" in text
        for *_, text in world.events()
    )
    assert world.get("resourcequotas", "small")["status"]["used"] == {"pods": "1"}


def test_a_webhook_that_cannot_be_reached_refuses(world: World) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    hook = {
        "name": "guard.example.com", "rules": [rule], "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": "default", "name": "guard", "path": "/"}},
    }  # fmt: skip
    world.make("validatingwebhookconfigurations.admissionregistration.k8s.io", "guard", webhooks=[hook])
    with pytest.raises(ApiError, match="failed calling webhook"):
        world.make("configmaps", "x", data={})


def test_services_have_the_ready_pods_only(world: World) -> None:
    deploy(world, 2, ports=[{"name": "web", "containerPort": 8080}])
    world.make(
        "services", "shop", spec={"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": "web"}]}
    )
    world.sandbox.advance(5)
    endpoints = world.get("endpoints", "shop")["subsets"][0]
    assert len(endpoints["addresses"]) == 2
    assert endpoints["ports"] == [{"protocol": "TCP", "port": 8080}]
    world.make("services", "wrong", spec={"selector": {"app": "shopp"}, "ports": [{"port": 80}]})
    world.sandbox.advance(1)
    assert "subsets" not in world.get("endpoints", "wrong")


def test_what_is_owned_goes_with_its_owner(world: World) -> None:
    deploy(world, 2)
    world.sandbox.advance(5)
    kind = world.cluster.registry.of_key("deployments.apps")
    writes.delete(world.cluster, kind, world.get("deployments.apps", "shop"), writes.Options("test"), {})
    world.sandbox.advance(10)
    assert world.pods() == []
    assert world.cluster.store.all("replicasets.apps") == []


def test_init_containers_run_first_and_sidecars_stay(world: World) -> None:
    init = [
        {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"},
        {"name": "migrate", "image": "busybox", "command": ["sh", "-c", "echo migrating; sleep 3"]},
    ]
    world.make("pods", "p", spec={"initContainers": init, "containers": [{"name": "c", "image": "x"}]})
    world.sandbox.advance(2)
    assert at(world.get("pods", "p"), "status", "phase") == "Pending"
    world.sandbox.advance(5)
    status = world.get("pods", "p")["status"]
    assert status["phase"] == "Running"
    assert "running" in status["initContainerStatuses"][0]["state"]
    assert status["initContainerStatuses"][1]["state"]["terminated"]["reason"] == "Completed"


def failures(world: World) -> list[str]:
    return [text for _, reason, text in world.events() if reason == "FailedCreate"]


def test_refused_creates_are_tried_less_and_less_and_the_deployment_says_so(world: World) -> None:
    quota = world.make("resourcequotas", "none", spec={"hard": {"pods": "0"}})
    deploy(world, 2)
    world.sandbox.advance(300)
    found = condition(world.get("deployments.apps", "shop"), "ReplicaFailure")
    assert found is not None and (found["status"], found["reason"]) == ("True", "FailedCreate")
    assert "exceeded quota: none" in found["message"]
    assert 5 <= len(failures(world)) <= 12
    world.change("deployments.apps", "shop", replicas=3)
    before = len(failures(world))
    world.sandbox.advance(0.5)
    assert len(failures(world)) == before + 1, "another generation is tried at once"
    acts.delete(world.cluster, "resourcequotas", quota)
    world.sandbox.advance(60)
    deployment = world.get("deployments.apps", "shop")
    assert deployment["status"]["availableReplicas"] == 3
    assert condition(deployment, "ReplicaFailure") is None


def test_pods_of_a_lost_node_say_so(world: World) -> None:
    deploy(world, 3)
    world.sandbox.advance(5)
    world.cluster.stopped_nodes.add("node-1")
    world.sandbox.advance(70)
    lost = {name_of(pod) for pod in world.pods() if pod["spec"]["nodeName"] == "node-1"}
    told = [e for e in world.cluster.store.all("events", "default") if e["message"] == "Node is not ready"]
    assert {(e["involvedObject"]["name"], e["type"], e["reason"]) for e in told} == {
        (name, "Warning", "NodeNotReady") for name in lost
    }


def test_a_cordon_and_its_end_are_events_of_the_node(world: World) -> None:
    for cordoned in (True, False):
        node = world.get("nodes", "node-1", "")
        spec = {**node["spec"], "unschedulable": cordoned}
        acts.update(world.cluster, "nodes", {**node, "spec": spec}, node)
        world.sandbox.advance(1)
    found = [text for _, _, text in world.events() if "chedulable" in text]
    assert found == [
        "Node node-1 status is now: NodeNotSchedulable",
        "Node node-1 status is now: NodeSchedulable",
    ]


def test_a_container_that_cannot_be_started_is_no_longer_pending(world: World) -> None:
    world.cluster.rules.append(rule_of({"image": "^shop", "start_error": "exec: no such file"}))
    deploy(world, 1)
    world.sandbox.advance(30)
    pod = world.pods()[0]
    assert (waiting(pod), at(pod, "status", "phase")) == ("CrashLoopBackOff", "Running")


def test_a_pod_of_which_one_container_waits_for_its_image_is_pending(world: World) -> None:
    two = [{"name": "up", "image": "shop:1"}, {"name": "never", "image": "nonexistent:1"}]
    world.make("pods", "two", spec={"containers": two})
    world.sandbox.advance(10)
    assert at(world.get("pods", "two"), "status", "phase") == "Pending"


def test_a_user_that_may_not_be_root_is_refused_with_pod_and_container_named(world: World) -> None:
    deploy(world, 1, securityContext={"runAsNonRoot": True, "runAsUser": 0})
    world.sandbox.advance(5)
    pod = world.pods()[0]
    place = f"{name_of(pod)}_default({pod['metadata']['uid']})"
    text = f'container\'s runAsUser breaks non-root policy (pod: "{place}", container: main)'
    assert ("Warning", "Failed", f"Error: {text}") in world.events()


@pytest.mark.parametrize(
    ("image", "code"), [("busybox", 3), ("docker.io/library/alpine:3", 3), ("shop:1", None)]
)
def test_arguments_are_the_command_of_an_image_without_entrypoint(
    world: World, image: str, code: int | None
) -> None:
    container = {"name": "t", "image": image, "args": ["sh", "-c", "exit 3"]}
    world.make("pods", "t", spec={"restartPolicy": "Never", "containers": [container]})
    world.sandbox.advance(5)
    assert (
        at(world.get("pods", "t"), "status", "containerStatuses", 0, "state", "terminated", "exitCode")
        == code
    )


@pytest.mark.parametrize(
    ("rule", "least", "code"), [({"failing_after": 1}, 20, 137), ({"paths": ["/healthz"]}, 0, 143)]
)
def test_what_a_probe_ends_has_its_grace_period(world: World, rule: Json, least: int, code: int) -> None:
    world.cluster.rules.append(rule_of({"image": "^shop", **rule}))
    probe = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 5, "failureThreshold": 1}
    spec = {
        "terminationGracePeriodSeconds": 20,
        "containers": [{"name": "c", "image": "shop", "livenessProbe": probe}],
    }
    world.make("pods", "p", spec=spec)
    for _ in range(60):
        world.sandbox.advance(1)
        status = world.get("pods", "p")["status"]["containerStatuses"][0]
        if status["lastState"] or "terminated" in status["state"]:
            break
    found = at(status, "lastState", "terminated") or at(status, "state", "terminated")
    assert (found["reason"], found["exitCode"]) == ("Error", code)
    began = next(e for e in world.cluster.store.all("events", "default") if e["reason"] == "Killing")
    waited = (seconds_of(found["finishedAt"]) or 0) - (seconds_of(began["firstTimestamp"]) or 0)
    assert least <= waited <= least + 1
