"""Values of any shape, in the state and in the trace, end in an answer and not in a traceback."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamplighter.drift.report import data, markdown, text
from tests.drift.code.world import call, check, resource

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.text(max_size=4), st.just("sg-1")
)
KEYS = st.sampled_from(["protocol", "from_port", "cidr_blocks", "self", "a", "Statement", "cidr_ipv4"])
SHAPES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
PERMISSION = {
    "ipProtocol": "tcp",
    "fromPort": 22,
    "toPort": 22,
    "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}]},
}
CALLS = [
    call("ec2:RevokeSecurityGroupIngress", {"groupId": "sg-1", "ipPermissions": {"items": [PERMISSION]}}),
    call("iam:DetachRolePolicy", {"roleName": "r", "policyArn": "arn"}),
    call("iam:UpdateAssumeRolePolicy", {"roleName": "r", "policyDocument": '{"Statement": []}'}),
    call("sqs:TagQueue", {"queueUrl": "https://x/1/q", "tags": {"Owner": "web"}}),
    call("s3:PutBucketVersioning", {"bucketName": "b", "VersioningConfiguration": {"Status": "Suspended"}}),
    call(
        "s3:PutBucketTagging", {"bucketName": "b", "Tagging": {"TagSet": {"Tag": {"Key": "a", "Value": "b"}}}}
    ),
]
CODE = {"main.tf": 'resource "aws_sqs_queue" "q" {\n  tags = { Owner = "ops" }\n}\n'}


def states(odd: Any) -> list[dict[str, Any]]:
    return [
        resource("aws_security_group", "g", {"id": "sg-1", "ingress": odd}),
        resource("aws_security_group", "h", {"id": "sg-2", "ingress": [{"cidr_blocks": odd, "self": odd}]}),
        resource("aws_vpc_security_group_ingress_rule", "r", {"security_group_id": "sg-1", "cidr_ipv4": odd}),
        resource("aws_iam_role", "r", {"name": "r", "managed_policy_arns": odd, "assume_role_policy": odd}),
        resource("aws_sqs_queue", "q", {"name": "q", "tags": odd, "id": odd}),
        resource("aws_s3_bucket_versioning", "b", {"bucket": "b", "versioning_configuration": odd}),
        resource("aws_s3_bucket", "b", {"bucket": "b", "tags": odd}),
    ]


@settings(max_examples=60)
@given(SHAPES)
def test_any_shape_in_the_state(odd: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = check(Path(folder), CODE, states(odd), CALLS)
    assert text(report) and markdown(report) and data(report)


@pytest.mark.parametrize("depth", [50, 400])
def test_deep_values(tmp_path: Path, depth: int) -> None:
    deep: Any = "x"
    for _ in range(depth):
        deep = [deep]
    written = "[" * depth * 10
    tags = call("sqs:TagQueue", {"queueUrl": "https://x/1/q", "tags": {"Owner": written, "Other": deep}})
    report = check(tmp_path, CODE, states(deep), [*CALLS, tags])
    assert report.findings and text(report)
