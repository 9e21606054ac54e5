"""The resources of a plan, as the state recorded them and as they are live: which of them hold a setting of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from lamplighter.drift.members import held
from lamplighter.drift.model import Action, StateResource
from lamplighter.drift.plan_differences import Difference, Sides
from lamplighter.drift.plan_filters import Shadow
from lamplighter.drift.plan_values import same
from lamplighter.drift.state import StateIndex, read_resources
from lamplighter.tools.terraform_files import StateFile

Source = Literal["drift", "change"]


class Holders:
    """Of one plan document. What a resource gained outside of Terraform is held by what is live, what it lost by what
    the state recorded."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        prior = document.get("prior_state")
        read = read_resources(StateFile("plan", "show", dict(prior))) if isinstance(prior, Mapping) else None
        live = read.resources if read is not None else []
        recorded: dict[str, StateResource] = {}
        drifted = document.get("resource_drift")
        for entry in drifted if isinstance(drifted, list) else []:
            if isinstance(entry, Mapping) and isinstance(entry.get("change"), Mapping):
                values = _mapping(entry["change"].get("before"))
                recorded[str(entry.get("address"))] = resource_of(str(entry.get("type")), values)
        others = [item for item in live if item.address not in recorded]
        self._live = StateIndex(live)
        self._recorded = StateIndex([*others, *recorded.values()])
        self.addresses = frozenset(item.address for item in live) | recorded.keys()
        """Of the state that Terraform read, what is gone since included."""

    def holds(self, shadow: Shadow, sides: Sides, item: Difference, source: Source) -> bool:
        """Whether a resource of the shadow's type holds the attribute, or the member of it that came or went."""
        parent = _either(sides)
        member = item.after if item.action == "add" else item.before
        return any(
            shadow.is_linked(holder.attributes, parent)
            and (item.action == "set" or _is_member(shadow, holder.attributes, member))
            for state in self._states(source, item.action)
            for holder in state.of_type(shadow.held_by)
        )

    def inline_rules(self, kind: str, group: Any, attribute: str) -> list[Any]:
        """The rules in a security group's own attribute, one a source."""
        resource = resource_of(kind, _mapping(group))
        return [item.value for item in held(StateIndex(()), resource, attribute)]

    def separate_rules(
        self, kind: str, sides: Sides, attribute: str, source: Source, action: Action
    ) -> list[Any]:
        """The rules that resources of their own hold for a security group."""
        bare = resource_of(kind, {"id": _either(sides).get("id")})
        return [item.value for state in self._states(source, action) for item in held(state, bare, attribute)]

    def _states(self, source: Source, action: Action) -> tuple[StateIndex, ...]:
        if source == "drift" and action == "add":
            return (self._live,)
        if source == "drift" and action == "remove":
            return (self._recorded,)
        return self._live, self._recorded


def resource_of(kind: str, values: Mapping[str, Any]) -> StateResource:
    """A resource of a plan, where only its type and attributes matter."""
    return StateResource(address="", type=kind, name="", module="", provider="", attributes=values)


def _is_member(shadow: Shadow, holder: Mapping[str, Any], member: Any) -> bool:
    return all(
        same(_mapping(member).get(part) if part else member, holder.get(theirs))
        for part, theirs in shadow.member.items()
    )


def _either(sides: Sides) -> Mapping[str, Any]:
    return _mapping(sides.before) or _mapping(sides.after)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
