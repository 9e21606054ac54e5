"""Terraform has the last word on a patch: what it would still change is refined, dropped, and said."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.results import Status, ToolResult
from lamplighter.drift import check_directory
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Candidate, Decision, Verdict
from lamplighter.drift.patch.verify import formatted_lines, verified
from lamplighter.drift.state import read_resources
from lamplighter.tools.terraform_files import read_code, read_state
from lamplighter.tools.terraform_trial import trial
from tests.drift.patch.test_judge import APP, AUDIT, LOG_STATE, LOGS
from tests.drift.patch.world import candidate, code

MIRROR = os.environ.get("LAMP_TEST_TF_MIRROR", "")
needs_cloud = pytest.mark.skipif(
    not MIRROR or not shutil.which("terraform"),
    reason="needs terraform on PATH and a provider mirror named by LAMP_TEST_TF_MIRROR",
)
AUDIT_ADDRESS = "aws_cloudwatch_log_group.audit"


@dataclass
class FakeTerraform:
    """Plans the two log groups as a provider would that knows what is live; `besides` adds changes."""

    live: dict[str, Any]
    besides: tuple[dict[str, Any], ...] = ()
    fails: str = ""
    seen: list[dict[str, bytes]] = field(default_factory=list[dict[str, bytes]])

    def planned(self, contents: Mapping[str, bytes]) -> ToolResult[dict[str, Any]]:
        self.seen.append(dict(contents))
        if self.fails:
            return ToolResult(Status.ERROR, "terraform plan", problem=self.fails)
        text = contents.get("main.tf", LOGS.encode()).decode()
        found = re.findall(r'"(app|audit)" \{.*?retention_in_days = (\S+)', text, re.DOTALL)
        changes = [
            change(f"aws_cloudwatch_log_group.{name}", self.live[name], value) for name, value in found
        ]
        changes += self.besides if contents else ()
        return ToolResult(Status.OK, "terraform plan", {"format_version": "1.2", "resource_changes": changes})

    def schemas(self) -> ToolResult[dict[str, Any]]:
        return ToolResult(Status.ERROR, "terraform providers schema", problem="none")

    def formatted(self, content: str) -> ToolResult[str]:
        return ToolResult(Status.OK, "terraform fmt -", content)


def change(address: str, live: Any, wanted: str, actions: tuple[str, ...] = ("update",)) -> dict[str, Any]:
    values = [{"retention_in_days": live}, {"retention_in_days": 30 if "local" in wanted else int(wanted)}]
    return {
        "address": address,
        "mode": "managed",
        "type": "aws_cloudwatch_log_group",
        "change": {
            "actions": ["no-op"] if values[0] == values[1] else list(actions),
            "before": values[0],
            "after": values[1],
        },
    }


def codify(*items: DriftItem) -> list[Decision]:
    return [Decision(one, Verdict.CODIFY, "") for one in items]


def logs() -> Code:
    return code({"main.tf": LOGS}, *LOG_STATE)


def test_a_patch_after_which_nothing_is_left() -> None:
    planner = FakeTerraform({"app": 30, "audit": 14})
    found = verified(codify(AUDIT.item), logs(), planner)
    assert found.by_plan and found.attempts == 1 and len(found.patch.placed) == 1
    assert planner.seen == [{}, {"main.tf": LOGS.replace("365", "14").encode()}]


def test_a_residual_goes_back_with_its_exact_value() -> None:
    found = verified(codify(AUDIT.item), logs(), FakeTerraform({"app": 30, "audit": 21}))
    assert found.by_plan and found.attempts == 2
    assert b"retention_in_days = 21" in found.patch.after.contents["main.tf"]


def test_what_is_there_without_the_patch_too_is_not_its_doing() -> None:
    found = verified(codify(AUDIT.item), logs(), FakeTerraform({"app": 90, "audit": 14}))
    assert found.by_plan and found.attempts == 1


def test_what_cannot_be_put_right_is_dropped_and_said() -> None:
    replaced = change(AUDIT_ADDRESS, 1, "14", ("delete", "create"))
    found = verified(codify(AUDIT.item), logs(), FakeTerraform({"app": 30, "audit": 14}, (replaced,)))
    assert not found.by_plan and not found.patch.edits and not found.patch.placed
    (unplaced,) = found.patch.unplaced
    assert unplaced.reason == (
        "Terraform would replace retention_in_days of aws_cloudwatch_log_group.audit (1 -> 14)"
    )


def test_only_the_item_that_is_to_blame_is_dropped() -> None:
    """The app's variable is somewhere else too, where its files do not say."""

    def by_variable(item: DriftItem, now: Code) -> Iterator[Candidate]:
        old, new = ("365", "14") if item == AUDIT.item else ("default = 30", "default = 14")
        if old.encode() in now.contents["main.tf"]:
            yield candidate(now, old, new)

    class Planner(FakeTerraform):
        def planned(self, contents: Mapping[str, bytes]) -> ToolResult[dict[str, Any]]:
            moved = b"default = 14" in contents.get("main.tf", b"")
            self.besides = (change("aws_cloudwatch_log_group.app", 14, "90"),) if moved else ()
            return super().planned(contents)

    found = verified(codify(AUDIT.item, APP.item), logs(), Planner({"app": 30, "audit": 14}), [by_variable])
    assert found.by_plan
    assert [one.item for one in found.patch.placed] == [AUDIT.item]
    assert [one.item.address for one in found.patch.unplaced] == [APP.item.address]


