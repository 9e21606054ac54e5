"""`lamp drift fix`, `ignore`, `import`, `revert`: from what was found to a patch or a plan, no further unapproved."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lamplighter.cli.context import Invocation
from lamplighter.cli.drift_answer import checked, refresh_of
from lamplighter.cli.drift_options import (
    Asked,
    source_options,
    state_option,
    terraform_option,
    workspace_option,
)
from lamplighter.cli.files import write_bytes
from lamplighter.cli.output import Answer, answers, progress, say
from lamplighter.core.approvals import ApprovalState
from lamplighter.core.errors import InputError, Refused
from lamplighter.core.exits import Exit
from lamplighter.core.plans import Plan
from lamplighter.core.text import log_line

if TYPE_CHECKING:
    from lamplighter.drift.check import DriftReport
    from lamplighter.drift.patch.model import Verdict
    from lamplighter.drift.patch.proposal import Proposal
    from lamplighter.drift.patch.told import Fix
    from lamplighter.drift.patch.verify import Verified

_F = TypeVar("_F", bound=Callable[..., Any])
_LEAST_ID = len("drift-") + 4
"""Characters of an id that name a finding: every id begins alike."""
_PATCH = b"diff --git "
_DECISIONS = ("codify", "revert", "ignore", "ask")


def _options(command: _F) -> _F:
    """What is done with the patch."""
    decorated: Any = command
    for option in reversed(
        (
            workspace_option,
            terraform_option,
            click.option(
                "--patch", type=click.Path(path_type=Path), help="Write it as a file for `git apply`."
            ),
            click.option("--branch", metavar="NAME", help="Commit it to a new branch, beside HEAD."),
            click.option("--save-plan", is_flag=True, help="Keep the plan for `lamp plan`."),
            click.option("--write", is_flag=True, help="Write it, once that exact plan is approved."),
        )
    ):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def _command(name: str, text: str) -> Callable[[Callable[..., Answer]], click.Command]:
    """What the commands have in common: which drifts of which directory, and where the answer goes."""

    def decorate(function: Callable[..., Answer]) -> click.Command:
        named = click.argument("named", nargs=-1, metavar="[FINDING|ADDRESS]... [DIRECTORY]")
        wrapped = named(source_options(state_option(_options(answers(click.pass_obj(function))))))
        return click.command(name, help=text)(wrapped)

    return decorate


@_command(
    "fix",
    "Propose what is to become of each drift, and the patch that carries it into the code; writes nothing by itself.",
)
def _fix(invocation: Invocation, **options: Any) -> Answer:
    return _answer(invocation, None, **options)


fix = click.option(
    "--decision", type=click.Choice(_DECISIONS), help="Say it for all of them, whatever the policy says."
)(_fix)


@_command("ignore", "Have Terraform leave the drifted attributes alone (lifecycle.ignore_changes).")
def ignore(invocation: Invocation, **options: Any) -> Answer:
    return _answer(invocation, "ignore", **options)


@_command("import", "Bring unmanaged resources under the code, with import blocks.")
def import_(invocation: Invocation, **options: Any) -> Answer:
    return _answer(invocation, "codify", unmanaged=True, **options)


def _answer(
    invocation: Invocation,
    said: str | None,
    *,
    named: tuple[str, ...],
    source: Asked,
    state: str,
    workspace: str,
    terraform: bool | None,
    patch: Path | None,
    branch: str | None,
    save_plan: bool,
    write: bool,
    decision: str | None = None,
    unmanaged: bool = False,
) -> Answer:
    from lamplighter.drift.page import html
    from lamplighter.drift.patch import told

    names, directory = _split(named)
    root = directory or invocation.resolved.config.project
    report = checked(invocation, directory, state, workspace, source, terraform)
    proposal = _chosen(report, names, decision or said, unmanaged=unmanaged)
    if proposal is None:
        lines = ["no drift to fix", *(f"not checked: {log_line(line)}" for line in report.not_checked)]
        data = told.nothing(report.not_checked)
        return Answer(told.SCHEMA, data, lambda: "\n".join(lines), _code(report), rows=())
    verified = _verified(invocation, proposal, root, state, workspace, terraform)
    proposal = proposal.with_patch(verified.patch)
    whole = proposal.plan()
    plan = whole.under(invocation.policy.version, invocation.identity).executable() if whole else None
    made = told.Fix(proposal, verified, plan if plan and plan.steps else None, report.not_checked)
    following = _done_with(invocation, made, root, patch, branch, save_plan=save_plan, write=write)
    shown = report.with_proposal(proposal)
    data = told.data(made) | ({"execution": following.execution} if following.execution else {})
    return Answer(
        told.SCHEMA,
        data,
        lambda: "\n".join([told.text(made), *following.lines]),
        following.code or _code(report),
        markdown=lambda: told.markdown(made),
        html=lambda: html(shown),
        rows=tuple(told.rows(made)),
    )


def _code(report: DriftReport) -> Exit:
    return Exit.INCOMPLETE if report.incomplete else Exit.CLEAN


def _split(named: tuple[str, ...]) -> tuple[tuple[str, ...], Path | None]:
    """The findings and addresses, and the directory that may stand last."""
    if named and named[-1] and (Path(named[-1]).is_dir() or named[-1].startswith((".", "/"))):
        return named[:-1], Path(named[-1])
    return named, None


def _chosen(
    report: DriftReport, names: tuple[str, ...], said: str | None, *, unmanaged: bool = False
) -> Proposal | None:
    """The proposal for what is named, or for all. Raises InputError for a name that no finding has."""
    from lamplighter.drift.patch.model import Verdict

    verdict: Verdict | None = Verdict(said) if said else None
    found = [one for one in report.findings if not unmanaged or one.kind == "unmanaged"]
    wanted: set[str] = set()
    for name in names:
        by_id = len(name) >= _LEAST_ID
        fitting = [one.id for one in found if name == one.where or (by_id and one.id.startswith(name))]
        if not fitting:
            problem = "no drift of this id or address was found"
            known_form = "." in name or name.startswith("drift-")
            raise InputError(
                name or "an empty name",
                problem if known_form else f"{problem}, nor is there such a directory",
                "see `lamp drift check`",
            )
        wanted.update(fitting)
    if not found or report.proposal is None:
        return None
    ids = wanted or {one.id for one in found}
    whole = verdict is None and not names and not unmanaged
    return report.proposal if whole else report.proposal.narrowed(ids, verdict)


def _verified(
    invocation: Invocation,
    proposal: Proposal,
    root: Path,
    state: str,
    workspace: str,
    terraform: bool | None,
) -> Verified:
    from lamplighter.drift.confirmed import confirmed
    from lamplighter.drift.patch.verify import unverified

    if workspace and refresh_of(invocation, terraform) is not None:
        return unverified(
            proposal.patch, "with --workspace no plan is made: select it in the directory first"
        )
    with progress("planning with the patch", quiet=invocation.quiet):
        refresh = refresh_of(invocation, terraform)
        return confirmed(proposal, root, invocation.resolved.config, refresh, state=state)


class _Following:
    """What was done with the patch, in lines, and the code that says how it went."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.code: Exit | None = None
        self.execution: dict[str, Any] | None = None


