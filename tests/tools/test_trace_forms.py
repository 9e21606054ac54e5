"""The forms that records travel in besides CloudTrail's own files: messages, log exports, rows of a query."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.errors import InputError
from lamplighter.tools.cloudtrail import read_trace
from tests.tools.traces import event, ids, lines, written

BOTH = [event(1), event(2)]
ENVELOPES = [
    {"detail-type": "AWS API Call via CloudTrail", "account": "123456789012", "detail": record}
    for record in BOTH
]
NOTIFICATIONS = [{"Type": "Notification", "Message": json.dumps(envelope)} for envelope in ENVELOPES]
WRAPPED: dict[str, Any] = {
    "sqs as polled": {"Messages": [{"MessageId": "1", "Body": json.dumps(item)} for item in ENVELOPES]},
    "sqs to lambda": {"Records": [{"messageId": "1", "body": json.dumps(item)} for item in ENVELOPES]},
    "sns in sqs": {"Messages": [{"Body": json.dumps(item)} for item in NOTIFICATIONS]},
    "sns to lambda": {"Records": [{"EventSource": "aws:sns", "Sns": item} for item in NOTIFICATIONS]},
    "cloudwatch filter": {"events": [{"message": json.dumps(item)} for item in BOTH]},
    "cloudwatch subscription": {"logEvents": [{"id": "1", "message": json.dumps(item)} for item in BOTH]},
    "lake rows": {"QueryResultRows": [[{"eventJson": json.dumps(item)}, {"other": "x"}] for item in BOTH]},
    "lake table": [{"eventID": "x", "eventJson": json.dumps(item)} for item in BOTH],
}


@pytest.mark.parametrize("form", WRAPPED)
def test_wrapped_records_are_the_records(tmp_path: Path, form: str) -> None:
    read = read_trace([written(tmp_path / "a.json", WRAPPED[form])])
    assert read.records == BOTH and not read.problems


def test_an_envelope_gives_the_account_that_its_record_leaves_out(tmp_path: Path) -> None:
    inner = event(1, recipientAccountId=...)
    outer = {"account": "210987654321", "region": "us-east-1", "detail": inner}
    (record,) = read_trace([written(tmp_path / "a.json", outer)]).records
    assert record["recipientAccountId"] == "210987654321" and record["awsRegion"] == "eu-west-1"


def test_a_notification_of_a_bucket_is_no_record(tmp_path: Path) -> None:
    notice = event(1, eventSource="aws:s3", eventName="ObjectCreated:Put")
    read = read_trace([written(tmp_path / "a.json", {"Records": [notice, event(2)]})])
    assert ids(read) == ["id-2"] and "is a notification of aws:s3" in lines(read)[0]


def test_endless_wrapping_is_malformed(tmp_path: Path) -> None:
    item: Any = event(1)
    for _ in range(8):
        item = {"body": json.dumps(item)}
    read = read_trace([written(tmp_path / "a.json", [item, event(2)])])
    assert ids(read) == ["id-2"] and "wrapped too many times" in lines(read)[0]


@pytest.mark.parametrize(
    ("given", "time"),
    [
        ("2026-11-22T10:00:01.987Z", "2026-11-22T10:00:01Z"),
        ("2026-11-22T10:00:01+00:00", "2026-11-22T10:00:01Z"),
        ("2026-11-22T12:30:01.5+02:30", "2026-11-22T10:00:01Z"),
        ("2026-11-22T23:00:01-1100", "2026-11-23T10:00:01Z"),
        ("2026-11-22 10:00:01 UTC", "2026-11-22T10:00:01Z"),
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
def test_times_are_normalised(tmp_path: Path, given: str, time: str, read_only: bool) -> None:
    read = read_trace(
        [written(tmp_path / "a.json", {"Records": [event(eventTime=given, readOnly=read_only)]})]
    )
    assert [record["eventTime"] for record in read.records] == [] if read_only else [time]
    assert (read.coverage.first, read.coverage.last) == (time, time)


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-22T10:00:01",
        "2026-13-22T10:00:01Z",
        "2026-11-22T10:00:61Z",
        "2026-11-22",
        "0001-01-01T00:00:00+14:00",
        "2026-11-22T10:00:01Z\n",
        "2026-11-22T10:00:01Z\n2026-11-22T10:00:01Z",
        "\u0662026-11-22T10:00:01Z",
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
def test_a_time_that_is_none_is_named(tmp_path: Path, time: str, read_only: bool) -> None:
    records = [event(1, eventTime=time, readOnly=read_only), event(2)]
    read = read_trace([written(tmp_path / "a.json", {"Records": records})])
    assert ids(read) == ["id-2"] and "record 0: eventTime is no" in lines(read)[0]
    assert read.counts.malformed == 1 and read.coverage.first == "2026-11-22T10:00:02Z"


def test_a_limit_that_is_no_time_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", [event()])
    with pytest.raises(InputError, match="since yesterday: is no time"):
        read_trace([path], since="yesterday")
    assert ids(read_trace([path], since="2026-11-22T11:00:01+01:00")) == ["id-1"]


def row(record: dict[str, Any]) -> dict[str, str]:
    """A record as Athena's table has it: lower-case names, objects as JSON text, null as nothing."""
    cells = {"errorCode": None, **record}
    return {
        name.lower(): "" if value is None else value if isinstance(value, str) else json.dumps(value)
        for name, value in cells.items()
    }


