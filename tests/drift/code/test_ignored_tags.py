"""Tags that are not Terraform's to look at: by `ignore_changes`, key by key, and by the provider's `ignore_tags`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drift.code.world import call, check, drifts, project, resource

IGNORING = """provider "aws" {
  ignore_tags {
    keys = ["Seen", "a.b"]
    key_prefixes = ["kubernetes.io/"]
  }
}
"""
SUBNET = 'resource "aws_subnet" "s" {\n  tags = { Name = "a" }\n}\n'
TAGS = ("Seen", "a", "a.b", "a.b.c", "kubernetes.io/role", "Name")


@pytest.mark.parametrize(
    ("written", "ignored"),
    [
        ('tags["env"]', {"tags.env"}),
        ("tags.env", {"tags.env"}),
        ('tags["env.prod"]', {"tags.env.prod"}),
        ("tags", {"tags.env", "tags.env.prod"}),
        ('tags["a\\"b"]', {'tags.a"b'}),
    ],
)
def test_a_key_in_ignore_changes_is_one_whole_key(written: str, ignored: set[str]) -> None:
    code = f'resource "aws_x" "a" {{\n  lifecycle {{\n    ignore_changes = [{written}]\n  }}\n}}\n'
    read = project({"main.tf": code})
    names = {"tags.env", "tags.env.prod", *ignored}
    assert {name for name in names if read.ignores("aws_x.a", name)} == ignored


def ignored(files: dict[str, str], address: str = "aws_subnet.s") -> set[str]:
    read = project(files)
    return {tag for tag in TAGS if read.ignores(address, f"tags.{tag}")}


ALL = {"Seen", "a.b", "kubernetes.io/role"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (IGNORING + SUBNET, ALL),
        (SUBNET, set[str]()),
        (IGNORING.replace("{\n", '{\n  alias = "west"\n', 1) + SUBNET, set[str]()),
        (
            IGNORING.replace("{\n", '{\n  alias = "west"\n', 1)
            + SUBNET.replace("{\n", "{\n  provider = aws.west\n", 1),
            ALL,
        ),
        (IGNORING + SUBNET.replace("{\n", "{\n  provider = aws.west\n", 1), set[str]()),
        (IGNORING.replace('["Seen", "a.b"]', "var.keys") + SUBNET, {"kubernetes.io/role"}),
        (
            'variable "keys" {\n  default = ["Seen"]\n}\n'
            + IGNORING.replace('["Seen", "a.b"]', "var.keys")
            + SUBNET,
            {"kubernetes.io/role"},
        ),
    ],
    ids=["plain", "none", "another's", "alias", "of the plain one only", "unknown", "a default"],
)
def test_the_provider_of_a_resource_decides(code: str, expected: set[str]) -> None:
    assert ignored({"main.tf": code}) == expected


@pytest.mark.parametrize(
    ("passed", "alias", "expected"),
    [
        ("", "", ALL),
        ("providers = { aws = aws.west }", "west", ALL),
        ("providers = { aws = aws.east }", "west", set[str]()),
        ("", "west", set[str]()),
    ],
    ids=["inherited", "passed", "another passed", "not passed"],
)
def test_a_module_has_the_provider_it_is_given(passed: str, alias: str, expected: set[str]) -> None:
    provider = IGNORING.replace("{\n", f'{{\n  alias = "{alias}"\n', 1) if alias else IGNORING
    main = provider + f'module "m" {{\n  source = "./m"\n  {passed}\n}}\n'
    assert ignored({"main.tf": main, "m/main.tf": SUBNET}, "module.m.aws_subnet.s") == expected


@pytest.mark.parametrize(("key", "found"), [("kubernetes.io/role/elb", False), ("kubernetes", True)])
def test_a_tag_that_the_provider_ignores_is_no_drift(tmp_path: Path, key: str, found: bool) -> None:
    subnet = resource("aws_subnet", "s", {"id": "subnet-1", "tags": {"Name": "a"}})
    tagged = call(
        "ec2:CreateTags",
        {
            "resourcesSet": {"items": [{"resourceId": "subnet-1"}]},
            "tagSet": {"items": [{"key": key, "value": "1"}]},
        },
    )
    report = check(tmp_path, {"main.tf": IGNORING + SUBNET}, [subnet], [tagged])
    assert [row[1] for row in drifts(report)] == ([f"tags.{key}"] if found else [])
    assert any("ignore_tags" in line for line in report.not_checked) != found
