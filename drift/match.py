"""Netted changes + state + code -> drift items; what agrees with the code is no drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, TypeAlias

from lamplighter.drift import items
from lamplighter.drift.compare import Baseline, drifts, of_holder
from lamplighter.drift.dependents import dependents
from lamplighter.drift.members import Member, held, held_elsewhere, keyed
from lamplighter.drift.model import Action, DriftItem, NetChange, Origin, StateResource
from lamplighter.drift.state import StateIndex
from lamplighter.drift.values import ABSENT, same


@dataclass
class Matched:
    """Drift items, and what became of the changes that are none."""

    items: list[DriftItem] = field(default_factory=list[DriftItem])
    outside: int = 0
    """Changes to resources that this state does not hold."""
    ignored: int = 0
    """Changes of attributes under lifecycle.ignore_changes."""
    held: int = 0
    """Changes of resources that this state holds."""
    services: int = 0
    """Changes of managed resources that an AWS service made."""
    applied: str = ""
    """Time of the last Terraform call on a resource of this state; empty where the trace has none."""
    unplaced: list[str] = field(default_factory=list[str])
    """Changes of managed resources that could not be compared, as one-line texts."""


_PARENTS = {
    "bucket": ("aws_s3_bucket", "bucket"),
    "role": ("aws_iam_role", "name"),
    "user": ("aws_iam_user", "name"),
}
"""What a setting that Terraform holds as a resource of its own belongs to: identity -> type, attribute."""

_ALIASES = {"aws_security_group": "aws_default_security_group"}
"""Types under which Terraform may hold the same thing."""


def match(changes: Iterable[NetChange], baseline: Baseline) -> Matched:
    """The drift that the changes leave, in a stable order."""
    matched = Matched()
    unheld: list[NetChange] = []
    for change in changes:
        resources = _find(change.resource_types, change.identity, change, baseline.state)
        if resources:
            _of_held(change, resources[0], baseline, matched)
        else:
            unheld.append(change)
    _deleted_along(baseline, matched)
    rest = [change for change in unheld if not _of_part(change, baseline, matched)]
    _unmanaged(rest, matched)
    return matched


def _of_held(change: NetChange, resource: StateResource, baseline: Baseline, matched: Matched) -> None:
    """A change of a resource that the state holds."""
    matched.held += 1
    origin = change.cause.origin
    own = (item.event.time for item in change.changes if item.origin is Origin.TERRAFORM)
    matched.applied = max(matched.applied, *own, "")
    if _takes_nothing(change, resource, baseline.state):
        if origin.outside:
            matched.unplaced.append(
                f"{resource.address}: {change.attribute} lost a member that the state does not hold"
                f" (event {change.cause.event.event_id})"
            )
        return
    found = list(drifts(change, resource, baseline))
    rivals = [item for rival in _rivals(change) for item in drifts(rival, resource, baseline)]
    if change.rivals and (found or rivals):
        found = [replace(item, confidence=0.5) for item in found or rivals]
        named = ", ".join(sorted({item.event.event_id for item in (*change.rivals, change.changes[-1])}))
        matched.unplaced.append(
            f"{resource.address}: calls in one second disagree on {change.attribute or 'whether it exists'},"
            f" and the trace does not tell which came last (events {named})"
        )
    if change.action == "add" and origin.outside and not found and not _written(change, resource, baseline):
        matched.unplaced.append(
            f"{resource.address}: {change.attribute} gained a member by hand that the state holds already;"
            f" whether the code does could not be told (event {change.cause.event.event_id})"
        )
    for item in found:
        if item.attribute and baseline.project.ignores(resource.address, item.attribute):
            matched.ignored += 1
        elif item.origin is Origin.SERVICE:
            matched.services += 1
        elif item.attribute and baseline.project.is_sensitive(
            item.address or resource.address, item.attribute
        ):
            matched.items.append(items.hidden(item))
        else:
            matched.items.append(item)


def _deleted_along(baseline: Baseline, matched: Matched) -> None:
    """What the cloud deletes with its owner is gone for Terraform too, by the same call."""
    deleted = {
        item.address: item for item in matched.items if item.action == "delete" and not item.live_value
    }
    told = set(deleted)
    for address, item in deleted.items():
        owner = next(resource for resource in baseline.state.resources if resource.address == address)
        for resource in dependents(owner, baseline.state):
            if resource.address not in told:
                told.add(resource.address)
                matched.items.append(items.along(item, resource, baseline.place(resource.address)))


def _of_part(change: NetChange, baseline: Baseline, matched: Matched) -> bool:
    """Whether the change concerns a part of something the state knows, though not the thing itself."""
    apart = _held_apart(change, baseline.state)
    if apart is not None:
        told = any(
            item.address == apart.holder.address and change.cause.event in item.events
            for item in matched.items
        )
        # A membership has two ends, and a call is read from both: it is one change of what holds it.
        matched.items += [] if told else of_holder(change, apart, baseline)
        return True
    parent = _parent(change, baseline.state) if change.cause.origin.outside else None
    if parent is None:
        return False
    inline = _inline_policy(change, parent)
    if inline is not None:
        matched.items += _of_inline(change, parent, inline, baseline)
        return True
    if change.action != "set":
        return False
    # A bucket gained a policy, a role an inline policy: the code has no block for it yet.
    kind = change.resource_types[0]
    matched.items.append(
        items.managed(
            change,
            parent,
            "set",
            f"{kind}.{change.attribute}",
            None,
            change.value,
            baseline.place(parent.address),
            assessed_as=(kind, change.attribute),
        )
    )
    return True


def _inline_policy(change: NetChange, parent: StateResource) -> Mapping[str, Any] | None:
    """The block of that name in the role itself, where the policy has no resource of its own."""
    blocks = parent.attributes.get("inline_policy")
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, Mapping) and block.get("name") == change.identity.get("name"):
            return block
    return None


def _of_inline(
    change: NetChange, parent: StateResource, block: Mapping[str, Any], baseline: Baseline
) -> Iterator[DriftItem]:
    removed = change.action == "delete"
    if removed or not same(block.get("policy"), change.value):
        place = baseline.place(parent.address, "inline_policy")
        action: Action = "remove" if removed else "set"
        live = None if removed else change.value
        yield items.managed(change, parent, action, "inline_policy", block.get("policy"), live, place)


_Place: TypeAlias = tuple[str, str, str, frozenset[str]]
"""Account, region, service, and the names by which an event calls a resource."""


def _unmanaged(changes: Iterable[NetChange], matched: Matched) -> None:
    """Resources that somebody made, each with what was done to it afterwards; the rest is only counted."""
    made: dict[_Place, list[NetChange]] = {}
    # What is made outright first: what a later call may have made is then known to be a part of it.
    for change in sorted(changes, key=lambda change: change.action != "create"):
        outside = change.cause.origin.outside
        owner = next((made[place] for place in _places(change) if place in made), None)
        if outside and owner is not None and change.action != "create":
            owner.append(change)
        elif outside and (change.action == "create" or (change.cause.upsert and change.action == "set")):
            made.setdefault(_place(change, change.identity.values()), []).append(change)
        else:
            matched.outside += 1
    matched.items += [items.unmanaged(group[0], group[1:]) for group in made.values()]


def _place(change: NetChange, names: Iterable[str]) -> _Place:
    service = change.cause.event.name.partition(":")[0]
    return change.account, change.region, service, frozenset(names)


def _places(change: NetChange) -> Iterator[_Place]:
    """Of whatever the change may be a part: its own names, or some of them."""
    names = list(change.identity.values())
    for count in range(len(names), 0, -1):
        yield from (_place(change, some) for some in combinations(names, count))


def _held_apart(change: NetChange, state: StateIndex) -> Member | None:
    """The resource of its own that holds an entry of something the state does not hold itself."""
    name, key = keyed(change.resource_types, change.attribute) or (change.attribute, "")
    members = held_elsewhere(state, change.resource_types, change.identity, name) if name else []
    for member in members:
        if member.key == key if key else same(member.value, change.value):
            return member
    return None


def _find(
    types: tuple[str, ...], identity: Mapping[str, str], change: NetChange, state: StateIndex
) -> list[StateResource]:
    wanted = (
        state.types()
        if types == ("*",)
        else (*types, *(_ALIASES[name] for name in types if name in _ALIASES))
    )
    named = state.find(wanted, identity)
    found = [item for item in named if not state.layout.beyond(item, change.account, change.region)]
    # By an id alone more than one type may answer: tags are the business of the one that has some.
    return sorted(found, key=lambda item: "tags" not in item.attributes) if types == ("*",) else found


def _parent(change: NetChange, state: StateIndex) -> StateResource | None:
    """The managed resource that a setting with no resource of its own in the state belongs to."""
    for name, (kind, attribute) in _PARENTS.items():
        if (change.action == "delete" or change.value not in ABSENT) and name in change.identity:
            found = _find((kind,), {attribute: change.identity[name]}, change, state)
            if found and found[0].type not in change.resource_types:
                return found[0]
    return None


def _takes_nothing(change: NetChange, resource: StateResource, state: StateIndex) -> bool:
    """Whether something was taken away that neither the state nor the trace had before."""
    if change.action != "remove":
        return False
    known = any(same(item.value, change.value) for item in held(state, resource, change.attribute))
    return not known and not any(event.action == "add" for event in change.changes)


def _written(change: NetChange, resource: StateResource, baseline: Baseline) -> bool:
    """Whether the state holds the member for the code's sake: by a resource of its own, or with its words in the file.

    A state that was refreshed since holds what was added by hand as well.
    """
    holders = [
        item.holder
        for item in held(baseline.state, resource, change.attribute)
        if same(item.value, change.value)
    ]
    if any(holder.address != resource.address for holder in holders):
        return True
    place = baseline.place(resource.address, change.attribute)
    text = baseline.contents.get(place.file, b"").decode("utf-8", "replace") if place else ""
    words = change.value.values() if isinstance(change.value, Mapping) else [change.value]
    return all(str(word) in text for word in words if word not in ("-1", 0))


def _rivals(change: NetChange) -> Iterator[NetChange]:
    """The same change, as it would be had each of its rivals come last."""
    for rival in change.rivals:
        yield replace(
            change, action=rival.action, value=rival.value, changes=(*change.changes, rival), rivals=()
        )
