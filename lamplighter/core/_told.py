"""What the audit log tells of an approval and of its steps: the tables are held against it before anything runs.

Pure: it is given the records of one subject, oldest first, and the row that the tables have of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from lamplighter.core._rows import StepRow
from lamplighter.core.approvals import Approval, ApprovalState
from lamplighter.core.audit import AuditRecord
from lamplighter.core.redaction import redact
from lamplighter.core.results import Outcome

_OPEN = (ApprovalState.PENDING, ApprovalState.APPROVED)
_LONGEST = timedelta(days=7)
"""Of any approval (`Policy.approval_minutes`): the bound of one whose records are of a version that wrote no expiry."""


def approval_told(row: Approval, records: Iterable[AuditRecord]) -> Approval | None:
    """The approval as its records tell it, None where they tell of none. An end is never followed by a new life."""
    told: Approval | None = None
    for record in records:
        body: dict[str, Any] = json.loads(record.body)
        when = record.when
        match record.action:
            case "approval.requested" if told is None:
                told = _begun(row, record, body, when)
            case "approval.approved" | "approval.denied" if (
                told is None or told.state is ApprovalState.PENDING
            ):
                told = (told or _begun(row, record, body, when))._replace(
                    state=ApprovalState(record.action.removeprefix("approval.")),
                    approver=record.actor,
                    decided_at=when,
                    channel=body.get("channel", ""),
                    expires_at=_expiry(row, body, when),
                )
            case "approval.expired" if told is not None and told.state in _OPEN:
                told = told._replace(state=ApprovalState.EXPIRED)
            case "approval.spent" if told is not None:
                told = told._replace(state=ApprovalState.SPENT)
            case _:
                pass
    return told


def _begun(row: Approval, record: AuditRecord, body: dict[str, Any], when: datetime) -> Approval:
    return Approval(
        id=record.subject,
        digest=body.get("digest", ""),
        state=ApprovalState.PENDING,
        requested_by=body.get("requested_by", redact(row.requested_by)),
        channel=body.get("channel", ""),
        policy_version=body.get("policy_version", row.policy_version),
        requested_at=when,
        expires_at=_expiry(row, body, when),
    )


def _expiry(row: Approval, body: dict[str, Any], when: datetime) -> datetime:
    if "expires_at" in body:
        return datetime.fromisoformat(body["expires_at"])
    return min(row.expires_at, when + _LONGEST)


def is_as_told(row: Approval, told: Approval | None) -> bool:
    """Whether the row says what the records do. An earlier version let an approval run out without a record."""
    if told is None:
        return False
    if row.state is ApprovalState.EXPIRED and told.state in _OPEN:
        told = told._replace(state=ApprovalState.EXPIRED)
    approver = None if row.approver is None else redact(row.approver)
    return row._replace(requested_by=redact(row.requested_by), approver=approver) == told


class StepTold(NamedTuple):
    """What the records of one claim tell; all of it None where there are none."""

    claimed: bool = False
    outcome: Outcome | None = None
    detail: str = ""
    verified: bool | None = None


def step_told(records: Iterable[AuditRecord]) -> StepTold:
    told = StepTold()
    for record in records:
        name = record.action.removeprefix("step.")
        told = told._replace(claimed=True)
        if name in ("verified", "not_verified"):
            told = told._replace(verified=name == "verified")
        elif name != "claimed":
            told = told._replace(outcome=Outcome(name), detail=json.loads(record.body).get("detail", ""))
    return told


def step_as_stored(row: StepRow | None) -> StepTold:
    """The row in the form of its records, to be compared with them."""
    if row is None:
        return StepTold()
    return StepTold(True, row.outcome, row.detail, row.verification.holds if row.verification else None)
