"""Whose call it was decides what a difference means: Terraform's own, a service's, another Terraform run, or drift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lamplighter.drift import check_directory
from lamplighter.drift.report import data
from tests.drift.code.world import call, check, drifts, resource

CODE = {"main.tf": 'resource "aws_sqs_queue" "q" {\n  name = "q"\n  delay_seconds = 5\n}\n'}
QUEUE = resource("aws_sqs_queue", "q", {"id": "u", "name": "q", "delay_seconds": 5})
TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 terraform-provider-aws/5.100.0"
SERVICE = {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}


def delay(seconds: int, minute: int, **fields: Any) -> dict[str, Any]:
    parameters = {"queueUrl": "https://x/1/q", "attributes": {"DelaySeconds": str(seconds)}}
    return call("sqs:SetQueueAttributes", parameters, minute=minute, **fields)


DRIFT = ("aws_sqs_queue.q", "delay_seconds", "set", 5, 9)


@pytest.mark.parametrize(
    ("calls", "found"),
    [
        ([delay(9, 1)], [DRIFT]),
        ([delay(9, 1), delay(5, 2, userAgent=TERRAFORM)], []),
        ([delay(5, 1, userAgent=TERRAFORM), delay(9, 2)], [DRIFT]),
        ([delay(5, 1, userAgent=TERRAFORM)], []),
        ([delay(9, 1, userAgent=TERRAFORM)], [DRIFT]),
        ([delay(9, 1, userIdentity=SERVICE)], []),
        ([delay(7, 1), delay(9, 2, userIdentity=SERVICE)], []),
        ([delay(7, 1, userIdentity=SERVICE), delay(9, 2)], [DRIFT]),
    ],
)
def test_what_was_set_last_is_live_whoever_set_it(tmp_path: Path, calls: list[Any], found: list[Any]) -> None:
    assert drifts(check(tmp_path, CODE, [QUEUE], calls)) == found


def test_another_terraform_run_is_named_as_one(tmp_path: Path) -> None:
    (finding,) = check(tmp_path, CODE, [QUEUE], [delay(9, 1, userAgent=TERRAFORM)]).findings
    assert (finding.details["tool"], finding.details["origin"]) == ("terraform", "terraform")


def test_terraform_of_somebody_who_may_not_run_it_is_drift(tmp_path: Path) -> None:
    made = call("sqs:CreateQueue", {"queueName": "other"}, minute=3, userAgent=TERRAFORM)
    check(tmp_path, CODE, [QUEUE], [made])
    anybody, ci = (
        check_directory(tmp_path / "code", [tmp_path / "trace.json"], principals=principals)
        for principals in ((), ("ci-*",))
    )
    assert drifts(anybody) == []
    assert [(finding.where, finding.details["origin"]) for finding in ci.findings] == [
        ("aws_sqs_queue other", "other terraform run")
    ]


def test_what_a_service_made_is_said(tmp_path: Path) -> None:
    report = check(tmp_path, CODE, [QUEUE], [delay(9, 1, userIdentity=SERVICE)])
    assert "1 changes of managed resources that AWS services made themselves" in report.not_checked
    assert not report.incomplete


def test_the_last_apply_is_known_from_the_trace(tmp_path: Path) -> None:
    calls = [delay(5, 1, userAgent=TERRAFORM), delay(5, 4, userAgent=TERRAFORM), delay(9, 6)]
    applied = check(tmp_path, CODE, [QUEUE], calls)
    assert data(applied)["coverage"]["applied"] == "2026-03-01T10:04:00Z"
    never = check(tmp_path, CODE, [QUEUE], [delay(9, 6)])
    assert data(never)["coverage"]["applied"] is None
    said = "the trace holds no apply of this state, so what changed before 2026-03-01T10:06:00Z was not looked at"
    assert said in never.not_checked and said not in applied.not_checked


@pytest.mark.parametrize(
    ("seconds", "found"),
    [((9, 5), [DRIFT]), ((5, 9), [DRIFT]), ((9, 9), [DRIFT]), ((5, 5), [])],
)
def test_of_two_calls_in_one_second_the_drift_is_told_and_the_doubt_too(
    tmp_path: Path, seconds: tuple[int, int], found: list[Any]
) -> None:
    report = check(tmp_path, CODE, [QUEUE], [delay(value, 1) for value in seconds])
    doubtful = len(set(seconds)) > 1
    assert drifts(report) == found
    assert report.incomplete == doubtful
    assert [finding.confidence for finding in report.findings] == [0.5 if doubtful else 1.0] * len(found)
    assert any("does not tell which came last" in line for line in report.not_checked) == doubtful


TAGGED = resource(
    "aws_sqs_queue",
    "q",
    {"id": "u", "name": "q", "tags": {"Owner": "web"}, "tags_all": {"Owner": "web", "Team": "core"}},
)


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({"Team": "core"}, []),
        ({"Team": "other"}, [("aws_sqs_queue.q", "tags.Team", "set", "core", "other")]),
        ({"Owner": "web"}, []),
        ({"Cost": "1"}, [("aws_sqs_queue.q", "tags.Cost", "set", None, "1")]),
    ],
)
def test_default_tags_of_the_provider_are_the_codes_own(
    tmp_path: Path, tags: dict[str, str], found: list[Any]
) -> None:
    code = {"main.tf": 'resource "aws_sqs_queue" "q" {\n  name = "q"\n  tags = { Owner = "web" }\n}\n'}
    event = call("sqs:TagQueue", {"queueUrl": "https://x/1/q", "tags": tags})
    assert drifts(check(tmp_path, code, [TAGGED], [event])) == found


def test_what_was_done_to_a_new_resource_is_part_of_its_creation(tmp_path: Path) -> None:
    rule = {
        "items": [
            {
                "ipProtocol": "tcp",
                "fromPort": 22,
                "toPort": 22,
                "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
            }
        ]
    }
    calls = [
        call("ec2:CreateSecurityGroup", {"groupName": "x"}, responseElements={"groupId": "sg-9"}),
        call("ec2:AuthorizeSecurityGroupIngress", {"groupId": "sg-9", "ipPermissions": rule}, minute=1),
    ]
    (finding,) = check(tmp_path, CODE, [QUEUE], calls).findings
    assert (finding.kind, finding.severity.label, len(finding.details["events"])) == (
        "unmanaged",
        "critical",
        2,
    )


def test_a_call_through_a_service_is_the_callers(tmp_path: Path) -> None:
    identity = {"type": "IAMUser", "userName": "alice", "invokedBy": "cloudformation.amazonaws.com"}
    (finding,) = check(tmp_path, CODE, [QUEUE], [delay(9, 1, userIdentity=identity)]).findings
    assert (finding.details["actor"], finding.details["tool"]) == ("alice", "cloudformation")


LINKED_LOOKALIKES = [
    {"type": "IAMUser", "userName": "m", "arn": "arn:aws:iam::111122223333:user/aws-service-role/m"},
    {
        "type": "AssumedRole",
        "sessionContext": {
            "sessionIssuer": {
                "arn": "arn:aws:iam::111122223333:role/team/aws-service-role/dev",
                "userName": "dev",
            }
        },
    },
]


@pytest.mark.parametrize("identity", LINKED_LOOKALIKES, ids=["a user", "a path further on"])
def test_nobody_passes_for_a_service_by_a_path(tmp_path: Path, identity: dict[str, Any]) -> None:
    assert drifts(check(tmp_path, CODE, [QUEUE], [delay(9, 1, userIdentity=identity)])) == [DRIFT]


def test_a_service_that_repeats_a_value_does_not_absolve_who_set_it(tmp_path: Path) -> None:
    calls = [delay(9, 1), delay(9, 2, userIdentity=SERVICE)]
    (finding,) = check(tmp_path, CODE, [QUEUE], calls).findings
    assert (finding.details["actor"], finding.details["time"]) == ("alice", "2026-03-01T10:01:00Z")


def test_what_a_person_deleted_and_a_service_made_again_is_the_persons(tmp_path: Path) -> None:
    code = {
        "main.tf": 'resource "aws_cloudwatch_log_group" "a" {\n  name = "/a"\n  retention_in_days = 14\n}\n'
    }
    group = resource("aws_cloudwatch_log_group", "a", {"id": "/a", "name": "/a", "retention_in_days": 14})
    calls = [
        call("logs:DeleteLogGroup", {"logGroupName": "/a"}),
        call("logs:CreateLogGroup", {"logGroupName": "/a"}, minute=2, userIdentity=SERVICE),
    ]
    (finding,) = check(tmp_path, code, [group], calls).findings
    assert (finding.where, finding.details["attribute"]) == (
        "aws_cloudwatch_log_group.a",
        "retention_in_days",
    )
    assert finding.details["actor"] == "alice"


def test_what_a_refresh_wrote_into_the_state_is_drift_still(tmp_path: Path) -> None:
    code = {"main.tf": 'resource "aws_sqs_queue" "q" {\n  name = "q"\n  tags = { Owner = "web" }\n}\n'}
    both = {"Owner": "web", "Evil": "1"}
    queue = resource("aws_sqs_queue", "q", {"id": "u", "name": "q", "tags": both, "tags_all": both})
    event = call("sqs:TagQueue", {"queueUrl": "https://x/1/q", "tags": {"Evil": "1"}})
    assert drifts(check(tmp_path, code, [queue], [event])) == [
        ("aws_sqs_queue.q", "tags.Evil", "set", None, "1")
    ]


@pytest.mark.parametrize(("cidr", "told"), [("203.0.113.0/24", True), ("10.0.0.0/8", False)])
def test_a_rule_added_by_hand_that_a_refreshed_state_holds_is_a_doubt(
    tmp_path: Path, cidr: str, told: bool
) -> None:
    code = {"main.tf": 'resource "aws_security_group" "g" {\n  # 22 10.0.0.0/8 tcp\n}\n'}
    rule = {"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": [cidr]}
    group = resource("aws_security_group", "g", {"id": "sg-1", "ingress": [rule]})
    permission = {
        "ipProtocol": "tcp",
        "fromPort": 22,
        "toPort": 22,
        "ipRanges": {"items": [{"cidrIp": cidr}]},
    }
    event = call(
        "ec2:AuthorizeSecurityGroupIngress", {"groupId": "sg-1", "ipPermissions": {"items": [permission]}}
    )
    report = check(tmp_path, code, [group], [event])
    assert report.incomplete == told
    assert any("the state holds already" in line for line in report.not_checked) == told


ROLE = resource(
    "aws_iam_role",
    "r",
    {"id": "r", "name": "r", "inline_policy": [{"name": "p", "policy": '{"Statement":[]}'}]},
)
ROLE_CODE = {"main.tf": 'resource "aws_iam_role" "r" {\n  inline_policy {\n    name = "p"\n  }\n}\n'}


@pytest.mark.parametrize(
    ("name", "parameters", "action"),
    [
        ("iam:DeleteRolePolicy", {}, "remove"),
        ("iam:PutRolePolicy", {"policyDocument": '{"Statement":[{"Effect":"Allow"}]}'}, "set"),
        ("iam:PutRolePolicy", {"policyDocument": '{"Statement":[]}'}, ""),
    ],
)
def test_a_policy_in_the_role_itself_is_compared_there(
    tmp_path: Path, name: str, parameters: dict[str, Any], action: str
) -> None:
    event = call(name, {"roleName": "r", "policyName": "p", **parameters})
    found = drifts(check(tmp_path, ROLE_CODE, [ROLE], [event]))
    assert [(where, attribute, did) for where, attribute, did, _, _ in found] == (
        [("aws_iam_role.r", "inline_policy", action)] if action else []
    )


def test_calls_by_terraform_that_nobody_knows_are_said(tmp_path: Path) -> None:
    event = call("braket:CreateQuantumTask", {"x": 1}, userAgent=TERRAFORM)
    report = check(tmp_path, CODE, [QUEUE], [event])
    assert "1 calls by Terraform or AWS services that the catalogue does not know" in report.not_checked


@pytest.mark.parametrize(
    ("kind", "attributes", "gap"),
    [
        ("aws_iam_role", {"name": "r", "arn": "arn:aws:iam::111122223333:role/r"}, "region us-east-1"),
        ("aws_iam_role", {"name": "r", "arn": "arn:aws-cn:iam::111122223333:role/r"}, "region cn-north-1"),
        (
            "aws_s3_bucket",
            {"bucket": "b", "arn": "arn:aws:s3:::b", "region": "us-west-2"},
            "region us-west-2",
        ),
    ],
)
def test_a_trace_without_the_region_of_a_resource_is_a_gap(
    tmp_path: Path, kind: str, attributes: dict[str, Any], gap: str
) -> None:
    report = check(tmp_path, CODE, [QUEUE, resource(kind, "x", {"id": "x", **attributes})], [delay(5, 1)])
    assert report.incomplete and any(line.startswith(gap) for line in report.not_checked)


def test_one_name_in_two_regions_is_two_resources(tmp_path: Path) -> None:
    twins = [
        resource("aws_sqs_queue", region, {"id": "q", "arn": f"arn:aws:sqs:{region}:111122223333:q"})
        for region in ("eu-west-1", "eu-west-2")
    ]
    report = check(tmp_path, CODE, twins, [delay(5, 1)])
    assert not any("is claimed by" in line for line in report.not_checked)
