"""`moved` blocks: the code says the same of a resource under the address it had and the one it will have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drift.code.world import call, check, project, resource

BLOCK = 'resource "aws_x" "%s" {\n  days = 7\n  lifecycle {\n    ignore_changes = [name]\n  }\n}\n'


def moved(before: str, after: str) -> str:
    return f"moved {{\n  from = {before}\n  to   = {after}\n}}\n"


@pytest.mark.parametrize(
    ("code", "address"),
    [
        (BLOCK % "new" + moved("aws_x.old", "aws_x.new"), "aws_x.old"),
        (BLOCK % "new" + moved("aws_x.old", "aws_x.new"), "aws_x.new"),
        (BLOCK % "old" + moved("aws_x.old", "aws_x.new"), "aws_x.new"),
        (BLOCK % "new" + moved("aws_x.old", "aws_x.mid") + moved("aws_x.mid", "aws_x.new"), "aws_x.old"),
        (
            (BLOCK % "new").replace("days", "count = 2\n  days") + moved("aws_x.old", "aws_x.new"),
            "aws_x.old[1]",
        ),
    ],
    ids=["old in the state", "new in the state", "old in the code", "twice", "counted"],
)
def test_a_moved_resource_is_found(code: str, address: str) -> None:
    read = project({"main.tf": code})
    found = read.locate(address, "days")
    assert found is not None and (found.value, found.location.file) == (7, "main.tf")
    assert read.ignores(address, "name") and not read.ignores(address, "days")


def test_a_resource_that_became_one_of_several_has_its_key() -> None:
    code = 'resource "aws_x" "a" {\n  for_each = { k = 9 }\n  days = each.value\n}\n'
    found = project({"main.tf": code + moved("aws_x.a", 'aws_x.a["k"]')}).locate("aws_x.a", "days")
    assert found is not None and found.value == 9


@pytest.mark.parametrize(
    ("main", "inner", "address"),
    [
        (moved("module.old", "module.m"), "", "module.old.aws_x.a"),
        (moved("aws_x.before", "module.m.aws_x.a"), "", "aws_x.before"),
        ("", moved("aws_x.before", "aws_x.a"), "module.m.aws_x.before"),
        (moved("module.old", "module.m"), moved("aws_x.before", "aws_x.a"), "module.old.aws_x.before"),
    ],
    ids=["module", "into a module", "in a module", "both"],
)
def test_moves_of_and_in_modules(main: str, inner: str, address: str) -> None:
    files = {"main.tf": main + 'module "m" {\n  source = "./m"\n}\n', "m/main.tf": inner + BLOCK % "a"}
    found = project(files).locate(address, "days")
    assert found is not None and found.value == 7


def test_moves_in_a_circle_end() -> None:
    code = moved("aws_x.a", "aws_x.a[0]") + moved("aws_x.a", "aws_x.b") + moved("aws_x.b", "aws_x.a")
    assert (
        project({"main.tf": code + moved("module.a", "module.a.module.a")}).locate("aws_x.a", "days") is None
    )
    assert project({"main.tf": moved("module.a", "module.a.module.a")}).locate("module.a.aws_x.a") is None


def test_what_the_new_block_ignores_is_no_drift(tmp_path: Path) -> None:
    code = (BLOCK % "new").replace("[name]", "[retention_in_days]") + moved("aws_x.app", "aws_x.new")
    code = code.replace("aws_x", "aws_cloudwatch_log_group").replace("days = 7", 'name = "/app"', 1)
    group = resource(
        "aws_cloudwatch_log_group", "app", {"id": "/app", "name": "/app", "retention_in_days": 14}
    )
    changed = call("logs:PutRetentionPolicy", {"logGroupName": "/app", "retentionInDays": 1})
    report = check(tmp_path, {"main.tf": code}, [group], [changed])
    assert report.findings == () and any("ignore_changes" in line for line in report.not_checked)
