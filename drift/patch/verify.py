"""Terraform's own word on a patch, before anything of it is written: what would be left to change, and what besides.

The plan with the patch is compared with the plan without it. What is left at an address that was patched goes back into
the next attempt, with the exact value that is live; what is left after the last is not placed, and says why.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from lamplighter.core.canonical import canonical_json
from lamplighter.core.results import ToolResult
from lamplighter.core.text import printable
from lamplighter.drift.model import Action, DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.goals import imported_for, place_in
from lamplighter.drift.patch.model import (
    Decision,
    LastResort,
    Placed,
    Rules,
    Unplaced,
    contents_between,
)
from lamplighter.drift.patch.patch import RULES, Patch, patch_of
from lamplighter.drift.planned import PlannedFact, PlanRead, read_plan
from lamplighter.drift.proposals import brief
from lamplighter.drift.provider_schema import ProviderSchemas

ATTEMPTS = 3
NOT_PLANNED = "the plan was not run: judged by the files and the state alone"


class Planner(Protocol):
    """Terraform in a copy of the directory; see `tools/terraform_trial.py`."""

    def planned(self, contents: Mapping[str, bytes]) -> ToolResult[dict[str, Any]]: ...
    def schemas(self) -> ToolResult[dict[str, Any]]: ...
    def formatted(self, content: str) -> ToolResult[str]: ...


@dataclass(frozen=True)
class Verified:
    """`by_plan` says whether Terraform planned with exactly this patch, and found nothing against it; `attempts` how
    many patches it saw. `notes` are one line each."""

    patch: Patch
    by_plan: bool
    attempts: int
    notes: tuple[str, ...] = ()


def unverified(patch: Patch, why: str = "") -> Verified:
    """A patch that the judge alone has seen."""
    return Verified(patch, False, 0, (f"{NOT_PLANNED} ({why})" if why else NOT_PLANNED,))


def verified(
    decisions: Sequence[Decision],
    code: Code,
    planner: Planner,
    rules: Sequence[Rules] = RULES,
    last: LastResort | None = None,
) -> Verified:
    """A patch that Terraform agrees with, as small as it has to be for that; raises what the planner raises."""
    patch = patch_of(decisions, code, rules, last)
    if not patch.edits:
        return Verified(patch, False, 0)
    base, problem = _plan(planner, {})
    if base is None:
        return unverified(patch, problem)
    found = _Loop(code, planner, rules, last, base).run([*decisions])
    if last is not None and found.by_plan:
        last.verified(found.patch.placed)
    return found


@dataclass
class _Loop:
    code: Code
    planner: Planner
    rules: Sequence[Rules]
    last: LastResort | None
    base: PlanRead

    def run(self, decisions: Sequence[Decision]) -> Verified:
        """Attempts that refine what is wanted, then one without what Terraform does not agree with."""
        dropped: list[Unplaced] = []
        for attempt in range(1, ATTEMPTS + 2):
            patch = patch_of(decisions, self.code, self.rules, self.last)
            whole = replace(patch, unplaced=(*patch.unplaced, *dropped))
            if not patch.edits:
                return Verified(whole, False, attempt - 1)
            whole, notes = _formatted(whole, self.planner)
            plan, problem = _plan(self.planner, _contents(whole))
            if plan is None:
                if _plan(self.planner, {})[0] is None:
                    return replace(unverified(whole, problem), attempts=attempt)
                decisions = self._without_failing(decisions, whole.placed, problem, dropped)
                continue
            against = _against(whole, self.base, plan)
            if not against:
                limits = [line for line in plan.problems if "schema" not in line]
                return Verified(whole, True, attempt, (*notes, *limits))
            decisions = _refined(decisions, against, dropped, whole.placed, last=attempt >= ATTEMPTS)
        nothing = patch_of([], self.code, self.rules)
        left = [Unplaced(item.item, "Terraform would change more than was asked") for item in decisions]
        return Verified(replace(nothing, unplaced=(*left, *dropped)), False, ATTEMPTS + 1)

    def _without_failing(
        self,
        decisions: Sequence[Decision],
        placed: Sequence[Placed],
        problem: str,
        dropped: list[Unplaced],
    ) -> list[Decision]:
        """Without an item whose edit lets the plan fail, found by halves, each planned with what was right so far."""
        about = [one.item for one in placed]
        suspects = [one for one in decisions if one.item in about]
        sound = [one for one in decisions if one.item not in about]
        while len(suspects) > 1:
            first, second = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
            tried = patch_of([*sound, *first], self.code, self.rules, self.last)
            patch, _ = _formatted(tried, self.planner)
            plan, said = _plan(self.planner, _contents(patch))
            if plan is None:
                suspects, problem = first, said
            else:
                sound, suspects = [*sound, *first], second
        reason = f"Terraform does not take it: {problem}"
        dropped += [Unplaced(one.item, reason, (reason,)) for one in suspects]
        return [one for one in decisions if one not in suspects]


class _Objection(NamedTuple):
    """What a plan with the patch would do that it must not, and the items that it is put down to."""

    fact: PlannedFact
    items: tuple[DriftItem, ...]

    @property
    def reason(self) -> str:
        fact = self.fact
        if fact.action in ("create", "delete"):
            return f"Terraform would {fact.action} {fact.address}"
        doing = "replace" if fact.replaces else "change"
        values = f"{brief(fact.before)} -> {brief(fact.after)}"
        return printable(f"Terraform would {doing} {fact.attribute} of {fact.address} ({values})", limit=300)


def _against(patch: Patch, base: PlanRead, plan: PlanRead) -> list[_Objection]:
    """What is left of the items that were placed, and what the plan without the patch does not have."""
    known = {_key(fact) for fact in base.facts if fact.source == "change"}
    found: list[_Objection] = []
    for fact in plan.facts:
        if fact.source != "change":
            continue
        own = [placed.item for placed in patch.placed if _is_about(placed, fact, patch)]
        if own:
            found.append(_Objection(fact, tuple(own)))
        elif _key(fact) not in known:
            found.append(_Objection(fact, _to_blame(fact, patch)))
    return found


def _key(fact: PlannedFact) -> bytes:
    return canonical_json([fact.address, fact.action, fact.attribute, fact.before, fact.after, fact.replaces])


def _is_about(placed: Placed, fact: PlannedFact, patch: Patch) -> bool:
    item = placed.item
    if item.action == "create":
        return imported_for(item, patch.after, patch.before) == fact.address
    address, one = place_in(patch.after, item)
    if fact.address not in (address, item.address):
        return False
    if item.action == "delete" or not item.attribute or fact.action in ("create", "delete"):
        return True
    other = fact.attribute
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _to_blame(fact: PlannedFact, patch: Patch) -> tuple[DriftItem, ...]:
    """The items at that address, or whose edit brings it in; else those whose edits may have moved what it holds, else
    all."""
    at_it = [one for one in patch.placed if one.item.address == fact.address or _brings(one, fact.address)]
    moved = [
        placed for placed in patch.placed if any(f" of {fact.address}" in line for line in placed.not_derived)
    ]
    return tuple(placed.item for placed in at_it or moved or patch.placed)


def _brings(placed: Placed, address: str) -> bool:
    """Whether the edit of an item has the import block of a resource."""
    edits = placed.candidate.edits if placed.candidate is not None else ()
    return any(f"to = {address}\n" in part.new for edit in edits for part in edit.edits)


def _refined(
    decisions: Sequence[Decision],
    against: Sequence[_Objection],
    dropped: list[Unplaced],
    placed: Sequence[Placed],
    *,
    last: bool,
) -> list[Decision]:
    """The next attempt: with the exact live value where the plan tells it and it is another one, else without."""
    tried = [item.item for item in placed]
    kept: list[Decision] = []
    for decision in decisions:
        about = [objection for objection in against if decision.item in objection.items]
        better = None if last or not about else _as_planned(decision.item, about)
        if not about:
            kept.append(decision)
        elif better is None or any(item in tried for item in better):
            dropped.append(Unplaced(decision.item, about[0].reason, (about[0].reason,)))
        else:
            kept += [decision._replace(item=item) for item in better]
    return kept


def _as_planned(item: DriftItem, about: Sequence[_Objection]) -> list[DriftItem] | None:
    """The item as Terraform sees it, and what else it shows at the same address; None where that cannot be said."""
    found: list[DriftItem] = []
    own = False
    for fact in (objection.fact for objection in about):
        if fact.sensitive or fact.replaces or fact.action in ("create", "delete") or fact.unknown:
            return None
        if fact.address != item.address and item.action != "create":
            return None
        own = own or (fact.attribute == item.attribute and item.action == "set")
        action: Action = {"add": "remove", "remove": "add"}.get(fact.action, "set")  # type: ignore[assignment]
        found.append(
            replace(
                item,
                address=fact.address,
                attribute=fact.attribute,
                action=action,
                code_value=fact.after,
                live_value=fact.before,
            )
        )
    return found if own else [item, *found]


def _plan(planner: Planner, contents: Mapping[str, bytes]) -> tuple[PlanRead | None, str]:
    """The plan as facts, or why there is none."""
    made = planner.planned(contents)
    if made.data is None:
        return None, made.problem or "Terraform said nothing"
    schemas = planner.schemas()
    read = read_plan(made.data, ProviderSchemas(schemas.data) if schemas.data is not None else None)
    if made.data.get("errored") is True:
        return None, read.problems[0]
    return read, ""


def _contents(patch: Patch) -> dict[str, bytes]:
    return {edit.file: patch.after.contents[edit.file] for edit in patch.edits}


def _formatted(patch: Patch, planner: Planner) -> tuple[Patch, tuple[str, ...]]:
    """The patch with its own lines as `terraform fmt` writes them; lines that it does not touch stay as they are."""
    contents = dict(patch.after.contents)
    notes: list[str] = []
    for edit in patch.edits:
        before, after = patch.before.contents.get(edit.file, b""), contents[edit.file]
        said = planner.formatted(after.decode()) if edit.file.endswith((".tf", ".tfvars")) else None
        if said is None or said.data is None or said.data.encode() == after:
            continue
        contents[edit.file], left = formatted_lines(before, after, said.data.encode())
        if left:
            notes.append(f"{edit.file}: `terraform fmt` would change {left} more line(s), which were left")
    edits = contents_between(patch.before.contents, contents)
    if edits == patch.edits:
        return patch, tuple(notes)
    return replace(patch, edits=edits, after=patch.before.edited(edits)), tuple(notes)


def formatted_lines(before: bytes, after: bytes, wanted: bytes) -> tuple[bytes, int]:
    """`after` with the lines that it does not share with `before` as in `wanted`, and how many others differ there."""
    old, new, fmt = (text.splitlines(keepends=True) for text in (before, after, wanted))
    touched: set[int] = set()
    for kind, _, _, start, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            touched.update(range(start, end))
    made: list[bytes] = []
    left = 0
    for kind, start, end, first, last in difflib.SequenceMatcher(
        None, new, fmt, autojunk=False
    ).get_opcodes():
        own = [line in touched for line in range(start, end)]
        if kind == "equal" or not any(own):
            made += new[start:end]
            left += end - start if kind != "equal" else 0
        elif all(own):
            made += fmt[first:last]
        elif end - start == last - first:
            pairs = zip(own, new[start:end], fmt[first:last], strict=True)
            made += [better if mine else as_is for mine, as_is, better in pairs]
            left += own.count(False)
        else:
            made += new[start:end]
            left += end - start
    return b"".join(made), left
