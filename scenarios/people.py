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


GO = "aws-sdk-go-v2/1.38.3 ua/2.1 os/linux lang/go#1.24.6 md/GOOS#linux md/GOARCH#amd64 api/ec2#1.251.2"
BOTO = "Boto3/1.40.1 md/Botocore#1.40.1 lang/python#3.12.8"
TERRAFORM_AGENT = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io) "
    "terraform-provider-aws/5.100.0 (+https://registry.terraform.io/providers/hashicorp/aws)"
)
SPOKE = "210987654321"
"""The second account, of the network project's spoke."""


def assumed(
    role: str, name: str, key: str, console: bool = False, account: str = ACCOUNT, kind: str = "Role"
) -> dict[str, Any]:
    """userIdentity of a role session."""
    number = "AROA" + key[-6:].rjust(17, "X")
    path = "aws-reserved/sso.amazonaws.com/eu-west-1/" if role.startswith("AWSReservedSSO") else ""
    identity: dict[str, Any] = {
        "type": "AssumedRole",
        "principalId": f"{number}:{name}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": {
            "sessionIssuer": {
                "type": kind,
                "principalId": number,
                "accountId": account,
                "userName": role,
                "arn": f"arn:aws:iam::{account}:role/{path}{role}",
            },
            "attributes": {"creationDate": "2026-11-22T21:58:02Z", "mfaAuthenticated": "false"},
        },
    }
    return identity | {"sessionCredentialFromConsole": "true"} if console else identity


def user(name: str, key: str, account: str = ACCOUNT) -> dict[str, Any]:
    """userIdentity of an IAM user with a long-lived key."""
    return {
        "type": "IAMUser",
        "principalId": "AIDA" + key[-6:].rjust(17, "X"),
        "accountId": account,
        "arn": f"arn:aws:iam::{account}:user/{name}",
        "accessKeyId": key,
        "userName": name,
    }


def root(key: str, account: str = ACCOUNT) -> dict[str, Any]:
    """userIdentity of the account's root user in the console."""
    return {
        "type": "Root",
        "principalId": account,
        "arn": f"arn:aws:iam::{account}:root",
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": {
            "attributes": {"creationDate": "2026-11-22T20:11:40Z", "mfaAuthenticated": "true"}
        },
    }


def web_identity(role: str, name: str, key: str) -> dict[str, Any]:
    """userIdentity of a workflow that came in by OpenID Connect."""
    identity = assumed(role, name, key)
    identity["sessionContext"]["webIdFederationData"] = {
        "federatedProvider": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com",
        "attributes": {},
    }
    return identity


def _key(kind: str, name: str) -> str:
    return f"{kind}{name:X>16}"


TERRAFORM = _key("ASIA", "TERRA1")
OTHER_TERRAFORM = _key("ASIA", "TERRA2")
SPOKE_TERRAFORM = _key("ASIA", "TERRA3")
MARIA = _key("ASIA", "MARIA1")
JONAS = _key("AKIA", "JONAS1")
DEPLOY = _key("ASIA", "DEPLO1")
SCRIPT = _key("AKIA", "SCRIP1")
SERVICE = _key("ASIA", "SERVI1")
ONCALL = _key("ASIA", "ONCAL1")
ROOT = _key("ASIA", "ROOTX1")
WORKFLOW = _key("ASIA", "WORKF1")
REMEDIATION = _key("ASIA", "REMED1")
TOOLING = _key("AKIA", "TOOLI1")
CONSOLE = _key("ASIA", "CONSO1")
SPOKE_ADMIN = _key("ASIA", "SPOKE1")
SPOKE_SCRIPT = _key("ASIA", "SPOKE2")

SESSIONS = {
    TERRAFORM: Session(assumed("ci-terraform", "payments-apply-4812", TERRAFORM), "203.0.113.20"),
    SPOKE_TERRAFORM: Session(
        assumed("network-deploy", "network-apply", SPOKE_TERRAFORM, account=SPOKE),
        "203.0.113.20",
        TERRAFORM_AGENT,
        SPOKE,
    ),
    MARIA: Session(
        assumed("AWSReservedSSO_PowerUser_4f1c2d3e5a6b7c8d", "maria.lindqvist@acme.example", MARIA, True),
        "198.51.100.17",
        BROWSER,
    ),
    JONAS: Session(user("jonas.weber", JONAS), "198.51.100.44", CLI),
    DEPLOY: Session(assumed("ci-deploy", "hotfix-release-977", DEPLOY), "203.0.113.31", CLI),
    SCRIPT: Session(user("svc-cost-saver", SCRIPT), "203.0.113.77", BOTO),
    SERVICE: Session(
        {"type": "AWSService", "invokedBy": "vpc-flow-logs.amazonaws.com"},
        "vpc-flow-logs.amazonaws.com",
        "vpc-flow-logs.amazonaws.com",
    ),
    OTHER_TERRAFORM: Session(
        assumed("ci-terraform", "search-apply-1290", OTHER_TERRAFORM), "203.0.113.20", TERRAFORM_AGENT
    ),
    ONCALL: Session(
        assumed("AWSReservedSSO_OnCall_9a8b7c6d5e4f3a2b", "tomas.novak@acme.example", ONCALL),
        "198.51.100.63",
        CLI,
    ),
    ROOT: Session(root(ROOT), "192.0.2.9", "AWS Internal"),
    WORKFLOW: Session(web_identity("gha-release", "GitHubActions", WORKFLOW), "192.0.2.101", BOTO),
    REMEDIATION: Session(
        assumed("auto-remediation", "auto-remediation", REMEDIATION),
        "203.0.113.140",
        BOTO + " exec-env/AWS_Lambda",
    ),
    TOOLING: Session(user("svc-inventory", TOOLING), "203.0.113.88", GO),
    CONSOLE: Session(
        assumed("AWSReservedSSO_Admin_1122334455667788", "li.wei@acme.example", CONSOLE, True),
        "198.51.100.29",
        "console.amazonaws.com",
    ),
    SPOKE_ADMIN: Session(
        assumed(
            "AWSReservedSSO_Admin_8877665544332211", "li.wei@acme.example", SPOKE_ADMIN, True, account=SPOKE
        ),
        "198.51.100.29",
        BROWSER,
        SPOKE,
    ),
    SPOKE_SCRIPT: Session(user("svc-spoke-ops", SPOKE_SCRIPT, SPOKE), "203.0.113.79", BOTO, SPOKE),
}

TOOLS = {BROWSER: "console", "console.amazonaws.com": "console", "AWS Internal": "console", CLI: "aws-cli"}


def tool(agent: str | None) -> str:
    """The tool behind a session's user agent: console, aws-cli, boto3, terraform, service or sdk."""
    if agent is None or agent == TERRAFORM_AGENT:
        return "terraform"
    if agent.startswith("Boto3"):
        return "boto3"
    return "service" if agent.endswith(".amazonaws.com") and agent not in TOOLS else TOOLS.get(agent, "sdk")


def reader(account: str) -> str:
    """The key of a session that reads an account and leaves no record."""
    return _key("ASIA", f"READ{account[:6]}")


SESSIONS |= {
    reader(account): Session({"type": "reader"}, "127.0.0.1", account=account, recorded=False)
    for account in (ACCOUNT, SPOKE)
}
