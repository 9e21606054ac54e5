"""What is said of a turn and of an execution, in plain data and lines of text: the same on every surface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NotRequired, TypedDict

from lamplighter.core.config import Config
from lamplighter.core.events import Reported
from lamplighter.core.execution import ExecutionReport, StepReport
from lamplighter.core.exits import Exit, worst
from lamplighter.core.findings import Finding, Severity
from lamplighter.core.results import Outcome
from lamplighter.core.text import printable


class DomainAnswer(TypedDict, total=False):
    """What one domain said in a turn, as plain JSON: what it found, and its exit code."""

    text: str
    findings: str
    """Digest of the findings in the blobs."""
    plan: str
    """Digest of the plan in the blobs; empty for none."""
    count: int
    """How many findings there are."""
    remaining: int
    """How many are left once something was done about them."""
    worst: int
    """The highest severity of those that are left; -1 for none."""
    not_checked: list[str]
    exit: int


class StepSummary(TypedDict):
    """One ended step. `verified` is None where nothing was done that could be looked for."""

    step: str
    outcome: str
    detail: str
    verified: bool | None
    seen: str


class Executed(TypedDict):
    """An execution as plain JSON: of `planned` steps those that ended, and how many are verified, unverified (done, and
    not seen to hold) or unknown. `recorded_at`, ISO 8601, is when they ended, where nothing was run now; else empty."""

    digest: str
    planned: int
    verified: int
    unverified: int
    unknown: int
    steps: list[StepSummary]
    stopped: str
    recorded_at: NotRequired[str]  # conversations that were kept by an earlier version have none


def executed(report: ExecutionReport) -> Executed:
    outcomes = [step.result.outcome for step in report.steps]
    verified = sum(step.verified for step in report.steps)
    return {
        "digest": report.digest,
        "planned": report.planned,
        "verified": verified,
        "unverified": outcomes.count(Outcome.DONE) - verified,
        "unknown": outcomes.count(Outcome.UNKNOWN),
        "steps": [_summary(step) for step in report.steps],
        "stopped": report.stopped,
        "recorded_at": report.recorded_at.isoformat(timespec="seconds") if report.recorded_at else "",
    }


def _summary(report: StepReport) -> StepSummary:
    step, result, looked = report
    return {
        "step": step,
        "outcome": result.outcome.value,
        "detail": result.detail,
        "verified": looked.holds if looked else None,
        "seen": looked.seen if looked else "",
    }


def execution_lines(done: Executed) -> list[str]:
    """A line for each ended step, their sum, and why the rest did not start."""
    lines = [step_line(step) for step in done["steps"]]
    lines.append(f"{done['verified']} of {done['planned']} step(s) done and verified")
    lines += [f"stopped: {done['stopped']}"] if done["stopped"] else []
    lines += [f"recorded at {when}; nothing was run now"] if (when := done.get("recorded_at")) else []
    # What the world said must not pass for a line of ours.
    return [printable(line) for line in lines]


def step_line(step: StepSummary) -> str:
    """`edit-1: done; main.tf written; verified: the file holds the edit`."""
    looked = {True: "verified", False: "not verified", None: ""}[step["verified"]]
    seen = ": ".join(part for part in (looked, step["seen"]) if part)
    return f"{step['step']}: {'; '.join(part for part in (step['outcome'], step['detail'], seen) if part)}"


def compose(state: Mapping[str, Any], config: Config, stopped: str = "") -> Reported:
    """The answer of a turn, put together from what the graph's state holds: whole, or as far as it came.

    `stopped` says why the run ended early; the answer is incomplete then (exit code 4, or 1 by precedence).
    """
    answers: dict[str, DomainAnswer] = state.get("answers", {})
    done: Executed | None = state.get("executed") or None
    not_checked = [line for answer in answers.values() for line in answer.get("not_checked", ())]
    not_checked += [stopped] if stopped else []
    lines = [text for answer in answers.values() if (text := answer.get("text"))]
    lines += execution_lines(done) if done else []
    lines += [line for answer in answers.values() for line in _goal(answer)]
    lines += [state["refused"]] if state.get("refused") else []
    denied = is_denied(state)
    lines += [f"denied by {state['decision']['who']}"] if denied else []
    codes = [Exit(state.get("exit_code", 0)), *(Exit(answer.get("exit", 0)) for answer in answers.values())]
    codes += [Exit.INCOMPLETE] if stopped else []
    codes += [Exit.REFUSED] if denied else []
    codes += [Exit.FINDINGS] if _at_or_above(answers, config.fail_on) else []
    digests = {name: answer["findings"] for name, answer in answers.items() if "findings" in answer}
    left = {name: answer["remaining"] for name, answer in answers.items() if "remaining" in answer}
    return Reported(
        text="\n".join(lines) or "nothing could be checked",
        not_checked=tuple(not_checked),
        exit_code=int(worst(codes)),
        data={"findings": digests, "remaining": left} if left else {"findings": digests},
    )


def is_denied(state: Mapping[str, Any]) -> bool:
    """Whether the decision that was waited for is a no."""
    decision: Mapping[str, str] = state.get("decision", {})
    return decision.get("decision") == "deny"


def unchecked(line: str, code: Exit = Exit.INCOMPLETE) -> DomainAnswer:
    """The answer of a domain that could not look; `line` says why."""
    return {"not_checked": [line], "exit": int(code)}


def worst_of(findings: Iterable[Finding]) -> int:
    """The highest severity; -1 for no findings."""
    return max((int(finding.severity) for finding in findings), default=-1)


def _goal(answer: DomainAnswer) -> list[str]:
    """Whether what was found is gone, once something was done about it."""
    if "remaining" not in answer:
        return []
    said = "goal not reached" if answer["remaining"] else "goal reached"
    return [f"{said}: {answer['remaining']} of {answer.get('count', 0)} finding(s) remain"]


def _at_or_above(answers: Mapping[str, DomainAnswer], fail_on: str) -> bool:
    highest = max((int(answer.get("worst", -1)) for answer in answers.values()), default=-1)
    return fail_on != "never" and highest >= int(Severity.parse(fail_on))
