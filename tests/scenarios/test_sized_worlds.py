"""Worlds of a chosen size: what they hold, that the changes are really in them, and that both sides find them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lamplighter.drift import check_directory
from lamplighter.scenarios import bench_plan, people
from lamplighter.scenarios.drift import sized
from lamplighter.scenarios.drift.worlds import terraform
from lamplighter.scenarios.evaluation.registry import Request
from lamplighter.scenarios.recorder import write_trail
from lamplighter.scenarios.world import (
    MIRROR_VARIABLE,
    OVERRIDE,
    mirror_or_why_not,
    served,
    terraform_environment,
)

MIRROR, WHY_NOT = mirror_or_why_not()
needs_terraform = pytest.mark.skipif(MIRROR is None, reason=WHY_NOT)


@pytest.mark.parametrize("size", sized.SIZES)
def test_a_world_holds_as_many_resources_as_it_says(size: int) -> None:
    world = sized.world(size)
    known = sized.managed(world.state())
    assert len(known) == size
    assert len({address.partition(".")[0] for address in known}) >= 7


def test_a_size_that_teams_do_not_make_up_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="25 is no multiple of 10"):
        sized.write_project(tmp_path / "code", 25)
    with pytest.raises(KeyError, match="no world of 30"):
        sized.world(30)


@pytest.mark.parametrize("size", [20, 100])
def test_the_check_finds_every_change_and_nothing_else(size: int, tmp_path: Path) -> None:
    world = sized.world(size)
    recorder = world.rebuilt()
    code = world.write(tmp_path / "code")
    changed = sized.change(recorder, size, world.state())
    assert len(changed) == len(set(changed)) == max(size // sized.TEAM, sized.FEWEST_CHANGES)
    write_trail(recorder.events, tmp_path / "trace", people.ACCOUNT)
    report = check_directory(code, [tmp_path / "trace"], code / "terraform.tfstate")
    found = {
        (finding.where, str(finding.details.get("attribute", "")).partition(".")[0])
        for finding in report.findings
    }
    assert found == set(changed)


@needs_terraform
@pytest.mark.timeout(400)
def test_a_rebuilt_world_plans_clean(tmp_path: Path) -> None:
    assert MIRROR is not None
    world = sized.world(20)
    with served(world.rebuilt()) as endpoint:
        code = world.write(tmp_path / "code")
        (code / "sandbox_override.tf").write_text(OVERRIDE)
        environment = terraform_environment(tmp_path, MIRROR, endpoint, people.TERRAFORM)
        terraform(["init", "-no-color", "-input=false"], code, environment)
        terraform(["plan", "-no-color", "-input=false", "-out=plan"], code, environment)
        shown = json.loads(terraform(["show", "-json", "plan"], code, environment))
    planned = {row["address"]: row["change"]["actions"] for row in shown["resource_changes"]}
    assert len(planned) == 20 and set(map(tuple, planned.values())) == {("no-op",)}


@needs_terraform
@pytest.mark.timeout(600)
def test_check_and_plan_are_measured_side_by_side() -> None:
    part = bench_plan.check_vs_plan(Request(sample=1), sizes=(20,))
    assert part.metrics["check_vs_plan"] > 0 and part.metrics["plan_recall"] == 1.0
    (row,) = part.tables[0]["rows"]
    told = dict(zip(part.tables[0]["columns"], row, strict=True))
    assert (told["resources"], told["changed"]) == (20, 8)
    assert told["plan found"] == told["check found"] == 8


def test_without_a_mirror_nothing_is_said_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "")
    part = bench_plan.check_vs_plan(Request(sample=1))
    assert part.metrics == {}
    assert part.tables[0]["title"].endswith("not measured, terraform is not on PATH")
    assert part.tables[0]["rows"] == []
