"""Many root modules checked together: each state and each trace is read once, and one report comes out.

Roots are checked by threads, since what is waited for is states that are elsewhere. Measured, a root costs 5 to 10 ms
of processor time for its code and state, and 0.14 s to be matched with a trace of 20,000 changes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import NamedTuple, Protocol, TypeVar

from lamplighter.core.errors import InputError, LampError
from lamplighter.core.exits import Exit
from lamplighter.core.findings import Evidence, Finding
from lamplighter.core.ports import TraceSource
from lamplighter.core.redaction import redact
from lamplighter.core.text import printable
from lamplighter.core.trace import Place
from lamplighter.drift.check import DriftReport, Loaded, Terms, judge, load
from lamplighter.drift.heard import Heard, hear, together
from lamplighter.drift.roots import RootModule, Roots
from lamplighter.drift.states import has_workspace, is_unused_module, state_of_root, workspaces_of
from lamplighter.tools.state_sources import StateSource

JOBS = 8
"""Roots at a time; most of the time each waits for its state."""
PLANS = 2
"""Roots at a time where Terraform plans each: a plan is seconds of processor time, and a provider half a gigabyte."""
_PULLS = 16
"""Traces at a time: each is asked twice a second, so that nearly all of it is waiting."""

_A = TypeVar("_A")
_B = TypeVar("_B")


class Check(NamedTuple):
    """One root module in one workspace. `alone` is whether its code serves no other workspace of this run."""

    root: RootModule
    workspace: str
    alone: bool = True

    @property
    def scope(self) -> str:
        """What tells its findings from those of others."""
        return f"{self.root.path}\0{self.workspace}"

    @property
    def label(self) -> str:
        """As people are told of it; its names are text from outside."""
        path = self.root.path or "."
        return path if self.workspace == "default" else f"{path} (workspace {self.workspace})"


@dataclass(frozen=True)
class Checked:
    """What became of one check: a report, or the error for which there is none."""

    check: Check
    report: DriftReport | None = None
    error: LampError | None = None


@dataclass(frozen=True)
class ManyReport:
    """One report on many root modules.

    `unmanaged` are the findings on resources that no root of those checked holds, each once. `not_checked` are lines
    that hold for every root that was checked, or for none of them; the rest stands in its root. `incomplete` says that
    these lines may hide drift, apart from what each root's own report says.
    """

    checked: tuple[Checked, ...]
    unmanaged: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    not_checked: tuple[str, ...] = ()
    incomplete: bool = False

    @property
    def reports(self) -> tuple[DriftReport, ...]:
        return tuple(item.report for item in self.checked if item.report is not None)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (*(finding for report in self.reports for finding in report.findings), *self.unmanaged)


class Traces(Protocol):
    """The traces of accounts and regions, where each is asked for by itself. Raises LampError for what is not had."""

    def resolve(self, place: Place) -> Place:
        """With the session's own account and region where the place names none."""
        ...

    def open(self, place: Place) -> TraceSource:
        """The trace of a place that was resolved."""
        ...


@dataclass(frozen=True)
class Asked:
    """How states are had. `pull` lets Terraform read those that the files do not say the place of; `profile` is the
    AWS profile of whoever asks. Setting `stopped` ends what Terraform was started for."""

    directory: Path
    principals: Sequence[str] = ()
    pull: bool = False
    profile: str = ""
    jobs: int = JOBS
    terms: Terms = field(default_factory=Terms)
    stopped: Event = field(default_factory=Event)


def checks_of(found: Roots, workspace: str = "") -> tuple[list[Check], list[str]]:
    """(the checks of all workspaces that files tell of, or of that one only; roots left out, as one-line texts).

    Raises InputError where there are roots and none has the workspace.
    """
    checks: list[Check] = []
    left_out: list[str] = []
    for root in found.roots:
        path = root.path or "."
        if is_unused_module(root, found.directory):
            left_out.append(f"{path}: has no backend, provider or state, so it was taken for a module")
        elif not workspace:
            names = workspaces_of(root, found.directory)
            checks += [Check(root, name, len(names) == 1) for name in names]
        elif has_workspace(root, found.directory, workspace):
            checks.append(Check(root, workspace))
        else:
            left_out.append(f"{path}: has no workspace {workspace}, so it was left out")
    if workspace and found.roots and not checks:
        problem = f"no root module has a workspace {printable(workspace, limit=100)}"
        raise InputError(str(found.directory), problem, "see `terraform workspace list`")
    return checks, left_out


