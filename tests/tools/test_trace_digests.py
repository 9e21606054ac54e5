"""What CloudTrail's digests prove: quiet hours, log files that are not there, and log files that were changed."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.trace import Place, Span, TraceCoverage
from lamplighter.tools.cloudtrail import TraceRead, read_trace
from tests.tools.digests import ACCOUNT, delivered, digest, digest_key, hash_of, log_key, stored
from tests.tools.traces import event, ids, lines, written

HOME = Place(ACCOUNT, "eu-west-1")
QUIET = Place(ACCOUNT, "us-east-1")


def at(hour: int) -> str:
    return f"2026-11-22T{hour:02}:00:00Z"


def test_a_quiet_region_with_digests_is_read_whole(tmp_path: Path) -> None:
    key = delivered(tmp_path, "a", [event()])
    stored(tmp_path, digest(11, {key: hash_of(tmp_path, key)}))
    for hour in (11, 12):
        stored(tmp_path, digest(hour, {}, "us-east-1"))
    read = read_trace([tmp_path])
    assert ids(read) == ["id-1"] and not read.problems
    assert read.coverage.proven == {HOME: [Span(at(10), at(11))], QUIET: [Span(at(10), at(12))]}
    assert read.coverage.places == {HOME} and read.coverage.regions == {"eu-west-1", "us-east-1"}
    (limit,) = read.limits
    assert "signatures were not checked" in limit


def test_digests_alone_prove_that_nothing_happened(tmp_path: Path) -> None:
    stored(tmp_path, digest(11, {}))
    read = read_trace([tmp_path])
    assert not read.records and not read.problems and read.coverage.proven == {HOME: [Span(at(10), at(11))]}


def test_no_digest_no_limit(tmp_path: Path) -> None:
    delivered(tmp_path, "a", [event()])
    read = read_trace([tmp_path])
    assert read.limits == () and not read.coverage.proven


def test_a_named_log_file_that_is_not_there_is_missed_once(tmp_path: Path) -> None:
    key = delivered(tmp_path, "a", [event()])
    gone = {log_key(name): "0" * 64 for name in ("b", "c")}
    stored(tmp_path, digest(11, {key: hash_of(tmp_path, key), **gone}))
    stored(tmp_path, digest(12, gone))
    (line,) = lines(read_trace([tmp_path]))
    assert "2 log files that the digests name were not read, e.g." in line and "_b.json" in line


def test_a_missing_log_file_of_another_time_or_region_is_not_missed(tmp_path: Path) -> None:
    delivered(tmp_path, "a", [event()])
    stored(tmp_path, digest(11, {log_key("b"): "0" * 64}))
    stored(tmp_path, digest(12, {log_key("c", "us-east-1"): "0" * 64}, "us-east-1"))
    assert not read_trace([tmp_path], since=at(11), regions=["eu-west-1"]).problems
    assert not read_trace([tmp_path], until=at(10), regions=["eu-west-1"]).problems
    assert len(lines(read_trace([tmp_path], since="2026-11-22T10:40:00Z"))) == 1


def test_a_log_file_changed_since_delivery_is_said_and_read(tmp_path: Path) -> None:
    key = delivered(tmp_path, "a", [event(1), event(2)])
    stored(tmp_path, digest(11, {key: hash_of(tmp_path, key)}))
    delivered(tmp_path, "a", [event(2)])
    read = read_trace([tmp_path])
    (line,) = lines(read)
    assert (
        ids(read) == ["id-2"] and "1 log file was changed since delivery, e.g." in line and "_a.json" in line
    )


def test_an_unpacked_copy_in_one_folder_is_the_same_log_file(tmp_path: Path) -> None:
    text = json.dumps({"Records": [event()]})
    (tmp_path / Path(log_key("a")).name.removesuffix(".gz")).write_text(text)
    logs = {log_key("a"): hashlib.sha256(text.encode()).hexdigest().upper()}
    document = digest(11, logs)
    (tmp_path / Path(digest_key(11)).name).write_bytes(gzip.compress(json.dumps(document).encode()))
    read = read_trace([tmp_path])
    assert ids(read) == ["id-1"] and not read.problems and HOME in read.coverage.proven


def test_digests_and_logs_may_be_named_apart_and_in_any_order(tmp_path: Path) -> None:
    key = delivered(tmp_path, "a", [event()])
    path = stored(tmp_path, digest(11, {key: "1" * 64}))
    logs = tmp_path / "AWSLogs" / ACCOUNT / "CloudTrail"
    for paths in ([logs, path], [path, logs], [logs, path.parents[3]]):
        read = read_trace(paths)
        assert ids(read) == ["id-1"] and HOME in read.coverage.proven
        assert "was changed since delivery" in lines(read)[0] and len(read.problems) == 1


def test_a_digest_changed_since_delivery_is_told_by_the_next(tmp_path: Path) -> None:
    first = json.dumps(digest(11, {})).encode()
    following = {
        "previousDigestS3Object": digest_key(11),
        "previousDigestHashValue": hashlib.sha256(first).hexdigest(),
    }
    path = stored(tmp_path, digest(11, {}))
    stored(tmp_path, digest(12, {}, **following))
    assert not read_trace([tmp_path]).problems
    path.write_bytes(gzip.compress(first + b" "))
    (line,) = lines(read_trace([tmp_path]))
    assert "1 digest was changed since delivery" in line


def test_two_trails_and_late_hours_make_one_span(tmp_path: Path) -> None:
    for hour in (14, 12, 13, 16):
        stored(tmp_path, digest(hour, {}))
    other = digest(11, {})
    other["digestS3Object"] = digest_key(11).replace("_main_", "_second_")
    stored(tmp_path, other)
    assert read_trace([tmp_path]).coverage.proven == {HOME: [Span(at(10), at(14)), Span(at(15), at(16))]}


def test_only_what_was_asked_for_is_proven(tmp_path: Path) -> None:
    for hour in (11, 12, 13):
        stored(tmp_path, digest(hour, {}))
    stored(tmp_path, digest(12, {}, "us-east-1"))
    read = read_trace([tmp_path], since=at(11), until="2026-11-22T12:30:00Z", regions=["eu-west-1"])
    assert read.coverage.proven == {HOME: [Span(at(11), "2026-11-22T12:30:00Z")]}
    other = read_trace([tmp_path], accounts=["210987654321"])
    assert not other.coverage.proven and "holds no event of it" in lines(other)[0]


HOSTILE = "x\x1b[31m\n::error::"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"logFiles": None}, "logFiles"),
        ({"awsAccountId": "210987654321"}, "does not name its account and region"),
        ({"digestS3Object": HOSTILE}, "does not name its account and region"),
        ({"digestStartTime": HOSTILE}, "is no time"),
        ({"digestStartTime": at(12)}, "are no hour"),
        ({"digestStartTime": "1970-01-01T00:00:00Z"}, "are no hour"),
        ({"logFiles": [{"s3Object": HOSTILE, "hashValue": "0", "hashAlgorithm": "SHA-256"}]}, "no SHA-256"),
        ({"logFiles": [{"s3Object": "a", "hashValue": "0" * 64, "hashAlgorithm": "MD5"}]}, "no SHA-256"),
    ],
)
def test_a_bad_digest_proves_nothing_and_is_one_line(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    delivered(tmp_path, "a", [event()])
    path = stored(tmp_path, digest(11, {}))
    path.write_bytes(gzip.compress(json.dumps(digest(11, {}, **changed)).encode()))
    read = read_trace([tmp_path])
    (line,) = lines(read)
    assert "is no CloudTrail digest" in line and said in line and line.isprintable()
    assert ids(read) == ["id-1"] and not read.coverage.proven and not read.limits


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b"\x1f\x8bxx", b'{"logFiles": "\xff"}', b"[]"]
)
def test_what_is_no_json_is_one_line(tmp_path: Path, content: bytes) -> None:
    delivered(tmp_path, "a", [event()])
    stored(tmp_path, digest(11, {})).write_bytes(content)
    read = read_trace([tmp_path])
    assert len(lines(read)) == 1 and ids(read) == ["id-1"] and not read.coverage.proven


def test_a_huge_digest_is_one_line(tmp_path: Path) -> None:
    delivered(tmp_path, "a", [event()])
    stored(tmp_path, digest(11, {})).write_bytes(gzip.compress(b" " * (17 * 1024 * 1024), 1))
    (line,) = lines(read_trace([tmp_path]))
    assert "more than 16 MiB" in line


def test_a_hostile_log_name_is_shown_escaped(tmp_path: Path) -> None:
    delivered(tmp_path, "a", [event()])
    stored(tmp_path, digest(11, {f"AWSLogs/{HOSTILE}.json.gz": "0" * 64}))
    (line,) = lines(read_trace([tmp_path]))
    assert "1 log file that a digest names was not read" in line and line.isprintable()


def test_the_same_folder_by_a_link_is_walked_once(tmp_path: Path) -> None:
    key = delivered(tmp_path, "a", [event()])
    stored(tmp_path, digest(11, {key: hash_of(tmp_path, key)}))
    (tmp_path / "AWSLogs" / "again").symlink_to(tmp_path / "AWSLogs")
    read = read_trace([tmp_path])
    assert ids(read) == ["id-1"] and not read.problems and read.counts.files == 1


def test_proofs_in_any_order_join() -> None:
    coverage = TraceCoverage()
    for since, until in ((4, 5), (1, 2), (7, 9), (2, 3), (3, 4), (8, 10)):
        coverage.prove(HOME, Span(at(since), at(until)))
    assert coverage.proven[HOME] == [Span(at(1), at(5)), Span(at(7), at(10))]


def test_a_folder_of_other_files_is_still_named(tmp_path: Path) -> None:
    written(tmp_path / "logs" / "a.json", {"Records": [event()]})
    (tmp_path / "empty").mkdir()
    read: TraceRead = read_trace([tmp_path / "logs", tmp_path / "empty"])
    assert "holds no CloudTrail file" in lines(read)[0]


@pytest.mark.parametrize("hidden", [".snapshot", "CloudTrail-Insight"])
def test_digests_where_nothing_is_read_prove_nothing(tmp_path: Path, hidden: str) -> None:
    delivered(tmp_path, "a", [event()])
    stored(tmp_path / hidden, digest(11, {}))
    read = read_trace([tmp_path])
    assert ids(read) == ["id-1"] and not read.coverage.proven and read.limits == ()
    # The same chain, where it is read.
    stored(tmp_path / "seen", digest(11, {}))
    assert read_trace([tmp_path]).coverage.proven == {HOME: [Span(at(10), at(11))]}


@pytest.mark.parametrize("hidden", [".snapshot", "CloudTrail-Insight"])
def test_a_log_file_where_nothing_is_read_was_not_read(tmp_path: Path, hidden: str) -> None:
    key = delivered(tmp_path / hidden, "a", [event()])
    delivered(tmp_path, "b", [event(2)])
    stored(tmp_path, digest(11, {key: hash_of(tmp_path / hidden, key)}))
    (line,) = lines(read_trace([tmp_path]))
    assert "was not read" in line and "_a.json" in line
