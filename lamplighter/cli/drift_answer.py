"""What the drift commands share: the check itself, how Terraform is asked, the exit code, the plan that is kept."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lamplighter.cli.context import Invocation
from lamplighter.cli.drift_options import Asked
from lamplighter.cli.drift_traces import trace_source
from lamplighter.cli.output import progress
from lamplighter.core.exits import Exit, worst
from lamplighter.core.findings import Finding, Severity

if TYPE_CHECKING:
    from lamplighter.core.plans import Plan
    from lamplighter.drift.check import DriftReport
    from lamplighter.drift.refreshed import Refresh


class Saved(NamedTuple):
    """A plan that the ledger holds, and the lines that say so."""

    digest: str
    said: str


def keep(invocation: Invocation, proposed: Plan) -> Saved:
    """Saves what of a proposed plan can be approved, or the whole where that is nothing."""
    whole = proposed.under(invocation.policy.version, invocation.identity)
    # A plan with proposals in words can be shown but never approved; one of edits alone can be both.
    rest = whole.executable()
    plan = rest if rest.steps else whole
    with invocation.ledger() as ledger:
        ledger.save_plan(plan)
    return Saved(plan.digest, "\n".join([*whole.dropped(plan), f"next: lamp plan show {plan.digest[:12]}"]))


def refresh_of(invocation: Invocation, terraform: bool | None, workspace: str = "") -> Refresh | None:
    """How Terraform is to be asked, if it is. `terraform` is what the command line says; None leaves it to the
    settings."""
    config = invocation.resolved.config
    if not (config.terraform if terraform is None else terraform):
        return None
    from lamplighter.drift.refreshed import Refresh

    return replace(Refresh.of(config), workspace=workspace)


def checked(
    invocation: Invocation,
    directory: Path | None,
    state: str,
    workspace: str,
    asked: Asked,
    terraform: bool | None,
) -> DriftReport:
    """`terraform` is what the command line says of it; None leaves it to the settings."""
    from lamplighter.drift import check_directory
    from lamplighter.drift.states import state_for

    config = invocation.resolved.config
    place = directory or config.project
    source = trace_source(invocation, asked)
    refresh = refresh_of(invocation, terraform, workspace)
    also = f", and running `{refresh.name} plan`" if refresh else ""
    with progress(f"reading code, state and trace{also}", quiet=invocation.quiet):
        selected = workspace or os.environ.get("TF_WORKSPACE", "")
        found = state_for(place, state or config.state, workspace=selected, profile=config.aws_profile)
        return check_directory(
            place,
            source,
            found,
            principals=config.terraform_principals,
            rules=invocation.policy.drift,
            covers=asked.covers or config.trace_covers,
            refresh=refresh,
            ledger=config.ledger_path,
        )


def exit_code(findings: Iterable[Finding], incomplete: bool, fail_on: str) -> Exit:
    """4 when the input was incomplete, else 2 when a finding is at least as severe as `fail_on`, else 0."""
    codes = [Exit.INCOMPLETE] if incomplete else []
    if fail_on != "never" and any(finding.severity >= Severity.parse(fail_on) for finding in findings):
        codes.append(Exit.FINDINGS)
    return worst(codes)
