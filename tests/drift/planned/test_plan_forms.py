"""What a plan may be besides updates: real plans of Terraform's own `terraform_data`, which need no provider."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.errors import InputError
from lamplighter.core.results import Outcome
from lamplighter.drift.planned import PlannedFact, read_plan
from lamplighter.drift.provider_schema import ProviderSchemas
from lamplighter.tools import process
from lamplighter.tools.terraform import PlanMode, Terraform

pytestmark = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.terraform = Terraform(folder)

    def write(self, code: str) -> None:
        (self.folder / "main.tf").write_text(code)
        assert self.terraform.init().data is not None

    def apply(self, code: str) -> None:
        self.write(code)
        plan = self.folder / "plan"
        assert self.terraform.plan(plan).data is not None
        assert self.terraform.apply(plan).outcome is Outcome.DONE

    def plan(self, code: str, mode: PlanMode = "normal", targets: tuple[str, ...] = ()) -> dict[str, Any]:
        self.write(code)
        result = self.terraform.planned(mode=mode, targets=targets)
        assert result.data is not None, result.problem
        return result.data


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


ONE = 'resource "terraform_data" "one" {\n  input = "a"\n}\n'


def test_create_update_and_delete(project: Project) -> None:
    created = read_plan(project.plan(ONE))
    assert created.facts == (
        PlannedFact("change", "terraform_data.one", "terraform_data", "create", "", None, "present"),
    )
    project.apply(ONE)
    changed = read_plan(project.plan(ONE.replace('"a"', '{ b = ["c"] }')))
    assert [(fact.action, fact.attribute, fact.unknown) for fact in changed.facts] == [
        ("set", "input", False),
        ("set", "output", True),
    ]
    assert (changed.facts[0].before, changed.facts[0].after) == ("a", {"b": ["c"]})
    assert changed.facts[1].after is None
    deleted = read_plan(project.plan("# empty\n"))
    assert [(fact.action, fact.before, fact.after) for fact in deleted.facts] == [("delete", "present", None)]


def test_a_replacement_is_marked(project: Project) -> None:
    code = 'resource "terraform_data" "one" {\n  triggers_replace = "a"\n}\n'
    project.apply(code)
    result = read_plan(project.plan(code.replace('"a"', '"b"')))
    fact = next(fact for fact in result.facts if fact.attribute == "triggers_replace")
    assert fact.replaces and (fact.before, fact.after) == ("a", "b")


@pytest.mark.parametrize(
    "code",
    [
        'import {\n  to = terraform_data.one\n  id = "x"\n}\nresource "terraform_data" "one" {\n}\n',
        'moved {\n  from = terraform_data.old\n  to   = terraform_data.one\n}\nresource "terraform_data" "one" {\n}\n',
        "removed {\n  from = terraform_data.old\n  lifecycle {\n    destroy = false\n  }\n}\n",
    ],
    ids=["import", "moved", "forget"],
)
def test_what_changes_the_record_only_is_no_fact(code: str, project: Project) -> None:
    project.apply('resource "terraform_data" "old" {\n}\n')
    kept = "" if "old" in code else 'resource "terraform_data" "old" {\n}\n'
    document = project.plan(code + kept)
    result = read_plan(document)
    assert len(document["resource_changes"]) >= 1
    assert result.facts == ()


def test_a_targeted_plan_and_a_failed_one_say_that_they_are_not_whole(project: Project) -> None:
    two = ONE + 'resource "terraform_data" "two" {\n}\n'
    targeted = read_plan(project.plan(two, targets=("terraform_data.one",)))
    assert any("a part only" in problem for problem in targeted.problems)
    whole = read_plan(project.plan(two))
    assert not any("a part only" in problem for problem in whole.problems)
    failing = (
        two + 'data "terraform_remote_state" "none" {\n  backend = "local"\n  config = { path = "none" }\n}\n'
    )
    (project.folder / "main.tf").write_text(failing)
    made = project.terraform.plan(project.folder / "plan")
    assert made.data is None and "Unable to find remote state (main.tf line 6)" in made.problem
    assert not (project.folder / "plan").exists()
    process.run(["terraform", "plan", "-input=false", "-out=failed"], cwd=project.folder)
    document = project.terraform.show_json(project.folder / "failed").data
    assert document is not None and document["errored"] is True
    assert any("ended with an error" in problem for problem in read_plan(document).problems)


def test_what_a_failed_replacement_left_behind_is_named(project: Project) -> None:
    project.apply(ONE)
    state = project.folder / "terraform.tfstate"
    document = json.loads(state.read_text())
    instances = document["resources"][0]["instances"]
    instances.append(instances[0] | {"deposed": "00000001"})
    document["serial"] += 1
    state.write_text(json.dumps(document))
    result = read_plan(project.plan(ONE))
    assert result.facts == ()
    assert [(item.address, item.reason) for item in result.left_out] == [
        ("terraform_data.one", "an object that a replacement left behind")
    ]


def test_a_sensitive_input_is_masked(project: Project) -> None:
    code = 'variable "v" {\n  default   = "hidden-a"\n  sensitive = true\n}\n' + ONE.replace('"a"', "var.v")
    project.apply(code)
    plan = project.plan(code.replace("hidden-a", "hidden-b"))
    # Without its schema, Terraform itself shows the computed copy of the value in the clear.
    schemas = project.terraform.schemas().data
    assert schemas is not None
    result = read_plan(plan, ProviderSchemas(schemas))
    assert "hidden" not in repr(result)
    assert any(fact.attribute == "input" and fact.sensitive for fact in result.facts)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "is not a plan"),
        ({"format_version": "1.0", "values": {}}, "is a state"),
        ({"format_version": "9.0", "resource_changes": []}, "not supported"),
    ],
)
def test_what_is_no_plan_is_refused(document: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_plan(document)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        {"change": None},
        {"mode": "managed", "address": "a.b", "type": "a", "change": {"actions": ["burn"]}},
        {"mode": "managed", "address": "a.b", "type": "a", "change": {"actions": 3}},
    ],
)
def test_an_odd_entry_is_a_problem_and_no_crash(entry: Any) -> None:
    result = read_plan({"format_version": "1.2", "resource_changes": [entry], "resource_drift": [entry]})
    assert result.facts == () and len(result.problems) == 3


def test_a_number_that_is_none_is_a_problem() -> None:
    change = {"actions": ["update"], "before": {"a": float("nan")}, "after": {"a": 1}}
    entry = {"mode": "managed", "address": "a.b", "type": "a", "change": change}
    result = read_plan({"format_version": "1.2", "resource_drift": [entry]})
    assert result.facts == () and any("a.b: holds a number" in problem for problem in result.problems)


def test_depth_is_bounded() -> None:
    deep: Any = "x"
    for _ in range(2000):
        deep = {"a": deep}
    change = {"actions": ["update"], "before": {"a": deep}, "after": {"a": None}}
    entry = {"mode": "managed", "address": "a.b", "type": "a", "change": change}
    result = read_plan({"format_version": "1.2", "resource_drift": [entry, entry | {"address": "a.c"}]})
    assert [problem for problem in result.problems if "too deep" in problem] == [
        "a.b: nested too deep to be compared",
        "a.c: nested too deep to be compared",
    ]
