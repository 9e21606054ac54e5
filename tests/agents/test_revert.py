"""A request to set live values back: a plan of its own, put up for approval as every other; or why there is none."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lamplighter.agents.wiring import DriftAnswer, build
from lamplighter.core.config import Config
from lamplighter.core.errors import Refused
from lamplighter.core.events import ApprovalNeeded, Proposed, Reported
from lamplighter.core.findings import Finding
from lamplighter.core.operations import ApplySavedPlan, Target
from lamplighter.core.plans import Plan, Step
from lamplighter.tools.saved_plans import SavedPlans
from tests.agents.world import decided, digest_of, make_wiring, turn
from tests.command import ROOT

REQUEST = "revert the drift in terraform"


def way_back(
    directory: Path, _answer: DriftAnswer, findings: Sequence[Finding]
) -> tuple[Plan | None, Sequence[str]]:
    target = Target(context=str(directory), kind="terraform_plan", name="a.tfplan", version="0" * 64)
    operation = ApplySavedPlan(target=target, addresses=tuple(one.where for one in findings))
    step = Step(id="apply-1", operation=operation, resolves=tuple(one.id for one in findings))
    return Plan(steps=(step,), rationale="back"), ["aws_x.y: no code holds it"]


def test_a_plan_of_the_way_back_waits_for_its_approval(tmp_path: Path) -> None:
    events = turn(replace(make_wiring(tmp_path), plan_revert=way_back), REQUEST)
    (proposed,) = [event for event in events if isinstance(event, Proposed)]
    assert [step.operation.verb for step in proposed.plan.steps] == ["apply_saved_plan"]
    assert any(isinstance(event, ApprovalNeeded) for event in events)
    assert (tmp_path / "project/main.tf").read_text().count("5") == 1


def test_what_was_kept_for_a_plan_that_is_denied_is_taken_away(tmp_path: Path) -> None:
    wiring = replace(make_wiring(tmp_path), plan_revert=way_back)
    plans = tmp_path / "state" / "plans"
    plans.mkdir(parents=True)
    (plans / "a.tfplan").write_bytes(b"values in the clear")
    wiring = replace(wiring, effects={**wiring.effects, "apply_saved_plan": SavedPlans(plans)})
    events = turn(wiring, REQUEST)
    assert (plans / "a.tfplan").exists()
    decided(wiring, digest_of(events), "deny")
    assert not (plans / "a.tfplan").exists()


def test_a_way_back_is_planned_with_the_directorys_own_state(tmp_path: Path) -> None:
    sample = ROOT / "scenarios" / "data" / "payments"
    project = tmp_path / "payments"
    shutil.copytree(ROOT / "scenarios" / "projects" / "payments", project)
    for state in (str(sample / "terraform.tfstate"), "s3://bucket/key"):
        config = Config(project=project, trace=(sample / "trace",), state=state, state_dir=tmp_path / "state")
        wiring = build(config)
        own = str(sample / "terraform.tfstate")
        # What was checked is not the question here.
        engine = wiring.check_drift
        wiring = replace(wiring, check_drift=lambda d, t, _s="", *, e=engine, o=own: e(d, t, o))
        events = turn(wiring, "revert the console changes")
        (report,) = [event for event in events if isinstance(event, Reported)]
        assert "a way back is planned with the directory's own state" in report.text
        assert not any(isinstance(event, Proposed) for event in events)


def test_who_only_looks_plans_nothing(tmp_path: Path) -> None:
    events = turn(replace(make_wiring(tmp_path), plan_revert=way_back), f"{REQUEST}, but change nothing")
    assert not any(isinstance(event, ApprovalNeeded) for event in events)


def test_why_there_is_no_way_back_is_said(tmp_path: Path) -> None:
    def refused(
        _directory: Path, _answer: DriftAnswer, _findings: Sequence[Finding]
    ) -> tuple[Plan | None, Sequence[str]]:
        raise Refused("aws_sqs_queue.ledger", "the way back would replace it", "set it back by hand")

    for plan_revert, said in ((refused, "the way back would replace it"), (None, "run `terraform apply`")):
        events = turn(replace(make_wiring(tmp_path), plan_revert=plan_revert), REQUEST)
        (report,) = [event for event in events if isinstance(event, Reported)]
        assert said in report.text
        assert not any(isinstance(event, Proposed) for event in events)
