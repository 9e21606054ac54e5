"""The whole path with the real engine and effect, on a copy of the sample project and its recorded trace."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lamplighter.agents.wiring import Wiring, build
from lamplighter.core.config import Config
from lamplighter.core.events import ApprovalNeeded, Asked, Event, Found, Proposed, Reported
from tests.agents.world import decided, digest_of, last_report, turn
from tests.command import ROOT, lamp

BUCKET = 'aws_s3_bucket.this["receipts"]'
SCHEDULE = 'aws_instance.web["b"]'
QUEUE = "module.settlement.aws_sqs_queue.main"
DATA = ROOT / "scenarios" / "data" / "payments"


@pytest.fixture
def sample(tmp_path: Path) -> Wiring:
    project = tmp_path / "payments"
    shutil.copytree(ROOT / "scenarios" / "projects" / "payments", project)
    trace, state = (DATA / "trace",), DATA / "terraform.tfstate"
    return build(Config(project=project, trace=trace, state=str(state), state_dir=tmp_path / "state"))


def contents(wiring: Wiring) -> dict[str, str]:
    project = wiring.config.project
    return {str(path.relative_to(project)): path.read_text() for path in sorted(project.glob("**/*.tf*"))}


@pytest.mark.parametrize(
    ("request_text", "field", "value"),
    [("what did jonas change?", "actor", "jonas"), ("changes with the aws cli", "tool", "aws-cli")],
)
def test_a_filter_keeps_its_own(sample: Wiring, request_text: str, field: str, value: str) -> None:
    events = turn(sample, request_text)
    found = [event.finding for event in events if isinstance(event, Found)]
    assert found and all(value in finding.details[field] for finding in found)
    (plan,) = [event.plan for event in events if isinstance(event, Proposed)]
    resolved = {name for step in plan.steps for name in step.resolves}
    assert resolved and resolved <= {finding.id for finding in found}


def test_the_settings_say_whether_terraform_is_asked(tmp_path: Path) -> None:
    project, trace = ROOT / "scenarios" / "projects" / "payments", (DATA / "trace",)
    for asked in (True, False):
        config = Config(state_dir=tmp_path, terraform=asked, terraform_program="terraform-that-is-not-there")
        answer = build(config).check_drift(project, trace, str(DATA / "terraform.tfstate"))
        told = [line for line in answer.not_checked if "terraform-that-is-not-there: is not found" in line]
        assert len(told) == asked and answer.incomplete == asked and answer.findings


def test_who_opened_port_22(sample: Wiring) -> None:
    events = turn(sample, "who opened port 22?")
    (finding,) = [event.finding for event in events if isinstance(event, Found)]
    assert finding.where == "aws_security_group.web"
    assert finding.details["live"]["from_port"] == 22


def test_the_fix_is_approved_performed_and_verified(sample: Wiring) -> None:
    before = contents(sample)
    events = turn(sample, "fix the drift")
    assert isinstance(events[-1], ApprovalNeeded)
    (plan,) = [event.plan for event in events if isinstance(event, Proposed)]
    assert plan.steps and all(step.operation.executable for step in plan.steps)
    assert contents(sample) == before
    (after,) = decided(sample, digest_of(events), "approve")
    report = last_report(after)
    assert report.text.count("; verified: the file holds the edit") == len(plan.steps)
    changed = {name for name, text in contents(sample).items() if text != before[name]}
    assert changed == {step.operation.target.name for step in plan.steps}


def test_the_command_that_waits_for_approval_exits_3(sample: Wiring, tmp_path: Path) -> None:
    config = sample.config
    (tmp_path / "lamp.toml").write_text(
        f'project = "{config.project}"\ntrace = ["{config.trace[0]}"]\n'
        f'state = "{config.state}"\nstate_dir = "{config.state_dir}"\n'
    )
    done = lamp(tmp_path, "--config", "lamp.toml", "ask", "fix the drift")
    assert done.code == 3
    assert b"waits for approval" in done.stdout


def asked(sample: Wiring, request: str) -> tuple[list[str], list[str], str]:
    """What was found, the files that a plan would edit, and what the report says."""
    events = turn(sample, request)
    found = [event.finding.where for event in events if isinstance(event, Found)]
    plans = [event.plan for event in events if isinstance(event, Proposed)]
    said = [event.text for event in events if isinstance(event, Reported)]
    return found, [step.operation.target.name for plan in plans for step in plan.steps], "".join(said)


def test_only_what_is_named_goes_into_the_code(sample: Wiring) -> None:
    found, files, _ = asked(sample, "put the queue's visibility timeout into the code")
    assert found == ["module.settlement.aws_sqs_queue.main"] and files == ["compute.tf"]
    found, files, said = asked(sample, "put the queue's delay into the code")
    assert (found, files) == ([], [])
    assert "11 of 11 finding(s) left out by kind aws_sqs_queue*, setting delay" in said


def test_a_resource_is_not_written_without_its_import(sample: Wiring) -> None:
    before = contents(sample)
    events = turn(sample, "codify the change of aws_iam_role.api")
    (proposed,) = [event for event in events if isinstance(event, Proposed)]
    assert [step.after for step in proposed.plan.steps] == [(), ("edit-1",)]
    (sample.config.project / "imports.tf").write_text("# somebody else's\n")
    decided(sample, digest_of(events), "approve")
    assert contents(sample) == {**before, "imports.tf": "# somebody else's\n"}


def test_what_is_dangerous_to_keep_is_said(sample: Wiring) -> None:
    events = turn(sample, "codify the change of aws_iam_role.api")
    (proposed,) = [event for event in events if isinstance(event, Proposed)]
    assert [step.operation.target.name for step in proposed.plan.steps] == ["imports.tf", "iam.tf"]
    said = "careful: the code is to keep 1 change(s) of high or critical severity: aws_iam_role.api"
    assert said in proposed.plan.rationale


def planned(events: list[Event]) -> set[str]:
    """The addresses that a plan would change, by what its steps resolve."""
    found = {event.finding.id: event.finding.where for event in events if isinstance(event, Found)}
    plans = [event.plan for event in events if isinstance(event, Proposed)]
    return {found[name] for plan in plans for step in plan.steps for name in step.resolves}


@pytest.mark.parametrize(
    "request_text",
    [
        "never fix the security group, codify the rest",
        "without touching iam, codify the drift",
        "codify the drift, but leave the instance type alone",
        "revert the drift, not the iam role",
    ],
)
def test_what_may_leave_something_out_is_asked_back_and_plans_nothing(
    sample: Wiring, request_text: str
) -> None:
    events = turn(sample, request_text)
    assert isinstance(events[-1], Asked) and events[-1].exit_code == 4
    assert not [event for event in events if isinstance(event, (Proposed, ApprovalNeeded))]
    # The reply is a request of its own: the one that was not plain is not read again.
    (found,) = [
        event.finding for event in turn(sample, "show the security group") if isinstance(event, Found)
    ]
    assert found.where == "aws_security_group.web"


def test_an_exception_is_everything_else(sample: Wiring) -> None:
    events = turn(sample, "codify everything except the security group")
    found = {event.finding.where for event in events if isinstance(event, Found)}
    assert len(found) == 10 and "aws_security_group.web" not in found
    assert "aws_iam_role.api" in planned(events) <= found
    # What waits holds no edit of the group.
    (plan,) = [event.plan for event in events if isinstance(event, Proposed)]
    assert "0.0.0.0/0" not in plan.model_dump_json()


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [
        ("codify only low drift", {BUCKET, SCHEDULE, QUEUE}),
        ("codify the tag Schedule", {SCHEDULE}),
        ("codify the tag Schedule, change nothing else", {SCHEDULE}),
        ("codify the DataClass tag", {BUCKET}),
        ("put the settlement queue into the code", {QUEUE}),
        ("codify what jonas did to the instance", {'aws_instance.web["a"]'}),
        ("put the billing queue into the code", set[str]()),
        ("codify the tag Owner", set[str]()),
        ("what would happen if I codify the security group drift?", set[str]()),
    ],
)
def test_no_more_is_planned_than_was_said(sample: Wiring, request_text: str, expected: set[str]) -> None:
    events = turn(sample, request_text)
    assert planned(events) == expected
    assert any(isinstance(event, ApprovalNeeded) for event in events) is bool(expected)


@pytest.mark.parametrize("request_text", ["codify what bob did to the instance", "changes by bob"])
def test_somebody_whom_no_finding_names_is_said(sample: Wiring, request_text: str) -> None:
    report = last_report(turn(sample, request_text))
    assert report.exit_code == 4
    assert (
        "no finding is by 'bob', but by " in report.not_checked[0] and "jonas.weber" in report.not_checked[0]
    )


def test_last_night_is_the_night_before_this_morning(sample: Wiring) -> None:
    class Morning:
        def now(self) -> datetime:
            return datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

    found, _, said = asked(
        replace(sample, clock=Morning()), "what did the console change in payments last night"
    )
    assert found and len(found) == len(set(found))
    assert "last night: 2026-11-22T18:00:00Z to 2026-11-23T06:00:00Z, UTC" in said


def test_what_is_left_to_a_hand_is_said_with_its_reason(sample: Wiring) -> None:
    found, files, said = asked(sample, "fix the critical drift")
    assert len(found) == 2 and files == []
    assert "nothing can be applied" in said
    assert said.count("\nby hand: apply, to make ") == 2 and "severity" in said


def test_terraform_is_asked_of_the_plan_where_the_settings_say_so(sample: Wiring, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    program = tmp_path / "terraform"
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\necho "no credentials" >&2\nexit 1\n')
    program.chmod(0o755)
    config = sample.config.model_copy(update={"terraform": True, "terraform_program": str(program)})
    report = build(config).check_drift(config.project, config.trace, config.state)
    by_the_check = len(calls.read_text().splitlines())
    plan = report.plan_for([one for one in report.findings if one.where.endswith("aws_sqs_queue.main")])
    assert plan is not None and [step.operation.target.name for step in plan.steps] == ["compute.tf"]
    assert len(calls.read_text().splitlines()) > by_the_check
