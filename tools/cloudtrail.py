"""CloudTrail records out of files: the one reader of the API trace.

It drops what cannot be a change (top-level `readOnly`) and what was delivered twice, and judges nothing else: who made
a call and what it means is the drift engine's work. Record layout: AWS CloudTrail user guide, "CloudTrail record
contents"; file layout: "Finding your CloudTrail log files".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from lamplighter.core.errors import InputError
from lamplighter.core.text import printable
from lamplighter.tools._json_documents import MAX_DOCUMENT, documents

Record = dict[str, Any]

_SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_NOT_RECORDS = frozenset({"CloudTrail-Digest", "CloudTrail-Insight", "CloudTrail-Aggregated"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)


@dataclass(slots=True)
class ReadCounts:
    """How many records went where; `events` is the sum of all the others but `files`."""

    files: int = 0
    events: int = 0
    malformed: int = 0
    read_only: int = 0
    duplicates: int = 0
    outside: int = 0
    """Not in the wanted window or regions."""
    kept: int = 0


@dataclass(slots=True)
class Coverage:
    """What the trace speaks of, over all its well-formed records, read-only ones included."""

    accounts: set[str] = field(default_factory=set[str])
    regions: set[str] = field(default_factory=set[str])
    first: str = ""
    """Earliest eventTime (ISO 8601, UTC); empty when there was no record."""
    last: str = ""

    def add(self, record: Mapping[str, Any]) -> None:
        account, region, time = record.get("recipientAccountId"), record.get("awsRegion"), record["eventTime"]
        if isinstance(account, str):
            self.accounts.add(account)
        if isinstance(region, str):
            self.regions.add(region)
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)


@dataclass(slots=True)
class TraceRead:
    """Records that may be changes, in the order of the files, with what was left out and why.

    `problems` is not empty when the trace was read in part: an answer made from it is incomplete.
    """

    records: list[Record] = field(default_factory=list[Record])
    counts: ReadCounts = field(default_factory=ReadCounts)
    coverage: Coverage = field(default_factory=Coverage)
    problems: list[InputError] = field(default_factory=list[InputError])


def read_trace(
    paths: Sequence[Path],
    *,
    since: str = "",
    until: str = "",
    regions: Sequence[str] = (),
    max_document: int = MAX_DOCUMENT,
) -> TraceRead:
    """Read files and directories; a directory gives its JSON files, in any depth, digests and insights left out.

    `since` <= eventTime < `until`, both `YYYY-MM-DDTHH:MM:SSZ`; empty means no limit, as does no region. Of global
    services the region is the one in the record. `max_document` is in bytes after decompression.
    A file that cannot be read is named in `problems`; raises InputError when no file could be read at all.
    """
    read = TraceRead()
    reader = _Reader(read, since, until, frozenset(regions), max_document)
    good = sum(reader.file(path) for path in _files(paths, read.problems))
    if not good:
        if read.problems:
            raise read.problems[0]
        raise InputError("--trace", "no trace file was given", "name CloudTrail files or directories")
    return read


def _files(paths: Sequence[Path], problems: list[InputError]) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in paths:
        found = sorted(_walk(path, problems)) if path.is_dir() else [path]
        if not found and not any(str(problem).startswith(printable(str(path))) for problem in problems):
            problems.append(
                InputError(printable(str(path)), "holds no CloudTrail file", "give the folder above AWSLogs")
            )
        for file in found:
            real = Path(os.path.realpath(file))
            if real not in seen:
                seen.add(real)
                yield file


def _walk(root: Path, problems: list[InputError]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        name = printable(str(error.filename))
        problems.append(
            InputError(
                name, "is a directory that cannot be listed", "change its permissions, or leave it out"
            )
        )

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = [name for name in folders if name not in _NOT_RECORDS]
        yield from (Path(folder, name) for name in names if name.lower().endswith(_SUFFIXES))


class _Reader:
    """The state of one reading: which events were seen, and where everything is counted."""

    def __init__(
        self, read: TraceRead, since: str, until: str, regions: frozenset[str], max_document: int
    ) -> None:
        self.read = read
        self.since, self.until, self.regions = since, until, regions
        self.max_document = max_document
        self.seen: set[str] = set()

    def file(self, path: Path) -> bool:
        """Whether the file gave something that could be used, if only the knowledge that it holds no record."""
        first_bad = ""
        bad = good = 0
        try:
            for index, item in _records(path, self.max_document):
                self.read.counts.events += 1
                problem = _malformed(item)
                if problem:
                    self.read.counts.malformed += 1
                    bad += 1
                    first_bad = first_bad or f"record {index}: {problem}"
                else:
                    good += 1
                    self.take(item)
        except InputError as error:
            self.read.problems.append(error)
            return good > 0
        self.read.counts.files += 1
        if bad:
            what = f"{first_bad} ({bad} such record{'s' if bad > 1 else ''} left out)"
            remedy = "give records as CloudTrail wrote them"
            self.read.problems.append(InputError(printable(str(path)), what, remedy))
        return good > 0 or not bad

    def take(self, record: Record) -> None:
        counts, time = self.read.counts, record["eventTime"]
        self.read.coverage.add(record)
        if is_read_only(record):
            counts.read_only += 1
        elif (
            (self.since and time < self.since)
            or (self.until and time >= self.until)
            or (self.regions and record.get("awsRegion") not in self.regions)
        ):
            counts.outside += 1
        elif self.delivered_before(record):
            counts.duplicates += 1
        else:
            counts.kept += 1
            self.read.records.append(record)

    def delivered_before(self, record: Record) -> bool:
        """Several trails repeat the eventID; two accounts that see one call share the sharedEventID."""
        ids = {
            value
            for key in ("eventID", "sharedEventID")
            if isinstance(value := record.get(key), str) and value
        }
        known = not ids.isdisjoint(self.seen)
        self.seen |= ids
        return known


def is_read_only(record: Mapping[str, Any]) -> bool:
    """By the record's own top-level mark only: parameters may hold a `readOnly` of their own (ECS mount points)."""
    mark = record.get("readOnly")
    return mark is True or (isinstance(mark, str) and mark.lower() == "true")


