"""A patch for many items: one after another on the code as edited so far, the whole judged once more at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lamplighter.core.redaction import holds_secret
from lamplighter.core.text import printable
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch import ignoring, members, removing, resources, values
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.goals import is_secret, unsaid
from lamplighter.drift.patch.judge import Goal, judge
from lamplighter.drift.patch.model import (
    Candidate,
    Decision,
    FileEdits,
    LastResort,
    Placed,
    Rules,
    Unplaced,
    Verdict,
    contents_between,
)

RULES: tuple[Rules, ...] = (values.rules, members.rules, resources.rules, removing.rules)
"""What proposes candidates for what the code is to say; the order is that in which they are tried."""
_MOST = 40
"""Candidates tried for one item."""


@dataclass(frozen=True)
class Patch:
    """`edits` lead from the code that was given to the one that says all of `placed`; `after` is that code.

    `notes` are one-line texts of what could not be told, and of what a reader should know.
    """

    placed: tuple[Placed, ...]
    unplaced: tuple[Unplaced, ...]
    edits: tuple[FileEdits, ...]
    notes: tuple[str, ...]
    before: Code = field(repr=False)
    after: Code = field(repr=False)


def patch_of(
    decisions: Sequence[Decision],
    code: Code,
    rules: Sequence[Rules] = RULES,
    last: LastResort | None = None,
) -> Patch:
    """Carries what is decided to be codified or ignored into the code; the other decisions are not its concern.

    The same decisions and code give the same patch, whatever order the decisions come in. `last` is asked about what is
    to be codified and no rule can place.
    """
    wanted = [item for item in decisions if item.verdict in (Verdict.CODIFY, Verdict.IGNORE)]
    making = _Making(code, rules, last)
    for decision in sorted(wanted, key=_order):
        making.take(Goal(decision.item, decision.verdict))
    making.settle()
    return Patch(
        tuple(placed for _, placed in making.placed),
        tuple(making.unplaced),
        contents_between(code.contents, making.code.contents),
        tuple(dict.fromkeys(making.notes)),
        code,
        making.code,
    )


@dataclass
class _Making:
    start: Code
    rules: Sequence[Rules]
    last: LastResort | None
    placed: list[tuple[Goal, Placed]] = field(default_factory=list[tuple[Goal, Placed]])
    unplaced: list[Unplaced] = field(default_factory=list[Unplaced])
    notes: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.code = self.start
        self._waiting: list[Goal] = []

    def take(self, goal: Goal) -> None:
        """Places one item, or keeps it for `settle`: another item's edit may be what makes room for it."""
        if not unsaid(goal.item, goal.verdict, self.code, self.start):
            self.placed.append((goal, Placed(goal.item, None)))
            return
        if not self._try(goal, []):
            self._waiting.append(goal)

    def settle(self) -> None:
        """What one candidate settles for several items at once, then the judgement of the whole."""
        progress = True
        refused: list[list[str]] = []
        while progress:
            waiting, self._waiting, progress = self._waiting, [], False
            refused = []
            for number, goal in enumerate(waiting):
                tried: list[str] = []
                others = [*self._waiting, *waiting[number + 1 :]]
                if not unsaid(goal.item, goal.verdict, self.code, self.start):
                    self.placed.append((goal, Placed(goal.item, None)))
                    progress = True
                elif self._try(goal, tried, others):
                    progress = True
                else:
                    self._waiting.append(goal)
                    refused.append(tried)
        if self.last is not None:
            refused = self._ask(self.last, refused)
        for goal, tried in zip(self._waiting, refused, strict=True):
            reason = _why(goal, self.code, self.start, tried)
            self.unplaced.append(Unplaced(goal.item, reason, tuple(tried)))
        self._judge_whole()

    def _ask(self, last: LastResort, refused: Sequence[list[str]]) -> list[list[str]]:
        """What the rules left, one after another; what is said of those that are left still, the answers first."""
        waiting, self._waiting = self._waiting, []
        left: list[tuple[Goal, list[str]]] = []
        for number, goal in enumerate(waiting):
            tried: list[str] = []
            others = [*(one for one, _ in left), *waiting[number + 1 :]]
            said = not unsaid(goal.item, goal.verdict, self.code, self.start)
            if said or not self._try_last(last, goal, tried, others):
                left.append((goal, [*tried, *refused[number]]))
        reasons: list[list[str]] = []
        for goal, tried in left:
            # An answer for one may have said another that was asked about before it.
            if not unsaid(goal.item, goal.verdict, self.code, self.start):
                self.placed.append((goal, Placed(goal.item, None)))
            else:
                self._waiting.append(goal)
                reasons.append(tried)
        return reasons

    def _try(self, goal: Goal, tried: list[str], others: Sequence[Goal] = ()) -> bool:
        """The first candidate that holds."""
        for candidate in self._candidates(goal):
            refused = self._attempt(goal, candidate, others)
            if not refused:
                return True
            tried.append(f"{candidate.rule}: {refused}")
        return False

    def _try_last(self, last: LastResort, goal: Goal, tried: list[str], others: Sequence[Goal]) -> bool:
        """The same with candidates that are made in view of why those before them were refused."""
        if goal.verdict is not Verdict.CODIFY:
            return False
        proposals = last.proposals(goal.item, self.code)
        refused = ""
        try:
            candidate = next(proposals)
            while refused := self._attempt(goal, candidate, others):
                tried.append(f"{candidate.rule}: {refused}")
                candidate = proposals.send(refused)
        except StopIteration as end:
            tried += [end.value] if end.value else []
            return False
        proposals.close()
        return True

    def _attempt(self, goal: Goal, candidate: Candidate, others: Sequence[Goal]) -> str:
        """Why the candidate does not hold; empty where it does, and is in the code now. One that says others of those
        that wait too is right as well."""
        obstacle = _obstacle(candidate)
        if obstacle:
            return obstacle
        try:
            after = self.code.edited(candidate.edits)
        except ValueError as error:
            return str(error)
        along = [one for one in others if not unsaid(one.item, one.verdict, after, self.start)]
        judged = judge([goal, *along], self.code, after)
        if judged.reason:
            return printable(judged.reason, limit=300)
        self.code = after
        self.placed.append((goal, Placed(goal.item, candidate, judged.not_derived)))
        self.notes += [*judged.not_derived, *([candidate.note] if candidate.note else [])]
        return ""

    def _candidates(self, goal: Goal) -> Iterator[Candidate]:
        count = 0
        ways = (ignoring.rules,) if goal.verdict is Verdict.IGNORE else self.rules
        for rules in ways:
            for candidate in rules(goal.item, self.code):
                count += 1
                if count > _MOST:
                    return
                yield candidate

    def _judge_whole(self) -> None:
        """Item by item each edit was right; together they still have to be."""
        while self.placed:
            judged = judge([goal for goal, _ in self.placed], self.start, self.code)
            if not judged.reason:
                self.notes += judged.not_derived
                return
            # What was placed last is taken back, and all before it made again without it.
            dropped, _ = self.placed.pop()
            self.unplaced.append(Unplaced(dropped.item, f"not together with the others: {judged.reason}"))
            self._again([goal for goal, _ in self.placed])

    def _again(self, goals: Sequence[Goal]) -> None:
        self.code, self.placed = self.start, []
        for goal in goals:
            if not unsaid(goal.item, goal.verdict, self.code, self.start):
                self.placed.append((goal, Placed(goal.item, None)))
            elif not self._try(goal, [], goals) and not (
                self.last is not None and self._try_last(self.last, goal, [], goals)
            ):
                self.unplaced.append(Unplaced(goal.item, "not without what had to be left out"))


