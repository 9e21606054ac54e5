"""An event in lines for people: the same wherever the command shows one. Everything from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from lamplighter.core.events import (
    ApprovalNeeded,
    Asked,
    Event,
    Failed,
    Found,
    Proposed,
    Reported,
    Routed,
    Started,
    StepFinished,
    ToolCalled,
)
from lamplighter.core.findings import Finding
from lamplighter.core.results import Status
from lamplighter.core.text import log_line

_INDENT = " " * 9


def lines(event: Event, lamp: str = "") -> list[str]:
    """None where there is nothing to say. `lamp` is how the command is called in what to go on with, which is shown
    only where it is given."""
    match event:
        case Started():
            return [f"in {', '.join(f'{name} {log_line(value)}' for name, value in event.context.items())}"]
        case Routed():
            return [f"-> {', '.join(event.domains)} ({log_line(event.reason)})"]
        case Asked():
            return list(_asked(event, lamp))
        case ToolCalled():
            # What else a read left out is in the report.
            failed = event.status is Status.ERROR
            return [f"{event.tool}: {log_line(line)}" for line in event.left_out] if failed else []
        case Found():
            return ["", *finding_lines(event.finding)]
        case Proposed():
            return list(_proposed(event, lamp))
        case ApprovalNeeded():
            until = f"waits for approval until {event.expires_at}"
            return [f"{until}: {lamp} plan approve {event.digest[:12]}" if lamp else until]
        case StepFinished():
            # The report that follows has a line for each step.
            return []
        case Reported():
            said = [log_line(line) for line in event.text.splitlines()]
            return ["", *said, *(f"not checked: {log_line(item)}" for item in event.not_checked)]
        case Failed():
            return [f"failed: {log_line(event.message)}"]
        case _:
            assert_never(event)


def finding_lines(finding: Finding) -> list[str]:
    """Severity, subject and `file:line`; what differs; by whom, as far as it is known."""
    place = f"  {log_line(finding.location)}" if finding.location else ""
    head = f"{finding.severity.label.upper():9}{log_line(finding.where)}{place}"
    by = [f"{_INDENT}by {log_line(finding.attribution)}"] if finding.attribution else []
    return [head, f"{_INDENT}{log_line(finding.summary)}", *by]


def _asked(event: Asked, lamp: str) -> Iterator[str]:
    yield log_line(event.question)
    yield from (f"  - {log_line(option)}" for option in event.options)
    if lamp:
        example = event.options[0] if event.options else "..."
        yield f'reply with: {lamp} ask --thread {log_line(event.thread)} "{log_line(example)}"'


def _proposed(event: Proposed, lamp: str) -> Iterator[str]:
    yield ""
    yield f"plan {event.digest[:12]} (typed; nothing was changed)"
    yield f"  {log_line(event.plan.rationale)}"
    verdicts: dict[str, int] = {}
    for step, verdict in zip(event.plan.steps, event.verdicts, strict=True):
        operation = step.operation
        yield f"  {operation.verb} {log_line(operation.target.label)}"
        yield from (f"    {log_line(line)}" for line in operation.diff().splitlines())
        said = f"{verdict.decision.value}, by {log_line(verdict.rule)}: {log_line(verdict.reason)}"
        verdicts[said] = verdicts.get(said, 0) + 1
    for said, count in verdicts.items():
        yield f"policy on {count} step{'' if count == 1 else 's'}: {said}"
    if lamp:
        yield f"next: {lamp} plan show {event.digest[:12]}"
