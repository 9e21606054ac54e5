"""`lamp drift explain` and `lamp drift trace explain`: where a finding comes from, and what became of each call."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lamplighter.scenarios.bench_cli import SAMPLE_CHECK, heavy_imports
from tests.cli.test_drift_check import lamp

INPUT = SAMPLE_CHECK[2:]
TRACE = INPUT[INPUT.index("--trace") : INPUT.index("--trace") + 2]
EXPLAIN_TRACE = ("drift", "trace", "explain", *TRACE)


def test_a_finding_is_told_by_its_id_and_by_its_address(tmp_path: Path) -> None:
    report = json.loads(lamp(tmp_path, *SAMPLE_CHECK, "--json").stdout)
    row = next(row for row in report["findings"] if row["details"]["intent"])
    by_id, by_address = (
        json.loads(lamp(tmp_path, "drift", "explain", name, *INPUT, "--json").stdout)
        for name in (row["id"], row["where"])
    )
    assert by_id["explained"] == [
        told for told in by_address["explained"] if told["finding"]["id"] == row["id"]
    ]
    (told,) = by_id["explained"]
    assert told["finding"] == row
    led = [call["event_id"] for call in told["calls"] if call["led_to_it"]]
    assert led == row["details"]["events"] and len(told["calls"]) > len(led)


def test_a_finding_is_told_for_people(tmp_path: Path) -> None:
    done = lamp(tmp_path, "drift", "explain", "aws_security_group.web", *INPUT)
    said = done.stdout.decode()
    assert done.code == 0
    for word in (
        "0.0.0.0/0",
        "network.tf:",
        "maria.lindqvist",
        "console",
        "198.51.100.17",
        "* 2026-11-22T22:14:32Z",
    ):
        assert word in said


@pytest.mark.parametrize("name", ["drift-0", "aws_security_group.nobody", "\x1b[31m", ""])
def test_a_name_of_no_finding_is_one_line(tmp_path: Path, name: str) -> None:
    done = lamp(tmp_path, "drift", "explain", name, *INPUT)
    assert done.code == 1
    assert done.stderr.count(b"\n") == 1 and b"names no finding" in done.stderr and b"\x1b" not in done.stderr


def test_the_funnel_accounts_for_every_record(tmp_path: Path) -> None:
    funnel = json.loads(lamp(tmp_path, *EXPLAIN_TRACE, "--json").stdout)
    assert funnel["exit_code"] == 0
    assert funnel["events"] == sum(funnel["left_out"].values()) + len(funnel["judged"])
    assert sum(funnel["origins"].values()) == len(funnel["judged"])
    assert {row["origin"] for row in funnel["judged"]} >= {
        "person",
        "automation",
        "terraform",
        "service",
        "failed",
    }
    assert all(row["reason"] and row["fate"] for row in funnel["judged"])


def test_one_event_is_looked_at_alone(tmp_path: Path) -> None:
    every = [json.loads(line) for line in lamp(tmp_path, *EXPLAIN_TRACE, "-o", "jsonl").stdout.splitlines()]
    wanted = next(row for row in every if row["event"] == "ec2:StopInstances")
    done = lamp(tmp_path, *EXPLAIN_TRACE, "--event", wanted["event_id"])
    assert b"no configuration: power state is not in the code" in done.stdout
    assert done.stdout.count(b"(event ") == 1
    unknown = lamp(tmp_path, *EXPLAIN_TRACE, "--event", "ffffffff-none")
    assert unknown.code == 1 and b"no such call" in unknown.stderr


def test_a_trace_read_in_part_is_incomplete(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"Records": [')
    done = lamp(tmp_path, *EXPLAIN_TRACE, "--trace", "broken.json")
    assert done.code == 4 and b"not read: broken.json" in done.stdout


def test_explaining_loads_nothing_heavy() -> None:
    assert heavy_imports(EXPLAIN_TRACE) == []