def check_with(checks: Sequence[Check], trace: TraceSource, asked: Asked) -> ManyReport:
    """Every root against one trace, which is read once. Raises what the source raises."""
    heard = hear(trace, asked.principals, keep_unknown=asked.terms.asks)

    def checked(check: Check) -> Checked:
        loaded = _loaded(check, asked)
        if isinstance(loaded, LampError):
            return Checked(check, error=loaded)
        return _judged(check, loaded, heard, asked)

    done = in_parallel(checked, checks, asked.jobs, asked.stopped)
    return _joined(done, {check.scope: None for check in checks})


def check_by_place(
    checks: Sequence[Check], traces: Traces, asked: Asked, regions: Collection[str] = ()
) -> ManyReport:
    """Every root against the traces of the accounts and regions that it works in; each of them is read once.

    With `regions` no other is asked for. Raises LampError when there is no trace at all.
    """
    loaded = in_parallel(lambda check: _loaded(check, asked), checks, asked.jobs, asked.stopped)
    resolved = _Resolved(traces, regions)
    wanted = [resolved.places(item) if isinstance(item, Loaded) else () for item in loaded]
    heard = _heard(sorted({place for places in wanted for place in places}), traces, asked)
    _require_some({**resolved.errors, **heard})
    whole: dict[tuple[Place, ...], Heard] = {}
    for places in wanted:
        parts = {place: part for place in places if isinstance(part := heard[place], Heard)}
        if tuple(parts) not in whole:
            whole[tuple(parts)] = together(list(parts.values()))

    def checked(index: int) -> Checked:
        check, item, places = checks[index], loaded[index], wanted[index]
        if isinstance(item, LampError):
            return Checked(check, error=item)
        own = tuple(place for place in places if isinstance(heard[place], Heard))
        unheard = [_gap(place, part) for place in places if isinstance(part := heard[place], LampError)]
        unheard += [_gap(place, error) for place, error in resolved.errors_of(item).items()]
        return _judged(check, item, whole[own], asked, unheard)

    done = in_parallel(checked, range(len(checks)), asked.jobs, asked.stopped)
    scopes = zip(checks, wanted, strict=True)
    return _joined(done, {check.scope: frozenset(places) for check, places in scopes})


def _judged(check: Check, loaded: Loaded, heard: Heard, asked: Asked, unheard: Sequence[str] = ()) -> Checked:
    terms = asked.terms
    if terms.refresh is not None:
        workspace = "" if check.workspace == check.root.workspace else check.workspace
        refresh = replace(terms.refresh, workspace=workspace, cancel=asked.stopped)
        terms = terms._replace(refresh=refresh)
    report = judge(loaded, heard, terms, scope=check.scope, unheard=unheard)
    return Checked(check, report)


class _Resolved:
    """The places of roots, with the session's own put in."""

    def __init__(self, traces: Traces, regions: Collection[str]) -> None:
        self._traces, self._regions = traces, regions
        self.errors: dict[Place, LampError] = {}

    def places(self, loaded: Loaded) -> tuple[Place, ...]:
        found: set[Place] = set()
        for place in loaded.layout.places():
            for region in [place.region] if place.region else [*self._regions] or [""]:
                try:
                    found.add(self._traces.resolve(Place(place.account, region)))
                except LampError as error:
                    self.errors[place] = error
        return tuple(sorted(place for place in found if not self._regions or place.region in self._regions))

    def errors_of(self, loaded: Loaded) -> Mapping[Place, LampError]:
        return {place: error for place, error in self.errors.items() if place in loaded.layout.places()}


def _heard(places: Sequence[Place], traces: Traces, asked: Asked) -> Mapping[Place, Heard | LampError]:
    def one(place: Place) -> Heard | LampError:
        try:
            return hear(traces.open(place), asked.principals, keep_unknown=asked.terms.asks)
        except LampError as error:
            return error

    return dict(zip(places, in_parallel(one, places, _PULLS, asked.stopped), strict=True))


def _require_some(heard: Mapping[Place, Heard | LampError]) -> None:
    """Raises the first error that is of the means, where no trace was had: that is no partial answer."""
    errors = [part for part in heard.values() if isinstance(part, LampError)]
    if len(errors) == len(heard):
        for error in errors:
            if error.exit_code is not Exit.INCOMPLETE:
                raise error


def _gap(place: Place, error: LampError) -> str:
    return str(error) if error.subject == place.said else f"{place.said}: {error}"


