"""One finding, told in full: what stands in the code, what is live, every call that led there and its company."""

from __future__ import annotations

from typing import Any, NamedTuple

from lamplighter.core.errors import InputError
from lamplighter.core.findings import Finding
from lamplighter.core.text import log_line
from lamplighter.drift.check import DriftReport
from lamplighter.drift.model import DriftItem, EventRef, Origin
from lamplighter.drift.proposals import brief, finding_of

SCHEMA = "lamplighter/drift-explanation/v1"


class Explained(NamedTuple):
    """A finding with the calls of its actor on the same resource; `led` are the ids of those that made the drift."""

    finding: Finding
    item: DriftItem
    calls: tuple[EventRef, ...]
    led: frozenset[str]


def explain(report: DriftReport, wanted: str) -> list[Explained]:
    """The findings whose id begins with `wanted`, or whose address is it; of an id from a report of many roots the part
    that names the root is left out. Raises InputError where there is none."""
    found = [
        Explained(
            finding, item, tuple(report.timeline.around(item)), frozenset(e.event_id for e in item.events)
        )
        for item in report.items
        for finding in [finding_of(item)]
        if wanted == finding.where or (len(wanted) >= 6 and finding.id.startswith(wanted.partition(".")[0]))
    ]
    if not found:
        raise InputError(
            log_line(wanted, limit=200), "names no finding of this check", "`lamp drift check` lists them"
        )
    return found


def data(explained: Explained) -> dict[str, Any]:
    """Plain JSON of one explanation."""
    return {
        "finding": explained.finding.model_dump(mode="json"),
        "calls": [
            {
                "event_id": call.event_id,
                "event": call.name,
                "time": call.time,
                "led_to_it": call.event_id in explained.led,
            }
            for call in explained.calls
        ],
    }


def text(explained: Explained) -> str:
    """For a terminal."""
    finding, item = explained.finding, explained.item
    rows = [
        ("what", finding.summary),
        ("code", f"{brief(item.code_value)}{f'  at {finding.location}' if finding.location else ''}"),
        ("live", brief(item.live_value)),
        *_who(item),
        ("where", f"account {item.account or 'unknown'}, region {item.region or 'unknown'}"),
        ("risk", f"{finding.severity.label}: {item.risk_reason}"),
        ("together", item.intent),
        ("sure", f"{finding.confidence:.0%}" if finding.confidence < 1 else ""),
    ]
    lines = [f"{finding.id}  {log_line(finding.where)}"]
    lines += [f"  {name:9}{log_line(said, limit=600)}" for name, said in rows if said]
    if not explained.calls:
        return "\n".join(lines)
    lines.append("  calls of this actor on this resource (* led to it):")
    for call in explained.calls:
        mark = "*" if call.event_id in explained.led else " "
        lines.append(f"    {mark} {call.time}  {log_line(call.name)}  (event {log_line(call.event_id)})")
    return "\n".join(lines)


def _who(item: DriftItem) -> list[tuple[str, str]]:
    if item.origin is Origin.UNATTRIBUTED:
        return [("who", "not known: no call in the trace accounts for it")]
    return [
        ("who", f"{item.actor.name} ({item.actor.kind}), {item.origin.value}"),
        ("with", f"{item.actor.tool}, user agent {item.actor.user_agent or 'not given'}"),
        ("from", item.actor.source_ip or "an address that the trace does not say"),
    ]
