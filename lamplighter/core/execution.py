"""The only way a change happens: approve -> claim -> effect -> record -> verify, each step at most once.

It knows no graph, no surface and no tool: it is given the ledger, the policy and the effects. It can be killed
anywhere and run again: what is recorded is returned, what is in doubt is looked at in the world and never repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from lamplighter.core.approvals import Approval, ApprovalState
from lamplighter.core.errors import LampError, Refused, Unavailable
from lamplighter.core.events import Event, StepFinished
from lamplighter.core.exits import Exit, worst
from lamplighter.core.ledger import LEDGER_POINTS, Claim, Ledger, StepRow, check_policy
from lamplighter.core.plans import Plan, Step
from lamplighter.core.policy import Decision, Policy
from lamplighter.core.ports import Effect, EffectResult
from lamplighter.core.results import Outcome

EXECUTION_POINTS = ("started", "claimed", "performed", "recorded", "ended")
POINTS = EXECUTION_POINTS + LEDGER_POINTS

_EXITS = {
    Outcome.DONE: Exit.CLEAN,
    Outcome.FAILED: Exit.FAILED,
    Outcome.UNKNOWN: Exit.FAILED,
    Outcome.REFUSED: Exit.REFUSED,
}


class StepReport(NamedTuple):
    step: str
    result: EffectResult


class ExecutionReport(NamedTuple):
    """The ended steps, in the plan's order. `stopped` says why the rest did not start; empty when all ended."""

    approval_id: str
    digest: str
    steps: tuple[StepReport, ...]
    stopped: str = ""

    @property
    def exit_code(self) -> Exit:
        """1 where a step failed or is unknown, 3 where one was refused or the run was stopped, else 0."""
        codes = [_EXITS[step.result.outcome] for step in self.steps]
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
    """Executes, or resumes, what one approval allows. `effects` is by verb; `at` is told each of EXECUTION_POINTS.

    Raises Refused where nothing may start (not approved, expired, frozen, another policy, denied) and LedgerError
    where the audit log is not whole. A spent approval runs nothing and returns what was recorded.
    """
    with ledger.execution_lock(approval_id):
        ledger.audit.require_intact()
        approval = ledger.approval(approval_id)
        plan = ledger.find_plan(approval.digest)
        run = _Run(ledger, approval, plan, effects, emit, at)
        at("started")
        run.reconcile()
        if approval.state is ApprovalState.SPENT:
            return run.report()
        _require_permission(ledger, approval, plan, policy, effects)
        stopped = run.advance()
        if not stopped:
            ledger.spend(approval)
            at("ended")
        return run.report(stopped)


def _require_permission(
    ledger: Ledger, approval: Approval, plan: Plan, policy: Policy, effects: Mapping[str, Effect]
) -> None:
    subject = f"plan {plan.digest[:12]}"
    if approval.state is not ApprovalState.APPROVED:
        raise Refused(subject, f"its approval is {approval.state.value}", "see `lamp pending`")
    if not ledger.audit.tells("approval.approved", approval.id, plan.digest):
        raise Refused(subject, "the audit log knows of no such approval", "ask for a new approval")
    if approval.policy_version != policy.version:
        raise Refused(subject, "the policy has changed since it was approved", "make the plan again")
    freeze = ledger.frozen()
    if freeze:
        raise Refused("ledger", f"frozen by {freeze.by}: {freeze.reason}", "lift it with `lamp unfreeze`")
    check_policy(plan, policy)
    asked = [verdict for verdict in policy.judge(plan) if verdict.decision is Decision.ASK]
    if approval.channel == "policy" and asked:
        raise Refused(subject, f"step {asked[0].step} needs a person's approval", "ask for an approval")
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
        self._ended: dict[str, EffectResult] = {}

    def report(self, stopped: str = "") -> ExecutionReport:
        ended = (
            StepReport(step.id, self._ended[step.id]) for step in self._plan.steps if step.id in self._ended
        )
        return ExecutionReport(self._approval.id, self._plan.digest, tuple(ended), stopped)

    def reconcile(self) -> None:
        """Takes over what is recorded; for what is in doubt, looks at the world and records what it shows."""
        for row in self._ledger.steps(self._approval.id):
            if row.outcome is None:
                self._settle(row)
            else:
                self._ended[row.step_id] = EffectResult(row.outcome, row.detail, row.undo)

    def _settle(self, row: StepRow) -> None:
        step = self._plan.step(row.step_id)
        claim = Claim(row.claim, row.approval_id, row.step_id, fresh=False)
        self._record(claim, self._observe(step, row.claim))

    def advance(self) -> str:
        """Runs what has not ended; returns why it stopped early, or the empty string."""
        for step in self._plan.steps:
            if step.id not in self._ended:
                try:
                    self._step(step)
                except Refused as refusal:
                    return str(refusal)
        return ""

    def _step(self, step: Step) -> None:
        obstacle = self._obstacle(step)
        if obstacle:
            self._ledger.close_unrun(self._approval, step.id, obstacle)
            self._end(step.id, obstacle)
            return
        claim = self._ledger.claim(self._approval, step.id)
        self._at("claimed")
        result = self._perform(step, claim.id)
        self._at("performed")
        self._record(claim, result)
        self._at("recorded")

    def _obstacle(self, step: Step) -> EffectResult | None:
        for name in step.after:
            if self._ended[name].outcome is not Outcome.DONE:
                outcome = self._ended[name].outcome.value
                return EffectResult(
                    Outcome.REFUSED, f"not run: step {name}, which it comes after, is {outcome}"
                )
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

    def _observe(self, step: Step, claim: str) -> EffectResult:
        effect = self._effects.get(step.operation.verb)
        if effect is None:
            return EffectResult(Outcome.UNKNOWN, "nothing here can look at the target")
        try:
            return effect.observe(step.operation, claim)
        except LampError as error:
            return EffectResult(Outcome.UNKNOWN, str(error))

    def _record(self, claim: Claim, result: EffectResult) -> None:
        self._ledger.record(claim, result)
        self._end(claim.step_id, result)

    def _end(self, step_id: str, result: EffectResult) -> None:
        self._ended[step_id] = result
        digest = self._plan.digest
        self._emit(StepFinished(digest=digest, step=step_id, outcome=result.outcome, detail=result.detail))
