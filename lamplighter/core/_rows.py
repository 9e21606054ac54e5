"""Rows of the ledger's tables as the core's own types, and back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from lamplighter.core.approvals import Approval, ApprovalState
from lamplighter.core.errors import LedgerError
from lamplighter.core.operations import STORED, Operation, parse_operation
from lamplighter.core.plans import Plan
from lamplighter.core.ports import EffectResult
from lamplighter.core.results import Outcome, Verification

Row: TypeAlias = tuple[Any, ...]


class StepRow(NamedTuple):
    """One claimed step; `outcome` is None while it is in doubt (claimed and not recorded).

    `verification` is None while nobody has looked, and where nothing was done.
    """

    claim: str
    approval_id: str
    step_id: str
    claimed_at: datetime
    outcome: Outcome | None
    detail: str
    undo: Operation | None
    recorded_at: datetime | None
    verification: Verification | None
    verified_at: datetime | None

    @property
    def result(self) -> EffectResult | None:
        return EffectResult(self.outcome, self.detail, self.undo) if self.outcome else None

    @property
    def settled_at(self) -> datetime | None:
        """When the last of it was recorded; None while it is in doubt, or is done and nobody has looked."""
        return self.verified_at if self.outcome is Outcome.DONE else self.recorded_at


def plan_of(digest: str, body: str) -> Plan:
    """Raises LedgerError where the body is not the plan of that digest."""
    try:
        plan = Plan.model_validate_json(body, context=STORED)
    except ValueError as error:
        raise LedgerError(f"plan {digest[:12]}", "is damaged in the ledger", "make the plan again") from error
    if plan.digest != digest:
        raise LedgerError(f"plan {digest[:12]}", "is not what its digest says", "make the plan again")
    return plan


def stored(approval: Approval) -> tuple[str | None, ...]:
    """The approval as a row of its table."""
    return tuple(value.isoformat() if isinstance(value, datetime) else value for value in approval)


def approval_of(row: Row) -> Approval:
    """Raises LedgerError where a value of the row is not one of its kind."""
    try:
        decided = datetime.fromisoformat(row[9]) if row[9] else None
        requested, expires = datetime.fromisoformat(row[6]), datetime.fromisoformat(row[7])
        state = ApprovalState(row[2])
    except (ValueError, TypeError) as error:
        raise _damaged(f"approval {row[0]}") from error
    return Approval(row[0], row[1], state, row[3], row[4], row[5], requested, expires, row[8], decided)


def step_of(row: Row) -> StepRow:
    """Raises LedgerError where a value of the row is not one of its kind."""
    try:
        return _step_of(row)
    except (ValueError, TypeError) as error:
        raise _damaged(f"claim {row[0]}") from error


def _damaged(subject: str) -> LedgerError:
    return LedgerError(subject, "is damaged in the ledger", "restore the ledger from a backup")


def _step_of(row: Row) -> StepRow:
    claim, approval_id, step_id, claimed, outcome, detail, undo, recorded, verified, seen, looked = row
    return StepRow(
        claim=claim,
        approval_id=approval_id,
        step_id=step_id,
        claimed_at=datetime.fromisoformat(claimed),
        outcome=Outcome(outcome) if outcome else None,
        detail=detail,
        undo=parse_operation(json.loads(undo)) if undo else None,
        recorded_at=datetime.fromisoformat(recorded) if recorded else None,
        verification=None if verified is None else Verification(bool(verified), seen),
        verified_at=datetime.fromisoformat(looked) if looked else None,
    )