def test_an_edit_that_lets_the_plan_fail_is_found_and_left_out() -> None:
    class Planner(FakeTerraform):
        def planned(self, contents: Mapping[str, bytes]) -> ToolResult[dict[str, Any]]:
            wrong = b"365" not in contents.get("main.tf", b"365")
            self.fails = "not valid: main.tf line 7: 14 is not taken" if wrong else ""
            return super().planned(contents)

    def at_the_use(wanted: DriftItem, now: Code) -> Iterator[Candidate]:
        old, new = ("365", "14") if wanted == AUDIT.item else ("local.short", "14")
        if old.encode() in now.contents["main.tf"]:
            yield candidate(now, old, new)

    planner = Planner({"app": 14, "audit": 14})
    found = verified(codify(AUDIT.item, APP.item), logs(), planner, [at_the_use])
    assert [one.item.address for one in found.patch.placed] == [APP.item.address]
    (unplaced,) = found.patch.unplaced
    assert unplaced.item == AUDIT.item
    assert unplaced.reason == "Terraform does not take it: not valid: main.tf line 7: 14 is not taken"


def test_without_a_plan_it_is_said_plainly() -> None:
    planner = FakeTerraform({}, fails="no credentials; log in")
    found = verified(codify(AUDIT.item), logs(), planner)
    assert not found.by_plan and len(found.patch.placed) == 1
    assert found.notes == (
        "the plan was not run: judged by the files and the state alone (no credentials; log in)",
    )


def test_only_lines_of_the_patch_are_formatted() -> None:
    before = b"x {\n  a=1\n  long_name = 2\n}\n"
    after = b"x {\n  a=1\n  long_name = 2\n  b=3\n}\n"
    wanted = b"x {\n  a         = 1\n  long_name = 2\n  b         = 3\n}\n"
    assert formatted_lines(before, after, wanted) == (
        b"x {\n  a=1\n  long_name = 2\n  b         = 3\n}\n",
        1,
    )
    assert formatted_lines(before, before, wanted)[0] == before


@needs_cloud
def test_real_terraform_agrees_with_a_patch_and_nothing_is_written(tmp_path: Path) -> None:
    pytest.importorskip("moto", reason="the sandbox extra is not installed")
    from lamplighter.scenarios.drift import live, schema

    case = next(schema.scenarios("website"))
    case.write_trace(tmp_path / "trace")
    with live.drifted_cloud(case, _folder(tmp_path / "cloud"), Path(MIRROR)) as cloud:
        items = check_directory(cloud.code, [tmp_path / "trace"]).items
        now = Code.of(read_code(cloud.code), read_resources(read_state(cloud.code)))
        before = {path: path.read_bytes() for path in cloud.code.iterdir()}
        with trial(cloud.code, env=cloud.environment) as ready:
            assert ready.data is not None, ready.problem
            found = verified([Decision(item, Verdict.CODIFY, "") for item in items], now, ready.data)
        assert {path: path.read_bytes() for path in cloud.code.iterdir()} == before
    assert found.by_plan and found.attempts == 1
    assert found.patch.placed and not found.patch.unplaced


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
