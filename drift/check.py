"""The whole check, top to bottom: read code, state and trace; extract, net, match; report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lamplighter.core.errors import InputError
from lamplighter.core.findings import Evidence, Finding
from lamplighter.core.plans import Plan
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.intents import Extraction, Uncatalogued, extract
from lamplighter.drift.match import Matched, match
from lamplighter.drift.model import DriftItem
from lamplighter.drift.netting import net
from lamplighter.drift.proposals import evidence_of, finding_of, plan_of
from lamplighter.drift.state import State, parse_state
from lamplighter.tools.cloudtrail import TraceRead, read_trace
from lamplighter.tools.terraform_files import CodeFiles, find_state, read_code, read_state


@dataclass(frozen=True)
class Coverage:
    """What the trace covers, and how its records fell. Times are ISO 8601, UTC, empty for an empty trace."""

    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    first: str
    last: str
    counts: dict[str, int]


@dataclass(frozen=True)
class DriftReport:
    """What was found, what it rests on, what could be done, and what was not looked at.

    `incomplete` says that a part of `not_checked` may hide drift, so the answer must not pass for a clean one.
    """

    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]
    plan: Plan | None
    not_checked: tuple[str, ...]
    incomplete: bool
    coverage: Coverage
    items: tuple[DriftItem, ...] = field(repr=False, default=())


def check_directory(directory: Path, trace_paths: Sequence[Path], state_path: Path | None = None) -> DriftReport:
    """Checks a root module against its state and an API trace. Nothing is written, nothing outside is called.

    Raises InputError when the code, the state or the whole trace cannot be read.
    """
    code = read_code(directory)
    state_file = state_path or find_state(directory)
    state = parse_state(read_state(state_file), str(state_file))
    project = Project(code, state)
    if project.problems and not any(project.content(name) and _parses(name, project) for name in _names(code)):
        raise InputError(*_three(project.problems[0]))
    trace = read_trace(trace_paths)
    extraction = extract(trace.records)
    matched = match(net(extraction.changes), state, project)
    return _report(directory, code, state, project, trace, extraction, matched)


def _names(code: CodeFiles) -> list[str]:
    return [file.name for files in code.modules.values() for file in files]


def _parses(name: str, project: Project) -> bool:
    return not any(problem.startswith(f"{name}:") for problem in project.problems)


def _three(line: str) -> tuple[str, str, str]:
    subject, _, rest = line.partition(": ")
    problem, _, remedy = rest.partition("; ")
    return subject, problem, remedy


def _report(
    root: Path,
    code: CodeFiles,
    state: State,
    project: Project,
    trace: TraceRead,
    extraction: Extraction,
    matched: Matched,
) -> DriftReport:
    items = sorted(matched.items, key=_order)
    findings: dict[str, Finding] = {}
    for item in items:
        finding = finding_of(item)
        findings.setdefault(finding.id, finding)
    gaps = _gaps(code, state, project, trace, extraction.uncatalogued)
    evidence = {piece.id: piece for item in items for piece in evidence_of(item)}
    return DriftReport(
        findings=tuple(findings.values()),
        evidence=tuple(evidence[key] for key in sorted(evidence)),
        plan=plan_of(items, project, root),
        not_checked=(*gaps, *_limits(matched)),
        incomplete=bool(gaps),
        coverage=_coverage(trace, extraction),
        items=tuple(items),
    )


def _order(item: DriftItem) -> tuple[bool, str, str, str]:
    return item.address is None, item.address or item.resource_type, item.attribute, item.time


def _gaps(
    code: CodeFiles, state: State, project: Project, trace: TraceRead, unknown: Sequence[Uncatalogued]
) -> tuple[str, ...]:
    """What may hide drift: each makes the answer incomplete."""
    gaps = [*code.not_read, *project.problems, *project.sources(), *trace.problems, *state.claimed_twice()]
    others = sorted(project.providers() - {"aws", "null", "random", "local", "terraform", "tls", "time"})
    gaps += [f"provider {name}: its resources are not checked" for name in others]
    if not trace.events:
        gaps.append("the trace is empty: no API call was looked at")
    gaps += [
        f"{item.event.name} by {item.actor.name} at {item.event.time}: {item.reason} (event {item.event.event_id})"
        for item in unknown
    ]
    return tuple(gaps)


def _limits(matched: Matched) -> tuple[str, ...]:
    """What this way of checking does not see at all, said each time."""
    lines = ["live values were taken from the trace; the cloud itself was not asked"]
    if matched.outside:
        lines.append(f"{matched.outside} changes to resources that this state does not hold")
    return tuple(lines)


def _coverage(trace: TraceRead, extraction: Extraction) -> Coverage:
    counts = {
        "files": trace.files,
        "events": trace.events,
        "duplicate": trace.duplicates,
        "read-only": trace.read_only,
        **extraction.counts,
    }
    return Coverage(
        accounts=tuple(sorted(trace.accounts)),
        regions=tuple(sorted(trace.regions)),
        first=trace.first,
        last=trace.last,
        counts=dict(sorted(counts.items())),
    )
