"""Netted changes + state + code -> drift items; what agrees with the code is no drift."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lamplighter.core.operations import ByteEdit
from lamplighter.drift import risk
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.members import held
from lamplighter.drift.model import Action, CodeAttribute, DriftItem, NetChange, StateResource
from lamplighter.drift.state import StateIndex

SENSITIVE = "(sensitive)"
_SECRET_NAME = re.compile(
    r"password|secret|token|private_key|user_data|credential|connection_string", re.IGNORECASE
)
_ABSENT: tuple[Any, ...] = (None, "", [], {})


@dataclass
class Matched:
    """Drift items, and how many changes concerned resources that this state does not hold."""

    items: list[DriftItem] = field(default_factory=list[DriftItem])
    outside: int = 0
    ignored: int = 0
    """Changes of attributes under lifecycle.ignore_changes."""
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


def match(
    changes: Iterable[NetChange], state: StateIndex, project: Project, contents: Mapping[str, bytes]
) -> Matched:
    """The drift that the changes leave, in a stable order. `contents` are the bytes of the code's files."""
    matched = Matched()
    for change in changes:
        resources = _find(change.resource_types, change.identity, state, change)
        if change.action == "create":
            matched.items.extend(_created(change, resources, project))
        elif not resources:
            parent = _parent(change, state)
            if parent is None:
                matched.outside += 1
            else:
                matched.items.append(_new_setting(change, parent, project))
        elif change.action == "remove" and _holds_nothing(change, resources[0], state):
            matched.unplaced.append(
                f"{resources[0].address}: {change.attribute} lost a member that the state does not hold"
                f" (event {change.changes[-1].event.event_id})"
            )
        else:
            for item in _managed(change, resources[0], state, project, contents):
                if item.address and item.attribute and project.ignores(item.address, item.attribute):
                    matched.ignored += 1
                else:
                    matched.items.append(item)
    return matched


def _find(
    types: tuple[str, ...], identity: Mapping[str, str], state: StateIndex, change: NetChange
) -> list[StateResource]:
    wanted = (
        state.types()
        if types == ("*",)
        else (*types, *(_ALIASES[name] for name in types if name in _ALIASES))
    )
    return [item for item in state.find(wanted, identity) if not _elsewhere(item, change)]


def _parent(change: NetChange, state: StateIndex) -> StateResource | None:
    """The managed resource that a setting with no resource of its own in the state belongs to."""
    for name, (kind, attribute) in _PARENTS.items():
        if change.action == "set" and change.value not in _ABSENT and name in change.identity:
            found = _find((kind,), {attribute: change.identity[name]}, state, change)
            if found and found[0].type not in change.resource_types:
                return found[0]
    return None


def _new_setting(change: NetChange, parent: StateResource, project: Project) -> DriftItem:
    """A bucket gained a policy, a role an inline policy: the code has no block for it yet."""
    item = _item(
        change, parent, project, "set", f"{change.resource_types[0]}.{change.attribute}", None, change.value
    )
    level = risk.assess(change.resource_types[0], "set", change.attribute, None, change.value)
    return replace(item, risk=level.severity, risk_reason=level.reason)


def _created(change: NetChange, resources: list[StateResource], project: Project) -> Iterator[DriftItem]:
    """One that the state holds was deleted and made again by hand: its settings are gone."""
    if not resources:
        yield _unmanaged(change)
    elif any(event.action == "delete" for event in change.changes):
        yield _item(change, resources[0], project, "delete", "", "present", "made again outside Terraform")


def _holds_nothing(change: NetChange, resource: StateResource, state: StateIndex) -> bool:
    """Whether something was taken away that neither the state nor the trace had before."""
    known = any(_same(item.value, change.value) for item in held(state, resource, change.attribute))
    return not known and not any(event.action == "add" for event in change.changes)


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


def _managed(
    change: NetChange,
    resource: StateResource,
    state: StateIndex,
    project: Project,
    contents: Mapping[str, bytes],
) -> Iterator[DriftItem]:
    match change.action:
        case "delete":
            yield _item(change, resource, project, "delete", "", "present", None)
        case "add" | "remove":
            yield from _member(change, resource, state, project)
        case "set":
            for attribute, live in _expanded(change, resource):
                yield from _setting(change, resource, project, attribute, live, contents)
        case "create":
            return


def _expanded(change: NetChange, resource: StateResource) -> Iterator[tuple[str, Any]]:
    """A whole map of tags is compared tag by tag; the tags that AWS sets itself are not the code's."""
    if change.attribute != "tags" or not isinstance(change.value, Mapping):
        yield change.attribute, change.value
        return
    tags = resource.attributes.get("tags")
    before = tags if isinstance(tags, Mapping) else {}
    for key in sorted({*before, *change.value}):
        if not key.startswith("aws:"):
            yield f"tags.{key}", change.value.get(key)


