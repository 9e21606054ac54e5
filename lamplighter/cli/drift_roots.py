"""`lamp drift check --recursive`: all root modules of a tree, each trace and state read once, one report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lamplighter.cli.context import Invocation
from lamplighter.cli.drift_answer import exit_code, keep, refresh_of
from lamplighter.cli.drift_options import Asked, Chosen
from lamplighter.cli.drift_traces import accounts, trace_files
from lamplighter.cli.output import Answer, progress
from lamplighter.core.errors import InputError
from lamplighter.core.exits import Exit, worst
from lamplighter.core.text import log_line
from lamplighter.core.trace import Place
from lamplighter.drift import many, many_report
from lamplighter.drift.check import Terms
from lamplighter.drift.many import Check, Checked, ManyReport
from lamplighter.drift.reach import declared
from lamplighter.drift.roots import find_roots

if TYPE_CHECKING:
    from lamplighter.core.ports import TraceSource
    from lamplighter.tools.cloudtrail.accounts import Accounts


def check_roots(
    invocation: Invocation,
    directory: Path | None,
    asked: Asked,
    chosen: Chosen,
    fail_on: str | None,
    save_plan: bool,
) -> Answer:
    """The answer of the command, of whichever kind of trace."""
    place = directory or invocation.resolved.config.project
    least = fail_on or invocation.resolved.config.fail_on
    with progress("reading root modules, states and traces", quiet=invocation.quiet):
        report = _report(invocation, place, asked, chosen)
    codes = [_code(item, least) for item in report.checked]
    shown, following = many_report.data(report, codes), dict[str, str]()
    if save_plan:
        for row, item in zip(shown["roots"], report.checked, strict=True):
            row["plan"], following[item.check.scope] = _saved(invocation, item)
    unmanaged = exit_code(report.unmanaged, report.incomplete, least)
    return Answer(
        many_report.SCHEMA,
        shown,
        lambda: many_report.text(report, following),
        worst([*codes, unmanaged]),
        markdown=lambda: many_report.markdown(report),
        html=lambda: many_report.html(report),
        rows=many_report.rows(report),
    )


def _code(item: Checked, least: str) -> Exit:
    if item.report is None:
        # A wrong setting is one of this root, and its code says less than that the root was not checked.
        failed = item.error is not None and item.error.exit_code is Exit.FAILED
        return Exit.FAILED if failed else Exit.INCOMPLETE
    return exit_code(item.report.findings, item.report.incomplete, least)


def _saved(invocation: Invocation, item: Checked) -> tuple[str | None, str]:
    """(digest of the plan kept, what to say of it). Code that serves several workspaces gets none: what is right for
    one of them is not for the others."""
    if item.report is None or item.report.plan is None:
        return None, ""
    if not item.check.alone:
        name = log_line(item.check.workspace)
        return None, f"no plan kept: this code serves other workspaces too; see --workspace {name}"
    return keep(invocation, item.report.plan)


def _report(invocation: Invocation, place: Path, asked: Asked, chosen: Chosen) -> ManyReport:
    config = invocation.resolved.config
    found = find_roots(
        place, workspace=os.environ.get("TF_WORKSPACE", ""), changed_since=chosen.changed_since
    )
    if not found.roots and not chosen.changed_since:
        raise InputError(str(place), "holds no root module", "name a directory above some")
    checks, left_out = many.checks_of(found, chosen.workspace)
    refresh = refresh_of(invocation, chosen.terraform)
    how = many.Asked(
        place,
        config.terraform_principals,
        pull=chosen.pull,
        profile=config.aws_profile,
        jobs=chosen.jobs or (many.PLANS if refresh else many.JOBS),
        terms=Terms(
            invocation.policy.drift,
            declared(asked.covers or config.trace_covers),
            refresh,
            ledger=config.ledger_path,
        ),
    )
    if not checks:
        if not chosen.changed_since:
            raise InputError(
                str(place), f"holds no root module ({left_out[0]})", "name a directory above some"
            )
        left_out.append(f"no root module was changed since {chosen.changed_since}")
        return many.with_tree(ManyReport(()), found, left_out)
    report = _checked(invocation, asked, checks, how)
    return many.with_tree(report, found, left_out, part=bool(chosen.changed_since or chosen.workspace))


def _checked(invocation: Invocation, asked: Asked, checks: list[Check], how: many.Asked) -> ManyReport:
    if not asked.live:
        return many.check_with(checks, trace_files(invocation, asked), how)
    return many.check_by_place(checks, _Live(accounts(invocation, asked, how.stopped)), how, asked.regions)


class _Live:
    """Serves `many.Traces` from the event histories of several accounts."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def resolve(self, place: Place) -> Place:
        region = place.region or self._accounts.default_region()
        return Place(place.account or self._accounts.own_account(region), region)

    def open(self, place: Place) -> TraceSource:
        return self._accounts.trace(place.account, place.region)
