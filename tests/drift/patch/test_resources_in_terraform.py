"""Real Terraform has the last word: after the edits, a plan of what people did by hand has nothing to do but import."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamplighter.drift.model import DriftItem, EventRef
from lamplighter.drift.patch import members, removing, resources
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Rules
from tests.drift.patch.says import carries, code_in, item
from tests.drift.planned.world import World, applied, needs_terraform

pytestmark = [needs_terraform, pytest.mark.timeout(420)]
_AUDIT = "arn:aws:iam::aws:policy/SecurityAudit"
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:DeleteObject",
            "Resource": "arn:aws:s3:::acme-payments-prod-receipts/*",
        }
    ],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with applied("payments", tmp_path_factory.mktemp("patched")) as world:
        yield world


def _by_hand(world: World) -> tuple[list[tuple[Rules, DriftItem]], dict[str, dict[str, Any]]]:
    """What somebody changes, as the drift items of it, and the records that matter."""
    found: list[tuple[Rules, DriftItem]] = []
    logs, iam, ec2 = world.client("logs"), world.client("iam"), world.client("ec2")

    logs.delete_log_group(logGroupName="/payments/prod/worker")
    found.append((removing.rules, item('aws_cloudwatch_log_group.service["worker"]', "delete")))

    read = world.attributes("aws_iam_policy.ledger_read")["arn"]
    iam.detach_role_policy(RoleName="payments-prod-api", PolicyArn=read)
    found.append((removing.rules, item("aws_iam_role_policy_attachment.api_ledger", "delete")))

    receipts = "acme-payments-prod-receipts"
    world.client("s3").delete_public_access_block(Bucket=receipts)
    gone = item('aws_s3_bucket_public_access_block.this["receipts"]', "delete")
    found.append((removing.rules, gone))

    web = world.attributes("aws_security_group.web")["id"]
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_ingress(GroupId=web, IpPermissions=[https])
    member = {"protocol": "tcp", "from_port": 443, "to_port": 443, "source": "0.0.0.0/0"}
    found.append((members.rules, item("aws_security_group.web", "remove", "ingress", was=member)))

    db = world.attributes("aws_security_group.db")["id"]
    rule = {"IpProtocol": "tcp", "FromPort": 5433, "ToPort": 5433, "IpRanges": [{"CidrIp": "10.9.0.0/16"}]}
    made = ec2.authorize_security_group_ingress(GroupId=db, IpPermissions=[rule])["SecurityGroupRules"][0]
    answer = {"securityGroupRuleId": made["SecurityGroupRuleId"], "cidrIpv4": "10.9.0.0/16"}
    rules = {"items": [{**answer, "fromPort": 5433, "toPort": 5433}]}
    member = {"protocol": "tcp", "from_port": 5433, "to_port": 5433, "source": "10.9.0.0/16"}
    events = (EventRef("rule", "ec2:AuthorizeSecurityGroupIngress", ""),)
    found.append((members.rules, item("aws_security_group.db", "add", "ingress", live=member, events=events)))

    iam.attach_role_policy(RoleName="payments-prod-api", PolicyArn=_AUDIT)
    found.append((members.rules, item("aws_iam_role.api", "add", "managed_policy_arns", live=_AUDIT)))

    world.client("s3").put_bucket_policy(Bucket=receipts, Policy=json.dumps(_POLICY))
    setting = item(
        'aws_s3_bucket.this["receipts"]',
        "set",
        "aws_s3_bucket_policy.policy",
        live=_POLICY,
        resource_type="aws_s3_bucket_policy",
        resource_id=receipts,
    )
    found.append((resources.rules, setting))

    parameters = {"queueName": "replay", "attributes": {"VisibilityTimeout": "60"}}
    world.client("sqs").create_queue(QueueName="replay", Attributes={"VisibilityTimeout": "60"})
    events = (EventRef("queue", "sqs:CreateQueue", ""),)
    queue = item(None, "create", resource_type="aws_sqs_queue", resource_id="replay", events=events)
    found.append((resources.rules, queue))
    record = {
        "eventID": "queue",
        "eventName": "CreateQueue",
        "eventSource": "sqs.amazonaws.com",
        "eventTime": "2026-11-25T00:00:00Z",
        "awsRegion": "eu-west-1",
        "userIdentity": {"type": "IAMUser", "userName": "eva"},
        "requestParameters": parameters,
        "responseElements": None,
    }
    return found, {"queue": record, "rule": {"responseElements": {"securityGroupRuleSet": rules}}}


def _patched(code: Code, changes: list[tuple[Rules, DriftItem]]) -> Code:
    for rules, drift in changes:
        fitting = (one for one in rules(drift, code) if not carries(drift, code, code.edited(one.edits)))
        candidate = next(fitting, None)
        assert candidate is not None, drift
        code = code.edited(candidate.edits)
    return code


def _differing(change: dict[str, Any]) -> dict[str, Any]:
    """What a plan would change: attribute -> before and after."""
    before, after = (change[side] or {} for side in ("before", "after"))
    names = sorted(before.keys() | after.keys())
    return {
        name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    }


def test_a_plan_of_the_patched_code_only_imports(world: World, tmp_path: Path) -> None:
    changes, records = _by_hand(world)
    state = tmp_path / "pulled.tfstate"
    state.write_text(json.dumps(world.state))
    code = _patched(code_in(world.folder, state).with_records(records), changes)
    for path, content in code.contents.items():
        (world.folder / path).write_bytes(content)
    planned = world.plan("normal")
    left = {
        change["address"]: _differing(change["change"])
        for change in planned["resource_changes"]
        if change["change"]["actions"] != ["no-op"]
    }
    taken = {change["address"] for change in planned["resource_changes"] if change["change"].get("importing")}
    assert left == {}
    assert taken == {
        "aws_iam_role_policy_attachment.api_security_audit",
        "aws_s3_bucket_policy.acme_payments_prod_receipts",
        "aws_sqs_queue.replay",
        "aws_vpc_security_group_ingress_rule.db_tcp_5433",
    }
