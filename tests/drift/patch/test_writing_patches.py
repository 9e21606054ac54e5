"""A patch over several files is executed as one plan: killed between two it goes on where it was, and never twice."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lamplighter.core.execution import EXECUTION_POINTS, ExecutionReport, execute
from lamplighter.core.ledger import Ledger
from lamplighter.core.plans import Plan
from lamplighter.core.policy import Policy
from lamplighter.core.results import Outcome
from lamplighter.drift.patch.model import Verdict
from lamplighter.drift.patch.proposal import Proposal, propose
from lamplighter.tools.files import FileEdits
from tests.drift.code.world import resource
from tests.drift.patch.world import code, item
from tests.forks import in_child

POLICY = Policy()
FILES = {
    f"{name}.tf": f'resource "aws_sqs_queue" "{name}" {{\n  name = "{name}"\n  delay_seconds = 5\n}}\n'
    for name in ("a", "b", "c")
}
WRITTEN = {name: text.replace("= 5", "= 9") for name, text in FILES.items()}


def proposal(root: Path) -> Proposal:
    root.mkdir(exist_ok=True)
    for name, text in FILES.items():
        (root / name).write_text(text)
    state = [
        resource("aws_sqs_queue", name, {"id": name, "name": name, "delay_seconds": 5})
        for name in ("a", "b", "c")
    ]
    items = [item(f"aws_sqs_queue.{name}", "delay_seconds", 9, was=5) for name in ("a", "b", "c")]
    return propose(items, code(FILES, *state), root)


def plan_of(root: Path) -> Plan:
    plan = proposal(root).plan()
    assert plan is not None
    return plan.under(POLICY.version, "ann")


def contents(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(root.iterdir()) if path.suffix == ".tf"}


def approved(ledger: Ledger, plan: Plan) -> str:
    ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
    return ledger.decide(plan.digest, approve=True, approver="bob", channel="cli", policy=POLICY).id


def run(folder: Path, approval: str, kill_at: str = "", occurrence: int = 0) -> ExecutionReport:
    seen = 0

    def at(reached: str) -> None:
        nonlocal seen
        seen += reached == kill_at
        if kill_at and reached == kill_at and seen == occurrence:
            os.kill(os.getpid(), signal.SIGKILL)

    with Ledger.open(folder / "ledger.db") as ledger:
        return execute(approval, ledger=ledger, policy=POLICY, effects={"edit_hcl": FileEdits()}, at=at)


@pytest.mark.parametrize("occurrence", [1, 2, 3])
@pytest.mark.parametrize("point", [name for name in EXECUTION_POINTS if name not in ("started", "ended")])
def test_killed_anywhere_every_file_is_old_or_new_and_the_rest_follows(
    tmp_path: Path, point: str, occurrence: int
) -> None:
    root = tmp_path / "project"
    plan = plan_of(root)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        approval = approved(ledger, plan)
    assert os.WTERMSIG(in_child(lambda: run(tmp_path, approval, point, occurrence))) == signal.SIGKILL
    assert all(text in (FILES[name], WRITTEN[name]) for name, text in contents(root).items())
    report = run(tmp_path, approval)
    outcomes = [step.result.outcome for step in report.steps]
    # A claimed edit of which nothing was seen in the file is not tried again: it is told as not done.
    done = [text == WRITTEN[name] for name, text in contents(root).items()]
    assert [outcome is Outcome.DONE for outcome in outcomes] == done
    assert sum(done) >= 2 and set(outcomes) <= {Outcome.DONE, Outcome.FAILED}


def test_two_fixes_at_once_write_each_file_once(tmp_path: Path) -> None:
    root = tmp_path / "project"
    plan = plan_of(root)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        approvals = [approved(ledger, plan), approved(ledger, plan.under(POLICY.version, "eve"))]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda approval: run(tmp_path, approval), approvals))
    outcomes = [step.result.outcome for report in reports for step in report.steps]
    assert sorted(outcomes) == [Outcome.DONE] * 3 + [Outcome.REFUSED] * 3
    assert contents(root) == WRITTEN


def test_each_step_names_what_it_resolves(tmp_path: Path) -> None:
    made = proposal(tmp_path / "project")
    plan = made.plan()
    assert plan is not None and [len(step.resolves) for step in plan.steps] == [1, 1, 1]
    only = made.narrowed({plan.steps[1].resolves[0]}).plan()
    assert only is not None and [step.operation.target.name for step in only.steps] == ["b.tf"]
    asked = made.narrowed({plan.steps[1].resolves[0]}, Verdict.ASK)
    assert asked.plan() is None and asked.patch.edits == ()
