"""The index says what is missing exactly, whatever was asked before, and a failed write leaves nothing half done."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamplighter.core.errors import InputError
from lamplighter.core.trace import Span
from lamplighter.tools.cloudtrail.index import Pulled, TraceIndex
from lamplighter.tools.cloudtrail.lookup import stamp

START = datetime(2026, 11, 22, tzinfo=UTC)


def at(second: int) -> str:
    return stamp(START + timedelta(seconds=second))


def span(pair: tuple[int, int]) -> Span:
    return Span(at(min(pair)), at(max(pair)))


spans = st.tuples(st.integers(0, 30), st.integers(0, 30))
steps = st.lists(st.tuples(st.sampled_from(["a", "b"]), spans), max_size=8)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, spans)
def test_missing_is_what_was_never_marked(
    tmp_path: Path, steps: list[tuple[str, tuple[int, int]]], wanted: tuple[int, int]
) -> None:
    path = tmp_path / "index.db"
    path.unlink(missing_ok=True)
    there: set[int] = set()
    with TraceIndex(path) as index:
        for region, pair in steps:
            index.add(region, [], span(pair))
            there |= set(range(min(pair), max(pair))) if region == "a" else set()
        gaps = index.missing("a", span(wanted))
    seconds = {second for second in range(31) if any(gap.since <= at(second) < gap.until for gap in gaps)}
    assert seconds == set(range(min(wanted), max(wanted))) - there
    assert gaps == sorted(gaps, reverse=True) and all(gap.since < gap.until for gap in gaps)


def test_events_are_kept_once_and_given_by_time(tmp_path: Path) -> None:
    events = [Pulled("2", at(5), '"second"'), Pulled("1", at(3), '"é"')]
    with TraceIndex(tmp_path / "new" / "index.db") as index:
        index.add("a", events, None)
        index.add("a", events, Span(at(0), at(9)))
        index.add("b", [Pulled("1", at(4), '"other"')], None)
    with TraceIndex(tmp_path / "new" / "index.db") as index:
        assert list(index.texts(["a"], Span(at(0), at(9)))) == ['"é"'.encode(), b'"second"']
        assert list(index.texts(["a", "b"], Span(at(4), at(5)))) == [b'"other"']


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with TraceIndex(path) as index:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TRIGGER no BEFORE INSERT ON windows BEGIN SELECT RAISE(FAIL, 'full'); END")
        with pytest.raises(InputError, match="full"):
            index.add("a", [Pulled("1", at(1), "1")], Span(at(0), at(9)))
        assert list(index.texts(["a"], Span(at(0), at(9)))) == []
        assert index.missing("a", Span(at(0), at(9))) == [Span(at(0), at(9))]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written .* set state_dir"):
        TraceIndex(tmp_path / "file" / "index.db")
