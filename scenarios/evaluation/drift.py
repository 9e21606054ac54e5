"""Does the drift engine find what people changed, whom does it name, and does it stay silent otherwise?

Every scenario is checked from code, state and trace alone (`..._no_terraform`) and, where Terraform, a provider mirror
and moto are there, once more with Terraform, which asks the scenario's cloud. Where they are not, a table says so.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.drift import check_directory
from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.drift.schema import Scenario
from lamplighter.scenarios.evaluation import drift_fallback, drift_terraform, patch_score
from lamplighter.scenarios.evaluation.drift_patch import NO_TERRAFORM, Patched, by_code, judged
from lamplighter.scenarios.evaluation.drift_score import Score, metrics, score
from lamplighter.scenarios.evaluation.registry import Request, Result
from lamplighter.tools.terraform_files import read_state


def evaluate(request: Request) -> Result:
    """Findings first (stage `detect`), then what is proposed about them (stage `patch`, the last one)."""
    every = list(schema.scenarios())
    chosen = sampled(every, request.sample)
    patches = request.stage != "detect"
    lacking = drift_terraform.missing()
    asked = _not_asked(lacking) if lacking else _asked(chosen, patches=patches)
    alone = [from_trace(case, patches=patches and bool(lacking)) for case in chosen]
    scores = [item.score for item in alone]
    silent = [item for case, item in zip(chosen, scores, strict=True) if case.suite != "drift"]
    measured = {**metrics(scores, "_no_terraform"), **asked.metrics}
    fallbacks = drift_fallback.measured(chosen, request.stage)
    measured |= fallbacks.metrics
    if silent:
        measured["false_findings"] = asked.false + float(sum(item.false for item in silent))
    made = [*asked.patched, *(item.patched for item in alone if item.patched is not None)]
    if patches:
        measured |= patch_score.metrics(made)
        # Neither the checks nor the patches are given a port to a model: there is nothing that could be asked.
        measured["tokens"] = 0.0
    return Result(
        metrics=measured,
        cases=len(chosen),
        labels=("own scenarios", "recorded", *asked.labels),
        tables=(
            *tables(scores),
            *asked.tables,
            *(patch_score.tables(made) if patches else ()),
            *fallbacks.tables,
            *(_beside_peers(every, request.sample) if request.peers else ()),
        ),
        sampled=len(chosen) < len(every),
    )


class _Asked(NamedTuple):
    """What the cases with Terraform give; `false` counts findings where there is nothing to find."""

    metrics: Mapping[str, float]
    false: int
    labels: tuple[str, ...]
    tables: tuple[dict[str, Any], ...]
    patched: tuple[Patched, ...] = ()


def _not_asked(lacking: str) -> _Asked:
    row = {"title": "with Terraform", "columns": ["measured", "why"], "rows": [["no", lacking]]}
    return _Asked({}, 0, (), (row,))


def _asked(cases: Sequence[Scenario], *, patches: bool) -> _Asked:
    done = drift_terraform.with_terraform(cases, patches=patches)
    scores = [item.score for item in done]
    measured = metrics(scores)
    measured["terraform_answered"] = round(sum(item.answered for item in done) / len(done), 4)
    silent = [item for case, item in zip(cases, scores, strict=True) if case.suite != "drift"]
    named = ({**table, "title": f"with Terraform, {table['title']}"} for table in tables(scores))
    made = tuple(one for item in done for one in item.patched)
    return _Asked(measured, sum(item.false for item in silent), ("real terraform",), tuple(named), made)


def _beside_peers(cases: Sequence[Scenario], count: int | None) -> Iterator[dict[str, Any]]:
    # Live clouds need moto; the evaluation itself needs no more than its data.
    from lamplighter.scenarios.evaluation.peers.compare import tables as compared

    return compared(cases, count)


def sampled(cases: Sequence[Scenario], count: int | None) -> list[Scenario]:
    """`count` of the cases, spread evenly over their order (project, then number); all of them for None."""
    if count is None or count >= len(cases):
        return list(cases)
    return [cases[index * len(cases) // count] for index in range(count)]


class Alone(NamedTuple):
    """A scenario from code, state and trace; `patched` where the patch was made and judged too."""

    score: Score
    patched: Patched | None = None


def from_trace(case: Scenario, *, patches: bool = False) -> Alone:
    """Checks one scenario from code, state and trace; nothing else is asked."""
    base = schema.base(case.project)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        case.write_trace(folder / "trace")
        state = base.write_state(folder)
        report = check_directory(base.code, [folder / "trace"], state)
        found = score(case, report.findings, incomplete=report.incomplete)
        if not patches:
            return Alone(found)
        proposal = report.proposal
        judge = by_code(base.code, read_state(base.code, state), folder)
        patch = proposal.patch if proposal else None
        decisions = proposal.decisions if proposal else ()
        return Alone(found, judged(case, decisions, patch, base.code, NO_TERRAFORM, judge))


def tables(scores: Sequence[Score]) -> Iterator[dict[str, Any]]:
    """By project, by kind, and what went wrong by its cause."""
    yield _grouped("by project", "project", ((item.project, item) for item in scores))
    alone = [item for item in scores if len(item.kinds) == 1]
    yield _grouped("by kind (scenarios of one kind)", "kind", ((item.kinds[0], item) for item in alone))
    failures = sorted(
        {wrong for item in scores for wrong in item.wrong}, key=lambda wrong: (wrong.cause, wrong)
    )
    rows = [[wrong.cause, " ".join(wrong.kinds), *wrong.key, wrong.scenario] for wrong in failures]
    yield {
        "title": "failures",
        "columns": ["cause", "kind", "address", "attribute", "scenario"],
        "rows": rows,
    }


def _grouped(title: str, column: str, scores: Iterable[tuple[str, Score]]) -> dict[str, Any]:
    groups: dict[str, list[Score]] = defaultdict(list)
    for name, item in scores:
        groups[name].append(item)
    rows = [
        [name, len(group), *(sum(getattr(item, part) for item in group) for part in _PARTS)]
        for name, group in sorted(groups.items())
    ]
    return {"title": title, "columns": [column, "scenarios", *_PARTS], "rows": rows}


_PARTS = ("right", "missed", "false", "attributed", "incomplete")