def _loaded(check: Check, asked: Asked) -> Loaded | LampError:
    directory = asked.directory / check.root.path
    try:
        state = _state(check, asked)
        return load(directory, state, cancel=asked.stopped)
    except LampError as error:
        return error


def _state(check: Check, asked: Asked) -> StateSource | None:
    return state_of_root(check.root, asked.directory, check.workspace, pull=asked.pull, profile=asked.profile)


def in_parallel(function: Callable[[_A], _B], items: Sequence[_A], jobs: int, stopped: Event) -> list[_B]:
    """The results in the order of the items. An interrupted wait sets `stopped` and begins nothing more."""
    pool = ThreadPoolExecutor(max_workers=max(1, min(jobs, len(items))))
    try:
        return list(pool.map(function, items))
    except BaseException:  # an interrupt too: what was started must end before it goes on its way
        stopped.set()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _joined(done: Sequence[Checked], heard_by: Mapping[str, frozenset[Place] | None]) -> ManyReport:
    """What is the same for all is said once."""
    unmanaged, evidence = _unmanaged(done, heard_by)
    shared = _shared([item.report.not_checked for item in done if item.report is not None])
    own = [_own(item, shared) for item in done]
    lines = list(shared)
    if unmanaged and any(item.error for item in done):
        lines.append("what is unmanaged may be of a root that was not checked")
    return ManyReport(tuple(own), unmanaged, evidence, tuple(lines))


def _unmanaged(
    done: Sequence[Checked], heard_by: Mapping[str, frozenset[Place] | None]
) -> tuple[tuple[Finding, ...], tuple[Evidence, ...]]:
    """What is in no state of the roots that heard of it: where one of them does not name it, that one has it."""
    named: dict[str, list[tuple[Finding, DriftReport]]] = {}
    for item in done:
        for finding in item.report.findings if item.report else ():
            if finding.kind == "unmanaged" and item.report:
                named.setdefault(finding.id, []).append((finding, item.report))
    kept = [
        said[0]
        for said in named.values()
        if len(said) == sum(_heard_of(item, heard_by, said[0][0]) for item in done if item.report)
    ]
    kept.sort(key=lambda pair: pair[0].where)
    pieces = {
        piece.id: piece
        for finding, report in kept
        for piece in report.evidence
        if piece.id in finding.evidence
    }
    return tuple(finding for finding, _ in kept), tuple(pieces[key] for key in sorted(pieces))


def _heard_of(item: Checked, heard_by: Mapping[str, frozenset[Place] | None], finding: Finding) -> bool:
    places = heard_by[item.check.scope]
    return places is None or Place(finding.details["account"], finding.details["region"]) in places


def _shared(lines: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The lines that every one of several roots has."""
    if len(lines) < 2:
        return ()
    common = set(lines[0]).intersection(*lines[1:])
    return tuple(dict.fromkeys(line for line in lines[0] if line in common))


def _own(item: Checked, shared: Collection[str]) -> Checked:
    report = item.report
    if report is None:
        return item
    findings = tuple(finding for finding in report.findings if finding.kind != "unmanaged")
    cited = {name for finding in findings for name in finding.evidence}
    return replace(
        item,
        report=replace(
            report,
            findings=findings,
            evidence=tuple(piece for piece in report.evidence if piece.id in cited),
            not_checked=tuple(line for line in report.not_checked if line not in shared),
        ),
    )


def with_tree(
    report: ManyReport, found: Roots, left_out: Sequence[str] = (), *, part: bool = False
) -> ManyReport:
    """With what the search for roots left out. `part` says that not all roots of the tree were chosen."""
    hidden = [redact(line) for line in _of_no_root(found)]
    lines = [*hidden, *left_out, *report.not_checked]
    if part and report.unmanaged:
        lines.append("what is unmanaged may be of a root that was not chosen")
    return replace(report, not_checked=tuple(lines), incomplete=report.incomplete or bool(hidden))


def _of_no_root(found: Roots) -> Iterator[str]:
    """What is in the way of seeing a root; what lies in a root is that root's own to say."""
    known = {place for root in found.roots for place in (root.path, *root.modules)}
    for line in found.problems:
        if posixpath.dirname(line.partition(": ")[0]) not in known:
            yield line
    for name in found.not_read:
        if posixpath.dirname(name) not in known or name.endswith(".hcl"):
            yield f"{name}: is not read"
