"""Which API call changes what: one TOML file a service, read as data.

An `[[event]]` names the call (`s3:PutBucketVersioning`), the Terraform resource `types` whose state may hold the
resource (the most specific first, `*` for any), the `identity` (state attribute = path into the record) and its
`effects`. A path is dotted from the record's top, `[]` steps into each member of a list, and `|name` applies a
transform of `transforms.py`. `[ignored]` lists calls that change nothing a Terraform resource holds, and
`[parameters]` request parameters of the service's calls that do not (`name`, or `EventName.name` for one call
alone), each with its reason: a parameter that neither these nor an entry's paths know may hold a change.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
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

    @property
    def whole(self) -> bool:
        """Whether the resource itself comes or goes, so that every parameter is accounted for."""
        return any(effect.action in ("create", "delete") for effect in self.effects)

    @property
    def paths(self) -> tuple[str, ...]:
        """Where in the record the entry looks, transforms and list marks left out."""
        values = (effect.value for effect in self.effects)
        return tuple(_bare(path) for path in (*self.identity.values(), *values) if path)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything known of calls, by `service:EventName`; `parameters` are the paths without meaning, by service."""

    events: Mapping[str, tuple[Event, ...]]
    ignored: Mapping[str, str]
    parameters: Mapping[str, frozenset[str]]

    def unknown_parameters(self, name: str, parameters: object) -> tuple[str, ...]:
        """Request parameters of a catalogued call that no entry accounts for, as dotted paths in order."""
        entries = self.events.get(name, ())
        if any(entry.whole for entry in entries):
            return ()
        service, _, call = name.partition(":")
        known = {path.removeprefix("requestParameters.") for entry in entries for path in entry.paths}
        for path in self.parameters.get(service, ()):
            known.add(path.removeprefix(f"{call}."))
        return tuple(dict.fromkeys(_unknown(parameters, "", known)))


def _unknown(value: object, at: str, known: set[str]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _unknown(item, at, known)
    elif at in known or value is None or value == {}:
        return
    elif isinstance(value, Mapping) and (not at or any(path.startswith(f"{at}.") for path in known)):
        for key, item in value.items():
            yield from _unknown(item, f"{at}.{key}" if at else str(key), known)
    else:
        yield at


@cache
def load() -> Catalogue:
    """Reads the shipped TOML files; a test holds that every entry is well formed."""
    events: dict[str, tuple[Event, ...]] = {}
    ignored: dict[str, str] = {}
    parameters: dict[str, frozenset[str]] = {}
    for source in sorted(files(__name__).iterdir(), key=lambda item: item.name):
        if not source.name.endswith(".toml"):
            continue
        tables = tomllib.loads(source.read_text("utf-8"))
        ignored.update(tables.get("ignored", {}))
        parameters[source.name.removesuffix(".toml")] = frozenset(tables.get("parameters", {}))
        for table in tables.get("event", []):
            event = _event(table)
            events[event.name] = (*events.get(event.name, ()), event)
    return Catalogue(events, ignored, parameters)


def _event(table: Mapping[str, Any]) -> Event:
    effects = tuple(Effect(**effect) for effect in table["effects"])
    return Event(table["name"], tuple(table["types"]), dict(table["identity"]), effects)


def _bare(path: str) -> str:
    return path.partition("|")[0].replace("[]", "")
