"""The patches of many cases as metrics and tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lamplighter.scenarios.evaluation.drift_patch import CODIFY_ALL, DECIDED, NO_TERRAFORM, Patched

_METRICS = {
    DECIDED: "pass_at_1",
    CODIFY_ALL: "pass_at_1_codify_all",
    NO_TERRAFORM: "pass_at_1_no_terraform",
}
_COLUMNS = ["scenarios", "with a patch", "right", "right with a patch"]


def metrics(cases: Sequence[Patched]) -> dict[str, float]:
    """Shares of the nights in which there was drift, by way; `..._with_patch` of those with something for the code."""
    measured: dict[str, float] = {}
    for way, name in _METRICS.items():
        of = [item for item in cases if item.way == way and item.suite == "drift"]
        for suffix, counted in ("", of), ("_with_patch", [item for item in of if item.items]):
            if counted:
                share = sum(not item.wrong for item in counted) / len(counted)
                measured[f"{name}{suffix}"] = round(share, 4)
    return measured


def tables(cases: Sequence[Patched]) -> Iterator[dict[str, Any]]:
    """Who judged; then by way: by project, by kind, and what went wrong by its cause."""
    yield _judges(cases)
    for way in _METRICS:
        of = [item for item in cases if item.way == way and item.suite == "drift"]
        if of:
            yield _grouped(f"patch, {way}, by project", "project", ((item.project, item) for item in of))
            alone = ((item.kinds[0], item) for item in of if len(item.kinds) == 1)
            yield _grouped(f"patch, {way}, by kind (scenarios of one kind)", "kind", alone)
        yield from _failures(f"patch, {way}, failures", [item for item in cases if item.way == way])


def _judges(cases: Sequence[Patched]) -> dict[str, Any]:
    groups: dict[tuple[str, str, str], list[Patched]] = defaultdict(list)
    for item in cases:
        groups[item.way, item.suite, item.judge].append(item)
    rows = [
        [*names, *_counts(group), sum(item.plans for item in group)]
        for names, group in sorted(groups.items())
    ]
    return {"title": "patch", "columns": ["way", "suite", "judged by", *_COLUMNS, "plans"], "rows": rows}


def _grouped(title: str, column: str, cases: Iterable[tuple[str, Patched]]) -> dict[str, Any]:
    groups: dict[str, list[Patched]] = defaultdict(list)
    for name, item in cases:
        groups[name].append(item)
    rows = [[name, *_counts(group)] for name, group in sorted(groups.items())]
    return {"title": title, "columns": [column, *_COLUMNS], "rows": rows}


def _counts(group: Sequence[Patched]) -> list[int]:
    patched = [item for item in group if item.items]
    right = [sum(not item.wrong for item in of) for of in (group, patched)]
    return [len(group), len(patched), *right]


def _failures(title: str, cases: Sequence[Patched]) -> Iterator[dict[str, Any]]:
    wrong = {wrong for item in cases for wrong in item.wrong}
    if cases:
        rows = [
            [item.cause, " ".join(item.kinds), *item.key, item.scenario]
            for item in sorted(wrong, key=lambda item: (item.cause, item))
        ]
        columns = ["cause", "kind", "address", "attribute", "scenario"]
        yield {"title": title, "columns": columns, "rows": rows}
