"""Which API call changes what: one TOML file a service, read as data.

An `[[event]]` names the call (`s3:PutBucketVersioning`), the Terraform resource `types` whose state may hold the
resource (the most specific first, `*` for any), the `identity` (state attribute = path into the record) and its
`effects`. A path is dotted from the record's top, `[]` steps into each member of a list, and `|name` applies a
transform of `transforms.py`. `[ignored]` lists calls that change nothing a Terraform resource holds, each with
its reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from lamplighter.drift.model import Action


@dataclass(frozen=True, slots=True)
class Effect:
    """What a call does to one attribute. `spread` makes one change of each entry of a map value."""

    action: Action
    attribute: str = ""
    value: str = ""
    constant: Any = None
    spread: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One catalogue entry: a call on one kind of resource."""

    name: str
    types: tuple[str, ...]
    identity: Mapping[str, str]
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything known of calls, by `service:EventName`."""

    events: Mapping[str, tuple[Event, ...]]
    ignored: Mapping[str, str]


@cache
def load() -> Catalogue:
    """Reads the shipped TOML files; a test holds that every entry is well formed."""
    events: dict[str, tuple[Event, ...]] = {}
    ignored: dict[str, str] = {}
    for source in sorted(files(__name__).iterdir(), key=lambda item: item.name):
        if not source.name.endswith(".toml"):
            continue
        tables = tomllib.loads(source.read_text("utf-8"))
        ignored.update(tables.get("ignored", {}))
        for table in tables.get("event", []):
            event = _event(table)
            events[event.name] = (*events.get(event.name, ()), event)
    return Catalogue(events, ignored)


def _event(table: Mapping[str, Any]) -> Event:
    effects = tuple(Effect(**effect) for effect in table["effects"])
    return Event(table["name"], tuple(table["types"]), dict(table["identity"]), effects)
