"""Reports of any tool against what is true of the cloud, so that tools of different depth can stand side by side.

A truth counts as found when a report names its address and the first part of its attribute (either of them under
any key by which the truth goes), or its address where the tool tells no attribute. A false one is an address at which
nothing was changed. What a tool lists as in no state is held against nobody: most of an account is in no state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lamplighter.core.redaction import redact
from lamplighter.scenarios.drift.schema import Attribution, Scenario
from lamplighter.scenarios.evaluation.peers.model import UNTOLD, WHOLE, Report, top

REBUILT = frozenset(
    {"create_date", "created_date", "creation_date", "last_modified", "last_modified_date", "creation_time"}
)
"""Times at which the emulated account was put up again: they differ from the state's without anybody's doing."""


class Tally(NamedTuple):
    """Of one tool on one scenario."""

    found: int
    missed: tuple[str, ...]
    """The first key of each truth that was not found."""
    false: tuple[str, ...]
    """Addresses."""
    attributed: int
    """Of those found, how many name who and when rightly."""


class _Truth(NamedTuple):
    keys: frozenset[tuple[str, str]]
    name: str
    attribution: Attribution


def tally(case: Scenario, reports: Sequence[Report]) -> Tally:
    """Each true drift and each unmanaged resource of `case` counts once."""
    truths = list(_truths(case))
    reports = [report for report in reports if report.attribute not in REBUILT]
    found = [[report for report in reports if _tells(report, truth)] for truth in truths]
    changed = {drift.address for drift in case.drifts}
    changed |= {key.address for drift in case.drifts for key in drift.also}
    changed |= {key.address for loose in case.unmanaged for key in loose.also}
    false = {report.address for report in reports if report.address} - changed
    return Tally(
        found=sum(map(bool, found)),
        missed=tuple(truth.name for truth, told in zip(truths, found, strict=True) if not told),
        false=tuple(sorted(false)),
        attributed=sum(
            any(_rightly(report, truth.attribution) for report in told)
            for truth, told in zip(truths, found, strict=True)
        ),
    )


def nothing(case: Scenario) -> Tally:
    """What a run that failed is worth."""
    return tally(case, ())


def _truths(case: Scenario) -> Iterable[_Truth]:
    for drift in case.drifts:
        if drift.cause:
            continue
        keys = {(drift.address, top(drift.path)), *((key.address, top(key.path)) for key in drift.also)}
        name = f"{drift.address} {drift.path}".strip()
        yield _Truth(frozenset(keys), name, drift.attribution)
    for loose in case.unmanaged:
        names = {loose.id, redact(loose.id), loose.id.rpartition("/")[2]}
        keys = {("", f"{loose.type} {name}") for name in names}
        keys |= {(key.address, top(key.path)) for key in loose.also}
        yield _Truth(frozenset(keys), f"{loose.type} {redact(loose.id)}", loose.attribution)


def _tells(report: Report, truth: _Truth) -> bool:
    if (report.address, report.attribute) in truth.keys:
        return True
    addresses = {address for address, _ in truth.keys if address}
    gone = (report.address, WHOLE) in truth.keys
    return report.address in addresses and (report.attribute == UNTOLD or gone)


def _rightly(report: Report, truth: Attribution) -> bool:
    """Who, by the name at the end of what is told, and when, as finely as it is told (to the minute at least)."""
    if not report.who or not report.when:
        return False
    who = report.who.rpartition("/")[2].rpartition(":")[2]
    told = report.when.partition("+")[0].rstrip("Z")
    exact = truth.when.startswith(told) and len(told) >= len("2026-11-23T22:46")
    return exact and who == truth.who.rpartition("/")[2].rpartition(":")[2]
