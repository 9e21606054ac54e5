"""`lamp drift check`: the drift engine without the graph, for people and CI jobs."""

from __future__ import annotations

from pathlib import Path

import click

from lamplighter.agents.wiring import DriftAnswer, build
from lamplighter.cli.output import Answer, Session, deliver, output_options
from lamplighter.core.config import FAIL_ON
from lamplighter.core.errors import ConfigError
from lamplighter.core.exits import Exit
from lamplighter.core.findings import Severity
from lamplighter.core.text import log_line


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
    config = session.resolved.config
    traces = trace or config.trace
    if not traces:
        raise ConfigError("trace", "no API trace is given", "name one with --trace PATH")
    found = build(config).check_drift(directory or config.project, traces, state or config.state)
    if save_plan and found.plan is not None:
        with session.ledger() as ledger:
            ledger.save_plan(found.plan)
    rows = tuple(finding.model_dump(mode="json") for finding in found.findings)
    data = {
        "findings": list(rows),
        "evidence": [item.model_dump(mode="json") for item in found.evidence],
        "not_checked": list(found.not_checked),
        "plan": found.plan.digest if found.plan else None,
    }
    code = exit_code(found, fail_on or config.fail_on)
    answer = Answer("lamplighter/drift-report/v1", data, lambda: text(found, save_plan), code, rows=rows)
    return deliver(answer, outputs, as_json)


def exit_code(found: DriftAnswer, fail_on: str) -> Exit:
    """2 when a finding is at least as severe as `fail_on`."""
    if fail_on == "never":
        return Exit.CLEAN
    least = Severity.parse(fail_on)
    return Exit.FINDINGS if any(finding.severity >= least for finding in found.findings) else Exit.CLEAN


def text(found: DriftAnswer, saved: bool) -> str:
    """The findings for people, what was not checked, and the next command."""
    lines = [f"{len(found.findings)} findings"]
    for finding in found.findings:
        place = f"  {log_line(finding.location)}" if finding.location else ""
        lines.append(f"{finding.severity.label:9}{log_line(finding.where)}{place}")
        lines.append(f"         {log_line(finding.summary)}")
    lines += [f"not checked: {log_line(item)}" for item in found.not_checked]
    if found.plan is not None and saved:
        lines.append(f"next: lamp plan show {found.plan.digest[:12]}")
    return "\n".join(lines)
