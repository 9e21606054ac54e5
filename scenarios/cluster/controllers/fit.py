"""Whether a pod fits a node: the filters of the scheduler, each with its reason in the scheduler's words."""

from __future__ import annotations

from decimal import Decimal
from weakref import WeakKeyDictionary

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
_USED: WeakKeyDictionary[Store, dict[str, tuple[int, dict[str, Decimal], int]]] = WeakKeyDictionary()
"""What was found of each node, and at which of its changes."""
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def requests(pod: Json) -> dict[str, Decimal]:
    """What a pod asks for: the sum of its containers, or its largest init container where that is more."""
    total: dict[str, Decimal] = {}
    for container in at(pod, "spec", "containers") or ():
        for name, value in ((container.get("resources") or {}).get("requests") or {}).items():
            total[name] = total.get(name, Decimal(0)) + amount(value)
    for container in at(pod, "spec", "initContainers") or ():
        for name, value in ((container.get("resources") or {}).get("requests") or {}).items():
            total[name] = max(total.get(name, Decimal(0)), amount(value))
    return total


def used(store: Store, node: str) -> tuple[dict[str, Decimal], int]:
    """(what the pods on a node ask for, how many there are)."""
    changes = store.node_changes.get(node, 0)
    known = _USED.setdefault(store, {}).get(node)
    if known is not None and known[0] == changes:
        return known[1], known[2]
    total: dict[str, Decimal] = {}
    pods = [pod for pod in store.on_node(node) if at(pod, "status", "phase") not in ("Succeeded", "Failed")]
    for pod in pods:
        for name, value in requests(pod).items():
            total[name] = total.get(name, Decimal(0)) + value
    _USED[store][node] = (changes, total, len(pods))
    return total, len(pods)


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


def _port_taken(store: Store, pod: Json, node: str) -> bool:
    def ports(obj: Json) -> set[tuple[int, str]]:
        found = [p for c in at(obj, "spec", "containers") or () for p in c.get("ports") or ()]
        return {(p["hostPort"], p.get("protocol", "TCP")) for p in found if p.get("hostPort")}

    wanted = ports(pod)
    return bool(wanted) and any(wanted & ports(other) for other in store.on_node(node))


def _affinity_terms(pod: Json, kind: str) -> list[Json]:
    return at(pod, "spec", "affinity", kind, REQUIRED) or []


def _in_domain(store: Store, term: Json, pod: Json, node: Json) -> bool:
    """Whether a pod that the term means runs in the node's topology domain."""
    key = term["topologyKey"]
    domain = labels_of(node).get(key)
    spaces = term.get("namespaces") or [namespace_of(pod)]
    if domain is None:
        return False
    for other in store.each("nodes"):
        if labels_of(other).get(key) != domain:
            continue
        for found in store.on_node(name_of(other)):
            if (
                uid_of(found) != uid_of(pod)
                and namespace_of(found) in spaces
                and selects(term.get("labelSelector"), labels_of(found))
            ):
                return True
    return False


def _pod_affinity(store: Store, pod: Json, node: Json) -> str:
    for term in _affinity_terms(pod, "podAntiAffinity"):
        if _in_domain(store, term, pod, node):
            return "node(s) didn't match pod anti-affinity rules"
    for term in _affinity_terms(pod, "podAffinity"):
        own = selects(term.get("labelSelector"), labels_of(pod))
        anywhere = any(_in_domain(store, term, pod, other) for other in store.each("nodes"))
        if not _in_domain(store, term, pod, node) and (anywhere or not own):
            return "node(s) didn't match pod affinity rules"
    for other in store.on_node(name_of(node)):
        for term in _affinity_terms(other, "podAntiAffinity"):
            if selects(term.get("labelSelector"), labels_of(pod)) and namespace_of(other) == namespace_of(
                pod
            ):
                return "node(s) didn't satisfy existing pods anti-affinity rules"
    return ""


def _spread(store: Store, pod: Json, node: Json) -> str:
    for rule in at(pod, "spec", "topologySpreadConstraints") or ():
        if rule.get("whenUnsatisfiable") != "DoNotSchedule":
            continue
        key, counts = rule["topologyKey"], dict[str, int]()
        for other in store.each("nodes"):
            domain = labels_of(other).get(key)
            if domain is not None and matches_affinity(pod["spec"], other):
                here = [p for p in store.on_node(name_of(other)) if namespace_of(p) == namespace_of(pod)]
                counts[domain] = counts.get(domain, 0) + sum(
                    selects(rule.get("labelSelector"), labels_of(p)) for p in here
                )
        domain = labels_of(node).get(key)
        if domain is None:
            return "node(s) didn't match pod topology spread constraints (missing required label)"
        if counts[domain] + 1 - min(counts.values()) > rule["maxSkew"]:
            return "node(s) didn't match pod topology spread constraints"
    return ""


def obstacle(store: Store, pod: Json, node: Json) -> tuple[list[str], bool]:
    """(why the pod does not fit the node, whether evicting pods could help)."""
    spec = pod["spec"]
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
    if _port_taken(store, pod, name_of(node)):
        return ["node(s) didn't have free ports for the requested pod ports"], True
    short, helpless = _insufficient(store, pod, node)
    if short:
        return short, not helpless
    for reason in (_pod_affinity(store, pod, node), _spread(store, pod, node)):
        if reason:
            return [reason], True
    return [], False


def _insufficient(store: Store, pod: Json, node: Json) -> tuple[list[str], bool]:
    """(resources that are short, whether even the empty node has too little)."""
    taken, count = used(store, name_of(node))
    have = {name: amount(value) for name, value in (at(node, "status", "allocatable") or {}).items()}
    found, helpless = [], False
    if count + 1 > have.get("pods", Decimal(110)):
        found.append("Too many pods")
    for name, value in requests(pod).items():
        room = have.get(name, Decimal(0))
        if value > 0 and taken.get(name, Decimal(0)) + value > room:
            found.append(f"Insufficient {name}")
            helpless = helpless or value > room
    return found, helpless


def score(store: Store, pod: Json, node: Json) -> tuple[float, int]:
    """How full the node would be (lower is better): the share of CPU and memory, then the number of pods."""
    taken, count = used(store, name_of(node))
    have = at(node, "status", "allocatable") or {}
    wanted = requests(pod)
    shares = [
        float((taken.get(n, Decimal(0)) + wanted.get(n, Decimal(0))) / amount(have[n]))
        for n in ("cpu", "memory")
        if amount(have.get(n)) > 0
    ]
    return -preference(pod, node) + sum(shares), count


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
