"""What was learnt, in a file that several processes may write, and that may be damaged."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from lamplighter.core.errors import Unavailable
from lamplighter.memory.learnt import Learnt
from lamplighter.tools import process


def test_the_last_is_recalled_first_by_the_very_question(tmp_path: Path) -> None:
    store = Learnt(tmp_path / "state" / "learnt.jsonl")
    assert store.recall("how", 3) == [] and not (tmp_path / "state").exists()
    for number in range(3):
        store.remember("how", {"number": number})
    store.remember("what", {"number": 9})
    assert [one["number"] for one in store.recall("how", 2)] == [2, 1]
    assert Learnt(tmp_path / "state" / "learnt.jsonl").recall("what", 5) == [{"number": 9}]
    assert stat.S_IMODE((tmp_path / "state" / "learnt.jsonl").stat().st_mode) == 0o600


def test_the_same_is_kept_once(tmp_path: Path) -> None:
    store = Learnt(tmp_path / "learnt.jsonl")
    for _ in range(3):
        store.remember("how", {"b": 1, "a": [2]})
    assert len((tmp_path / "learnt.jsonl").read_text().splitlines()) == 1


def test_a_damaged_line_is_passed_over_and_ends_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "learnt.jsonl"
    path.write_bytes(b'{"question": "how"}\n[1]\n' + b"[" * 5_000 + b'\n\xff\xfe\n{"question": "how", "mem')
    store = Learnt(path)
    assert store.recall("how", 5) == []
    store.remember("how", {"number": 1})
    assert store.recall("how", 5) == [{"number": 1}]


def test_what_is_too_long_or_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="too long"):
        Learnt(tmp_path / "learnt.jsonl").remember("how", {"text": "x" * 70_000})
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"file/learnt\.jsonl"):
        Learnt(tmp_path / "file" / "learnt.jsonl").remember("how", {})
    (tmp_path / "folder").mkdir()
    with pytest.raises(Unavailable):
        Learnt(tmp_path / "folder").recall("how", 1)


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    code = (
        "import sys; from pathlib import Path; from lamplighter.memory.learnt import Learnt;"
        " [Learnt(Path(sys.argv[1])).remember('how', {'by': sys.argv[2], 'n': n}) for n in range(20)]"
    )
    path = tmp_path / "learnt.jsonl"
    argv = [[sys.executable, "-c", code, str(path), str(number)] for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda one: process.run(one, timeout_s=60), argv))
    assert [one.code for one in done] == [0, 0, 0] and len(Learnt(path).recall("how", 100)) == 60


def test_of_a_full_file_the_newest_count_and_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "learnt.jsonl"
    store = Learnt(path, most_bytes=1_000)
    for number in range(100):
        store.remember("how", {"number": number})
        assert path.stat().st_size < 1_000 and store.recall("how", 1) == [{"number": number}]
    kept = [one["number"] for one in store.recall("how", 1_000)]
    assert len(kept) > 5 and kept == list(range(99, 99 - len(kept), -1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("most", range(30, 140))
def test_of_a_file_that_is_too_long_the_last_whole_lines_are_read(most: int, tmp_path: Path) -> None:
    path = tmp_path / "learnt.jsonl"
    for number in range(3):
        Learnt(path).remember("how", {"number": number})
    length = len(path.read_bytes().splitlines()[0]) + 1
    found = [one["number"] for one in Learnt(path, most_bytes=most).recall("how", 9)]
    assert found == [2, 1, 0][: most // length]
