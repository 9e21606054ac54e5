"""What an API trace gives, whatever cloud it comes from: records, and how far they may be trusted to be all.

A record is a mapping with the names that CloudTrail uses, whatever the source: `eventID`, `eventTime`, `eventSource`
(the service's DNS name), `eventName`, `awsRegion` (the location), `recipientAccountId` (account, project or
subscription), `userIdentity`, `requestParameters`, `responseElements`, `errorCode`. A source of another cloud maps its
own fields to these; what a call means is the catalogue's business, by `eventSource` and `eventName`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from lamplighter.core.errors import LampError

Record: TypeAlias = dict[str, Any]
"""Checked for its types: eventTime (`YYYY-MM-DDTHH:MM:SSZ`), eventName, eventSource and awsRegion are text;
userIdentity, requestParameters and responseElements are objects, null or absent."""


@dataclass(slots=True)
class ReadCounts:
    """How many records went where; `events` is the sum of all the others but `files`."""

    files: int = 0
    events: int = 0
    malformed: int = 0
    read_only: int = 0
    """Marked as changing nothing; counted as often as delivered."""
    duplicates: int = 0
    outside: int = 0
    """Not in the wanted window, regions or accounts."""
    kept: int = 0


class Place(NamedTuple):
    """Where calls are recorded: an account and a region. Either is empty where nothing names it."""

    account: str
    region: str

    @property
    def said(self) -> str:
        return f"account {self.account}, region {self.region}"


class Span(NamedTuple):
    """`since` <= time < `until`, ISO 8601, UTC."""

    since: str
    until: str


@dataclass(slots=True)
class TraceCoverage:
    """What the trace speaks of, over all well-formed records of wanted accounts and regions, read-only ones too."""

    places: set[Place] = field(default_factory=set[Place])
    """Those of which it holds an event."""
    proven: dict[Place, list[Span]] = field(default_factory=dict[Place, list[Span]])
    """When each place was read whole, whether or not anything happened there: what was asked for, or what digests
    list. Spans in order that do not touch."""
    first: str = ""
    """Earliest eventTime (ISO 8601, UTC); empty when there was no record."""
    last: str = ""

    @property
    def accounts(self) -> set[str]:
        return {place.account for place in (*self.places, *self.proven) if place.account}

    @property
    def regions(self) -> set[str]:
        return {place.region for place in (*self.places, *self.proven)}

    def add(self, account: object, region: str, time: str) -> None:
        """One record: `time` as in `Record`, `account` whatever stands there."""
        self.places.add(Place(account if isinstance(account, str) else "", region))
        if time > self.last:
            self.last = time
        if time < self.first or not self.first:
            self.first = time

    def add_all(self, places: set[tuple[str | None, str]], times: set[str]) -> None:
        """Accounts with regions, and times, of many records; None stands for records that name no account."""
        self.places.update(Place(account or "", region) for account, region in places)
        if times:
            first, last = min(times), max(times)
            self.first = min(self.first or first, first)
            self.last = max(self.last, last)

    def prove(self, place: Place, span: Span) -> None:
        """The place was read whole over that time."""
        known = self.proven.setdefault(place, [])
        first = last = bisect_left(known, span)
        if first and known[first - 1].until >= span.since:
            first -= 1
        while last < len(known) and known[last].since <= span.until:
            last += 1
        touching = [span, *known[first:last]]
        known[first:last] = [Span(min(touching).since, max(each.until for each in touching))]


@dataclass(slots=True)
class TraceRead:
    """Records that may be changes, in the order of the source, with what was left out and why.

    `problems` is not empty when the trace was read in part: an answer made from it is incomplete.
    """

    records: list[Record] = field(default_factory=list[Record])
    counts: ReadCounts = field(default_factory=ReadCounts)
    coverage: TraceCoverage = field(default_factory=TraceCoverage)
    problems: list[LampError] = field(default_factory=list[LampError])
    limits: tuple[str, ...] = ()
