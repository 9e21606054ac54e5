"""Who works in the sandbox account: their userIdentity as CloudTrail shows it, address and client."""

from typing import Any

from lamplighter.scenarios.recorder import Session

ACCOUNT = "123456789012"
BROWSER = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
CLI = (
    "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7 "
    "md/pyimpl#CPython m/E,b,Z cfg/retry-mode#standard md/installer#exe md/prompt#off"
)


def assumed(role: str, name: str, key: str, console: bool = False) -> dict[str, Any]:
    """userIdentity of a role session."""
    number = "AROA" + key[-6:].rjust(17, "X")
    path = "aws-reserved/sso.amazonaws.com/eu-west-1/" if role.startswith("AWSReservedSSO") else ""
    identity: dict[str, Any] = {
        "type": "AssumedRole",
        "principalId": f"{number}:{name}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}",
        "accountId": ACCOUNT,
        "accessKeyId": key,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": number,
                "accountId": ACCOUNT,
                "userName": role,
                "arn": f"arn:aws:iam::{ACCOUNT}:role/{path}{role}",
            },
            "attributes": {"creationDate": "2026-11-22T21:58:02Z", "mfaAuthenticated": "false"},
        },
    }
    return identity | {"sessionCredentialFromConsole": "true"} if console else identity


def user(name: str, key: str) -> dict[str, Any]:
    """userIdentity of an IAM user with a long-lived key."""
    return {
        "type": "IAMUser",
        "principalId": "AIDA" + key[-6:].rjust(17, "X"),
        "accountId": ACCOUNT,
        "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
        "accessKeyId": key,
        "userName": name,
    }


TERRAFORM, MARIA, JONAS, DEPLOY, SCRIPT, SERVICE, OTHER_TERRAFORM = (
    f"{kind}{name:X>16}"
    for kind, name in (
        ("ASIA", "TERRA1"),
        ("ASIA", "MARIA1"),
        ("AKIA", "JONAS1"),
        ("ASIA", "DEPLO1"),
        ("AKIA", "SCRIP1"),
        ("ASIA", "SERVI1"),
        ("ASIA", "TERRA2"),
    )
)

SESSIONS = {
    TERRAFORM: Session(assumed("ci-terraform", "payments-apply-4812", TERRAFORM), "203.0.113.20"),
    MARIA: Session(
        assumed("AWSReservedSSO_PowerUser_4f1c2d3e5a6b7c8d", "maria.lindqvist@acme.example", MARIA, True),
        "198.51.100.17",
        BROWSER,
    ),
    JONAS: Session(user("jonas.weber", JONAS), "198.51.100.44", CLI),
    DEPLOY: Session(assumed("ci-deploy", "hotfix-release-977", DEPLOY), "203.0.113.31", CLI),
    SCRIPT: Session(
        user("svc-cost-saver", SCRIPT), "203.0.113.77", "Boto3/1.40.1 md/Botocore#1.40.1 lang/python#3.12.8"
    ),
    SERVICE: Session(
        {"type": "AWSService", "invokedBy": "vpc-flow-logs.amazonaws.com"},
        "vpc-flow-logs.amazonaws.com",
        "vpc-flow-logs.amazonaws.com",
    ),
    OTHER_TERRAFORM: Session(
        assumed("ci-terraform", "search-apply-1290", OTHER_TERRAFORM),
        "203.0.113.20",
        "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io) "
        "terraform-provider-aws/5.100.0 (+https://registry.terraform.io/providers/hashicorp/aws)",
    ),
}
