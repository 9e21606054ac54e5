"""Members of sets that joined or left by hand: rules, routes, entries, attachments, memberships, parameters.

The code's own way is kept: a group with rules inside of it gets another inside, one whose rules stand alone gets
another that stands alone, and a collection that makes several of them gets one more member, where a member can say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lamplighter.drift import members as sets
from lamplighter.drift.catalogue.transforms import listed, lookup, plain
from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.evaluate import Scope
from lamplighter.drift.hcl.modules import Instance
from lamplighter.drift.hcl.syntax import Block
from lamplighter.drift.members import Holder, Set
from lamplighter.drift.model import DriftItem, StateResource
from lamplighter.drift.patch import blocks, shapes
from lamplighter.drift.patch.attributes import with_value, without_value
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.collections import Place, including
from lamplighter.drift.patch.fitting import fit
from lamplighter.drift.patch.importing import imported
from lamplighter.drift.patch.inline import Inline, inline_added, inline_removed
from lamplighter.drift.patch.model import Candidate
from lamplighter.drift.patch.references import to_attribute, to_value
from lamplighter.drift.patch.statements import Draft


class Change(NamedTuple):
    """A member that joined or left: the set, the resource it is of as state and code have it, and the member."""

    item: DriftItem
    found: Set
    resource: StateResource
    block: Block
    instance: Instance
    scope: Scope
    member: Any

    def inline(self, code: Code) -> Inline:
        described = str(_told(self, code).get("description") or "") if self.item.action == "add" else ""
        name, owner = self.found.attribute, self.resource
        return Inline(name, owner, self.block, self.instance, self.scope, self.member, described)


def rules(item: DriftItem, code: Code) -> Iterator[Candidate]:
    """What adds the member to the code, or takes it out; nothing for an item that is neither."""
    change = _change(item, code) if item.action in ("add", "remove") else None
    if change is None:
        return
    if item.action == "remove":
        yield from _removed(change, code)
    elif _is_inline(change):
        yield from _added_inline(change, code)
    else:
        yield from _added_apart(change, code)


def _change(item: DriftItem, code: Code) -> Change | None:
    if item.address is None:
        return None
    resource, seen = code.stored.get(item.address), code.project.seen(item.address)
    found = _set(resource, item) if resource is not None else None
    if resource is None or seen is None or found is None:
        return None
    member = item.live_value if item.action == "add" else item.code_value
    return Change(item, found, resource, *seen, member)


def _set(resource: StateResource, item: DriftItem) -> Set | None:
    """The set of an attribute, or of the type that its members have where they are resources of their own."""
    known = sets.sets().get((resource.type, item.attribute))
    if known is not None:
        return known
    for (kind, _), one in sets.sets().items():
        if kind == resource.type and any(holder.type == item.attribute for holder in one.holders):
            return one
    plain = isinstance(resource.attributes.get(item.attribute), list)
    return Set((resource.type,), item.attribute, sets.Atom(), ()) if plain else None


def _is_inline(change: Change) -> bool:
    """Whether the code holds such members in the resource itself."""
    if change.found.inline is None:
        return False
    if not change.found.holders:
        return True
    body, names = change.block.body, {change.found.attribute}
    if change.found.attribute in ("ingress", "egress"):
        # A group whose rules of one direction are in it would fight with rules of the other that are not.
        names = {"ingress", "egress"}
    return any(
        name in body.attributes
        or body.of_type(name)
        or any(block.labels == (name,) for block in body.of_type("dynamic"))
        for name in names
    )


def _is_value(change: Change) -> bool:
    """Whether members are plain values of a list, and no blocks."""
    return change.found.inline is not None and change.found.inline == sets.Atom()


def _added_inline(change: Change, code: Code) -> Iterator[Candidate]:
    if _is_value(change):
        yield from with_value(change.found.attribute, change.member, change.resource, code)
    else:
        yield from inline_added(change.inline(code), code)


def _removed(change: Change, code: Code) -> Iterator[Candidate]:
    if _is_value(change) or change.found.inline is None:
        yield from without_value(change.item.attribute, change.member, change.resource, code)
    else:
        yield from inline_removed(change.inline(code), code)


def _added_apart(change: Change, code: Code) -> Iterator[Candidate]:
    holders = _preferred(change, code)
    for holder in holders:
        wanted = shapes.separate(holder.type, change.found.attribute, change.member)
        if wanted is None:
            continue
        values = {**_links(holder, change.resource), **wanted}
        if len(holder.atom.value) == 1 and not isinstance(change.member, Mapping):
            values |= {holder.atom.value[0]: change.member}
        yield from _in_repeated(change, holder, values, code)
        yield from _in_listing(change, holder, code)
    shared = list(_in_shared(change, code))
    yield from shared
    for holder in holders[:1] if not shared else ():
        yield from _as_block(change, holder, code)


def _in_shared(change: Change, code: Code) -> Iterator[Candidate]:
    """One more name in the list of what holds a policy's attachments alone, and would take any other away."""
    for holder in change.found.holders:
        for name, of_parent in holder.link.items() if holder.type == "aws_iam_policy_attachment" else ():
            for resource in code.index.of_type(holder.type):
                parsed = addresses.parse(resource.address)
                if parsed is not None and resource.attributes.get("policy_arn") == change.member:
                    own = to_attribute(code, parsed.modules, change.resource, of_parent)
                    value = own or change.resource.attributes.get(of_parent)
                    yield from with_value(name, value, resource, code)


def _links(holder: Holder, resource: StateResource) -> dict[str, Any]:
    return {name: resource.attributes.get(of_parent) for name, of_parent in holder.link.items()}


