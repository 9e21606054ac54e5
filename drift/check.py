"""The whole check, top to bottom: read code, state and trace; extract, net, match; report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lamplighter.core.errors import InputError
from lamplighter.core.findings import Evidence, Finding
from lamplighter.core.plans import Plan
from lamplighter.core.policy import DriftRule
from lamplighter.core.ports import TraceSource
from lamplighter.core.redaction import redact
from lamplighter.drift.compare import Baseline
from lamplighter.drift.coverage import Coverage, coverage_of, gaps, limits
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.intents import extract
from lamplighter.drift.match import match
from lamplighter.drift.model import DriftItem
from lamplighter.drift.netting import net
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Verdict
from lamplighter.drift.patch.proposal import Proposal, propose
from lamplighter.drift.proposals import evidence_of, finding_of
from lamplighter.drift.sequences import Timeline
from lamplighter.drift.state import StateIndex, read_resources
from lamplighter.drift.trace import Owners
from lamplighter.tools.cloudtrail import TraceFiles
from lamplighter.tools.terraform_files import SourceFile, read_code, read_state


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
    proposal: Proposal | None = field(repr=False, default=None)
    timeline: Timeline = field(repr=False, default_factory=lambda: Timeline(()))

    @property
    def covered(self) -> tuple[str, str]:
        """First and last time of the trace."""
        return self.coverage.first, self.coverage.last

    def with_proposal(self, proposal: Proposal) -> DriftReport:
        """The same with another proposal, of some of the findings or with a patch that was verified."""
        return replace(self, proposal=proposal, plan=proposal.plan())

    def plan_for(self, findings: Iterable[Finding], *, codify: bool = False) -> Plan | None:
        """The plan of these findings alone: an edit that several share is made anew for those that are left.

        With `codify` the code is to say all of them, as a person wants it.
        """
        if self.proposal is None:
            return None
        wanted = {finding.id for finding in findings}
        return self.proposal.narrowed(wanted, Verdict.CODIFY if codify else None).plan()


def check_directory(
    directory: Path,
    trace: Sequence[Path] | TraceSource,
    state_path: Path | None = None,
    *,
    principals: Sequence[str] = (),
    rules: Sequence[DriftRule] = (),
) -> DriftReport:
    """Checks a root module against its state and an API trace: files, or any source. Nothing is written.

    `principals` are globs over who may run Terraform for this code; with none, anybody may. `rules` are the policy's
    and say what is to become of a drift. Raises InputError when the code, the state or the whole trace cannot be read,
    and what a source of its own raises.
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
    matched = match(net(extraction.changes), Baseline(StateIndex(state.resources), project, contents))
    timeline = Timeline(extraction.moments)
    found = [replace(item, intent=timeline.intent(item)) for item in matched.items]
    coverage = coverage_of(source, extraction, matched)
    if state_path is None and project.backend not in ("", "local"):
        state.problems.append(
            f"the code keeps its state in the {project.backend} backend: what lies beside it may be an old copy;"
            " name the state with --state"
        )
    hidden = [*code.problems, *code.not_read, *(str(error) for error in broken), *state.problems]
    hidden += [*gaps(state.resources, project, source, extraction.uncatalogued), *matched.unplaced]
    report = _report(
        found,
        coverage,
        hidden,
        [*limits(matched, coverage, source, extraction, project)],
    )
    if not report.items:
        return replace(report, timeline=timeline)
    proposal = propose(report.items, Code.of(code, state), directory, rules=rules)
    return replace(report, timeline=timeline, proposal=proposal, plan=proposal.plan())


def _pairs(files: Sequence[SourceFile]) -> list[tuple[str, bytes]]:
    return [(file.path, file.content) for file in files]


def _report(
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
        plan=None,
        not_checked=tuple(redact(line) for line in (*hidden, *limited)),
        incomplete=bool(hidden),
        coverage=coverage,
        items=tuple(items),
    )


def _order(item: DriftItem) -> tuple[bool, str, str, str]:
    return item.address is None, item.address or item.resource_type, item.attribute, item.time
