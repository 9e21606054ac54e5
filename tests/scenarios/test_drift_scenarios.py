"""The stored scenarios are whole: truth, events and log files of each belong together."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.injection import instances
from lamplighter.tools.cloudtrail import read_trace


@lru_cache
def cases() -> tuple[schema.Scenario, ...]:
    return tuple(schema.scenarios())


@lru_cache
def managed(project: str) -> dict[str, dict[str, Any]]:
    return instances(schema.base(project).state())


def test_there_are_enough_of_each() -> None:
    suites = Counter(case.suite for case in cases())
    assert len(cases()) >= 420
    assert suites["drift"] >= 300 and suites["noise"] >= 60 and suites["untouched"] >= 16
    assert sum(len(case.drifts) for case in cases()) >= 420
    assert len({case.id for case in cases()}) == len(cases())
    assert len(schema.projects()) >= 6


def test_projects_have_the_sizes_of_real_ones() -> None:
    sizes = {name: len(managed(name)) for name in schema.projects()}
    assert all(11 <= size <= 120 for size in sizes.values()), sizes
    assert max(sizes.values()) > 100


def test_hard_features_occur() -> None:
    found = Counter(feature for case in cases() for feature in case.features)
    wanted = (
        "another-terraform-root",
        "default-tags",
        "duplicate",
        "for-each",
        "late",
        "mixture",
        "multi-step",
        "noisy",
        "recreated",
        "reverted",
        "several-regions",
        "tie",
        "twice",
        "two-accounts",
    )
    assert {name: found[name] for name in wanted if found[name] < 3} == {}


def test_drifts_name_resources_and_events_that_exist() -> None:
    for case in cases():
        known = {event["eventID"]: event for event in case.events}
        for drift in case.drifts:
            assert drift.address in managed(case.project)
            assert drift.code != drift.live
            cause = known[drift.attribution.event]
            assert "errorCode" not in cause and cause["readOnly"] is False
            assert drift.attribution.event in drift.attribution.events
            assert set(drift.attribution.events) <= known.keys()
            assert drift.attribution.when == cause["eventTime"]
            assert drift.attribution.who == cause["userIdentity"]["arn"]
            assert drift.attribution.source_ip == cause["sourceIPAddress"]
            assert all(key.address in managed(case.project) for key in drift.also)


def test_code_values_are_the_states() -> None:
    """Where a path is plain, the value is found in the state as it stands."""
    seen = 0
    for case in cases():
        for drift in case.drifts:
            if drift.path and "." not in drift.path and isinstance(drift.code, int | bool):
                assert managed(case.project)[drift.address][drift.path] == drift.code
                seen += 1
            if drift.path.startswith("tags."):
                attributes = managed(case.project)[drift.address]
                assert (attributes.get("tags_all") or {}).get(drift.path[5:]) == drift.code
                seen += 1
    assert seen > 100


def test_every_event_that_may_change_something_is_accounted_for_once() -> None:
    for case in cases():
        told = {event for drift in case.drifts for event in drift.attribution.events}
        told |= {event for item in case.unmanaged for event in item.attribution.events}
        quiet = [event for row in case.non_findings for event in row.events]
        assert len(quiet) == len(set(quiet)) and not told & set(quiet)
        assert told | set(quiet) == {event["eventID"] for event in case.events}


def test_quiet_suites_have_nothing_to_find() -> None:
    for case in cases():
        if case.suite != "drift":
            assert case.drifts == () and case.unmanaged == ()


def test_what_is_delivered_is_the_events(tmp_path: Path) -> None:
    for case in cases()[::40]:
        files = case.write_trace(tmp_path / case.id)
        records = [
            record for path in files for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]
        ]
        assert {record["eventID"] for record in records} == {event["eventID"] for event in case.events}
        assert (len(records) > len(case.events)) == ("duplicate" in case.features)
        again = case.write_trace(tmp_path / "again" / case.id)
        assert [path.read_bytes() for path in files] == [path.read_bytes() for path in again]


def test_digests_name_each_delivered_file_once_and_reach_past_the_last(tmp_path: Path) -> None:
    for case in cases()[::37]:
        root = tmp_path / case.id
        files = case.write_trace(root)
        digests = [json.loads(gzip.decompress(path.read_bytes())) for path in root.rglob("*-Digest_*.gz")]
        named = [entry for digest in digests for entry in digest["logFiles"]]
        if not case.validated:
            assert not digests and int(case.id[-4:]) % 5 == 0
            continue
        assert sorted(entry["s3Object"] for entry in named) == sorted(
            path.relative_to(root).as_posix() for path in files
        )
        for entry in named:
            content = gzip.decompress((root / entry["s3Object"]).read_bytes())
            assert entry["hashValue"] == hashlib.sha256(content).hexdigest()
        read = read_trace([root])
        assert not read.problems and read.coverage.places <= read.coverage.proven.keys()
        for spans in read.coverage.proven.values():
            (whole,) = spans
            assert whole.since <= case.window[0] and case.window[1] < whole.until


def test_one_case_in_five_has_no_digests() -> None:
    share = sum(not case.validated for case in cases()) / len(cases())
    assert 0.15 < share < 0.25


def test_a_scenario_is_found_by_its_id() -> None:
    assert schema.scenario("payments-0001").project == "payments"
    with pytest.raises(KeyError, match="payments-9999"):
        schema.scenario("payments-9999")


def test_data_is_small_and_names_no_machine() -> None:
    files = [path for path in schema.DATA.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 15_000_000
    for path in files:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for word in (b"127.0.0.1", b"localhost", b'"/tmp/', b"/home/"):
            assert word not in text, path