def _setting(
    change: NetChange,
    resource: StateResource,
    project: Project,
    attribute: str,
    live: Any,
    contents: Mapping[str, bytes],
) -> Iterator[DriftItem]:
    stored = _at(resource.attributes, attribute)
    code = project.locate(resource.address, attribute)
    # The code is what ought to be; the state may have been refreshed since and hold the drift already.
    written = code.value if code is not None and code.known and code.text else stored
    if not _same(written, live):
        item = _item(change, resource, project, "set", attribute, written, live, code)
        # An edit holds the old text as well as the new.
        yield item if _secret(resource, attribute) else replace(item, edit=_edit(code, live, contents))


def _member(
    change: NetChange, resource: StateResource, state: StateIndex, project: Project
) -> Iterator[DriftItem]:
    holders = [
        item.holder for item in held(state, resource, change.attribute) if _same(item.value, change.value)
    ]
    if change.action == "add" and not holders:
        yield _item(change, resource, project, "add", change.attribute, None, change.value)
    elif change.action == "remove" and holders:
        if holders[0].address == resource.address:
            yield _item(change, resource, project, "remove", change.attribute, change.value, None)
        else:
            yield _item(change, holders[0], project, "delete", "", "present", None)


def _item(
    change: NetChange,
    resource: StateResource,
    project: Project,
    action: Action,
    attribute: str,
    code_value: Any,
    live: Any,
    code: CodeAttribute | None = None,
) -> DriftItem:
    code = code or project.locate(resource.address, attribute)
    secret = _secret(resource, attribute)
    level = risk.assess(resource.type, action, attribute, _plain(code_value), live)
    last = change.changes[-1]
    return DriftItem(
        address=resource.address,
        resource_type=resource.type,
        resource_id="" if "id" in resource.sensitive else str(resource.attributes.get("id", "")),
        attribute=attribute,
        action=action,
        code_value=SENSITIVE if secret and code_value not in _ABSENT else code_value,
        live_value=SENSITIVE if secret and live not in _ABSENT else live,
        location=code.location if code else None,
        actor=last.actor,
        time=last.event.time,
        events=tuple(item.event for item in change.changes),
        account=change.account,
        region=change.region,
        risk=level.severity,
        risk_reason=level.reason,
    )


def _secret(resource: StateResource, attribute: str) -> bool:
    return attribute.partition(".")[0] in resource.sensitive or _SECRET_NAME.search(attribute) is not None


def _unmanaged(change: NetChange) -> DriftItem:
    last = change.changes[-1]
    level = risk.assess(change.resource_types[0], "create", "", None, None)
    return DriftItem(
        address=None,
        resource_type=change.resource_types[0],
        resource_id=" ".join(change.identity.values()),
        attribute="",
        action="create",
        code_value=None,
        live_value="present",
        location=None,
        actor=last.actor,
        time=last.event.time,
        events=tuple(item.event for item in change.changes),
        account=change.account,
        region=change.region,
        risk=level.severity,
        risk_reason=level.reason,
    )


def _edit(code: CodeAttribute | None, live: Any, contents: Mapping[str, bytes]) -> ByteEdit | None:
    new = hcl_literal(live)
    if code is None or code.edit_range is None or new is None:
        return None
    start, end = code.edit_range
    old = contents[code.location.file][start:end]
    return ByteEdit(start=start, end=end, old=old.decode("utf-8", "replace"), new=new)


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


def _at(attributes: Mapping[str, Any], path: str) -> Any:
    """The state's value at an attribute path; the index of a block that occurs once is left out."""
    top, _, key = path.partition(".")
    value: Any = attributes.get(top)
    if top in ("tags", "tags_all"):
        return value.get(key) if key and isinstance(value, Mapping) else value
    for part in key.split(".") if key else ():
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _plain(value: Any) -> Any:
    """JSON text as the value it holds, numbers and booleans in text as themselves, lists without their order."""
    if isinstance(value, str):
        if value[:1] in ("{", "["):
            try:
                return _plain(json.loads(value))
            except (ValueError, RecursionError):
                return value
        if re.fullmatch(r"0|-?[1-9]\d{0,14}", value):
            return int(value)
        return {"true": True, "false": False}.get(value, value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def _same(left: Any, right: Any) -> bool:
    if left in _ABSENT and right in _ABSENT:
        return True
    plain_left, plain_right = _plain(left), _plain(right)
    return plain_left == plain_right and isinstance(plain_left, bool) == isinstance(plain_right, bool)
