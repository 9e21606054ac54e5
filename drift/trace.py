"""Sorts trace records by who made the call, with a reason each; only people's and automation's calls are drift."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from lamplighter.drift.model import Actor


class Origin(StrEnum):
    """Where a call came from, as far as drift is concerned."""

    FAILED = "failed"
    TERRAFORM = "terraform"
    SERVICE = "service"
    SIGN_IN = "sign-in"
    OUTSIDE = "outside terraform"


class Classified(NamedTuple):
    """An origin and the field that decided it."""

    origin: Origin
    reason: str


_SIGN_IN = frozenset({"signin.amazonaws.com", "sts.amazonaws.com"})
_PORTAL = frozenset(
    {"Authenticate", "Federate", "GetRoleCredentials", "Logout", "CreateToken", "RegisterClient"}
)
"""What `sso.amazonaws.com` records of people who sign in; its other calls change permission sets."""
_CONSOLE = frozenset({"signin.amazonaws.com", "console.amazonaws.com", "AWS Internal"})
"""`invokedBy` and user agents of calls that a person makes through the console (CloudTrail, "userIdentity element")."""
_TERRAFORM = re.compile(r"(APN/\d+\.\d+ )?HashiCorp(/\d+\.\d+)? Terraform/\S")
"""How the provider's user agent begins; what stands further on may be text that any caller appended."""


def classify(record: Mapping[str, Any]) -> Classified:
    """One record -> its origin. The user agent is the caller's own word: it is combined with the identity's type."""
    if record.get("errorCode"):
        return Classified(Origin.FAILED, f"errorCode {record['errorCode']}")
    service = _service(record)
    if service:
        return Classified(Origin.SERVICE, service)
    source = record["eventSource"]
    if source in _SIGN_IN or (source == "sso.amazonaws.com" and record["eventName"] in _PORTAL):
        return Classified(Origin.SIGN_IN, f"eventSource {source}")
    if _TERRAFORM.match(user_agent(record)):
        return Classified(Origin.TERRAFORM, "Terraform's user agent")
    return Classified(Origin.OUTSIDE, "made by a person or automation outside Terraform")


def _service(record: Mapping[str, Any]) -> str:
    """Why the call is a service's own; empty when it is not."""
    identity = record.get("userIdentity") or {}
    invoker = identity.get("invokedBy")
    if identity.get("type") == "AWSService" or record.get("eventType") == "AwsServiceEvent":
        return "made by an AWS service"
    if not isinstance(invoker, str):
        return ""
    person = identity.get("type") is not None and (
        invoker in _CONSOLE or not invoker.endswith(".amazonaws.com")
    )
    return "" if person else f"invokedBy {invoker}"


def user_agent(record: Mapping[str, Any]) -> str:
    """The user agent without the brackets that S3 puts around it."""
    agent = record.get("userAgent")
    return agent.strip().removeprefix("[").removesuffix("]") if isinstance(agent, str) else ""


def actor_of(record: Mapping[str, Any]) -> Actor:
    """Who made the call, by what tool, from where. Every field is text from outside."""
    identity = record.get("userIdentity") or {}
    kind = identity["type"] if isinstance(identity.get("type"), str) else "unknown"
    address = record.get("sourceIPAddress")
    return Actor(
        name=_name(identity, kind),
        kind=kind,
        tool=_tool(record),
        source_ip=address if isinstance(address, str) else "",
        user_agent=user_agent(record),
    )


def _name(identity: Mapping[str, Any], kind: str) -> str:
    if kind == "Root":
        return "root"
    if isinstance(identity.get("userName"), str):
        return str(identity["userName"])
    arn = identity.get("arn")
    if isinstance(arn, str) and arn:
        return arn.rpartition(":")[2].removeprefix("assumed-role/")
    principal = identity.get("principalId") or identity.get("invokedBy")
    return principal if isinstance(principal, str) else kind


def _tool(record: Mapping[str, Any]) -> str:
    agent = user_agent(record)
    lowered = agent.lower()
    if record.get("sessionCredentialFromConsole") in (True, "true") or lowered.startswith("mozilla/"):
        return "console"
    if agent in _CONSOLE or "console" in lowered.partition(" ")[0]:
        return "console"
    if _TERRAFORM.match(agent):
        return "terraform"
    for word in ("aws-cli", "boto3"):
        if lowered.startswith(f"{word}/"):
            return word
    return agent.partition("/")[0].partition(" ")[0] or "unknown"
