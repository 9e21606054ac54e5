"""Which API call changes what: one TOML file a service, read as data and only when a trace has a call of it.

An `[[event]]` names the call (`s3:PutBucketVersioning`), the Terraform resource `types` whose state may hold the
resource (the most specific first, `*` for any), the `identity` (state attribute = path into the record) and its
`effects`. A path is dotted from the record's top, `[]` steps into each member of a list, `0` into its first, and
`|name` applies a transform of `transforms.py`; of several paths (`A // B`) the first that the record has counts. The
rest is there for calls that say more than one thing:

- `each = PATH`: the entry holds for each member of that list, whose fields are `item.NAME` in its paths.
- `when = { PATH = value }` of an effect: it holds only where the record says so. A value that no effect and no
  parameter (`NAME=value`) of the call names is a gap.
- `absent = VALUE` of an effect: what a call that replaces the whole sets where it does not say it.
- `upsert = true`: the call makes the resource where there is none of that identity.
- `key = PATH` of an effect: the change is of that member of a keyed set (`members.toml`): `route.10.0.0.0/8`.
- `version = PATH` and `refers = PATH`: the first remembers its value under that version of the resource, whether or
  not it comes into force; the second sets what was remembered, and is known only where the trace holds that call.

`[ignored]` lists calls that change nothing a Terraform resource holds, `[parameters]` request parameters that do not
(`name`, or `EventName.name` for one call alone), and `[unread]` those that do, in a way that is not read, so that they
stay a gap even where an entry looks at them; each with its reason. A parameter that none of these nor an entry's paths
know may hold a change.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, TypeVar

from lamplighter.drift.catalogue.transforms import alternatives, lookup, plain
from lamplighter.drift.model import Action

_DATED = re.compile(r"(\d{4}_?\d{2}_?\d{2}(v\d+)?)$", re.ASCII)
"""Lambda and CloudFront append the API's version: `UpdateFunctionCode20150331v2` is `UpdateFunctionCode` (AWS Lambda
developer guide, "Logging AWS Lambda API calls using AWS CloudTrail")."""
_T = TypeVar("_T")
_VERSION = "version"
"""Where the value of an effect that `refers` to a version stands in a reading."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a call does to one attribute. `spread` makes one change of each entry of a map value."""

    action: Action
    attribute: str = ""
    value: str = ""
    constant: Any = None
    spread: bool = False
    optional: bool = False
    key: str = ""
    when: Mapping[str, Any] = field(default_factory=dict[str, Any])
    version: str = ""
    refers: str = ""
    absent: Any = None

    def holds(self, record: Mapping[str, Any]) -> bool:
        """Whether the record says what the effect depends on."""
        return all(lookup(record, path) == value for path, value in self.when.items())


@dataclass(frozen=True, slots=True)
class Event:
    """One catalogue entry: a call on one kind of resource."""

    name: str
    types: tuple[str, ...]
    identity: Mapping[str, str]
    effects: tuple[Effect, ...]
    each: str = ""
    upsert: bool = False

    @property
    def whole(self) -> bool:
        """Whether the resource itself comes or goes, so that every parameter is accounted for."""
        return any(effect.action in ("create", "delete") and not effect.when for effect in self.effects)

    @property
    def paths(self) -> tuple[str, ...]:
        """Where in the record the entry looks, transforms and list marks left out."""
        values = (
            path
            for effect in self.effects
            for path in (effect.value, effect.key, effect.version, effect.refers, *effect.when)
        )
        return tuple(
            self._whole(_bare(choice))
            for path in (*self.identity.values(), *values)
            for choice in alternatives(path)
            if _bare(choice) not in ("", _VERSION)
        )

    def choices(self) -> Iterator[tuple[str, Any]]:
        """Each path of a `when` with a value that an effect knows there."""
        for effect in self.effects:
            for path, value in effect.when.items():
                if "|" not in path:
                    yield self._whole(_bare(path)), value

    def _whole(self, path: str) -> str:
        return _bare(self.each) + path.removeprefix("item") if path.startswith("item") else path


class Reading(NamedTuple):
    """An entry as it applies to one record: its effects that hold, and the record with what they look at."""

    event: Event
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """One file: entries by `service:EventName`, and what changes nothing."""

    events: Mapping[str, tuple[Event, ...]]
    ignored: Mapping[str, str]
    parameters: frozenset[str]
    unread: frozenset[str]


