"""What a changed value is compared with: the state, the code, the members of a set and what nobody looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.findings import Severity
from tests.drift.code.world import call, check, drifts, resource

GROUP = resource(
    "aws_cloudwatch_log_group",
    "api",
    {"id": "/api", "name": "/api", "retention_in_days": 30, "tags": {"Owner": "web"}},
)
GROUP_CODE = """
resource "aws_cloudwatch_log_group" "api" {
  name              = "/api"
  retention_in_days = 30
  tags              = { Owner = "web" }
}
"""


def retention(days: int, minute: int = 0) -> dict[str, Any]:
    parameters = {"logGroupName": "/api", "retentionInDays": days}
    return call("logs:PutRetentionPolicy", parameters, minute=minute)


def found(
    folder: Path, code: str, resources: list[Any], calls: list[Any]
) -> list[tuple[str, str, str, Any, Any]]:
    return drifts(check(folder, {"main.tf": code}, resources, calls))


def test_a_changed_value_and_the_edit_that_says_it(tmp_path: Path) -> None:
    report = check(tmp_path, {"main.tf": GROUP_CODE}, [GROUP], [retention(7)])
    assert drifts(report) == [("aws_cloudwatch_log_group.api", "retention_in_days", "set", 30, 7)]
    (finding,) = report.findings
    assert finding.location == "main.tf:4"
    assert report.plan is not None
    (step,) = report.plan.steps
    (edit,) = step.operation.edits  # type: ignore[union-attr]
    assert GROUP_CODE.encode()[edit.start : edit.end] == b"30" and (edit.old, edit.new) == ("30", "7")


def test_set_and_set_back_is_none(tmp_path: Path) -> None:
    assert found(tmp_path, GROUP_CODE, [GROUP], [retention(7), retention(30, 5)]) == []


def test_code_that_has_caught_up_is_none(tmp_path: Path) -> None:
    assert found(tmp_path, GROUP_CODE.replace("30", "7"), [GROUP], [retention(7)]) == []


def test_ignored_attributes_are_counted_not_reported(tmp_path: Path) -> None:
    lifecycle = "  lifecycle {\n    ignore_changes = [retention_in_days]\n  }\n}\n"
    ignoring = GROUP_CODE.removesuffix("}\n") + lifecycle
    report = check(tmp_path, {"main.tf": ignoring}, [GROUP], [retention(7)])
    assert report.findings == () and not report.incomplete
    assert any(line.startswith("1 changes that lifecycle.ignore_changes") for line in report.not_checked)


def test_what_this_state_does_not_hold_is_counted(tmp_path: Path) -> None:
    other = call("logs:PutRetentionPolicy", {"logGroupName": "/other", "retentionInDays": 1})
    report = check(tmp_path, {"main.tf": GROUP_CODE}, [GROUP], [other])
    assert report.findings == ()
    assert any(
        line.startswith("1 changes to resources that this state does not hold") for line in report.not_checked
    )


def test_deleted_behind_its_back(tmp_path: Path) -> None:
    gone = call("logs:DeleteLogGroup", {"logGroupName": "/api"})
    assert found(tmp_path, GROUP_CODE, [GROUP], [gone]) == [
        ("aws_cloudwatch_log_group.api", "", "delete", "present", None)
    ]


def test_a_number_with_leading_zeros_is_another_tag(tmp_path: Path) -> None:
    calls = [call("logs:TagLogGroup", {"logGroupName": "/api", "tags": {"Build": "007"}})]
    tagged = resource(
        "aws_cloudwatch_log_group", "api", {"id": "/api", "name": "/api", "tags": {"Build": "7"}}
    )
    code = 'resource "aws_cloudwatch_log_group" "api" {\n  name = "/api"\n  tags = { Build = "7" }\n}\n'
    assert found(tmp_path, code, [tagged], calls) == [
        ("aws_cloudwatch_log_group.api", "tags.Build", "set", "7", "007")
    ]


# Rules of a security group may stand in the group or in resources of their own.
RULE = {"protocol": "tcp", "from_port": 443, "to_port": 443}
ATOM = {**RULE, "source": "10.0.0.0/8"}
INLINE = resource(
    "aws_security_group",
    "web",
    {"id": "sg-1", "ingress": [{**RULE, "cidr_blocks": ["10.0.0.0/8", "10.1.0.0/16"]}]},
)
BARE = resource("aws_security_group", "web", {"id": "sg-1", "ingress": []})
OWN_RULE = resource(
    "aws_vpc_security_group_ingress_rule",
    "https",
    {
        "id": "sgr-1",
        "security_group_id": "sg-1",
        "ip_protocol": "tcp",
        "from_port": 443,
        "to_port": 443,
        "cidr_ipv4": "10.0.0.0/8",
    },
)
OLD_RULE = resource(
    "aws_security_group_rule",
    "https",
    {"id": "sgrule-1", "security_group_id": "sg-1", "type": "ingress", **RULE, "cidr_blocks": ["10.0.0.0/8"]},
)
GROUPS = """
resource "aws_security_group" "web" {}
resource "aws_vpc_security_group_ingress_rule" "https" {}
resource "aws_security_group_rule" "https" {}
"""


def rule(action: str, source: str, minute: int = 0) -> dict[str, Any]:
    permission = {
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "ipRanges": {"items": [{"cidrIp": source}]},
    }
    parameters = {"groupId": "sg-1", "ipPermissions": {"items": [permission]}}
    return call(f"ec2:{action}SecurityGroupIngress", parameters, minute=minute)


MEMBERS = [
    ([INLINE], "Authorize", "10.0.0.0/8", None),
    ([INLINE], "Authorize", "10.9.0.0/16", ("aws_security_group.web", "ingress", "add")),
    ([INLINE], "Revoke", "10.0.0.0/8", ("aws_security_group.web", "ingress", "remove")),
    ([INLINE], "Revoke", "10.9.0.0/16", None),
    ([BARE, OWN_RULE], "Authorize", "10.0.0.0/8", None),
    ([BARE, OWN_RULE], "Revoke", "10.0.0.0/8", ("aws_vpc_security_group_ingress_rule.https", "", "delete")),
    ([BARE, OLD_RULE], "Authorize", "10.0.0.0/8", None),
    ([BARE, OLD_RULE], "Revoke", "10.0.0.0/8", ("aws_security_group_rule.https", "", "delete")),
]


@pytest.mark.parametrize(("resources", "action", "source", "expected"), MEMBERS)
def test_rules(
    tmp_path: Path, resources: list[Any], action: str, source: str, expected: tuple[str, str, str] | None
) -> None:
    rows = found(tmp_path, GROUPS, resources, [rule(action, source)])
    assert [row[:3] for row in rows] == ([expected] if expected else [])


def test_a_rule_added_and_taken_away_again_is_none(tmp_path: Path) -> None:
    assert (
        found(tmp_path, GROUPS, [INLINE], [rule("Authorize", "0.0.0.0/0"), rule("Revoke", "0.0.0.0/0", 1)])
        == []
    )
    assert (
        found(tmp_path, GROUPS, [INLINE], [rule("Revoke", "10.0.0.0/8"), rule("Authorize", "10.0.0.0/8", 1)])
        == []
    )


POLICY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ROLE = resource("aws_iam_role", "api", {"id": "api", "name": "api", "managed_policy_arns": [POLICY]})
PLAIN_ROLE = resource("aws_iam_role", "api", {"id": "api", "name": "api", "managed_policy_arns": []})
ATTACHED = resource(
    "aws_iam_role_policy_attachment", "read", {"id": "api-1", "role": "api", "policy_arn": POLICY}
)
ROLES = 'resource "aws_iam_role" "api" {}\nresource "aws_iam_role_policy_attachment" "read" {}\n'
ATTACHMENTS = [
    ([ROLE], "Attach", None),
    ([ROLE], "Detach", ("aws_iam_role.api", "managed_policy_arns", "remove")),
    ([PLAIN_ROLE], "Attach", ("aws_iam_role.api", "managed_policy_arns", "add")),
    ([PLAIN_ROLE], "Detach", None),
    ([PLAIN_ROLE, ATTACHED], "Attach", None),
    ([PLAIN_ROLE, ATTACHED], "Detach", ("aws_iam_role_policy_attachment.read", "", "delete")),
    # The provider reads attachments back into the role: the resource of its own still holds the member.
    ([ROLE, ATTACHED], "Detach", ("aws_iam_role_policy_attachment.read", "", "delete")),
]


@pytest.mark.parametrize(("resources", "action", "expected"), ATTACHMENTS)
def test_attachments(
    tmp_path: Path, resources: list[Any], action: str, expected: tuple[str, str, str] | None
) -> None:
    event = call(
        f"iam:{action}RolePolicy", {"roleName": "api", "policyArn": POLICY}, eventSource="iam.amazonaws.com"
    )
    rows = found(tmp_path, ROLES, resources, [event])
    assert [row[:3] for row in rows] == ([expected] if expected else [])


def test_the_last_one_to_touch_it_is_named_and_all_are_cited(tmp_path: Path) -> None:
    first, second = retention(7), retention(14, 3)
    second["userIdentity"] = {**second["userIdentity"], "userName": "bob"}
    (finding,) = check(tmp_path, {"main.tf": GROUP_CODE}, [GROUP], [second, first]).findings
    assert (finding.details["actor"], finding.details["live"]) == ("bob", 14)
    assert finding.details["events"] == [first["eventID"], second["eventID"]]


def test_shorter_retention_weighs_more_than_longer(tmp_path: Path) -> None:
    (shorter,) = check(tmp_path, {"main.tf": GROUP_CODE}, [GROUP], [retention(7)]).findings
    (longer,) = check(tmp_path, {"main.tf": GROUP_CODE}, [GROUP], [retention(90)]).findings
    assert (shorter.severity, longer.severity) == (Severity.MEDIUM, Severity.LOW)


@pytest.mark.parametrize(("action", "expected"), [("Authorize", []), ("Revoke", ["remove"])])
@pytest.mark.parametrize(
    "resources",
    [
        [resource("aws_security_group", "web", {"id": "sg-1", "ingress": [{**RULE, "self": True}]})],
        [
            BARE,
            resource(
                "aws_security_group_rule",
                "https",
                {"id": "r", "security_group_id": "sg-1", "type": "ingress", **RULE, "self": True},
            ),
        ],
    ],
    ids=["inline", "resource of its own"],
)
def test_a_rule_for_the_group_itself(
    tmp_path: Path, resources: list[Any], action: str, expected: list[str]
) -> None:
    permission = {
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "groups": {"items": [{"groupId": "sg-1"}]},
    }
    event = call(
        f"ec2:{action}SecurityGroupIngress",
        {"groupId": "sg-1", "ipPermissions": {"items": [permission]}},
    )
    actions = [row[2] for row in found(tmp_path, GROUPS, resources, [event])]
    assert actions == (["delete"] if expected and len(resources) > 1 else expected)


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:logs:eu-west-1:111122223333:log-group:/api", True),
        ("arn:aws:logs:us-east-1:111122223333:log-group:/api", False),
        ("arn:aws:logs:eu-west-1:999999999999:log-group:/api", False),
        ("arn:aws:logs:::log-group:/api", True),
        ("", True),
    ],
)
def test_the_same_name_in_another_account_or_region_is_another_resource(
    tmp_path: Path, arn: str, expected: bool
) -> None:
    attributes = {"id": "/api", "name": "/api", "retention_in_days": 30, "arn": arn}
    group = resource("aws_cloudwatch_log_group", "api", attributes)
    assert bool(found(tmp_path, GROUP_CODE, [group], [retention(7)])) == expected


ROUTE = {
    "id": "r-1",
    "route_table_id": "rtb-1",
    "destination_cidr_block": "0.0.0.0/0",
    "nat_gateway_id": "nat-1",
    "gateway_id": "",
}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"natGatewayId": "nat-1"}, []),
        ({"natGatewayId": "nat-2"}, [("nat_gateway_id", "nat-1", "nat-2")]),
        ({"gatewayId": "igw-1"}, [("gateway_id", "", "igw-1"), ("nat_gateway_id", "nat-1", "")]),
        (
            {"transitGatewayId": "tgw-1"},
            [("nat_gateway_id", "nat-1", ""), ("transit_gateway_id", "", "tgw-1")],
        ),
    ],
)
def test_a_route_led_elsewhere_changes_both_targets(
    tmp_path: Path, target: dict[str, str], expected: list[Any]
) -> None:
    code = 'resource "aws_route" "out" {\n  route_table_id = "rtb-1"\n  nat_gateway_id = "nat-1"\n}\n'
    parameters = {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", **target}
    rows = found(
        tmp_path, code, [resource("aws_route", "out", ROUTE)], [call("ec2:ReplaceRoute", parameters)]
    )
    assert [(attribute, was, now) for _, attribute, _, was, now in rows] == expected


ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:psp-AbCdEf"


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["mine"], None),
        (["other"], ["AWSPREVIOUS"]),
        (["other", "third"], []),
        (["other", "mine"], None),
        (["mine", "other"], ["AWSPREVIOUS"]),
    ],
)
def test_a_newer_secret_moves_the_labels_of_the_one_that_code_made(
    tmp_path: Path, versions: list[str], expected: list[str] | None
) -> None:
    state = {
        "id": f"{ARN}|mine",
        "arn": ARN,
        "secret_id": ARN,
        "version_id": "mine",
        "version_stages": ["AWSCURRENT"],
    }
    calls = [
        call(
            "secretsmanager:PutSecretValue",
            {"secretId": ARN},
            minute=minute,
            responseElements={"aRN": ARN, "versionId": version},
        )
        for minute, version in enumerate(versions)
    ]
    code = 'resource "aws_secretsmanager_secret_version" "psp" {\n  secret_id = "x"\n}\n'
    rows = found(tmp_path, code, [resource("aws_secretsmanager_secret_version", "psp", state)], calls)
    wanted = [] if expected is None else [("version_stages", ["AWSCURRENT"], expected)]
    assert [(attribute, was, now) for _, attribute, _, was, now in rows] == wanted
