"""The ledger: plans, approvals and what was done, so that every operation happens at most once.

SQLite in WAL mode, safe for several processes and threads. Each write is one transaction that holds its audit
record too: where the record cannot be written, neither is the change, and nothing runs.

The tables are how things are found; what may run is decided by the audit log (`_told.py`), and a row that says
something else than its records stops everything. The time never goes back behind the last record's: an approval that
has expired stays so when the clock is set back. (A clock that was once far ahead holds the time there until then.)
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from lamplighter.core._rows import StepRow, approval_of, plan_of, step_of, stored
from lamplighter.core._schema import connect
from lamplighter.core._told import approval_told, is_as_told, step_as_stored, step_told
from lamplighter.core.approvals import Approval, ApprovalState
from lamplighter.core.audit import AuditLog, AuditReport
from lamplighter.core.canonical import canonical_json, fingerprint
from lamplighter.core.errors import InputError, LampError, LedgerError, Refused
from lamplighter.core.locking import exclusive
from lamplighter.core.plans import Plan, Step
from lamplighter.core.policy import Channel, Decision, Mode, Policy
from lamplighter.core.ports import Clock, EffectResult, SystemClock
from lamplighter.core.redaction import redact
from lamplighter.core.results import Verification

LEDGER_POINTS = tuple(
    f"{write}:{moment}"
    for write in ("decide", "claim", "close", "record", "verify", "spend")
    for moment in ("written", "committed", "anchored")
)


def _nothing(_point: str) -> None:
    pass


class Freeze(NamedTuple):
    """While there is one, nothing new is executed."""

    by: str
    reason: str
    since: datetime


class Ledger:
    """One open ledger; a context manager. Not to be carried over a fork."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, clock: Clock, at: Callable[[str], None]
    ) -> None:
        self.path = path
        self.audit = AuditLog(connection, path.with_name("audit.head"))
        self._connection = connection
        self._clock = clock
        self._at = at
        self._mutex = threading.RLock()

    @classmethod
    def open(cls, path: Path, clock: Clock | None = None, *, at: Callable[[str], None] = _nothing) -> Ledger:
        """Opens or makes the ledger (folder 0700, file 0600); `at` is told each point of `LEDGER_POINTS`.

        Raises LedgerError when it cannot be used, or was written by another version.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            with exclusive(path.with_name("audit.lock")):
                connection = connect(path)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(
                str(path), f"the ledger cannot be opened ({error})", "check the path and its rights"
            ) from error
        return cls(path, connection, clock or SystemClock(), at)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    # plans

    def save_plan(self, plan: Plan) -> str:
        """Keeps the plan; returns its digest. Saving it again changes nothing."""
        with self._write("save") as now:
            self._keep(plan, now)
        return plan.digest

    def find_plan(self, prefix: str) -> Plan:
        """The plan whose digest starts with `prefix` (6 hex digits at least); raises InputError otherwise."""
        if not re.fullmatch(r"[0-9a-f]{6,64}", prefix):
            raise InputError(repr(prefix[:80]), "is not a plan digest", "give at least 6 of its hex digits")
        query = "SELECT digest, body FROM plans WHERE digest >= ? AND digest < ? LIMIT 2"
        rows = self._read(query, prefix, prefix + "g")
        if len(rows) != 1:
            problem = "names no plan" if not rows else "names more than one plan"
            raise InputError(repr(prefix), problem, "see `lamp pending`, or give more digits")
        return plan_of(rows[0][0], rows[0][1])

    # approvals

    def request_approval(
        self, plan: Plan, *, requested_by: str, channel: Channel, policy: Policy
    ) -> Approval:
        """The pending approval of the plan, made where there is none; Refused where it can never be approved."""
        if channel == "policy":
            raise Refused("channel policy", "a policy does not ask", "use `policy_approval`")
        return self._open_approval(plan, requested_by, channel, policy, approver=None)

    def policy_approval(self, plan: Plan, policy: Policy, *, requested_by: str | None = None) -> Approval:
        """In mode act, when the rules allow every step unasked: the same record, already approved."""
        verdicts = policy.judge(plan)
        if policy.mode is not Mode.ACT or any(verdict.decision is not Decision.ALLOW for verdict in verdicts):
            raise plan.refused("the policy does not allow every step unasked", "ask for an approval")
        approver = "policy:" + ",".join(sorted({verdict.rule for verdict in verdicts}))
        requester = plan.requested_by if requested_by is None else requested_by
        return self._open_approval(plan, requester, "policy", policy, approver=approver)

    def _open_approval(
        self, plan: Plan, requested_by: str, channel: Channel, policy: Policy, *, approver: str | None
    ) -> Approval:
        policy.require_allowed(plan)
        self._settle()
        with self._write("request") as now:
            self._keep(plan, now)
            self._expire(now)
            query = "SELECT * FROM approvals WHERE digest = ? AND state IN ('pending', 'approved')"
            row = self._connection.execute(query, (plan.digest,)).fetchone()
            existing = approval_of(row) if row else None
            wanted = ApprovalState.APPROVED if approver else ApprovalState.PENDING
            if (
                existing
                and existing.state is wanted
                and (existing.channel == "policy") == (channel == "policy")
            ):
                return existing
            if existing and existing.state is ApprovalState.APPROVED:
                raise plan.refused("is approved already", "run `lamp plan apply`")
            self._require_settled(plan, by_policy=approver is not None)
            if existing:
                self._end(existing, ApprovalState.EXPIRED, now)
            approval = Approval(
                id=f"ap-{secrets.token_hex(8)}",
                digest=plan.digest,
                state=wanted,
                requested_by=requested_by,
                channel=channel,
                policy_version=policy.version,
                requested_at=now,
                expires_at=now + timedelta(minutes=policy.approval_minutes),
                approver=approver,
                decided_at=now if approver else None,
            )
            self._connection.execute("INSERT INTO approvals VALUES (?,?,?,?,?,?,?,?,?,?)", stored(approval))
            action = "approval.approved" if approver else "approval.requested"
            self._note_approval(now, approver or requested_by, action, approval)
            return approval

    def _require_settled(self, plan: Plan, *, by_policy: bool) -> None:
        """The same plan may be approved anew: a step is done at most once for each approval, and only where its target
        has the version that the plan names. But not while nobody knows what became of it."""
        query = """SELECT outcome FROM steps JOIN approvals ON approvals.id = steps.approval_id
            WHERE digest = ? AND (outcome IS NULL OR outcome = 'unknown')"""
        outcomes = [outcome for (outcome,) in self._connection.execute(query, (plan.digest,))]
        if None in outcomes:
            raise plan.refused(
                "has a step in doubt", "run `lamp plan apply`, which looks at what became of it"
            )
        if outcomes and by_policy:
            raise plan.refused(
                "what became of an earlier step of it is unknown", "ask a person for an approval"
            )

    def decide(
        self, digest_prefix: str, *, approve: bool, approver: str, channel: Channel, policy: Policy
    ) -> Approval:
        """Decides the pending approval of a plan, once. Refused: see the messages below."""
        plan = self.find_plan(digest_prefix)
        self._settle()
        with self._write("decide") as now:
            query = "SELECT * FROM approvals WHERE digest = ? ORDER BY rowid DESC LIMIT 1"
            row = self._connection.execute(query, (plan.digest,)).fetchone()
            refusal = _undecidable(_as_of(approval_of(row), now) if row else None)
            if refusal:
                raise plan.refused(refusal, "ask for a new approval")
            asked = self._as_told(approval_of(row))
            if approve:
                policy.require_allowed(plan)
            if channel == "policy":
                raise plan.refused(
                    "a policy does not decide what was asked of a person", "decide it yourself"
                )
            if asked.policy_version != policy.version:
                raise plan.refused("the policy has changed since it was proposed", "make the plan again")
            risk = max(step.operation.risk for step in plan.steps)
            reason = policy.may_approve(approver, asked.requested_by, channel, risk)
            if approve and reason:
                raise plan.refused(reason, "have somebody else approve it")
            state = ApprovalState.APPROVED if approve else ApprovalState.DENIED
            expires = now + timedelta(minutes=policy.approval_minutes) if approve else asked.expires_at
            decided = asked._replace(
                state=state, approver=approver, decided_at=now, channel=channel, expires_at=expires
            )
            self._connection.execute(
                "UPDATE approvals SET state=?, approver=?, decided_at=?, channel=?, expires_at=? WHERE id=?",
                (state.value, approver, now.isoformat(), channel, expires.isoformat(), asked.id),
            )
            self._note_approval(now, approver, f"approval.{state.value}", decided)
            return decided

    def approvals(self, *states: ApprovalState) -> list[Approval]:
        """All approvals, or those in one of `states`, oldest first; what has run out of time has expired for good."""
        self._settle()
        every = [approval_of(row) for row in self._read("SELECT * FROM approvals ORDER BY rowid")]
        return [approval for approval in every if not states or approval.state in states]

    def approvals_of(self, digest: str, *states: ApprovalState) -> list[Approval]:
        """As `approvals`, those of one plan; `digest` is whole."""
        return [approval for approval in self.approvals(*states) if approval.digest == digest]

    def pending(self) -> list[Approval]:
        return self.approvals(ApprovalState.PENDING)

    def approval(self, approval_id: str) -> Approval:
        """Raises InputError when there is none of this id."""
        self._settle()
        rows = self._read("SELECT * FROM approvals WHERE id = ?", approval_id)
        if not rows:
            raise InputError(repr(approval_id[:80]), "names no approval", "see `lamp pending`")
        return approval_of(rows[0])

    def require_told(self, approval: Approval, plan: Plan) -> None:
        """Raises LedgerError unless the audit log tells of the approval and of each step what the tables do."""
        self._as_told(approval)
        rows = {row.step_id: row for row in self.steps(approval.id)}
        for step in {*rows, *(step.id for step in plan.steps)}:
            records = self.audit.about(_claim_id(approval.id, step))
            if step_as_stored(rows.get(step)) != step_told(records):
                raise _untold(f"step {step} of approval {approval.id}")

    def verify(self) -> AuditReport:
        """The audit log as `AuditLog.verify` finds it, and whether the tables say the same; never raises for damage."""
        report = self.audit.verify()
        if not report.ok:
            return report
        try:
            for approval in map(approval_of, self._read("SELECT * FROM approvals ORDER BY rowid")):
                self.require_told(approval, self.find_plan(approval.digest))
        except LampError as error:
            return report._replace(problem=str(error))
        return report

    def _as_told(self, approval: Approval) -> Approval:
        if not is_as_told(approval, approval_told(approval, self.audit.about(approval.id))):
            raise _untold(f"approval {approval.id}")
        return approval

    def spend(self, approval: Approval) -> None:
        """Closes an approved approval whose steps have all ended."""
        with self._write("spend") as now:
            self._end(approval, ApprovalState.SPENT, now)

    # steps

    def claim(self, approval: Approval, step_id: str) -> str:
        """Claims one step, once; returns the claim's id, committed when this returns.

        Raises Refused while frozen or when no longer approved, LedgerError when the step was claimed before.
        """
        with self._write("claim") as now:
            claim = self._insert_claim(approval, step_id, now)
            self._note(
                now, approval.approver or "", "step.claimed", claim, approval=approval.id, step=step_id
            )
            return claim

    def _insert_claim(self, approval: Approval, step_id: str, now: datetime) -> str:
        self._require_open(approval, now)
        claim = _claim_id(approval.id, step_id)
        inserted = self._connection.execute(
            "INSERT OR IGNORE INTO steps (claim, approval_id, step_id, claimed_at) VALUES (?,?,?,?)",
            (claim, approval.id, step_id, now.isoformat()),
        ).rowcount
        if not inserted or self.audit.about(claim):
            raise LedgerError(f"claim {claim}", "was made before", "see `lamp audit tail`")
        return claim

    def _require_open(self, approval: Approval, now: datetime) -> None:
        self.require_unfrozen()
        row = self._connection.execute("SELECT * FROM approvals WHERE id = ?", (approval.id,)).fetchone()
        current = _as_of(self._as_told(approval_of(row)), now) if row else None
        if (
            current is None
            or current.state is not ApprovalState.APPROVED
            or current.digest != approval.digest
        ):
            state = current.state.value if current else "gone"
            raise Refused(f"approval {approval.id}", f"is {state}, not approved", "ask for a new approval")

    def close_unrun(self, approval: Approval, step_id: str, result: EffectResult) -> EffectResult:
        """Records, once, the end of a step that was never begun (stale target, failed predecessor)."""
        with self._write("close") as now:
            return self._finish(self._insert_claim(approval, step_id, now), result, now)

    def record(self, claim: str, result: EffectResult) -> EffectResult:
        """Records what became of a claimed step, once (else LedgerError); returns it as it is kept, redacted."""
        with self._write("record") as now:
            return self._finish(claim, result, now)

    def _finish(self, claim: str, result: EffectResult, now: datetime) -> EffectResult:
        kept = result._replace(detail=redact(result.detail))
        undo = canonical_json(kept.undo.model_dump(mode="json")).decode() if kept.undo else None
        self._once(
            "UPDATE steps SET outcome=?, detail=?, undo=?, recorded_at=? WHERE claim=? AND outcome IS NULL",
            (kept.outcome.value, kept.detail, undo, now.isoformat(), claim),
            f"claim {claim}",
        )
        self._note(now, "lamp", f"step.{kept.outcome.value}", claim, detail=kept.detail)
        return kept

    def record_verification(self, claim: str, verification: Verification) -> Verification:
        """Records what a look at the world showed of a step that is done, once; returns it as it is kept."""
        kept = verification._replace(seen=redact(verification.seen))
        with self._write("verify") as now:
            self._once(
                "UPDATE steps SET verified=?, seen=?, verified_at=? "
                "WHERE claim=? AND outcome='done' AND verified IS NULL",
                (kept.holds, kept.seen, now.isoformat(), claim),
                f"verification of claim {claim}",
            )
            self._note(
                now, "lamp", "step.verified" if kept.holds else "step.not_verified", claim, seen=kept.seen
            )
        return kept

    def _once(self, update: str, values: tuple[object, ...], subject: str) -> None:
        if self._connection.execute(update, values).rowcount != 1:
            raise LedgerError(subject, "is recorded already, or there was never one", "see `lamp audit tail`")

    def steps(self, approval_id: str) -> list[StepRow]:
        """The steps claimed under an approval, in the order in which they were claimed."""
        return [
            step_of(row)
            for row in self._read("SELECT * FROM steps WHERE approval_id = ? ORDER BY rowid", approval_id)
        ]

    def done(self) -> list[tuple[str, Step]]:
        """(claim, step) of every step that was done, the latest last."""
        query = """
            SELECT steps.claim, steps.step_id, plans.digest, plans.body FROM steps
            JOIN approvals ON approvals.id = steps.approval_id JOIN plans ON plans.digest = approvals.digest
            WHERE steps.outcome = 'done' ORDER BY steps.rowid
        """
        return [
            (claim, step)
            for claim, step_id, digest, body in self._read(query)
            for step in plan_of(digest, body).steps
            if step.id == step_id
        ]

    # freeze

    def freeze(self, by: str, reason: str) -> None:
        """From now on nothing new is executed; freezing again replaces the reason."""
        with self._write("freeze") as now:
            self._note(now, by, "ledger.frozen", "ledger", reason=reason)

    def unfreeze(self, by: str, reason: str = "") -> None:
        """Lifts the freeze; raises Refused where there is none."""
        with self._write("unfreeze") as now:
            if self.frozen() is None:
                raise Refused("ledger", "is not frozen", "nothing to lift")
            self._note(now, by, "ledger.unfrozen", "ledger", reason=reason)

    def frozen(self) -> Freeze | None:
        """As the last record of the audit log about it says."""
        with self._usable():
            last = self.audit.last("ledger.frozen", "ledger.unfrozen")
        if last is None or last.action == "ledger.unfrozen":
            return None
        return Freeze(last.actor, json.loads(last.body)["reason"], last.when)

    def require_unfrozen(self) -> None:
        """Raises Refused while there is a freeze."""
        freeze = self.frozen()
        if freeze:
            raise Refused("ledger", f"frozen by {freeze.by}: {freeze.reason}", "lift it with `lamp unfreeze`")

    # runs

    def note_run(self, thread: str, summary: Mapping[str, Any], *, by: str) -> None:
        """Writes what a run was asked and what it answered into the audit log; `summary` is plain JSON, and small."""
        with self._write("note") as now:
            self.audit.append(now.isoformat(), by, "run.reported", thread, summary)

    # plumbing

    def execution_lock(self, approval_id: str) -> AbstractContextManager[None]:
        """Held while an approval is executed, so that two concurrent resumes are one after the other."""
        return exclusive(self.path.with_name(f"execute-{fingerprint(approval_id)}.lock"))

    def _keep(self, plan: Plan, now: datetime) -> None:
        body = canonical_json(plan.model_dump(mode="json")).decode()
        values = (plan.digest, body, now.isoformat())
        if self._connection.execute("INSERT OR IGNORE INTO plans VALUES (?,?,?)", values).rowcount:
            self._note(now, plan.requested_by, "plan.saved", plan.digest, steps=len(plan.steps))

    def _settle(self) -> None:
        """Writes down what has run out of time as soon as it is seen."""
        query = "SELECT count(*) FROM approvals WHERE state IN ('pending', 'approved') AND expires_at <= ?"
        if self._read(query, self._now().isoformat())[0][0]:
            with self._write("expire") as now:
                self._expire(now)

    def _expire(self, now: datetime) -> None:
        query = "SELECT * FROM approvals WHERE state IN ('pending', 'approved')"
        for approval in map(approval_of, self._connection.execute(query).fetchall()):
            if approval.expires_at <= now:
                self._end(approval, ApprovalState.EXPIRED, now)

    def _end(self, approval: Approval, state: ApprovalState, now: datetime) -> None:
        self._connection.execute("UPDATE approvals SET state = ? WHERE id = ?", (state.value, approval.id))
        actor = (approval.approver or "") if state is ApprovalState.SPENT else "lamp"
        self._note(now, actor, f"approval.{state.value}", approval.id, digest=approval.digest)

    def _note_approval(self, now: datetime, actor: str, action: str, approval: Approval) -> None:
        self._note(
            now,
            actor,
            action,
            approval.id,
            digest=approval.digest,
            channel=approval.channel,
            requested_by=approval.requested_by,
            policy_version=approval.policy_version,
            expires_at=approval.expires_at.isoformat(),
        )

    def _note(self, now: datetime, actor: str, action: str, subject: str, **body: Any) -> None:
        self.audit.append(now.isoformat(), actor, action, subject, body)

    def _now(self) -> datetime:
        with self._usable():
            last = self.audit.last()
        return max(self._clock.now(), last.when) if last else self._clock.now()

    def _read(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with self._usable():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            with self._mutex:
                yield
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    @contextmanager
    def _write(self, name: str) -> Iterator[datetime]:
        with self._usable():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._now()
                self._at(f"{name}:written")
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            self._at(f"{name}:committed")
            self.audit.anchor()
            self._at(f"{name}:anchored")

    def _unusable(self, error: Exception) -> LedgerError:
        return LedgerError(str(self.path), f"the ledger cannot be used ({error})", "see `lamp doctor`")


def _untold(subject: str) -> LedgerError:
    problem = "is not what the audit log tells of it: the ledger was changed by something else"
    return LedgerError(subject, problem, "nothing of it is executed; see `lamp audit tail`")


def _undecidable(approval: Approval | None) -> str:
    if approval is None:
        return "nobody has asked for its approval"
    if approval.state is ApprovalState.PENDING:
        return ""
    return (
        "its approval has expired"
        if approval.state is ApprovalState.EXPIRED
        else f"is {approval.state.value} already"
    )


def _as_of(approval: Approval, now: datetime) -> Approval:
    is_open = approval.state in (ApprovalState.PENDING, ApprovalState.APPROVED)
    return (
        approval._replace(state=ApprovalState.EXPIRED) if is_open and approval.expires_at <= now else approval
    )


def _claim_id(approval_id: str, step_id: str) -> str:
    return f"lamp-{fingerprint(approval_id, step_id)}"
