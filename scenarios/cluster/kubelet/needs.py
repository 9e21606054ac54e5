"""What a container needs of others: connections, and rights of its service account."""

from __future__ import annotations

from lamplighter.scenarios.cluster import network, rbac
from lamplighter.scenarios.cluster.authn import service_account
from lamplighter.scenarios.cluster.cluster import Cluster
from lamplighter.scenarios.cluster.jsons import Json, namespace_of, uid_of
from lamplighter.scenarios.cluster.kubelet.behaviour import Behaviour, behaviour_of
from lamplighter.scenarios.cluster.kubelet.facts import facts_of
from lamplighter.scenarios.cluster.rbac import Access

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"


def needy(behaviour: Behaviour) -> bool:
    """Whether a container looks from time to time for what it needs."""
    return bool(behaviour.requires or behaviour.awaits or behaviour.calls)


def awaited(cluster: Cluster, pod: Json, behaviour: Behaviour) -> str:
    """What the container still waits for, as it logs it."""
    missing = (address for address in behaviour.awaits if unreachable(cluster, pod, address))
    return next((f"waiting for {address}" for address in missing), "")


def unmet(cluster: Cluster, pod: Json, behaviour: Behaviour) -> str:
    """Why a container cannot go on, as it logs it; "" where it has all it needs."""
    for address in behaviour.requires:
        wrong = unreachable(cluster, pod, address)
        if wrong:
            return f"fatal: cannot connect to {address}: {wrong}"
    if behaviour.calls and pod["spec"].get("automountServiceAccountToken") is False:
        return f"fatal: unable to load in-cluster configuration: open {TOKEN}: no such file or directory"
    for call in behaviour.calls:
        wrong = _forbidden(cluster, pod, call)
        if wrong:
            return f"fatal: {wrong}"
    return ""


def unready(cluster: Cluster, pod: Json, behaviour: Behaviour) -> str:
    """Why a server says that it is not ready."""
    for address in behaviour.depends:
        wrong = unreachable(cluster, pod, address)
        if wrong:
            return f"not ready: cannot connect to {address}: {wrong}"
    return ""


def unreachable(cluster: Cluster, pod: Json, address: str) -> str:
    """Why the pod gets no connection to `host:port` or `https://host:port`, "" where it does."""
    scheme, _, place = address.rpartition("://")
    behaviours: dict[str, Behaviour] = {}
    for other in cluster.store.each("pods"):
        for container in other["spec"]["containers"][:1]:
            facts = facts_of(cluster.store, other, container)
            behaviours[uid_of(other)] = behaviour_of(other, container, cluster.rules, facts)
    wrong = network.unreachable(cluster.store, pod, place, behaviours)
    if wrong or not scheme:
        return wrong
    return network.tls_problem(cluster.store, pod, place.rpartition(":")[0], cluster.clock.now())


def _forbidden(cluster: Cluster, pod: Json, call: str) -> str:
    words = call.split()
    verb, resource = words[0], words[1]
    space = namespace_of(pod) if len(words) < 3 else "" if words[2] == "*" else words[2]
    plural, _, group = resource.partition(".")
    account = pod["spec"].get("serviceAccountName") or "default"
    user = service_account(namespace_of(pod), account)
    access = Access(verb, group, plural, namespace=space)
    allowed, _ = rbac.authorize(cluster.store, user, access)
    return "" if allowed else f"{resource} is forbidden: {rbac.denial(user, access)}"
