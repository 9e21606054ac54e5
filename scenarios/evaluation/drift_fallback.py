"""With parts of the catalogue and of the rules taken away, what do a model and what it taught make up for?

30 % of the catalogue's calls and of the kinds of candidates are left out, by seed; a scripted model (`fallback_model`)
answers what is asked, right, wrong and malformed in stated shares. What is patched is judged against the scenarios'
recorded truth (`fallback_truth`). Then the same kinds come again, with what was learnt. Terraform is not asked: in its
place a suggested drift counts as confirmed where the recorded cloud has it, and an edit as verified where the judge
takes it.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.drift import catalogue
from lamplighter.drift.asking import Asking
from lamplighter.drift.catalogue import Catalogue
from lamplighter.drift.check import Loaded, load
from lamplighter.drift.compare import Baseline
from lamplighter.drift.heard import Heard, hear
from lamplighter.drift.match import match
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch import fallback, rule_candidates
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.fallback import Fallback
from lamplighter.drift.patch.model import Candidate, Decision, Placed, Rules, Verdict
from lamplighter.drift.patch.patch import RULES, Patch, patch_of
from lamplighter.drift.state import StateIndex
from lamplighter.drift.suggest import remember_confirmed, suggested, uncertain
from lamplighter.memory.learnt import Learnt
from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.drift.schema import Scenario
from lamplighter.scenarios.evaluation.fallback_model import SHARES, Right, Scripted
from lamplighter.scenarios.evaluation.fallback_truth import astray, is_true, says, says_placed
from lamplighter.tools.cloudtrail import TraceFiles

CASES = 30
"""In the sample; as many others come after it."""
SEEDS = 2
FIRST, SECOND = "first pass", "second pass, the same cases"
COLD, WARM = "other cases, nothing learnt", "other cases, with what was learnt"
REMOVED = 0.3
"""Of the catalogue's calls, and of the kinds of candidates."""
_BUDGET = 200_000


class Fallbacks(NamedTuple):
    """What was measured."""

    metrics: dict[str, float]
    tables: tuple[dict[str, Any], ...]


class _Prepared(NamedTuple):
    """A scenario, its code, and what the complete catalogue and rule set make of it."""

    scenario: Scenario
    loaded: Loaded
    code: Code
    trace: Path
    items: Sequence[DriftItem]
    rights: Mapping[tuple[str, str, str], Right]
    candidates: frozenset[str]
    """Kinds of candidates that rules proposed."""

    def heard(self, known: Catalogue) -> Heard:
        return hear(TraceFiles([self.trace]), keep_unknown=True, known=known)

    @property
    def baseline(self) -> Baseline:
        loaded = self.loaded
        contents = {file.path: file.content for file in (*loaded.code.files, *loaded.code.variables)}
        return Baseline(StateIndex(loaded.state.resources, loaded.layout), loaded.project, contents)


class Damage(NamedTuple):
    """What is left of the catalogue and the rules, and what was taken away."""

    known: Catalogue
    rules: Sequence[Rules] = RULES
    calls: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()


