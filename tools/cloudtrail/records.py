"""One record at a time: is it well-formed, can it be a change, was it delivered before? No files, no network.

A record that says of itself that it is read-only is dropped by a look at its head alone, which costs a tenth of parsing
it: msgspec reads the wanted top-level fields and validates the rest without making objects of it. Since that is a
whole JSON parser, a `readOnly` in a string, in a nested object, or given twice, is taken as the full parse takes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec
import orjson

from lamplighter.core.errors import InputError
from lamplighter.core.text import printable
from lamplighter.core.trace import ReadCounts, Record, TraceCoverage
from lamplighter.tools.cloudtrail import forms
from lamplighter.tools.cloudtrail._seen import Seen
from lamplighter.tools.cloudtrail.malformed import Malformed, kind

Json: TypeAlias = msgspec.Raw | bytes
"""The text of one JSON value."""

_PLAIN = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
"""As CloudTrail writes it, and as it is given on."""
_PLAIN_TIME = re.compile(_PLAIN, re.ASCII)
_PLAIN_TIMES = re.compile(f"(?:{_PLAIN}\n)*+", re.ASCII)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d{1,12})?(?:(Z| ?UTC)|([+-]\d\d):?(\d\d))", re.ASCII
)


def utc(text: str) -> str:
    """A time with its zone -> `YYYY-MM-DDTHH:MM:SSZ`; fractions are cut, as CloudTrail's own times have none.

    Raises Malformed.
    """
    if _PLAIN_TIME.fullmatch(text):
        return text
    match = _TIME.fullmatch(text)
    if match is None:
        raise Malformed("eventTime is not of the form 2026-01-31T23:59:59Z")
    day, time, _, hours, minutes = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{hours or '+00'}:{minutes or '00'}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed("eventTime is no time of the calendar") from None
    return moment.replace(tzinfo=None).isoformat() + "Z"


class Wanted(NamedTuple):
    """Which records are wanted: `since` <= eventTime < `until`, in `regions`, of `accounts`; empty means any."""

    since: str = ""
    until: str = ""
    regions: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()


def wanted(since: str, until: str, regions: Sequence[str], accounts: Sequence[str]) -> Wanted:
    """Raises InputError when `since` or `until` is no time with a zone."""
    limits = {"since": since, "until": until}
    for name, text in limits.items():
        try:
            limits[name] = utc(text) if text else ""
        except Malformed:
            raise InputError(
                f"{name} {printable(text, limit=40)}", "is no time", "write it as 2026-01-31T23:59:59Z"
            ) from None
    return Wanted(limits["since"], limits["until"], frozenset(regions), frozenset(accounts))


class _Head(msgspec.Struct, gc=False, rename="camel"):
    event_time: str
    aws_region: str
    read_only: bool | str | None = None
    recipient_account_id: str | None = None


_HEAD = msgspec.json.Decoder(_Head)


class Sieve:
    """Drops what cannot be a change, what is not wanted and what was delivered twice; counts everything.

    Ids of read-only records are not remembered: such records are dropped each time they come, so a second delivery
    changes nothing but their count. Only a change that is delivered twice must be known again.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.counts = ReadCounts()
        self.coverage = TraceCoverage()
        self.no_account = 0
        """Changes left out because they name no account although one was asked for."""
        self.other_accounts: set[str] = set()
        self._seen = Seen()

    def skim(self, texts: Sequence[Json]) -> list[tuple[int, Json]]:
        """The records of one document -> (index, text) of those to `take`; what is plainly read-only is counted.

        One loop in C for each step: most of a trace is read-only, and most of the time is spent here.
        """
        try:
            heads = [_HEAD.decode(text) for text in texts]
        except (msgspec.MsgspecError, RecursionError):
            return list(enumerate(texts))
        marked = [head for head in heads if head.read_only is True]
        if not _are_plain({head.event_time for head in marked}):
            return list(enumerate(texts))
        self.counts.events += len(marked)
        self.counts.read_only += len(marked)
        believed = marked
        if self.wanted.accounts:
            believed = [head for head in marked if self._is_of_wanted(head.recipient_account_id)]
        places = {(head.recipient_account_id, head.aws_region) for head in believed}
        if self.wanted.regions:
            places = {place for place in places if place[1] in self.wanted.regions}
        self.coverage.add_all(places, {head.event_time for head in believed})
        return [
            (index, text)
            for index, (text, head) in enumerate(zip(texts, heads, strict=True))
            if head.read_only is not True
        ]

    def take(self, item: Json | object) -> Record | None:
        """A record's JSON text, or what was parsed, in any wrapping -> the record, if it may be a change.

        Raises Malformed; the item is counted then too.
        """
        self.counts.events += 1
        try:
            return self._taken(item)
        except Malformed:
            self.counts.malformed += 1
            raise

    def _taken(self, item: Json | object) -> Record | None:
        for _ in range(forms.MAX_WRAPS):
            if isinstance(item, msgspec.Raw | bytes):
                item = _parsed(item)
            inner = forms.unwrapped(item)
            if inner is item:
                return self._record(item)
            item = inner
        raise Malformed("is wrapped too many times")

    def _record(self, item: object) -> Record | None:
        if not isinstance(item, dict):
            raise Malformed(f"is {kind(item)}, not an object")
        record = cast(Record, item)
        _check_texts(record, ("eventTime", "awsRegion"))
        time = record["eventTime"] = utc(record["eventTime"])
        read_only = is_read_only(record)
        if not read_only:
            _check_texts(record, ("eventName", "eventSource"))
            _check_objects(record)
        account = record.get("recipientAccountId")
        believed = self._is_of_wanted(account)
        # Changes of a region that is not wanted are left out, so it must not pass for one that was read.
        if believed and (not self.wanted.regions or record["awsRegion"] in self.wanted.regions):
            self.coverage.add(account, record["awsRegion"], time)
        if read_only:
            self.counts.read_only += 1
        elif not (believed and self._fits(time, record["awsRegion"])):
            self.no_account += not (believed or isinstance(account, str))
            self.counts.outside += 1
        elif self._delivered_before(record):
            self.counts.duplicates += 1
        else:
            self.counts.kept += 1
            return record
        return None

    def _fits(self, time: str, region: str) -> bool:
        since, until, regions, _ = self.wanted
        return since <= time and (not until or time < until) and (not regions or region in regions)

    def _is_of_wanted(self, account: object) -> bool:
        if not self.wanted.accounts:
            return True
        if not isinstance(account, str):
            return False
        if account not in self.wanted.accounts:
            self.other_accounts.add(account)
            return False
        return True

    def _delivered_before(self, record: Record) -> bool:
        """Several trails repeat the eventID, and a call across accounts is recorded in each under one sharedEventID.

        Those are two views of the call, of which only the owner's is in the account of what it changed: the second is
        a repetition only where it is of the same account.
        """
        known = False
        for key, place in (("eventID", ""), ("sharedEventID", str(record.get("recipientAccountId")))):
            value = record.get(key)
            if value and isinstance(value, str):
                known |= self._seen.add(f"{value} {place}" if place else value)
        return known