def _done_with(
    invocation: Invocation,
    made: Fix,
    root: Path,
    patch: Path | None,
    branch: str | None,
    *,
    save_plan: bool,
    write: bool,
) -> _Following:
    from lamplighter.drift.patch.told import headline, unified

    following = _Following()
    if patch is not None and not made.patch.edits:
        following.lines.append("no patch was written: there is nothing to edit")
    elif patch is not None:
        _require_no_code(patch, root, made)
        write_bytes(patch, unified(made.patch))
        following.lines.append(f"written: {log_line(str(patch))}; next: {log_line(_apply_line(patch, root))}")
    if branch is not None:
        following.lines.append(_on_branch(made, root, branch, f"{headline(made)}\n"))
    if (save_plan or write) and made.plan is None:
        following.lines.append("there is nothing to be written")
        return following
    if made.plan is not None and (save_plan or write):
        with invocation.ledger() as ledger:
            ledger.save_plan(made.plan)
        if write:
            execute(invocation, made.plan, following)
        else:
            following.lines.append(f"next: lamp plan show {made.plan.digest[:12]}")
    return following


def _require_no_code(patch: Path, root: Path, made: Fix) -> None:
    """Raises Refused where the patch would take the place of a file that it is of, or of any that is no patch."""
    code = any((root / name).resolve() == patch.resolve() for name in made.patch.before.contents)
    if code or patch.name.endswith((".tf", ".tf.json", ".tfvars", ".tfvars.json")):
        raise Refused(log_line(str(patch)), "is a file of code", "name another one, as drift.patch")
    if patch.is_file():
        try:
            with patch.open("rb") as stream:
                begins = stream.read(len(_PATCH))
        except OSError as error:
            raise InputError(
                str(patch), f"cannot be read ({error.strerror})", "check its permissions"
            ) from error
        if begins not in (b"", _PATCH):
            raise Refused(str(patch), "is there, and is no patch", "name another file")


