"""A drift report as one HTML page that needs nothing else, with a picture of who did what when.

Everything from outside is escaped here; the page holds no script and loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import NamedTuple

from lamplighter.core.findings import Finding, Severity
from lamplighter.core.text import printable
from lamplighter.drift.check import DriftReport
from lamplighter.drift.patch.told import unified
from lamplighter.drift.proposals import brief, finding_of, who
from lamplighter.drift.report import by_severity, covered, headline

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--page:#fff;--card:#f6f8fa;
--critical:#b3103b;--high:#c4490b;--medium:#8a6100;--low:#1a63c2;--info:#57606a}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa4af;--line:#3a424c;--page:#14181d;--card:#1c2229;
--critical:#ff6f91;--high:#ff9457;--medium:#e5b23c;--low:#79b0ff;--info:#9aa4af}}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1.5rem;color:var(--ink);
background:var(--page)}
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.05rem;margin:2rem 0 .5rem}small,.soft{color:var(--soft)}
article{border:1px solid var(--line);border-left-width:5px;border-radius:6px;background:var(--card);
padding:.6rem .9rem;margin:.7rem 0;overflow-wrap:anywhere}
article h3{font-size:1rem;margin:0}article p{margin:.25rem 0}
code,ins,del{font:13px/1.6 ui-monospace,monospace}ins,del{text-decoration:none;display:block}
del::before{content:"- code  "}ins::before{content:"+ live  "}del{color:var(--high)}ins{color:var(--low)}
svg{width:100%;height:auto}svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .soft{fill:var(--soft)}
svg line{stroke:var(--line)}
.critical{border-left-color:var(--critical);--c:var(--critical)}.high{border-left-color:var(--high);--c:var(--high)}
.medium{border-left-color:var(--medium);--c:var(--medium)}.low{border-left-color:var(--low);--c:var(--low)}
.info{border-left-color:var(--info);--c:var(--info)}
pre.diff{font:13px/1.5 ui-monospace,monospace;border:1px solid var(--line);border-radius:6px;background:var(--card);
padding:.6rem .9rem;overflow-x:auto}pre.diff span{display:block;white-space:pre}pre.diff .new{color:var(--low)}
pre.diff .old{color:var(--high)}pre.diff .at{color:var(--soft)}
b.tag{color:var(--c);text-transform:uppercase;font-size:.8rem;letter-spacing:.04em}circle{fill:var(--c)}
"""

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 1000, 250, 20, 34, 30
"""Of the picture, in its own units: names stand left of `_LEFT`, each actor has a row."""


class _Mark(NamedTuple):
    time: datetime
    actor: str
    severity: Severity
    said: str


def html(report: DriftReport) -> str:
    """The whole page."""
    body = [f"<h1>{shown(headline(report))}</h1>", *covering(report)]
    body += [f'<p class="soft">live values: {shown(report.live.said)}</p>'] if report.live.said else []
    if report.findings:
        body += ["<h2>Who did what (times are UTC)</h2>", timeline(report.findings), "<h2>Drift</h2>"]
        decided = decisions(report)
        body += [card(finding, decided.get(finding.id, "")) for finding in by_severity(report.findings)]
    body += diff(report)
    body += ["<h2>Not checked</h2>", *listed(report.not_checked)]
    return page(headline(report), body)


def page(title: str, body: Iterable[str]) -> str:
    """A whole document; `body` is markup."""
    head = f'<meta charset="utf-8"><title>{shown(title)}</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def listed(lines: Iterable[str]) -> Iterator[str]:
    """Texts from anywhere as a list."""
    yield "<ul>"
    yield from (f"<li>{shown(line)}</li>" for line in lines)
    yield "</ul>"


