"""A decision about one exact plan: structured, single use, expiring. Never read out of prose."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from lamplighter.core.policy import Channel


class ApprovalState(StrEnum):
    """PENDING -> APPROVED | DENIED | EXPIRED; APPROVED -> SPENT once every step has come to an end."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    SPENT = "spent"


class Approval(NamedTuple):
    """One row of the ledger's approvals. Times are UTC; `approver` and `decided_at` are None while pending.

    It binds `digest`, and through it the targets' versions and the policy version: a plan that differs in any
    of them is another plan, which this approval says nothing about.
    """

    id: str
    digest: str
    state: ApprovalState
    requested_by: str
    channel: Channel
    policy_version: str
    requested_at: datetime
    expires_at: datetime
    approver: str | None = None
    decided_at: datetime | None = None
