"""The patterns of the policy's drift rules: two wild characters, and brackets that are an address's own."""

from __future__ import annotations

import pytest

from lamplighter.core.findings import Severity
from lamplighter.core.policy import DriftRule


@pytest.mark.parametrize(
    ("pattern", "address", "expected"),
    [
        ('aws_instance.web["a"]', 'aws_instance.web["a"]', True),
        ('aws_instance.web["a"]', 'aws_instance.web["b"]', False),
        # As a set of characters it would be these.
        ('aws_instance.web["a"]', "aws_instance.weba", False),
        ("aws_instance.web[0]", "aws_instance.web[0]", True),
        ("aws_instance.web[0]", "aws_instance.web0", False),
        ("aws_instance.web[!a]", "aws_instance.webb", False),
        ("aws_instance.web[*]", "aws_instance.web[12]", True),
        ("aws_instance.web[?]", "aws_instance.web[12]", False),
        ("aws_instance.web*", 'aws_instance.web["a"]', True),
        ('module.a["x"].*', 'module.a["x"].aws_sqs_queue.q[0]', True),
        ('module.a["x"].*', 'module.a["y"].aws_sqs_queue.q[0]', False),
        ("aws_Instance.web", "aws_instance.web", False),
    ],
)
def test_brackets_are_an_addresss_own(pattern: str, address: str, expected: bool) -> None:
    rule = DriftRule(name="r", decision="ignore", address=pattern)
    assert rule.matches({"address": address}, Severity.LOW) is expected


def test_all_patterns_and_the_severity_have_to_fit() -> None:
    rule = DriftRule(
        name="r", decision="ignore", type="aws_s*", attribute="tags.Env[1]", min_severity=Severity.MEDIUM
    )
    names = {"type": "aws_sqs_queue", "attribute": "tags.Env[1]"}
    assert rule.matches(names, Severity.HIGH)
    assert not rule.matches(names, Severity.LOW)
    assert not rule.matches({**names, "attribute": "tags.Env1"}, Severity.HIGH)
    assert not rule.matches({"attribute": "tags.Env[1]"}, Severity.HIGH)
