"""The way back: exactly the addresses asked for, nothing destroyed, and the approved file alone is applied."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from lamplighter.core.errors import Refused, Unavailable
from lamplighter.core.execution import execute
from lamplighter.core.ledger import Ledger
from lamplighter.core.operations import ApplySavedPlan
from lamplighter.core.policy import Policy, SelfApproval
from lamplighter.core.results import Outcome, Status
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Verdict
from lamplighter.drift.patch.proposal import Proposal, propose
from lamplighter.drift.patch.revert import revert_plan, text
from lamplighter.drift.proposals import finding_of
from lamplighter.drift.set_back import set_back
from lamplighter.drift.state import read_resources
from lamplighter.tools.saved_plans import SavedPlans
from lamplighter.tools.terraform import Terraform
from lamplighter.tools.terraform_files import read_code, read_state
from tests.drift.patch.world import item

pytestmark = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
POLICY = Policy(self_approval=SelfApproval(high_risk=True))
LIVE = """
resource "terraform_data" "one" {
  input = "live"
}
resource "terraform_data" "two" {
  input = "live"
}
resource "terraform_data" "made" {
  input            = terraform_data.two.output
  triggers_replace = "live"
}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What was applied is what is live; then the code says other things, as after changes in the cloud."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.tf").write_text(LIVE)
    terraform = Terraform(folder)
    assert terraform.init().status is Status.OK
    made = terraform.plan(tmp_path / "first")
    assert made.data is not None and terraform.apply(made.data).outcome is Outcome.DONE
    (folder / "main.tf").write_text(LIVE.replace('input = "live"', 'input = "code"'))
    return folder


def drifted(address: str) -> DriftItem:
    return item(address, "input", "live", was="code", kind="terraform_data")


def reverting(root: Path, *addresses: str) -> Proposal:
    now = Code.of(read_code(root), read_resources(read_state(root)))
    return asked_back(propose([drifted(address) for address in addresses], now, root))


def asked_back(proposal: Proposal) -> Proposal:
    return proposal.narrowed({finding_of(one.item).id for one in proposal.decisions}, Verdict.REVERT)


def test_exactly_what_is_asked_is_applied_once_approved(root: Path, tmp_path: Path) -> None:
    plans = tmp_path / "plans"
    made = revert_plan(reverting(root, "terraform_data.one"), root, plans)
    assert made.plan is not None and {fact.address for fact in made.changes} == {"terraform_data.one"}
    assert 'input "live" -> "code"' in text(made)
    (saved,) = plans.iterdir()
    assert (plans.stat().st_mode & 0o777, saved.stat().st_mode & 0o777) == (0o700, 0o600)
    plan = made.plan.under(POLICY.version, "ann")
    effects = {"apply_saved_plan": SavedPlans(plans)}
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
        granted = ledger.decide(plan.digest, approve=True, approver="bob", channel="cli", policy=POLICY)
        report = execute(granted.id, ledger=ledger, policy=POLICY, effects=effects)
    (step,) = report.steps
    assert (step.result.outcome, step.verified) == (Outcome.DONE, True), step
    values = {one.address: one.attributes["input"]["value"] for one in state_of(root)}
    assert values["terraform_data.one"] == "code" and values["terraform_data.two"] == "live"
    assert list(plans.iterdir()) == []
    (finding,) = plan.steps[0].resolves
    before = set_back(tmp_path / "ledger.db", root)
    assert [*before] == [finding] and len(before[finding]) == 1
    assert not set_back(tmp_path / "ledger.db", tmp_path) and not set_back(tmp_path / "none.db", root)


def state_of(root: Path) -> list[object]:
    return [*read_resources(read_state(root)).resources]


def test_a_plan_file_that_is_another_is_never_applied(root: Path, tmp_path: Path) -> None:
    plans = tmp_path / "plans"
    made = revert_plan(reverting(root, "terraform_data.one"), root, plans)
    assert made.plan is not None
    (saved,) = plans.iterdir()
    other = Terraform(root).plan(tmp_path / "other")
    assert other.data is not None
    saved.write_bytes(other.data.read_bytes())
    operation = made.plan.steps[0].operation
    assert isinstance(operation, ApplySavedPlan)
    effect = SavedPlans(plans)
    assert effect.current_version(operation) != operation.target.version
    done = effect.perform(operation, "claim")
    assert done.outcome is Outcome.REFUSED and "is not the plan that was approved" in done.detail


def test_what_would_be_replaced_is_refused(root: Path, tmp_path: Path) -> None:
    code = (root / "main.tf").read_text()
    (root / "main.tf").write_text(code.replace('triggers_replace = "live"', 'triggers_replace = "code"'))
    with pytest.raises(Refused, match="the way back would replace it"):
        revert_plan(reverting(root, "terraform_data.made", "terraform_data.two"), root, tmp_path / "plans")
    assert list((tmp_path / "plans").iterdir()) == []


def test_what_hangs_on_another_change_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"terraform_data\.two: the way back would change it too"):
        revert_plan(reverting(root, "terraform_data.made"), root, tmp_path / "plans")


