"""Several calls of one actor on one resource as what they are together: stopped, changed and started again.

A sequence only names what happened. Which value is live is netting's matter, and no call is judged by its company.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left, bisect_right
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
        self._own: dict[str, Moment] = {}
        self._by_name: dict[tuple[str, str], list[Moment]] = defaultdict(list)
        for moment in sorted(moments, key=_when):
            self._own[moment.event.event_id] = moment
            for name in moment.mentions:
                self._by_name[moment.actor.name, name].append(moment)

    def around(self, item: DriftItem) -> list[EventRef]:
        """The actor's calls that mention what the item's own events mention, near them in time, in order."""
        own = [self._own[event.event_id] for event in item.events if event.event_id in self._own]
        if not own:
            return list(item.events)
        first, last = _shifted(min(own, key=_when), -TOGETHER), _shifted(max(own, key=_when), TOGETHER)
        found = {moment.event.event_id: moment for moment in own}
        for name in _names(item.resource_id):
            moments = self._by_name.get((item.actor.name, name), [])
            start = bisect_left(moments, first, key=lambda moment: moment.event.time)
            end = bisect_right(moments, last, key=lambda moment: moment.event.time)
            found |= {moment.event.event_id: moment for moment in moments[start:end]}
        return [moment.event for moment in sorted(found.values(), key=_when)]

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


def _when(moment: Moment) -> tuple[str, str]:
    return moment.event.time, moment.event.event_id


def _shifted(moment: Moment, by: timedelta) -> str:
    """Times are compared as the text they are: all of one form, in UTC."""
    return (datetime.fromisoformat(moment.event.time) + by).strftime("%Y-%m-%dT%H:%M:%SZ")