def is_read_only(record: Mapping[str, Any]) -> bool:
    """By the record's own top-level mark only: parameters may hold a `readOnly` of their own (ECS mount points)."""
    return is_marked(record.get("readOnly"))


def is_marked(mark: object) -> bool:
    """CloudTrail writes the mark as a boolean, and in some records as text."""
    return mark is True or (isinstance(mark, str) and mark.lower() == "true")


def _are_plain(times: set[str]) -> bool:
    """In one match for all: as many lines as times, so that none of them holds a line break."""
    lines = "\n".join([*times, ""])
    return _PLAIN_TIMES.fullmatch(lines) is not None and lines.count("\n") == len(times)


def place(text: Json) -> tuple[str, str]:
    """A record's own eventTime (UTC) and region, each empty when it cannot be told."""
    try:
        head = _HEAD.decode(text)
        return utc(head.event_time), head.aws_region
    except (msgspec.MsgspecError, RecursionError, Malformed):
        return "", ""


def _parsed(text: Json) -> Any:
    try:
        return orjson.loads(memoryview(text))
    except orjson.JSONDecodeError as error:
        raise Malformed(f"is not valid JSON ({printable(error.msg, limit=80)})") from None


def _check_texts(record: Record, names: Sequence[str]) -> None:
    for name in names:
        value = record.get(name)
        if type(value) is not str:
            raise Malformed(f"{name} is {kind(value)}, not text")


def _check_objects(record: Record) -> None:
    if record["eventSource"].startswith("aws:"):
        source = printable(record["eventSource"], limit=40)
        raise Malformed(f"is a notification of {source}, not an API call")
    for name in ("userIdentity", "requestParameters", "responseElements"):
        value = record.get(name)
        if value is not None and type(value) is not dict:
            raise Malformed(f"{name} is {kind(value)}, not an object")
