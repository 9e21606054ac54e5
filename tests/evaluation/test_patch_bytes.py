"""A patch is no more than its edits: on edits that are made wrong on purpose, and over a sample of the scenarios."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lamplighter.core.operations import ByteEdit
from lamplighter.drift import check_directory
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import FileEdits, Verdict
from lamplighter.drift.patch.patch import Patch
from lamplighter.drift.state import StateRead
from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.evaluation.drift import sampled
from lamplighter.scenarios.evaluation.drift_patch import managed
from lamplighter.scenarios.evaluation.patch_bytes import beyond_its_edits, lost_comments, splice

BEFORE = b"a = 1 # why\nb = 2\n"
EDIT = ByteEdit(start=4, end=5, old="1", new="3")
SAMPLE = 60


def patch(after: bytes, *edits: ByteEdit, before: bytes = BEFORE, file: str = "main.tf") -> Patch:
    was = Code({file: before}, (), StateRead())
    made = (FileEdits(file, edits),) if edits else ()
    return Patch((), (), made, (), was, replace(was, contents={file: after}))


@pytest.mark.parametrize(
    ("made", "causes"),
    [
        (patch(b"a = 3 # why\nb = 2\n", EDIT), []),
        (patch(BEFORE), []),
        (patch(b"a = 3 # why\nb = 2\n"), ["the file is another one, and no edit says so"]),
        (patch(b"a = 3 # why\nb = 4\n", EDIT), ["bytes outside of the edits differ"]),
        (
            patch(
                BEFORE,
                EDIT.model_copy(update={"old": "9"}),
            ),
            ["the edits do not fit what is on the disk"],
        ),
        (
            patch(b"a = 3 # why\nb = 2", EDIT, ByteEdit(start=17, end=18, old="\n", new="")),
            ["the last newline is not as it was"],
        ),
        (
            patch(b"a = 3\r\n# why\nb = 2\n", ByteEdit(start=4, end=6, old="1 ", new="3\r\n")),
            ["line endings are others: LF before, CRLF and LF now"],
        ),
        (
            patch(b"a = 3\nb = 2\n", ByteEdit(start=4, end=11, old="1 # why", new="3")),
            ["a comment is lost: # why"],
        ),
    ],
)
def test_each_way_to_go_beyond_the_edits_has_a_cause(made: Patch, causes: list[str], tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_bytes(BEFORE)
    assert [cause for _, cause in beyond_its_edits(made, tmp_path)] == causes


def test_an_edit_of_another_directory_is_one_too_many(tmp_path: Path) -> None:
    below = tmp_path / "root"
    below.mkdir()
    (tmp_path / "main.tf").write_bytes(BEFORE)
    made = patch(b"a = 3 # why\nb = 2\n", EDIT, file="../main.tf")
    assert [cause for _, cause in beyond_its_edits(made, below)] == ["an edit outside of the directory"]


def test_edits_that_overlap_fit_nothing() -> None:
    assert (
        splice(
            b"abc", [ByteEdit(start=0, end=2, old="ab", new=""), ByteEdit(start=1, end=3, old="bc", new="")]
        )
        is None
    )


def test_a_comment_goes_with_the_block_that_goes_and_a_hash_in_a_text_is_none() -> None:
    assert not lost_comments([ByteEdit(start=0, end=9, old="b {} # so", new="")])
    assert not lost_comments([ByteEdit(start=0, end=6, old='"#1"', new='"#2"')])
    assert not lost_comments([ByteEdit(start=0, end=6, old="1 // so", new="2 // so")])


@pytest.mark.parametrize("everything", [False, True], ids=["as decided", "all that is managed"])
def test_of_every_night_a_patch_changes_what_its_edits_say_and_nothing_else(
    everything: bool, tmp_path: Path
) -> None:
    edited = 0
    for case in sampled([one for one in schema.scenarios() if one.suite == "drift"], SAMPLE):
        base = schema.base(case.project)
        folder = tmp_path / case.id
        folder.mkdir()
        report = check_directory(base.code, case.write_trace(folder / "trace"), base.write_state(folder))
        proposal = report.proposal
        if proposal is None:
            continue
        made = proposal.patch
        if everything:
            ids = {one.id for one in report.findings if one.kind == "drift"}
            made = proposal.narrowed(ids, Verdict.CODIFY).patch
            assert len(managed(proposal)) == len(proposal.narrowed(ids).decisions)
        edited += bool(made.edits)
        assert not beyond_its_edits(made, base.code), case.id
    assert edited > SAMPLE / 4
