"""`ignore_changes` names what drifted as Terraform takes it, in the block that is there or in a new one."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.drift.patch import ignoring
from tests.drift.patch.cases import one, proposed
from tests.drift.patch.says import item

_PLAIN = 'resource "aws_x" "y" {\n  name = "y"\n}\n'
_ATTRIBUTES: dict[str, Any] = {
    "tags": {"Owner": "a"},
    "scaling_config": [{"desired_size": 2, "labels": {"a.b": "c"}}],
    "rule": [{"days": 1}, {"days": 2}],
    "variables": {"A": "b"},
    "size": 3,
}


@pytest.mark.parametrize(
    ("attribute", "spelt"),
    [
        ("size", "size"),
        ("tags.Owner", 'tags["Owner"]'),
        ("tags.auto:keep", 'tags["auto:keep"]'),
        ('tags.a"]${x}', 'tags["a\\"]$${x}"]'),
        ("scaling_config.desired_size", "scaling_config[0].desired_size"),
        ("variables.A", 'variables["A"]'),
        ("rule.days", "rule"),
        ("unknown.deep", "unknown.deep"),
    ],
)
def test_a_new_block(attribute: str, spelt: str) -> None:
    code = one(_PLAIN, {"aws_x.y": _ATTRIBUTES})
    drift = item("aws_x.y", "set", attribute, was=1, live=2)
    (candidate,) = proposed(ignoring.rules, drift, code)
    after = code.edited(candidate.edits)
    assert after.contents["main.tf"].decode() == _PLAIN.replace(
        "}\n", f"\n  lifecycle {{\n    ignore_changes = [{spelt}]\n  }}\n}}\n"
    )
    assert after.project.ignores("aws_x.y", attribute)
    assert not proposed(ignoring.rules, drift, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "lifecycle {\n    ignore_changes = [name]\n  }",
            "lifecycle {\n    ignore_changes = [name, size]\n  }",
        ),
        (
            "lifecycle {\n    ignore_changes = [\n      name, # theirs\n    ]\n  }",
            "lifecycle {\n    ignore_changes = [\n      name, # theirs\n      size,\n    ]\n  }",
        ),
        (
            "lifecycle {\n    prevent_destroy = true\n  }",
            "lifecycle {\n    prevent_destroy = true\n    ignore_changes  = [size]\n  }",
        ),
        ("lifecycle {}", "lifecycle {\n    ignore_changes = [size]\n  }"),
    ],
)
def test_a_block_that_is_there(before: str, after: str) -> None:
    text = f'resource "aws_x" "y" {{\n  name = "y"\n\n  {before}\n}}\n'
    code = one(text, {"aws_x.y": _ATTRIBUTES})
    (candidate,) = proposed(ignoring.rules, item("aws_x.y", "set", "size", was=3, live=4), code)
    assert code.edited(candidate.edits).contents["main.tf"].decode() == text.replace(before, after)


def test_all_of_it_and_what_is_no_attribute_are_left() -> None:
    text = 'resource "aws_x" "y" {\n  lifecycle {\n    ignore_changes = all\n  }\n}\n'
    code = one(text, {"aws_x.y": _ATTRIBUTES})
    assert not proposed(ignoring.rules, item("aws_x.y", "set", "size", was=3, live=4), code)
    bucket = one('resource "aws_s3_bucket" "b" {\n  bucket = "b"\n}\n', {"aws_s3_bucket.b": {"id": "b"}})
    setting = item("aws_s3_bucket.b", "set", "aws_s3_bucket_policy.policy", live={})
    assert not proposed(ignoring.rules, setting, bucket)
    assert not proposed(ignoring.rules, item("aws_s3_bucket.b", "delete"), bucket)


def test_a_set_is_ignored_whole_and_a_shared_block_says_so() -> None:
    text = 'resource "aws_security_group" "g" {\n  count = 2\n}\n'
    code = one(text, {"aws_security_group.g[0]": {"id": "sg-1", "ingress": []}})
    (candidate,) = proposed(ignoring.rules, item("aws_security_group.g[0]", "add", "ingress", live={}), code)
    assert "ignore_changes = [ingress]" in code.edited(candidate.edits).contents["main.tf"].decode()
    assert candidate.note == "holds for every instance of the block"
