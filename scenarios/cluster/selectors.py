"""Label and field selectors: as query texts and as the LabelSelector objects of workloads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lamplighter.scenarios.cluster.errors import bad_request
from lamplighter.scenarios.cluster.jsons import Json, at
from lamplighter.scenarios.cluster.kinds import Kind

TOKEN = re.compile(r"\s*(==|!=|=|!|\(|\)|,|<|>|[^\s=!(),<>]+)")
OPERATORS = "in, notin, =, ==, !=, gt, lt"


class Requirement(NamedTuple):
    """One term: `operator` is one of in, notin, exists, absent, gt, lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "absent":
                return value is None
            case _:
                return _compares(self.operator, value, self.values[0])


def _compares(operator: str, value: str | None, bound: str) -> bool:
    try:
        return value is not None and (
            int(value) > int(bound) if operator == "gt" else int(value) < int(bound)
        )
    except ValueError:
        return False


def matches(requirements: list[Requirement], labels: Mapping[str, str]) -> bool:
    return all(requirement.matches(labels) for requirement in requirements)


def parse_labels(text: str) -> list[Requirement]:
    """The terms of a `labelSelector` query. Raises 400."""
    tokens = TOKEN.findall(text)
    found: list[Requirement] = []
    while tokens:
        found.append(_requirement(tokens))
        if tokens:
            if tokens[0] != ",":
                raise bad_request(
                    f"unable to parse requirement: found '{tokens[0]}', expected: ',' or 'end of string'"
                )
            tokens.pop(0)
    return found


def _requirement(tokens: list[str]) -> Requirement:
    first = tokens.pop(0)
    if first == "!":
        return Requirement(tokens.pop(0) if tokens else "", "absent")
    if not tokens or tokens[0] == ",":
        return Requirement(first, "exists")
    operator = tokens.pop(0)
    match operator:
        case "=" | "==" | "!=" | "<" | ">" | "gt" | "lt":
            value = tokens.pop(0) if tokens and tokens[0] != "," else ""
            names = {"!=": "notin", ">": "gt", "<": "lt", "gt": "gt", "lt": "lt"}
            return Requirement(first, names.get(operator, "in"), (value,))
        case "in" | "notin":
            return Requirement(first, operator, _values(tokens))
        case _:
            raise bad_request(f"unable to parse requirement: found '{operator}', expected: {OPERATORS}")


def _values(tokens: list[str]) -> tuple[str, ...]:
    if not tokens or tokens.pop(0) != "(":
        raise bad_request("unable to parse requirement: found '', expected: '('")
    values: list[str] = []
    while tokens:
        token = tokens.pop(0)
        if token == ")":
            return tuple(values)
        if token != ",":
            values.append(token)
    raise bad_request("unable to parse requirement: found '', expected: ',', or ')'")


def of_object(selector: Json | None) -> list[Requirement] | None:
    """The terms of a LabelSelector object; None for no selector, which selects nothing."""
    if selector is None:
        return None
    found = [Requirement(key, "in", (value,)) for key, value in (selector.get("matchLabels") or {}).items()]
    names = {
        "In": "in",
        "NotIn": "notin",
        "Exists": "exists",
        "DoesNotExist": "absent",
        "Gt": "gt",
        "Lt": "lt",
    }
    for entry in selector.get("matchExpressions") or ():
        operator = names.get(entry.get("operator", ""), "in")
        found.append(Requirement(entry.get("key", ""), operator, tuple(entry.get("values") or ())))
    return found


def selects(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector object selects the labels; none selects nothing, an empty one everything."""
    terms = of_object(selector)
    return terms is not None and matches(terms, labels)


def as_text(selector: Json | None) -> str:
    """A LabelSelector object as kubectl shows it."""
    parts = [f"{key}={value}" for key, value in sorted(((selector or {}).get("matchLabels") or {}).items())]
    for entry in (selector or {}).get("matchExpressions") or ():
        values = ",".join(sorted(entry.get("values") or ()))
        match entry["operator"]:
            case "In":
                parts.append(f"{entry['key']} in ({values})")
            case "NotIn":
                parts.append(f"{entry['key']} notin ({values})")
            case "Exists":
                parts.append(entry["key"])
            case _:
                parts.append(f"!{entry['key']}")
    return ",".join(parts)


META_FIELDS = ("metadata.name", "metadata.namespace")
INVOLVED = tuple(
    f"involvedObject.{name}"
    for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
)
FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    "events": (*INVOLVED, "reason", "reportingComponent", "source", "type"),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "services": ("spec.clusterIP", "spec.type"),
    "replicasets.apps": ("status.replicas",),
    "replicationcontrollers": ("status.replicas",),
    "jobs.batch": ("status.successful",),
}
LEGACY = {"pods", "events", "nodes", "namespaces", "secrets", "services", "replicationcontrollers"}
"""Kinds with a conversion function for field labels of their own, which words its refusal otherwise."""


def parse_fields(text: str, kind: Kind) -> Callable[[Json], bool]:
    """A test for a `fieldSelector` query. Raises 400 for a field that the kind does not offer."""
    terms: list[tuple[str, bool, str]] = []
    for part in filter(None, text.split(",")):
        found = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", part)
        if found is None:
            raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
        _check_field(found[1], kind)
        terms.append((found[1], found[2] == "!=", found[3]))
    return lambda obj: all((_field(obj, path) == wanted) != negated for path, negated, wanted in terms)


def _check_field(name: str, kind: Kind) -> None:
    if name in META_FIELDS or name in FIELDS.get(kind.key, ()) or name in _custom_fields(kind):
        return
    if kind.key in LEGACY:
        raise bad_request(f"field label not supported: {name}")
    raise bad_request(f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"')


def _custom_fields(kind: Kind) -> list[str]:
    entries = (kind.custom or {}).get("selectableFields") or ()
    return [str(entry["jsonPath"]).lstrip(".") for entry in entries]


def _field(obj: Json, path: str) -> str:
    value: Any = at(obj, *path.split("."))
    if path == "source":
        value = at(obj, "source", "component") or obj.get("reportingComponent")
    if path == "spec.unschedulable":
        return "true" if value else "false"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
