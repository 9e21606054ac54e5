"""What the trace tells of a resource that somebody made: the call that made it, and what was set afterwards.

Which parameter of a call is which attribute is data: `creations.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from lamplighter.drift.catalogue import undated
from lamplighter.drift.catalogue.transforms import listed, lookup, plain
from lamplighter.drift.intents import extract, name_of
from lamplighter.drift.model import Change, DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.values import ABSENT, HIDDEN


@dataclass(frozen=True, slots=True)
class Creation:
    """How one call says what it makes; see `creations.toml`."""

    type: str
    attributes: Mapping[str, str]
    each: str = ""
    default: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unsaid: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A new resource: its attributes in order, an inner block as an object or a list of them.

    `ignored` are attributes that Terraform must leave alone, since no trace and no import tells them; `parts` are later
    calls about what Terraform holds as resources of their own.
    """

    attributes: dict[str, Any]
    ignored: tuple[str, ...]
    parts: tuple[Change, ...]


@cache
def creations() -> Mapping[str, Creation]:
    """The shipped table, by `service:EventName`."""
    text = files("lamplighter.drift.patch").joinpath("creations.toml").read_text("utf-8")
    return {
        name: Creation(
            type=table["type"],
            attributes=table["attributes"],
            each=table.get("each", ""),
            default=table.get("default", {}),
            unsaid=tuple(table.get("unsaid", ())),
            hidden=tuple(table.get("hidden", ())),
            ignored=tuple(table.get("ignored", ())),
        )
        for name, table in tomllib.loads(text).items()
    }


def made(item: DriftItem, code: Code) -> Made | None:
    """None where no record of the item's events is at hand, or the call that made it is none that is known."""
    records = [code.records[event.event_id] for event in item.events if event.event_id in code.records]
    found = [
        (creation, record)
        for record in records
        if (creation := creations().get(undated(name_of(record)))) is not None
        and creation.type == item.resource_type
    ]
    if not found:
        return None
    creation, record = found[0]
    view = next(_views(creation, record, item), None)
    if view is None:
        return None
    attributes = _attributes(creation, view)
    parts: list[Change] = []
    for change in extract(records).changes:
        if change.action == "set" and item.resource_type in change.resource_types[:1]:
            _put(attributes, change.attribute, change.value)
        elif change.action in ("set", "add") and change.attribute:
            parts.append(change)
    ignored = [*creation.ignored, *(name for name in creation.unsaid if name not in attributes)]
    for name in creation.hidden:
        if attributes.get(name) in (*ABSENT, HIDDEN):
            attributes[name] = "kept outside of the code"
            ignored.append(name)
    if any(value == HIDDEN for value in attributes.values()):
        attributes = {name: value for name, value in attributes.items() if value != HIDDEN}
    return Made(attributes, tuple(ignored), tuple(parts))


def _views(creation: Creation, record: Mapping[str, Any], item: DriftItem) -> Iterator[Mapping[str, Any]]:
    """The record, with the member of a batch that is the item's as `item`."""
    view = plain(record)
    if not creation.each:
        yield view
        return
    names = item.resource_id.split()
    for member in listed(lookup(view, creation.each)):
        inner = {**view, "item": member}
        said = [str(lookup(inner, path)) for name, path in creation.attributes.items() if "[" not in name]
        if all(any(name == text for text in said) for name in names):
            yield inner


def _attributes(creation: Creation, view: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, path in creation.attributes.items():
        value = lookup(view, path)
        if value in ABSENT or (name in creation.default and creation.default[name] == value):
            continue
        block, several, inner = name.partition("[].")
        if several:
            rows = found.setdefault(block, [{} for _ in listed(value)])
            for row, one in zip(rows, listed(value), strict=False):
                row[inner] = one
        else:
            _put(found, name, value)
    return found


def _put(attributes: dict[str, Any], path: str, value: Any) -> None:
    """Sets what stands under a dotted path; the key of a tag may have dots."""
    head, _, rest = path.partition(".")
    if not rest:
        attributes[head] = value
        return
    inner = attributes.setdefault(head, {})
    if not isinstance(inner, dict):
        return
    if head == "tags":
        inner[rest] = value
    else:
        _put(inner, rest, value)


def nested(path: str, value: Any) -> dict[str, Any]:
    """`a.b.c` and a value as `{"a": {"b": {"c": value}}}`."""
    found: dict[str, Any] = {}
    _put(found, path, value)
    return found
