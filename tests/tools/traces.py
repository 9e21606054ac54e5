"""Records and files for the tests of the trace reader, and a plain reader to hold it against."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lamplighter.tools.cloudtrail import Record, TraceRead


def event(number: int = 1, **changed: Any) -> dict[str, Any]:
    """A record that is a change, at second `number` of the minute; a field given as `...` is left out."""
    record = {
        "eventID": f"id-{number}",
        "eventTime": f"2026-11-22T10:00:{number:02}Z",
        "eventSource": "sqs.amazonaws.com",
        "eventName": "TagQueue",
        "awsRegion": "eu-west-1",
        "recipientAccountId": "123456789012",
        "readOnly": False,
        "userIdentity": {"type": "IAMUser"},
        "requestParameters": {"queueUrl": "q"},
        "responseElements": None,
    }
    return {name: value for name, value in (record | changed).items() if value is not ...}


def written(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def ids(read: TraceRead | Iterable[Record]) -> list[str]:
    """The eventIDs, in their order."""
    return [record["eventID"] for record in (read.records if isinstance(read, TraceRead) else read)]


def lines(read: TraceRead) -> list[str]:
    return [str(problem) for problem in read.problems]


def plainly_kept(document: str, accounts: Sequence[str] = ()) -> tuple[list[Any], dict[str, int], set[Any]]:
    """What a reader that parses everything keeps of `{"Records": [...]}` (well-formed records), its counts and places.

    Written without a line of the reader under test: json.loads, then one record after another.
    """
    kept, seen, places = [], set[str](), set[Any]()
    counts = {"events": 0, "read_only": 0, "duplicates": 0, "outside": 0, "kept": 0}
    for record in json.loads(document)["Records"]:
        counts["events"] += 1
        believed = not accounts or record.get("recipientAccountId") in accounts
        if believed:
            places.add((record.get("recipientAccountId"), record["awsRegion"], record["eventTime"]))
        mark = record.get("readOnly")
        given = {record["eventID"]} if record.get("eventID") else set()
        if record.get("sharedEventID"):
            given.add((record["sharedEventID"], str(record.get("recipientAccountId"))))
        if mark is True or (isinstance(mark, str) and mark.lower() == "true"):
            counts["read_only"] += 1
        elif not believed:
            counts["outside"] += 1
        elif given & seen:
            counts["duplicates"] += 1
            seen |= given
        else:
            counts["kept"] += 1
            seen |= given
            kept.append(record)
    return kept, counts, places
