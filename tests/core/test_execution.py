"""What the one execution path does with failures, stale targets, forged rows and freezes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lamplighter.core.approvals import Approval
from lamplighter.core.errors import Refused, Unavailable
from lamplighter.core.events import Event
from lamplighter.core.execution import execute
from lamplighter.core.exits import Exit
from lamplighter.core.ledger import Ledger
from lamplighter.core.policy import Mode, Policy
from lamplighter.core.ports import EffectResult
from lamplighter.core.results import Outcome
from tests.core.world import CountingEffect, FakeClock, make_plan

POLICY = Policy()


class Breaks(CountingEffect):
    """Loses its connection before or after the operation took place."""

    after = True

    def perform(self, operation: object, claim: str) -> EffectResult:
        if self.after:
            super().perform(operation, claim)
        raise Unavailable("world", "connection lost")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db", FakeClock()) as opened:
        yield opened


def approved(ledger: Ledger, *, steps: int = 2, chained: bool = True) -> Approval:
    plan = make_plan(POLICY, steps=steps, chained=chained)
    ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
    return ledger.decide(plan.digest, approve=True, approver="bob", channel="cli", policy=POLICY)


def outcomes(report: object) -> list[Outcome]:
    return [step.result.outcome for step in report.steps]  # type: ignore[attr-defined]


def test_done_and_replayed(ledger: Ledger, tmp_path: Path) -> None:
    approval, effect, events = approved(ledger), CountingEffect(tmp_path / "world"), list[Event]()
    first = execute(
        approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect}, emit=events.append
    )
    assert outcomes(first) == [Outcome.DONE] * 2
    assert first.exit_code is Exit.CLEAN and len(events) == 2
    assert execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect}) == first
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
    with pytest.raises(Refused, match="audit log"):
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
    with pytest.raises(Refused, match="frozen"):
        execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect})
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

    def at(point: str) -> None:
        if point == "performed":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect}, at=at)
    assert [row.outcome for row in ledger.steps(approval.id)] == [None]
    report = execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect})
    assert outcomes(report) == [Outcome.DONE] * 2
    assert len(effect.lines()) == 2
