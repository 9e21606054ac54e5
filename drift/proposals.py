"""Drift items as the core's findings and evidence."""

from __future__ import annotations

import json
from typing import Any

from lamplighter.core.canonical import canonical_json, fingerprint
from lamplighter.core.findings import Evidence, Finding, Severity
from lamplighter.core.redaction import redact_value
from lamplighter.drift.model import DriftItem, Origin


def evidence_of(item: DriftItem) -> tuple[Evidence, ...]:
    """One piece for each event that led to the drift."""
    return tuple(
        Evidence.of(
            "cloudtrail",
            f"eventID={event.event_id}",
            f"{event.name} by {item.actor.name} from {item.actor.source_ip}",
            event.time,
        )
        for event in item.events
    )


def finding_of(item: DriftItem) -> Finding:
    """The id names the drift, not when it was seen nor on which line it stands.

    Of a root among many it goes on, behind a dot, with what tells the roots and their workspaces apart.
    """
    where = item.address or f"{item.resource_type} {item.resource_id}"
    member = (
        canonical_json([item.code_value, item.live_value]).decode()
        if item.action in ("add", "remove")
        else ""
    )
    # An address names one resource, an unmanaged one is told by its account and region too.
    place = () if item.address else (item.account, item.region)
    among = f".{fingerprint(item.scope)[:8]}" if item.scope and item.address else ""
    return Finding(
        id=f"drift-{fingerprint(where, item.attribute, item.action, member, *place)}{among}",
        kind="drift" if item.address else "unmanaged",
        where=where,
        summary=f"{change_text(item)}: {item.risk_reason}{_doubt(item)}",
        severity=Severity.parse(item.risk),
        confidence=item.confidence,
        location=f"{item.location.file}:{item.location.line}" if item.location else None,
        evidence=tuple(evidence.id for evidence in evidence_of(item)),
        details={
            "address": item.address,
            "attribute": item.attribute,
            "action": item.action,
            "code": item.code_value,
            "live": item.live_value,
            "actor": item.actor.name,
            "actor_kind": item.actor.kind,
            "origin": item.origin.value,
            "tool": item.actor.tool,
            "source_ip": item.actor.source_ip,
            "time": item.time,
            "intent": item.intent,
            "events": [event.event_id for event in item.events],
            "account": item.account,
            "region": item.region,
            "resource_type": item.resource_type,
            "resource_id": item.resource_id,
            "risk_reason": item.risk_reason,
            **({"suggested_by": item.suggested_by} if item.suggested_by else {}),
        },
    )


def _doubt(item: DriftItem) -> str:
    return (
        f" (suggested by {item.suggested_by}: the catalogue does not know the call)"
        if item.suggested_by
        else ""
    )


def change_text(item: DriftItem) -> str:
    """What differs, in one phrase: `retention_in_days 365 -> 14`."""
    match item.action:
        case "create":
            return f"{item.resource_type} was created"
        case "delete":
            return f"was deleted and {item.live_value}" if item.live_value else "was deleted"
        case "add":
            return f"{item.attribute} gained {brief(item.live_value)}"
        case "remove":
            return f"{item.attribute} lost {brief(item.code_value)}"
        case "set":
            return f"{item.attribute} {brief(item.code_value)} -> {brief(item.live_value)}"


def who(finding: Finding) -> str:
    """By whom, with what, from where and when, in one phrase; the words are from outside."""
    details = finding.details
    if details["origin"] == Origin.UNATTRIBUTED:
        return "unattributed: no call in the trace accounts for it"
    said = f"{details['actor']} with {details['tool']} from {details['source_ip']} at {details['time']}"
    return f"by {said}"


def brief(value: Any) -> str:
    """A value for a line of text, without secrets: those with a quote in them are plain only before it is escaped."""
    value = redact_value(value)
    if isinstance(value, dict) and set(value) == {"protocol", "from_port", "to_port", "source"}:
        ports = "all ports" if value["protocol"] == "-1" else f"{value['protocol']}/{value['from_port']}"
        if value["protocol"] != "-1" and value["from_port"] != value["to_port"]:
            ports += f"-{value['to_port']}"
        return f"{ports} from {value['source']}"
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
