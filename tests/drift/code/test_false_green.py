"""A clean answer is the worst place for a mistake: what looks harmless and is not."""

from __future__ import annotations

from pathlib import Path

from tests.drift.code.world import call, check, resource

BUCKET = resource("aws_s3_bucket", "b", {"id": "logs", "bucket": "logs", "arn": "arn:aws:s3:::logs"})
ROLE = resource(
    "aws_iam_role", "r", {"id": "api", "name": "api", "arn": "arn:aws:iam::111122223333:role/api"}
)
GROUP = resource("aws_default_security_group", "d", {"id": "sg-1", "ingress": []})
CODE = {
    "main.tf": 'resource "aws_s3_bucket" "b" {}\nresource "aws_iam_role" "r" {}\n'
    'resource "aws_default_security_group" "d" {}\n'
}
POLICY = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}]}


def test_a_new_setting_of_a_managed_resource_is_found(tmp_path: Path) -> None:
    calls = [
        call("s3:PutBucketPolicy", {"bucketName": "logs", "bucketPolicy": POLICY}),
        call(
            "iam:PutRolePolicy", {"roleName": "api", "policyName": "x", "policyDocument": '{"Statement": []}'}
        ),
        call(
            "ec2:AuthorizeSecurityGroupIngress",
            {
                "groupId": "sg-1",
                "ipPermissions": {
                    "items": [
                        {
                            "ipProtocol": "tcp",
                            "fromPort": 22,
                            "toPort": 22,
                            "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
                        }
                    ]
                },
            },
        ),
    ]
    found = {
        finding.where: finding for finding in check(tmp_path, CODE, [BUCKET, ROLE, GROUP], calls).findings
    }
    assert set(found) == {"aws_s3_bucket.b", "aws_iam_role.r", "aws_default_security_group.d"}
    assert found["aws_s3_bucket.b"].severity.label == "critical"
    assert found["aws_default_security_group.d"].severity.label == "critical"


def test_made_again_by_hand_is_not_the_same(tmp_path: Path) -> None:
    calls = [
        call("s3:DeleteBucket", {"bucketName": "logs"}, minute=1),
        call("s3:CreateBucket", {"bucketName": "logs"}, minute=2),
    ]
    (finding,) = check(tmp_path, CODE, [BUCKET], calls).findings
    assert finding.where == "aws_s3_bucket.b"
    assert "made again" in finding.summary


def test_a_state_refreshed_after_the_drift_does_not_hide_it(tmp_path: Path) -> None:
    code = {"main.tf": 'resource "aws_sqs_queue" "q" {\n  delay_seconds = 5\n}\n'}
    queue = resource("aws_sqs_queue", "q", {"id": "u", "name": "q", "delay_seconds": 9})
    moved = call("sqs:SetQueueAttributes", {"queueUrl": "https://x/1/q", "attributes": {"DelaySeconds": "9"}})
    (finding,) = check(tmp_path, code, [queue], [moved]).findings
    assert (finding.details["code"], finding.details["live"]) == (5, 9)


def test_an_empty_state_or_a_silent_account_is_incomplete(tmp_path: Path) -> None:
    harmless = call("logs:CreateLogStream", {"logGroupName": "/x"})
    report = check(tmp_path, CODE, [], [harmless])
    assert report.incomplete and any("nothing to compare with" in line for line in report.not_checked)
    other = call("logs:CreateLogStream", {"logGroupName": "/x"}, recipientAccountId="999999999999")
    report = check(tmp_path, CODE, [ROLE], [other])
    assert report.incomplete and any("account 111122223333" in line for line in report.not_checked)


def test_a_removal_of_something_unknown_is_said(tmp_path: Path) -> None:
    removed = call("iam:DetachRolePolicy", {"roleName": "api", "policyArn": "arn:aws:iam::aws:policy/X"})
    report = check(tmp_path, CODE, [ROLE], [removed])
    assert report.incomplete and any("does not hold" in line for line in report.not_checked)
