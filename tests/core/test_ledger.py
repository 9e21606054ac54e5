"""Requests, decisions, claims and freezes, on a real database."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamplighter.core.approvals import ApprovalState
from lamplighter.core.errors import InputError, LedgerError, Refused
from lamplighter.core.ledger import Ledger
from lamplighter.core.policy import Decision, Mode, Policy, Rule
from lamplighter.core.ports import EffectResult
from lamplighter.core.results import Outcome, Verification
from tests.core.world import FakeClock, make_plan

POLICY = Policy()
REFUSED = EffectResult(Outcome.REFUSED)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: FakeClock) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "state" / "ledger.db", clock) as opened:
        yield opened


def test_files_are_private(ledger: Ledger) -> None:
    ledger.freeze("ann", "x")
    assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in ledger.path.parent.iterdir())


def test_another_version_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="version 99"):
        Ledger.open(path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("not a database, but long enough to be read as one" * 20)
    with pytest.raises(LedgerError):
        Ledger.open(path)


def test_a_removed_database_is_noticed(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze("ann", "x")
    ledger.close()
    for path in ledger.path.parent.glob("ledger.db*"):
        path.unlink()
    with pytest.raises(LedgerError, match="audit head"):
        Ledger.open(ledger.path)


def test_plans_are_found_by_prefix(ledger: Ledger) -> None:
    plan = make_plan(POLICY)
    assert ledger.save_plan(plan) == ledger.save_plan(plan) == plan.digest
    assert ledger.find_plan(plan.digest[:6]) == plan
    for wrong in ("", plan.digest[:5], "ffffff" if plan.digest[:6] != "ffffff" else "000000", "%%%%%%"):
        with pytest.raises(InputError):
            ledger.find_plan(wrong)


def test_a_changed_plan_is_damage(ledger: Ledger) -> None:
    plan = make_plan(POLICY)
    ledger.save_plan(plan)
    ledger._connection.execute("UPDATE plans SET body = replace(body, 'web', 'api')")
    with pytest.raises(LedgerError, match="digest"):
        ledger.find_plan(plan.digest)


def test_one_request_one_decision(ledger: Ledger) -> None:
    plan = make_plan(POLICY)
    first = ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
    assert ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY) == first
    assert ledger.pending() == [first]
    decided = ledger.decide(plan.digest[:8], approve=True, approver="bob", channel="cli", policy=POLICY)
    assert (decided.state, decided.approver) == (ApprovalState.APPROVED, "bob")
    assert ledger.approval(first.id) == decided
    for approve in (True, False):
        with pytest.raises(Refused, match="already"):
            ledger.decide(plan.digest, approve=approve, approver="bob", channel="cli", policy=POLICY)
    with pytest.raises(Refused, match="approved already"):
        ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)


def test_expiry(ledger: Ledger, clock: FakeClock) -> None:
    plan = make_plan(POLICY)
    ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
    clock.pass_minutes(POLICY.approval_minutes)
    assert ledger.pending() == []
    with pytest.raises(Refused, match="expired"):
        ledger.decide(plan.digest, approve=True, approver="bob", channel="cli", policy=POLICY)
    again = ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
    assert [approval.state for approval in ledger.approvals()] == [ApprovalState.EXPIRED, again.state]


def test_a_step_is_claimed_and_recorded_once(ledger: Ledger) -> None:
    plan = make_plan(POLICY)
    ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
    approval = ledger.decide(plan.digest, approve=True, approver="bob", channel="cli", policy=POLICY)
    claim = ledger.claim(approval, "s0")
    for closed in (False, True):
        with pytest.raises(LedgerError, match="was made before"):
            ledger.close_unrun(approval, "s0", REFUSED) if closed else ledger.claim(approval, "s0")
    kept = EffectResult(Outcome.DONE, "password=<secret>")
    assert ledger.record(claim, EffectResult(Outcome.DONE, "password=hunter22")) == kept
    assert [row.result for row in ledger.steps(approval.id)] == [kept]
    with pytest.raises(LedgerError, match="recorded already"):
        ledger.record(claim, EffectResult(Outcome.FAILED))


def test_what_is_unknown_is_never_approved_anew_by_the_policy_alone(ledger: Ledger) -> None:
    act = Policy(mode=Mode.ACT, rules=(Rule(name="all", decision=Decision.ALLOW),))
    plan = make_plan(act, steps=1)
    approval = ledger.policy_approval(plan, act)
    ledger.record(ledger.claim(approval, "s0"), EffectResult(Outcome.UNKNOWN))
    ledger.spend(approval)
    with pytest.raises(Refused, match="unknown; ask a person"):
        ledger.policy_approval(plan, act)
    ledger.request_approval(plan, requested_by="ann", channel="cli", policy=act)


def test_only_what_is_done_is_verified_and_once(ledger: Ledger) -> None:
    plan = make_plan(POLICY, steps=3, chained=False)
    ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
    approval = ledger.decide(plan.digest, approve=True, approver="bob", channel="cli", policy=POLICY)
    done, failed, doubtful = (ledger.claim(approval, step.id) for step in plan.steps)
    ledger.record(done, EffectResult(Outcome.DONE))
    ledger.record(failed, EffectResult(Outcome.FAILED))
    kept = Verification(False, "password=<secret>")
    assert ledger.record_verification(done, Verification(False, "password=hunter22")) == kept
    for claim in (done, failed, doubtful, "lamp-0"):
        with pytest.raises(LedgerError, match=f"verification of claim {claim}"):
            ledger.record_verification(claim, Verification(True))
    assert [row.verification for row in ledger.steps(approval.id)] == [kept, None, None]
    assert ledger.audit.tail(1)[0].action == "step.not_verified"


def test_policy_approval_only_where_every_step_is_allowed(ledger: Ledger) -> None:
    allow = Rule(name="restarts", decision=Decision.ALLOW, verb="restart")
    act = Policy(mode=Mode.ACT, rules=(allow,))
    approval = ledger.policy_approval(make_plan(act), act)
    assert (approval.state, approval.approver) == (ApprovalState.APPROVED, "policy:restarts")
    propose = Policy(rules=(allow,))
    with pytest.raises(Refused):
        ledger.policy_approval(make_plan(propose), propose)


def test_denied_or_foreign_plans_are_not_asked_for(ledger: Ledger) -> None:
    observe = Policy(mode=Mode.OBSERVE)
    for plan, policy in (
        (make_plan(observe), observe),
        (make_plan(observe), POLICY),
        (make_plan(POLICY, steps=0), POLICY),
    ):
        with pytest.raises(Refused):
            ledger.request_approval(plan, requested_by="ann", channel="cli", policy=policy)
    assert ledger.approvals() == []


def test_freeze(ledger: Ledger) -> None:
    with pytest.raises(Refused):
        ledger.unfreeze("ann")
    ledger.freeze("ann", "incident")
    freeze = ledger.frozen()
    assert freeze is not None and freeze.reason == "incident"
    ledger.unfreeze("bob", "over")
    assert ledger.frozen() is None


def test_the_approvals_of_a_plan_are_its_own(ledger: Ledger) -> None:
    first, second = make_plan(POLICY), make_plan(POLICY, name="other")
    for plan in (first, second):
        ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
    decided = ledger.decide(first.digest, approve=True, approver="bob", channel="cli", policy=POLICY)
    assert ledger.approvals_of(first.digest) == [decided]
    assert ledger.approvals_of(first.digest, ApprovalState.PENDING) == []
    assert [row.digest for row in ledger.approvals_of(second.digest, ApprovalState.PENDING)] == [
        second.digest
    ]
