"""Whether a pod fits a node: the filters of the scheduler, each with its reason in the scheduler's words."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from lamplighter.scenarios.cluster.controllers.common import pods_selected
from lamplighter.scenarios.cluster.controllers.load import (
    REQUIRED,
    ZERO,
    Load,
    Port,
    affinity_terms,
    host_ports,
    requests,
)
from lamplighter.scenarios.cluster.jsons import Json, at, labels_of, name_of, namespace_of, uid_of
from lamplighter.scenarios.cluster.quantities import amount
from lamplighter.scenarios.cluster.selectors import Requirement, selects
from lamplighter.scenarios.cluster.store import Store

OPERATORS = {
    "In": "in",
    "NotIn": "notin",
    "Exists": "exists",
    "DoesNotExist": "absent",
    "Gt": "gt",
    "Lt": "lt",
}


def untolerated(taints: list[Json], tolerations: list[Json], effects: tuple[str, ...]) -> Json | None:
    """The first taint with one of the effects that nothing tolerates."""
    for taint in taints:
        if taint["effect"] in effects and not any(tolerates(entry, taint) for entry in tolerations):
            return taint
    return None


def tolerates(entry: Json, taint: Json) -> bool:
    if entry.get("effect") and entry["effect"] != taint["effect"]:
        return False
    if entry.get("key") and entry["key"] != taint["key"]:
        return False
    return entry.get("operator") == "Exists" or (entry.get("value") or "") == (taint.get("value") or "")


def _term(term: Json, node: Json) -> bool:
    labels = labels_of(node)
    fields = {"metadata.name": name_of(node)}
    entries = [(e, labels) for e in term.get("matchExpressions") or ()] + [
        (e, fields) for e in term.get("matchFields") or ()
    ]
    return bool(entries) and all(
        Requirement(e["key"], OPERATORS[e["operator"]], tuple(e.get("values") or ())).matches(values)
        for e, values in entries
    )


def matches_affinity(spec: Json, node: Json) -> bool:
    """nodeSelector and required node affinity."""
    wanted = spec.get("nodeSelector") or {}
    if not wanted.items() <= labels_of(node).items():
        return False
    terms = at(spec, "affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms")
    return terms is None or any(_term(term, node) for term in terms)


def daemon_fits(template: Json, node: Json, tolerations: list[Json]) -> bool:
    """Whether a DaemonSet wants a pod on the node: capacity is not asked."""
    taints = at(node, "spec", "taints") or []
    blocked = untolerated(taints, tolerations, ("NoSchedule", "NoExecute"))
    return blocked is None and matches_affinity(template.get("spec") or {}, node)


class Spread(NamedTuple):
    """A required topology spread constraint: how many pods that it counts each domain has."""

    key: str
    skew: int
    counts: dict[str, int]


class Wish(NamedTuple):
    """What a pod asks of a node, worked out once for all nodes. Domains are sets of values of a topology key."""

    pod: Json
    requests: dict[str, Decimal]
    ports: set[Port]
    apart: list[tuple[str, set[str]]]
    """(key, domains that have a pod that it keeps away from)."""
    together: list[tuple[str, set[str], bool]]
    """(key, domains that have a pod that it wants beside it, whether any domain will do)."""
    spread: list[Spread]


def wish_of(store: Store, pod: Json) -> Wish:
    apart = [
        (term["topologyKey"], _domains(store, term, pod)) for term in affinity_terms(pod, "podAntiAffinity")
    ]
    together = []
    for term in affinity_terms(pod, "podAffinity"):
        found = _domains(store, term, pod)
        first = not found and selects(term.get("labelSelector"), labels_of(pod))
        together.append((term["topologyKey"], found, first))
    rules = at(pod, "spec", "topologySpreadConstraints") or ()
    spread = [
        Spread(rule["topologyKey"], rule["maxSkew"], _counts(store, rule, pod))
        for rule in rules
        if rule.get("whenUnsatisfiable") == "DoNotSchedule"
    ]
    return Wish(pod, requests(pod), host_ports(pod), apart, together, spread)


def _domains(store: Store, term: Json, pod: Json) -> set[str]:
    """The topology domains in which a pod runs that the term means."""
    found = set[str]()
    for space in term.get("namespaces") or [namespace_of(pod)]:
        for other in pods_selected(store, space, term.get("labelSelector")):
            node = store.get("nodes", "", at(other, "spec", "nodeName") or "") or {}
            domain = labels_of(node).get(term["topologyKey"])
            if domain is not None and uid_of(other) != uid_of(pod):
                found.add(domain)
    return found


def _counts(store: Store, rule: Json, pod: Json) -> dict[str, int]:
    """How many pods that a spread constraint counts run in each domain that the pod may go to."""
    domains = {
        name_of(node): labels_of(node)[rule["topologyKey"]]
        for node in store.each("nodes")
        if rule["topologyKey"] in labels_of(node) and matches_affinity(pod["spec"], node)
    }
    counts = dict.fromkeys(domains.values(), 0)
    for other in pods_selected(store, namespace_of(pod), rule.get("labelSelector")):
        domain = domains.get(at(other, "spec", "nodeName") or "")
        if domain is not None:
            counts[domain] += 1
    return counts


def _pod_affinity(wish: Wish, node: Json, load: Load) -> str:
    labels = labels_of(node)
    if any(labels.get(key) in domains for key, domains in wish.apart):
        return "node(s) didn't match pod anti-affinity rules"
    if any(labels.get(key) not in domains and not first for key, domains, first in wish.together):
        return "node(s) didn't match pod affinity rules"
    for space, term in load.averse():
        if selects(term.get("labelSelector"), labels_of(wish.pod)) and space == namespace_of(wish.pod):
            return "node(s) didn't satisfy existing pods anti-affinity rules"
    return ""


def _spread(wish: Wish, node: Json) -> str:
    for key, skew, counts in wish.spread:
        domain = labels_of(node).get(key)
        if domain is None:
            return "node(s) didn't match pod topology spread constraints (missing required label)"
        if counts[domain] + 1 - min(counts.values()) > skew:
            return "node(s) didn't match pod topology spread constraints"
    return ""


def obstacle(wish: Wish, node: Json, load: Load) -> tuple[list[str], bool]:
    """(why the pod does not fit the node, whether evicting pods could help)."""
    spec = wish.pod["spec"]
    if at(node, "spec", "unschedulable") and untolerated(
        [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}],
        spec.get("tolerations") or [],
        ("NoSchedule",),
    ):
        return ["node(s) were unschedulable"], False
    taint = untolerated(
        at(node, "spec", "taints") or [], spec.get("tolerations") or [], ("NoSchedule", "NoExecute")
    )
    if taint is not None:
        return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value') or ''}}}"], False
    if not matches_affinity(spec, node):
        return ["node(s) didn't match Pod's node affinity/selector"], False
    if any(port in load.ports for port in wish.ports):
        return ["node(s) didn't have free ports for the requested pod ports"], True
    short, helpless = _insufficient(wish, node, load)
    if short:
        return short, not helpless
    for reason in (_pod_affinity(wish, node, load), _spread(wish, node)):
        if reason:
            return [reason], True
    return [], False


def _insufficient(wish: Wish, node: Json, load: Load) -> tuple[list[str], bool]:
    """(resources that are short, whether even the empty node has too little)."""
    have = at(node, "status", "allocatable") or {}
    found, helpless = [], False
    if load.count + 1 > amount(have.get("pods", 110)):
        found.append("Too many pods")
    for name, value in wish.requests.items():
        room = amount(have.get(name))
        if value > 0 and load.taken.get(name, ZERO) + value > room:
            found.append(f"Insufficient {name}")
            helpless = helpless or value > room
    return found, helpless


def score(wish: Wish, node: Json, load: Load) -> tuple[float, int]:
    """How full the node would be (lower is better): the share of CPU and memory, then the number of pods."""
    have = at(node, "status", "allocatable") or {}
    shares = [
        float((load.taken.get(n, ZERO) + wish.requests.get(n, ZERO)) / amount(have[n]))
        for n in ("cpu", "memory")
        if amount(have.get(n)) > 0
    ]
    return -preference(wish.pod, node) + sum(shares), load.count


def preference(pod: Json, node: Json) -> float:
    """Weights of preferred node affinity that the node meets."""
    terms = (
        at(pod, "spec", "affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution") or []
    )
    soft = untolerated(
        at(node, "spec", "taints") or [], at(pod, "spec", "tolerations") or [], ("PreferNoSchedule",)
    )
    return float(sum(entry["weight"] for entry in terms if _term(entry["preference"], node))) - (
        100 if soft else 0
    )
