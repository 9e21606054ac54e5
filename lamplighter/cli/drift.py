"""`lamp drift`: the drift engine without the graph, for people and CI jobs."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamplighter.cli.context import Invocation
from lamplighter.cli.drift_answer import checked, exit_code, keep
from lamplighter.cli.drift_options import (
    Asked,
    Chosen,
    roots_options,
    source_options,
    state_option,
    terraform_option,
    trace_option,
    workspace_option,
)
from lamplighter.cli.drift_traces import named_traces
from lamplighter.cli.output import Answer, answers, progress
from lamplighter.core.config import FAIL_ON
from lamplighter.core.errors import InputError
from lamplighter.core.exits import Exit

if TYPE_CHECKING:
    from lamplighter.drift.check import DriftReport

_LATER = {"fix": "fix", "ignore": "ignore", "import": "import_", "revert": "revert"}
"""Commands that propose changes, and their names in drift_fix.py."""


class _Group(click.Group):
    """Loads what proposes changes when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_LATER])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LATER:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module("lamplighter.cli.drift_fix")
        command: click.Command = getattr(module, _LATER[cmd_name])
        return command


@click.group(cls=_Group)
def drift() -> None:
    """Find what was changed behind Terraform's back."""


@drift.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@source_options
@state_option
@workspace_option
@terraform_option
@roots_options
@click.option("--fail-on", type=click.Choice(FAIL_ON), help="Least severity that gives exit code 2.")
@click.option("--save-plan", is_flag=True, help="Keep the proposed plan for `lamp plan`.")
@answers
@click.pass_obj
def check(
    invocation: Invocation,
    directory: Path | None,
    source: Asked,
    state: str,
    workspace: str,
    terraform: bool | None,
    chosen: Chosen,
    fail_on: str | None,
    save_plan: bool,
) -> Answer:
    """Compare DIRECTORY and its state with the API trace, and say who changed what."""
    if chosen.recursive:
        from lamplighter.cli.drift_roots import check_roots

        wanted = chosen._replace(pull=state == "pull", workspace=workspace, terraform=terraform)
        return check_roots(invocation, directory, source, wanted, fail_on, save_plan)
    from lamplighter.drift.report import SCHEMA, data, markdown, text

    report = checked(invocation, directory, state, workspace, source, terraform)
    shown, following = data(report), ""
    if save_plan and report.plan is not None:
        saved = keep(invocation, report.plan)
        shown["plan"] = saved.digest
        following = "\n" + saved.said
    return Answer(
        SCHEMA,
        shown,
        lambda: text(report) + following,
        exit_code(report.findings, report.incomplete, fail_on or invocation.resolved.config.fail_on),
        markdown=lambda: markdown(report),
        html=lambda: _page(report),
        rows=tuple(finding.model_dump(mode="json") for finding in report.findings),
    )


def _page(report: DriftReport) -> str:
    # Loaded for those who want one: the page shows the patch, and the rules that make it are many.
    from lamplighter.drift.page import html

    return html(report)


@drift.command()
@click.argument("finding")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@source_options
@state_option
@workspace_option
@terraform_option
@answers
@click.pass_obj
def explain(
    invocation: Invocation,
    finding: str,
    directory: Path | None,
    source: Asked,
    state: str,
    workspace: str,
    terraform: bool | None,
) -> Answer:
    """Tell one FINDING (its id, or an address) in full: every call that led to it, and what else was done then."""
    from lamplighter.drift.explain import SCHEMA, data, text
    from lamplighter.drift.explain import explain as tell

    told = tell(checked(invocation, directory, state, workspace, source, terraform), finding)
    return Answer(
        SCHEMA,
        {"explained": [data(item) for item in told]},
        lambda: "\n\n".join(text(item) for item in told),
        rows=tuple(data(item) for item in told),
    )


@drift.group()
def trace() -> None:
    """Look into an API trace."""


@trace.command("explain")
@trace_option
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
        judged = funnel.explain(named_traces(invocation, paths), config.terraform_principals, event)
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
