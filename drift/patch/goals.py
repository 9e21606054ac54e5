"""What has to hold of the code once an item is in it, judged on what the code says of every instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lamplighter.drift.hcl.evaluate import UNKNOWN, is_known
from lamplighter.drift.items import SENSITIVE
from lamplighter.drift.members import Member, sets
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.agreement import agree
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Verdict
from lamplighter.drift.patch.settings import Setting, holder_of, setting_of
from lamplighter.drift.patch.written import Said
from lamplighter.drift.values import ABSENT, HIDDEN, same


def unsaid(item: DriftItem, verdict: Verdict, code: Code, before: Code) -> str:
    """Why the code does not say the item yet, in one line; empty where it does. `before` is the code without any edit:
    what it said of a set's other members has to stay."""
    if verdict is Verdict.IGNORE:
        ignored = item.address is not None and code.project.ignores(item.address, item.attribute)
        return "" if ignored else f"lifecycle.ignore_changes does not name {item.attribute}"
    if is_secret(item):
        return "its value is a secret, which belongs in no plan and no patch"
    match item.action:
        case "delete":
            there = item.address is not None and address_in(code, item.address) is not None
            return f"the code still has {item.address}" if there else ""
        case "create":
            return "" if imported_for(item, code, before) else "no import block brings it under the code"
        case "add" | "remove":
            return _membership(item, code, before)
        case "set":
            setting = setting_of(item, code)
            return _setting(setting, code) if setting is not None else _value(item, code)


def is_secret(item: DriftItem) -> bool:
    """Whether a value of the item is one that is shown nowhere, or that the trace kept out."""
    return any(value in (SENSITIVE, HIDDEN) for value in (item.code_value, item.live_value))


def address_in(code: Code, address: str) -> str | None:
    """The address that the code has for one of the state; None where it has none."""
    name = code.project.written_as(address)
    return name if name in code.written.instances else None


def place_in(code: Code, item: DriftItem) -> tuple[str | None, str]:
    """(address, attribute) of where the code has what an item is about: of a setting its own resource. The address is
    None where the code has none."""
    setting = setting_of(item, code)
    if setting is not None:
        return holder_of(setting, code) or None, setting.path
    return address_in(code, item.address or ""), item.attribute


def imported_for(item: DriftItem, code: Code, before: Code) -> str:
    """The address of a new instance of the item's type that an import block brings in; empty for none."""
    known = before.written.instances
    for address, said in code.written.instances.items():
        wanted = code.written.imports.get(address)
        if address not in known and said.type == item.resource_type and wanted is not None:
            parts = item.resource_id.split()
            if not parts or not wanted or any(part in wanted for part in parts):
                return address
    return ""


def set_of(item: DriftItem, code: Code) -> tuple[str, str] | None:
    """(address, attribute) of the set that an item is about; None for an item about none. A member that only ever
    stands in a resource of its own is told by that resource's type."""
    address = address_in(code, item.address or "")
    if address is None or item.action in ("create", "delete"):
        return None
    kind = code.written.instances[address].type
    for (of_type, attribute), found in sets().items():
        if of_type == kind and any(holder.type == item.attribute for holder in found.holders):
            return address, attribute
    known = item.action != "set" or (kind, item.attribute) in sets()
    return (address, item.attribute) if known else None


def _membership(item: DriftItem, code: Code, before: Code) -> str:
    place = set_of(item, code)
    if place is None:
        return f"the code has no {item.address}"
    now, was = code.written.members(*place), before.written.members(*place)
    if now is None or was is None:
        return f"the members of {place[1]} cannot be computed from the files and the state"
    joining, leaving = _members_of(item.live_value, was + now), _members_of(item.code_value, was + now)
    for key, value in joining:
        if not _has(now, key, value):
            return f"{place[1]} does not have the member that is live"
    for key, value in leaving:
        if not any(key == known and same(value, of) for known, of in joining) and _has(now, key, value):
            return f"{place[1]} still has the member that is gone"
    return ""


def _members_of(value: Any, known: list[Member]) -> list[tuple[str, Any]]:
    """(key, value) of what an item tells of members; members told by a key come as an object of them."""
    if value in ABSENT:
        return []
    keyed = any(member.key for member in known)
    if keyed and isinstance(value, Mapping):
        return [(str(key), of) for key, of in value.items()]
    return [("", value)]


def _has(members: list[Member], key: str, value: Any) -> bool:
    return any((not key or member.key == key) and same(member.value, value) for member in members)


def _value(item: DriftItem, code: Code) -> str:
    address = address_in(code, item.address or "")
    if address is None:
        return f"the code has no {item.address}"
    said = code.written.instances[address]
    keyed = _keyed(item, said.type)
    if keyed:
        return _membership(item, code, code)
    return _unequal(said, item.attribute, item.live_value)


def _setting(setting: Setting, code: Code) -> str:
    holder = holder_of(setting, code)
    if not holder:
        return f"the code has no {setting.type} for it"
    return _unequal(code.written.instances[holder], setting.path, setting.value)


def _unequal(said: Said, path: str, live: Any) -> str:
    values = reached(said, path)
    if any(value is UNKNOWN or not is_known(value) for value in values):
        return f"{path} cannot be computed from the files and the state"
    # What the code leaves out is the provider's default, which need not be off: `is_enabled` of a key is not.
    if any(agree(value, live, said.type, path) and not (live is False and value is None) for value in values):
        return ""
    return f"the code does not say {path} as it is live"


def _keyed(item: DriftItem, kind: str) -> bool:
    found = sets().get((kind, item.attribute))
    return found is not None and found.keyed


def reached(said: Said, path: str) -> list[Any]:
    """What stands at a path, of each block where it may stand in several; [None] where nothing does."""
    top, _, key = path.partition(".")
    values: Mapping[str, Any] = said.values
    if top == "tags" and key:
        own = values.get("tags")
        if own is UNKNOWN:
            return [UNKNOWN]
        if isinstance(own, Mapping) and own.get(key) is not None:
            return [own[key]]
        inherited = values.get("tags_all", {})
        return [UNKNOWN] if inherited is UNKNOWN else [inherited.get(key)]
    return [*_at(values.get(top), key.split(".") if key else [])] or [None]


def _at(value: Any, parts: list[str]) -> Iterator[Any]:
    if value is UNKNOWN or not parts:
        yield value
    elif isinstance(value, list):
        if parts[0].isdecimal():
            at = int(parts[0])
            yield from _at(value[at], parts[1:]) if at < len(value) else ()
        else:
            for item in value:
                yield from _at(item, parts)
    elif isinstance(value, Mapping):
        whole = ".".join(parts)
        # A key of a map may have dots in it.
        if whole in value:
            yield value[whole]
        else:
            yield from _at(value.get(parts[0]), parts[1:])
    else:
        yield None
