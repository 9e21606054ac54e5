"""The table of risks, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.drift.model import Action
from lamplighter.drift.risk import assess

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
ALL = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
PUBLIC = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}}
SMALL = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject"}, {"Effect": "Deny", "Action": "*"}]}


def rule(first: int, last: int, protocol: str = "tcp", source: str = "0.0.0.0/0") -> dict[str, Any]:
    return {"protocol": protocol, "from_port": first, "to_port": last, "source": source}


Row = tuple[str, Action, str, Any, Any, str]
ROWS: list[Row] = [
    ("aws_security_group", "add", "ingress", None, rule(22, 22), "critical"),
    ("aws_security_group", "add", "ingress", None, rule(0, 65535, source="::/0"), "critical"),
    ("aws_security_group", "add", "ingress", None, rule(0, 0, "-1"), "critical"),
    ("aws_security_group", "add", "ingress", None, rule(443, 443), "high"),
    ("aws_security_group", "add", "ingress", None, rule(22, 22, source="10.0.0.0/8"), "low"),
    ("aws_security_group", "remove", "ingress", rule(22, 22), None, "low"),
    ("aws_security_group", "add", "egress", None, rule(0, 0, "-1"), "low"),
    ("aws_iam_role", "set", "assume_role_policy", SMALL, ALL, "critical"),
    ("aws_s3_bucket_policy", "set", "policy", SMALL, PUBLIC, "critical"),
    ("aws_s3_bucket_policy", "set", "policy", ALL, ALL, "high"),
    ("aws_s3_bucket_policy", "set", "policy", ALL, SMALL, "high"),
    ("aws_iam_role", "add", "managed_policy_arns", None, ADMIN, "critical"),
    ("aws_iam_role", "add", "managed_policy_arns", None, "arn:aws:iam::aws:policy/ReadOnlyAccess", "high"),
    ("aws_iam_role", "remove", "managed_policy_arns", ADMIN, None, "low"),
    ("aws_s3_bucket_public_access_block", "delete", "", "present", None, "high"),
    ("aws_s3_bucket_public_access_block", "set", "block_public_acls", True, False, "high"),
    ("aws_s3_bucket_public_access_block", "set", "block_public_acls", False, True, "low"),
    ("aws_s3_bucket_server_side_encryption_configuration", "delete", "", "present", None, "high"),
    ("aws_cloudwatch_log_group", "set", "kms_key_id", "arn", "", "high"),
    ("aws_cloudwatch_log_group", "set", "kms_key_id", "arn", "other", "medium"),
    ("aws_instance", "set", "disable_api_termination", True, False, "high"),
    ("aws_instance", "set", "disable_api_termination", False, True, "low"),
    ("aws_s3_bucket_versioning", "set", "versioning_configuration.status", "Enabled", "Suspended", "medium"),
    ("aws_s3_bucket_versioning", "set", "versioning_configuration.status", "Disabled", "Enabled", "low"),
    ("aws_dynamodb_table", "set", "point_in_time_recovery.enabled", True, False, "medium"),
    ("aws_sqs_queue", "delete", "", "present", None, "high"),
    ("aws_sqs_queue", "create", "", None, None, "info"),
    ("aws_instance", "set", "instance_type", "t3.small", "t3.large", "medium"),
    ("aws_cloudwatch_log_group", "set", "retention_in_days", 365, 14, "medium"),
    ("aws_cloudwatch_log_group", "set", "retention_in_days", 14, 365, "low"),
    # 0 is "never expires".
    ("aws_cloudwatch_log_group", "set", "retention_in_days", 14, 0, "low"),
    ("aws_cloudwatch_log_group", "set", "retention_in_days", 0, 14, "medium"),
    ("aws_instance", "set", "tags.Owner", "a", "b", "low"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(map(str, row)))
def test_risk(row: Row) -> None:
    kind, action, attribute, code, live, expected = row
    found = assess(kind, action, attribute, code, live)
    assert found.severity == expected and found.reason


@pytest.mark.parametrize("odd", ["text", 3, [], {"Statement": 3}, {"Statement": [3]}, {"Statement": None}])
def test_odd_policies_are_no_error(odd: Any) -> None:
    assert assess("aws_iam_role", "set", "assume_role_policy", odd, odd).severity == "high"