def _preferred(change: Change, code: Code) -> list[Holder]:
    """The types that may hold the member: those that hold others of this set first, then those used anywhere."""
    own = {
        member.holder.type
        for member in sets.held(code.index, change.resource, change.found.attribute)
        if member.holder.address != change.resource.address
    }
    fitting = [
        holder
        for holder in change.found.holders
        if not holder.type.endswith("_exclusive")
        and "roles" not in holder.link
        and "users" not in holder.link
    ]
    rank = {holder.type: (holder.type not in own, not code.index.of_type(holder.type)) for holder in fitting}
    return sorted(fitting, key=lambda holder: rank[holder.type])


def _in_repeated(
    change: Change, holder: Holder, values: Mapping[str, Any], code: Code
) -> Iterator[Candidate]:
    """One more member of the collection behind resources that are made with for_each."""
    for (kind, name), block in change.instance.module.resources.items():
        if kind != holder.type or "for_each" not in block.body.attributes:
            continue
        found = fit(block.body, change.instance.scope, values)
        if found is None or not found.key:
            continue
        base = f"{change.instance.prefix}{kind}.{name}["
        peers = [
            str(parsed.key)
            for item in code.index.of_type(kind)
            if item.address.startswith(base) and (parsed := addresses.parse(item.address)) is not None
        ]
        place = Place(block.body.attributes["for_each"].expression, change.instance, block)
        for rule, draft in including(place, found.key, found.value, code, peers):
            address = f"{base}{addresses.quote(found.key)}]"
            yield from _imported(draft, address, holder, change, values, f"for_each {rule}")


def _in_listing(change: Change, holder: Holder, code: Code) -> Iterator[Candidate]:
    """A value of a list that another resource holds for this one: the policies of an exclusive attachment."""
    for member in sets.held(code.index, change.resource, change.found.attribute):
        listed = member.holder.attributes.get(holder.atom.value[0]) if holder.atom.value else None
        if member.holder.type == holder.type and isinstance(listed, list):
            yield from with_value(holder.atom.value[0], change.member, member.holder, code)


def _as_block(change: Change, holder: Holder, code: Code) -> Iterator[Candidate]:
    """A resource of its own, below those that are there."""
    wanted = shapes.separate(holder.type, change.found.attribute, change.member)
    home = blocks.home_of(code, change.resource.address)
    if wanted is None or home is None:
        return
    attributes: dict[str, Any] = {}
    provider = blocks.provider_like(code, home, change.resource.address)
    if provider is not None:
        attributes["provider"] = provider
    described = _told(change, code).get("description")
    for name, of_parent in holder.link.items():
        own = change.resource.attributes.get(of_parent)
        attributes[name] = to_attribute(code, home.modules, change.resource, of_parent) or own
    if not wanted and len(holder.atom.value) == 1:
        wanted = {holder.atom.value[0]: change.member}
    attributes |= {name: to_value(code, home.modules, value) or value for name, value in wanted.items()}
    if described and holder.type.startswith(("aws_vpc_security_group_", "aws_security_group_rule")):
        attributes["description"] = described
    name = blocks.name_of(home, holder.type, *_hints(change))
    text = blocks.written(holder.type, name, attributes)
    if text is None:
        return
    draft = Draft(code)
    siblings = [other.type for other in change.found.holders]
    blocks.put(draft, home, holder.type, text, change.resource.address, siblings)
    values = {**_links(holder, change.resource), **wanted}
    yield from _imported(
        draft, home.address(holder.type, name), holder, change, values, "resource of its own"
    )


def _hints(change: Change) -> list[str]:
    """Words for a name: what it belongs to, and what it says."""
    parsed = addresses.parse(change.resource.address)
    own = (
        [str(change.resource.attributes.get("name") or "")]
        if parsed is None or parsed.name in ("this", "main")
        else [parsed.name]
    )
    own += [str(parsed.key)] if parsed is not None and parsed.key is not None else []
    member = change.member
    match member:
        case {"protocol": protocol, "from_port": port}:
            return [*own, "all" if protocol == "-1" else f"{protocol} {port}"]
        case Mapping():
            return [*own, *(str(key) for key in member)]
        case _:
            text = str(member).rpartition("/")[2]
            return [*own, re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)]


def _imported(
    draft: Draft, address: str, holder: Holder, change: Change, values: Mapping[str, Any], rule: str
) -> Iterator[Candidate]:
    known = dict(values)
    member = change.member
    if isinstance(member, Mapping):
        known["source"] = member.get("source")
        known["destination"] = next(iter(member), "")
    known["id"] = _told(change, draft.code).get("securityGroupRuleId")
    note = imported(draft, address, holder.type, known)
    candidate = draft.candidate(rule, note)
    if candidate is not None:
        yield candidate


def _told(change: Change, code: Code) -> Mapping[str, Any]:
    """The rule as the call's answer has it: its id, and what it is described by; empty where no record is at hand."""
    member = change.member
    for event in change.item.events:
        record = plain(code.records.get(event.event_id, {}))
        for rule in listed(lookup(record, "responseElements.securityGroupRuleSet")):
            sources = {rule.get("cidrIpv4"), rule.get("cidrIpv6"), rule.get("prefixListId")}
            sources |= {lookup(rule, "referencedGroupInfo.groupId")}
            ports = (rule.get("fromPort"), rule.get("toPort"))
            if not isinstance(member, Mapping) or member.get("source") not in sources:
                continue
            if member.get("protocol") == "-1" or ports == (member.get("from_port"), member.get("to_port")):
                return dict(rule)
    return {}
