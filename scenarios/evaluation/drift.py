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
from lamplighter.scenarios.evaluation import drift_fallback, drift_terraform
from lamplighter.scenarios.evaluation.drift_score import Score, metrics, score
from lamplighter.scenarios.evaluation.registry import Request, Result


def evaluate(request: Request) -> Result:
    """With the stage `detect` nothing is patched."""
    every = list(schema.scenarios())
    chosen = sampled(every, request.sample)
    scores = [from_trace(case) for case in chosen]
    silent = [item for case, item in zip(chosen, scores, strict=True) if case.suite != "drift"]
    measured = metrics(scores, "_no_terraform")
    asked = _asked(chosen)
    measured |= asked.metrics
    fallbacks = drift_fallback.measured(chosen, request.stage)
    measured |= fallbacks.metrics
    if silent:
        measured["false_findings"] = asked.false + float(sum(item.false for item in silent))
    return Result(
        metrics=measured,
        cases=len(chosen),
        labels=("own scenarios", "recorded", *asked.labels),
        tables=(
            *tables(scores),
            *asked.tables,
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


def _asked(cases: Sequence[Scenario]) -> _Asked:
    lacking = drift_terraform.missing()
    if lacking:
        row = {"title": "with Terraform", "columns": ["measured", "why"], "rows": [["no", lacking]]}
        return _Asked({}, 0, (), (row,))
    done = drift_terraform.with_terraform(cases)
    scores = [item.score for item in done]
    measured = metrics(scores)
    measured["terraform_answered"] = round(sum(item.answered for item in done) / len(done), 4)
    silent = [item for case, item in zip(cases, scores, strict=True) if case.suite != "drift"]
    named = ({**table, "title": f"with Terraform, {table['title']}"} for table in tables(scores))
    return _Asked(measured, sum(item.false for item in silent), ("real terraform",), tuple(named))


def _beside_peers(cases: Sequence[Scenario], count: int | None) -> Iterator[dict[str, Any]]:
    # Live clouds need moto; the evaluation itself needs no more than its data.
    from lamplighter.scenarios.evaluation.peers.compare import tables as compared

    return compared(cases, count)


def sampled(cases: Sequence[Scenario], count: int | None) -> list[Scenario]:
    """`count` of the cases, spread evenly over their order (project, then number); all of them for None."""
    if count is None or count >= len(cases):
        return list(cases)
    return [cases[index * len(cases) // count] for index in range(count)]


def from_trace(case: Scenario) -> Score:
    """Checks one scenario from code, state and trace; nothing else is asked."""
    base = schema.base(case.project)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        case.write_trace(folder / "trace")
        report = check_directory(base.code, [folder / "trace"], base.write_state(folder))
    return score(case, report.findings, incomplete=report.incomplete)


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
