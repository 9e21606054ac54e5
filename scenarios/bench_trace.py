"""A long trace made of the recorded one, and the readers that are measured on it, each in a process of its own.

`python -m lamplighter.scenarios.bench_trace READER FOLDER` reads every file of FOLDER and prints one JSON object: how
many changes it handed over, the CPU seconds that took (all threads, imports excluded), the process's peak memory.
"""

from __future__ import annotations

import glob
import gzip
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

_RECORDED = Path(__file__).parent / "data" / "payments" / "trace"
_START = datetime(2026, 11, 1, tzinfo=UTC)
EVENTS_A_FILE = 2000
CHANGES = 0.15
"""The share of events that change something; in accounts in use it is lower."""


def write_trace(folder: Path, events: int, seed: int) -> int:
    """Writes Records files (gzip) of `events` events into `folder`; returns how many of them are changes.

    Each event is one of those recorded for the payments sample, drawn by chance, with ids and a time of its own (one
    a second); nothing else is varied, so gzip finds more to pack than in a real trace.
    """
    records = [record for path in sorted(_RECORDED.rglob("*.json.gz")) for record in _records(path)]
    reads = [record for record in records if record["readOnly"] is True]
    changes = [record for record in records if record["readOnly"] is False]
    chance = random.Random(seed)
    total = 0
    for first in range(0, events, EVENTS_A_FILE):
        made: list[dict[str, Any]] = []
        for number in range(first, min(first + EVENTS_A_FILE, events)):
            is_change = chance.random() < CHANGES
            total += is_change
            record = dict(chance.choice(changes if is_change else reads))
            for name in ("eventID", "requestID"):
                record[name] = str(UUID(int=chance.getrandbits(128), version=4))
            record["eventTime"] = (_START + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
            made.append(record)
        name = f"123456789012_CloudTrail_eu-west-1_{first:08}.json.gz"
        (folder / name).write_bytes(gzip.compress(orjson.dumps({"Records": made}), 6))
    return total


def _records(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(gzip.decompress(path.read_bytes()))["Records"]
    return found


def _lamplighter(folder: Path) -> Callable[[], int]:
    from lamplighter.tools.cloudtrail import TraceFiles

    return lambda: sum(1 for _ in TraceFiles([folder]).records())


def _parsed_by(loads: Callable[[bytes], Any]) -> Callable[[Path], Callable[[], int]]:
    """Every file parsed whole, and nothing done but to look at the top-level mark of each record."""

    def read(folder: Path) -> int:
        count = 0
        for path in sorted(folder.iterdir()):
            for record in loads(gzip.decompress(path.read_bytes()))["Records"]:
                count += record.get("readOnly") is not True
        return count

    return lambda folder: lambda: read(folder)


def _gunzip(folder: Path) -> Callable[[], int]:
    def read() -> int:
        for path in sorted(folder.iterdir()):
            gzip.decompress(path.read_bytes())
        return 0

    return read


def _duckdb(query: str) -> Callable[[Path], Callable[[], int]]:
    """One query on one thread that hands over the rows of the changes."""

    def prepared(folder: Path) -> Callable[[], int]:
        import duckdb

        connection = duckdb.connect()
        connection.execute("SET threads = 1")
        source = f"'{glob.escape(str(folder))}/*.json.gz', maximum_object_size = 268435456"
        text = f"SELECT r FROM ({query.replace('SOURCE', source)})"
        return lambda: len(connection.execute(text).fetchall())

    return prepared


READERS: dict[str, Callable[[Path], Callable[[], int]]] = {
    "lamplighter": _lamplighter,
    "duckdb read_json": _duckdb(
        "SELECT unnest(Records) r FROM read_json(SOURCE)) WHERE (r.readOnly IS NOT TRUE"
    ),
    "duckdb read_json, columns declared": _duckdb(
        "SELECT unnest(Records) r FROM read_json(SOURCE, columns = {Records: 'JSON[]'})) "
        "WHERE (r->>'readOnly' IS DISTINCT FROM 'true'"
    ),
    "duckdb read_json, maximum_depth 2": _duckdb(
        "SELECT unnest(Records) r FROM read_json(SOURCE, maximum_depth = 2)) "
        "WHERE (r->>'readOnly' IS DISTINCT FROM 'true'"
    ),
    "duckdb read_json_objects": _duckdb(
        "SELECT unnest(json->'$.Records[*]') r FROM read_json_objects(SOURCE)) "
        "WHERE (r->>'readOnly' IS DISTINCT FROM 'true'"
    ),
    "gunzip and orjson.loads": _parsed_by(orjson.loads),
    "gunzip and json.loads": _parsed_by(json.loads),
    "gunzip alone": _gunzip,
}
"""By name; each is given the folder, prepares itself, and returns what is measured."""


def main(reader: str, folder: str) -> None:
    """Reads once, on one core, and prints what it took."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    read = READERS[reader](Path(folder))
    start = time.process_time()
    changes = read()
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"changes": changes, "cpu_seconds": seconds, "peak_bytes": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
