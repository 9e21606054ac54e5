"""`lamp drift`: the drift engine without the graph, for people and CI jobs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import click

from lamplighter.cli.context import Invocation
from lamplighter.cli.output import Answer, answers, progress
from lamplighter.core.config import FAIL_ON
from lamplighter.core.errors import ConfigError, InputError
from lamplighter.core.exits import Exit, worst
from lamplighter.core.findings import Finding, Severity

if TYPE_CHECKING:
    from lamplighter.core.ports import TraceSource
    from lamplighter.drift.check import DriftReport

_F = TypeVar("_F", bound=Callable[..., Any])


_LATER = {"fix": "fix", "ignore": "ignore", "import": "import_", "revert": "revert"}
"""Commands that propose changes, and their names in drift_fix.py."""


class _Group(click.Group):
    """Loads what proposes changes when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_LATER])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LATER:
            return super().get_command(ctx, cmd_name)
        from lamplighter.cli import drift_fix

        command: click.Command = getattr(drift_fix, _LATER[cmd_name])
        return command


@click.group(cls=_Group)
def drift() -> None:
    """Find what was changed behind Terraform's back."""


_trace_option = click.option(
    "--trace", "paths", multiple=True, type=click.Path(path_type=Path), help="CloudTrail file or directory."
)


class Asked(NamedTuple):
    """Where the API trace comes from: files, or the account's event history; and which part of it counts."""

    paths: tuple[Path, ...]
    live: bool
    since: str
    until: str
    regions: tuple[str, ...]


def source_options(command: _F) -> _F:
    """Adds `--trace` or `--live`, and what of it counts; the command is given `source`, an `Asked`."""

    @wraps(command)
    def run(
        *arguments: Any,
        paths: tuple[Path, ...],
        live: bool,
        since: str,
        until: str,
        regions: tuple[str, ...],
        **options: Any,
    ) -> Any:
        if live and not since:
            raise click.UsageError("--live needs --since: how far back to ask, as in --since 24h")
        if live and paths:
            raise click.UsageError("--live asks the account itself: leave --trace out")
        return command(*arguments, source=Asked(paths, live, since, until, regions), **options)

    decorated: Any = run
    for option in reversed(
        (
            _trace_option,
            click.option("--live", is_flag=True, help="Ask the account's event history (needs boto3)."),
            click.option(
                "--since",
                default="",
                metavar="TIME",
                help="Calls from then on: 2026-01-31T00:00:00Z, 24h, 7d.",
            ),
            click.option("--until", default="", metavar="TIME", help="Calls before then, in the same forms."),
            click.option("--region", "regions", multiple=True, help="Only calls of this region; repeatable."),
        )
    ):
        decorated = option(decorated)
    return cast(_F, decorated)


state_option = click.option(
    "--state", type=click.Path(path_type=Path), help="State file, or `terraform show -json` output."
)


@drift.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@source_options
@state_option
@click.option("--fail-on", type=click.Choice(FAIL_ON), help="Least severity that gives exit code 2.")
@click.option("--save-plan", is_flag=True, help="Keep the proposed plan for `lamp plan`.")
@answers
@click.pass_obj
def check(
    invocation: Invocation,
    directory: Path | None,
    source: Asked,
    state: Path | None,
    fail_on: str | None,
    save_plan: bool,
) -> Answer:
    """Compare DIRECTORY and its state with the API trace, and say who changed what."""
    from lamplighter.drift.page import html
    from lamplighter.drift.report import SCHEMA, data, markdown, text

    report = checked(invocation, directory, state, source)
    shown, following = data(report), ""
    if save_plan and report.plan is not None:
        whole = report.plan.under(invocation.policy.version, invocation.identity)
        # A plan with proposals in words can be shown but never approved; one of edits alone can be both.
        rest = whole.executable()
        plan = rest if rest.steps else whole
        with invocation.ledger() as ledger:
            ledger.save_plan(plan)
        shown["plan"] = plan.digest
        following = "\n".join(["", *whole.dropped(plan), f"next: lamp plan show {plan.digest[:12]}"])
    return Answer(
        SCHEMA,
        shown,
        lambda: text(report) + following,
        exit_code(report.findings, report.incomplete, fail_on or invocation.resolved.config.fail_on),
        markdown=lambda: markdown(report),
        html=lambda: html(report),
        rows=tuple(finding.model_dump(mode="json") for finding in report.findings),
    )


