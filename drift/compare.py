"""A change of a resource that the state holds, compared with what the code and the state say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from lamplighter.drift import catalogue, items
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.members import Member, held, keyed, sets
from lamplighter.drift.model import Action, CodeLocation, DriftItem, NetChange, Origin, StateResource
from lamplighter.drift.state import StateIndex
from lamplighter.drift.values import ABSENT, HIDDEN, at, same

_HIDDEN_CONFIDENCE = 0.7
"""Of a value that the trace hides: it was set, and may be what it was before."""


class _Succeeded(NamedTuple):
    """What an attribute of a version is once another took its place, and once yet another did."""

    attribute: str
    first: Any
    then: Any


_SUCCEEDED = {
    ("aws_secretsmanager_secret_version", "version_id"): _Succeeded("version_stages", ["AWSPREVIOUS"], [])
}
"""By type and attribute that names the latest version: Terraform goes on reading the version that it made, whose labels
move on (AWS Secrets Manager user guide, "Secret versions")."""


class Baseline(NamedTuple):
    """What changes are compared with. `contents` are the bytes of the code's files."""

    state: StateIndex
    project: Project
    contents: Mapping[str, bytes]

    def place(self, address: str, attribute: str = "") -> CodeLocation | None:
        """Where the code says it; None when the code read has no such block."""
        code = self.project.locate(address, attribute, compared=False)
        return code.location if code else None


def drifts(change: NetChange, resource: StateResource, baseline: Baseline) -> Iterator[DriftItem]:
    """What the change leaves different from the code; nothing where it agrees with it."""
    match change.action:
        case "delete":
            yield gone(change, resource, baseline)
        case "create":
            yield from _made_again(change, resource, baseline)
        case "add" | "remove":
            yield from _member(change, resource, baseline)
        case "set" if (entry := keyed(change.resource_types, change.attribute)) is not None:
            yield from _entry(change, resource, baseline, *entry)
        case "set":
            for attribute, live in _settings(change, resource):
                yield from _setting(change, resource, baseline, attribute, live)


def gone(
    change: NetChange, resource: StateResource, baseline: Baseline, live: str | None = None
) -> DriftItem:
    """The resource itself is no more; `live` says what is there instead, if anything."""
    return items.managed(change, resource, "delete", "", "present", live, baseline.place(resource.address))


def of_holder(change: NetChange, member: Member, baseline: Baseline) -> Iterator[DriftItem]:
    """An entry of a set that has a resource of its own was changed, or taken away."""
    if change.action == "remove" or change.value in ABSENT:
        yield gone(change, member.holder, baseline)
    elif change.action == "set" and not same(member.value, change.value):
        # A route that leads elsewhere names its new target in another attribute than its old one.
        before, after = member.attribute, member.place(change.value)
        parts = [(before, member.value, change.value)]
        if before != after:
            parts = [(before, member.value, ""), (after, "", change.value)]
        for attribute, was, now in parts:
            place = baseline.place(member.holder.address, attribute)
            yield items.managed(change, member.holder, "set", attribute, was, now, place)


def _made_again(change: NetChange, resource: StateResource, baseline: Baseline) -> Iterator[DriftItem]:
    """What is found by its name is the same resource to Terraform, with every setting back at its default."""
    deleted = [event for event in change.changes if event.action == "delete" and event.origin.outside]
    if not deleted or change.cause.origin is Origin.TERRAFORM:
        return
    if not change.cause.origin.outside:
        # A service that makes it anew is not to blame for what was in it.
        change = replace(change, changes=tuple(deleted))
    lost: list[DriftItem] = []
    if "id" not in change.identity and "unique_id" not in resource.attributes:
        for attribute in sorted(catalogue.load().settable(resource.type, change.cause.event.name)):
            before = at(resource.attributes, attribute)
            if before not in (*ABSENT, False, 0):
                place = baseline.place(resource.address, attribute)
                lost.append(items.managed(change, resource, "set", attribute, before, None, place))
    yield from lost or [gone(change, resource, baseline, "made again outside Terraform")]


