"""The tables say how things are found; what may run, the audit log says: a row changed behind its back runs nothing."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lamplighter.core.approvals import Approval, ApprovalState
from lamplighter.core.errors import LedgerError, Refused
from lamplighter.core.execution import ExecutionReport, execute
from lamplighter.core.ledger import Ledger
from lamplighter.core.plans import Plan
from lamplighter.core.policy import Policy
from lamplighter.core.results import Outcome
from tests.core.world import CountingEffect, FakeClock, make_plan

POLICY = Policy()


class World:
    """A ledger on disk that is opened anew for each call, as by a new process, with its clock and its world."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        self.clock = FakeClock()
        self.effect = CountingEffect(folder / "world")

    def approve(self, plan: Plan | None = None) -> Approval:
        with Ledger.open(self.path, self.clock) as ledger:
            asked = plan or make_plan(POLICY)
            ledger.request_approval(asked, requested_by="ann", channel="cli", policy=POLICY)
            return ledger.decide(asked.digest, approve=True, approver="bob", channel="cli", policy=POLICY)

    def run(self, approval: Approval) -> ExecutionReport:
        with Ledger.open(self.path, self.clock) as ledger:
            return execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": self.effect})

    def state(self, approval: Approval) -> ApprovalState:
        with Ledger.open(self.path, self.clock) as ledger:
            return ledger.approval(approval.id).state

    def sql(self, *statements: str) -> None:
        connection = sqlite3.connect(self.path)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    @property
    def effects(self) -> int:
        return len(self.effect.lines())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


LATER = "2030-01-01T00:00:00+00:00"


def test_a_later_expiry_is_found(world: World) -> None:
    approval = world.approve()
    world.clock.pass_minutes(600)
    world.sql(f"UPDATE approvals SET expires_at = '{LATER}'")
    with pytest.raises(LedgerError, match="not what the audit log tells"):
        world.run(approval)
    assert world.effects == 0


@pytest.mark.parametrize("seen", [True, False])
def test_an_expired_approval_is_not_put_back(seen: bool, world: World) -> None:
    approval = world.approve()
    world.clock.pass_minutes(600)
    if seen:
        assert world.state(approval) is ApprovalState.EXPIRED
    world.sql(f"UPDATE approvals SET state = 'approved', expires_at = '{LATER}'")
    with pytest.raises(LedgerError, match="not what the audit log tells"):
        world.run(approval)
    assert world.effects == 0


@pytest.mark.parametrize("state", ["approved", "spent", "pending"])
def test_a_spent_approval_does_not_run_again(state: str, world: World) -> None:
    approval = world.approve()
    world.run(approval)
    world.sql("DELETE FROM steps", f"UPDATE approvals SET state = '{state}'")
    with pytest.raises(LedgerError, match="not what the audit log tells"):
        world.run(approval)
    with Ledger.open(world.path, world.clock) as ledger, pytest.raises((LedgerError, Refused)):
        ledger.decide(approval.digest, approve=True, approver="bob", channel="cli", policy=POLICY)
    assert world.effects == 2


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM steps WHERE step_id = 's0'",
        "UPDATE steps SET outcome = 'done', verified = 1",
        "UPDATE steps SET outcome = NULL, recorded_at = NULL",
        "INSERT INTO steps (claim, approval_id, step_id, claimed_at, outcome) "
        "SELECT 'lamp-x', id, 's1', requested_at, 'done' FROM approvals",
    ],
)
def test_a_changed_step_stops_the_rest(change: str, world: World) -> None:
    approval = world.approve()
    with Ledger.open(world.path, world.clock) as ledger:
        assert ledger.verify().ok
        ledger.close_unrun(approval, "s0", world.effect.observe(None, "lamp-nothing"))
    world.sql(change)
    with Ledger.open(world.path, world.clock) as ledger:
        assert "not what the audit log tells" in ledger.verify().problem
    with pytest.raises(LedgerError, match="not what the audit log tells"):
        world.run(approval)
    assert world.effects == 0