def timeline(findings: Sequence[Finding]) -> str:
    """A row for each actor, a mark for each finding at the time of the call that made it, as SVG."""
    marks = sorted(_marks(findings))
    if not marks:
        return ""
    actors = list(dict.fromkeys(mark.actor for mark in marks))
    first, last = marks[0].time, marks[-1].time
    span = max(last - first, timedelta(minutes=1))
    height = _TOP + _ROW * len(actors) + 30

    def across(time: datetime) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * ((time - first) / span), 1)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="timeline of {len(marks)} drifts">',
        f"<title>Who made which change when, {shown(first.isoformat())} to {shown(last.isoformat())}</title>",
    ]
    for number in range(5):
        time = first + span * number / 4
        x, anchor = across(time), ("start", "middle", "middle", "middle", "end")[number]
        parts.append(f'<line x1="{x}" y1="{_TOP - 12}" x2="{x}" y2="{height - 30}"/>')
        parts.append(
            f'<text class="soft" x="{x}" y="{height - 10}" text-anchor="{anchor}">{time:%d %b %H:%M}</text>'
        )
    for row, actor in enumerate(actors):
        y = _TOP + _ROW * row
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}"/>')
        parts.append(f'<text x="0" y="{y + 4}">{shown(_short(actor))}</text>')
        parts += [_dot(mark, across(mark.time), y) for mark in marks if mark.actor == actor]
    return "\n".join([*parts, "</svg>"])


def _marks(findings: Iterable[Finding]) -> Iterator[_Mark]:
    for finding in findings:
        if not finding.details["time"]:
            continue  # no call accounts for it, so it has no place in time
        time = datetime.fromisoformat(finding.details["time"])
        said = f"{finding.severity.label}: {finding.where}, {finding.summary} ({finding.details['time']})"
        yield _Mark(time, finding.details["actor"], finding.severity, said)


def _dot(mark: _Mark, x: float, y: int) -> str:
    radius = 4 + int(mark.severity)
    return (
        f'<circle class="{mark.severity.label}" cx="{x}" cy="{y}" r="{radius}" fill-opacity=".85">'
        f"<title>{shown(mark.said)}</title></circle>"
    )


def _short(actor: str) -> str:
    """The end of a name tells people apart, its beginning is the role they share."""
    name = actor.rpartition("/")[2]
    return name if len(name) <= 36 else f"{name[:35]}…"


def decisions(report: DriftReport) -> dict[str, str]:
    """What is proposed to become of each finding, by its id."""
    if report.proposal is None:
        return {}
    placed = {finding_of(one.item).id for one in report.proposal.patch.placed}
    why_not = report.proposal.unplaced
    said: dict[str, str] = {}
    for decision in report.proposal.decisions:
        name = finding_of(decision.item).id
        how = (
            "in the patch"
            if name in placed
            else f"not in the patch: {why_not[name]}"
            if name in why_not
            else ""
        )
        said[name] = "; ".join(part for part in (f"{decision.verdict.value}: {decision.reason}", how) if part)
    return said


def diff(report: DriftReport) -> list[str]:
    """The whole patch, a line an element, those that go and those that come marked; nothing where there is none."""
    if report.proposal is None or not report.proposal.patch.edits:
        return []
    lines = unified(report.proposal.patch).decode("utf-8", "replace").splitlines()
    marks = {"+": "new", "-": "old", "@": "at"}
    marked = (f'<span class="{marks.get(line[:1], "same")}">{shown(line) or " "}</span>' for line in lines)
    return ["<h2>Proposed patch</h2>", f'<pre class="diff">{"".join(marked)}</pre>']


def card(finding: Finding, decided: str = "") -> str:
    """One finding, with what stands in the code beside what is live, and what is decided of it."""
    details = finding.details
    label = finding.severity.label
    place = f" <small>{shown(finding.location)}</small>" if finding.location else ""
    lines = [
        f'<article class="{label}" id="{shown(finding.id)}">',
        f'<h3><b class="tag">{label}</b> {shown(finding.where)}{place}</h3>',
        f"<p>{shown(finding.summary)}</p>",
        f"<del>{shown(brief(details['code']))}</del><ins>{shown(brief(details['live']))}</ins>",
        f'<p class="soft">{shown(who(finding))}{shown(_together(finding))}</p>',
        f"<p>{shown(decided)}</p>" if decided else "",
        f'<p class="soft"><code>{shown(finding.id)}</code> events {shown(", ".join(details["events"]))}</p>',
        "</article>",
    ]
    return "\n".join(lines)


def _together(finding: Finding) -> str:
    intent = finding.details["intent"]
    return f"; {intent}" if intent else ""


def covering(report: DriftReport) -> list[str]:
    """What the trace covers, a paragraph a line."""
    return [f'<p class="soft">covered: {shown(line)}</p>' for line in covered(report)]


def shown(value: str) -> str:
    """Text from anywhere, harmless in markup."""
    return escape(printable(value, limit=2000))
