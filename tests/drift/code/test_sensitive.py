"""Values that rest on what the code marks as sensitive are shown nowhere, though the state does not mark them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drift.code.world import call, check, drifts, project, resource

HOOK = 'variable "hook" {\n  default = "https://old"\n  sensitive = true\n}\nvariable "open" {\n  default = "x"\n}\n'
MODULE = {
    "m/main.tf": 'variable "in" {}\nresource "aws_subnet" "s" {\n  tags = { Hook = var.in }\n}\n'
    'output "out" {\n  value = "y"\n  sensitive = true\n}\noutput "same" {\n  value = var.in\n}\n'
}


@pytest.mark.parametrize(
    ("written", "sensitive"),
    [
        ("var.hook", True),
        ('"${upper(var.hook)}/x"', True),
        ("local.h", True),
        ("module.m.out", True),
        ("module.m.same", True),
        ("nonsensitive(var.hook)", False),
        ("var.open", False),
        ('"var"', False),
    ],
)
def test_what_rests_on_a_sensitive_name(written: str, sensitive: bool) -> None:
    text = f'resource "aws_subnet" "s" {{\n  tags = {{ Hook = {written}, Name = "a" }}\n}}\n'
    rest = 'locals {\n  h = lower(var.hook)\n}\nmodule "m" {\n  source = "./m"\n  in = var.hook\n}\n'
    read = project({"main.tf": HOOK + text + rest, **MODULE})
    assert read.is_sensitive("aws_subnet.s", "tags.Hook") is sensitive
    assert not read.is_sensitive("aws_subnet.s", "tags.Name")
    assert read.is_sensitive("module.m.aws_subnet.s", "tags.Hook")


def test_both_values_are_hidden_in_the_finding(tmp_path: Path) -> None:
    text = 'resource "aws_subnet" "s" {\n  tags = { Hook = var.hook }\n}\n'
    state = resource("aws_subnet", "s", {"id": "subnet-1", "tags": {"Hook": "https://old"}})
    tagged = call(
        "ec2:CreateTags",
        {
            "resourcesSet": {"items": [{"resourceId": "subnet-1"}]},
            "tagSet": {"items": [{"key": "Hook", "value": "https://new"}]},
        },
    )
    report = check(tmp_path, {"main.tf": HOOK + text}, [state], [tagged])
    assert drifts(report) == [("aws_subnet.s", "tags.Hook", "set", "(sensitive)", "(sensitive)")]
    assert "https://" not in str([finding.details for finding in report.findings])