def as_csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, rows[0], quoting=csv.QUOTE_ALL)
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


def from_rows(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**record, "readOnly": json.dumps(record["readOnly"])} for record in records]


def without_nulls(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in record.items() if value is not None} for record in records]


ROWS = [row(event(1, requestParameters={"a": 'x, "y" = {z}\n'})), row(event(2)), row(event(3, readOnly=True))]
EXPECTED = without_nulls(from_rows([event(1, requestParameters={"a": 'x, "y" = {z}\n'}), event(2)]))
ATHENA = {
    "a.csv": as_csv(ROWS),
    "bom.csv": b"\xef\xbb\xbf" + as_csv(ROWS),
    "a.csv.gz": gzip.compress(as_csv(ROWS)),
    "rows.json": json.dumps(ROWS).encode(),
    "rows.jsonl": "\n".join(map(json.dumps, ROWS)).encode(),
    "results.json": json.dumps(
        {
            "ResultSet": {
                "Rows": [
                    {"Data": [{"VarCharValue": cell} for cell in cells]}
                    for cells in [list(ROWS[0]), *(list(one.values()) for one in ROWS)]
                ]
            }
        }
    ).encode(),
}


@pytest.mark.parametrize("name", ATHENA)
def test_rows_of_a_query_are_records(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(ATHENA[name])
    read = read_trace([tmp_path])
    assert without_nulls(read.records) == EXPECTED and not read.problems
    assert read.counts.read_only == 1 and read.counts.files == 1


def test_lake_prints_times_without_a_zone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(as_csv([row(event(1, eventTime="2026-11-22 10:00:01.000"))]))
    assert read_trace([tmp_path]).records[0]["eventTime"] == "2026-11-22T10:00:01Z"


def test_a_whole_record_in_a_column_is_enough(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(as_csv([{"eventjson": json.dumps(event(1))}]))
    assert read_trace([tmp_path]).records == [event(1)]


@pytest.mark.parametrize("column", ["useridentity", "requestparameters", "responseelements"])
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_printed_map_is_named_and_not_guessed_at(tmp_path: Path, column: str, form: str) -> None:
    printed = {**row(event(1)), column: "{type=IAMUser, username=jo, sessioncontext=null}"}
    rows = [printed, row(event(2)), {**row(event(3, readOnly=True)), column: "{a=b}"}]
    content = as_csv(rows) if form == "csv" else json.dumps(rows).encode()
    (tmp_path / f"a.{form}").write_bytes(content)
    read = read_trace([tmp_path])
    (line,) = lines(read)
    assert ids(read) == ["id-2"] and read.counts.read_only == 1
    assert "record 0: " in line and "printed as a map" in line and "json_format(CAST(" in line


@pytest.mark.parametrize("column", ["errorcode", "useridentity", "requestparameters", "eventtime"])
def test_a_table_that_lacks_what_judging_needs_is_refused(tmp_path: Path, column: str) -> None:
    rows = [{name: value for name, value in row(event(1)).items() if name != column}]
    (tmp_path / "a.csv").write_bytes(as_csv(rows))
    with pytest.raises(InputError, match=f"(?i)has no column {column}"):
        read_trace([tmp_path])


BAD_TABLES: dict[str, tuple[bytes, str]] = {
    "empty.csv": (b"", "is empty"),
    "open.csv": (as_csv(ROWS) + b'"open', "is no CSV"),
    "latin.csv": (as_csv(ROWS) + b"\xe9\n", "not UTF-8"),
    "long.csv": (as_csv(ROWS) + b"x" * 5000, "longer than 4096 bytes"),
    "short.csv": (as_csv(ROWS) + b"only,two\r\n", "names no eventName"),
    "cut.csv.gz": (gzip.compress(as_csv(ROWS))[:-9], "truncated"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_one_line(tmp_path: Path, name: str) -> None:
    content, problem = BAD_TABLES[name]
    (tmp_path / name).write_bytes(content)
    written(tmp_path / "good.json", [event(9)])
    read = read_trace([tmp_path], max_document=4096)
    (line,) = lines(read)
    assert name in line and problem in line and "\n" not in line
    assert "id-9" in ids(read)


def test_only_records_of_the_wanted_accounts_are_believed(tmp_path: Path) -> None:
    records = [
        event(1),
        event(2, recipientAccountId="999999999999", awsRegion="us-east-1"),
        event(3, recipientAccountId="999999999999", readOnly=True, awsRegion="us-west-2"),
        event(4, recipientAccountId=...),
    ]
    read = read_trace([written(tmp_path / "a.json", {"Records": records})], accounts=["123456789012"])
    (line,) = lines(read)
    assert ids(read) == ["id-1"] and "1 changes name no recipientAccountId" in line
    assert read.coverage.accounts == {"123456789012"} and read.coverage.regions == {"eu-west-1"}
    assert read.counts.outside == 2 and read.counts.read_only == 1


def test_a_trace_of_other_accounts_only_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", {"Records": [event(1)]})
    read = read_trace([path], accounts=["000000000000"])
    assert read.records == [] and read.coverage.regions == set()
    assert lines(read) == [
        "account 000000000000: holds no event of it, but of 123456789012; give the trace of this account"
    ]
