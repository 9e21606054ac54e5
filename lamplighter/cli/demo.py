"""`lamp demo`: two requests through the graph on the sample project, and the commands that go on from there."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from lamplighter.agents.wiring import Wiring, build
from lamplighter.cli.ask import event_text, who
from lamplighter.cli.output import Session
from lamplighter.core.config import load_config
from lamplighter.core.events import Asked, Event, Failed, Found, Proposed, Reported, Started
from lamplighter.core.exits import Exit
from lamplighter.core.text import log_line

WIDTH = 100


@click.command()
@click.pass_obj
def demo(session: Session) -> Exit:
    """A tour on a sample project: no key, no account, nothing of yours is read or changed."""
    from lamplighter.scenarios.demo import REQUESTS, prepare

    settings = prepare(session.resolved.config.state_dir / "demo")
    # Variables and files of the person must not steer the tour elsewhere.
    wiring = build(load_config(settings, environ={"HOME": str(settings.parent)}, cwd=settings.parent).config)
    events: list[Event] = []
    _say(
        "A sample Terraform project (payments), its state, and the CloudTrail records of one night, copied to "
        f"{_short(settings.parent)}. Rules only: no model, no network."
    )
    for request in REQUESTS:
        events += asyncio.run(_ask(wiring, request, session.identity))
    failed = any(isinstance(event, Failed | Asked) for event in events)
    _next(settings, events)
    return Exit.FAILED if failed else Exit.CLEAN


async def _ask(wiring: Wiring, request: str, identity: str) -> list[Event]:
    from lamplighter.agents.session import Session as Conversation

    click.echo(f'\n$ lamp ask "{request}"')
    seen: list[Event] = []
    async with Conversation.open(wiring, channel="cli", identity=identity) as conversation:
        async for event in conversation.ask(request):
            seen.append(event)
            for line in _lines(event):
                click.echo(line)
            sys.stdout.flush()
    return seen


def _lines(event: Event) -> Iterator[str]:
    """One event, wrapped to WIDTH columns."""
    match event:
        case Started():
            return
        case Found():
            finding = event.finding
            place = f"  {finding.location}" if finding.location else ""
            indent = " " * 9
            yield ""
            yield from _wrap(
                f"{finding.severity.label.upper():9}{log_line(finding.where)}{log_line(place)}", indent
            )
            yield from _wrap(f"{indent}{log_line(finding.summary)}", indent)
            yield from _wrap(f"{indent}{who(finding)}", indent)
        case Proposed():
            yield from _plan(event)
        case _:
            if isinstance(event, Reported):
                yield ""
            for line in event_text(event).splitlines():
                yield from _wrap(line, "  ")


def _plan(event: Proposed) -> Iterator[str]:
    yield f"\nplan {event.digest[:12]} (typed; nothing was changed)"
    verdicts: dict[str, int] = {}
    for step, verdict in zip(event.plan.steps, event.verdicts, strict=True):
        operation = step.operation
        yield from _wrap(f"  {operation.verb} {log_line(operation.target.label)}", " " * 4)
        for line in operation.diff().splitlines():
            yield from _wrap(f"    {log_line(line)}", " " * 6)
        said = f"{verdict.decision.value}, by {log_line(verdict.rule)}: {log_line(verdict.reason)}"
        verdicts[said] = verdicts.get(said, 0) + 1
    for said, count in verdicts.items():
        yield from _wrap(f"policy on {count} step{'' if count == 1 else 's'}: {said}", "  ")


def _next(settings: Path, events: list[Event]) -> None:
    lamp = f"{_program()} --config {_short(settings)}"
    plans = [event.digest[:12] for event in events if isinstance(event, Proposed)]
    click.echo("\nnext, to paste:")
    for digest in plans[-1:]:
        click.echo(f"  {lamp} plan show {digest}")
    click.echo(f"  {lamp} drift check")
    click.echo(f'  {lamp} ask "what did jonas change?"')


def _program() -> str:
    """How this very command is called, as it can be pasted into the same shell."""
    called = sys.argv[0]
    if Path(called).name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m lamplighter"
    found = shutil.which("lamp")
    return "lamp" if found and Path(found).resolve() == Path(called).resolve() else shlex.quote(called)


def _short(path: Path) -> str:
    """The path for a shell, with `~` for the home folder where that needs no quotes."""
    quoted = shlex.quote(str(path))
    home = f"{Path.home()}/"
    return f"~/{quoted.removeprefix(home)}" if quoted.startswith(home) else quoted


def _say(text: str) -> None:
    click.echo("\n".join(_wrap(text, "")))


def _wrap(text: str, indent: str) -> list[str]:
    lead = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text.lstrip(), WIDTH, initial_indent=lead, subsequent_indent=indent, break_on_hyphens=False
    ) or [""]