def _apply_line(patch: Path, root: Path) -> str:
    """Git takes the paths of a patch from the top of the repository, and passes over what it does not find there."""
    from lamplighter.tools.git import prefix_of

    prefix = prefix_of(root)
    below = [f"--directory={prefix}"] if prefix else []
    return shlex.join(["git", "apply", *below, str(patch)])


def _on_branch(made: Fix, root: Path, branch: str, message: str) -> str:
    from lamplighter.tools.git import commit_on_branch

    if not made.patch.edits:
        return "no branch was made: there is no patch"
    files = [edit.file for edit in made.patch.edits]
    before = {file: made.patch.before.contents.get(file) for file in files}
    after = {file: made.patch.after.contents[file] for file in files}
    commit = commit_on_branch(root, branch, before, after, message)
    return f"committed: {commit[:12]} on the new branch {log_line(branch)}"


def execute(invocation: Invocation, plan: Plan, following: _Following) -> None:
    """Where that exact plan is approved, or the person at the terminal approves it now. Raises Refused otherwise."""
    from lamplighter.agents.reports import executed, execution_lines
    from lamplighter.agents.wiring import build

    with invocation.ledger() as ledger:
        standing = ledger.approvals_of(plan.digest, ApprovalState.APPROVED)
        if not standing:
            _ask(plan)
            if not ledger.approvals_of(plan.digest, ApprovalState.PENDING):
                ledger.request_approval(
                    plan,
                    requested_by=plan.requested_by or invocation.identity,
                    channel="cli",
                    policy=invocation.policy,
                )
            standing = [
                ledger.decide(
                    plan.digest,
                    approve=True,
                    approver=invocation.identity,
                    channel="cli",
                    policy=invocation.policy,
                )
            ]
    report = build(invocation.resolved.config).execute(standing[-1].id)
    done = executed(report)
    following.execution = {**done}
    following.lines += [log_line(line) for line in execution_lines(done)]
    following.code = report.exit_code


def _ask(plan: Plan) -> None:
    short = plan.digest[:12]
    if not sys.stdin.isatty():
        remedy = f"run `lamp plan approve {short}`, then `lamp plan apply {short}`"
        raise Refused(f"plan {short}", "is not approved, and there is no terminal to ask at", remedy)
    for step in plan.steps:
        say(f"\n{log_line(step.id)}  {step.operation.verb} {log_line(step.operation.target.label)}")
        for line in step.operation.diff().splitlines():
            say(f"  {log_line(line)}")
    if not click.confirm(f"approve exactly this plan, {short}?", err=True):
        raise Refused(f"plan {short}", "was not approved", "nothing was written")


@click.command("revert")
@click.argument("named", nargs=-1, metavar="[FINDING|ADDRESS]... [DIRECTORY]")
@source_options
@state_option
@workspace_option
@terraform_option
@answers
@click.pass_obj
def revert(
    invocation: Invocation,
    named: tuple[str, ...],
    source: Asked,
    state: str,
    workspace: str,
    terraform: bool | None,
) -> Answer:
    """Plan with Terraform to set what is named, or decided to go back, to what the code says; an approval runs it."""
    from lamplighter.drift.patch.revert import SCHEMA, data, text
    from lamplighter.drift.way_back import require_own_state, way_back

    if workspace:
        raise Refused(
            f"--workspace {log_line(workspace)}",
            "a plan is made in the selected workspace only",
            "select it with `terraform workspace select`, then revert",
        )
    names, directory = _split(named)
    config = invocation.resolved.config
    root = directory or config.project
    require_own_state(root, state or config.state)
    report = checked(invocation, directory, state, workspace, source, terraform)
    proposal = _chosen(report, names, "revert" if names else None)
    with progress("planning the way back", quiet=invocation.quiet):
        made = way_back(proposal, root, config, state=state)
    if made.plan is None:
        return Answer(SCHEMA, data(made), lambda: text(made), _code(report))
    plan = made.plan.under(invocation.policy.version, invocation.identity)
    with invocation.ledger() as ledger:
        ledger.save_plan(plan)
    shown = made._replace(plan=plan)
    return Answer(
        SCHEMA,
        data(shown),
        lambda: f"{text(shown)}\nnext: lamp plan show {plan.digest[:12]}",
        _code(report),
    )
