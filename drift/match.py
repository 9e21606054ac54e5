"""Netted changes + state + code -> drift items; what agrees with the code is no drift."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from lamplighter.core.operations import ByteEdit
from lamplighter.core.redaction import holds_secret
from lamplighter.drift import items
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.members import Member, held, held_elsewhere, keyed
from lamplighter.drift.model import Action, CodeAttribute, DriftItem, NetChange, Origin, StateResource
from lamplighter.drift.state import StateIndex
from lamplighter.drift.values import ABSENT, at, same


@dataclass
class Matched:
    """Drift items, and what became of the changes that are none."""

    items: list[DriftItem] = field(default_factory=list[DriftItem])
    outside: int = 0
    """Changes to resources that this state does not hold."""
    ignored: int = 0
    """Changes of attributes under lifecycle.ignore_changes."""
    services: int = 0
    """Changes of managed resources that an AWS service made."""
    applied: str = ""
    """Time of the last Terraform call on a resource of this state; empty where the trace has none."""
    unplaced: list[str] = field(default_factory=list[str])
    """Changes of managed resources that could not be compared, as one-line texts."""


class Against(NamedTuple):
    """What changes are compared with. `contents` are the bytes of the code's files."""

    state: StateIndex
    project: Project
    contents: Mapping[str, bytes]


_PARENTS = {
    "bucket": ("aws_s3_bucket", "bucket"),
    "role": ("aws_iam_role", "name"),
    "user": ("aws_iam_user", "name"),
}
"""What a setting that Terraform holds as a resource of its own belongs to: identity -> type, attribute."""

_ALIASES = {"aws_security_group": "aws_default_security_group"}
"""Types under which Terraform may hold the same thing."""


def match(changes: Iterable[NetChange], against: Against) -> Matched:
    """The drift that the changes leave, in a stable order."""
    matched = Matched()
    created: dict[_Place, list[NetChange]] = {}
    unheld: list[NetChange] = []
    for change in changes:
        resources = _find(change.resource_types, change.identity, change, against.state)
        if resources:
            _of_held(change, resources[0], against, matched)
        elif change.action == "create" and change.last.origin.outside:
            group = [change]
            created.update(dict.fromkeys(_places(change), group))
        else:
            unheld.append(change)
    for change in unheld:
        owners = [created[place] for place in _places(change) if place in created]
        if owners and change.last.origin.outside:
            owners[0].append(change)
        else:
            _of_unheld(change, against, matched)
    groups = {id(group): group for group in created.values()}
    matched.items += [items.unmanaged(group[0], group[1:]) for group in groups.values()]
    return matched


_Place: TypeAlias = tuple[str, str, str, str]
"""Account, region, service, and one of the names by which an event calls a resource."""


def _places(change: NetChange) -> list[_Place]:
    service = change.last.event.name.partition(":")[0]
    return [(change.account, change.region, service, name) for name in change.identity.values()]


def _of_held(change: NetChange, resource: StateResource, against: Against, matched: Matched) -> None:
    """A change of a resource that the state holds."""
    origin = change.last.origin
    own = (item.event.time for item in change.changes if item.origin is Origin.TERRAFORM)
    matched.applied = max(matched.applied, *own, "")
    if _takes_nothing(change, resource, against.state):
        if origin.outside:
            matched.unplaced.append(
                f"{resource.address}: {change.attribute} lost a member that the state does not hold"
                f" (event {change.last.event.event_id})"
            )
        return
    found = list(_drifts(change, resource, against))
    rivals = [item for rival in _rivals(change) for item in _drifts(rival, resource, against)]
    if change.rivals and (found or rivals):
        found = [replace(item, confidence=0.5) for item in found or rivals]
        named = ", ".join(sorted({item.event.event_id for item in (*change.rivals, change.last)}))
        matched.unplaced.append(
            f"{resource.address}: calls in one second disagree on {change.attribute or 'whether it exists'},"
            f" and the trace does not tell which came last (events {named})"
        )
    for item in found:
        if item.attribute and against.project.ignores(resource.address, item.attribute):
            matched.ignored += 1
        elif item.origin is Origin.SERVICE:
            matched.services += 1
        else:
            matched.items.append(item)


