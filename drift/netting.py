"""What is left of many changes: one value for each resource and attribute, whatever order the trace came in.

The last event wins. A trace's times are whole seconds: of two events in one the later one cannot be told, so the
order of their ids decides, which does not depend on the order of files, and the others are kept as rivals. A deletion
ends what came before it and stays itself, even after a creation within the trace: some creations succeed on what was
there already (`sqs:CreateQueue`), so only the state can tell whether the resource was the code's. The state also tells
what was set *back*: the matcher drops what agrees with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

from lamplighter.core.canonical import canonical_json
from lamplighter.drift.model import Change, NetChange

_Resource: TypeAlias = tuple[str, str, str, tuple[tuple[str, str], ...]]
_Slot: TypeAlias = tuple[_Resource, tuple[str, ...], str, bytes]
_Moment: TypeAlias = tuple[str, int, str]


def net(changes: Iterable[Change]) -> list[NetChange]:
    """Changes in any order, repeated or not -> what is left, sorted by resource and attribute."""
    slots: dict[_Slot, list[Change]] = defaultdict(list)
    ends: dict[tuple[_Resource, tuple[str, ...]], _Moment] = {}
    last_end: dict[_Resource, _Moment] = {}
    whole: dict[_Resource, _Moment] = {}
    created: set[tuple[_Resource, tuple[str, ...]]] = set()
    for change in sorted(changes, key=_sorted_by):
        resource, types = _resource(change), change.resource_types
        if change.action == "create":
            created.add((resource, types))
        elif change.action == "delete":
            ends[resource, types] = last_end[resource] = _moment(change)
            if (resource, types) in created:
                whole[resource] = _moment(change)
        group = slots[_slot(change)]
        if change not in group[-1:]:
            group.append(change)
    left: list[NetChange] = []
    for (resource, types, _, _), group in slots.items():
        end = max(ends.get((resource, types), _NEVER), whole.get(resource, _NEVER))
        if types == ("*",):
            end = max(end, last_end.get(resource, _NEVER))
        if _moment(group[-1]) >= end:
            left.append(_net(group))
    return sorted(_without_undone_deletions(left), key=_order)


_NEVER: _Moment = ("", 0, "")


def _moment(change: Change) -> _Moment:
    """When, and in what order within a second: ids are never given twice, so their creation is first, deletion last."""
    rank = {"create": -1, "delete": 1}.get(change.action, 0) if "id" in change.identity else 0
    return _second(change), rank, change.event.event_id


def _second(change: Change) -> str:
    """Without its `Z` a time of whole seconds sorts before the fractions of the same second."""
    return change.event.time.removesuffix("Z")


def _sorted_by(change: Change) -> tuple[_Moment, str, bytes]:
    return _moment(change), change.attribute, canonical_json([change.action, change.value])


def _resource(change: Change) -> _Resource:
    service = change.event.name.partition(":")[0]
    return change.account, change.region, service, tuple(sorted(change.identity.items()))


def _slot(change: Change) -> _Slot:
    """Members of a set-like attribute have a slot each; creation and deletion share one."""
    member = canonical_json(change.value) if change.action in ("add", "remove") else b""
    return _resource(change), change.resource_types, change.attribute, member


def _net(group: list[Change]) -> NetChange:
    last = group[-1]
    return NetChange(
        resource_types=last.resource_types,
        identity=last.identity,
        account=last.account,
        region=last.region,
        action=last.action,
        attribute=last.attribute,
        value=last.value,
        changes=tuple(group),
        rivals=tuple(change for change in group[:-1] if _rivals(change, last)),
    )


def _rivals(change: Change, last: Change) -> bool:
    """Whether which of the two came last decides what is live, and the trace does not tell."""
    at_once = _moment(change)[:2] == _moment(last)[:2]
    return at_once and (change.action, change.value) != (last.action, last.value)


def _without_undone_deletions(left: list[NetChange]) -> list[NetChange]:
    """A deletion before a later setting of the same resource no longer holds: it must be there again."""
    written: dict[tuple[_Resource, tuple[str, ...]], _Moment] = {}
    for item in left:
        if item.action != "delete":
            last = item.changes[-1]
            key = _resource(last), item.resource_types
            written[key] = max(written.get(key, _NEVER), _moment(last))
    kept: list[NetChange] = []
    for item in left:
        last = item.changes[-1]
        if item.action != "delete" or _moment(last) > written.get(
            (_resource(last), item.resource_types), _NEVER
        ):
            kept.append(item)
    return kept


def _order(item: NetChange) -> tuple[tuple[str, ...], bytes, str, bytes, str, str]:
    return (
        item.resource_types,
        canonical_json(dict(item.identity)),
        item.attribute,
        canonical_json([item.action, item.value]),
        item.account,
        item.region,
    )
