"""The report on many root modules as JSON, text, Markdown and one HTML page; all from outside is escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lamplighter.core.findings import Severity
from lamplighter.core.text import log_line, printable
from lamplighter.core.text import markdown as escaped
from lamplighter.drift import report as single
from lamplighter.drift.many import Checked, ManyReport
from lamplighter.drift.page import card, covering, listed, page, shown, timeline
from lamplighter.drift.report import blocks, by_severity, covered, table

SCHEMA = "lamplighter/drift-roots/v1"


def data(report: ManyReport, exit_codes: Sequence[int]) -> dict[str, Any]:
    """Plain JSON, the same for the same inputs; `exit_codes` are those of the roots, in their order."""
    return {
        "schema": SCHEMA,
        "roots": [_root(item, code) for item, code in zip(report.checked, exit_codes, strict=True)],
        "unmanaged": [finding.model_dump(mode="json") for finding in report.unmanaged],
        "evidence": [piece.model_dump(mode="json") for piece in report.evidence],
        "not_checked": list(report.not_checked),
        "incomplete": _is_incomplete(report),
        "totals": _totals(report),
    }


def _root(item: Checked, code: int) -> dict[str, Any]:
    """The same keys whether it could be checked or not."""
    whole: Mapping[str, Any] = {
        "findings": [],
        "evidence": [],
        "not_checked": [str(item.error)],
        "incomplete": True,
        "plan": None,
        "live": None,
        "coverage": None,
    }
    if item.report is not None:
        whole = {key: value for key, value in single.data(item.report).items() if key != "schema"}
    error = str(item.error) if item.error else None
    return {
        **whole,
        "root": item.check.root.path or ".",
        "workspace": item.check.workspace,
        "error": error,
        "exit_code": code,
    }


def _totals(report: ManyReport) -> dict[str, Any]:
    by_label = Counter(finding.severity.label for finding in report.findings)
    return {
        "roots": len(report.checked),
        "checked": len(report.reports),
        "drifts": len(report.findings) - len(report.unmanaged),
        "unmanaged": len(report.unmanaged),
        "severities": {severity.label: by_label[severity.label] for severity in Severity},
    }


def rows(report: ManyReport) -> tuple[dict[str, Any], ...]:
    """One finding a row, with the root and the workspace that it is of; null for what is in no root."""
    owned = [
        {
            **finding.model_dump(mode="json"),
            "root": item.check.root.path or ".",
            "workspace": item.check.workspace,
        }
        for item in report.checked
        for finding in (item.report.findings if item.report else ())
    ]
    free = [{**item.model_dump(mode="json"), "root": None, "workspace": None} for item in report.unmanaged]
    return (*owned, *free)


def headline(report: ManyReport) -> str:
    """How much there is, and in how many roots, in one line."""
    totals = _totals(report)
    checked, failed = totals["checked"], totals["roots"] - totals["checked"]
    line = f"{checked} root{'' if checked == 1 else 's'} checked"
    line += f", {failed} not" if failed else ""
    line += f": {totals['drifts']} drift{'' if totals['drifts'] == 1 else 's'}"
    line += f", {totals['unmanaged']} unmanaged" if totals["unmanaged"] else ""
    return f"{line} (incomplete: see what was not checked)" if _is_incomplete(report) else line


def _is_incomplete(report: ManyReport) -> bool:
    return report.incomplete or any(item.report is None or item.report.incomplete for item in report.checked)


def _title(item: Checked) -> str:
    said = single.headline(item.report) if item.report else "not checked"
    return f"{item.check.label}: {said}"


def _lines(item: Checked) -> Sequence[str]:
    return item.report.not_checked if item.report else (str(item.error),)


def _covered(report: ManyReport) -> Sequence[str]:
    """What the trace covers, where it is the same for all roots; else it is said of each."""
    phrases = {tuple(covered(item)) for item in report.reports}
    return phrases.pop() if len(phrases) == 1 else ()


def text(report: ManyReport, following: Mapping[str, str] | None = None) -> str:
    """For a terminal or a CI log. `following` are lines to stand below the root of a scope."""
    lines, common = [headline(report)], _covered(report)
    for item in report.checked:
        lines += ["", f"== {printable(_title(item))}"]
        if item.report is not None:
            lines += blocks(item.report.findings) + ([""] if item.report.findings else [])
            own = () if common else covered(item.report)
            lines += [f"covered: {log_line(line)}" for line in own]
            lines += [f"live values: {log_line(said)}"] if (said := item.report.live.said) else []
        lines += [f"not checked: {log_line(line)}" for line in _lines(item)]
        lines += [said] if (said := (following or {}).get(item.check.scope, "")) else []
    if report.unmanaged:
        lines += ["", "== in no state of these roots", *blocks(report.unmanaged)]
    lines += ["", *(f"covered: {log_line(line)}" for line in common)]
    lines += [f"not checked: {log_line(line)}" for line in report.not_checked]
    return "\n".join(lines).rstrip("\n")


def markdown(report: ManyReport) -> str:
    """For a pull request or a chat."""
    lines, common = [f"**{escaped(headline(report))}**"], _covered(report)
    for item in report.checked:
        lines += ["", f"### {escaped(_title(item))}", ""]
        if item.report is not None:
            lines += [*table(item.report.findings), ""]
            own = () if common else covered(item.report)
            lines += [f"- covered: {escaped(line)}" for line in own]
            lines += [f"- live values: {escaped(said)}"] if (said := item.report.live.said) else []
        lines += [f"- not checked: {escaped(line)}" for line in _lines(item)]
    if report.unmanaged:
        lines += ["", "### In no state of these roots", "", *table(report.unmanaged)]
    lines += ["", *(f"- covered: {escaped(line)}" for line in common)]
    lines += [*(f"- not checked: {escaped(line)}" for line in report.not_checked)]
    return "\n".join(lines)


def html(report: ManyReport) -> str:
    """One page: one picture of who did what when in all roots, then a section a root."""
    common = _covered(report)
    body = [f"<h1>{shown(headline(report))}</h1>"]
    body += [f'<p class="soft">covered: {shown(line)}</p>' for line in common]
    if report.findings:
        body += ["<h2>Who did what (times are UTC)</h2>", timeline(report.findings)]
    for item in report.checked:
        body += ["<section>", f"<h2>{shown(_title(item))}</h2>"]
        if item.report is not None:
            body += [] if common else covering(item.report)
            said = item.report.live.said
            body += [f'<p class="soft">live values: {shown(said)}</p>'] if said else []
            body += [card(finding) for finding in by_severity(item.report.findings)]
        body += [*(listed(f"not checked: {line}" for line in _lines(item)) if _lines(item) else ())]
        body.append("</section>")
    if report.unmanaged:
        body += [
            "<h2>In no state of these roots</h2>",
            *(card(item) for item in by_severity(report.unmanaged)),
        ]
    body += ["<h2>Not checked</h2>", *listed(report.not_checked)]
    return page(headline(report), body)