def _of_unheld(change: NetChange, against: Against, matched: Matched) -> None:
    """A change of a resource that neither the state nor a creation in the trace knows."""
    apart = _held_apart(change, against.state)
    if apart is not None:
        matched.items += _of_holder(change, apart, against)
        return
    parent = _parent(change, against.state) if change.last.origin.outside else None
    if parent is None:
        matched.outside += 1
        return
    # A bucket gained a policy, a role an inline policy: the code has no block for it yet.
    kind = change.resource_types[0]
    place = against.project.locate(parent.address)
    matched.items.append(
        items.managed(
            change,
            parent,
            "set",
            f"{kind}.{change.attribute}",
            None,
            change.value,
            place.location if place else None,
            assessed_as=(kind, change.attribute),
        )
    )


def _held_apart(change: NetChange, state: StateIndex) -> Member | None:
    """The resource of its own that holds an entry of something the state does not hold itself."""
    name, key = keyed(change.resource_types, change.attribute) or (change.attribute, "")
    members = held_elsewhere(state, change.resource_types, change.identity, name) if name else []
    alike = (item.key == key if key else same(item.value, change.value) for item in members)
    return next((item for item, found in zip(members, alike, strict=True) if found), None)


def _find(
    types: tuple[str, ...], identity: Mapping[str, str], change: NetChange, state: StateIndex
) -> list[StateResource]:
    wanted = (
        state.types()
        if types == ("*",)
        else (*types, *(_ALIASES[name] for name in types if name in _ALIASES))
    )
    return [item for item in state.find(wanted, identity) if not _elsewhere(item, change)]


def _elsewhere(resource: StateResource, change: NetChange) -> bool:
    """Whether its ARN names another account or region: names alone are unique in neither."""
    parts = str(resource.attributes.get("arn", "")).split(":", 5)
    if len(parts) != 6:
        return False
    region, account = parts[3], parts[4]
    return bool(
        (region and change.region and region != change.region)
        or (account and change.account and account != change.account)
    )


def _parent(change: NetChange, state: StateIndex) -> StateResource | None:
    """The managed resource that a setting with no resource of its own in the state belongs to."""
    for name, (kind, attribute) in _PARENTS.items():
        if change.action == "set" and change.value not in ABSENT and name in change.identity:
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


def _rivals(change: NetChange) -> Iterator[NetChange]:
    """The same change, as it would be had each of its rivals come last."""
    for rival in change.rivals:
        yield replace(
            change, action=rival.action, value=rival.value, changes=(*change.changes, rival), rivals=()
        )


def _drifts(change: NetChange, resource: StateResource, against: Against) -> Iterator[DriftItem]:
    match change.action:
        case "delete":
            yield _of_block(change, resource, against, None)
        case "create":
            # One that the state holds was deleted and made again: its settings are gone.
            if change.last.origin.outside and any(event.action == "delete" for event in change.changes):
                yield _of_block(change, resource, against, "made again outside Terraform")
        case "add" | "remove":
            yield from _member(change, resource, against)
        case "set" if (entry := keyed(change.resource_types, change.attribute)) is not None:
            yield from _entry(change, resource, against, *entry)
        case "set":
            for attribute, live in _settings(change, resource):
                yield from _setting(change, resource, against, attribute, live)


def _of_block(change: NetChange, resource: StateResource, against: Against, live: str | None) -> DriftItem:
    code = against.project.locate(resource.address)
    place = code.location if code else None
    return items.managed(change, resource, "delete", "", "present", live, place)


def _settings(change: NetChange, resource: StateResource) -> Iterator[tuple[str, Any]]:
    """A whole map of tags is compared tag by tag; the tags that AWS sets itself are not the code's."""
    if change.attribute != "tags" or not isinstance(change.value, Mapping):
        yield change.attribute, change.value
        return
    own, inherited = (resource.attributes.get(name) for name in ("tags", "tags_all"))
    before = {
        **(inherited if isinstance(inherited, Mapping) else {}),
        **(own if isinstance(own, Mapping) else {}),
    }
    for key in sorted({*before, *change.value}):
        if not key.startswith("aws:"):
            yield f"tags.{key}", change.value.get(key)


