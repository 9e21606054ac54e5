"""The only way a change happens: approve -> claim -> effect -> record -> verify, each step at most once.

It knows no graph, no surface and no tool: it is given the ledger, the policy and the effects. Each step that is done
is looked at in the world again before the next one starts. It can be killed anywhere and run again: what is recorded
is returned, what is in doubt or not yet verified is looked at in the world, and nothing is ever repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from lamplighter.core.approvals import Approval, ApprovalState
from lamplighter.core.errors import LampError, Refused, Unavailable
from lamplighter.core.events import Event, StepFinished
from lamplighter.core.exits import Exit, worst
from lamplighter.core.ledger import LEDGER_POINTS, Ledger
from lamplighter.core.plans import Plan, Step
from lamplighter.core.policy import Decision, Policy
from lamplighter.core.ports import Effect, EffectResult
from lamplighter.core.results import Outcome, Verification

EXECUTION_POINTS = ("started", "claimed", "performed", "recorded", "verified", "ended")
POINTS = EXECUTION_POINTS + LEDGER_POINTS

_EXITS = {
    Outcome.DONE: Exit.CLEAN,
    Outcome.FAILED: Exit.FAILED,
    Outcome.UNKNOWN: Exit.FAILED,
    Outcome.REFUSED: Exit.REFUSED,
}


class StepReport(NamedTuple):
    """How a step ended. `verification` is None where nothing was done that could be looked for."""

    step: str
    result: EffectResult
    verification: Verification | None = None

    @property
    def verified(self) -> bool:
        """Whether it is done, and the world was seen to hold its change."""
        return self.verification is not None and self.verification.holds

    @property
    def exit_code(self) -> Exit:
        """1 where it failed, is unknown, or is done and not verified, 3 where it was refused, else 0."""
        if self.result.outcome is Outcome.DONE and not self.verified:
            return Exit.FAILED
        return _EXITS[self.result.outcome]

    def finished(self, digest: str) -> StepFinished:
        """The event that says so."""
        return StepFinished(
            digest=digest,
            step=self.step,
            outcome=self.result.outcome,
            detail=self.result.detail,
            verified=self.verification.holds if self.verification else None,
            seen=self.verification.seen if self.verification else "",
        )


class ExecutionReport(NamedTuple):
    """The ended steps, in the plan's order, of `planned`. `stopped` says why the rest did not start, or is empty.

    `recorded_at` is when the last of them ended, where that was before: nothing was run or looked at now. Else None.
    """

    approval_id: str
    digest: str
    planned: int
    steps: tuple[StepReport, ...]
    stopped: str = ""
    recorded_at: datetime | None = None

    @property
    def exit_code(self) -> Exit:
        """The worst of the steps' codes, and of 3 where the run was stopped."""
        codes = [step.exit_code for step in self.steps]
        return worst([*codes, Exit.REFUSED] if self.stopped else codes)


def _ignore(_value: object) -> None:
    pass


def execute(
    approval_id: str,
    *,
    ledger: Ledger,
    policy: Policy,
    effects: Mapping[str, Effect],
    emit: Callable[[Event], None] = _ignore,
    at: Callable[[str], None] = _ignore,
) -> ExecutionReport:
    """Executes, or resumes, what one approval allows; returns how its steps ended, now or before.

    `effects` is by verb; `emit` is told of each ended step, `at` of each of EXECUTION_POINTS. Where all steps have
    ended, nothing runs. Raises Refused where nothing may start and nothing has (not approved, expired, frozen, another
    policy, denied), Unavailable where an effect is missing, LedgerError where the audit log is not whole or tells
    something else of the approval and its steps than the tables.
    """
    with ledger.execution_lock(approval_id):
        ledger.audit.require_intact()
        approval = ledger.approval(approval_id)
        plan = ledger.find_plan(approval.digest)
        ledger.require_told(approval, plan)
        run = _Run(ledger, approval, plan, effects, emit, at)
        at("started")
        run.reconcile()
        stopped = ""
        try:
            if not run.complete:
                _require_permission(ledger, approval, plan, policy, effects)
                run.advance()
        except Refused as refusal:
            if not run.begun:
                raise
            stopped = str(refusal)
            ledger.approval(approval.id)  # where it ran out of time just now, that is written down
        if run.complete and approval.state is ApprovalState.APPROVED:
            ledger.spend(approval)
            at("ended")
        return run.report(stopped)


