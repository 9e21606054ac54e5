"""What the ingest bench reports: readers that agree, ratios where both sides ran, and nothing where one could not."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from lamplighter.core.errors import Unavailable
from lamplighter.scenarios import bench_drift, bench_trace
from lamplighter.scenarios.evaluation.registry import Request
from lamplighter.tools.cloudtrail import read_trace

EVENTS = 2500
RATIOS = {"ingest_vs_orjson", "ingest_vs_json", "ingest_events_per_cpu_second", "ingest_peak_growth"}
DUCKDB = {"ingest_vs_duckdb", "ingest_vs_duckdb_fastest"}


def test_the_made_trace_is_what_it_says(tmp_path: Path) -> None:
    changes = bench_trace.write_trace(tmp_path, EVENTS, seed=1)
    read = read_trace([tmp_path])
    assert read.counts.events == EVENTS and read.counts.files == 2 and not read.problems
    assert read.counts.kept == changes == EVENTS - read.counts.read_only
    assert abs(changes / EVENTS - bench_trace.CHANGES) < 0.03
    assert len({record["eventID"] for record in read.records}) == changes


def test_readers_agree_and_are_compared() -> None:
    pytest.importorskip("duckdb", reason="duckdb is in the dev extra only")
    part = bench_drift.ingest_vs_duckdb(Request(sample=1), EVENTS)
    assert set(part.metrics) == RATIOS | DUCKDB and min(part.metrics.values()) > 0
    (table,) = part.tables
    assert {row[0] for row in table["rows"]} == set(bench_trace.READERS)


def test_without_duckdb_its_ratios_are_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    part = bench_drift.ingest_vs_duckdb(Request(sample=1), EVENTS)
    assert set(part.metrics) == RATIOS
    assert "DuckDB is not installed" in part.tables[0]["title"]


def test_a_reader_that_fails_or_miscounts_stops_the_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unavailable, match=r"no such reader: ended with 1 .*KeyError"):
        bench_drift._run("no such reader", tmp_path)
    monkeypatch.setattr(bench_drift, "write_trace", _one_too_many)
    with pytest.raises(Unavailable, match="does not find the changes"):
        bench_drift.ingest_vs_duckdb(Request(sample=1), EVENTS)


def _one_too_many(folder: Path, events: int, seed: int) -> int:
    return bench_trace.write_trace(folder, events, seed) + 1
