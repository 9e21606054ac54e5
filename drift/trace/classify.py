"""Sorts trace records by where the call came from, with a reason each.

Calls by people and by automation can be drift. Terraform's own and the services' are no drift by themselves, but they
set values too, so whoever nets changes needs them; failed calls, sign-ins and telemetry change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from lamplighter.drift.model import Origin
from lamplighter.drift.trace.actors import (
    deputy_of,
    identity_of,
    is_console,
    is_terraform,
    issuer_of,
    user_agent,
)

_LINKED = re.compile(r"arn:[\w-]+:iam::\d{12}:role/aws-service-role/")
"""Only AWS makes roles under this path (IAM user guide, "Service-linked roles"); further on anybody may."""


class Classified(NamedTuple):
    """An origin and the field that decided it; the reason is text from outside."""

    origin: Origin
    reason: str


class Owners(NamedTuple):
    """Whose Terraform calls are the code's own.

    `principals` are shell-style globs over the caller's ARN, its role's ARN and name, and its user name; with none,
    anybody's are. `runs` are texts that only our own runs append to the user agent.
    """

    principals: tuple[str, ...] = ()
    runs: frozenset[str] = frozenset()


ANYONE = Owners()

_SIGN_IN = frozenset({"signin.amazonaws.com", "sts.amazonaws.com"})
_PORTAL = frozenset(
    {"Authenticate", "Federate", "GetRoleCredentials", "Logout", "CreateToken", "RegisterClient"}
)
"""What `sso.amazonaws.com` records of people who sign in; its other calls change permission sets."""
_TELEMETRY = frozenset(
    {
        ("ssm.amazonaws.com", "UpdateInstanceInformation"),
        ("ssm.amazonaws.com", "UpdateInstanceAssociationStatus"),
        ("ssm.amazonaws.com", "PutInventory"),
        ("ssm.amazonaws.com", "PutComplianceItems"),
        ("ecs.amazonaws.com", "SubmitTaskStateChange"),
        ("ecs.amazonaws.com", "SubmitContainerStateChange"),
        ("ecs.amazonaws.com", "SubmitAttachmentStateChanges"),
        ("ecs.amazonaws.com", "RegisterContainerInstance"),
    }
)
"""What agents on machines report about themselves (SSM agent, ECS agent)."""
_MACHINE = re.compile(r"i-[0-9a-f]{8,17}|botocore-session-\d+|aws-sdk-\w+-\d+|\d{13,}")
"""Session names that no person chooses: an instance's own, and the SDKs' defaults."""


def classify(record: Mapping[str, Any], owners: Owners = ANYONE) -> Classified:
    """One record -> its origin. The user agent is the caller's own word: it is combined with the identity."""
    if record.get("errorCode"):
        return Classified(Origin.FAILED, f"errorCode {record['errorCode']}")
    identity = identity_of(record)
    service = _service(record, identity)
    if service:
        return Classified(Origin.SERVICE, service)
    source, name = record["eventSource"], record["eventName"]
    if source in _SIGN_IN or (source == "sso.amazonaws.com" and name in _PORTAL):
        return Classified(Origin.SIGN_IN, f"eventSource {source}")
    if (source, name) in _TELEMETRY:
        return Classified(Origin.TELEMETRY, f"{name} is an agent's report on itself")
    if is_terraform(record) and not deputy_of(identity):
        return _terraform(record, identity, owners)
    return _person(record, identity)


def _service(record: Mapping[str, Any], identity: Mapping[str, Any]) -> str:
    """Why the call is a service's own; empty when somebody made it, be it through a service."""
    if identity.get("type") == "AWSService" or record.get("eventType") == "AwsServiceEvent":
        return "made by an AWS service"
    if identity.get("type") == "AssumedRole" and _LINKED.match(str(issuer_of(identity).get("arn"))):
        return "made under a service-linked role"
    # Without an identity of its own the call is nobody's but the service's.
    if identity.get("type") is None and isinstance(identity.get("invokedBy"), str):
        return f"invokedBy {identity['invokedBy']}"
    return ""


def _terraform(record: Mapping[str, Any], identity: Mapping[str, Any], owners: Owners) -> Classified:
    agent = user_agent(record)
    if any(run in agent for run in owners.runs):
        return Classified(Origin.TERRAFORM, "a run of this program")
    names = _names(identity)
    if not owners.principals or any(fnmatchcase(name, glob) for name in names for glob in owners.principals):
        return Classified(Origin.TERRAFORM, "Terraform's user agent")
    who = names[0] if names else "nobody"
    return Classified(
        Origin.OTHER_TERRAFORM, f"Terraform's user agent, but {who} may not run it for this code"
    )


def _names(identity: Mapping[str, Any]) -> list[str]:
    issuer = issuer_of(identity)
    found = (identity.get("arn"), issuer.get("arn"), issuer.get("userName"), identity.get("userName"))
    return [name for name in found if isinstance(name, str) and name]


def _person(record: Mapping[str, Any], identity: Mapping[str, Any]) -> Classified:
    """People and automation are told apart for the reader's sake only: both are drift."""
    kind = identity.get("type")
    session = str(identity.get("principalId", "")).partition(":")[2]
    if is_console(record):
        return Classified(Origin.PERSON, "made in the console")
    if kind in ("Root", "SAMLUser", "IdentityCenterUser"):
        return Classified(Origin.PERSON, f"userIdentity.type {kind}")
    if "AWSReservedSSO_" in str(issuer_of(identity).get("userName")) or "@" in session:
        return Classified(Origin.PERSON, "a person's role session")
    if kind == "WebIdentityUser" or _MACHINE.fullmatch(session):
        return Classified(Origin.AUTOMATION, "a machine's role session")
    if user_agent(record).lower().startswith(("aws-cli/", "aws-vault", "aws-shell")):
        return Classified(Origin.PERSON, "made at a command line")
    return Classified(Origin.AUTOMATION, "made by a program")
