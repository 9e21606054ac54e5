"""The rows of tables: one function a kind (the printers of Kubernetes 1.36)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamplighter.scenarios.cluster.clock import age, seconds_of
from lamplighter.scenarios.cluster.jsons import Json, at, name_of
from lamplighter.scenarios.cluster.podcells import pod_cells
from lamplighter.scenarios.cluster.selectors import as_text

NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"
Cells = Callable[[Json, float], list[Any]]


def since(text: str | None, now: float) -> str:
    moment = seconds_of(text)
    return UNKNOWN if moment is None else age(now - moment)


def made(obj: Json, now: float) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def _containers(template: Any) -> list[str]:
    found = at(template, "spec", "containers") or []
    return [",".join(c["name"] for c in found), ",".join(c["image"] for c in found)]


def _deployment(obj: Json, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    counts = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    return [
        name_of(obj),
        ready,
        *counts,
        made(obj, now),
        *_containers(spec.get("template")),
        as_text(spec["selector"]),
    ]


def _replica_set(obj: Json, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    counts = [spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [
        name_of(obj),
        *counts,
        made(obj, now),
        *_containers(spec.get("template")),
        as_text(spec.get("selector")),
    ]


def _stateful_set(obj: Json, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [name_of(obj), ready, made(obj, now), *_containers(spec.get("template"))]


def _daemon_set(obj: Json, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    names = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    nodes = at(spec, "template", "spec", "nodeSelector") or {}
    shown = ",".join(f"{key}={value}" for key, value in sorted(nodes.items())) or NONE
    counts = [status.get(name, 0) for name in names]
    return [
        name_of(obj),
        *counts,
        shown,
        made(obj, now),
        *_containers(spec["template"]),
        as_text(spec["selector"]),
    ]


def _job(obj: Json, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    kinds = {c["type"] for c in status.get("conditions") or () if c["status"] == "True"}
    named = (("Complete", "Complete"), ("Failed", "Failed"), ("Suspended", "Suspended"))
    state = next((word for kind, word in named if kind in kinds), "Running")
    total = spec.get("completions")
    wanted = str(total) if total is not None else f"1 of {spec.get('parallelism', 1)}"
    done = f"{status.get('succeeded', 0)}/{wanted}"
    start, end = seconds_of(status.get("startTime")), seconds_of(status.get("completionTime"))
    took = "" if start is None else age((end if end is not None else now) - start)
    shown = [*_containers(spec["template"]), as_text(spec.get("selector"))]
    return [name_of(obj), state, done, took, made(obj, now), *shown]


def _cron_job(obj: Json, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    last = since(status["lastScheduleTime"], now) if status.get("lastScheduleTime") else NONE
    head = [name_of(obj), spec["schedule"], spec.get("timeZone") or NONE, spec.get("suspend", False)]
    shown = _containers(at(spec, "jobTemplate", "spec", "template"))
    selector = as_text(at(spec, "jobTemplate", "spec", "selector")) or NONE
    return [*head, len(status.get("active") or ()), last, made(obj, now), *shown, selector]


def _service(obj: Json, now: float) -> list[Any]:
    spec = obj["spec"]
    kind = spec.get("type", "ClusterIP")
    ingress = at(obj, "status", "loadBalancer", "ingress") or []
    outside = ",".join(entry.get("ip") or entry.get("hostname", "") for entry in ingress)
    if kind == "ExternalName":
        outside = spec.get("externalName", "")
    elif kind == "LoadBalancer":
        outside = outside or "<pending>"
    else:
        outside = ",".join(spec.get("externalIPs") or ()) or NONE
    ports = ",".join(_port(port) for port in spec.get("ports") or ()) or NONE
    selector = as_text({"matchLabels": spec.get("selector") or {}}) or NONE
    return [name_of(obj), kind, spec.get("clusterIP") or NONE, outside, ports, made(obj, now), selector]


def _port(port: Json) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node}/{port.get('protocol', 'TCP')}"


def _more(found: list[str], most: int = 3) -> str:
    if not found:
        return NONE
    rest = f" + {len(found) - most} more..." if len(found) > most else ""
    return ",".join(found[:most]) + rest


def _endpoints(obj: Json, now: float) -> list[Any]:
    found = []
    for subset in obj.get("subsets") or ():
        for address in subset.get("addresses") or ():
            ports = subset.get("ports") or []
            found += [f"{address['ip']}:{port['port']}" for port in ports] or [address["ip"]]
    return [name_of(obj), _more(found), made(obj, now)]


def _slice(obj: Json, now: float) -> list[Any]:
    ports = [str(port.get("port", "*")) for port in obj.get("ports") or ()]
    found = [address for entry in obj.get("endpoints") or () for address in entry["addresses"]]
    return [
        name_of(obj),
        obj.get("addressType", ""),
        _more(ports) if ports else UNSET,
        _more(found) if found else UNSET,
        made(obj, now),
    ]


def _ingress(obj: Json, now: float) -> list[Any]:
    spec = obj["spec"]
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    found = at(obj, "status", "loadBalancer", "ingress") or []
    address = ",".join(entry.get("ip") or entry.get("hostname", "") for entry in found)
    ports = "80, 443" if spec.get("tls") else "80"
    return [
        name_of(obj),
        spec.get("ingressClassName") or NONE,
        _more(hosts) if hosts else "*",
        address,
        ports,
        made(obj, now),
    ]


def _node(obj: Json, now: float) -> list[Any]:
    status, info = obj.get("status") or {}, at(obj, "status", "nodeInfo") or {}
    found = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
    state = "Unknown" if found is None else "Ready" if found["status"] == "True" else "NotReady"
    if at(obj, "spec", "unschedulable"):
        state += ",SchedulingDisabled"
    marks = [
        label.partition("/")[2]
        for label in at(obj, "metadata", "labels") or ()
        if label.startswith("node-role.kubernetes.io/")
    ]
    addresses = {entry["type"]: entry["address"] for entry in reversed(status.get("addresses") or [])}
    kernel = info.get("kernelVersion", UNKNOWN)
    if info.get("architecture"):
        kernel += f" ({info['architecture']})"
    return [
        name_of(obj),
        state,
        ",".join(sorted(marks)) or NONE,
        made(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage", UNKNOWN),
        kernel,
        info.get("containerRuntimeVersion", UNKNOWN),
    ]


def _event(obj: Json, now: float) -> list[Any]:
    target = obj.get("involvedObject") or {}
    last = at(obj, "series", "lastObservedTime") or obj.get("lastTimestamp") or obj.get("eventTime")
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    source = at(obj, "source", "component") or obj.get("reportingComponent") or ""
    host = at(obj, "source", "host") or obj.get("reportingInstance") or ""
    count = at(obj, "series", "count") or obj.get("count") or 1
    return [
        since(last, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{target.get('kind', '').lower()}/{target.get('name', '')}",
        target.get("fieldPath", ""),
        f"{source}, {host}" if host else source,
        (obj.get("message") or "").strip(),
        since(first, now),
        count,
        name_of(obj),
    ]


def _volume(obj: Json, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    claim = spec.get("claimRef")
    phase = "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", "")
    return [
        name_of(obj),
        at(spec, "capacity", "storage") or "",
        _modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        phase,
        f"{claim.get('namespace', '')}/{claim['name']}" if claim else "",
        spec.get("storageClassName") or "",
        spec.get("volumeAttributesClassName") or UNSET,
        status.get("reason") or "",
        made(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def _claim(obj: Json, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    bound = spec.get("volumeName")
    phase = "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", "")
    capacity = at(status, "capacity", "storage") or "" if bound else ""
    modes = _modes(status.get("accessModes")) if bound else ""
    return [
        name_of(obj),
        phase,
        bound or "",
        capacity,
        modes,
        spec.get("storageClassName") or "",
        spec.get("volumeAttributesClassName") or UNSET,
        made(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def _modes(found: list[str] | None) -> str:
    short = {
        "ReadWriteOnce": "RWO",
        "ReadOnlyMany": "ROX",
        "ReadWriteMany": "RWX",
        "ReadWriteOncePod": "RWOP",
    }
    return ",".join(short.get(mode, mode) for mode in found or ())


def _budget(obj: Json, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    shown = [
        str(spec[name]) if spec.get(name) is not None else "N/A"
        for name in ("minAvailable", "maxUnavailable")
    ]
    return [name_of(obj), *shown, at(obj, "status", "disruptionsAllowed") or 0, made(obj, now)]


def _autoscaler(obj: Json, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    target = spec["scaleTargetRef"]
    current = {
        at(m, "resource", "name"): at(m, "resource", "current") for m in status.get("currentMetrics") or ()
    }
    shown = []
    for metric in spec.get("metrics") or ():
        name = at(metric, "resource", "name")
        wanted, seen = at(metric, "resource", "target") or {}, current.get(name) or {}
        if wanted.get("averageUtilization") is not None:
            percent = seen.get("averageUtilization")
            shown.append(
                f"{name}: {f'{percent}%' if percent is not None else UNKNOWN}/{wanted['averageUtilization']}%"
            )
        else:
            shown.append(f"{name}: {seen.get('averageValue', UNKNOWN)}/{wanted.get('averageValue', UNKNOWN)}")
    bounds = [str(spec.get("minReplicas", 1)), spec["maxReplicas"], status.get("currentReplicas", 0)]
    return [
        name_of(obj),
        f"{target['kind']}/{target['name']}",
        ", ".join(shown) or NONE,
        *bounds,
        made(obj, now),
    ]


def _bound(obj: Json, now: float) -> list[Any]:
    return [name_of(obj), f"{obj['roleRef']['kind']}/{obj['roleRef']['name']}", made(obj, now)]


def _quota(obj: Json, now: float) -> list[Any]:
    hard, used = at(obj, "status", "hard") or at(obj, "spec", "hard") or {}, at(obj, "status", "used") or {}
    requests = [
        f"{k}: {used.get(k, '0')}/{v}" for k, v in sorted(hard.items()) if not k.startswith("limits.")
    ]
    limits = [f"{k}: {used.get(k, '0')}/{v}" for k, v in sorted(hard.items()) if k.startswith("limits.")]
    return [name_of(obj), ", ".join(requests), ", ".join(limits), made(obj, now)]


def _storage_class(obj: Json, now: float) -> list[Any]:
    notes = obj["metadata"].get("annotations") or {}
    default = " (default)" if notes.get("storageclass.kubernetes.io/is-default-class") == "true" else ""
    return [
        name_of(obj) + default,
        obj.get("provisioner"),
        obj.get("reclaimPolicy"),
        obj.get("volumeBindingMode"),
        obj.get("allowVolumeExpansion", False),
        made(obj, now),
    ]


def _data(obj: Json) -> int:
    return len(obj.get("data") or ()) + len(obj.get("binaryData") or ())


CELLS: dict[str, Cells] = {
    "pods": pod_cells,
    "deployments.apps": _deployment,
    "replicasets.apps": _replica_set,
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _daemon_set,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "services": _service,
    "endpoints": _endpoints,
    "endpointslices.discovery.k8s.io": _slice,
    "ingresses.networking.k8s.io": _ingress,
    "networkpolicies.networking.k8s.io": lambda o, n: [
        name_of(o),
        as_text(at(o, "spec", "podSelector")) or NONE,
        made(o, n),
    ],
    "nodes": _node,
    "events": _event,
    "namespaces": lambda o, n: [name_of(o), at(o, "status", "phase"), made(o, n)],
    "secrets": lambda o, n: [name_of(o), o.get("type"), _data(o), made(o, n)],
    "configmaps": lambda o, n: [name_of(o), _data(o), made(o, n)],
    "serviceaccounts": lambda o, n: [name_of(o), made(o, n)],
    "persistentvolumes": _volume,
    "persistentvolumeclaims": _claim,
    "poddisruptionbudgets.policy": _budget,
    "horizontalpodautoscalers.autoscaling": _autoscaler,
    "rolebindings.rbac.authorization.k8s.io": _bound,
    "clusterrolebindings.rbac.authorization.k8s.io": _bound,
    "leases.coordination.k8s.io": lambda o, n: [name_of(o), at(o, "spec", "holderIdentity"), made(o, n)],
    "storageclasses.storage.k8s.io": _storage_class,
    "priorityclasses.scheduling.k8s.io": lambda o, n: [
        name_of(o),
        o.get("value", 0),
        o.get("globalDefault", False),
        made(o, n),
        o.get("preemptionPolicy"),
    ],
    "resourcequotas": _quota,
}
