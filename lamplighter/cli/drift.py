"""`lamp drift`: the drift engine without the graph, for people and CI jobs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamplighter.cli.context import Invocation
from lamplighter.cli.output import Answer, answers, progress
from lamplighter.core.config import FAIL_ON
from lamplighter.core.errors import ConfigError, InputError
from lamplighter.core.exits import Exit, worst
from lamplighter.core.findings import Finding, Severity

if TYPE_CHECKING:
    from lamplighter.drift.check import DriftReport


@click.group()
def drift() -> None:
    """Find what was changed behind Terraform's back."""


_trace_option = click.option(
    "--trace", "paths", multiple=True, type=click.Path(path_type=Path), help="CloudTrail file or directory."
)
_state_option = click.option(
    "--state", type=click.Path(path_type=Path), help="State file, or `terraform show -json` output."
)


@drift.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@_trace_option
@_state_option
@click.option("--fail-on", type=click.Choice(FAIL_ON), help="Least severity that gives exit code 2.")
@click.option("--save-plan", is_flag=True, help="Keep the proposed plan for `lamp plan`.")
@answers
@click.pass_obj
def check(
    invocation: Invocation,
    directory: Path | None,
    paths: tuple[Path, ...],
    state: Path | None,
    fail_on: str | None,
    save_plan: bool,
) -> Answer:
    """Compare DIRECTORY and its state with the API trace, and say who changed what."""
    from lamplighter.drift.report import SCHEMA, data, markdown, text

    report = _checked(invocation, directory, paths, state)
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
        rows=tuple(finding.model_dump(mode="json") for finding in report.findings),
    )


@drift.command()
@click.argument("finding")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@_trace_option
@_state_option
@answers
@click.pass_obj
def explain(
    invocation: Invocation,
    finding: str,
    directory: Path | None,
    paths: tuple[Path, ...],
    state: Path | None,
) -> Answer:
    """Tell one FINDING (its id, or an address) in full: every call that led to it, and what else was done then."""
    from lamplighter.drift.explain import SCHEMA, data, text
    from lamplighter.drift.explain import explain as tell

    told = tell(_checked(invocation, directory, paths, state), finding)
    return Answer(
        SCHEMA,
        {"explained": [data(item) for item in told]},
        lambda: "\n\n".join(text(item) for item in told),
        rows=tuple(data(item) for item in told),
    )


def _checked(
    invocation: Invocation, directory: Path | None, paths: tuple[Path, ...], state: Path | None
) -> DriftReport:
    from lamplighter.drift import check_directory

    config = invocation.resolved.config
    traces = _traces(invocation, paths)
    with progress("reading code, state and trace", quiet=invocation.quiet):
        return check_directory(
            directory or config.project,
            traces,
            state or config.state,
            principals=config.terraform_principals,
        )


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