def _settings(change: NetChange, resource: StateResource) -> Iterator[tuple[str, Any]]:
    """A whole map of tags is compared tag by tag; the tags that AWS sets itself are not the code's.

    A version that has a successor is told by what that leaves of it.
    """
    succeeded = _SUCCEEDED.get((resource.type, change.attribute))
    if succeeded is not None:
        later: set[Any] = set()
        for one in change.changes:
            made_by_code = same(one.value, at(resource.attributes, change.attribute))
            later = set() if made_by_code else later | {str(one.value)}
        if later:
            yield succeeded.attribute, succeeded.first if len(later) == 1 else succeeded.then
        return
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
    change: NetChange, resource: StateResource, baseline: Baseline, attribute: str, live: Any
) -> Iterator[DriftItem]:
    stored = at(resource.attributes, attribute)
    own = change.cause.origin is Origin.TERRAFORM
    code = baseline.project.locate(resource.address, attribute, compared=not own)
    # The code is what ought to be; the state may have been refreshed since and hold the drift already. What
    # Terraform itself set is compared with what it wrote down: the code may have moved on since.
    from_code = code is not None and code.known and code.text and not own
    written = code.value if code is not None and from_code else stored
    if attribute.startswith("tags.") and written is None and not _own_tag(resource, attribute):
        written = stored
    location = code.location if code else None
    if live == HIDDEN:
        if not own:
            item = items.managed(change, resource, "set", attribute, written, live, location)
            yield replace(item, confidence=_HIDDEN_CONFIDENCE)
    elif not same(written, live):
        for part, was, now in _parts(attribute, written, live):
            yield items.managed(change, resource, "set", part, was, now, location)


def _own_tag(resource: StateResource, attribute: str) -> bool:
    """Whether the state has the tag as the resource's own; others are the provider's `default_tags`."""
    tags = resource.attributes.get("tags")
    return isinstance(tags, Mapping) and attribute.removeprefix("tags.") in tags


def _parts(path: str, written: Any, live: Any) -> Iterator[tuple[str, Any, Any]]:
    """The parts of blocks that differ: as many blocks on both sides are compared one by one, else as a whole."""
    both = (written, live)
    if all(isinstance(side, list) and side and all(isinstance(b, Mapping) for b in side) for side in both):
        if len(written) == len(live):
            for was, now in zip(written, live, strict=True):
                if not same([was], [now]):
                    yield from _parts(path, was, now)
            return
    elif all(isinstance(side, Mapping) for side in both):
        for key in sorted(written.keys() | live.keys()):
            was, now = written.get(key), live.get(key)
            if not same(was, now) and not (was in (*ABSENT, False) and now in (*ABSENT, False)):
                yield from _parts(f"{path}.{key}", was, now)
        return
    yield path, written, live


def _member(change: NetChange, resource: StateResource, baseline: Baseline) -> Iterator[DriftItem]:
    """Something joined a set, or left it: a rule, an attachment, a membership."""
    holders = [
        item for item in held(baseline.state, resource, change.attribute) if same(item.value, change.value)
    ]
    if change.action == "add" and not holders:
        yield _joined(change, resource, baseline)
    elif change.action == "remove" and holders:
        yield _left(change, resource, holders[0], baseline)


def _joined(change: NetChange, resource: StateResource, baseline: Baseline) -> DriftItem:
    """Where the resource never holds such members itself, the new one is a resource that no code has."""
    apart = sets().get((resource.type, change.attribute))
    kind = apart.holders[0].type if apart and apart.inline is None and apart.holders else ""
    place = baseline.place(resource.address, "" if kind else change.attribute)
    if not kind:
        return items.managed(change, resource, "add", change.attribute, None, change.value, place)
    assessed = (kind, change.attribute)
    return items.managed(change, resource, "add", kind, None, change.value, place, assessed_as=assessed)


def _left(change: NetChange, resource: StateResource, member: Member, baseline: Baseline) -> DriftItem:
    """A holder of one member is gone with it; one of several has lost one."""
    holder = member.holder
    listed = holder.attributes.get(member.attribute)
    if holder.address == resource.address or (isinstance(listed, list) and len(listed) > 1):
        attribute = change.attribute if holder.address == resource.address else member.attribute
        place = baseline.place(holder.address, attribute)
        return items.managed(change, holder, "remove", attribute, change.value, None, place)
    return gone(change, holder, baseline)


def _entry(
    change: NetChange, resource: StateResource, baseline: Baseline, name: str, key: str
) -> Iterator[DriftItem]:
    """An entry of a set that is told by its key: a route, a rule of a network ACL, a parameter."""
    known = [item for item in held(baseline.state, resource, name) if item.key == key]
    apart = [item for item in known if item.holder.address != resource.address]
    if apart:
        yield from of_holder(change, apart[0], baseline)
        return
    before = known[0].value if known else None
    if same(before, change.value):
        return
    action: Action = "add" if not known else "remove" if change.value in ABSENT else "set"
    was, now = ({key: value} if value not in ABSENT else None for value in (before, change.value))
    yield items.managed(change, resource, action, name, was, now, baseline.place(resource.address, name))
