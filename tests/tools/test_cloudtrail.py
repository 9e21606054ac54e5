"""Reading a trace: every file form gives the same records, and what cannot be read is one line that names it."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.errors import InputError
from lamplighter.tools.cloudtrail import read_trace
from tests.tools.traces import event, written

BOTH = [event(1), event(2)]
LINES = "\n".join(json.dumps(record) for record in BOTH).encode()
DOCUMENT = json.dumps({"Records": BOTH}).encode()
LOOKUP = {"Events": [{"EventId": "x", "CloudTrailEvent": json.dumps(record)} for record in BOTH]}
FORMS = {
    "a.json": DOCUMENT,
    "list.json": json.dumps(BOTH).encode(),
    "lines-in.json": LINES,
    "bom.json": b"\xef\xbb\xbf" + DOCUMENT,
    "a.json.gz": gzip.compress(DOCUMENT),
    "two-members.json.gz": gzip.compress(DOCUMENT[:50]) + gzip.compress(DOCUMENT[50:]),
    "plain-inside.json.gz": DOCUMENT,
    "packed-inside.json": gzip.compress(DOCUMENT),
    "a.jsonl": LINES,
    "a.ndjson.gz": gzip.compress(LINES),
    "envelopes.json": json.dumps([{"detail-type": "x", "detail": record} for record in BOTH]).encode(),
    "lookup.json": json.dumps(LOOKUP).encode(),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_records(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMS[name])
    read = read_trace([tmp_path / name])
    assert read.records == BOTH and not read.problems


def test_one_record_alone_is_a_trace(tmp_path: Path) -> None:
    assert read_trace([written(tmp_path / "one.json", event())]).records == [event()]


def test_a_trail_is_walked_without_insights(tmp_path: Path) -> None:
    account = tmp_path / "AWSLogs" / "o-1" / "123456789012"
    written(account / "CloudTrail/eu-west-1/2026/11/22/a.json", {"Records": [event(1)]})
    written(
        account / "CloudTrail/us-east-1/2026/11/22/b.json", {"Records": [event(2, awsRegion="us-east-1")]}
    )
    written(account / "CloudTrail-Insight/eu-west-1/i.json", {"Records": [event(3)]})
    (account / ".DS_Store").write_text("not a trace")
    read = read_trace([tmp_path])
    assert [record["eventID"] for record in read.records] == ["id-1", "id-2"] and not read.problems
    assert read.coverage.regions == {"eu-west-1", "us-east-1"} and read.coverage.accounts == {"123456789012"}
    assert (read.coverage.first, read.coverage.last) == ("2026-11-22T10:00:01Z", "2026-11-22T10:00:02Z")


@pytest.mark.parametrize(
    ("mark", "kept"),
    [(True, 0), ("true", 0), ("True", 0), (False, 1), ("false", 1), (None, 1), (..., 1), (1, 1), ("yes", 1)],
)
def test_only_a_top_level_mark_skips_a_record(tmp_path: Path, mark: Any, kept: int) -> None:
    record = event(readOnly=mark, requestParameters={"mountPoints": [{"readOnly": True}], "readOnly": "true"})
    read = read_trace([written(tmp_path / "a.json", [record])])
    assert len(read.records) == kept and read.counts.read_only == 1 - kept


def test_what_was_delivered_twice_is_kept_once(tmp_path: Path) -> None:
    shared = [event(7, sharedEventID="s"), event(8, sharedEventID="s")]
    first = written(tmp_path / "a.json", [event(1), *shared])
    second = written(tmp_path / "b.json", [event(1), event(2)])
    read = read_trace([first, second, first])
    assert [record["eventID"] for record in read.records] == ["id-1", "id-7", "id-2"]
    assert read.counts.duplicates == 2 and read.counts.files == 2


def test_a_call_across_accounts_is_kept_for_both_of_them(tmp_path: Path) -> None:
    caller, owner = (event(n, sharedEventID="s", recipientAccountId=f"{n}" * 12) for n in (1, 2))
    read = read_trace([written(tmp_path / "a.json", [caller, owner, {**owner, "eventID": "again"}])])
    assert [record["recipientAccountId"] for record in read.records] == ["1" * 12, "2" * 12]


def test_records_without_an_id_are_never_taken_for_duplicates(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", [event(1, eventID=...), event(2, eventID=...)])
    assert len(read_trace([path]).records) == 2


def test_the_counts_add_up(tmp_path: Path) -> None:
    records = [
        event(1),
        event(1),
        event(2, readOnly=True),
        event(3),
        event(40),
        5,
        event(4, awsRegion="us-east-1"),
    ]
    counts = read_trace(
        [written(tmp_path / "a.json", records)], until="2026-11-22T10:00:40Z", regions=["eu-west-1"]
    ).counts
    parts = (counts.malformed, counts.read_only, counts.duplicates, counts.outside, counts.kept)
    assert parts == (1, 1, 1, 2, 2) and sum(parts) == counts.events == len(records)


def test_the_window_is_half_open(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", [event(second) for second in (1, 2, 3)])
    read = read_trace([path], since="2026-11-22T10:00:02Z", until="2026-11-22T10:00:03Z")
    assert [record["eventID"] for record in read.records] == ["id-2"]


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "cut.json.gz": (gzip.compress(DOCUMENT)[:-20], "truncated or damaged gzip"),
    "head.json.gz": (b"\x1f\x8b\x00\x00", "gzip"),
    "broken.json": (b'{"Records": [', "not valid JSON"),
    "latin.json": (b'{"Records": ["\xe9"]}', "not UTF-8"),
    "utf16.json": (DOCUMENT.decode().encode("utf-16"), "not UTF-8"),
    "empty.json": (b" \n", "is empty"),
    "empty.jsonl": (b"", "is empty"),
    "other.json": (b'{"name": "package"}', "no CloudTrail records"),
    "number.json": (b"7", "no CloudTrail records"),
    "third.jsonl": (LINES + b"\n{", "line 3 is not valid JSON"),
    "deep.json": (b"[" * 5000 + b"]" * 5000, "not valid JSON"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_file_is_one_line_and_hides_no_other(tmp_path: Path, name: str) -> None:
    content, problem = UNREADABLE[name]
    (tmp_path / name).write_bytes(content)
    good = written(tmp_path / "good.json", [event(9)])
    read = read_trace([tmp_path / name, good])
    line = str(read.problems[0])
    assert len(read.problems) == 1 and name in line and problem in line and "\n" not in line
    assert read.problems[0].remedy and read.records[-1]["eventID"] == "id-9"


WRONG: dict[str, tuple[Any, str]] = {
    "a number": (7, "a number, not an object"),
    "null": (None, "missing, not an object"),
    "time as number": (event(eventTime=1763800000), "eventTime is a number"),
    "no time": (event(eventTime=...), "eventTime is missing"),
    "local time": (event(eventTime="22/11/2026 10:00"), "eventTime is not of the form"),
    "no region": (event(awsRegion=...), "awsRegion is missing"),
    "name as list": (event(eventName=["x"]), "eventName is a list"),
    "identity as text": (event(userIdentity="alice"), "userIdentity is text"),
    "parameters as list": (event(requestParameters=[]), "requestParameters is a list"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_record_of_wrong_types_is_named_and_left_out(tmp_path: Path, case: str) -> None:
    item, problem = WRONG[case]
    read = read_trace([written(tmp_path / "a.json", [event(1), item, item])])
    line = str(read.problems[0])
    assert len(read.problems) == 1 and "a.json" in line and "record 1: " in line and problem in line
    assert "2 such records" in line and read.records == [event(1)] and read.counts.malformed == 2


def test_nothing_readable_raises(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.json"):
        read_trace([tmp_path / "missing.json"])
    with pytest.raises(InputError, match="holds no CloudTrail file"):
        read_trace([tmp_path])
    with pytest.raises(InputError, match="eventTime is a number"):
        read_trace([written(tmp_path / "a.json", [event(eventTime=1)])])
    with pytest.raises(InputError, match="no trace file was given"):
        read_trace([])


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="not a regular file"):
        read_trace([tmp_path / "pipe.json"])


def test_a_hostile_file_name_is_escaped(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_trace([tmp_path / "a\n\x1b[31m.json"])
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ["big.json", "big.jsonl"])
def test_a_document_above_the_limit_is_refused(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    (tmp_path / name).write_bytes(pack(json.dumps(event(1, padding="x" * 5000)).encode()))
    with pytest.raises(InputError, match="4096 bytes"):
        read_trace([tmp_path / name], max_document=4096)
    assert len(read_trace([tmp_path / name], max_document=8192).records) == 1


def test_json_lines_may_be_longer_than_the_limit_in_all(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(event(number)) for number in range(1, 50)))
    assert len(read_trace([tmp_path / "a.jsonl"], max_document=1024).records) == 49


def test_a_region_that_was_left_out_does_not_pass_for_read(tmp_path: Path) -> None:
    for read_only in (True, False):
        records = [event(1), event(2, awsRegion="us-east-1"), event(3, readOnly=read_only)]
        path = written(
            tmp_path / "a.json", {"Records": [*records, event(4, awsRegion="us-east-1", readOnly=True)]}
        )
        read = read_trace([path], regions=["eu-west-1"])
        assert read.coverage.regions == {"eu-west-1"} and "id-2" not in [
            item["eventID"] for item in read.records
        ]
