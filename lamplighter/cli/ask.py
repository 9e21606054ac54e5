"""`lamp ask`: one request in plain language, its events as they come."""

from __future__ import annotations

import asyncio
import shlex
import sys

import click

from lamplighter.agents.wiring import build
from lamplighter.cli.context import Invocation
from lamplighter.cli.events import lines
from lamplighter.cli.output import output_options, sinks, to_json
from lamplighter.core.events import ApprovalNeeded, Asked, Failed, Reported, shown
from lamplighter.core.exits import Exit


@click.command()
@click.argument("request")
@click.option("--thread", help="Go on with an earlier conversation.")
@output_options
@click.pass_obj
def ask(
    invocation: Invocation, request: str, thread: str | None, outputs: tuple[str, ...], as_json: bool
) -> Exit:
    """Ask in plain language; JSON forms print one event a line."""
    chosen = sinks(outputs, as_json)
    if any(sink.path is not None or sink.format == "markdown" for sink in chosen):
        raise click.UsageError("events are streamed: choose -o text or -o jsonl, and redirect stdout")
    return asyncio.run(stream(invocation, request, thread, chosen[0].format))


async def stream(invocation: Invocation, request: str, thread: str | None, form: str) -> Exit:
    """Prints each event when it comes; returns the exit code of the last word."""
    from lamplighter.agents.session import Session

    code = Exit.FAILED
    named = invocation.config_file
    lamp = f"lamp --config {shlex.quote(str(named))}" if named else "lamp"
    wiring = build(invocation.resolved.config)
    async with Session.open(wiring, thread=thread, channel="cli", identity=invocation.identity) as session:
        async for event in session.ask(request):
            for line in lines(event, lamp) if form == "text" else [to_json(shown(event))]:
                sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            if isinstance(event, Reported | Failed | ApprovalNeeded | Asked):
                code = Exit(event.exit_code)
    return code
