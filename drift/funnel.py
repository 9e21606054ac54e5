"""How a trace becomes changes, record by record: what each call was taken for, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.core.ports import TraceSource
from lamplighter.core.text import log_line, markdown
from lamplighter.drift import catalogue
from lamplighter.drift.intents import Extraction, extract, name_of
from lamplighter.drift.model import Actor, EventRef, Origin
from lamplighter.drift.trace import Owners, actor_of, classify
from lamplighter.tools.cloudtrail import TraceFiles

SCHEMA = "lamplighter/trace-funnel/v1"


class Judged(NamedTuple):
    """One record that was neither read-only nor delivered twice. `fate` says what became of it and why."""

    event: EventRef
    actor: Actor
    origin: Origin
    reason: str
    fate: str

    def row(self) -> dict[str, Any]:
        return {
            "event_id": self.event.event_id,
            "event": self.event.name,
            "time": self.event.time,
            "actor": self.actor.name,
            "tool": self.actor.tool,
            "source_ip": self.actor.source_ip,
            "origin": self.origin.value,
            "reason": self.reason,
            "fate": self.fate,
        }


@dataclass(frozen=True)
class Funnel:
    """A whole trace, judged. `left_out` are counts by the reason why a record was not judged at all."""

    files: int
    events: int
    first: str
    last: str
    left_out: Mapping[str, int]
    judged: tuple[Judged, ...]
    problems: tuple[str, ...]

    @property
    def origins(self) -> Counter[str]:
        return Counter(item.origin.value for item in self.judged)


def explain(trace_paths: Sequence[Path], principals: Sequence[str] = (), event: str = "") -> Funnel:
    """Judges every record of the trace, or the one whose eventID begins with `event`.

    Raises InputError when the trace cannot be read.
    """
    trace = TraceFiles(trace_paths)
    owners = Owners(tuple(principals))
    wanted = (record for record in trace.records() if str(record.get("eventID", "")).startswith(event))
    return _funnel(
        trace, sorted(_judged(wanted, owners), key=lambda item: (item.event.time, item.event.event_id))
    )


def _funnel(trace: TraceSource, judged: Iterable[Judged]) -> Funnel:
    counts = trace.counts
    left_out = {
        "read-only": counts.read_only,
        "delivered twice": counts.duplicates,
        "malformed": counts.malformed,
    }
    return Funnel(
        files=counts.files,
        events=counts.events,
        first=trace.coverage.first,
        last=trace.coverage.last,
        left_out={name: count for name, count in left_out.items() if count},
        judged=tuple(judged),
        problems=tuple(str(problem) for problem in trace.problems),
    )


def _judged(records: Iterable[Mapping[str, Any]], owners: Owners) -> Iterable[Judged]:
    for record in records:
        origin, reason = classify(record, owners)
        event = EventRef(str(record.get("eventID", "")), name_of(record), record["eventTime"])
        yield Judged(
            event, actor_of(record), origin, reason, _fate(event.name, origin, extract([record], owners))
        )


def _fate(name: str, origin: Origin, found: Extraction) -> str:
    if origin.changes_nothing:
        return "changes nothing"
    known = catalogue.load()
    if name in known.ignored:
        return f"no configuration: {known.ignored[name]}"
    parts = [f"{change.action} {change.attribute or 'the resource'}" for change in found.changes]
    parts += [item.reason for item in found.uncatalogued]
    return "; ".join(dict.fromkeys(parts)) or "not in the catalogue"


def data(funnel: Funnel) -> dict[str, Any]:
    """Plain JSON, the same for the same trace."""
    return {
        "files": funnel.files,
        "events": funnel.events,
        "first": funnel.first,
        "last": funnel.last,
        "left_out": dict(funnel.left_out),
        "origins": dict(sorted(funnel.origins.items())),
        "judged": [item.row() for item in funnel.judged],
        "problems": list(funnel.problems),
    }


def text(funnel: Funnel, *, every: bool = False) -> str:
    """The funnel, then the calls by people, automation and other Terraform runs (`every`: all that were judged)."""
    lines = [
        f"{funnel.events} events in {funnel.files} files, {funnel.first or 'none'} to {funnel.last or 'none'}"
    ]
    lines += [f"{count:>8}  {name}" for name, count in funnel.left_out.items()]
    for origin in Origin:
        reasons = Counter(item.reason for item in funnel.judged if item.origin is origin)
        if reasons:
            said = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
            lines.append(f"{reasons.total():>8}  {origin.value}: {log_line(said, limit=160)}")
    for item in funnel.judged:
        if every or item.origin.outside:
            who = f"{item.actor.name} with {item.actor.tool} from {item.actor.source_ip or 'an unknown address'}"
            lines += ["", f"{item.event.time}  {log_line(item.event.name)}  {log_line(who)}"]
            lines.append(f"    {item.origin.value}: {log_line(item.reason)}")
            lines.append(f"    {log_line(item.fate)} (event {log_line(item.event.event_id)})")
    lines += [f"not read: {log_line(problem)}" for problem in funnel.problems]
    return "\n".join(lines)


def markdown_table(funnel: Funnel) -> str:
    """One row a judged call."""
    lines = ["| time | call | who | origin | what became of it |", "| --- | --- | --- | --- | --- |"]
    for item in funnel.judged:
        cells = (item.event.time, item.event.name, item.actor.name, item.origin.value, item.fate)
        lines.append("| " + " | ".join(markdown(cell) for cell in cells) + " |")
    return "\n".join(lines)
