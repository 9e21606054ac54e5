"""Sorts trace records by who made the call, with a reason each; only people's and automation's calls are drift."""

from __future__ import annotations

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


_SIGN_IN = frozenset({"signin.amazonaws.com", "sso.amazonaws.com", "sts.amazonaws.com"})


def classify(record: Mapping[str, Any]) -> Classified:
    """One record -> its origin. The user agent is the caller's own word: it is combined with the identity's type."""
    if record.get("errorCode"):
        return Classified(Origin.FAILED, f"errorCode {record['errorCode']}")
    identity = record.get("userIdentity") or {}
    if identity.get("type") == "AWSService" or record.get("eventType") == "AwsServiceEvent":
        return Classified(Origin.SERVICE, "made by an AWS service")
    if isinstance(identity.get("invokedBy"), str):
        return Classified(Origin.SERVICE, f"invokedBy {identity['invokedBy']}")
    if record["eventSource"] in _SIGN_IN:
        return Classified(Origin.SIGN_IN, f"eventSource {record['eventSource']}")
    agent = user_agent(record)
    if "HashiCorp/" in agent and "Terraform/" in agent:
        return Classified(Origin.TERRAFORM, "Terraform's user agent")
    return Classified(Origin.OUTSIDE, "made by a person or automation outside Terraform")


def user_agent(record: Mapping[str, Any]) -> str:
    """The user agent without the brackets that S3 puts around it."""
    agent = record.get("userAgent")
    return agent.strip().removeprefix("[").removesuffix("]") if isinstance(agent, str) else ""


def actor_of(record: Mapping[str, Any]) -> Actor:
    """Who made the call, by what tool, from where. Every field is text from outside."""
    identity = record.get("userIdentity") or {}
    kind = str(identity.get("type", "unknown"))
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
    if "console" in lowered or agent == "AWS Internal":
        return "console"
    for word, tool in (("terraform/", "terraform"), ("aws-cli/", "aws-cli"), ("boto3/", "boto3")):
        if word in lowered:
            return tool
    return agent.partition("/")[0].partition(" ")[0] or "unknown"
