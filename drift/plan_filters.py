"""The tables of planned.toml: what a plan lists although nobody changed it, and why."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, NamedTuple


class Shadow(NamedTuple):
    """An attribute of `type` that repeats what a resource of type `held_by` holds; see planned.toml."""

    type: str
    attribute: str
    held_by: str
    link: Mapping[str, str]
    reason: str
    where: Mapping[str, Any] = {}
    member: Mapping[str, str] = {}

    def is_linked(self, holder: Mapping[str, Any], parent: Mapping[str, Any]) -> bool:
        """Whether a holder belongs to the resource that repeats it."""
        pairs = [(holder.get(theirs), parent.get(ours)) for theirs, ours in self.link.items()]
        return all(one is not None and one == other for one, other in pairs) and all(
            holder.get(key) == value for key, value in self.where.items()
        )


class Derived(NamedTuple):
    """An attribute that follows from another one; with `same_key`, `attribute.KEY` follows `follows.KEY`."""

    type: str
    attribute: str
    follows: str
    reason: str
    same_key: bool = False

    def explains(self, kind: str, attribute: str, others: frozenset[str]) -> bool:
        """Whether a difference of a resource type follows from one of the `others` (attribute paths)."""
        if self.type not in ("*", kind) or not f"{attribute}.".startswith(f"{self.attribute}."):
            return False
        key = attribute.removeprefix(self.attribute) if self.same_key else ""
        return f"{self.follows}{key}" in others


@dataclass(frozen=True, slots=True)
class Filters:
    """`rules` maps (type, attribute) and `computed` (type or "*", attribute) to the reason; `unread` as `computed`."""

    shadows: tuple[Shadow, ...]
    derived: tuple[Derived, ...]
    rules: Mapping[tuple[str, str], str]
    computed: Mapping[tuple[str, str], str]
    unset: Mapping[tuple[str, str], tuple[str, str]]
    """Type and attribute path: the value that says that nothing is set, and the reason."""
    unread: frozenset[tuple[str, str]]
    """Types and attributes that a provider keeps as the state has them: a refresh never shows a change of those."""

    def shadows_of(self, kind: str, attribute: str) -> list[Shadow]:
        """The entries for an attribute path of a resource type."""
        top = attribute.partition(".")[0]
        return [rule for rule in self.shadows if rule.type == kind and rule.attribute == top]

    def sets(self, kind: str) -> frozenset[str]:
        """Attributes of a type whose members are told apart, so they are sets also where no schema says it."""
        return frozenset(rule.attribute for rule in self.shadows if rule.type == kind and rule.member)

    def why_unset(self, kind: str, attribute: str, values: Sequence[Any]) -> str:
        """Why none of the values sets anything; empty where one does."""
        path = ".".join(part for part in attribute.split(".") if not part.isdecimal())
        value, reason = self.unset.get((kind, path), (None, ""))
        return reason if all(item in (None, "", value) for item in values) else ""

    def is_unread(self, kind: str, path: Sequence[str]) -> bool:
        return any(
            (kind, ".".join(path[:count])) in self.unread or ("*", path[count - 1]) in self.unread
            for count in range(1, len(path) + 1)
        )

    def why_computed(self, kind: str, attribute: str) -> str:
        """Why an attribute is the provider's alone; empty when it is not known to be."""
        return self.computed.get(("*", attribute)) or self.computed.get((kind, attribute), "")


@cache
def filters() -> Filters:
    """The tables, read once."""
    tables = tomllib.loads(
        resources.files("lamplighter.drift").joinpath("planned.toml").read_text(encoding="utf-8")
    )
    return Filters(
        shadows=tuple(Shadow(**entry) for entry in tables["shadow"]),
        derived=tuple(Derived(**entry) for entry in tables["derived"]),
        rules={
            (entry["type"], name): entry["reason"]
            for entry in tables["rules"]
            for name in entry["attributes"]
        },
        computed={
            (entry.get("type", "*"), name): entry["reason"]
            for entry in tables["computed"]
            for name in entry["names"]
        },
        unset={
            (entry["type"], entry["attribute"]): (entry["value"], entry["reason"])
            for entry in tables["unset"]
        },
        unread=frozenset(
            (entry.get("type", "*"), name) for entry in tables["unread"] for name in entry["names"]
        ),
    )
