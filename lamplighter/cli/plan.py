"""`lamp plan` and `lamp pending`: a decision about one exact plan, and its execution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from lamplighter.cli.context import Invocation
from lamplighter.cli.output import Answer, answers
from lamplighter.core.approvals import ApprovalState
from lamplighter.core.exits import Exit
from lamplighter.core.plans import Plan
from lamplighter.core.policy import Policy
from lamplighter.core.redaction import redact_value
from lamplighter.core.text import log_line


@click.group()
def plan() -> None:
    """Show, approve, deny or apply a plan by its DIGEST, or by the first 6 digits of it or more."""


def _of_one_plan(command: Callable[..., Answer]) -> Callable[..., Exit]:
    """What the commands of this group have in common: the invocation, a DIGEST, and where the answer goes."""
    return click.argument("digest")(answers(click.pass_obj(command)))


def plan_text(shown: Plan, policy: Policy) -> str:
    """The plan for people: each step with its verdict and its diff."""
    lines = [f"plan {shown.digest}", log_line(shown.rationale)]
    for step, verdict in zip(shown.steps, policy.judge(shown), strict=True):
        operation = step.operation
        lines.append(
            f"\n{log_line(step.id)}  {operation.verb} {log_line(operation.target.label)}  risk {operation.risk.label}"
        )
        lines.append(
            f"  policy: {verdict.decision.value} ({log_line(verdict.rule)}: {log_line(verdict.reason)})"
        )
        lines += [f"  {log_line(line)}" for line in operation.diff().splitlines()]
    return "\n".join(lines)


def plan_data(shown: Plan, policy: Policy) -> dict[str, Any]:
    """JSON: the digest, the plan and what the policy says of it."""
    return {
        "digest": shown.digest,
        "plan": redact_value(shown.model_dump(mode="json")),
        "verdicts": [verdict.model_dump(mode="json") for verdict in policy.judge(shown)],
    }


@plan.command()
@_of_one_plan
def show(invocation: Invocation, digest: str) -> Answer:
    """Show a plan, what it would change, and what the policy says."""
    with invocation.ledger() as ledger:
        found = ledger.find_plan(digest)
    policy = invocation.policy
    return Answer("lamplighter/plan/v1", plan_data(found, policy), lambda: plan_text(found, policy))


def _decide(invocation: Invocation, digest: str, approve: bool) -> Answer:
    with invocation.ledger() as ledger:
        found = ledger.find_plan(digest)
        if not ledger.approvals_of(found.digest, ApprovalState.PENDING):
            requester = found.requested_by or invocation.identity
            ledger.request_approval(found, requested_by=requester, channel="cli", policy=invocation.policy)
        decided = ledger.decide(
            found.digest,
            approve=approve,
            approver=invocation.identity,
            channel="cli",
            policy=invocation.policy,
        )
    if not approve:
        from lamplighter.agents.wiring import build

        build(invocation.resolved.config).discard(found)
    data = {
        "digest": decided.digest,
        "approval": decided.id,
        "state": decided.state.value,
        "by": decided.approver,
    }
    following = f"\nnext: lamp plan apply {decided.digest[:12]}" if approve else ""
    text = f"{decided.state.value} {decided.digest} by {log_line(str(decided.approver))}{following}"
    return Answer("lamplighter/decision/v1", data, lambda: text)


def _add_decision(name: str, approve: bool, text: str) -> None:
    @plan.command(name, help=text)
    @_of_one_plan
    def decide(invocation: Invocation, digest: str) -> Answer:
        return _decide(invocation, digest, approve)


_add_decision("approve", True, "Approve exactly this plan, once.")
_add_decision("deny", False, "Deny this plan.")


@plan.command("apply")
@_of_one_plan
def apply_plan(invocation: Invocation, digest: str) -> Answer:
    """Execute an approved plan: each step at most once, and verified before the next."""
    from lamplighter.agents.reports import executed, execution_lines
    from lamplighter.agents.wiring import build

    with invocation.ledger() as ledger:
        found = ledger.find_plan(digest)
        usable = (ApprovalState.APPROVED, ApprovalState.SPENT)
        # One that has expired or is frozen may still have a step in doubt, which is looked at before any refusal.
        known = [
            row for row in ledger.approvals_of(found.digest) if row.state in usable or ledger.steps(row.id)
        ]
        if not known:
            raise found.refused("is not approved", f"run `lamp plan approve {found.digest[:12]}`")
    report = build(invocation.resolved.config).execute(known[-1].id)
    done = executed(report)
    return Answer(
        "lamplighter/execution/v1",
        done,
        lambda: "\n".join(log_line(line) for line in execution_lines(done)),
        report.exit_code,
    )


@click.command()
@answers
@click.pass_obj
def pending(invocation: Invocation) -> Answer:
    """List the plans that wait for a decision."""
    with invocation.ledger() as ledger:
        waiting = ledger.pending()
    rows = tuple(
        {
            "digest": row.digest,
            "approval": row.id,
            "requested_by": row.requested_by,
            "expires_at": row.expires_at.isoformat(),
        }
        for row in waiting
    )

    def text() -> str:
        lines = [
            f"{row['digest'][:12]}  by {log_line(row['requested_by'])}  until {row['expires_at']}"
            for row in rows
        ]
        return "\n".join(lines) or "nothing waits for a decision"

    return Answer("lamplighter/pending/v1", {"pending": list(rows)}, text, rows=rows)
