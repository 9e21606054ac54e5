"""Several calls of one actor on one resource as what they are together: stopped, changed and started again.

A sequence only names what happened. Which value is live is netting's matter, and no call is judged by its company.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any, NamedTuple

from lamplighter.drift.model import Actor, DriftItem, EventRef

TOGETHER = timedelta(minutes=30)
"""How far apart two calls of one piece of work may be: a person stops a machine, changes it, and looks at it."""
_MENTIONS = 200
"""Names taken from one record; a longer one is a batch, and its first names are enough to place it."""


class Pattern(NamedTuple):
    """Calls (`service:EventName`) that, in this order, are together what `said` says."""

    said: str
    calls: tuple[str, ...]


class Moment(NamedTuple):
    """One call by a person or by automation, and the names that its record mentions."""

    event: EventRef
    actor: Actor
    mentions: frozenset[str]


@cache
def patterns() -> tuple[Pattern, ...]:
    """The shipped sequences; a test holds that each is found in a trace that holds it."""
    text = files("lamplighter.drift").joinpath("sequences.toml").read_text("utf-8")
    return tuple(Pattern(entry["said"], tuple(entry["calls"])) for entry in tomllib.loads(text)["sequence"])


def mentions(record: Mapping[str, Any]) -> frozenset[str]:
    """Every text in a record's parameters and answer, whole and as the last part of a path, URL or ARN."""
    texts = (text for part in ("requestParameters", "responseElements") for text in _texts(record.get(part)))
    found = list(islice(texts, _MENTIONS))
    return frozenset(found) | {_last(text) for text in found}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and 0 < len(value) <= 256:
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


class Timeline:
    """The calls of people and automation by who made them, to find the company of a drift's events."""

    def __init__(self, moments: Iterable[Moment]) -> None:
        self._by_actor: dict[str, list[Moment]] = defaultdict(list)
        for moment in moments:
            self._by_actor[moment.actor.name].append(moment)
        for moments_of_one in self._by_actor.values():
            moments_of_one.sort(key=lambda moment: (moment.event.time, moment.event.event_id))

    def around(self, item: DriftItem) -> list[EventRef]:
        """The actor's calls that mention what the item's own events mention, near them in time, in order."""
        moments = self._by_actor.get(item.actor.name, [])
        ids = {event.event_id for event in item.events}
        own = [moment for moment in moments if moment.event.event_id in ids]
        if not own:
            return list(item.events)
        named = _names(item.resource_id)
        first, last = _time(own[0]) - TOGETHER, _time(own[-1]) + TOGETHER
        return [
            moment.event
            for moment in moments
            if moment.event.event_id in ids
            or (not named.isdisjoint(moment.mentions) and first <= _time(moment) <= last)
        ]

    def intent(self, item: DriftItem) -> str:
        """What the calls around the item were together; empty where no sequence holds one of its events."""
        names = [event.name for event in self.around(item)]
        own = {event.name for event in item.events}
        for pattern in patterns():
            if own.intersection(pattern.calls) and _in_order(pattern.calls, names):
                return pattern.said
        return ""


def _names(resource_id: str) -> frozenset[str]:
    """The names by which calls may know the resource: its id, each part of an id of several, the end of an ARN."""
    parts = {resource_id, *resource_id.split()} - {""}
    return frozenset(parts | {_last(part) for part in parts})


def _last(name: str) -> str:
    return re.split(r"[/:]", name)[-1]


def _in_order(wanted: Sequence[str], names: Iterable[str]) -> bool:
    rest = iter(names)
    return all(name in rest for name in wanted)


def _time(moment: Moment) -> datetime:
    return datetime.fromisoformat(moment.event.time)
