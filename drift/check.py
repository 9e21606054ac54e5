"""The whole check, top to bottom: read code, state and trace; extract, net, match; report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lamplighter.core.errors import InputError
from lamplighter.core.findings import Evidence, Finding
from lamplighter.core.plans import Plan
from lamplighter.core.ports import AskModel, Recall, TraceSource
from lamplighter.core.redaction import redact
from lamplighter.drift.compare import Baseline
from lamplighter.drift.coverage import Coverage, coverage_of, gaps, limits, unmapped
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.intents import extract
from lamplighter.drift.match import Matched, match
from lamplighter.drift.model import DriftItem
from lamplighter.drift.netting import net
from lamplighter.drift.places import declared
from lamplighter.drift.proposals import evidence_of, finding_of, plan_of
from lamplighter.drift.sequences import Timeline
from lamplighter.drift.state import StateIndex, read_resources
from lamplighter.drift.suggest import CONFIDENCE, Suggested, suggested
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
    timeline: Timeline = field(repr=False, default_factory=lambda: Timeline(()))

    @property
    def covered(self) -> tuple[str, str]:
        """First and last time that the trace speaks of: of its events, and of what was read whole everywhere."""
        whole = [read.whole for read in self.coverage.places if read.whole]
        first = max((spans[0].since for spans in whole), default="")
        last = min((spans[-1].until for spans in whole), default="")
        own = self.coverage
        return min(own.first or first, first or own.first), max(own.last, last)


def check_directory(
    directory: Path,
    trace: Sequence[Path] | TraceSource,
    state_path: Path | None = None,
    *,
    principals: Sequence[str] = (),
    covers: Sequence[str] = (),
    recall: Recall | None = None,
    ask_model: AskModel | None = None,
) -> DriftReport:
    """Checks a root module against its state and an API trace: files, or any source. Nothing is written.

    `principals` are globs over who may run Terraform for this code; with none, anybody may. `covers` are the places
    (`ACCOUNT/REGION`, `*` for any) of which the user says that the trace holds all, so that no event of them is no gap.
    `recall` and `ask_model` are asked about calls that the catalogue does not know; see `suggest`.
    Raises InputError when the code, the state or the whole trace cannot be read, ConfigError for a place that is none,
    and what a source of its own raises.
    """
    trusted = declared(covers)
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
    asking = recall is not None or ask_model is not None
    extraction = extract(source.records(), Owners(tuple(principals)), keep_unknown=asking)
    contents = {file.path: file.content for file in (*code.files, *code.variables)}
    baseline = Baseline(StateIndex(state.resources), project, contents)
    matched = match(net(extraction.changes), baseline)
    timeline = Timeline(extraction.moments)
    hints = suggested(extraction.uncatalogued, baseline.state, recall, ask_model)
    items = [*matched.items, *_uncertain(hints, baseline, matched)]
    found = [replace(item, intent=timeline.intent(item)) for item in items]
    coverage = coverage_of(source, extraction, matched, trusted)
    if state_path is None and project.backend not in ("", "local"):
        state.problems.append(
            f"the code keeps its state in the {project.backend} backend: what lies beside it may be an old copy;"
            " name the state with --state"
        )
    hidden = [*code.problems, *code.not_read, *(str(error) for error in broken), *state.problems]
    hidden += gaps(state.resources, project, source, coverage)
    hidden += [*unmapped(extraction.uncatalogued, hints), *matched.unplaced]
    report = _report(
        directory,
        contents,
        found,
        coverage,
        hidden,
        [*limits(matched, coverage, source, extraction, state.resources)],
    )
    return replace(report, timeline=timeline)


def _uncertain(hints: Sequence[Suggested], baseline: Baseline, matched: Matched) -> Iterator[DriftItem]:
    """The drift that suggested changes would be, where nothing certain is known of the same attribute."""
    certain = {(item.address, item.attribute) for item in matched.items}
    for hint in hints:
        for item in match(net(hint.changes), baseline).items:
            if item.address is not None and (item.address, item.attribute) not in certain:
                confidence = min(item.confidence, CONFIDENCE)
                yield replace(item, confidence=confidence, suggested_by=hint.by, edit=None)


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
