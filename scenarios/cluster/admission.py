"""Admission: what the built-in plugins add to a request, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from lamplighter.scenarios.cluster import certificates, network, quantities, rbac
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.errors import ApiError, Cause, forbidden, invalid, not_found
from lamplighter.scenarios.cluster.jsons import Json, at, is_deleting, labels_of, name_of
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.rbac import RBAC, Access, User
from lamplighter.scenarios.cluster.selectors import selects

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # a path in containers, not a secret
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
ALWAYS_TOLERATED = ("not-ready", "unreachable")


def namespace_alive(cluster: Cluster, kind: Kind, namespace: str, name: str) -> None:
    """NamespaceLifecycle: nothing is made in a namespace that is not there or that goes away."""
    found = cluster.store.get("namespaces", "", namespace)
    if found is None:
        raise not_found("namespaces", "", namespace)
    if is_deleting(found):
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {namespace} is being terminated",
            "field": "metadata.namespace",
        }
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        raise forbidden(kind.plural, kind.group, name, why, [cause])


def mutate(cluster: Cluster, kind: Kind, obj: Json) -> None:
    """What plugins add to a new object."""
    if kind.key == "pods":
        _service_account(cluster, obj)
        _limit_defaults(cluster, obj)
        _priority(cluster, obj)
        _runtime_class(cluster, obj)
        _tolerations(obj["spec"])
    if kind.key == "persistentvolumeclaims" and "storageClassName" not in obj["spec"]:
        for found in cluster.store.all("storageclasses.storage.k8s.io"):
            if (found["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true":
                obj["spec"]["storageClassName"] = name_of(found)


def _service_account(cluster: Cluster, obj: Json) -> None:
    spec, namespace = obj["spec"], obj["metadata"]["namespace"]
    name = spec.setdefault("serviceAccountName", "default")
    spec["serviceAccount"] = name
    account = cluster.store.get("serviceaccounts", namespace, name)
    if account is None:
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden("pods", "", name_of(obj), why)
    wanted = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True))
    if not wanted or any(v.get("name", "").startswith("kube-api-access-") for v in spec.get("volumes") or ()):
        return
    volume = f"kube-api-access-{cluster.suffix()}"
    spec.setdefault("volumes", []).append({"name": volume, "projected": _projected()})
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        mounts = container.setdefault("volumeMounts", [])
        if not any(mount.get("mountPath") == TOKEN_PATH for mount in mounts):
            mounts.append({"name": volume, "readOnly": True, "mountPath": TOKEN_PATH})


def _projected() -> Json:
    field = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    authority = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    return {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": authority},
            {"downwardAPI": {"items": [field]}},
        ],
        "defaultMode": 420,
    }


def _priority(cluster: Cluster, obj: Json) -> None:
    spec = obj["spec"]
    name = spec.get("priorityClassName")
    if name:
        found = cluster.store.get("priorityclasses.scheduling.k8s.io", "", name)
        if found is None:
            raise forbidden("pods", "", name_of(obj), f"no PriorityClass with name {name} was found")
    else:
        classes = cluster.store.all("priorityclasses.scheduling.k8s.io")
        found = next((entry for entry in classes if entry.get("globalDefault")), None)
        if found:
            spec["priorityClassName"] = name_of(found)
    spec["priority"] = found["value"] if found else 0
    spec["preemptionPolicy"] = (
        found.get("preemptionPolicy", "PreemptLowerPriority") if found else "PreemptLowerPriority"
    )


def _runtime_class(cluster: Cluster, obj: Json) -> None:
    name = obj["spec"].get("runtimeClassName")
    if name and cluster.store.get("runtimeclasses.node.k8s.io", "", name) is None:
        raise forbidden("pods", "", name_of(obj), f'pod rejected: RuntimeClass "{name}" not found')


def _tolerations(spec: Json) -> None:
    """DefaultTolerationSeconds: five minutes on a node that is lost."""
    found = spec.setdefault("tolerations", [])
    for name in ALWAYS_TOLERATED:
        key = f"node.kubernetes.io/{name}"
        if not any(t.get("key") in (key, None) and t.get("effect") in ("NoExecute", None) for t in found):
            found.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})


def _limit_defaults(cluster: Cluster, obj: Json) -> None:
    """LimitRanger: defaults of the namespace, then its bounds."""
    for found in cluster.store.all("limitranges", obj["metadata"]["namespace"]):
        for item in at(found, "spec", "limits") or ():
            if item.get("type") != "Container":
                continue
            for container in obj["spec"]["containers"] + (obj["spec"].get("initContainers") or []):
                resources = container.setdefault("resources", {})
                for group, defaults in (("limits", "default"), ("requests", "defaultRequest")):
                    for name, value in (item.get(defaults) or {}).items():
                        resources.setdefault(group, {}).setdefault(name, value)
                _bounds(obj, container["resources"], item)


def _bounds(obj: Json, resources: Json, item: Json) -> None:
    for name, most in (item.get("max") or {}).items():
        limit = (resources.get("limits") or {}).get(name)
        if limit is not None and quantities.amount(limit) > quantities.amount(most):
            why = f"maximum {name} usage per Container is {most}, but limit is {limit}"
            raise forbidden("pods", "", name_of(obj), why)
    for name, least in (item.get("min") or {}).items():
        request = (resources.get("requests") or {}).get(name)
        if request is not None and quantities.amount(request) < quantities.amount(least):
            why = f"minimum {name} usage per Container is {least}, but request is {request}"
            raise forbidden("pods", "", name_of(obj), why)


def validate(cluster: Cluster, kind: Kind, obj: Json, old: Json | None, user: User, verb: str) -> None:
    """What plugins refuse: quotas, escalation of rights, and webhooks that cannot be reached."""
    if kind.group == RBAC:
        _escalation(cluster, kind, obj, old, user)
    if old is None and kind.namespaced:
        _quota(cluster, kind, obj)
    call_webhooks(cluster, kind, obj, verb)


def _escalation(cluster: Cluster, kind: Kind, obj: Json, old: Json | None, user: User) -> None:
    namespace = obj["metadata"].get("namespace", "")
    if kind.kind in ("Role", "ClusterRole"):
        rules, verb, target = obj.get("rules") or [], "escalate", kind.plural
        if old is not None and (old.get("rules") or []) == rules:
            return
    else:
        rules, verb = rbac.role_rules(cluster.store, obj["roleRef"], namespace), "bind"
        target = "roles" if obj["roleRef"]["kind"] == "Role" else "clusterroles"
    name = name_of(obj) if verb == "escalate" else obj["roleRef"]["name"]
    may, _ = rbac.authorize(cluster.store, user, Access(verb, RBAC, target, name=name, namespace=namespace))
    if may or rbac.covered(cluster.store, user, rules, namespace):
        return
    groups = " ".join(f'"{group}"' for group in user.groups)
    why = f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held: {rules}'
    raise forbidden(kind.plural, kind.group, name_of(obj), why)


def pod_usage(pod: Json) -> dict[str, Decimal]:
    """What a pod counts for in a quota."""
    used: dict[str, Decimal] = {"pods": Decimal(1), "count/pods": Decimal(1)}
    for group in ("requests", "limits"):
        for container in at(pod, "spec", "containers") or ():
            for name, value in ((container.get("resources") or {}).get(group) or {}).items():
                for label in (f"{group}.{name}", name) if group == "requests" else (f"{group}.{name}",):
                    used[label] = used.get(label, Decimal(0)) + quantities.amount(value)
    return used


def usage_of(kind: Kind, obj: Json) -> dict[str, Decimal]:
    if kind.key == "pods":
        return {} if at(obj, "status", "phase") in ("Succeeded", "Failed") else pod_usage(obj)
    used = {f"count/{kind.key}": Decimal(1)}
    if not kind.group:
        used[kind.plural] = Decimal(1)
    if kind.key == "persistentvolumeclaims":
        used["requests.storage"] = quantities.amount(at(obj, "spec", "resources", "requests", "storage"))
    return used


def quota_use(cluster: Cluster, quota: Json) -> dict[str, Decimal]:
    """What the objects of a namespace use of what a quota limits."""
    hard = at(quota, "spec", "hard") or {}
    used = {name: Decimal(0) for name in hard}
    namespace = quota["metadata"]["namespace"]
    for kind in cluster.registry.stored():
        for obj in cluster.store.all(kind.key, namespace) if kind.namespaced else ():
            for name, value in usage_of(kind, obj).items():
                if name in used:
                    used[name] += value
    return used


def _quota(cluster: Cluster, kind: Kind, obj: Json) -> None:
    wanted = usage_of(kind, obj)
    for quota in cluster.store.all("resourcequotas", obj["metadata"]["namespace"]):
        hard = at(quota, "spec", "hard") or {}
        needed = [
            n
            for n in hard
            if n.startswith(("requests.cpu", "requests.mem", "limits.")) or n in ("cpu", "memory")
        ]
        missing = [name for name in needed if kind.key == "pods" and name not in wanted]
        if missing:
            why = (
                f"failed quota: {name_of(quota)}: must specify {','.join(sorted(missing))} for: "
                + ",".join(container["name"] for container in obj["spec"]["containers"])
            )
            raise forbidden(kind.plural, kind.group, name_of(obj), why)
        touched = [name for name in sorted(hard) if name in wanted]
        used = quota_use(cluster, quota) if touched else {}
        over = [name for name in touched if used[name] + wanted[name] > quantities.amount(hard[name])]
        if over:
            why = f"exceeded quota: {name_of(quota)}, requested: {_listed(over, wanted)}, used: {_listed(over, used)}"
            limits = ",".join(f"{name}={hard[name]}" for name in over)
            raise forbidden(kind.plural, kind.group, name_of(obj), f"{why}, limited: {limits}")


def _listed(names: list[str], values: dict[str, Decimal]) -> str:
    return ",".join(f"{name}={spelled(name, values[name])}" for name in names)


def spelled(name: str, value: Decimal) -> str:
    """An amount as quotas write it: bytes with a binary suffix."""
    return quantities.binary(value) if "memory" in name or "storage" in name else quantities.decimal(value)


def call_webhooks(cluster: Cluster, kind: Kind, obj: Json, verb: str) -> None:
    """A webhook whose service has no endpoint fails the call, as its failure policy says; one that has is content."""
    for name in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        for found in cluster.store.all(f"{name}.admissionregistration.k8s.io"):
            for hook in found.get("webhooks") or ():
                if _hook_matches(cluster, hook, kind, obj, verb) and hook.get("failurePolicy") == "Fail":
                    _reach(cluster, hook)


def _hook_matches(cluster: Cluster, hook: Json, kind: Kind, obj: Json, verb: str) -> bool:
    if kind.group == "admissionregistration.k8s.io":
        return False
    rules: Iterator[Json] = iter(hook.get("rules") or ())
    if not any(_rule_matches(rule, kind, verb) for rule in rules):
        return False
    namespace = cluster.store.get("namespaces", "", obj["metadata"].get("namespace") or name_of(obj)) or {}
    if kind.namespaced and not selects(hook.get("namespaceSelector") or {}, labels_of(namespace)):
        return False
    return selects(hook.get("objectSelector") or {}, labels_of(obj))


def _rule_matches(rule: Json, kind: Kind, verb: str) -> bool:
    return all(
        "*" in (rule.get(field) or ()) or wanted in (rule.get(field) or ())
        for field, wanted in (
            ("apiGroups", kind.group),
            ("apiVersions", kind.version),
            ("resources", kind.plural),
            ("operations", verb.upper()),
        )
    )


def _reach(cluster: Cluster, hook: Json) -> None:
    service = at(hook, "clientConfig", "service")
    if service is None:
        return
    namespace, name = service["namespace"], service["name"]
    address = f"https://{name}.{namespace}.svc:{service.get('port', 443)}{service.get('path', '/')}"
    target = f'Post "{address}?timeout={hook.get("timeoutSeconds", 10)}s"'
    if cluster.store.get("services", namespace, name) is None:
        problem = f'service "{name}" not found'
    elif not _has_endpoint(cluster, namespace, name):
        problem = f'no endpoints available for service "{name}"'
    else:
        wrong = _distrusted(cluster, hook, namespace, name)
        if not wrong:
            return
        problem = f"tls: failed to verify certificate: {wrong}"
    text = f'failed calling webhook "{hook["name"]}": failed to call webhook: {target}: {problem}'
    causes = {"causes": [{"message": text.partition(": ")[0] + ": " + text.partition(": ")[2]}]}
    raise ApiError(500, "InternalError", f"Internal error occurred: {text}", causes)


def _distrusted(cluster: Cluster, hook: Json, namespace: str, name: str) -> str:
    """Why the API server does not trust a webhook: asked only of one whose pods mount a TLS Secret."""
    service = cluster.store.get("services", namespace, name) or {}
    secret = network.serving_secret(cluster.store, service)
    if secret is None:
        return ""
    bundle = at(hook, "clientConfig", "caBundle") or ""
    if not bundle:
        return "x509: certificate signed by unknown authority"
    return certificates.problem(secret, f"{name}.{namespace}.svc", cluster.clock.now(), bundle)


def _has_endpoint(cluster: Cluster, namespace: str, service: str) -> bool:
    for found in cluster.store.all("endpointslices.discovery.k8s.io", namespace):
        ready = any(at(entry, "conditions", "ready") is not False for entry in found.get("endpoints") or ())
        if ready and labels_of(found).get("kubernetes.io/service-name") == service:
            return True
    return False


def refuse(kind: Kind, obj: Json, causes: list[Cause]) -> None:
    """Raise 422 where there are causes."""
    if causes:
        raise invalid(kind.kind, kind.group, name_of(obj), causes)
