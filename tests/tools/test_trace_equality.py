"""The fast reader keeps exactly what a reader keeps that parses everything, whatever the records hold."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lamplighter.tools.cloudtrail import read_trace
from lamplighter.tools.cloudtrail._seen import Seen
from tests.tools.traces import event, plainly_kept

ROOT = Path(__file__).resolve().parents[2]
TRAP = '{"eventVersion":"1.11","readOnly":true}'
"""What looks like a read-only record, wherever it stands."""

texts = st.sampled_from(
    ["", "x", '"', "\\", '\\"', "}", '"readOnly":true', TRAP, f",{TRAP}", "é\u2028\0", "\n"]
) | st.text(max_size=8)
names = (
    st.sampled_from(["readOnly", 'x"readOnly', "eventTime", "awsRegion", "eventName", "items", "Records"])
    | texts
)
leaves = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False) | texts
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(names, inner, max_size=3)
        | st.builds(lambda value: {"eventVersion": "1.11", "a": value, "readOnly": True}, inner)
    ),
    max_leaves=8,
)
objects = st.none() | st.dictionaries(names, values, max_size=3)
marks = st.sampled_from([True, True, False, "true", "True", "false", None, "yes", ...])
times = st.integers(0, 59).map(lambda second: f"2026-11-22T10:00:{second:02}Z")


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A well-formed record in any order of its fields, with more fields and objects of any content."""
    fields = event(
        eventVersion="1.11",
        eventID=draw(st.sampled_from(["a", "b", "c", ""]) | texts),
        sharedEventID=draw(st.sampled_from([..., ..., "s", "t"])),
        eventTime=draw(times),
        readOnly=draw(marks),
        recipientAccountId=draw(st.sampled_from(["1", "2", ...])),
        awsRegion=draw(st.sampled_from(["eu-west-1", "us-east-1"])),
        userIdentity=draw(objects),
        requestParameters=draw(objects),
        responseElements=draw(objects),
        additionalEventData=draw(values),
        resources=draw(values),
    )
    order = draw(st.sampled_from([list(fields), sorted(fields)]) | st.permutations(list(fields)))
    return {name: fields[name] for name in order}


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A file of such records, compact as CloudTrail writes it or spaced, its non-ASCII letters escaped or not."""
    found = draw(st.lists(records(), max_size=5))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : ")]))
    return json.dumps({"Records": found}, separators=separators, ensure_ascii=draw(st.booleans()))


def check_equal(folder: Path, text: str, accounts: list[str]) -> None:
    kept, counts, places = plainly_kept(text, accounts)
    path = folder / "a.json.gz"
    path.write_bytes(gzip.compress(text.encode("utf-8")))
    read = read_trace([path], accounts=accounts)
    assert read.records == kept
    assert {name: getattr(read.counts, name) for name in counts} == counts and read.counts.malformed == 0
    assert read.coverage.accounts == {account for account, _, _ in places if account is not None}
    assert read.coverage.regions == {region for _, region, _ in places}
    moments = sorted(time for _, _, time in places)
    assert [read.coverage.first, read.coverage.last] == ([moments[0], moments[-1]] if moments else ["", ""])


def nested(**more: Any) -> str:
    """A change whose parameters end one element with a read-only mark and begin the next as a record begins."""
    inner = [{"a": 1, "readOnly": True}, {"eventVersion": "1.11", "x": {"readOnly": True}}]
    return json.dumps({"Records": [event(requestParameters={"items": inner}, **more)]}, separators=(",", ":"))


TWICE = json.dumps({"Records": [event(1)]})


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(nested(), [])
@example(nested(userAgent=f"x,{TRAP},"), [])
@example(TWICE.replace('"readOnly": false', '"readOnly": true, "z": 0, "readOnly": false'), [])
@example(TWICE.replace('"readOnly": false', '"readOnly": false, "readOnl\\u0079": true'), [])
@example(TWICE.replace('"awsRegion": "eu-west-1"', '"awsRegion": "x", "awsRegion": "us-east-1"'), [])
@example('{"Records": [7], "Records": []}', [])
@given(documents(), st.sampled_from([[], [], ["1"]]))
def test_the_fast_reader_equals_the_plain_one(tmp_path: Path, text: str, accounts: list[str]) -> None:
    check_equal(tmp_path, text, accounts)


def recorded() -> list[Path]:
    return sorted((ROOT / "scenarios" / "data").rglob("*.json.gz"))


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.name)
def test_recorded_files_are_read_as_a_plain_reader_reads_them(tmp_path: Path, path: Path) -> None:
    check_equal(tmp_path, gzip.decompress(path.read_bytes()).decode(), [])


def test_there_are_recorded_files() -> None:
    assert len(recorded()) > 10


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests/drift/trace/fixtures").glob("*.json")), ids=lambda path: path.stem
)
def test_the_catalogue_s_records_are_read_alike(tmp_path: Path, path: Path) -> None:
    cases = json.loads(path.read_text())["cases"]
    check_equal(tmp_path, json.dumps({"Records": [case["record"] for case in cases]}), [])


@given(st.lists(st.text(max_size=3)))
def test_seen_is_a_set(given_texts: list[str]) -> None:
    seen, known = Seen(), set[str]()
    for text in given_texts:
        assert seen.add(text) == (text in known)
        known.add(text)


def test_seen_takes_less_than_a_set_of_texts() -> None:
    seen, known = Seen(), set[str]()
    for number in range(50_000):
        text = f"00000000-0000-4000-8000-{number:012}"
        known.add(text)
        assert not seen.add(text)
    assert seen.size() * 2 < known.__sizeof__() + sum(text.__sizeof__() for text in known)
