"""Who made a call decides whether it can be drift: the identity first, the user agent only by how it begins.

Shapes of `userIdentity`: AWS CloudTrail user guide, "CloudTrail userIdentity element".
"""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.drift.model import Origin
from lamplighter.drift.trace import Owners, actor_of, classify

CLI = "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 lang/python#3.13.7"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
TERRAFORM = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io) terraform-provider-aws/5.100.0 "
    "(+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.36.3 ua/2.1 os/linux"
)
S3_CONSOLE = "S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.590 Linux/4.9.152 java/1.8.0_212"

ANA = {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/ana", "userName": "ana"}
ROOT = {"type": "Root", "principalId": "123456789012", "arn": "arn:aws:iam::123456789012:root"}
SSO = {
    "type": "AssumedRole",
    "principalId": "AROAEXAMPLE:lin@example.com",
    "arn": "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Ops_0123456789abcdef/lin@example.com",
    "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "AWSReservedSSO_Ops_0123456789abcdef"}},
}
CHAINED = {
    "type": "AssumedRole",
    "principalId": "AROAEXAMPLE:from-ops",
    "arn": "arn:aws:sts::210987654321:assumed-role/break-glass/from-ops",
    "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "break-glass"}},
}
WEB_IDENTITY = {
    "type": "WebIdentityUser",
    "principalId": "accounts.example.com:client:subject",
    "userName": "subject",
    "identityProvider": "accounts.example.com",
}
AUTOSCALING = {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}


def call(identity: Any, agent: Any = CLI, **changed: Any) -> dict[str, Any]:
    record = {
        "eventSource": "ec2.amazonaws.com",
        "eventName": "CreateTags",
        "eventType": "AwsApiCall",
        "userIdentity": identity,
        "userAgent": agent,
        "sourceIPAddress": "198.51.100.17",
    }
    return record | changed


PERSON, AUTOMATION, SERVICE = Origin.PERSON, Origin.AUTOMATION, Origin.SERVICE
LINKED = {
    "type": "AssumedRole",
    "principalId": "AROAEXAMPLE:AutoScaling",
    "arn": "arn:aws:sts::123456789012:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling",
    "sessionContext": {
        "sessionIssuer": {
            "type": "Role",
            "arn": "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/"
            "AWSServiceRoleForAutoScaling",
            "userName": "AWSServiceRoleForAutoScaling",
        }
    },
}
MACHINE = {**CHAINED, "principalId": "AROAEXAMPLE:i-0123456789abcdef0"}


@pytest.mark.parametrize(
    ("record", "origin"),
    [
        (call(ANA), PERSON),
        (call(ROOT, BROWSER), PERSON),
        (call(ROOT, "Boto3/1.40.1"), PERSON),
        (call(SSO, BROWSER, sessionCredentialFromConsole="true"), PERSON),
        (call(CHAINED), PERSON),
        (call(CHAINED, "Boto3/1.40.1"), AUTOMATION),
        (call(MACHINE), AUTOMATION),
        (call(WEB_IDENTITY), AUTOMATION),
        (call(SSO, "Boto3/1.40.1 md/Botocore#1.40.1"), PERSON),
        (call(ANA, "Boto3/1.40.1 md/Botocore#1.40.1"), AUTOMATION),
        (call(AUTOSCALING, "autoscaling.amazonaws.com"), SERVICE),
        (call(LINKED, "autoscaling.amazonaws.com"), SERVICE),
        (call({**SSO, "invokedBy": "cloudformation.amazonaws.com"}), PERSON),
        (call({**ANA, "invokedBy": "ssm.amazonaws.com"}, TERRAFORM), AUTOMATION),
        (call({"accountId": "123456789012", "invokedBy": "AWS Internal"}, "AWS Internal"), SERVICE),
        (call({"accountId": "123456789012"}, eventType="AwsServiceEvent"), SERVICE),
        (call({**ANA, "invokedBy": "AWS Internal"}, "AWS Internal"), PERSON),
        (call({**ANA, "invokedBy": "signin.amazonaws.com"}, "signin.amazonaws.com"), PERSON),
        (call({**ANA, "invokedBy": "amazonaws.com.example.org"}), PERSON),
        (call(ANA, errorCode="Client.UnauthorizedOperation"), Origin.FAILED),
        (call(AUTOSCALING, errorCode="Client.UnauthorizedOperation"), Origin.FAILED),
        (call(SSO, TERRAFORM, errorCode="NoSuchBucket"), Origin.FAILED),
        (call(SSO, BROWSER, eventSource="signin.amazonaws.com", eventName="ConsoleLogin"), Origin.SIGN_IN),
        (call(ANA, eventSource="sts.amazonaws.com", eventName="AssumeRole"), Origin.SIGN_IN),
        (call(ANA, TERRAFORM, eventSource="sts.amazonaws.com", eventName="AssumeRole"), Origin.SIGN_IN),
        (call(SSO, eventSource="sso.amazonaws.com", eventName="Federate"), Origin.SIGN_IN),
        (call(SSO, eventSource="sso.amazonaws.com", eventName="CreateAccountAssignment"), PERSON),
        (
            call(MACHINE, eventSource="ssm.amazonaws.com", eventName="UpdateInstanceInformation"),
            Origin.TELEMETRY,
        ),
        (call(ANA, eventSource="ssm.amazonaws.com", eventName="PutParameter"), PERSON),
    ],
)
def test_a_call_is_sorted_by_who_made_it(record: dict[str, Any], origin: Origin) -> None:
    classified = classify(record)

    assert classified.origin is origin
    assert classified.reason


@pytest.mark.parametrize(
    ("identity", "principals", "origin"),
    [
        (ANA, (), Origin.TERRAFORM),
        (ANA, ("ana",), Origin.TERRAFORM),
        (ANA, ("arn:aws:iam::123456789012:user/*",), Origin.TERRAFORM),
        (ANA, ("ci-*", "arn:aws:iam::*:role/ci"), Origin.OTHER_TERRAFORM),
        (CHAINED, ("break-glass",), Origin.TERRAFORM),
        (CHAINED, ("from-ops",), Origin.OTHER_TERRAFORM),
        ({}, ("*",), Origin.OTHER_TERRAFORM),
        (None, (), Origin.TERRAFORM),
    ],
)
def test_terraform_is_the_codes_own_for_the_principals_named(
    identity: Any, principals: tuple[str, ...], origin: Origin
) -> None:
    assert classify(call(identity, TERRAFORM), Owners(principals)).origin is origin


def test_a_run_of_our_own_is_known_by_what_it_appended() -> None:
    owners = Owners(("nobody",), frozenset({"lamp-0123456789abcdef"}))

    assert classify(call(ANA, f"{TERRAFORM} lamp-0123456789abcdef"), owners).origin is Origin.TERRAFORM
    assert classify(call(ANA, f"{CLI} lamp-0123456789abcdef"), owners).origin is PERSON


@pytest.mark.parametrize(
    "agent",
    [
        TERRAFORM,
        f"[{TERRAFORM}]",
        f"{TERRAFORM} payments/4812 (ci)",
        f"[{TERRAFORM} payments/4812 (ci)]",
        "APN/1.0 HashiCorp/1.0 Terraform/1.5.6 aws-sdk-go/1.44.122 (go1.20.8; linux; amd64)",
        "APN/1.0 HashiCorp/1.0 Terraform/1.15.0-alpha20260204 (+https://www.terraform.io)",
        "HashiCorp Terraform/1.5.2 (+https://www.terraform.io) Terraform Plugin SDK/2.8.0",
        "HashiCorp/1.0 Terraform/1.11.4",
    ],
)
def test_terraform_is_known_by_how_its_user_agent_begins(agent: str) -> None:
    record = call(SSO, agent)

    assert classify(record).origin is Origin.TERRAFORM
    assert actor_of(record).tool == "terraform"


@pytest.mark.parametrize(
    ("agent", "tool"),
    [
        (f"{CLI} {TERRAFORM}", "aws-cli"),
        (f"[{CLI} {TERRAFORM}]", "aws-cli"),
        (f"{CLI} exec-env/HashiCorp/1.0 Terraform/1.11.4", "aws-cli"),
        (f"Boto3/1.40.1 md/Botocore#1.40.1 {TERRAFORM}", "boto3"),
        (f"{BROWSER} {TERRAFORM}", "console"),
        ("APN/1.0 HashiCorp/1.0 Vault/1.15.0", "APN"),
        ("HashiCorp/1.0 Terraform/", "HashiCorp"),
        ("Terraform/1.11.4", "Terraform"),
        ("terraform-provider-aws/5.100.0", "terraform-provider-aws"),
    ],
)
def test_what_only_speaks_of_terraform_is_not_hidden(agent: str, tool: str) -> None:
    record = call(ANA, agent)

    assert classify(record).origin.outside
    assert actor_of(record).tool == tool


@pytest.mark.parametrize(
    ("agent", "changed", "tool"),
    [
        ("console.amazonaws.com", {}, "console"),
        ("signin.amazonaws.com", {}, "console"),
        ("AWS Internal", {}, "console"),
        (BROWSER, {}, "console"),
        (f"[{BROWSER}]", {}, "console"),
        (f"[{S3_CONSOLE}]", {}, "console"),
        ("aws-sdk-java/2.20.162", {"sessionCredentialFromConsole": "true"}, "console"),
        ("aws-sdk-java/2.20.162", {"sessionCredentialFromConsole": True}, "console"),
        ("aws-sdk-java/2.20.162", {"sessionCredentialFromConsole": "false"}, "aws-sdk-java"),
        (CLI, {}, "aws-cli"),
        (f"[{CLI}]", {}, "aws-cli"),
        ("Boto3/1.40.1 md/Botocore#1.40.1", {}, "boto3"),
        ("eksctl", {}, "eksctl"),
        (CLI, {"userIdentity": {**ANA, "invokedBy": "cloudformation.amazonaws.com"}}, "cloudformation"),
        ("AWS Internal", {"userIdentity": {**ANA, "invokedBy": "AWS Internal"}}, "console"),
        ("", {}, "unknown"),
        (None, {}, "unknown"),
        (7, {}, "unknown"),
        (["aws-cli/2"], {}, "unknown"),
    ],
)
def test_the_tool_is_told_from_the_user_agent(agent: Any, changed: dict[str, Any], tool: str) -> None:
    assert actor_of(call(ANA, agent, **changed)).tool == tool


@pytest.mark.parametrize(
    ("identity", "name", "kind"),
    [
        (ROOT, "root", "Root"),
        (ANA, "ana", "IAMUser"),
        (SSO, "AWSReservedSSO_Ops_0123456789abcdef/lin@example.com", "AssumedRole"),
        (CHAINED, "break-glass/from-ops", "AssumedRole"),
        (WEB_IDENTITY, "subject", "WebIdentityUser"),
        (AUTOSCALING, "autoscaling.amazonaws.com", "AWSService"),
        ({"type": "AWSAccount", "principalId": "AIDAEXAMPLE"}, "AIDAEXAMPLE", "AWSAccount"),
        (
            {"type": "IdentityCenterUser", "accountId": "123456789012"},
            "IdentityCenterUser",
            "IdentityCenterUser",
        ),
        ({}, "unknown", "unknown"),
        (None, "unknown", "unknown"),
        ({"type": None, "userName": 7, "arn": ["a"], "principalId": {}}, "unknown", "unknown"),
        ({"type": ["Root"], "invokedBy": 1}, "unknown", "unknown"),
    ],
)
def test_the_actor_is_named_as_people_would_name_it(identity: Any, name: str, kind: str) -> None:
    record = call(identity)

    assert actor_of(record)[:2] == (name, kind)
    assert isinstance(classify(record).origin, Origin)


@pytest.mark.parametrize("address", [None, 7, ["198.51.100.17"], {}])
def test_an_address_of_a_wrong_type_is_none(address: Any) -> None:
    assert actor_of(call(ANA, sourceIPAddress=address)).source_ip == ""
