"""Reads CloudTrail records from files: Records documents, gzip, the S3 layout, JSON lines.

What cannot be read is named and counted, never skipped in silence: a check that saw half a trace must not look
like one that saw all of it. Source of the layout and fields: AWS CloudTrail user guide, "CloudTrail log file
examples" and "CloudTrail record contents".
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from lamplighter.core.errors import InputError

Record: TypeAlias = dict[str, Any]

DOCUMENT_LIMIT = 64 * 1024 * 1024
"""Bytes of one JSON document, after decompression: CloudTrail's own files stay far below it."""

_SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_NOT_RECORDS = {"CloudTrail-Digest", "CloudTrail-Insight"}
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")


@dataclass
class TraceRead:
    """What was read. `records` are those that may have changed something, in no particular order.

    `problems` are one-line texts, each naming a file (and a record, counted from 1) and the remedy.
    """

    records: list[Record] = field(default_factory=list[Record])
    problems: list[str] = field(default_factory=list[str])
    files: int = 0
    events: int = 0
    duplicates: int = 0
    read_only: int = 0
    accounts: set[str] = field(default_factory=set[str])
    regions: set[str] = field(default_factory=set[str])
    first: str = ""
    last: str = ""


def read_trace(paths: Sequence[Path]) -> TraceRead:
    """Reads every file below `paths`. Raises InputError when a named path is missing or nothing is readable."""
    read = TraceRead()
    seen: set[str] = set()
    for path in _files(paths):
        read.files += 1
        try:
            for number, value in enumerate(_values(path), start=1):
                _take(read, seen, path, number, value)
        except InputError as problem:
            read.problems.append(str(problem))
    if read.files == len(read.problems) and not read.events and read.problems:
        raise InputError(*_split(read.problems[0]))
    if not read.files:
        remedy = "name a .json, .json.gz or .jsonl file, or a folder in CloudTrail's S3 layout"
        raise InputError(str(paths[0]) if paths else "trace", "holds no CloudTrail file", remedy)
    return read


def _split(line: str) -> tuple[str, str, str]:
    subject, _, rest = line.partition(": ")
    problem, _, remedy = rest.partition("; ")
    return subject, problem, remedy


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            for inner in sorted(path.rglob("*")):
                if inner.name.endswith(_SUFFIXES) and inner.is_file() and not _NOT_RECORDS & set(inner.parts):
                    yield inner
        elif path.exists():
            yield path
        else:
            raise InputError(str(path), "no such file or directory", "check the --trace path")


def _values(path: Path) -> Iterator[object]:
    """Every record-like value of one file. Raises InputError."""
    data = _content(path)
    if ".jsonl" in path.name or ".ndjson" in path.name:
        for line in data.splitlines():
            if line.strip():
                yield from _unwrap(_parse(path, line))
        return
    try:
        yield from _unwrap(orjson.loads(data))
    except orjson.JSONDecodeError:
        lines = [line for line in data.splitlines() if line.strip()]
        if len(lines) < 2 or not lines[0].lstrip().startswith(b"{") or not lines[0].rstrip().endswith(b"}"):
            _parse(path, data)
        for line in lines:
            yield from _unwrap(_parse(path, line))


def _parse(path: Path, data: bytes) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(str(path), f"not valid JSON ({where})", "fetch the file again") from error


def _unwrap(value: object) -> Iterator[object]:
    """A Records document, a list, an EventBridge envelope or a bare record -> records."""
    if isinstance(value, dict) and isinstance(value.get("Records"), list):
        yield from value["Records"]
    elif isinstance(value, list):
        yield from value
    elif isinstance(value, dict) and isinstance(value.get("detail"), dict):
        yield value["detail"]
    else:
        yield value


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            head = stream.read(2)
            stream.seek(0)
            if head == b"\x1f\x8b":
                return _gunzip(path, stream.read(DOCUMENT_LIMIT + 1))
            data = stream.read(DOCUMENT_LIMIT + 1)
    except OSError as error:
        remedy = "check its permissions and that it is a file"
        raise InputError(str(path), f"cannot be read ({error.strerror})", remedy) from error
    return _limited(path, data)


def _gunzip(path: Path, packed: bytes) -> bytes:
    inflate = zlib.decompressobj(wbits=31)
    parts: list[bytes] = []
    room = DOCUMENT_LIMIT + 1
    try:
        while packed and room > 0:
            part = inflate.decompress(packed, room)
            parts.append(part)
            room -= len(part)
            packed = inflate.unconsumed_tail
            if inflate.eof:
                packed = inflate.unused_data.lstrip(b"\0")
                if packed:
                    inflate = zlib.decompressobj(wbits=31)
    except zlib.error as error:
        raise InputError(str(path), f"not valid gzip ({error})", "fetch the file again") from error
    data = _limited(path, b"".join(parts))
    if not inflate.eof:
        raise InputError(str(path), "truncated gzip", "fetch the file again")
    return data


def _limited(path: Path, data: bytes) -> bytes:
    if len(data) > DOCUMENT_LIMIT:
        size = DOCUMENT_LIMIT // (1024 * 1024)
        raise InputError(str(path), f"more than {size} MiB of JSON", "split it into smaller files")
    return data


def _take(read: TraceRead, seen: set[str], path: Path, number: int, value: object) -> None:
    problem = _wrong(value)
    read.events += 1
    if problem or not isinstance(value, dict):
        read.problems.append(str(InputError(str(path), f"record {number}: {problem}", "fetch the file again")))
        return
    record: Record = value
    identity = record.get("sharedEventID") or record.get("eventID")
    if isinstance(identity, str):
        if identity in seen:
            read.duplicates += 1
            return
        seen.add(identity)
    _cover(read, record)
    # Only the top-level field counts: requestParameters have fields of this name too (ECS mount points).
    if record.get("readOnly") in (True, "true"):
        read.read_only += 1
    else:
        read.records.append(record)


def _cover(read: TraceRead, record: Record) -> None:
    account = record.get("recipientAccountId")
    if isinstance(account, str):
        read.accounts.add(account)
    read.regions.add(record["awsRegion"])
    time = record["eventTime"]
    read.first = min(read.first or time, time)
    read.last = max(read.last, time)


def _wrong(value: object) -> str:
    if not isinstance(value, dict):
        return "not a JSON object"
    for name in ("eventName", "eventSource", "awsRegion", "eventTime"):
        if not isinstance(value.get(name), str):
            return f"{name} is missing or not text"
    if not _TIME.fullmatch(value["eventTime"]):
        return "eventTime is not a UTC time such as 2026-01-31T09:30:00Z"
    for name in ("userIdentity", "requestParameters", "responseElements"):
        if not isinstance(value.get(name), dict | None):
            return f"{name} is not an object"
    return ""
