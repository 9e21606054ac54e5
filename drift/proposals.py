"""Drift items as the core's findings, evidence and a typed plan of edits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lamplighter.core.canonical import canonical_json, fingerprint
from lamplighter.core.findings import Evidence, Finding, Severity
from lamplighter.core.operations import EditHcl, Target
from lamplighter.core.plans import Plan, Step
from lamplighter.core.redaction import redact_value
from lamplighter.drift.model import DriftItem
from lamplighter.tools.files import edit_version


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
    """The id names the drift, not when it was seen nor on which line it stands."""
    where = item.address or f"{item.resource_type} {item.resource_id}"
    member = (
        canonical_json([item.code_value, item.live_value]).decode()
        if item.action in ("add", "remove")
        else ""
    )
    # An address names one resource, an unmanaged one is told by its account and region too.
    place = () if item.address else (item.account, item.region)
    return Finding(
        id=f"drift-{fingerprint(where, item.attribute, item.action, member, *place)}",
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


def brief(value: Any) -> str:
    """A value for a line of text, without secrets: those with a quote in them are plain only before it is escaped."""
    value = redact_value(value)
    if isinstance(value, dict) and set(value) == {"protocol", "from_port", "to_port", "source"}:
        ports = "all ports" if value["protocol"] == "-1" else f"{value['protocol']}/{value['from_port']}"
        if value["protocol"] != "-1" and value["from_port"] != value["to_port"]:
            ports += f"-{value['to_port']}"
        return f"{ports} from {value['source']}"
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def plan_of(items: Sequence[DriftItem], contents: Mapping[str, bytes], root: Path) -> Plan | None:
    """One `edit_hcl` step a managed drift; each file is edited from its end to its start. What is only suggested is no
    reason to change code.
    """
    located = [
        item
        for item in items
        if item.address is not None and item.location is not None and not item.suggested_by
    ]
    ordered = sorted(
        located, key=lambda item: (_file(item), -(item.edit.start if item.edit else 0), item.address or "")
    )
    steps = tuple(
        Step(
            id=f"edit-{number}",
            operation=_operation(item, contents, root),
            resolves=(finding_of(item).id,),
        )
        for number, item in enumerate(ordered, start=1)
    )
    if not steps:
        return None
    evidence = sorted({evidence.id for item in ordered for evidence in evidence_of(item)})
    return Plan(steps=steps, rationale="bring the code to what is live", evidence=tuple(evidence))


def _file(item: DriftItem) -> str:
    return item.location.file if item.location else ""


def _operation(item: DriftItem, contents: Mapping[str, bytes], root: Path) -> EditHcl:
    edits = (item.edit,) if item.edit else ()
    return EditHcl(
        target=Target(
            context=str(root.resolve()),
            kind="terraform_file",
            name=_file(item),
            version=edit_version(contents[_file(item)], edits),
        ),
        address=item.address or "",
        attribute=item.attribute,
        proposal=_proposal(item),
        edits=edits,
    )


def _proposal(item: DriftItem) -> str:
    address = item.address or ""
    match item.action:
        case "delete":
            return f"remove {address} from the code, or apply to make it again"
        case "add":
            return f"add {brief(item.live_value)} to {item.attribute} of {address}, or apply to take it away"
        case "remove":
            return f"remove {brief(item.code_value)} from {item.attribute} of {address}, or apply to bring it back"
        case _:
            return f"set {item.attribute} of {address} to {brief(item.live_value)}, or apply to set it back"
