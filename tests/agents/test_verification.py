"""What is said, and with which exit code the turn ends, once something was done about the findings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lamplighter.agents.reports import executed, execution_lines
from lamplighter.agents.wiring import Wiring
from lamplighter.core.events import Event, StepFinished
from lamplighter.core.findings import Finding, Severity
from lamplighter.core.operations import ByteEdit, EditHcl, Operation, Target
from lamplighter.core.plans import Plan, Step
from lamplighter.core.ports import EffectResult
from lamplighter.core.results import Outcome
from lamplighter.tools.files import FileEdits, edit_version
from tests.agents.world import Answer, decided, digest_of, last_report, turn

SOURCE = 'resource "aws_sqs_queue" "ledger" {\n  delay_seconds   = 5\n  receive_seconds = 7\n}\n'
CHANGES = {"receive_seconds": ("7", "1800"), "delay_seconds": ("5", "50")}
"""attribute -> what the code says and what is live; the plan edits from the file's end to its start."""


def found(attribute: str, severity: Severity) -> Finding:
    return Finding(
        id=f"dr-{attribute}", kind="drift", where="aws_sqs_queue.ledger", summary="differs", severity=severity
    )


def edit(directory: Path, attribute: str) -> Step:
    content = SOURCE.encode()
    old, new = CHANGES[attribute]
    start = content.index(f"= {old}".encode()) + 2
    edits = (ByteEdit(start=start, end=start + len(old), old=old, new=new),)
    version = edit_version(content, edits)
    target = Target(context=str(directory), kind="terraform_file", name="main.tf", version=version)
    operation = EditHcl(
        target=target, address="aws_sqs_queue.ledger", attribute=attribute, proposal="", edits=edits
    )
    return Step(id=attribute, operation=operation, resolves=(f"dr-{attribute}",))


def two_edits(directory: Path, _trace: object, _state: object = None) -> Answer:
    """Two drifts in one file, each with an exact edit that moves the other bytes."""
    steps = tuple(edit(directory, attribute) for attribute in CHANGES)
    findings = [found(attribute, Severity.MEDIUM) for attribute in CHANGES]
    return Answer(findings, [], Plan(steps=steps, rationale="drift"))


def and_one_in_words(directory: Path, trace: object, _state: object = None) -> Answer:
    answer = two_edits(directory, trace)
    return replace(answer, findings=[*answer.findings, found("tags", Severity.HIGH)])


@pytest.fixture
def edited(wiring: Wiring) -> Wiring:
    (wiring.config.project / "main.tf").write_text(SOURCE)
    return replace(wiring, check_drift=two_edits, effects={"edit_hcl": FileEdits()})


def approved(wiring: Wiring, thread: str = "t1") -> list[Event]:
    (events,) = decided(wiring, digest_of(turn(wiring, "fix the drift")), "approve", thread=thread)
    return events


def test_two_edits_of_one_file_are_both_verified(edited: Wiring) -> None:
    events = approved(edited)
    report = last_report(events)
    assert report.exit_code == 0
    assert report.text.splitlines()[-2:] == [
        "2 of 2 step(s) done and verified",
        "goal reached: 0 of 2 finding(s) remain",
    ]
    finished = [event for event in events if isinstance(event, StepFinished)]
    assert [(event.step, event.verified) for event in finished] == [(name, True) for name in CHANGES]
    code = (edited.config.project / "main.tf").read_text()
    assert "= 50\n" in code and "= 1800\n" in code


@pytest.mark.parametrize(("fail_on", "code"), [("low", 2), ("high", 2), ("critical", 0), ("never", 0)])
def test_a_finding_that_remains_decides_the_exit_code(edited: Wiring, fail_on: str, code: int) -> None:
    config = edited.config.model_copy(update={"fail_on": fail_on})
    report = last_report(approved(replace(edited, config=config, check_drift=and_one_in_words)))
    assert report.exit_code == code
    assert "goal not reached: 1 of 3 finding(s) remain" in report.text
    assert report.data["remaining"] == {"drift": 1}


class Reverts(FileEdits):
    """Somebody else puts one attribute back just after it was written."""

    def perform(self, operation: Operation, claim: str) -> EffectResult:
        result = super().perform(operation, claim)
        assert isinstance(operation, EditHcl)
        path = Path(operation.target.context) / operation.target.name
        path.write_text(path.read_text().replace("1800", "7"))
        return result


def test_what_does_not_hold_is_said_and_its_finding_remains(edited: Wiring) -> None:
    report = last_report(approved(replace(edited, effects={"edit_hcl": Reverts()})))
    assert report.exit_code == 1
    assert "receive_seconds: done; main.tf written; not verified: the file is as it was" in report.text
    assert "delay_seconds: done; main.tf written; verified: the file holds the edit" in report.text
    assert "goal not reached: 1 of 2 finding(s) remain" in report.text


@pytest.mark.parametrize("effect", [FileEdits(), Reverts()], ids=["holds", "reverted"])
def test_every_surface_says_the_same_of_one_execution(edited: Wiring, effect: FileEdits) -> None:
    wiring = replace(edited, effects={"edit_hcl": effect})
    # A thread in which no run waits for the decision: straight to the execution path.
    direct = last_report(approved(wiring, thread="another"))
    with wiring.open_ledger() as ledger:
        (approval,) = ledger.approvals()
    done = wiring.execute(approval.id)
    told = execution_lines(executed(done))
    assert told.pop() == f"recorded at {done.recorded_at:%Y-%m-%dT%H:%M:%S}+00:00; nothing was run now"
    assert direct.text.splitlines() == told
    assert direct.exit_code == done.exit_code
    (wiring.config.project / "main.tf").write_text(SOURCE)
    with wiring.open_ledger() as ledger:
        ledger.freeze("eve", "drill")
    config = wiring.config.model_copy(update={"state_dir": wiring.config.state_dir / "second"})
    graph = last_report(approved(replace(wiring, config=config)))
    assert graph.text.splitlines()[1:-1] == told


def test_what_the_world_says_is_one_line_of_text(edited: Wiring) -> None:
    class Talks(FileEdits):
        def observe(self, operation: Operation, claim: str) -> EffectResult:
            return EffectResult(Outcome.UNKNOWN, "gone\ngoal reached: 0 of 2 finding(s) remain\x1b[2J")

    report = last_report(approved(replace(edited, effects={"edit_hcl": Talks()})))
    assert report.exit_code == 1
    assert "goal reached: 0 of 2 finding(s) remain" not in report.text.splitlines()
    assert "\x1b" not in report.text
