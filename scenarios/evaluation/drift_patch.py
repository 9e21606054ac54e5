"""Is what is proposed about a night right? The decision for each truth, and the patch of those that go into the code.

A case passes when every truth is decided as `scenarios/drift/decisions.toml` expects, all that is to be codified or
ignored is in the patch, the patch is no more than its edits, and a judge that the engine has no part in finds nothing
against it: two real plans (`patch_plan`), or without Terraform the patched code itself (`patch_code`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from lamplighter.drift.patch.model import Decision, Verdict
from lamplighter.drift.patch.patch import Patch
from lamplighter.drift.patch.proposal import Proposal
from lamplighter.drift.proposals import finding_of
from lamplighter.scenarios.drift.expected import rule_for
from lamplighter.scenarios.drift.schema import Scenario, UnmanagedTruth
from lamplighter.scenarios.evaluation import patch_bytes, patch_code
from lamplighter.scenarios.evaluation.drift_score import (
    Key,
    Matched,
    Truth,
    Wrong,
    bare,
    matched,
    names_of,
    wrong_of,
)
from lamplighter.scenarios.evaluation.patch_plan import RULE_TYPES, Intent, Loose
from lamplighter.tools.terraform_files import StateFile

DECIDED, CODIFY_ALL, NO_TERRAFORM = "decided", "codify all", "no terraform"
"""Ways to ask: as the engine decides and Terraform verifies; with a person who wants all that is managed in the code;
as the engine decides from code, state and trace alone."""
PLANS, CODE, NONE = "real plans", "the patched code", "no patch to judge"
"""Who judged."""
_INTO_CODE = (Verdict.CODIFY, Verdict.IGNORE)


class Patched(NamedTuple):
    """How one case went. `items` are those to be codified or ignored, `plans` the plans that were made for it."""

    scenario: str
    project: str
    kinds: tuple[str, ...]
    suite: str
    way: str
    items: int
    judge: str
    plans: int
    wrong: tuple[Wrong, ...]

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Patched:
        """From what JSON makes of one."""
        return cls(**{**row, "kinds": tuple(row["kinds"]), "wrong": tuple(map(wrong_of, row["wrong"]))})


class Against(NamedTuple):
    """What a judge has against a patch, by key, and who it was."""

    found: Sequence[tuple[Key, str]]
    judge: str
    plans: int = 0


Judge: TypeAlias = Callable[[Patch, "Aim"], Against]


class Aim(NamedTuple):
    """What the patch of a case is for: the truths that go into the code, and the same as plans tell it."""

    codified: tuple[Truth, ...]
    intent: Intent


class _Case(NamedTuple):
    """Decisions beside the truths that they are about."""

    scenario: Scenario
    decisions: Sequence[Decision]
    matched: Matched
    verdicts: Mapping[str, Verdict]

    @classmethod
    def of(cls, scenario: Scenario, decisions: Sequence[Decision]) -> _Case:
        findings = {finding_of(one.item).id: finding_of(one.item) for one in decisions}
        verdicts = {finding_of(one.item).id: one.verdict for one in decisions}
        return cls(scenario, decisions, matched(scenario, findings.values()), verdicts)

    def verdicts_of(self, key: Key) -> set[Verdict]:
        return {self.verdicts[one.id] for one in self.matched.found.get(key, ())}

    def wrong(self, key: Key, cause: str) -> Wrong:
        truth = self.matched.truths.get(key)
        kinds = (truth.kind,) if truth else self.scenario.kinds
        return Wrong(self.scenario.id, kinds, key, cause)

    def near(self, key: Key, cause: str) -> Wrong:
        """With the kind of what happened at the key's address, where that was one."""
        at = {truth.kind for known, truth in self.matched.truths.items() if known[0] == key[0]}
        return Wrong(self.scenario.id, tuple(sorted(at)) or self.scenario.kinds, key, cause)


