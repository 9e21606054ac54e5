"""The whole check, top to bottom: read code, state and trace; extract, net, match; report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

from lamplighter.core.errors import InputError
from lamplighter.core.findings import Evidence, Finding
from lamplighter.core.plans import Plan
from lamplighter.core.policy import DriftRule
from lamplighter.core.ports import AskModel, Complete, Recall, Remember, TraceSource
from lamplighter.core.redaction import redact
from lamplighter.core.trace import Place
from lamplighter.drift.asking import Asking
from lamplighter.drift.compare import Baseline
from lamplighter.drift.coverage import Coverage, coverage_of, gaps, limits, unmapped
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.heard import Heard, hear
from lamplighter.drift.items import reassessed
from lamplighter.drift.match import match
from lamplighter.drift.model import DriftItem
from lamplighter.drift.places import Layout
from lamplighter.drift.proposals import evidence_of, finding_of
from lamplighter.drift.provider_blocks import provider_of
from lamplighter.drift.reach import declared
from lamplighter.drift.seen import LiveValues, seen
from lamplighter.drift.sequences import Timeline
from lamplighter.drift.state import StateIndex, StateRead, read_resources
from lamplighter.drift.suggest import remember_confirmed, suggested, uncertain
from lamplighter.tools.cloudtrail import TraceFiles
from lamplighter.tools.state_sources import StateSource, fetch_state
from lamplighter.tools.terraform_files import CodeFiles, SourceFile, StateFile, read_code, read_state

if TYPE_CHECKING:
    from lamplighter.drift.patch.model import LastResort
    from lamplighter.drift.patch.proposal import Proposal
    from lamplighter.drift.refreshed import Refresh


@dataclass(frozen=True)
class DriftReport:
    """What was found, what it rests on, what could be done, and what was not looked at.

    `incomplete` says that a part of `not_checked` may hide drift, so the answer must not pass for a clean one. The
    proposal, and the plan of it, are made when they are first asked for: a patch takes longer than the check.
    """

    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]
    not_checked: tuple[str, ...]
    incomplete: bool
    coverage: Coverage
    live: LiveValues = field(default_factory=lambda: LiveValues("trace"))
    items: tuple[DriftItem, ...] = field(repr=False, default=())
    propose: Callable[[], Proposal] | None = field(repr=False, compare=False, default=None)
    """Makes the proposal; None where there is nothing to propose."""
    timeline: Timeline = field(repr=False, default_factory=lambda: Timeline(()))
    confirm: Callable[[Proposal], Proposal] | None = field(repr=False, compare=False, default=None)
    """Leaves of a proposal what Terraform agrees with; None where it is not asked."""

    @property
    def covered(self) -> tuple[str, str]:
        """First and last time that the trace speaks of: of its events, and of what was read whole everywhere."""
        whole = [read.whole for read in self.coverage.places if read.whole]
        first = max((spans[0].since for spans in whole), default="")
        last = min((spans[-1].until for spans in whole), default="")
        own = self.coverage
        return min(own.first or first, first or own.first), max(own.last, last)

    @cached_property
    def proposal(self) -> Proposal | None:
        return self.propose() if self.propose is not None else None

    @property
    def plan(self) -> Plan | None:
        return self._confirmed(self.proposal).plan() if self.proposal is not None else None

    def _confirmed(self, proposal: Proposal) -> Proposal:
        return self.confirm(proposal) if self.confirm is not None else proposal

    def with_proposal(self, proposal: Proposal) -> DriftReport:
        """The same with another proposal, of some of the findings or with a patch that was verified."""
        return replace(self, propose=lambda: proposal)

    def plan_for(self, findings: Iterable[Finding], *, codify: bool = False) -> Plan | None:
        """The plan of these findings alone: an edit that several share is made anew for those that are left.

        With `codify` the code is to say all of them, as a person wants it.
        """
        if self.proposal is None:
            return None
        from lamplighter.drift.patch.model import Verdict

        wanted = {finding.id for finding in findings}
        narrowed = self.proposal.narrowed(wanted, Verdict.CODIFY if codify else None)
        return self._confirmed(narrowed).plan()


class Terms(NamedTuple):
    """What a check goes by besides code, state and trace; see `check_directory`. `trusted` are places as declared."""

    rules: Sequence[DriftRule] = ()
    trusted: Sequence[Place] = ()
    refresh: Refresh | None = None
    recall: Recall | None = None
    ask_model: AskModel | None = None
    remember: Remember | None = None
    complete: Complete | None = None
    tokens: int = 0
    ledger: Path | None = None

    @property
    def asks(self) -> bool:
        """Whether anybody is asked about calls that the catalogue does not know."""
        return self.recall is not None or self.ask_model is not None or self.complete is not None

    def asking(self) -> Asking | None:
        """For one run; None where no model answers."""
        if self.complete is None:
            return None
        return Asking(self.complete, self.tokens, self.refresh.cancel if self.refresh is not None else None)

    def last_resort(self, asking: Asking | None) -> LastResort | None:
        """For one run; None where nobody serves it."""
        if self.recall is None and asking is None:
            return None
        from lamplighter.drift.patch.fallback import Fallback

        schemas = self.refresh.schemas if self.refresh is not None else None
        return Fallback(asking or Asking(), self.recall, self.remember, schemas)


@dataclass(frozen=True)
class Loaded:
    """The code and the state of one root module. `broken` files are not in `project`."""

    directory: Path
    code: CodeFiles
    project: Project
    state: StateRead
    layout: Layout
    broken: tuple[InputError, ...]
    beside: bool
    """Whether the state is what lies in the directory, because none was named."""


def check_directory(
    directory: Path,
    trace: Sequence[Path] | TraceSource,
    state: StateFile | StateSource | Path | None = None,
    *,
    principals: Sequence[str] = (),
    rules: Sequence[DriftRule] = (),
    covers: Sequence[str] = (),
    refresh: Refresh | None = None,
    recall: Recall | None = None,
    ask_model: AskModel | None = None,
    remember: Remember | None = None,
    complete: Complete | None = None,
    tokens: int = 0,
    ledger: Path | None = None,
) -> DriftReport:
    """Checks a root module against its state and an API trace: files, or any source. Nothing is written.

    `state` is one that was read, or where it is; with none it is what lies in the directory. `principals` are globs
    over who may run Terraform for this code; with none, anybody may. `rules` are the policy's and say what is to become
    of a drift. `covers` are the places (`ACCOUNT/REGION`, `*` for any) of which the user says that the trace holds all,
    so that no event of them is no gap. With `refresh` Terraform is asked what is live; where it cannot tell, the
    trace's answer is given and says so. `recall`, `complete` and `ask_model` are asked about calls that the
    catalogue does not know (see `suggest`), `recall` and `complete` about drift that no rule places in the code (see
    `patch.fallback`), for at most so many `tokens` in all; what verified goes to `remember`.
    `ledger` tells what was set back before. Raises InputError when the
    code, the state or the whole trace cannot be read, ConfigError for a place that is none, Unavailable when the state
    cannot be had, and what a source of its own raises.
    """
    terms = Terms(
        tuple(rules), declared(covers), refresh, recall, ask_model, remember, complete, tokens, ledger
    )
    loaded = load(directory, state)
    source = TraceFiles(trace) if isinstance(trace, Sequence) else trace
    return judge(loaded, hear(source, principals, keep_unknown=terms.asks), terms)


def load(
    directory: Path,
    state: StateFile | StateSource | Path | None = None,
    *,
    cancel: Event | None = None,
) -> Loaded:
    """Code and state, read; raises as `check_directory` does. `cancel` ends what Terraform is asked for."""
    code = read_code(directory)
    resources = read_resources(_state_file(directory, state, cancel))
    project = Project(_pairs(code.files), _pairs(code.variables), resources.values())
    broken = [
        InputError(
            str(directory / item.file), f"line {item.line}: {item.problem}", "mend it, then check again"
        )
        for item in project.broken
    ]
    if broken and not project.parsed:
        raise broken[0]
    providers = [provider_of(block, project.scope) for block in project.providers]
    layout = Layout(providers, resources.resources)
    return Loaded(directory, code, project, resources, layout, tuple(broken), state is None)


def _state_file(
    directory: Path, state: StateFile | StateSource | Path | None, cancel: Event | None
) -> StateFile:
    match state:
        case None | Path():
            return read_state(directory, state)
        case StateFile():
            return state
        case _:
            return fetch_state(state, cancel=cancel)


def judge(
    loaded: Loaded,
    heard: Heard,
    terms: Terms,
    *,
    scope: str = "",
    unheard: Sequence[str] = (),
) -> DriftReport:
    """What the trace says of one root module. Pure, but for what the project remembers of what was looked up, and for
    whom the terms say to ask.

    `scope` tells it apart where several are checked together. `unheard` are one-line texts of traces that were not had.
    """
    code, project, state, extraction = loaded.code, loaded.project, loaded.state, heard.extraction
    contents = {file.path: file.content for file in (*code.files, *code.variables)}
    baseline = Baseline(StateIndex(state.resources, loaded.layout), project, contents)
    matched = match(heard.changes, baseline)
    known = seen(loaded.directory, matched.items, baseline, terms.refresh)
    asking = terms.asking()
    hints = suggested(extraction.uncatalogued, baseline.state, terms.recall, terms.ask_model, asking)
    if terms.remember is not None and known.live.source != "trace":
        remember_confirmed(hints, known.items, baseline, terms.remember)
    items = [*known.items, *uncertain(hints, baseline, known.items)]
    found = [replace(item, intent=heard.timeline.intent(item), scope=scope) for item in reassessed(items)]
    coverage = coverage_of(heard.facts, extraction, matched, terms.trusted)
    hidden = [*unheard, *code.problems, *code.not_read, *(str(error) for error in loaded.broken)]
    hidden += state.problems
    if loaded.beside and project.backend not in ("", "local"):
        hidden.append(
            f"the code keeps its state in the {project.backend} backend: what lies beside it may be an old copy;"
            " name the state with --state"
        )
    asked = known.live.source != "trace"
    hidden += [*known.gaps, *gaps(state.resources, project, heard.facts, coverage, asked=asked)]
    hidden += [*unmapped(extraction.uncatalogued, hints), *matched.unplaced]
    limited = [*known.limits]
    limited += limits(matched, coverage, heard.facts, extraction, state.resources, asked=asked)
    report = _report(found, coverage, hidden, limited)
    report = replace(report, timeline=heard.timeline, live=known.live)
    # What is only suggested is no reason to change code.
    certain = [item for item in report.items if not item.suggested_by]
    if not certain:
        return report

    def made() -> Proposal:
        from lamplighter.drift.patch.code import Code
        from lamplighter.drift.patch.proposal import propose
        from lamplighter.drift.set_back import set_back

        written = Code.of(code, state).with_records(extraction.records)
        last = terms.last_resort(asking)
        before = set_back(terms.ledger, loaded.directory) if terms.ledger is not None else None
        return propose(certain, written, loaded.directory, rules=terms.rules, set_back=before, last=last)

    return replace(report, propose=made)


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
        not_checked=tuple(redact(line) for line in (*hidden, *limited)),
        incomplete=bool(hidden),
        coverage=coverage,
        items=tuple(items),
    )


def _order(item: DriftItem) -> tuple[bool, str, str, str]:
    return item.address is None, item.address or item.resource_type, item.attribute, item.time
