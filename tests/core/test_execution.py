"""What the one execution path does with failures, stale targets, forged rows and freezes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lamplighter.core.approvals import Approval, ApprovalState
from lamplighter.core.errors import LampError, LedgerError, Refused, Unavailable
from lamplighter.core.events import Event, StepFinished
from lamplighter.core.execution import ExecutionReport, execute
from lamplighter.core.exits import Exit
from lamplighter.core.ledger import Ledger
from lamplighter.core.policy import Mode, Policy
from lamplighter.core.ports import EffectResult
from lamplighter.core.results import Outcome, Verification
from tests.core.world import CountingEffect, FakeClock, make_plan

POLICY = Policy()


class Breaks(CountingEffect):
    """Loses its connection before or after the operation took place."""

    after = True

    def perform(self, operation: object, claim: str) -> EffectResult:
        if self.after:
            super().perform(operation, claim)
        raise Unavailable("world", "connection lost")


class Recounts(CountingEffect):
    """What it is asked is kept in order; what it sees afterwards is given, a LampError is raised."""

    def __init__(self, path: Path, seen: EffectResult | LampError | None = None) -> None:
        super().__init__(path)
        self.seen = seen
        self.asked: list[str] = []

    def perform(self, operation: object, claim: str) -> EffectResult:
        self.asked.append("perform")
        return super().perform(operation, claim)

    def observe(self, operation: object, claim: str) -> EffectResult:
        self.asked.append("observe")
        if isinstance(self.seen, LampError):
            raise self.seen
        return self.seen or super().observe(operation, claim)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db", FakeClock()) as opened:
        yield opened


def approved(ledger: Ledger, *, steps: int = 2, chained: bool = True) -> Approval:
    plan = make_plan(POLICY, steps=steps, chained=chained)
    ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
    return ledger.decide(plan.digest, approve=True, approver="bob", channel="cli", policy=POLICY)


def outcomes(report: ExecutionReport) -> list[Outcome]:
    return [step.result.outcome for step in report.steps]


def actions(ledger: Ledger) -> list[str]:
    """What the audit log says of steps."""
    return [record.action for record in ledger.audit.tail(99) if record.action.startswith("step.")]


def interrupted_at(point: str, approval: Approval, ledger: Ledger, effect: CountingEffect) -> None:
    """An execution that ends the first time it comes to `point`."""

    def at(reached: str) -> None:
        if reached == point:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect}, at=at)


def test_done_and_replayed(ledger: Ledger, tmp_path: Path) -> None:
    approval, effect, events = approved(ledger), CountingEffect(tmp_path / "world"), list[Event]()
    first = execute(
        approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect}, emit=events.append
    )
    assert outcomes(first) == [Outcome.DONE] * 2
    assert first.exit_code is Exit.CLEAN and len(events) == 2
    again = execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect})
    assert again == first._replace(recorded_at=FakeClock().now())
    assert len(effect.lines()) == 2


@pytest.mark.parametrize(
    ("after", "blind", "expected"),
    [
        (True, False, Outcome.DONE),
        (False, False, Outcome.FAILED),
        (True, True, Outcome.UNKNOWN),
    ],
)
def test_a_lost_connection_is_settled_by_the_world(
    after: bool, blind: bool, expected: Outcome, ledger: Ledger, tmp_path: Path
) -> None:
    effect = Breaks(tmp_path / "world", blind=blind)
    effect.after = after
    report = execute(approved(ledger, steps=1).id, ledger=ledger, policy=POLICY, effects={"restart": effect})
    assert outcomes(report) == [expected]
    assert report.exit_code is (Exit.CLEAN if expected is Outcome.DONE else Exit.FAILED)


def test_unknown_stops_what_depends_on_it_only(ledger: Ledger, tmp_path: Path) -> None:
    effect = Breaks(tmp_path / "world", blind=True)
    report = execute(approved(ledger).id, ledger=ledger, policy=POLICY, effects={"restart": effect})
    assert outcomes(report) == [Outcome.UNKNOWN, Outcome.REFUSED]
    other = execute(
        approved(ledger, chained=False).id, ledger=ledger, policy=POLICY, effects={"restart": effect}
    )
    assert outcomes(other) == [Outcome.UNKNOWN] * 2


def test_stale(ledger: Ledger, tmp_path: Path) -> None:
    effect = CountingEffect(tmp_path / "world")
    effect.version = "v2"
    report = execute(approved(ledger).id, ledger=ledger, policy=POLICY, effects={"restart": effect})
    assert outcomes(report) == [Outcome.REFUSED] * 2
    assert report.exit_code is Exit.REFUSED
    assert report.steps[0].result.detail == "target changed since it was approved"
    assert effect.lines() == []


def test_a_forged_approval_runs_nothing(ledger: Ledger, tmp_path: Path) -> None:
    plan, effect = make_plan(POLICY), CountingEffect(tmp_path / "world")
    approval = ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
    ledger._connection.execute("UPDATE approvals SET state = 'approved', approver = 'bob'")
    with pytest.raises(LedgerError, match="audit log"):
        execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect})
    assert effect.lines() == []


def test_an_expired_approval_runs_nothing(tmp_path: Path) -> None:
    clock, effect = FakeClock(), CountingEffect(tmp_path / "world")
    with Ledger.open(tmp_path / "ledger.db", clock) as ledger:
        approval = approved(ledger)
        clock.pass_minutes(POLICY.approval_minutes)
        with pytest.raises(Refused, match="its approval is expired"):
            execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect})
    assert effect.lines() == []


def test_an_approval_that_expires_in_the_middle_stops_the_rest(tmp_path: Path) -> None:
    clock, effect = FakeClock(), CountingEffect(tmp_path / "world")

    def at(point: str) -> None:
        if point == "recorded":
            clock.pass_minutes(POLICY.approval_minutes)

    with Ledger.open(tmp_path / "ledger.db", clock) as ledger:
        report = execute(
            approved(ledger).id, ledger=ledger, policy=POLICY, effects={"restart": effect}, at=at
        )
    assert outcomes(report) == [Outcome.DONE]
    assert "is expired, not approved" in report.stopped and report.exit_code is Exit.REFUSED
    assert len(effect.lines()) == 1


@pytest.mark.parametrize(
    "changed",
    [Policy(approval_minutes=61), Policy(mode=Mode.OBSERVE), Policy(mode=Mode.ACT)],
    ids=["minutes", "observe", "act"],
)
def test_a_changed_policy_runs_nothing(changed: Policy, ledger: Ledger, tmp_path: Path) -> None:
    approval, effect = approved(ledger), CountingEffect(tmp_path / "world")
    with pytest.raises(Refused, match="the policy has changed"):
        execute(approval.id, ledger=ledger, policy=changed, effects={"restart": effect})
    assert effect.lines() == []
    # The policy is put back, and so the approval holds again.
    assert (
        outcomes(execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect}))
        == [Outcome.DONE] * 2
    )


def test_a_freeze_in_the_middle_stops_the_rest_until_lifted(ledger: Ledger, tmp_path: Path) -> None:
    approval, effect = approved(ledger), CountingEffect(tmp_path / "world")

    def at(point: str) -> None:
        if point == "recorded" and not ledger.frozen() and len(effect.lines()) == 1:
            ledger.freeze("eve", "stop")

    report = execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect}, at=at)
    assert outcomes(report) == [Outcome.DONE]
    assert "frozen by eve" in report.stopped and report.exit_code is Exit.REFUSED
    again = execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect})
    assert again == report._replace(recorded_at=FakeClock().now())
    assert len(effect.lines()) == 1
    ledger.unfreeze("eve")
    assert (
        outcomes(execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect}))
        == [Outcome.DONE] * 2
    )
    assert len(effect.lines()) == 2


def test_a_missing_effect_runs_nothing(ledger: Ledger) -> None:
    with pytest.raises(Unavailable):
        execute(approved(ledger).id, ledger=ledger, policy=POLICY, effects={})


def test_an_interrupt_leaves_a_step_in_doubt_that_is_settled_later(ledger: Ledger, tmp_path: Path) -> None:
    approval, effect = approved(ledger), CountingEffect(tmp_path / "world")
    interrupted_at("performed", approval, ledger, effect)
    assert [row.outcome for row in ledger.steps(approval.id)] == [None]
    report = execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect})
    assert outcomes(report) == [Outcome.DONE] * 2
    assert len(effect.lines()) == 2


def test_each_step_is_verified_before_the_next_one_starts(ledger: Ledger, tmp_path: Path) -> None:
    effect, events = Recounts(tmp_path / "world"), list[Event]()
    approval = approved(ledger)
    report = execute(
        approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect}, emit=events.append
    )
    assert effect.asked == ["perform", "observe"] * 2
    assert [step.verification for step in report.steps] == [Verification(True, "looked")] * 2
    assert [row.verification for row in ledger.steps(approval.id)] == [Verification(True, "looked")] * 2
    assert all(isinstance(event, StepFinished) and event.verified is True for event in events)
    assert actions(ledger) == ["step.claimed", "step.done", "step.verified"] * 2


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (EffectResult(Outcome.FAILED, "as it was before"), "as it was before"),
        (EffectResult(Outcome.UNKNOWN, "cannot tell"), "cannot tell"),
        (Unavailable("world", "connection lost"), "world: connection lost"),
    ],
    ids=["undone", "unknown", "unreachable"],
)
def test_done_but_not_verified_is_exit_1_and_stops_what_depends_on_it(
    seen: EffectResult | LampError, said: str, ledger: Ledger, tmp_path: Path
) -> None:
    effect, events = Recounts(tmp_path / "world", seen), list[Event]()
    report = execute(
        approved(ledger).id, ledger=ledger, policy=POLICY, effects={"restart": effect}, emit=events.append
    )
    assert outcomes(report) == [Outcome.DONE, Outcome.REFUSED]
    assert [step.verification for step in report.steps] == [Verification(False, said), None]
    assert "done but not verified" in report.steps[1].result.detail
    assert report.exit_code is Exit.FAILED and not report.stopped
    verdicts = [event.verified for event in events if isinstance(event, StepFinished)]
    assert verdicts == [False, None]
    assert actions(ledger) == ["step.claimed", "step.done", "step.not_verified", "step.refused"]
    single = approved(ledger, chained=False)
    independent = execute(single.id, ledger=ledger, policy=POLICY, effects={"restart": effect})
    assert outcomes(independent) == [Outcome.DONE] * 2
    assert independent.exit_code is Exit.FAILED


@pytest.mark.parametrize("lasts", [True, False])
def test_recorded_but_not_verified_is_looked_at_on_resume_and_not_done_again(
    lasts: bool, ledger: Ledger, tmp_path: Path
) -> None:
    approval, first = approved(ledger), Recounts(tmp_path / "world")
    interrupted_at("recorded", approval, ledger, first)
    assert [(row.outcome, row.verification) for row in ledger.steps(approval.id)] == [(Outcome.DONE, None)]
    later = Recounts(tmp_path / "world", None if lasts else EffectResult(Outcome.UNKNOWN, "moved on"))
    report = execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": later})
    assert later.asked == (["observe", "perform", "observe"] if lasts else ["observe"])
    assert report.steps[0].verification == (Verification(True, "looked") if lasts else (False, "moved on"))
    assert report.exit_code is (Exit.CLEAN if lasts else Exit.FAILED)


@pytest.mark.parametrize("moment", ["expired", "frozen", "policy"])
def test_what_may_not_go_on_still_says_what_was_done(moment: str, tmp_path: Path) -> None:
    clock, effect = FakeClock(), Recounts(tmp_path / "world")
    with Ledger.open(tmp_path / "ledger.db", clock) as ledger:
        approval = approved(ledger)
        interrupted_at("performed", approval, ledger, effect)
        policy = Policy(approval_minutes=61) if moment == "policy" else POLICY
        if moment == "expired":
            clock.pass_minutes(POLICY.approval_minutes)
        if moment == "frozen":
            ledger.freeze("eve", "stop")
        report = execute(approval.id, ledger=ledger, policy=policy, effects={"restart": effect})
    assert [step.verified for step in report.steps] == [True]
    assert moment in report.stopped and report.exit_code is Exit.REFUSED
    assert effect.asked == ["perform", "observe", "observe"]


@pytest.mark.parametrize("lapsed", [False, True])
def test_all_done_needs_no_permission_to_be_told(lapsed: bool, tmp_path: Path) -> None:
    clock, effect = FakeClock(), CountingEffect(tmp_path / "world")
    with Ledger.open(tmp_path / "ledger.db", clock) as ledger:
        approval = approved(ledger, steps=1)
        interrupted_at("verified", approval, ledger, effect)
        clock.pass_minutes(POLICY.approval_minutes if lapsed else 0)
        ledger.freeze("eve", "stop")
        report = execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect})
        state = ledger.approval(approval.id).state
    assert report.exit_code is Exit.CLEAN and report.planned == len(report.steps) == 1
    assert state is (ApprovalState.EXPIRED if lapsed else ApprovalState.SPENT)