def _obstacle(candidate: Candidate) -> str:
    """Why a candidate is not even tried."""
    for edit in candidate.edits:
        if edit.file.startswith("../"):
            return f"{edit.file} lies beside the project, others may use it too"
        if not edit.file.isprintable() or any(mark in edit.file for mark in '"\\'):
            return f"{edit.file}: a file of this name cannot stand in a patch"
        # An edit is kept and shown with the old text as well as the new, and code is no place for a secret.
        if any(holds_secret(part.old) or holds_secret(part.new) for part in edit.edits):
            return "the edit would hold a secret"
    return ""


def _why(goal: Goal, code: Code, start: Code, tried: Sequence[str]) -> str:
    if is_secret(goal.item):
        return unsaid(goal.item, goal.verdict, code, start)
    obstacles = (module.obstacle(goal.item, code) for module in (removing, resources, values))
    obstacle = next((text for text in obstacles if text), "") if goal.verdict is Verdict.CODIFY else ""
    if obstacle:
        return obstacle
    if tried:
        return tried[0] if len(tried) == 1 else f"{tried[0]} (and {len(tried) - 1} more tried)"
    return "no rule knows how to write it"


def _order(decision: Decision) -> tuple[str, str, str, str, str]:
    item: DriftItem = decision.item
    where = item.address or f"~{item.resource_type} {item.resource_id}"
    return where, item.attribute, item.action, item.time, decision.verdict.value
