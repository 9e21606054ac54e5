"""A drift report as JSON, text and Markdown. Everything from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lamplighter.core.findings import Finding
from lamplighter.core.text import log_line, printable
from lamplighter.core.text import markdown as escaped
from lamplighter.core.trace import Span
from lamplighter.drift.check import DriftReport
from lamplighter.drift.coverage import Coverage
from lamplighter.drift.proposals import who

SCHEMA = "lamplighter/drift-report/v1"
_SPANS = 3
"""How many times are told of a place that was read whole with holes between."""


def data(report: DriftReport) -> dict[str, Any]:
    """Plain JSON, the same for the same inputs: it holds no time of this run. `plan` is for whoever keeps one."""
    coverage = report.coverage
    return {
        "schema": SCHEMA,
        "findings": [finding.model_dump(mode="json") for finding in report.findings],
        "evidence": [piece.model_dump(mode="json") for piece in report.evidence],
        "not_checked": list(report.not_checked),
        "incomplete": report.incomplete,
        "plan": None,
        "live": {"source": report.live.source, "version": report.live.version or None},
        "coverage": {
            "accounts": list(coverage.accounts),
            "regions": list(coverage.regions),
            "first": coverage.first,
            "last": coverage.last,
            "applied": coverage.applied or None,
            "places": [
                {"account": read.place.account, "region": read.place.region, "events": read.events}
                | {"whole": [list(span) for span in read.whole]}
                for read in coverage.places
            ],
            "declared": ["/".join(place) for place in coverage.declared],
            "counts": coverage.counts,
        },
    }


def text(report: DriftReport) -> str:
    """For a terminal or a CI log."""
    lines = [headline(report), *blocks(report.findings), ""]
    lines += [f"covered: {log_line(item)}" for item in covered(report)]
    lines += [f"live values: {log_line(report.live.said)}"] if report.live.said else []
    lines += [f"not checked: {log_line(item)}" for item in report.not_checked]
    return "\n".join(lines)


def blocks(findings: Iterable[Finding]) -> list[str]:
    """The lines of each finding, the most severe first, with an empty one before it."""
    return [line for finding in by_severity(findings) for line in ("", *_block(finding))]


def headline(report: DriftReport) -> str:
    """How many drifts there are, in one line; says when the answer is incomplete."""
    drifts = sum(finding.kind == "drift" for finding in report.findings)
    others = len(report.findings) - drifts
    line = f"{drifts} drift{'' if drifts == 1 else 's'}"
    if others:
        line += f", {others} unmanaged"
    return f"{line} (incomplete: see what was not checked)" if report.incomplete else line


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """The most severe first."""
    return sorted(findings, key=lambda finding: -finding.severity)


def _block(finding: Finding) -> list[str]:
    details = finding.details
    place = f"  {printable(finding.location)}" if finding.location else ""
    said = who(finding) + (f" ({details['intent']})" if details["intent"] else "")
    return [
        f"{finding.severity.label.upper():9}{printable(finding.where)}{place}",
        f"         {printable(finding.summary, limit=400)}",
        f"         {printable(said)}",
    ]


def covered(report: DriftReport) -> list[str]:
    """What the trace covers: where events are, what was read whole and when, what is only declared; since when."""
    coverage = report.coverage
    lines = _events(coverage) + _whole(coverage)
    lines += [
        f"{'/'.join(place)}: declared with `covers`, not proven by the trace" for place in coverage.declared
    ]
    if coverage.applied:
        lines.append(
            f"what changed since {coverage.applied}, when Terraform last wrote what this state holds"
        )
    return lines or ["nothing"]


def _events(coverage: Coverage) -> list[str]:
    if not coverage.first:
        return []
    regions: dict[str, list[str]] = {}
    for read in coverage.places:
        if read.events:
            regions.setdefault(read.place.account or "no account named", []).append(read.place.region)
    where = "; ".join(f"{account} in {', '.join(names)}" for account, names in sorted(regions.items()))
    return [f"{where}, {coverage.first} to {coverage.last}, {coverage.counts['events']} events"]


def _whole(coverage: Coverage) -> list[str]:
    """One line for each account and time: its regions are mostly asked for, or delivered, together."""
    groups: dict[tuple[str, tuple[Span, ...]], list[str]] = {}
    for read in coverage.places:
        if read.whole:
            groups.setdefault((read.place.account, read.whole), []).append(read.place.region)
    lines: list[str] = []
    for (account, spans), names in groups.items():
        times = [f"from {span.since} to {span.until}" for span in spans[:_SPANS]]
        more = f" and {len(spans) - _SPANS} times more" if len(spans) > _SPANS else ""
        lines.append(f"{account} in {', '.join(names)}: whole {' and '.join(times)}{more}")
    return lines


def markdown(report: DriftReport) -> str:
    """For a pull request or a chat."""
    lines = [f"**{escaped(headline(report))}**", "", *table(report.findings)]
    lines += ["", *(f"- covered: {escaped(item)}" for item in covered(report))]
    lines += [f"- live values: {escaped(report.live.said)}"] if report.live.said else []
    lines += [f"- not checked: {escaped(item)}" for item in report.not_checked]
    return "\n".join(lines)


def table(findings: Sequence[Finding]) -> list[str]:
    """The lines of a Markdown table of findings; none where there are none."""
    lines: list[str] = []
    if findings:
        lines += ["| severity | where | what | who | when |", "| --- | --- | --- | --- | --- |"]
    for finding in by_severity(findings):
        details = finding.details
        cells = (
            finding.severity.label,
            finding.where + (f" ({finding.location})" if finding.location else ""),
            finding.summary,
            f"{details['actor']} ({details['tool']})" if details["actor"] else details["origin"],
            details["time"],
        )
        lines.append("| " + " | ".join(escaped(str(cell)) for cell in cells) + " |")
    return lines