def undated(name: str) -> str:
    """The name of a call without the API's version."""
    return _DATED.sub("", name)


class _Files(Mapping[str, _T]):
    """One table over all files, by `service:EventName`; a name's own file is read when the name is asked for."""

    def __init__(self, table: Callable[[Service], Mapping[str, _T]]) -> None:
        self._table = table

    def __getitem__(self, name: str) -> _T:
        table = self._table(load_service(name.partition(":")[0]))
        return table[name] if name in table else table[_DATED.sub("", name)]

    def __iter__(self) -> Iterator[str]:
        return (name for service in services() for name in self._table(load_service(service)))

    def __len__(self) -> int:
        return sum(len(self._table(load_service(service))) for service in services())


class Catalogue:
    """Everything known of calls, by `service:EventName`, dated or not; a file is read when it is first needed."""

    def __init__(self, without: Collection[str] = ()) -> None:
        """`without` are calls (`service:EventName`, undated) that it is to know nothing of."""

        def events(service: Service) -> Mapping[str, tuple[Event, ...]]:
            if not without:
                return service.events
            return {name: found for name, found in service.events.items() if name not in without}

        self.events: Mapping[str, tuple[Event, ...]] = _Files(events)
        self.ignored: Mapping[str, str] = _Files(lambda service: service.ignored)

    @classmethod
    def of(cls, events: Mapping[str, tuple[Event, ...]]) -> Catalogue:
        """One that knows these calls and no others."""
        made = cls()
        made.events, made.ignored = events, {}
        return made

    def read(
        self, record: Mapping[str, Any], name: str, trace: Iterable[Mapping[str, Any]] = ()
    ) -> Iterator[Reading]:
        """The entries of a record's call as they apply to it; `trace` is where versions it refers to are looked up."""
        record = plain(record)
        for event in self.events.get(name, ()):
            items = lookup(record, f"{event.each}[]") if event.each else [None]
            for item in items or ():
                view = {**record, "item": item} if event.each else record
                view = {**view, **self._referred(view, event, trace)}
                holding = [_applied(effect, view) for effect in event.effects if effect.holds(view)]
                effects = tuple(effect for effect in holding if effect is not None)
                if effects:
                    yield Reading(replace(event, effects=effects), view)

    def remembers(self, record: Mapping[str, Any], name: str) -> bool:
        """Whether the call made a version that a later call may put in force: by itself it changes nothing."""
        view = plain(record)
        return any(
            effect.version and lookup(view, effect.version) is not None
            for event in self.events.get(name, ())
            for effect in event.effects
        )

    def refers(self, name: str) -> bool:
        """Whether the call puts an earlier version of something in force, which another call made."""
        return any(effect.refers for event in self.events.get(name, ()) for effect in event.effects)

    def settable(self, kind: str, name: str) -> frozenset[str]:
        """Attributes of a resource type that calls of the service of call `name` set, those of keyed sets left out."""
        service = load_service(name.partition(":")[0])
        return frozenset(
            effect.attribute
            for entries in service.events.values()
            for entry in entries
            if kind in entry.types
            for effect in entry.effects
            if effect.action == "set" and not effect.key and not effect.spread
        )

    def unknown_parameters(self, name: str, parameters: object) -> tuple[str, ...]:
        """Request parameters of a catalogued call that no entry accounts for, as dotted paths in order."""
        known = _accounted(name)
        if known is None:
            return ()
        record = plain({"eventName": name.partition(":")[2], "requestParameters": parameters})
        unknown = dict.fromkeys(_unknown(record["requestParameters"], "", known.paths))
        for path, values in known.choices.items():
            found = lookup(record, path)
            for value in found if isinstance(found, list) else [found]:
                text = value if isinstance(value, str) else json.dumps(value)
                at = f"{path.removeprefix('requestParameters.').replace('[]', '')}={text}"
                if value is not None and value not in values and at not in known.paths:
                    unknown[at] = None
        return tuple(unknown)

    def _referred(
        self, view: Mapping[str, Any], event: Event, trace: Iterable[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """`{"version": value}` for an entry that refers to a version which a call of the trace made."""
        for effect in event.effects:
            wanted = lookup(view, effect.refers) if effect.refers else None
            if wanted is not None:
                identity = {name: lookup(view, path) for name, path in event.identity.items()}
                return {_VERSION: self._remembered(event, effect.attribute, identity, wanted, trace)}
        return {}

    def _remembered(
        self,
        event: Event,
        attribute: str,
        identity: Mapping[str, Any],
        wanted: Any,
        trace: Iterable[Mapping[str, Any]],
    ) -> Any:
        service = event.name.partition(":")[0]
        makers = [
            (maker, effect)
            for entries in load_service(service).events.values()
            for maker in entries
            for effect in maker.effects
            if effect.version and effect.attribute == attribute and maker.types == event.types
        ]
        for record in trace:
            if record.get("errorCode") or record.get("eventSource") != f"{service}.amazonaws.com":
                continue
            for maker, effect in makers:
                if (
                    _DATED.sub("", f"{service}:{record['eventName']}") == maker.name
                    and lookup(record, effect.version) == wanted
                    and {name: lookup(record, path) for name, path in maker.identity.items()} == identity
                ):
                    return lookup(record, effect.value)
        return None


def _applied(effect: Effect, view: Mapping[str, Any]) -> Effect | None:
    """The effect with the member's key and the value of an absent parameter; None where no member is named."""
    if effect.absent is not None and lookup(view, effect.value) is None:
        effect = replace(effect, value="", constant=effect.absent)
    if not effect.key:
        return effect
    key = lookup(view, effect.key)
    return None if key is None else replace(effect, attribute=f"{effect.attribute}.{key}")


class _Accounted(NamedTuple):
    """What of a call's parameters is known: paths, and what each path of a `when` may say."""

    paths: frozenset[str]
    choices: Mapping[str, list[Any]]


@cache
def _accounted(name: str) -> _Accounted | None:
    """Of a call that the catalogue knows; None where the resource itself comes or goes."""
    service, _, event = name.partition(":")
    entries = load().events.get(name, ())
    if entries and all(entry.whole for entry in entries):
        return None
    tables = load_service(service)
    calls = {_DATED.sub("", event), event}
    known = {path.removeprefix("requestParameters.") for entry in entries for path in entry.paths}
    known |= {path.removeprefix(f"{call}.") for path in tables.parameters for call in calls}
    known -= {path.removeprefix(f"{call}.") for path in tables.unread for call in calls}
    return _Accounted(frozenset(known), _choices(entries))


def _choices(entries: Iterable[Event]) -> dict[str, list[Any]]:
    """What each path of a `when` may say, over all entries of a call; a list's members stand under `[]`."""
    found: dict[str, list[Any]] = {}
    for entry in entries:
        for path, value in entry.choices():
            within = f"{_bare(entry.each)}."
            marked = (
                path.replace(within, f"{_bare(entry.each)}[].", 1)
                if entry.each and path.startswith(within)
                else path
            )
            found.setdefault(marked, []).append(value)
    return found


def _unknown(value: object, at: str, known: frozenset[str]) -> Iterator[str]:
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
    """The catalogue; a test holds that every entry of every file is well formed."""
    return Catalogue()


@cache
def services() -> tuple[str, ...]:
    """The services that have a file, as `eventSource` names them."""
    names = (source.name for source in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@cache
def load_service(name: str) -> Service:
    """One service's file; empty tables for a service that has none."""
    if name not in services():
        return Service({}, {}, frozenset(), frozenset())
    tables = tomllib.loads((files(__name__) / f"{name}.toml").read_text("utf-8"))
    events: dict[str, tuple[Event, ...]] = {}
    for table in tables.get("event", []):
        event = _event(table)
        events[event.name] = (*events.get(event.name, ()), event)
    parameters, unread = (frozenset(tables.get(section, {})) for section in ("parameters", "unread"))
    return Service(events, tables.get("ignored", {}), parameters, unread)


def _event(table: Mapping[str, Any]) -> Event:
    effects = tuple(Effect(**effect) for effect in table["effects"])
    types, identity = tuple(table["types"]), dict(table["identity"])
    return Event(table["name"], types, identity, effects, table.get("each", ""), table.get("upsert", False))


def _bare(path: str) -> str:
    return path.partition("|")[0].replace("[]", "").replace(".0.", ".")
