"""The patch stage of the drift evaluation: what a case is failed for, and a sample without Terraform."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lamplighter.drift import check_directory
from lamplighter.drift.patch.model import FileEdits, Unplaced, Verdict, contents_between
from lamplighter.drift.patch.patch import Patch
from lamplighter.drift.patch.proposal import Proposal
from lamplighter.drift.proposals import finding_of
from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.drift.schema import Scenario
from lamplighter.scenarios.evaluation import patch_score
from lamplighter.scenarios.evaluation.drift import evaluate
from lamplighter.scenarios.evaluation.drift_patch import (
    CODE,
    CODIFY_ALL,
    NO_TERRAFORM,
    NONE,
    Against,
    Aim,
    Patched,
    by_code,
    judged,
)
from lamplighter.scenarios.evaluation.drift_score import Wrong
from lamplighter.scenarios.evaluation.registry import Request
from lamplighter.scenarios.world import MIRROR_VARIABLE
from lamplighter.tools.terraform_files import read_state


def night(kind: str, project: str = "payments") -> Scenario:
    """The first night of a project in which that kind alone happened."""
    return next(case for case in schema.scenarios(project) if case.kinds == (kind,))


def proposed(case: Scenario, folder: Path) -> Proposal:
    base = schema.base(case.project)
    report = check_directory(base.code, case.write_trace(folder / "trace"), base.write_state(folder))
    assert report.proposal is not None
    return report.proposal


def told(case: Scenario, proposal: Proposal, patch: Patch, folder: Path, way: str = NO_TERRAFORM) -> Patched:
    base = schema.base(case.project)
    scratch = Path(tempfile.mkdtemp(dir=folder))
    judge = by_code(base.code, read_state(base.code, base.write_state(scratch)), scratch)
    return judged(case, proposal.decisions, patch, base.code, way, judge)


def nobody(patch: Patch, aim: Aim) -> Against:
    raise AssertionError("there is nothing to judge")


def with_text(patch: Patch, change: Callable[[bytes], bytes]) -> Patch:
    """The patch with the text of its first file changed once more, and edits that say so."""
    file = patch.edits[0].file
    after = {**patch.after.contents, file: change(patch.after.contents[file])}
    edits: tuple[FileEdits, ...] = contents_between(patch.before.contents, after)
    return replace(patch, edits=edits, after=patch.before.edited(edits))


def causes(done: Patched) -> list[str]:
    return [wrong.cause.partition(":")[0] for wrong in done.wrong]


def test_a_right_patch_passes_and_one_that_says_another_value_does_not(tmp_path: Path) -> None:
    case = night("sqs-visibility-changed")
    proposal = proposed(case, tmp_path)
    done = told(case, proposal, proposal.patch, tmp_path)
    assert not done.wrong and done.items == 1 and done.judge == CODE
    live = str(case.drifts[0].live).encode()
    other = with_text(proposal.patch, lambda text: text.replace(live, b"4321"))
    assert "the code says something else" in causes(told(case, proposal, other, tmp_path))


def test_a_patch_that_changes_something_else_as_well_does_not_pass(tmp_path: Path) -> None:
    case = night("sqs-visibility-changed")
    proposal = proposed(case, tmp_path)
    extra = b'\nresource "aws_sqs_queue" "one_more" {\n  name = "x"\n}\n'
    done = told(case, proposal, with_text(proposal.patch, lambda text: text + extra), tmp_path)
    assert causes(done) == ["new in the code, and not imported"]


def test_a_decision_that_is_not_the_expected_one_does_not_pass(tmp_path: Path) -> None:
    case = night("s3-public-access-block-loosened")
    proposal = proposed(case, tmp_path)
    assert not told(case, proposal, proposal.patch, tmp_path).wrong
    ids = {finding_of(one.item).id for one in proposal.decisions}
    everything = proposal.narrowed(ids, Verdict.CODIFY)
    assert "decision" in causes(told(case, everything, everything.patch, tmp_path))
    # Asked for by a person, the decision is nobody's fault.
    assert "decision" not in causes(told(case, everything, everything.patch, tmp_path, CODIFY_ALL))


def test_what_was_not_found_and_what_was_not_placed_do_not_pass(tmp_path: Path) -> None:
    case = night("sqs-visibility-changed")
    proposal = proposed(case, tmp_path)
    done = judged(case, (), None, schema.base(case.project).code, NO_TERRAFORM, nobody)
    assert causes(done) == ["missed"] and done.judge == NONE
    left = tuple(Unplaced(one.item, "no reason") for one in proposal.patch.placed)
    nothing = replace(proposal.patch, placed=(), edits=(), after=proposal.patch.before, unplaced=left)
    assert causes(told(case, proposal, nothing, tmp_path)) == ["not placed"]


def test_a_quiet_night_passes_when_nothing_is_proposed() -> None:
    quiet = next(case for case in schema.scenarios() if case.suite == "noise")
    done = judged(quiet, (), None, schema.base(quiet.project).code, NO_TERRAFORM, nobody)
    assert not done.wrong and not done.items


def test_rows_survive_json() -> None:
    one = Patched(
        "p-1", "p", ("k",), "drift", CODIFY_ALL, 1, CODE, 2, (Wrong("p-1", ("k",), ("a", "b"), "c"),)
    )
    assert Patched.of_row(json.loads(json.dumps(one._asdict()))) == one


def test_shares_are_of_the_nights_with_drift_and_tables_name_each_cause() -> None:
    right = Patched("p-1", "p", ("k",), "drift", NO_TERRAFORM, 1, CODE, 0, ())
    wrong = right._replace(scenario="p-2", wrong=(Wrong("p-2", ("k",), ("a", "b"), "missed"),))
    left = right._replace(scenario="p-3", items=0, judge=NONE)
    quiet = right._replace(scenario="p-4", suite="noise", items=0, judge=NONE)
    cases = [right, wrong, left, quiet]
    assert patch_score.metrics(cases) == {
        "pass_at_1_no_terraform": 0.6667,
        "pass_at_1_no_terraform_with_patch": 0.5,
    }
    made = {table["title"]: table["rows"] for table in patch_score.tables(cases)}
    assert made["patch, no terraform, failures"] == [["missed", "k", "a", "b", "p-2"]]
    assert made["patch, no terraform, by project"] == [["p", 3, 2, 2, 1]]
    assert [row[:3] for row in made["patch"]] == [
        ["no terraform", "drift", NONE],
        ["no terraform", "drift", CODE],
        ["no terraform", "noise", NONE],
    ]


def test_the_sample_is_patched_without_terraform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, "")
    result = evaluate(Request(sample=66))
    assert result.metrics["pass_at_1_no_terraform"] >= 0.85
    assert result.metrics["tokens"] == 0
    assert "pass_at_1" not in result.metrics and "pass_at_1_codify_all" not in result.metrics
    judges = next(table for table in result.tables if table["title"] == "patch")
    assert CODE in [row[2] for row in judges["rows"]]
