"""`lamp drift`: the drift engine without the graph, for people and CI jobs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamplighter.cli.output import Answer, Session, deliver, output_options, progress
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
@output_options
@click.pass_obj
def check(
    session: Session,
    directory: Path | None,
    paths: tuple[Path, ...],
    state: Path | None,
    fail_on: str | None,
    save_plan: bool,
    outputs: tuple[str, ...],
    as_json: bool,
) -> Exit:
    """Compare DIRECTORY and its state with the API trace, and say who changed what."""
    from lamplighter.agents.drift import dropped, executable
    from lamplighter.drift.report import SCHEMA, data, markdown, text

    report = _checked(session, directory, paths, state)
    shown, following = data(report), ""
    if save_plan and report.plan is not None:
        whole = report.plan.under(session.policy.version, session.identity)
        # A plan with proposals in words can be shown but never approved; one of edits alone can be both.
        plan = executable(whole) if executable(whole).steps else whole
        with session.ledger() as ledger:
            ledger.save_plan(plan)
        shown["plan"] = plan.digest
        following = "\n".join(["", *dropped(whole, plan), f"next: lamp plan show {plan.digest[:12]}"])
    answer = Answer(
        SCHEMA,
        shown,
        lambda: text(report) + following,
        exit_code(report.findings, report.incomplete, fail_on or session.resolved.config.fail_on),
        markdown=lambda: markdown(report),
        rows=tuple(finding.model_dump(mode="json") for finding in report.findings),
    )
    return deliver(answer, outputs, as_json)


@drift.command()
@click.argument("finding")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@_trace_option
@_state_option
@output_options
@click.pass_obj
def explain(
    session: Session,
    finding: str,
    directory: Path | None,
    paths: tuple[Path, ...],
    state: Path | None,
    outputs: tuple[str, ...],
    as_json: bool,
) -> Exit:
    """Tell one FINDING (its id, or an address) in full: every call that led to it, and what else was done then."""
    from lamplighter.drift.explain import SCHEMA, data, text
    from lamplighter.drift.explain import explain as tell

    told = tell(_checked(session, directory, paths, state), finding)
    answer = Answer(
        SCHEMA,
        {"explained": [data(item) for item in told]},
        lambda: "\n\n".join(text(item) for item in told),
        rows=tuple(data(item) for item in told),
    )
    return deliver(answer, outputs, as_json)


def _checked(
    session: Session, directory: Path | None, paths: tuple[Path, ...], state: Path | None
) -> DriftReport:
    from lamplighter.drift import check_directory

    config = session.resolved.config
    traces = _traces(session, paths)
    with progress("reading code, state and trace", quiet=session.quiet):
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
@output_options
@click.pass_obj
def explain_trace(
    session: Session,
    paths: tuple[Path, ...],
    event: str,
    every: bool,
    outputs: tuple[str, ...],
    as_json: bool,
) -> Exit:
    """Say what each call of the API trace was taken for, and why."""
    from lamplighter.drift import funnel

    config = session.resolved.config
    with progress("reading the trace", quiet=session.quiet):
        judged = funnel.explain(_traces(session, paths), config.terraform_principals, event)
    if event and not judged.judged:
        raise InputError(f"--event {event}", "no such call in the trace, or it is read-only", "check the id")
    answer = Answer(
        funnel.SCHEMA,
        funnel.data(judged),
        lambda: funnel.text(judged, every=every or bool(event)),
        Exit.INCOMPLETE if judged.problems else Exit.CLEAN,
        markdown=lambda: funnel.markdown_table(judged),
        rows=tuple(item.row() for item in judged.judged),
    )
    return deliver(answer, outputs, as_json)


def _traces(session: Session, given: tuple[Path, ...]) -> tuple[Path, ...]:
    found = given or session.resolved.config.trace
    if not found:
        raise ConfigError("trace", "no API trace is given", "name one with --trace PATH")
    return found


def exit_code(findings: Iterable[Finding], incomplete: bool, fail_on: str) -> Exit:
    """4 when the input was incomplete, else 2 when a finding is at least as severe as `fail_on`, else 0."""
    codes = [Exit.INCOMPLETE] if incomplete else []
    if fail_on != "never" and any(finding.severity >= Severity.parse(fail_on) for finding in findings):
        codes.append(Exit.FINDINGS)
    return worst(codes)