def _setting(
    change: NetChange, resource: StateResource, against: Against, attribute: str, live: Any
) -> Iterator[DriftItem]:
    stored = at(resource.attributes, attribute)
    code = against.project.locate(resource.address, attribute)
    # The code is what ought to be; the state may have been refreshed since and hold the drift already. What
    # Terraform itself set is compared with what it wrote down: the code may have moved on since.
    from_code = code is not None and code.known and code.text and change.last.origin is not Origin.TERRAFORM
    written = code.value if code is not None and from_code else stored
    if attribute.startswith("tags.") and written is None:
        written = stored
    if not same(written, live):
        location = code.location if code else None
        item = items.managed(change, resource, "set", attribute, written, live, location)
        secret = items.is_secret(resource, attribute)
        yield item if secret else replace(item, edit=_edit(code, live, against.contents))


def _member(change: NetChange, resource: StateResource, against: Against) -> Iterator[DriftItem]:
    """Something joined a set, or left it: a rule, an attachment, a membership."""
    holders = [
        item for item in held(against.state, resource, change.attribute) if same(item.value, change.value)
    ]
    code = against.project.locate(resource.address, change.attribute)
    place = code.location if code else None
    if change.action == "add" and not holders:
        yield items.managed(change, resource, "add", change.attribute, None, change.value, place)
    elif change.action == "remove" and holders:
        if holders[0].holder.address == resource.address:
            yield items.managed(change, resource, "remove", change.attribute, change.value, None, place)
        else:
            yield _of_block(change, holders[0].holder, against, None)


def _entry(
    change: NetChange, resource: StateResource, against: Against, name: str, key: str
) -> Iterator[DriftItem]:
    """An entry of a set that is told by its key: a route, a rule of a network ACL, a parameter."""
    known = [item for item in held(against.state, resource, name) if item.key == key]
    apart = [item for item in known if item.holder.address != resource.address]
    if apart:
        yield from _of_holder(change, apart[0], against)
        return
    before = known[0].value if known else None
    if same(before, change.value):
        return
    action: Action = "add" if not known else "remove" if change.value in ABSENT else "set"
    code = against.project.locate(resource.address, name)
    was, now = ({key: value} if value not in ABSENT else None for value in (before, change.value))
    yield items.managed(change, resource, action, name, was, now, code.location if code else None)


def _of_holder(change: NetChange, member: Member, against: Against) -> Iterator[DriftItem]:
    """An entry that has a resource of its own was changed, or taken away."""
    if change.action == "remove" or change.value in ABSENT:
        yield _of_block(change, member.holder, against, None)
    elif change.action == "set" and not same(member.value, change.value):
        code = against.project.locate(member.holder.address, member.attribute)
        place = code.location if code else None
        yield items.managed(change, member.holder, "set", member.attribute, member.value, change.value, place)


def _edit(code: CodeAttribute | None, live: Any, contents: Mapping[str, bytes]) -> ByteEdit | None:
    new = hcl_literal(live)
    if code is None or code.edit_range is None or new is None:
        return None
    start, end = code.edit_range
    old = contents[code.location.file][start:end].decode("utf-8", "replace")
    # An edit is kept and shown with the old text as well as the new, and code is no place for a secret.
    if holds_secret(old) or holds_secret(new):
        return None
    return ByteEdit(start=start, end=end, old=old, new=new)


def hcl_literal(value: Any) -> str | None:
    """A scalar as HCL writes it; None for what is not a scalar. Text is escaped, so it stays text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value) if math.isfinite(value) else None
    # `$${` as text of its own has no escape that every reader of HCL takes the same way.
    if isinstance(value, str) and value.isprintable() and not re.search(r"\$\$\{|%%\{", value):
        quoted = json.dumps(value, ensure_ascii=False)
        return quoted.replace("${", "$${").replace("%{", "%%{")
    return None
