"""The whole check, top to bottom: read code, state and trace; extract, net, match; report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lamplighter.core.errors import InputError
from lamplighter.core.findings import Evidence, Finding
from lamplighter.core.plans import Plan
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.intents import Extraction, Uncatalogued, extract
from lamplighter.drift.match import Matched, match
from lamplighter.drift.model import DriftItem, StateResource
from lamplighter.drift.netting import net
from lamplighter.drift.proposals import evidence_of, finding_of, plan_of
from lamplighter.drift.state import StateIndex, read_resources
from lamplighter.tools.cloudtrail import TraceRead, read_trace
from lamplighter.tools.terraform_files import SourceFile, read_code, read_state

_LOCAL_PROVIDERS = frozenset({"aws", "null", "random", "local", "terraform", "tls", "time"})
"""Those that are checked, and those whose resources no cloud console can change."""


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

    @property
    def covered(self) -> tuple[str, str]:
        """First and last time of the trace."""
        return self.coverage.first, self.coverage.last


def check_directory(
    directory: Path, trace_paths: Sequence[Path], state_path: Path | None = None
) -> DriftReport:
    """Checks a root module against its state and an API trace. Nothing is written, nothing outside is called.

    Raises InputError when the code, the state or the whole trace cannot be read.
    """
    code = read_code(directory)
    state = read_resources(read_state(directory, state_path))
    project = Project(_pairs(code.files), _pairs(code.variables), state.values())
    broken = [
        InputError(
            str(directory / item.file), f"line {item.line}: {item.problem}", "mend it, then check again"
        )
        for item in project.broken
    ]
    if broken and not project.parsed:
        raise broken[0]
    trace = read_trace(trace_paths)
    extraction = extract(trace.records)
    contents = {file.path: file.content for file in (*code.files, *code.variables)}
    matched = match(net(extraction.changes), StateIndex(state.resources), project, contents)
    gaps = [*code.problems, *code.not_read, *(str(error) for error in broken), *state.problems]
    gaps += [*_gaps(state.resources, project, trace, extraction.uncatalogued), *matched.unplaced]
    return _report(directory, contents, trace, extraction, matched, gaps)


def _pairs(files: Sequence[SourceFile]) -> list[tuple[str, bytes]]:
    return [(file.path, file.content) for file in files]


def _report(
    root: Path,
    contents: Mapping[str, bytes],
    trace: TraceRead,
    extraction: Extraction,
    matched: Matched,
    gaps: Sequence[str],
) -> DriftReport:
    items = sorted(matched.items, key=_order)
    findings: dict[str, Finding] = {}
    for item in items:
        finding = finding_of(item)
        findings.setdefault(finding.id, finding)
    evidence = {piece.id: piece for item in items for piece in evidence_of(item)}
    return DriftReport(
        findings=tuple(findings.values()),
        evidence=tuple(evidence[key] for key in sorted(evidence)),
        plan=plan_of(items, contents, root),
        not_checked=(*gaps, *_limits(matched)),
        incomplete=bool(gaps),
        coverage=_coverage(trace, extraction),
        items=tuple(items),
    )


def _order(item: DriftItem) -> tuple[bool, str, str, str]:
    return item.address is None, item.address or item.resource_type, item.attribute, item.time


def _gaps(
    resources: Sequence[StateResource], project: Project, trace: TraceRead, unknown: Sequence[Uncatalogued]
) -> list[str]:
    """What may hide drift: each makes the answer incomplete."""
    gaps = [*_claimed_twice(resources), *(str(error) for error in trace.problems)]
    gaps += [f"module {name}: its code {source} is not in this directory" for name, source in project.remote]
    gaps += [f"module {name}: {source} holds no code that was read" for name, source in project.missing]
    others = sorted({resource.type.partition("_")[0] for resource in resources} - _LOCAL_PROVIDERS)
    gaps += [f"provider {name}: its resources are not checked" for name in others]
    if not resources:
        gaps.append("the state holds no managed resource: there was nothing to compare with")
    if trace.counts.events:
        gaps += _uncovered(resources, trace)
    else:
        gaps.append("the trace is empty: no API call was looked at")
    gaps += [
        f"{item.event.name} by {item.actor.name} at {item.event.time}: {item.reason} (event {item.event.event_id})"
        for item in unknown
    ]
    return gaps


def _uncovered(resources: Sequence[StateResource], trace: TraceRead) -> list[str]:
    """Accounts and regions of the state's ARNs of which the trace holds no event at all."""
    parts = [str(resource.attributes.get("arn", "")).split(":", 5) for resource in resources]
    arns = [part for part in parts if len(part) == 6]
    accounts = {part[4] for part in arns if part[4].isdigit()} - trace.coverage.accounts
    regions = {part[3] for part in arns if part[3]} - trace.coverage.regions
    return [f"account {name}: the trace holds no event of it" for name in sorted(accounts)] + [
        f"region {name}: the trace holds no event of it" for name in sorted(regions)
    ]


def _claimed_twice(resources: Sequence[StateResource]) -> list[str]:
    """Ids that two addresses of one type claim: which of them drifted cannot be told."""
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for resource in resources:
        identity = resource.attributes.get("id")
        if isinstance(identity, str) and identity and "id" not in resource.sensitive:
            owners[resource.type, identity].append(resource.address)
    return [
        f"{identity} is claimed by {' and '.join(sorted(addresses))}"
        for (_, identity), addresses in sorted(owners.items())
        if len(addresses) > 1
    ]


def _limits(matched: Matched) -> list[str]:
    """What this way of checking does not see at all, said each time."""
    lines = ["live values were taken from the trace; the cloud itself was not asked"]
    if matched.outside:
        lines.append(f"{matched.outside} changes to resources that this state does not hold")
    if matched.ignored:
        lines.append(
            f"{matched.ignored} changes that lifecycle.ignore_changes tells Terraform not to look at"
        )
    return lines


def _coverage(trace: TraceRead, extraction: Extraction) -> Coverage:
    counts = {
        "files": trace.counts.files,
        "events": trace.counts.events,
        "duplicate": trace.counts.duplicates,
        "malformed": trace.counts.malformed,
        "read-only": trace.counts.read_only,
        **extraction.counts,
    }
    return Coverage(
        accounts=tuple(sorted(trace.coverage.accounts)),
        regions=tuple(sorted(trace.coverage.regions)),
        first=trace.coverage.first,
        last=trace.coverage.last,
        counts=dict(sorted(counts.items())),
    )
