"""`lamp bench drift`: one function a part, each measured in child processes."""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from lamplighter.core.errors import Unavailable
from lamplighter.scenarios.bench_plan import check_vs_plan
from lamplighter.scenarios.bench_trace import EVENTS_A_FILE, READERS, write_trace
from lamplighter.scenarios.evaluation.registry import Request, Result
from lamplighter.tools import process

EVENTS = 200_000
_ROUNDS = 3
_OURS = "lamplighter"
_PLAIN = "duckdb read_json"
_COUNTS_NOTHING = frozenset({"gunzip alone"})


def measure(request: Request) -> Result:
    """All parts, one after another."""
    parts = [ingest_vs_duckdb(request), check_vs_plan(request)]
    return Result(
        metrics={name: value for part in parts for name, value in part.metrics.items()},
        cases=sum(part.cases for part in parts),
        labels=tuple(sorted({label for part in parts for label in part.labels})),
        tables=tuple(table for part in parts for table in part.tables),
        sampled=request.sample is not None,
    )


def ingest_vs_duckdb(request: Request, events: int = EVENTS) -> Result:
    """Events per CPU second of the trace reader over those of DuckDB's read_json on the same gzip files, one core each.

    The readers run in turn, `sample` rounds (3), each run a process; medians of CPU seconds. Each hands over all
    changes. `ingest_vs_duckdb` is against read_json as its manual shows it; `ingest_vs_duckdb_fastest` against the
    fastest of the ways to ask DuckDB that READERS names. Without DuckDB both are absent.
    """
    has_duckdb = importlib.util.find_spec("duckdb") is not None
    names = [name for name in READERS if has_duckdb or not name.startswith("duckdb")]
    with tempfile.TemporaryDirectory() as temporary:
        whole, tenth = Path(temporary, "whole"), Path(temporary, "tenth")
        whole.mkdir()
        tenth.mkdir()
        changes = write_trace(whole, events, seed=0)
        for path in sorted(whole.iterdir())[: max(1, events // EVENTS_A_FILE // 10)]:
            (tenth / path.name).hardlink_to(path)
        runs = _in_turn(names, whole, request.sample or _ROUNDS)
        small = _run(_OURS, tenth)
    for name in names:
        if name not in _COUNTS_NOTHING and any(run["changes"] != changes for run in runs[name]):
            raise Unavailable(name, "does not find the changes of the trace", "mend it before measuring it")
    seconds = {name: statistics.median(run["cpu_seconds"] for run in runs[name]) for name in names}
    peak = {name: max(run["peak_bytes"] for run in runs[name]) for name in names}
    metrics = _ratios(seconds)
    metrics["ingest_events_per_cpu_second"] = round(events / seconds[_OURS])
    metrics["ingest_peak_growth"] = round(peak[_OURS] / small["peak_bytes"], 2)
    rows = [
        [
            name,
            round(events / seconds[name]),
            round(seconds[name] / seconds[_OURS], 2),
            round(peak[name] / 2**20),
        ]
        for name in sorted(names, key=seconds.__getitem__)
    ]
    title = f"Reading {events} events, {changes} of them changes, from gzip files"
    if not has_duckdb:
        title += "; DuckDB is not installed (it is in the dev extra)"
    columns = ["reader", "events per CPU second", "CPU seconds, lamplighter = 1", "peak MiB"]
    table = {"title": title, "columns": columns, "rows": rows}
    return Result(metrics, events, ("recorded, ids and times varied",), (table,))


def _ratios(seconds: Mapping[str, float]) -> dict[str, float]:
    ours = seconds[_OURS]
    duckdb = [value for name, value in seconds.items() if name.startswith("duckdb")]
    ratios = {
        "ingest_vs_orjson": seconds["gunzip and orjson.loads"] / ours,
        "ingest_vs_json": seconds["gunzip and json.loads"] / ours,
    }
    if duckdb:
        ratios["ingest_vs_duckdb"] = seconds[_PLAIN] / ours
        ratios["ingest_vs_duckdb_fastest"] = min(duckdb) / ours
    return {name: round(value, 2) for name, value in ratios.items()}


def _in_turn(names: Sequence[str], folder: Path, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Round by round, so that whatever else the machine does falls on all of them."""
    runs: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(rounds):
        for name in names:
            runs[name].append(_run(name, folder))
    return runs


def _run(name: str, folder: Path) -> dict[str, float]:
    argv = [sys.executable, "-m", "lamplighter.scenarios.bench_trace", name, str(folder)]
    done = process.run(argv, timeout_s=600.0)
    if done.code != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise Unavailable(name, f"ended with {done.code} ({' '.join(last)})", "mend it before measuring it")
    run: dict[str, float] = json.loads(done.stdout)
    return run
