"""Drift items out of netted changes: who is to blame, how much it matters, and what must not be shown."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from lamplighter.drift import risk
from lamplighter.drift.model import Action, CodeLocation, DriftItem, EventRef, NetChange, StateResource
from lamplighter.drift.values import ABSENT, HIDDEN, plain, shallow

SENSITIVE = "(sensitive)"

_SECRET_NAME = re.compile(
    r"^environment\.variables\.|passw(?!ord_(policy|history|reuse|length|data_expiry|last))|passphrase|secret|token|(private|api|access)[_-]?key|user_data|credential|connection_string",
    re.IGNORECASE,
)
_SEVERITIES = ("info", "low", "medium", "high", "critical")


def managed(
    change: NetChange,
    resource: StateResource,
    action: Action,
    attribute: str,
    code_value: Any,
    live_value: Any,
    location: CodeLocation | None,
    *,
    assessed_as: tuple[str, str] | None = None,
) -> DriftItem:
    """A drift of a resource of the state; `assessed_as` is the (type, attribute) that Terraform would hold it as, where
    that is another: a policy of a bucket.
    """
    kind, name = assessed_as or (resource.type, attribute)
    code_value = shallow(code_value)
    secret = is_secret(resource, attribute) or live_value == HIDDEN
    own = "" if "id" in resource.sensitive else str(resource.attributes.get("id", ""))
    return _item(
        change,
        address=resource.address,
        resource_type=kind,
        resource_id=own if assessed_as is None else _part_id(change),
        attribute=attribute,
        action=action,
        code_value=SENSITIVE if secret and code_value not in ABSENT else code_value,
        live_value=SENSITIVE if secret and live_value not in ABSENT else live_value,
        location=location,
        level=risk.assess(kind, action, name, plain(code_value), live_value),
    )


def unmanaged(change: NetChange, settings: Iterable[NetChange] = ()) -> DriftItem:
    """A resource that no code holds; `settings` is what was done to it after its creation."""
    kind = change.resource_types[0]
    later = list(settings)
    levels = [risk.assess(kind, "create", "", None, None)]
    levels += [risk.assess(kind, item.action, item.attribute, None, item.value) for item in later]
    return _item(
        change,
        address=None,
        resource_type=kind,
        resource_id=" ".join(change.identity.values()),
        attribute="",
        action="create",
        code_value=None,
        live_value="present",
        location=None,
        level=max(levels, key=lambda level: _SEVERITIES.index(level.severity)),
        events=(event for item in later for event in _events(item)),
    )


def along(item: DriftItem, resource: StateResource, location: CodeLocation | None) -> DriftItem:
    """The deletion of a resource that went with the one of `item`, by the same call."""
    level = risk.assess(resource.type, "delete", "", "present", None)
    return replace(
        item,
        address=resource.address,
        resource_type=resource.type,
        resource_id="" if "id" in resource.sensitive else str(resource.attributes.get("id", "")),
        location=location,
        risk=level.severity,
        risk_reason=f"{level.reason}, with {item.address}",
    )


def reassessed(items: Sequence[DriftItem]) -> list[DriftItem]:
    """A rule of a firewall in the place of one that let in more opens nothing, whatever it lets in by itself."""
    gone: dict[tuple[str | None, str], list[DriftItem]] = defaultdict(list)
    for item in items:
        if item.action == "remove":
            gone[item.address, item.attribute].append(item)
    return [
        replace(item, risk="low", risk_reason="lets in less than the rule in whose place it stands")
        if item.action == "add"
        and any(
            risk.narrowed(other.code_value, item.live_value) for other in gone[item.address, item.attribute]
        )
        else item
        for item in items
    ]


def hidden(item: DriftItem) -> DriftItem:
    """The item with its values shown nowhere."""
    was, live = (value if value in ABSENT else SENSITIVE for value in (item.code_value, item.live_value))
    return replace(item, code_value=was, live_value=live)


def is_secret(resource: StateResource, attribute: str) -> bool:
    """Whether the state, or the attribute's name, says that its value is nobody's to read."""
    return attribute.partition(".")[0] in resource.sensitive or is_secret_name(attribute)


def is_secret_name(attribute: str) -> bool:
    """The same by the attribute's name alone."""
    return _SECRET_NAME.search(attribute) is not None


def _part_id(change: NetChange) -> str:
    """What the call names a part by: the names of what it belongs to, and of a member the member itself."""
    member = [change.value] if change.action == "add" and isinstance(change.value, str) else []
    return " ".join([*change.identity.values(), *member])


def _events(change: NetChange) -> tuple[EventRef, ...]:
    return tuple(item.event for item in change.changes)


def _item(
    change: NetChange,
    *,
    address: str | None,
    resource_type: str,
    resource_id: str,
    attribute: str,
    action: Action,
    code_value: Any,
    live_value: Any,
    location: CodeLocation | None,
    level: risk.Assessment,
    events: Iterable[EventRef] = (),
) -> DriftItem:
    return DriftItem(
        address=address,
        resource_type=resource_type,
        resource_id=resource_id,
        attribute=attribute,
        action=action,
        code_value=code_value,
        live_value=live_value,
        location=location,
        actor=change.cause.actor,
        time=change.cause.event.time,
        events=tuple(dict.fromkeys((*_events(change), *events))),
        account=change.account,
        region=change.region,
        risk=level.severity,
        risk_reason=level.reason,
        origin=change.cause.origin,
    )
