"""NetworkPolicies: whether those that select two pods let a connection between them be made."""

from __future__ import annotations

import ipaddress
from typing import Literal, NamedTuple

from lamplighter.scenarios.cluster.jsons import Json, at, labels_of, namespace_of
from lamplighter.scenarios.cluster.selectors import selects
from lamplighter.scenarios.cluster.store import Store

Way = Literal["Ingress", "Egress"]


class Connection(NamedTuple):
    """From a pod to a pod, or to an address outside of the cluster (`target` None)."""

    source: Json
    target: Json | None
    address: str
    port: int
    protocol: str = "TCP"


def passes(store: Store, wanted: Connection) -> bool:
    """Whether a connection may leave where it comes from and enter where it goes."""
    if not _allowed(store, wanted.source, "Egress", wanted):
        return False
    return wanted.target is None or _allowed(store, wanted.target, "Ingress", wanted)


def _allowed(store: Store, pod: Json, way: Way, wanted: Connection) -> bool:
    """Whether the policies that select a pod let a connection in or out; a pod that none selects is open."""
    found = [
        policy
        for policy in store.all("networkpolicies.networking.k8s.io", namespace_of(pod))
        if selects(at(policy, "spec", "podSelector") or {}, labels_of(pod)) and way in _types(policy)
    ]
    rules = [rule for policy in found for rule in policy["spec"].get(way.lower()) or ()]
    return not found or any(
        _port_matches(rule, wanted) and _peer_matches(store, rule, way, pod, wanted) for rule in rules
    )


def _types(policy: Json) -> list[str]:
    spec = policy["spec"]
    return spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]


def _port_matches(rule: Json, wanted: Connection) -> bool:
    """Whether a rule is for the port, which a name may stand for that the target gives it."""
    named = {
        entry["name"]: entry["containerPort"]
        for container in at(wanted.target, "spec", "containers") or ()
        for entry in container.get("ports") or ()
        if entry.get("name")
    }
    return not rule.get("ports") or any(_is_port(entry, named, wanted) for entry in rule["ports"])


def _is_port(entry: Json, named: dict[str, int], wanted: Connection) -> bool:
    if entry.get("protocol", "TCP") != wanted.protocol:
        return False
    said = entry.get("port")
    if said is None:
        return True
    first = named.get(said) if isinstance(said, str) else int(said)
    return first is not None and first <= wanted.port <= (entry.get("endPort") or first)


def _peer_matches(store: Store, rule: Json, way: Way, pod: Json, wanted: Connection) -> bool:
    peers = rule.get("from" if way == "Ingress" else "to")
    other = wanted.source if way == "Ingress" else wanted.target
    address = (at(wanted.source, "status", "podIP") or "") if way == "Ingress" else wanted.address
    return not peers or any(_is_peer(store, entry, pod, other, address) for entry in peers)


def _is_peer(store: Store, entry: Json, pod: Json, other: Json | None, address: str) -> bool:
    block = entry.get("ipBlock")
    if block is not None:
        spot = ipaddress.ip_address(address)
        inside = spot in ipaddress.ip_network(block["cidr"])
        return inside and not any(spot in ipaddress.ip_network(part) for part in block.get("except") or ())
    if other is None:
        return False
    if "namespaceSelector" in entry:
        space = store.get("namespaces", "", namespace_of(other)) or {}
        if not selects(entry["namespaceSelector"] or {}, labels_of(space)):
            return False
    elif namespace_of(other) != namespace_of(pod):
        return False
    return "podSelector" not in entry or selects(entry["podSelector"] or {}, labels_of(other))