def _records(path: Path, max_document: int) -> Iterator[tuple[int, Any]]:
    """(index, item) of everything that stands where a record should, counted through the file from 0."""
    index = 0
    for line, document in documents(path, max_document=max_document):
        for item in _items(path, line, document):
            yield index, item
            index += 1


def _items(path: Path, line: int, document: Any) -> list[Any]:
    if isinstance(document, list):
        return [_unwrapped(item) for item in document]
    if isinstance(document, dict):
        if isinstance(document.get("Records"), list):
            return [_unwrapped(item) for item in document["Records"]]
        if isinstance(document.get("Events"), list):
            return [_unwrapped(item) for item in document["Events"]]
        record = _unwrapped(document)
        if line or "eventName" in record:
            return [record]
    raise InputError(
        printable(str(path)), "holds no CloudTrail records", 'give {"Records": [...]} or JSON lines'
    )


def _unwrapped(item: Any) -> Any:
    """The record inside an EventBridge envelope (`detail`) or a LookupEvents answer (`CloudTrailEvent`, text)."""
    if isinstance(item, dict) and "eventName" not in item:
        if isinstance(item.get("detail"), dict):
            return item["detail"]
        if isinstance(text := item.get("CloudTrailEvent"), str):
            try:
                return orjson.loads(text)
            except orjson.JSONDecodeError:
                return None
    return item


def _malformed(item: Any) -> str:
    """What is wrong with the types of the fields that everything later rests on, or nothing."""
    if not isinstance(item, dict):
        return f"is {_kind(item)}, not an object"
    for name in ("eventTime", "eventName", "eventSource", "awsRegion"):
        if not isinstance(item.get(name), str):
            return f"{name} is {_kind(item.get(name))}, not text"
    if not _TIME.fullmatch(item["eventTime"]):
        return "eventTime is not of the form 2026-01-31T23:59:59Z"
    for name in ("userIdentity", "requestParameters", "responseElements"):
        if not isinstance(item.get(name), dict | None):
            return f"{name} is {_kind(item[name])}, not an object"
    return ""


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "missing"}
    return names.get(type(value), "a number")
