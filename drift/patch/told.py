"""A proposal as a patch that git applies, as JSON, text and Markdown. Everything from outside is escaped here."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lamplighter.core.plans import Plan
from lamplighter.core.redaction import redact
from lamplighter.core.text import log_line, printable
from lamplighter.core.text import markdown as escaped
from lamplighter.drift.patch.model import Decision, Verdict
from lamplighter.drift.patch.patch import Patch
from lamplighter.drift.patch.proposal import Proposal
from lamplighter.drift.patch.verify import Verified
from lamplighter.drift.proposals import change_text, finding_of

SCHEMA = "lamplighter/drift-fix/v1"
_WORDS = {
    Verdict.CODIFY: "into the code",
    Verdict.REVERT: "back in the cloud",
    Verdict.IGNORE: "left alone",
    Verdict.ASK: "to be decided",
}
_NO_NEWLINE = b"\\ No newline at end of file\n"


@dataclass(frozen=True)
class Fix:
    """What `lamp drift fix` says: the proposal, how far it is verified, and the plan of it that can be approved."""

    proposal: Proposal
    verified: Verified
    plan: Plan | None
    not_checked: tuple[str, ...] = ()

    @property
    def patch(self) -> Patch:
        return self.proposal.patch


def unified(patch: Patch) -> bytes:
    """As `git diff` writes it, with paths relative to the project's directory; `git apply` takes it there."""
    return b"".join(_file(patch, edit.file) for edit in patch.edits)


def _file(patch: Patch, path: str) -> bytes:
    before, after = patch.before.contents.get(path), patch.after.contents[path]
    name = path.encode()
    head = [b"diff --git a/" + name + b" b/" + name]
    head += [b"new file mode 100644"] if before is None else []
    head += [b"--- /dev/null" if before is None else b"--- a/" + name, b"+++ b/" + name]
    lines = difflib.diff_bytes(
        difflib.unified_diff, _lines(before or b""), _lines(after), lineterm=b"\n", n=3
    )
    return b"".join([*(line + b"\n" for line in head), *_hunks([*lines][2:])])


def _lines(content: bytes) -> list[bytes]:
    """At line feeds alone: a carriage return of its own is no line end to git."""
    return [line + b"\n" for line in content.split(b"\n")[:-1]] + (
        [content.rpartition(b"\n")[2]] if content and not content.endswith(b"\n") else []
    )