@dataclass
class _Pass:
    """What one pass over cases gave. `right` are cases; the other counts are of items and questions."""

    cases: int = 0
    right: int = 0
    questions: int = 0
    tokens: int = 0
    largest: int = 0
    by_answer: int = 0
    by_learnt: int = 0
    confirmed: int = 0
    wrong_accepted: list[str] = field(default_factory=list[str])

    def add(self, other: _Pass) -> None:
        """Another pass of the same name, with something else left out."""
        for name in ("cases", "right", "questions", "tokens", "by_answer", "by_learnt", "confirmed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.largest = max(self.largest, other.largest)
        self.wrong_accepted += other.wrong_accepted


def measured(cases: Sequence[Scenario], stage: str | None) -> Fallbacks:
    """`measure`, where patches are among what is to be run."""
    return measure(cases) if stage != "detect" else Fallbacks({}, ())


def measure(cases: Sequence[Scenario], *, seeds: int = SEEDS, most: int = CASES) -> Fallbacks:
    """Over `most` drift scenarios and as many others, spread evenly; each of `seeds` leaves something else out."""
    drifting = [case for case in cases if case.suite == "drift"]
    count = min(2 * most, len(drifting))
    chosen = [drifting[index * len(drifting) // count] for index in range(count)] if count else []
    passes: dict[str, _Pass] = {}
    removed: list[Damage] = []
    with tempfile.TemporaryDirectory() as scratch:
        prepared = [_prepared(case, Path(scratch) / case.id) for case in chosen]
        sample, others = prepared[::2], prepared[1::2]
        passes["complete"] = _passed(sample, Damage(catalogue.load()), None, None)
        for seed in range(seeds):
            damage = damaged(seed, prepared)
            removed.append(damage)
            for name, found in _run(seed, damage, sample, others, Path(scratch)):
                passes.setdefault(name, _Pass()).add(found)
    return Fallbacks(_metrics(passes), (_table(passes), _left_out(removed)))


def _run(
    seed: int, damage: Damage, sample: Sequence[_Prepared], others: Sequence[_Prepared], scratch: Path
) -> Iterator[tuple[str, _Pass]]:
    store, empty = (Learnt(scratch / f"{name}-{seed}.jsonl") for name in ("learnt", "empty"))
    yield "left out, nobody asked", _passed(sample, damage, None, None)
    yield FIRST, _passed(sample, damage, Scripted(f"first {seed}"), store)
    yield SECOND, _passed(sample, damage, Scripted(f"second {seed}"), store)
    yield COLD, _passed(others, damage, Scripted(f"others {seed}"), empty)
    yield WARM, _passed(others, damage, Scripted(f"others {seed}"), store)


def _prepared(case: Scenario, folder: Path) -> _Prepared:
    base = schema.base(case.project)
    case.write_trace(folder / "trace")
    loaded = load(base.code, base.write_state(folder))
    heard = hear(TraceFiles([folder / "trace"]))
    found = _Prepared(case, loaded, Code.of(loaded.code, loaded.state), folder / "trace", (), {}, frozenset())
    items = match(heard.changes, found.baseline).items
    code = found.code.with_records(heard.extraction.records)
    proposed: set[str] = set()
    rights: dict[tuple[str, str, str], Right] = {}
    for item in items:
        made = patch_of(_codify([item]), code, [_noting(rules, proposed) for rules in RULES])
        for placed in made.placed:
            if placed.candidate is not None:
                rights[_key(item)] = Right(placed.candidate.edits, code.contents)
    return found._replace(code=code, items=items, rights=rights, candidates=frozenset(proposed))


def _noting(rules: Rules, proposed: set[str]) -> Rules:
    def noted(item: DriftItem, code: Code, /) -> Iterator[Candidate]:
        for candidate in rules(item, code):
            proposed.update(candidate.rule.split(", "))
            yield candidate

    return noted


def _codify(items: Iterable[DriftItem]) -> list[Decision]:
    return [Decision(item, Verdict.CODIFY, "") for item in items]


def _key(item: DriftItem) -> tuple[str, str, str]:
    return (item.address or item.resource_id, item.attribute, item.action)


def damaged(seed: int, prepared: Sequence[_Prepared]) -> Damage:
    """What is left when `REMOVED` of the calls and of the kinds of candidates are not."""
    names = sorted({name for case in prepared for name in case.candidates})
    calls = sorted(catalogue.load().events)
    draw = random.Random(f"left out {seed}")
    gone = tuple(sorted(draw.sample(names, round(REMOVED * len(names)))))
    unknown = tuple(sorted(draw.sample(calls, round(REMOVED * len(calls)))))
    return Damage(Catalogue(frozenset(unknown)), [_without(rules, gone) for rules in RULES], unknown, gone)


def _without(rules: Rules, gone: Sequence[str]) -> Rules:
    def left(item: DriftItem, code: Code, /) -> Iterator[Candidate]:
        for candidate in rules(item, code):
            if not {*gone} & {*candidate.rule.split(", ")}:
                yield candidate

    return left


def _passed(
    cases: Sequence[_Prepared], damage: Damage, model: Scripted | None, store: Learnt | None
) -> _Pass:
    found = _Pass()
    for case in cases:
        if model is not None:
            model.begin(case.scenario.id, case.rights)
        _take(case, damage, model, store, found)
    if model is not None:
        found.questions, found.tokens, found.largest = model.questions, model.tokens, model.largest
    return found


def _take(
    case: _Prepared, damage: Damage, model: Scripted | None, store: Learnt | None, found: _Pass
) -> None:
    """One case: what is heard, what is suggested, the patch of all of it, and the truth of that."""
    heard, baseline = case.heard(damage.known), case.baseline
    items = list(match(heard.changes, baseline).items)
    asking = Asking(model, _BUDGET) if model is not None else None
    hints = suggested(heard.extraction.uncatalogued, baseline.state, store, None, asking)
    confirmed = [item for item in uncertain(hints, baseline, items) if is_true(item, case.scenario)]
    if store is not None:
        remember_confirmed(hints, confirmed, baseline, store)
    items += [replace(item, suggested_by="", confidence=1.0) for item in confirmed]
    last = Fallback(asking, store, store) if asking is not None else None
    code = case.code.with_records(heard.extraction.records)
    made = patch_of(_codify(items), code, damage.rules, last)
    if last is not None:
        last.verified(made.placed)
    found.cases += 1
    found.confirmed += len(confirmed)
    found.right += _is_right(case, made)
    _count(case, made, model, found)


def _is_right(case: _Prepared, made: Patch) -> bool:
    """Every drift is in the code, what was made by every call is too, and nothing else has changed."""
    drifts = [drift for drift in case.scenario.drifts if not drift.cause]
    events = {event.event_id for one in made.placed for event in one.item.events}
    return (
        all(says(drift, made.after) for drift in drifts)
        and all(loose.attribution.event in events for loose in case.scenario.unmanaged)
        and not astray(case.scenario, made.before, made.after, made.placed)
    )


def _count(case: _Prepared, made: Patch, model: Scripted | None, found: _Pass) -> None:
    """What answers placed, and whether any of it is not true."""
    for one in made.placed:
        rule = one.candidate.rule if one.candidate is not None else ""
        found.by_answer += rule == fallback.RULE
        found.by_learnt += rule == rule_candidates.RULE
        if rule in (fallback.RULE, rule_candidates.RULE):
            told = model.given.get(_key(one.item), "") if model is not None and rule == fallback.RULE else ""
            if told in ("wrong", "malformed") or not _holds(one, case, made):
                found.wrong_accepted.append(f"{case.scenario.id} {one.item.address} {one.item.attribute}")


def _holds(placed: Placed, case: _Prepared, made: Patch) -> bool:
    strayed = astray(case.scenario, made.before, made.after, made.placed)
    return says_placed(placed.item, case.scenario, made.after) and not strayed


def _metrics(passes: Mapping[str, _Pass]) -> dict[str, float]:
    first, second, cold, warm = (passes[name] for name in (FIRST, SECOND, COLD, WARM))
    asked = [found for found in passes.values() if found.questions or found.by_learnt]
    return {
        "fallback_pass_at_1": _share(first),
        "fallback_pass_at_1_second_pass": _share(second),
        "pass_at_1_complete": _share(passes["complete"]),
        "pass_at_1_left_out": _share(passes["left out, nobody asked"]),
        "fallback_wrong_accepted": float(sum(len(found.wrong_accepted) for found in asked)),
        "tokens_fallback": float(first.tokens),
        "tokens_second_pass": float(second.tokens),
        **({"tokens_second_pass_ratio": round(second.tokens / first.tokens, 4)} if first.tokens else {}),
        "tokens_other_cases": float(cold.tokens),
        "tokens_other_cases_learnt": float(warm.tokens),
        **({"tokens_other_cases_ratio": round(warm.tokens / cold.tokens, 4)} if cold.tokens else {}),
        "questions_fallback": float(first.questions),
        "questions_second_pass": float(second.questions),
        "largest_question_tokens": float(max(found.largest for found in asked)) if asked else 0.0,
    }


def _share(found: _Pass) -> float:
    return round(found.right / found.cases, 4) if found.cases else 0.0


def _table(passes: Mapping[str, _Pass]) -> dict[str, Any]:
    shares = ", ".join(f"{share} % {kind}" for kind, share in SHARES.items())
    rows = [
        [
            *(name, one.cases, _share(one), one.questions, one.tokens),
            *(one.by_answer, one.by_learnt, one.confirmed, "; ".join(one.wrong_accepted)[:300] or "none"),
        ]
        for name, one in passes.items()
    ]
    columns = ["pass", "cases", "pass@1", "questions", "tokens", "placed by an answer", "by what was learnt"]
    columns += ["suggested and confirmed", "wrong but accepted"]
    title = f"fallback: {REMOVED:.0%} of calls and rules left out, a scripted model ({shares})"
    return {"title": title, "columns": columns, "rows": rows}


def _left_out(removed: Sequence[Damage]) -> dict[str, Any]:
    rows = [[seed, len(one.calls), ", ".join(one.candidates)] for seed, one in enumerate(removed)]
    return {"title": "fallback: what was left out", "columns": ["seed", "calls", "candidates"], "rows": rows}