def judged(
    scenario: Scenario,
    decisions: Sequence[Decision],
    patch: Patch | None,
    directory: Path,
    way: str,
    judge: Judge,
) -> Patched:
    """`patch` is that of the decisions (None where nothing is proposed), for the code in `directory`."""
    case = _Case.of(scenario, decisions)
    items = sum(one.verdict in _INTO_CODE for one in decisions)
    wrong = [*_decided_wrongly(case, way)]
    told = Against((), NONE)
    if patch is not None and items:
        unplaced = {names_of(finding_of(one.item))[0]: one.reason for one in patch.unplaced}
        wrong += [case.near(key, f"not placed: {reason}") for key, reason in unplaced.items()]
        wrong += [
            case.wrong(("", file), f"bytes: {cause}")
            for file, cause in patch_bytes.beyond_its_edits(patch, directory)
        ]
        if patch.placed:
            told = judge(patch, _aim(case, unplaced))
            wrong += [case.near(key, cause) for key, cause in told.found]
    return Patched(
        scenario=scenario.id,
        project=scenario.project,
        kinds=scenario.kinds,
        suite=scenario.suite,
        way=way,
        items=items,
        judge=told.judge,
        plans=told.plans,
        wrong=tuple(dict.fromkeys(wrong)),
    )


def managed(proposal: Proposal) -> tuple[Decision, ...]:
    """What is drift of something managed, all of it to be codified, as a person may want."""
    ids = {finding_of(one.item).id for one in proposal.decisions if one.item.address is not None}
    return proposal.narrowed(ids, Verdict.CODIFY).decisions if ids else ()


def by_code(directory: Path, state: StateFile, scratch: Path) -> Judge:
    """The judge where there is no Terraform; `scratch` is an empty folder."""

    def judge(patch: Patch, aim: Aim) -> Against:
        after = copied(directory, scratch / "patched", patch)
        found = patch_code.against(
            patch_code.read(directory, state), patch_code.read(after, state), aim.codified
        )
        return Against(found, CODE)

    return judge


def copied(directory: Path, folder: Path, patch: Patch) -> Path:
    """A fresh copy of the code in `folder`, with the files of the patch in place; without what Terraform made there."""
    shutil.copytree(directory, folder, ignore=shutil.ignore_patterns(".terraform"))
    for edit in patch.edits:
        path = folder / edit.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(patch.after.contents[edit.file])
    return folder


def _decided_wrongly(case: _Case, way: str) -> Iterator[Wrong]:
    for key, finding in case.matched.false.items():
        verdict = case.verdicts[finding.id]
        if verdict in _INTO_CODE or case.scenario.suite != "drift":
            yield case.wrong(key, f"decision: {verdict} for what is no drift")
    for key, truth in case.matched.needed.items():
        found = case.verdicts_of(key)
        if way == CODIFY_ALL:
            if not found and not isinstance(truth.of, UnmanagedTruth):
                yield case.wrong(key, "missed")
            continue
        rule = rule_for(truth.of)
        if not found:
            yield case.wrong(key, "missed")
        elif found != {rule.decision}:
            yield case.wrong(
                key, f"decision: {', '.join(sorted(found))}, expected {rule.decision}: {rule.why}"
            )


def _aim(case: _Case, unplaced: Mapping[Key, str]) -> Aim:
    codified: list[Truth] = []
    gone: list[Key] = []
    left: list[Key] = []
    imported: list[Loose] = []
    for key, findings in case.matched.found.items():
        truth = case.matched.truths[key]
        names = {name for finding in findings for name in names_of(finding)}
        keys = {key, *names, *((other.address, bare(other.path)) for other in truth.of.also)}
        own = [(address, path) for address, path in keys if address]
        into_code = case.verdicts_of(key) & {*_INTO_CODE}
        if not into_code or names & unplaced.keys():
            left += own
            continue
        gone += own
        codified.append(truth)
        if isinstance(truth.of, UnmanagedTruth):
            imported.append(_loose(truth.of))
    return Aim(tuple(codified), Intent(tuple(gone), tuple(left), tuple(imported)))


def _loose(truth: UnmanagedTruth) -> Loose:
    other = RULE_TYPES.get(truth.type)
    also = tuple((key.address, bare(key.path)) for key in truth.also)
    ids = frozenset({truth.id, truth.id.rpartition("/")[2]})
    return Loose((truth.type, *([other] if other else [])), ids, also)