@drift.command()
@click.argument("finding")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@source_options
@state_option
@answers
@click.pass_obj
def explain(
    invocation: Invocation,
    finding: str,
    directory: Path | None,
    source: Asked,
    state: Path | None,
) -> Answer:
    """Tell one FINDING (its id, or an address) in full: every call that led to it, and what else was done then."""
    from lamplighter.drift.explain import SCHEMA, data, text
    from lamplighter.drift.explain import explain as tell

    told = tell(checked(invocation, directory, state, source), finding)
    return Answer(
        SCHEMA,
        {"explained": [data(item) for item in told]},
        lambda: "\n\n".join(text(item) for item in told),
        rows=tuple(data(item) for item in told),
    )


def checked(invocation: Invocation, directory: Path | None, state: Path | None, asked: Asked) -> DriftReport:
    from lamplighter.drift import check_directory

    config = invocation.resolved.config
    source = _source(invocation, asked)
    with progress("reading code, state and trace", quiet=invocation.quiet):
        return check_directory(
            directory or config.project,
            source,
            state or config.state,
            principals=config.terraform_principals,
            rules=invocation.policy.drift,
        )


def _source(invocation: Invocation, asked: Asked) -> TraceSource:
    """Raises InputError on a time that is none, ConfigError where no trace is named."""
    now = datetime.now(UTC)
    since, until = moment(asked.since, now), moment(asked.until, now)
    if not asked.live:
        from lamplighter.tools.cloudtrail import TraceFiles

        return TraceFiles(_traces(invocation, asked.paths), since=since, until=until, regions=asked.regions)
    from lamplighter.tools.cloudtrail.live import LookupEvents
    from lamplighter.tools.cloudtrail.lookup import Lookup

    config = invocation.resolved.config
    regions = asked.regions or ((config.aws_region,) if config.aws_region else ())
    lookup = Lookup(profile=config.aws_profile)
    return LookupEvents(lookup, since=since, until=until, regions=regions, state_dir=config.state_dir)


def moment(text: str, now: datetime) -> str:
    """`24h`, `90m` or `7d` before `now` as a time; every other text as it is, to be judged by who reads it."""
    found = re.fullmatch(r"(\d{1,5})([mhd])", text)
    if not found:
        return text
    unit = {"m": "minutes", "h": "hours", "d": "days"}[found[2]]
    return (now - timedelta(**{unit: int(found[1])})).strftime("%Y-%m-%dT%H:%M:%SZ")


@drift.group()
def trace() -> None:
    """Look into an API trace."""


@trace.command("explain")
@_trace_option
@click.option("--event", default="", help="Only the event whose id begins so.")
@click.option("--all", "every", is_flag=True, help="List every call that is not read-only.")
@answers
@click.pass_obj
def explain_trace(
    invocation: Invocation,
    paths: tuple[Path, ...],
    event: str,
    every: bool,
) -> Answer:
    """Say what each call of the API trace was taken for, and why."""
    from lamplighter.drift import funnel

    config = invocation.resolved.config
    with progress("reading the trace", quiet=invocation.quiet):
        judged = funnel.explain(_traces(invocation, paths), config.terraform_principals, event)
    if event and not judged.judged:
        raise InputError(f"--event {event}", "no such call in the trace, or it is read-only", "check the id")
    return Answer(
        funnel.SCHEMA,
        funnel.data(judged),
        lambda: funnel.text(judged, every=every or bool(event)),
        Exit.INCOMPLETE if judged.problems else Exit.CLEAN,
        markdown=lambda: funnel.markdown_table(judged),
        rows=tuple(item.row() for item in judged.judged),
    )


def _traces(invocation: Invocation, given: tuple[Path, ...]) -> tuple[Path, ...]:
    found = given or invocation.resolved.config.trace
    if not found:
        raise ConfigError("trace", "no API trace is given", "name one with --trace PATH")
    return found


def exit_code(findings: Iterable[Finding], incomplete: bool, fail_on: str) -> Exit:
    """4 when the input was incomplete, else 2 when a finding is at least as severe as `fail_on`, else 0."""
    codes = [Exit.INCOMPLETE] if incomplete else []
    if fail_on != "never" and any(finding.severity >= Severity.parse(fail_on) for finding in findings):
        codes.append(Exit.FINDINGS)
    return worst(codes)
