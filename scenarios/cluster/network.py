"""Whether a pod gets a connection: names, NetworkPolicies, endpoints and ports, each failure in the words of Go's net.

A cluster without a Service `kube-system/kube-dns` resolves names by itself; one that has it needs its endpoints, and
policies must let the pod reach them.
"""

from __future__ import annotations

from collections.abc import Iterator

from lamplighter.scenarios.cluster.certificates import problem
from lamplighter.scenarios.cluster.jsons import Json, at, condition, namespace_of
from lamplighter.scenarios.cluster.kubelet.behaviour import Behaviour
from lamplighter.scenarios.cluster.kubelet.probes import listens
from lamplighter.scenarios.cluster.policies import Connection, passes
from lamplighter.scenarios.cluster.store import Store

DNS = ("kube-system", "kube-dns")
DOMAIN = "cluster.local"
NODE_RESOLVER = "172.18.0.1"
OUTSIDE = "203.0.113.10"
"""The address of every name outside of the cluster (TEST-NET-3, RFC 5737)."""


def unreachable(store: Store, pod: Json, address: str, behaviours: dict[str, Behaviour]) -> str:
    """Why a pod gets no connection to `host:port`, "" where it does. `behaviours` are those of pods by uid."""
    host, _, text = address.rpartition(":")
    port = int(text)
    service, wrong = _resolved(store, pod, host)
    if wrong:
        return f"dial tcp: lookup {host} on {wrong}"
    if service is None:
        open_ = passes(store, Connection(pod, None, OUTSIDE, port))
        return "" if open_ else f"dial tcp {OUTSIDE}:{port}: i/o timeout"
    if service["spec"].get("type") == "ExternalName":
        return unreachable(store, pod, f"{service['spec']['externalName']}:{port}", behaviours)
    where = f"{service['spec'].get('clusterIP')}:{port}"
    wanted = next((entry for entry in service["spec"].get("ports") or () if entry["port"] == port), None)
    if wanted is None:
        return f"dial tcp {where}: i/o timeout"
    ready = list(_endpoints(store, service, wanted))
    if not ready:
        return f"dial tcp {where}: connect: connection refused"
    allowed = [(target, number) for target, number in ready if passes(store, _to(pod, target, number))]
    if not allowed:
        return f"dial tcp {where}: i/o timeout"
    if not any(_answers(target, number, behaviours) for target, number in allowed):
        return f"dial tcp {where}: connect: connection refused"
    return ""


def tls_problem(store: Store, pod: Json, host: str, now: float) -> str:
    """Why a client of a Service refuses the certificate that its pods mount, "" where it does not."""
    service, _ = _resolved(store, pod, host)
    secret = serving_secret(store, service) if service is not None else None
    wrong = problem(secret, host, now) if secret is not None else ""
    return f"tls: failed to verify certificate: {wrong}" if wrong else ""


def serving_secret(store: Store, service: Json) -> Json | None:
    """The TLS Secret that a ready pod behind a Service mounts, None where there is none."""
    space, selector = namespace_of(service), service["spec"].get("selector") or {}
    for pod in store.pods_with(space, selector) if selector else ():
        if not _ready(pod):
            continue
        for volume in pod["spec"].get("volumes") or ():
            secret = store.get("secrets", space, at(volume, "secret", "secretName") or "")
            if secret is not None and secret.get("type") == "kubernetes.io/tls":
                return secret
    return None


def _to(source: Json, target: Json, port: int, protocol: str = "TCP") -> Connection:
    return Connection(source, target, at(target, "status", "podIP") or "", port, protocol)


def _answers(pod: Json, port: int, behaviours: dict[str, Behaviour]) -> bool:
    behaviour = behaviours.get(pod["metadata"]["uid"], Behaviour())
    return any(listens(port, container, behaviour) for container in pod["spec"]["containers"])


def _resolved(store: Store, pod: Json, host: str) -> tuple[Json | None, str]:
    """(the Service that a name means, None for a host outside; where the lookup was sent and why it failed)."""
    server = store.get("services", *DNS)
    address = at(server, "spec", "clusterIP") or "10.96.0.10"
    policy = pod["spec"].get("dnsPolicy", "ClusterFirst")
    ours = policy == "ClusterFirstWithHostNet" or (
        policy == "ClusterFirst" and not pod["spec"].get("hostNetwork")
    )
    searches = [f"{namespace_of(pod)}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN]
    if policy == "None":
        servers = at(pod, "spec", "dnsConfig", "nameservers") or []
        searches = at(pod, "spec", "dnsConfig", "searches") or []
        ours = address in servers
    if not ours:
        outside = "." in host and not host.endswith((".svc", f".{DOMAIN}"))
        known = outside and store.get("services", *_place(host)) is None
        return None, "" if known else f"{_asked(pod)}:53: no such host"
    if server is not None and not _served(store, pod, server):
        source = f"{at(pod, 'status', 'podIP')}:40000"
        return None, f"{address}:53: read udp {source}->{address}:53: i/o timeout"
    for name in [host, *(f"{host}.{search}" for search in searches)]:
        if name.endswith(f".svc.{DOMAIN}"):
            found = store.get("services", *_place(name))
            if found is not None:
                return found, ""
    inside = "." not in host or host.endswith((".svc", f".{DOMAIN}"))
    space = store.get("namespaces", "", host.split(".")[1]) if host.count(".") == 1 else None
    return None, f"{address}:53: no such host" if inside or space is not None else ""


def _asked(pod: Json) -> str:
    """The server that a pod asks which does not ask the cluster's."""
    servers = at(pod, "spec", "dnsConfig", "nameservers") or []
    return str(servers[0]) if servers else NODE_RESOLVER


def _place(host: str) -> tuple[str, str]:
    """(namespace, name) of a Service by its DNS name."""
    name, _, rest = host.partition(".")
    return rest.partition(".")[0], name


def _served(store: Store, pod: Json, server: Json) -> bool:
    """Whether a pod of the DNS server is ready and may be asked."""
    ports = server["spec"].get("ports") or []
    return any(
        passes(store, _to(pod, target, number, "UDP"))
        for port in ports
        for target, number in _endpoints(store, server, port)
    )


def _endpoints(store: Store, service: Json, port: Json) -> Iterator[tuple[Json, int]]:
    """Ready pods behind a Service's port, each with the port that it is asked on."""
    space, selector = namespace_of(service), service["spec"].get("selector")
    for pod in store.pods_with(space, selector) if selector else ():
        if not _ready(pod):
            continue
        target = port.get("targetPort", port["port"])
        declared = [entry for c in pod["spec"]["containers"] for entry in c.get("ports") or ()]
        if isinstance(target, int):
            yield pod, target
        else:
            yield from ((pod, entry["containerPort"]) for entry in declared if entry.get("name") == target)


def _ready(pod: Json) -> bool:
    return (condition(pod, "Ready") or {}).get("status") == "True"
