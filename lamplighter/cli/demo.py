"""`lamp demo`: two requests through the graph on the sample project, and the commands that go on from there."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import textwrap
from pathlib import Path

import click

from lamplighter.agents.wiring import Wiring, build
from lamplighter.cli.context import Invocation
from lamplighter.cli.events import lines
from lamplighter.core.config import load_config
from lamplighter.core.events import Asked, Event, Failed, Proposed, Started
from lamplighter.core.exits import Exit, worst

WIDTH = 100


@click.command()
@click.pass_obj
def demo(invocation: Invocation) -> Exit:
    """A tour on a sample project: no key, no account, nothing of yours is read or changed."""
    from lamplighter.scenarios.demo import REQUESTS, prepare

    settings = prepare(invocation.resolved.config.state_dir / "demo")
    # Variables and files of the person must not steer the tour elsewhere.
    wiring = build(load_config(settings, environ={"HOME": str(settings.parent)}, cwd=settings.parent).config)
    events: list[Event] = []
    _say(
        "A sample Terraform project (payments), its state, and the CloudTrail records of one night, copied to "
        f"{_short(settings.parent)}. Rules only: no model, no network."
    )
    for request in REQUESTS:
        events += asyncio.run(_ask(wiring, request, invocation.identity))
    _next(settings, events)
    # That drift is found, or a domain has no engine yet, belongs to the tour; that it broke off does not.
    return worst(Exit(event.exit_code) for event in events if isinstance(event, Failed | Asked))


async def _ask(wiring: Wiring, request: str, identity: str) -> list[Event]:
    from lamplighter.agents.session import Session

    click.echo(f'\n$ lamp ask "{request}"')
    seen: list[Event] = []
    async with Session.open(wiring, channel="cli", identity=identity) as session:
        async for event in session.ask(request):
            seen.append(event)
            # Where a tour is, and how to go on, is said at its beginning and its end.
            for line in [] if isinstance(event, Started) else lines(event):
                _say(line)
            sys.stdout.flush()
    return seen


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


def _say(line: str) -> None:
    """Wrapped to WIDTH columns; what goes over stands below what it goes on with."""
    body = line.lstrip()
    lead = line[: len(line) - len(body)]
    wrapped = textwrap.wrap(
        body, WIDTH, initial_indent=lead, subsequent_indent=lead or "  ", break_on_hyphens=False
    )
    click.echo("\n".join(wrapped))
