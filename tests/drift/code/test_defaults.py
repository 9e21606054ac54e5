"""A value that the files do not settle (a default that may be overridden, `null`) never passes for the code's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lamplighter.drift.hcl.modules import StateValues
from tests.drift.code.world import call, check, drifts, project, resource

GROUP = 'resource "aws_cloudwatch_log_group" "app" {\n  name = "/app"\n  retention_in_days = %s\n}\n'
RETAINED = 'variable "ret" {\n  default = 14\n}\n'
UNREAD = "the value of var.ret is not in the files read; the state's was used"
FORMS = {
    "itself": RETAINED + GROUP % "var.ret",
    "local": RETAINED + "locals {\n  twice = var.ret * 2\n}\n" + GROUP % "local.twice / 2",
    "condition": RETAINED + GROUP % "var.ret == 14 ? 14 : 365",
    "for_each": RETAINED
    + (GROUP % "each.value").replace("{\n", '{\n  for_each = { k = var.ret, other = "x" }\n', 1),
}


def group(days: Any, **more: Any) -> dict[str, Any]:
    attributes = {"id": "/app", "name": "/app", "retention_in_days": days}
    return resource("aws_cloudwatch_log_group", "app", attributes, **more)


def kept(days: int) -> dict[str, Any]:
    return call("logs:PutRetentionPolicy", {"logGroupName": "/app", "retentionInDays": days})


@pytest.mark.parametrize("code", FORMS.values(), ids=FORMS.keys())
def test_a_default_that_the_state_contradicts_is_not_the_codes_value(tmp_path: Path, code: str) -> None:
    more = {"key": "k"} if "for_each" in code else {}
    report = check(tmp_path / "a", {"main.tf": code}, [group(365, **more)], [kept(14)])
    assert [row[3:] for row in drifts(report)] == [(365, 14)]
    assert UNREAD in report.not_checked and report.incomplete
    report = check(tmp_path / "b", {"main.tf": code}, [group(365, **more)], [kept(365)])
    assert drifts(report) == [] and UNREAD in report.not_checked and report.incomplete


@pytest.mark.parametrize("code", FORMS.values(), ids=FORMS.keys())
def test_a_default_that_nothing_was_compared_with_hides_nothing(tmp_path: Path, code: str) -> None:
    more = {"key": "k"} if "for_each" in code else {}
    tagged = call("logs:TagLogGroup", {"logGroupName": "/app", "tags": {"Owner": "web"}})
    own = {**kept(365), "userAgent": "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io)"}
    report = check(tmp_path, {"main.tf": code}, [group(365, **more)], [tagged, own])
    assert [row[3:] for row in drifts(report)] == [(None, "web")]
    assert UNREAD not in report.not_checked and not report.incomplete


def test_a_default_that_the_state_confirms_is(tmp_path: Path) -> None:
    report = check(tmp_path, {"main.tf": FORMS["itself"]}, [group(14)], [kept(365)])
    assert [row[3:] for row in drifts(report)] == [(14, 365)]
    assert not any("var.ret" in line for line in report.not_checked)


def test_what_a_variable_file_sets_is_the_codes_value(tmp_path: Path) -> None:
    files = {"main.tf": FORMS["itself"], "terraform.tfvars": "ret = 14\n"}
    report = check(tmp_path, files, [group(365)], [kept(365)])
    assert [row[3:] for row in drifts(report)] == [(14, 365)]


def test_a_literal_beside_an_assumed_key_is_the_codes_value() -> None:
    code = (
        RETAINED + 'resource "aws_x" "a" {\n  for_each = { k = var.ret }\n  days = 7\n  name = each.key\n}\n'
    )
    read = project({"main.tf": code}, state=StateValues([("aws_x.a", "k", {"days": 9, "name": "n"})]))
    days, name = (read.locate('aws_x.a["k"]', attribute) for attribute in ("days", "name"))
    assert days is not None and days.known and days.value == 7
    assert name is not None and not name.known and read.assumed == {"ret"}


def test_the_default_of_a_modules_variable_is_its_value() -> None:
    files = {
        "main.tf": 'module "m" {\n  source = "./m"\n}\n',
        "m/main.tf": RETAINED + 'resource "aws_x" "a" {\n  days = var.ret\n}\n',
    }
    found = project(files).locate("module.m.aws_x.a", "days")
    assert found is not None and (found.known, found.value) == (True, 14)


NULLS = ["null", "var.none", "var.none == null ? null : 30"]


@pytest.mark.parametrize("written", NULLS)
def test_null_leaves_it_to_the_state(tmp_path: Path, written: str) -> None:
    code = f'variable "none" {{\n  default = null\n}}\nresource "aws_vpc" "v" {{\n  enable_dns_support = {written}\n}}'
    vpc = resource("aws_vpc", "v", {"id": "vpc-1", "enable_dns_support": True})

    def switched(value: bool) -> dict[str, Any]:
        return call("ec2:ModifyVpcAttribute", {"vpcId": "vpc-1", "enableDnsSupport": {"value": value}})

    assert [
        row[3:] for row in drifts(check(tmp_path / "a", {"main.tf": code}, [vpc], [switched(False)]))
    ] == [(True, False)]
    assert drifts(check(tmp_path / "b", {"main.tf": code}, [vpc], [switched(True)])) == []


@pytest.mark.parametrize(("nullable", "expected"), [("nullable = false", 7), ("", None)])
def test_null_given_to_a_variable_that_may_not_be(nullable: str, expected: Any) -> None:
    files = {
        "main.tf": 'module "m" {\n  source = "./m"\n  r = null\n}\n',
        "m/main.tf": f'variable "r" {{\n  default = 7\n  {nullable}\n}}\n'
        'resource "aws_x" "a" {\n  days = var.r\n}\n',
    }
    found = project(files).locate("module.m.aws_x.a", "days")
    assert found is not None and found.value == expected and found.known == (expected is not None)