def _hunks(lines: list[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line if line.endswith(b"\n") else line + b"\n" + _NO_NEWLINE


def rows(fix: Fix) -> list[dict[str, Any]]:
    """One a decision."""
    placed = {finding_of(one.item).id: one for one in fix.patch.placed}
    unplaced = fix.proposal.unplaced
    found: list[dict[str, Any]] = []
    for decision in fix.proposal.decisions:
        item, finding = decision.item, finding_of(decision.item)
        one = placed.get(finding.id)
        found.append(
            {
                "finding": finding.id,
                "where": finding.where,
                "attribute": item.attribute,
                "change": redact(change_text(item)),
                "severity": item.risk,
                "actor": item.actor.name,
                "tool": item.actor.tool,
                "time": item.time,
                "decision": decision.verdict.value,
                "reason": redact(decision.reason),
                "evidence": list(decision.evidence),
                "placed": one is not None,
                "rule": one.candidate.rule if one is not None and one.candidate is not None else None,
                "why_not": redact(unplaced[finding.id]) if finding.id in unplaced else None,
            }
        )
    return found


def data(fix: Fix) -> dict[str, Any]:
    """Plain JSON, the same for the same inputs."""
    return {
        "schema": SCHEMA,
        "decisions": rows(fix),
        "files": [edit.file for edit in fix.patch.edits],
        "diff": redact(unified(fix.patch).decode("utf-8", "replace")),
        "verified_by_plan": fix.verified.by_plan,
        "attempts": fix.verified.attempts,
        "tokens": fix.proposal.last.tokens if fix.proposal.last is not None else 0,
        "notes": [redact(line) for line in notes(fix)],
        "not_checked": list(fix.not_checked),
        "plan": fix.plan.digest if fix.plan else None,
    }


def nothing(not_checked: tuple[str, ...]) -> dict[str, Any]:
    """`data` where there is no drift."""
    empty: dict[str, Any] = {
        "decisions": [],
        "files": [],
        "diff": "",
        "attempts": 0,
        "tokens": 0,
        "notes": [],
        "plan": None,
    }
    return {"schema": SCHEMA, **empty, "verified_by_plan": False, "not_checked": list(not_checked)}


def notes(fix: Fix) -> list[str]:
    """What could not be told of the patch, and what a reader should know."""
    agreed = ["Terraform planned with this patch: nothing is left of it, and nothing else changes"]
    asked = [fix.proposal.last.spent] if fix.proposal.last is not None and fix.proposal.last.spent else []
    return [*(agreed if fix.verified.by_plan else []), *fix.verified.notes, *fix.patch.notes, *asked]


def text(fix: Fix) -> str:
    """For a terminal: a line or two a decision, then the diff."""
    lines = [headline(fix)]
    for decision, row in zip(fix.proposal.decisions, rows(fix), strict=True):
        lines += ["", *_block(decision, row)]
    if fix.patch.edits:
        lines += ["", *map(_diff_line, unified(fix.patch).decode("utf-8", "replace").splitlines())]
    lines += [""] + [f"note: {log_line(line)}" for line in notes(fix)]
    lines += [f"not checked: {log_line(line)}" for line in fix.not_checked]
    return "\n".join(lines)


def headline(fix: Fix) -> str:
    """How many drifts there are, and what is to become of them."""
    found = fix.proposal.decisions
    if not found:
        return "no drift to fix"
    counts = [(word, sum(one.verdict is verdict for one in found)) for verdict, word in _WORDS.items()]
    said = ", ".join(f"{count} {word}" for word, count in counts if count)
    files = len(fix.patch.edits)
    wrong = len(fix.patch.unplaced)
    said += f"; the patch edits {files} file{'' if files == 1 else 's'}" if files else "; there is no patch"
    return said + (f", {wrong} could not be placed" if wrong else "")


def _block(decision: Decision, row: dict[str, Any]) -> list[str]:
    by = f" ({row['rule']})" if row["rule"] else " (the code says so by then)" if row["placed"] else ""
    lines = [
        f"{decision.verdict.value.upper():9}{printable(row['where'])}  {printable(row['change'], limit=400)}",
        f"         {printable(decision.reason)}; {printable(row['actor'])} with {printable(row['tool'])}"
        f" at {printable(row['time'])}",
    ]
    if row["placed"]:
        lines.append(f"         placed{printable(by)}")
    elif row["why_not"]:
        lines.append(f"         not placed: {printable(row['why_not'], limit=400)}")
    return lines


def _diff_line(line: str) -> str:
    """A tab is as good as anywhere in code; what else steers a terminal is shown escaped."""
    return "\t".join(printable(part) for part in line.split("\t"))


def markdown(fix: Fix) -> str:
    """For a pull request or a chat."""
    lines = [f"**{escaped(headline(fix))}**", ""]
    found = rows(fix)
    if found:
        lines += ["| decision | where | what | who | why |", "| --- | --- | --- | --- | --- |"]
    for row in found:
        why = row["reason"] + (f"; not placed: {row['why_not']}" if row["why_not"] else "")
        cells = (row["decision"], row["where"], row["change"], f"{row['actor']} ({row['tool']})", why)
        lines.append("| " + " | ".join(escaped(str(cell)) for cell in cells) + " |")
    if fix.patch.edits:
        diff = unified(fix.patch).decode("utf-8", "replace")
        fence = "`" * max(3, 1 + max((len(run) for run in _ticks(diff)), default=0))
        lines += ["", f"{fence}diff", *map(_diff_line, diff.splitlines()), fence]
    lines += ["", *(f"- {escaped(line)}" for line in notes(fix))]
    lines += [f"- not checked: {escaped(line)}" for line in fix.not_checked]
    return "\n".join(lines)


def _ticks(text: str) -> Iterator[str]:
    run = ""
    for char in text + " ":
        if char == "`":
            run += char
        elif run:
            yield run
            run = ""
