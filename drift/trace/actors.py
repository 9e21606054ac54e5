"""Who made a call, by what tool and from where, as a record says it; every field is text from outside.

Fields: AWS CloudTrail user guide, "CloudTrail userIdentity element" and "CloudTrail record contents".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lamplighter.drift.model import Actor

CONSOLE = frozenset({"signin.amazonaws.com", "console.amazonaws.com", "AWS Internal"})
"""`invokedBy` and user agents of calls that a person makes through the console."""
_TERRAFORM = re.compile(r"(APN/\d+\.\d+ )?HashiCorp(/\d+\.\d+)? Terraform/\S")
"""How the provider's user agent begins; what stands further on may be text that any caller appended."""
_SERVICE = re.compile(r"([a-z0-9.-]+)\.amazonaws\.com")


def identity_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """`userIdentity`, or an empty object where the record has none."""
    found = record.get("userIdentity")
    return found if isinstance(found, Mapping) else {}


def issuer_of(identity: Mapping[str, Any]) -> Mapping[str, Any]:
    """The role behind an assumed role's session (`sessionContext.sessionIssuer`), or an empty object."""
    context = identity.get("sessionContext")
    issuer = context.get("sessionIssuer") if isinstance(context, Mapping) else None
    return issuer if isinstance(issuer, Mapping) else {}


def deputy_of(identity: Mapping[str, Any]) -> str:
    """The service through which somebody else made the call (`cloudformation`, `ssm`); empty when there is none.

    What a person does in the console may also carry an `invokedBy`, which names no service then.
    """
    invoker = identity.get("invokedBy")
    if not isinstance(invoker, str) or invoker in CONSOLE:
        return ""
    found = _SERVICE.fullmatch(invoker)
    return found[1] if found else ""


def user_agent(record: Mapping[str, Any]) -> str:
    """The user agent without the brackets that S3 puts around it."""
    agent = record.get("userAgent")
    return agent.strip().removeprefix("[").removesuffix("]") if isinstance(agent, str) else ""


def is_terraform(record: Mapping[str, Any]) -> bool:
    """Whether the caller says that it is Terraform: its own word, to be weighed with its identity."""
    return _TERRAFORM.match(user_agent(record)) is not None


def is_console(record: Mapping[str, Any]) -> bool:
    """Whether the call came out of the AWS console."""
    agent = user_agent(record)
    lowered = agent.lower()
    return (
        record.get("sessionCredentialFromConsole") in (True, "true")
        or lowered.startswith("mozilla/")
        or agent in CONSOLE
        or "console" in lowered.partition(" ")[0]
    )


def actor_of(record: Mapping[str, Any]) -> Actor:
    """Who made the call, by what tool, from where."""
    identity = identity_of(record)
    kind = identity["type"] if isinstance(identity.get("type"), str) else "unknown"
    address = record.get("sourceIPAddress")
    return Actor(
        name=_name(identity, kind),
        kind=kind,
        tool=_tool(record, identity),
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


def _tool(record: Mapping[str, Any], identity: Mapping[str, Any]) -> str:
    deputy = deputy_of(identity)
    if deputy and identity.get("type") != "AWSService":
        return deputy
    if is_console(record):
        return "console"
    if is_terraform(record):
        return "terraform"
    agent = user_agent(record)
    for word in ("aws-cli", "boto3"):
        if agent.lower().startswith(f"{word}/"):
            return word
    return agent.partition("/")[0].partition(" ")[0] or "unknown"
