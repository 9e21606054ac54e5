"""What is proposed about a project's drift: a decision for each item, the patch, and both as a typed plan."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lamplighter.core.operations import EditHcl, Target
from lamplighter.core.plans import Plan, Step
from lamplighter.core.policy import DriftRule
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.decisions import decide
from lamplighter.drift.patch.goals import unsaid
from lamplighter.drift.patch.model import Decision, FileEdits, LastResort, Placed, Verdict
from lamplighter.drift.patch.patch import RULES, Patch, patch_of
from lamplighter.drift.proposals import brief, evidence_of, finding_of
from lamplighter.tools.files import ABSENT, edit_version

_BRINGING = "bring the code to what is live"
_BY_HAND = "what is left to do by hand"
_SHOWN = 3
"""Addresses that a step of many names."""


@dataclass(frozen=True)
class Proposal:
    """`decisions` are in the order of the items; `patch` carries those to be codified or ignored into the code of the
    directory `root`. `last` is asked where no rule places an item, None where nobody is."""

    decisions: tuple[Decision, ...]
    patch: Patch
    root: Path
    last: LastResort | None = field(default=None, compare=False, repr=False)

    @property
    def unplaced(self) -> Mapping[str, str]:
        """Why an item that was to be codified or ignored is not in the patch, by the id of its finding."""
        return {finding_of(one.item).id: one.reason for one in self.patch.unplaced}

    def narrowed(self, findings: Collection[str], verdict: Verdict | None = None) -> Proposal:
        """Of these findings (ids) alone; `verdict` is what a person says is to become of all of them."""
        kept = tuple(one for one in self.decisions if finding_of(one.item).id in findings)
        if verdict is not None:
            kept = tuple(one._replace(verdict=verdict, reason="asked for") for one in kept)
        return Proposal(kept, patch_of(kept, self.patch.before, RULES, self.last), self.root, self.last)

    def with_patch(self, patch: Patch) -> Proposal:
        """With the patch that Terraform agreed with."""
        return replace(self, patch=patch)

    def plan(self) -> Plan | None:
        """A step for each file that the patch edits, then a proposal in words for each managed item that it leaves.

        None where there is neither.
        """
        edits = sorted(self.patch.edits, key=_rank)
        made = [*self._edits(edits)]
        words = [*self._words()]
        steps = tuple(
            Step(
                id=f"edit-{number}",
                operation=operation,
                resolves=resolves,
                after=self._before(edits, number - 1) if number <= len(edits) else (),
            )
            for number, (operation, resolves) in enumerate([*made, *words], start=1)
        )
        if not steps:
            return None
        of = [decision.item for decision in self.decisions if decision.item.address is not None]
        of += [placed.item for placed in self.patch.placed]
        evidence = sorted({piece.id for item in of for piece in evidence_of(item)})
        return Plan(steps=steps, rationale=_BRINGING if edits else _BY_HAND, evidence=tuple(evidence))

    def _before(self, edits: Sequence[FileEdits], at: int) -> tuple[str, ...]:
        """The steps without which an edit would be half of what some item needs: the first that is refused ends it."""
        needed = [
            {edit.file for edit in placed.candidate.edits}
            for placed in self.patch.placed
            if placed.candidate is not None
        ]
        own = edits[at].file
        return tuple(
            f"edit-{number}"
            for number, edit in enumerate(edits[:at], start=1)
            if any({own, edit.file} <= files for files in needed)
        )

    def _edits(self, edits: Iterable[FileEdits]) -> Iterator[tuple[EditHcl, tuple[str, ...]]]:
        said = [placed for placed in self.patch.placed if not self._was_said(placed)]
        for edit in edits:
            about = [placed for placed in said if _touches(placed, edit.file)]
            yield _operation(edit, about, self.patch.before, self.root), _ids(one.item for one in about)

    def _was_said(self, placed: Placed) -> bool:
        return placed.candidate is None and not unsaid(
            placed.item, Verdict.CODIFY, self.patch.before, self.patch.before
        )

    def _words(self) -> Iterator[tuple[EditHcl, tuple[str, ...]]]:
        placed = {finding_of(one.item).id for one in self.patch.placed}
        for decision in self.decisions:
            item, ids = decision.item, _ids([decision.item])
            if item.address is None or item.location is None or placed & {*ids}:
                continue
            content = self.patch.before.contents[item.location.file]
            yield (
                EditHcl(
                    target=_target(self.root, item.location.file, edit_version(content, ())),
                    address=item.address,
                    attribute=item.attribute,
                    proposal=words(decision, self.unplaced.get(ids[0], "")),
                ),
                ids,
            )


def propose(
    items: Sequence[DriftItem],
    code: Code,
    root: Path,
    *,
    rules: Sequence[DriftRule] = (),
    set_back: Mapping[str, Sequence[str]] | None = None,
    last: LastResort | None = None,
) -> Proposal:
    """`rules` are the policy's, `set_back` what was set back before: see `decide`; `last`
    is asked what no rule can place."""
    decisions = decide(items, code.index, rules=rules, set_back=set_back)
    return Proposal(decisions, patch_of(decisions, code, RULES, last), root, last)


def words(decision: Decision, why_not: str = "") -> str:
    """What is proposed for an item that no edit of the patch settles, in one sentence."""
    item = decision.item
    address = item.address or f"{item.resource_type} {item.resource_id}"
    said = f"; {why_not}" if why_not else f" ({decision.reason})" if decision.reason else ""
    if decision.verdict is Verdict.REVERT:
        return f"apply, to make {_what(item)} of {address} as the code says{said}"
    match item.action:
        case "delete":
            return f"remove {address} from the code, or apply to make it again{said}"
        case "add":
            return f"add {brief(item.live_value)} to {item.attribute} of {address}, or apply to take it away{said}"
        case "remove":
            return (
                f"remove {brief(item.code_value)} from {item.attribute} of {address},"
                f" or apply to bring it back{said}"
            )
        case _:
            return f"set {item.attribute} of {address} to {brief(item.live_value)}, or apply to set it back{said}"


def _what(item: DriftItem) -> str:
    return item.attribute or "all"


def _rank(edits: FileEdits) -> int:
    """In which order files are written. A resource without its import would be made anew by the next apply, and a use
    without what it names fails: what is imported or declared comes first, where it does no harm alone."""
    added = "".join(edit.new for edit in edits.edits)
    return 0 if "import {" in added else 1 if 'variable "' in added else 2


def _touches(placed: Placed, file: str) -> bool:
    """Whether an item rests on the edits of a file; one that another's edit settled rests on all."""
    return placed.candidate is None or any(edit.file == file for edit in placed.candidate.edits)


def _operation(edit: FileEdits, about: Sequence[Placed], code: Code, root: Path) -> EditHcl:
    content = code.contents.get(edit.file)
    version = ABSENT if content is None else edit_version(content, edit.edits)
    addresses = [*dict.fromkeys(one.item.address or one.item.resource_type for one in about)]
    attributes = [*dict.fromkeys(one.item.attribute for one in about if one.item.attribute)]
    rules = sorted({one.candidate.rule for one in about if one.candidate is not None})
    doing = f"{'make' if content is None else 'edit'} {edit.file} ({', '.join(rules)})"
    return EditHcl(
        target=_target(root, edit.file, version),
        address=_listed(addresses),
        attribute=_listed(attributes),
        proposal=f"{doing} so that it says what is live",
        edits=edit.edits,
    )


def _target(root: Path, file: str, version: str) -> Target:
    return Target(
        context=str(root.resolve()), kind="terraform_file", name=posixpath.normpath(file), version=version
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _ids(items: Iterable[DriftItem]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(finding_of(item).id for item in items))
