"""The whole check, top to bottom: read code, state and trace; extract, net, match; report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from lamplighter.core.errors import InputError
from lamplighter.core.findings import Evidence, Finding
from lamplighter.core.plans import Plan
from lamplighter.core.ports import TraceSource
from lamplighter.core.redaction import redact
from lamplighter.drift.compare import Baseline
from lamplighter.drift.coverage import Coverage, coverage_of, gaps, limits
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.intents import extract
from lamplighter.drift.match import match
from lamplighter.drift.model import DriftItem
from lamplighter.drift.netting import net
from lamplighter.drift.proposals import evidence_of, finding_of, plan_of
from lamplighter.drift.sequences import Timeline
from lamplighter.drift.state import StateIndex, read_resources
from lamplighter.drift.trace import Owners
from lamplighter.tools.cloudtrail import TraceFiles
from lamplighter.tools.terraform_files import SourceFile, read_code, read_state

if TYPE_CHECKING:
    from lamplighter.drift.refreshed import Refresh


class LiveValues(NamedTuple):
    """Where the live values of managed resources are from. `version` is that of the program that told them."""

    source: Literal["trace", "terraform", "terraform and trace"]
    version: str = ""

    @property
    def said(self) -> str:
        """In one phrase; empty where Terraform told none of them, which is among what was not checked."""
        match self.source:
            case "trace":
                return ""
            case "terraform":
                return f"as Terraform {self.version} sees them"
            case "terraform and trace":
                return f"as Terraform {self.version} sees them; what it does not show is from the trace"


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
    live: LiveValues = field(default_factory=lambda: LiveValues("trace"))
    items: tuple[DriftItem, ...] = field(repr=False, default=())
    timeline: Timeline = field(repr=False, default_factory=lambda: Timeline(()))

    @property
    def covered(self) -> tuple[str, str]:
        """First and last time of the trace."""
        return self.coverage.first, self.coverage.last


def check_directory(
    directory: Path,
    trace: Sequence[Path] | TraceSource,
    state_path: Path | None = None,
    *,
    principals: Sequence[str] = (),
    refresh: Refresh | None = None,
) -> DriftReport:
    """Checks a root module against its state and an API trace: files, or any source. Nothing is written.

    `principals` are globs over who may run Terraform for this code; with none, anybody may. With `refresh` Terraform is
    asked what is live; where it cannot tell, the trace's answer is given and says so. Raises InputError when the code,
    the state or the whole trace cannot be read, and what a source of its own raises.
    """
    source = TraceFiles(trace) if isinstance(trace, Sequence) else trace
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
    extraction = extract(source.records(), Owners(tuple(principals)))
    contents = {file.path: file.content for file in (*code.files, *code.variables)}
    baseline = Baseline(StateIndex(state.resources), project, contents)
    matched = match(net(extraction.changes), baseline)
    seen = _seen(directory, matched.items, baseline, refresh)
    timeline = Timeline(extraction.moments)
    found = [replace(item, intent=timeline.intent(item)) for item in seen.items]
    coverage = coverage_of(source, extraction, matched)
    if state_path is None and project.backend not in ("", "local"):
        state.problems.append(
            f"the code keeps its state in the {project.backend} backend: what lies beside it may be an old copy;"
            " name the state with --state"
        )
    hidden = [*code.problems, *code.not_read, *(str(error) for error in broken), *state.problems]
    asked = seen.live.source != "trace"
    unseen = gaps(state.resources, project, source, extraction.uncatalogued, asked=asked)
    hidden += [*seen.gaps, *unseen, *matched.unplaced]
    limited = [*seen.limits, *limits(matched, coverage, source, extraction, project, asked=asked)]
    report = _report(directory, contents, found, coverage, hidden, limited)
    return replace(report, timeline=timeline, live=seen.live)


class _Seen(NamedTuple):
    """The drift, where its live values are from, and what that does not cover."""

    items: Sequence[DriftItem]
    live: LiveValues
    gaps: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


def _seen(directory: Path, told: Sequence[DriftItem], baseline: Baseline, refresh: Refresh | None) -> _Seen:
    """What the trace tells, with what Terraform sees where it is asked."""
    alone = _Seen(told, LiveValues("trace"), limits=(_NOT_ASKED,))
    if refresh is None:
        return alone
    from lamplighter.drift import joined as joining
    from lamplighter.drift import refreshed

    answer = refreshed.refreshed(directory, refresh)
    if answer.plan is None:
        return alone._replace(
            gaps=(f"Terraform was asked what is live and could not tell: {answer.problem}",)
        )
    joined = joining.join(told, answer.plan, baseline, answer.schemas)
    whole = not (answer.plan.partial or joined.from_trace or joined.elsewhere)
    live = LiveValues("terraform" if whole else "terraform and trace", answer.plan.terraform_version)
    return _Seen(
        joined.items,
        live,
        tuple(joining.gaps(joined, answer.plan)),
        tuple(joining.limits(joined, answer.plan)),
    )


_NOT_ASKED = "live values were taken from the trace; the cloud itself was not asked"


def _pairs(files: Sequence[SourceFile]) -> list[tuple[str, bytes]]:
    return [(file.path, file.content) for file in files]


def _report(
    root: Path,
    contents: Mapping[str, bytes],
    unordered: Sequence[DriftItem],
    coverage: Coverage,
    hidden: Sequence[str],
    limited: Sequence[str],
) -> DriftReport:
    items = sorted(unordered, key=_order)
    findings: dict[str, Finding] = {}
    for item in items:
        finding = finding_of(item)
        findings.setdefault(finding.id, finding)
    evidence = {piece.id: piece for item in items for piece in evidence_of(item)}
    return DriftReport(
        findings=tuple(findings.values()),
        evidence=tuple(evidence[key] for key in sorted(evidence)),
        plan=plan_of(items, contents, root),
        not_checked=tuple(redact(line) for line in (*hidden, *limited)),
        incomplete=bool(hidden),
        coverage=coverage,
        items=tuple(items),
    )


def _order(item: DriftItem) -> tuple[bool, str, str, str]:
    return item.address is None, item.address or item.resource_type, item.attribute, item.time
