"""`lamp ask`: one request in plain language, its events as they come."""

from __future__ import annotations

import asyncio
import sys

import click

from lamplighter.agents.wiring import build
from lamplighter.cli.output import Session, output_options, sinks, to_json
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
    shown,
)
from lamplighter.core.exits import Exit
from lamplighter.core.findings import Finding
from lamplighter.core.text import log_line


@click.command()
@click.argument("request")
@click.option("--thread", help="Go on with an earlier conversation.")
@output_options
@click.pass_obj
def ask(session: Session, request: str, thread: str | None, outputs: tuple[str, ...], as_json: bool) -> Exit:
    """Ask in plain language; JSON forms print one event a line."""
    chosen = sinks(outputs, as_json)
    if any(sink.path is not None or sink.format == "markdown" for sink in chosen):
        raise click.UsageError("events are streamed: choose -o text or -o jsonl, and redirect stdout")
    return asyncio.run(stream(session, request, thread, chosen[0].format))


async def stream(session: Session, request: str, thread: str | None, form: str) -> Exit:
    """Prints each event when it comes; returns the exit code of the last word."""
    from lamplighter.agents.session import Session as Conversation

    code = Exit.FAILED
    wiring = build(session.resolved.config)
    async with Conversation.open(
        wiring, thread=thread, channel="cli", identity=session.identity
    ) as conversation:
        async for event in conversation.ask(request):
            line = event_text(event) if form == "text" else to_json(shown(event))
            if line:
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
            if isinstance(event, Reported | Failed):
                code = Exit(event.exit_code)
            elif isinstance(event, ApprovalNeeded):
                code = Exit.REFUSED
            elif isinstance(event, Asked):
                code = Exit.CLEAN
    return code


def event_text(event: Event) -> str:
    """One event for people; empty where there is nothing to say."""
    match event:
        case Started():
            return f"in {', '.join(f'{name} {log_line(value)}' for name, value in event.context.items())}"
        case Routed():
            return f"-> {', '.join(event.domains)} ({log_line(event.reason)})"
        case Asked():
            return "\n".join(
                [log_line(event.question), *(f"  - {log_line(option)}" for option in event.options)]
            )
        case Found():
            finding = event.finding
            lines = [f"{finding.severity.label:9}{log_line(finding.where)}: {log_line(finding.summary)}"]
            return "\n".join([*lines, *(f"{' ' * 9}{line}" for line in [who(finding)] if line)])
        case Proposed():
            steps = zip(event.plan.steps, event.verdicts, strict=True)
            lines = [
                f"  {verdict.decision.value}: {step.operation.verb} {log_line(step.operation.target.label)}"
                for step, verdict in steps
            ]
            return "\n".join(
                [f"plan {event.digest[:12]}", *lines, f"next: lamp plan show {event.digest[:12]}"]
            )
        case ApprovalNeeded():
            return f"waits for approval until {event.expires_at}: lamp plan approve {event.digest[:12]}"
        case Reported():
            lines = [log_line(line) for line in event.text.splitlines()]
            return "\n".join([*lines, *(f"not checked: {log_line(item)}" for item in event.not_checked)])
        case Failed():
            return f"failed: {log_line(event.message)}"
        case _:
            return ""


def who(finding: Finding) -> str:
    """By whom, with what, from where and when, as far as the finding says; empty when it names nobody."""
    words = (("actor", "by"), ("tool", "with"), ("source_ip", "from"), ("time", "at"))
    said = [f"{word} {finding.details[key]}" for key, word in words if finding.details.get(key)]
    return log_line(" ".join(said)) if finding.details.get("actor") else ""