def _require_permission(
    ledger: Ledger, approval: Approval, plan: Plan, policy: Policy, effects: Mapping[str, Effect]
) -> None:
    if approval.state is not ApprovalState.APPROVED:
        raise plan.refused(f"its approval is {approval.state.value}", "see `lamp pending`")
    if approval.policy_version != policy.version:
        raise plan.refused("the policy has changed since it was approved", "make the plan again")
    ledger.require_unfrozen()
    policy.require_allowed(plan)
    asked = [verdict for verdict in policy.judge(plan) if verdict.decision is Decision.ASK]
    if approval.channel == "policy" and asked:
        raise plan.refused(f"step {asked[0].step} needs a person's approval", "ask for an approval")
    missing = [step.operation.verb for step in plan.steps if step.operation.verb not in effects]
    if missing:
        raise Unavailable(
            f"operation {missing[0]}", "cannot be performed here", "nothing of the plan was run"
        )


class _Run:
    """One execution of one approval, under its lock."""

    def __init__(
        self,
        ledger: Ledger,
        approval: Approval,
        plan: Plan,
        effects: Mapping[str, Effect],
        emit: Callable[[Event], None],
        at: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._approval = approval
        self._plan = plan
        self._effects = effects
        self._emit = emit
        self._at = at
        self._ended: dict[str, StepReport] = {}
        self._last: datetime | None = None

    @property
    def begun(self) -> bool:
        """Whether any step has ended."""
        return bool(self._ended)

    @property
    def complete(self) -> bool:
        """Whether all steps have ended, so that nothing is left to start."""
        return len(self._ended) == len(self._plan.steps)

    def report(self, stopped: str) -> ExecutionReport:
        steps = self._plan.steps
        ended = tuple(self._ended[step.id] for step in steps if step.id in self._ended)
        return ExecutionReport(self._approval.id, self._plan.digest, len(steps), ended, stopped, self._last)

    def reconcile(self) -> None:
        """Takes over what is recorded; of what is in doubt, or not yet verified, records what the world shows."""
        rows = self._ledger.steps(self._approval.id)
        for row in rows:
            step = self._plan.step(row.step_id)
            result = row.result or self._ledger.record(row.claim, self._observe(step, row.claim))
            verification = row.verification or self._verify(step, row.claim, result)
            self._end(StepReport(step.id, result, verification))
        if rows and all(row.settled_at for row in rows):
            self._last = max(row.settled_at for row in rows if row.settled_at)

    def advance(self) -> None:
        """Runs what has not ended; raises Refused where the rest may no longer start."""
        for step in self._plan.steps:
            if step.id not in self._ended:
                self._end(self._step(step))
                self._last = None

    def _step(self, step: Step) -> StepReport:
        obstacle = self._obstacle(step)
        if obstacle:
            return StepReport(step.id, self._ledger.close_unrun(self._approval, step.id, obstacle))
        claim = self._ledger.claim(self._approval, step.id)
        self._at("claimed")
        result = self._perform(step, claim)
        self._at("performed")
        result = self._ledger.record(claim, result)
        self._at("recorded")
        verification = self._verify(step, claim, result)
        self._at("verified")
        return StepReport(step.id, result, verification)

    def _obstacle(self, step: Step) -> EffectResult | None:
        for name in step.after:
            before = self._ended[name]
            if not before.verified:
                done = before.result.outcome is Outcome.DONE
                how = "done but not verified" if done else before.result.outcome.value
                return EffectResult(Outcome.REFUSED, f"not run: step {name}, which it comes after, is {how}")
        try:
            version = self._effects[step.operation.verb].current_version(step.operation)
        except LampError as error:
            return EffectResult(Outcome.FAILED, f"not run: {error}")
        if version != step.operation.target.version:
            return EffectResult(Outcome.REFUSED, "target changed since it was approved")
        return None

    def _perform(self, step: Step, claim: str) -> EffectResult:
        try:
            return self._effects[step.operation.verb].perform(step.operation, claim)
        except LampError as error:
            # It had begun, so only the world can say how far it came.
            seen = self._observe(step, claim)
            return seen._replace(detail=f"{error}; {seen.detail}" if seen.detail else str(error))

    def _verify(self, step: Step, claim: str, result: EffectResult) -> Verification | None:
        """Looks at the target of a step that is done; what cannot be told is not verified."""
        if result.outcome is not Outcome.DONE:
            return None
        seen = self._observe(step, claim)
        return self._ledger.record_verification(
            claim, Verification(seen.outcome is Outcome.DONE, seen.detail)
        )

    def _observe(self, step: Step, claim: str) -> EffectResult:
        effect = self._effects.get(step.operation.verb)
        if effect is None:
            return EffectResult(Outcome.UNKNOWN, "nothing here can look at the target")
        try:
            return effect.observe(step.operation, claim)
        except LampError as error:
            return EffectResult(Outcome.UNKNOWN, str(error))

    def _end(self, report: StepReport) -> None:
        self._ended[report.step] = report
        self._emit(report.finished(self._plan.digest))
