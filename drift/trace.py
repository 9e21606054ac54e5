"""Which trace records are changes that people or their scripts made, and who made each.

Everything in a record is text from outside, the user agent above all: whoever calls chooses it. So a record is set
aside only for what its fields plainly say, and whatever is doubtful is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from lamplighter.core.text import printable
from lamplighter.drift.model import Actor, EventRef

Kind = Literal["read-only", "failed", "sign-in", "service", "terraform", "data", "change"]
"""Why a record is set aside; `change` is what remains."""


class Verdict(NamedTuple):
    """`reason` is one clause that says what in the record decided."""

    kind: Kind
    reason: str


# Provider and command announce themselves so; OpenTofu runs the same provider.
_TERRAFORM = re.compile(r"\bHashiCorp/[\w.-]+ Terraform/|\bterraform-provider-aws/|\bOpenTofu/", re.ASCII)
# A person's own tools stand first in the user agent, whatever is appended to it.
_NOT_TERRAFORM = re.compile(r"\[?(aws-cli|boto|mozilla|console|s3console|aws internal)", re.IGNORECASE)
_SIGN_IN = frozenset({"signin.amazonaws.com", "sts.amazonaws.com"})
# The console itself calls under these names, on behalf of the person who clicked.
_CONSOLE_SERVICES = frozenset({"aws internal", "signin.amazonaws.com", "console.amazonaws.com"})
_PRODUCT = re.compile(r"[\w.+-]+", re.ASCII)


def classify(record: Mapping[str, Any]) -> Verdict:
    """One verdict for one well-formed record (text eventTime, eventName and eventSource)."""
    for judge in (_read_only, _failed, _sign_in, _service, _terraform, _data):
        verdict = judge(record)
        if verdict is not None:
            return verdict
    return Verdict("change", "a successful mutating call by a person or a script")


def actor_of(record: Mapping[str, Any]) -> Actor:
    """Who made the call; fields that are missing or of a wrong type become empty text."""
    identity = _mapping(record.get("userIdentity"))
    agent = _text(record.get("userAgent"))
    return Actor(
        name=_name(identity),
        kind=_text(identity.get("type")),
        tool=_tool(record, agent),
        source_ip=_text(record.get("sourceIPAddress")),
        user_agent=agent,
        arn=_text(identity.get("arn")),
    )


def event_of(record: Mapping[str, Any]) -> EventRef:
    return EventRef(
        _text(record.get("eventID")), _text(record.get("eventName")), _text(record.get("eventTime"))
    )


def account_of(record: Mapping[str, Any]) -> str:
    """The account whose resource was called, else the caller's."""
    identity = _mapping(record.get("userIdentity"))
    return _text(record.get("recipientAccountId")) or _text(identity.get("accountId"))


def _read_only(record: Mapping[str, Any]) -> Verdict | None:
    mark = record.get("readOnly")
    if mark is True or _text(mark).lower() == "true":
        return Verdict("read-only", "readOnly is true")
    return None


def _failed(record: Mapping[str, Any]) -> Verdict | None:
    error = record.get("errorCode")
    return Verdict("failed", f"errorCode {printable(str(error), limit=100)}") if error else None


def _sign_in(record: Mapping[str, Any]) -> Verdict | None:
    if record.get("eventType") == "AwsConsoleSignIn":
        return Verdict("sign-in", "eventType AwsConsoleSignIn")
    source = _text(record.get("eventSource"))
    return Verdict("sign-in", f"a call of {source}") if source in _SIGN_IN else None


def _service(record: Mapping[str, Any]) -> Verdict | None:
    if record.get("eventType") == "AwsServiceEvent":
        return Verdict("service", "eventType AwsServiceEvent")
    identity = _mapping(record.get("userIdentity"))
    if identity.get("type") == "AWSService":
        return Verdict("service", "the caller is an AWS service")
    invoked_by = _text(identity.get("invokedBy"))
    if invoked_by and invoked_by.lower() not in _CONSOLE_SERVICES:
        return Verdict("service", f"invoked by {printable(invoked_by, limit=100)}")
    issuer = _mapping(_mapping(identity.get("sessionContext")).get("sessionIssuer"))
    if ":role/aws-service-role/" in _text(issuer.get("arn")):
        return Verdict("service", "a service-linked role")
    return None


def _terraform(record: Mapping[str, Any]) -> Verdict | None:
    agent = _text(record.get("userAgent"))
    if _TERRAFORM.search(agent) and not _NOT_TERRAFORM.match(agent):
        return Verdict("terraform", "the user agent is Terraform's")
    return None


def _data(record: Mapping[str, Any]) -> Verdict | None:
    category = _text(record.get("eventCategory"))
    if category not in ("", "Management"):
        return Verdict("data", f"eventCategory {printable(category, limit=40)}")
    return Verdict("data", "managementEvent is false") if record.get("managementEvent") is False else None


def _name(identity: Mapping[str, Any]) -> str:
    if identity.get("type") == "Root":
        return "root"
    session = _text(identity.get("principalId")).partition(":")[2]
    issuer = _mapping(_mapping(identity.get("sessionContext")).get("sessionIssuer"))
    role = _text(issuer.get("userName"))
    if role:
        return f"{role}/{session}" if session else role
    arn = _text(identity.get("arn"))
    return (
        _text(identity.get("userName"))
        or arn.rpartition(":")[2].partition("/")[2]
        or arn
        or _text(identity.get("invokedBy"))
        or _text(identity.get("principalId"))
        or "unknown"
    )


def _tool(record: Mapping[str, Any], agent: str) -> str:
    plain = agent.strip().removeprefix("[").removesuffix("]")
    lower = plain.lower()
    if "cloudshell" in lower:
        return "cloudshell"
    if lower.startswith("aws-cli"):
        return "aws-cli"
    if lower.startswith("boto"):
        return "boto3"
    if lower.startswith(("mozilla/", "s3console", "console.", "signin.", "aws internal", "aws-internal")):
        return "console"
    if _TERRAFORM.search(plain):
        return "terraform"
    if lower.endswith(".amazonaws.com"):
        return lower
    if _text(record.get("sessionCredentialFromConsole")).lower() == "true":
        return "console"
    product = _PRODUCT.match(plain)
    return product.group().lower()[:60] if product else "unknown"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
