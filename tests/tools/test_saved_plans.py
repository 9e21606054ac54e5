"""A saved plan is applied in the workspace that it was made in, and its file is gone once it is denied."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from lamplighter.core.operations import ApplySavedPlan, Target
from lamplighter.core.results import Outcome, Status
from lamplighter.tools.saved_plans import SavedPlans
from lamplighter.tools.terraform import Terraform
from tests.command import shell

CODE = 'resource "terraform_data" "one" {\n  input = "code"\n}\n'
pytestmark = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """With the workspaces default and staging, in neither of which anything was applied; default is selected."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.tf").write_text(CODE)
    assert Terraform(folder).init().status is Status.OK
    made = shell(
        tmp_path, "cd project && terraform workspace new staging && terraform workspace select default"
    )
    assert made.code == 0, made.stderr
    return folder


def saved(root: Path, plans: Path, monkeypatch: pytest.MonkeyPatch) -> ApplySavedPlan:
    """A plan that somebody made with TF_WORKSPACE=staging."""
    plans.mkdir()
    with monkeypatch.context() as during:
        during.setenv("TF_WORKSPACE", "staging")
        terraform = Terraform(root)
        made = terraform.plan(plans / "a.tfplan")
        selected = terraform.workspace()
    assert made.data is not None and selected.data == "staging"
    version = hashlib.sha256(made.data.read_bytes()).hexdigest()
    target = Target(context=str(root), kind="terraform_plan", name="a.tfplan", version=version)
    return ApplySavedPlan(target=target, addresses=("terraform_data.one",), workspace=selected.data)


def test_it_is_applied_and_looked_at_where_it_was_made(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = saved(root, tmp_path / "plans", monkeypatch)
    effect = SavedPlans(tmp_path / "plans")
    assert effect.observe(operation, "claim").outcome is Outcome.UNKNOWN
    done = effect.perform(operation, "claim")
    assert done.outcome is Outcome.DONE, done
    assert effect.observe(operation, "claim").outcome is Outcome.DONE
    held = shell(root, "cat terraform.tfstate.d/staging/terraform.tfstate")
    assert b"terraform_data" in held.stdout and not (root / "terraform.tfstate").exists()
    # Whoever looks in the selected one sees that nothing is there.
    elsewhere = operation.model_copy(update={"workspace": "default"})
    assert effect.observe(elsewhere, "claim").outcome is Outcome.UNKNOWN


def test_a_workspace_that_is_gone_is_not_made_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = saved(root, tmp_path / "plans", monkeypatch)
    assert shell(root, "terraform workspace delete staging").code == 0
    effect = SavedPlans(tmp_path / "plans")
    done = effect.perform(operation, "claim")
    assert done.outcome is Outcome.REFUSED and "there is no workspace staging" in done.detail
    assert effect.observe(operation, "claim").outcome is Outcome.UNKNOWN
    assert b"staging" not in shell(root, "terraform workspace list").stdout


def test_one_that_is_denied_is_deleted(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = saved(root, tmp_path / "plans", monkeypatch)
    effect = SavedPlans(tmp_path / "plans")
    for _again in range(2):
        effect.discard(operation)
    assert list((tmp_path / "plans").iterdir()) == []


def test_a_plan_from_before_there_were_workspaces_has_its_digest(tmp_path: Path) -> None:
    target = Target(context=str(tmp_path), kind="terraform_plan", name="a.tfplan", version="0")
    operation = ApplySavedPlan(target=target, addresses=("a.b",))
    assert "workspace" not in operation.model_dump(mode="json")
