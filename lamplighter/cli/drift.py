"""`lamp drift check`: the drift engine without the graph, for people and CI jobs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from lamplighter.cli.output import Answer, Session, deliver, output_options, progress
from lamplighter.core.config import FAIL_ON
from lamplighter.core.errors import ConfigError
from lamplighter.core.exits import Exit, worst
from lamplighter.core.findings import Finding, Severity


@click.group()
def drift() -> None:
    """Find what was changed behind Terraform's back."""


@drift.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option("--trace", multiple=True, type=click.Path(path_type=Path), help="CloudTrail file or directory.")
@click.option(
    "--state", type=click.Path(path_type=Path), help="State file, or `terraform show -json` output."
)
@click.option("--fail-on", type=click.Choice(FAIL_ON), help="Least severity that gives exit code 2.")
@click.option("--save-plan", is_flag=True, help="Keep the proposed plan for `lamp plan`.")
@output_options
@click.pass_obj
def check(
    session: Session,
    directory: Path | None,
    trace: tuple[Path, ...],
    state: Path | None,
    fail_on: str | None,
    save_plan: bool,
    outputs: tuple[str, ...],
    as_json: bool,
) -> Exit:
    """Compare DIRECTORY, its state and the API trace."""
    from lamplighter.agents.drift import dropped, executable
    from lamplighter.drift import check_directory
    from lamplighter.drift.report import SCHEMA, data, markdown, text

    config = session.resolved.config
    traces = trace or config.trace
    if not traces:
        raise ConfigError("trace", "no API trace is given", "name one with --trace PATH")
    with progress("reading code, state and trace", quiet=session.quiet):
        report = check_directory(
            directory or config.project,
            traces,
            state or config.state,
            principals=config.terraform_principals,
        )
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
        exit_code(report.findings, report.incomplete, fail_on or config.fail_on),
        markdown=lambda: markdown(report),
        rows=tuple(finding.model_dump(mode="json") for finding in report.findings),
    )
    return deliver(answer, outputs, as_json)


def exit_code(findings: Iterable[Finding], incomplete: bool, fail_on: str) -> Exit:
    """4 when the input was incomplete, else 2 when a finding is at least as severe as `fail_on`, else 0."""
    codes = [Exit.INCOMPLETE] if incomplete else []
    if fail_on != "never" and any(finding.severity >= Severity.parse(fail_on) for finding in findings):
        codes.append(Exit.FINDINGS)
    return worst(codes)
