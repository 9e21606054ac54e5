"""What lies in a trace folder is read once or named: links, unknown files, pages of a longer answer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.errors import InputError
from lamplighter.tools.cloudtrail import read_trace
from tests.tools.traces import event, ids, lines, written


def test_a_linked_folder_is_read_and_loops_end(tmp_path: Path) -> None:
    written(tmp_path / "elsewhere/b.json", [event(2)])
    written(tmp_path / "trace/a.json", [event(1)])
    (tmp_path / "trace/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/up").symlink_to(tmp_path / "trace")
    (tmp_path / "trace/again").symlink_to(tmp_path / "elsewhere")
    read = read_trace([tmp_path / "trace"])
    assert ids(read) == ["id-1", "id-2"] and not read.problems
    assert read.counts.files == 2 and read.counts.duplicates == 0


def test_a_file_of_several_names_is_read_once(tmp_path: Path) -> None:
    real = written(tmp_path / "a.json", [event(1, eventID=...)])
    (tmp_path / "b.json").symlink_to(real)
    os.link(real, tmp_path / "c.json")
    read = read_trace([tmp_path, real, tmp_path / "b.json", tmp_path])
    assert len(read.records) == 1 and read.counts.files == 1 and not read.problems


def test_a_folder_inside_one_that_was_read_is_no_problem(tmp_path: Path) -> None:
    written(tmp_path / "in/a.json", [event(1)])
    read = read_trace([tmp_path, tmp_path / "in"])
    assert ids(read) == ["id-1"] and not read.problems


def test_a_link_to_nowhere_is_named(tmp_path: Path) -> None:
    written(tmp_path / "a.json", [event(1)])
    (tmp_path / "b.json").symlink_to(tmp_path / "gone.json")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    named, unknown = lines(read_trace([tmp_path]))
    assert "b.json" in named and "cannot be read" in named
    assert "1 file of an unknown kind" in unknown and "(gone)" in unknown


def test_files_of_unknown_names_are_one_line(tmp_path: Path) -> None:
    written(tmp_path / "a.json", [event(1)])
    for number in range(40):
        written(tmp_path / f"part/{number:02}.parquet", 1)
    (tmp_path / "b\n\x1b[31m.txt").write_text("")
    read = read_trace([tmp_path])
    (line,) = lines(read)
    assert ids(read) == ["id-1"]
    assert "41 files of unknown kinds were not read" in line and "and 38 more" in line and line.isprintable()
    assert "part/00.parquet" in line


def test_an_unknown_file_given_by_name_is_read(tmp_path: Path) -> None:
    assert ids(read_trace([written(tmp_path / "export.log", [event(1)])])) == ["id-1"]


def test_what_is_known_to_be_no_trace_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path / "a.json", [event(1)])
    for name in (".git/config", ".hidden", "CloudTrail-Insight/i.txt"):
        written(tmp_path / name, 1)
    written(tmp_path / "q.csv.metadata", 1)
    assert not read_trace([tmp_path]).problems


def test_a_folder_of_unknown_files_only_raises(tmp_path: Path) -> None:
    written(tmp_path / "a.zip", 1)
    with pytest.raises(InputError, match=r"1 file of an unknown kind was not read \(a\.zip\)"):
        read_trace([tmp_path])


def page(*numbers: int, token: str = "", **changed: Any) -> dict[str, Any]:
    """An answer of LookupEvents with the events of these seconds."""
    events = [{"CloudTrailEvent": json.dumps(event(number, **changed))} for number in numbers]
    return {"Events": events, **({"NextToken": token} if token else {})}


def test_one_page_of_several_is_named(tmp_path: Path) -> None:
    written(tmp_path / "one.json", page(9, 8, token="t"))
    written(tmp_path / "other.json", {"Records": [event(1)]})
    read = read_trace([tmp_path])
    (line,) = lines(read)
    assert "one.json" in line and "one page of several" in line and "NextToken" in line
    assert ids(read) == ["id-9", "id-8", "id-1"]


def test_all_pages_are_a_whole_answer(tmp_path: Path) -> None:
    pages = [page(9, 8, token="t"), page(8, 7, token="u"), page(6)]
    for number, content in enumerate(pages):
        written(tmp_path / f"files/{number}.json", content)
    (tmp_path / "pages.jsonl").write_text("\n".join(map(json.dumps, pages)))
    read = read_trace([tmp_path / "files"])
    assert not read.problems and read.counts.kept == 4 and read.counts.duplicates == 1
    assert not read_trace([tmp_path / "pages.jsonl"]).problems


@pytest.mark.parametrize(
    "pages",
    [
        [page(9, 8, token="t"), page(7, token="u")],
        [page(5, 4, token="t"), page(9, 8)],
        [page(9, 8, token="t"), page(7, 6, awsRegion="us-east-1")],
        [page(token="t"), page(7)],
        [page(9, token="t"), {"ResultSet": {"Rows": []}}],
    ],
    ids=["the last has a token", "only a later one", "another region", "an empty page", "another kind"],
)
def test_a_missing_page_is_seen(tmp_path: Path, pages: list[Any]) -> None:
    for number, content in enumerate(pages):
        written(tmp_path / f"{number}.json", content)
    assert [line for line in lines(read_trace([tmp_path])) if "one page of several" in line]


@pytest.mark.parametrize("token", ["NextToken", "nextToken"])
def test_a_cut_answer_of_a_query_is_named(tmp_path: Path, token: str) -> None:
    rows = [[{"eventJson": json.dumps(event(1))}]]
    read = read_trace([written(tmp_path / "lake.json", {"QueryResultRows": rows, token: "more"})])
    assert ids(read) == ["id-1"] and "one page of several" in lines(read)[0]
