"""What is left of many changes: one value for each resource and attribute, whatever order the trace came in.

The last event wins; ties in a second are broken by the event's id, so that the result does not depend on the
order of files. What was created and deleted within the trace leaves nothing. Whether something was set *back*
only the state can tell, so the matcher drops what agrees with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

from lamplighter.core.canonical import canonical_json
from lamplighter.drift.model import Change, NetChange

_Resource: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]
_Slot: TypeAlias = tuple[_Resource, tuple[str, ...], str, bytes]


def net(changes: Iterable[Change]) -> list[NetChange]:
    """Changes in any order -> what is left, sorted by resource and attribute."""
    ordered = sorted(changes, key=lambda change: (change.event.time, change.event.event_id, change.attribute))
    slots: dict[_Slot, list[Change]] = defaultdict(list)
    gone: set[_Resource] = set()
    created: dict[_Resource, str] = {}
    for change in ordered:
        resource = _resource(change)
        if change.action == "create":
            created[resource] = change.resource_types[0]
        elif change.action == "delete" and created.get(resource) == change.resource_types[0]:
            gone.add(resource)
        slots[_slot(change)].append(change)
    left = [_net(group) for slot, group in slots.items() if slot[0] not in gone]
    return sorted(_without_superseded(left), key=_order)


def _resource(change: Change | NetChange) -> _Resource:
    event = change.event if isinstance(change, Change) else change.changes[-1].event
    service = event.name.partition(":")[0]
    return change.account, service, tuple(sorted(change.identity.items()))


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
    )


def _without_superseded(left: list[NetChange]) -> list[NetChange]:
    """A deletion before a later setting of the same resource no longer holds, and the other way round."""
    deleted: dict[tuple[_Resource, tuple[str, ...]], str] = {}
    written: dict[tuple[_Resource, tuple[str, ...]], str] = {}
    for item in left:
        key = (_resource(item), item.resource_types)
        time = item.changes[-1].event.time
        book = deleted if item.action == "delete" else written
        book[key] = max(book.get(key, ""), time)
    kept: list[NetChange] = []
    for item in left:
        key = (_resource(item), item.resource_types)
        other = written if item.action == "delete" else deleted
        if item.changes[-1].event.time >= other.get(key, "") or item.action == "create":
            kept.append(item)
    return kept


def _order(item: NetChange) -> tuple[str, bytes, str, bytes]:
    return (
        item.resource_types[0],
        canonical_json(dict(item.identity)),
        item.attribute,
        canonical_json([item.action, item.value]),
    )