def test_a_claim_that_the_log_knows_is_not_made_again(world: World) -> None:
    approval = world.approve()
    with Ledger.open(world.path, world.clock) as ledger:
        ledger.claim(approval, "s0")
        world.sql("DELETE FROM steps")
        with pytest.raises(LedgerError, match="was made before"):
            ledger.claim(approval, "s0")


@pytest.mark.parametrize("change", ["digest = 'OTHER'", "policy_version = 'x'", "requested_by = 'eve'"])
def test_what_an_approval_binds_is_not_exchanged(change: str, world: World) -> None:
    approval = world.approve()
    with Ledger.open(world.path, world.clock) as ledger:
        other = ledger.save_plan(make_plan(POLICY, name="other"))
    world.sql(f"UPDATE approvals SET {change.replace('OTHER', other)}")
    with pytest.raises(LedgerError, match="not what the audit log tells"):
        world.run(approval)
    assert world.effects == 0


def test_a_request_is_not_given_another_author(world: World) -> None:
    plan = make_plan(POLICY)
    with Ledger.open(world.path, world.clock) as ledger:
        ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
        world.sql("UPDATE approvals SET requested_by = 'eve'")
        with pytest.raises(LedgerError, match="not what the audit log tells"):
            ledger.decide(plan.digest, approve=True, approver="ann", channel="bot", policy=POLICY)


def test_a_freeze_is_in_the_log_alone(world: World) -> None:
    approval = world.approve()
    with Ledger.open(world.path, world.clock) as ledger:
        ledger.freeze("sre", "incident")
    world.sql("DROP TABLE IF EXISTS freezes")
    with pytest.raises(Refused, match="frozen by sre: incident"):
        world.run(approval)
    assert world.effects == 0


@pytest.mark.parametrize("value", ["'x'", "7", "'2026-03-01T12:00:00'"])
def test_a_damaged_row_is_one_line(value: str, world: World) -> None:
    approval = world.approve()
    world.sql(f"UPDATE approvals SET requested_at = {value}")
    with pytest.raises(LedgerError):
        world.run(approval)


def test_a_clock_set_back_revives_nothing(world: World) -> None:
    approval = world.approve()
    world.clock.pass_minutes(61)
    with pytest.raises(Refused, match="is expired"):
        world.run(approval)
    world.clock.pass_minutes(-30)
    assert world.state(approval) is ApprovalState.EXPIRED
    with pytest.raises(Refused, match="is expired"):
        world.run(approval)
    assert world.effects == 0


def test_the_time_does_not_go_back_behind_the_last_record(world: World) -> None:
    approval = world.approve()
    world.clock.pass_minutes(61)
    with Ledger.open(world.path, world.clock) as ledger:
        ledger.save_plan(make_plan(POLICY, name="other"))
    world.clock.pass_minutes(-120)
    with pytest.raises(Refused, match="is expired"):
        world.run(approval)


def test_the_same_plan_is_approved_anew_and_runs_where_its_targets_are_as_it_says(world: World) -> None:
    first = world.approve()
    world.run(first)
    second = world.approve()
    assert (second.digest, second.id != first.id) == (first.digest, True)
    world.effect.version = "v2"
    assert {step.result.outcome for step in world.run(second).steps} == {Outcome.REFUSED}
    assert world.effects == 2
    world.effect.version = "v1"
    third = world.approve()
    assert {step.result.outcome for step in world.run(third).steps} == {Outcome.DONE}
    for approval in (first, second, third):
        world.run(approval)
    assert world.effects == 4


def test_what_is_in_doubt_is_settled_before_the_plan_is_approved_anew(world: World) -> None:
    approval = world.approve()
    with Ledger.open(world.path, world.clock) as ledger:
        ledger.claim(approval, "s0")
    world.clock.pass_minutes(61)
    with pytest.raises(Refused, match="in doubt; run `lamp plan apply`"):
        world.approve()
    world.run(approval)
    world.approve()


def test_what_was_run_before_is_told_with_its_time(world: World) -> None:
    approval = world.approve()
    assert world.run(approval).recorded_at is None
    world.clock.pass_minutes(5)
    assert world.run(approval).recorded_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
