"""What an API trace gives, whatever cloud it comes from: records, and how far they may be trusted to be all.

A record is a mapping with the names that CloudTrail uses, whatever the source: `eventID`, `eventTime`, `eventSource`
(the service's DNS name), `eventName`, `awsRegion` (the location), `recipientAccountId` (account, project or
subscription), `userIdentity`, `requestParameters`, `responseElements`, `errorCode`. A source of another cloud maps its
own fields to these; what a call means is the catalogue's business, by `eventSource` and `eventName`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

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


@dataclass(slots=True)
class Coverage:
    """What the trace speaks of, over all its well-formed records of the wanted accounts, read-only ones included."""

    accounts: set[str] = field(default_factory=set[str])
    regions: set[str] = field(default_factory=set[str])
    first: str = ""
    """Earliest eventTime (ISO 8601, UTC); empty when there was no record."""
    last: str = ""
    since: str = ""
    """With `until`, the window that was read whole (half open, ISO 8601, UTC), in all of `regions`, where the source
    can tell: a query can, files cannot, and leave both empty."""
    until: str = ""

    def add(self, account: object, region: str, time: str) -> None:
        """One record: `time` as in `Record`, `account` whatever stands there."""
        if isinstance(account, str):
            self.accounts.add(account)
        self.regions.add(region)
        if time > self.last:
            self.last = time
        if time < self.first or not self.first:
            self.first = time

    def add_all(self, accounts: set[str | None], regions: set[str], times: set[str]) -> None:
        """The values of many records; None stands for records that name no account."""
        self.accounts.update(account for account in accounts if account is not None)
        self.regions |= regions
        if times:
            first, last = min(times), max(times)
            self.first = min(self.first or first, first)
            self.last = max(self.last, last)


@dataclass(slots=True)
class TraceRead:
    """Records that may be changes, in the order of the source, with what was left out and why.

    `problems` is not empty when the trace was read in part: an answer made from it is incomplete.
    """

    records: list[Record] = field(default_factory=list[Record])
    counts: ReadCounts = field(default_factory=ReadCounts)
    coverage: Coverage = field(default_factory=Coverage)
    problems: list[LampError] = field(default_factory=list[LampError])
    limits: tuple[str, ...] = ()