def test_what_nobody_deleted_is_not_made(root: Path, tmp_path: Path) -> None:
    with (root / "main.tf").open("a") as stream:
        stream.write('resource "terraform_data" "new" {\n  input = "code"\n}\n')
    with pytest.raises(
        Refused, match=r"terraform_data\.new: the way back would create it, and nobody deleted it"
    ):
        revert_plan(reverting(root, "terraform_data.new"), root, tmp_path / "plans")


def test_a_folder_of_plans_that_is_a_link_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "plans").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="is a link"):
        revert_plan(reverting(root, "terraform_data.one"), root, tmp_path / "plans")
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o755


def test_what_is_as_the_code_says_needs_no_plan(root: Path, tmp_path: Path) -> None:
    (root / "main.tf").write_text(LIVE)
    made = revert_plan(reverting(root, "terraform_data.one"), root, tmp_path / "plans")
    assert made.plan is None and made.left == ("terraform_data.one: Terraform finds it as the code says",)
    assert list((tmp_path / "plans").iterdir()) == []


def test_a_directory_that_is_not_initialised_is_named(root: Path, tmp_path: Path) -> None:
    with (root / "main.tf").open("a") as stream:
        stream.write('resource "aws_sqs_queue" "q" {\n  name = "q"\n}\n')
    with pytest.raises(Unavailable, match="terraform init"):
        revert_plan(reverting(root, "terraform_data.one"), root, tmp_path / "plans")
    assert list((tmp_path / "plans").iterdir()) == []


def test_what_would_be_moved_in_the_state_is_refused(root: Path, tmp_path: Path) -> None:
    code = (root / "main.tf").read_text().replace('"terraform_data" "one"', '"terraform_data" "first"')
    moved = "moved {\n  from = terraform_data.one\n  to   = terraform_data.first\n}\n"
    (root / "main.tf").write_text(code + moved)
    # Terraform plans nothing of the one without the other.
    both = reverting(root, "terraform_data.first", "terraform_data.one")
    with pytest.raises(Refused, match=r"terraform_data\.first: the way back would import or move it"):
        revert_plan(both, root, tmp_path / "plans")
    assert list((tmp_path / "plans").iterdir()) == []


def test_what_would_be_imported_is_refused(root: Path, tmp_path: Path) -> None:
    with (root / "main.tf").open("a") as stream:
        stream.write('import {\n  to = terraform_data.new\n  id = "x"\n}\n')
        stream.write('resource "terraform_data" "new" {\n  input = "code"\n}\n')
    with pytest.raises(Refused, match=r"terraform_data\.new: the way back would import or move it"):
        revert_plan(reverting(root, "terraform_data.new"), root, tmp_path / "plans")
    assert list((tmp_path / "plans").iterdir()) == []


def test_what_did_not_drift_is_not_applied_along(root: Path, tmp_path: Path) -> None:
    """The code of the same resource may say what was never applied."""
    now = Code.of(read_code(root), read_resources(read_state(root)))
    other = item("terraform_data.one", "output", "live", was="code", kind="terraform_data")
    proposal = asked_back(propose([other], now, root))
    with pytest.raises(Refused, match=r"input of terraform_data\.one: .* it did not drift"):
        revert_plan(proposal, root, tmp_path / "plans")
    assert list((tmp_path / "plans").iterdir()) == []


def test_a_plan_that_invokes_actions_is_refused(root: Path, tmp_path: Path) -> None:
    """Actions come with a later Terraform than this one: a program that answers as that one does."""
    shown = {"format_version": "1.2", "resource_changes": [], "action_invocations": [{"type": "x"}]}
    program = tmp_path / "terraform"
    program.write_text(
        '#!/bin/sh\ncase "$1" in\n  plan) for one; do case "$one" in -out=*) : > "${one#-out=}" ;; esac; done ;;\n'
        f"  show) echo '{json.dumps(shown)}' ;;\nesac\n"
    )
    program.chmod(0o755)
    with pytest.raises(Refused, match="the way back would invoke actions"):
        revert_plan(reverting(root, "terraform_data.one"), root, tmp_path / "plans", program=str(program))
    assert list((tmp_path / "plans").iterdir()) == []


def test_plans_that_no_approval_can_be_for_any_more_are_swept(root: Path, tmp_path: Path) -> None:
    plans = tmp_path / "plans"
    plans.mkdir()
    for name, days in (("old", 8.1), ("young", 7.9)):
        (plans / f"{name}.tfplan").write_bytes(b"values in the clear")
        made = time.time() - days * 24 * 3600
        os.utime(plans / f"{name}.tfplan", (made, made))
    (plans / "other.txt").write_bytes(b"")
    os.utime(plans / "other.txt", (0, 0))
    revert_plan(reverting(root, "terraform_data.one"), root, plans)
    left = {path.name for path in plans.iterdir()}
    assert {"young.tfplan", "other.txt"} < left and "old.tfplan" not in left and len(left) == 3
