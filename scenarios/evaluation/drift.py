"""Does the drift engine find what people changed, whom does it name, and does it stay silent otherwise?

The truth was not derived by the engine: it says what the cloud answered after the recorded night.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lamplighter.core.findings import Finding
from lamplighter.drift import check_directory
from lamplighter.scenarios.evaluation.registry import Request, Result

_SCENARIOS = Path(__file__).parent.parent
PROJECT = _SCENARIOS / "projects" / "payments"
DATA = _SCENARIOS / "data" / "payments"
# Terraform applied the project on this day, and nobody else made a change.
_UNTOUCHED = "*_20261120T*.json.gz"

Key = tuple[str, str]
"""An address and an attribute's path; the index of a single block (`.0`) is left out."""


class Score(NamedTuple):
    """Keys of one case: found and true, found and false, true and not found; and of the first, well attributed."""

    right: frozenset[Key]
    false: frozenset[Key]
    missed: frozenset[Key]
    attributed: frozenset[Key]


def evaluate(request: Request) -> Result:
    """The recorded night, and the same project with a trace in which only Terraform acted.

    Patches are not made by this version, so every stage is `detect`.
    """
    truth = json.loads((DATA / "truth.json").read_text(encoding="utf-8"))
    night = score(_findings([DATA / "trace"]), truth["drifts"])
    quiet = score(_findings(untouched_trace()), ())
    scores = (night, quiet)[: request.sample or 2]
    return Result(
        metrics(scores), len(scores), ("own scenarios", "recorded"), (_table(night),), sampled=len(scores) < 2
    )


def metrics(scores: Sequence[Score]) -> dict[str, float]:
    """`detection_f1` and `attribution_accuracy` are absent where there is nothing to be right about."""
    right, false, missed, attributed = (sum(map(len, part)) for part in zip(*scores, strict=True))
    measured = {"false_findings": float(false)}
    if right + missed:
        measured["detection_f1"] = round(2 * right / (2 * right + false + missed), 4)
    if right:
        measured["attribution_accuracy"] = round(attributed / right, 4)
    return measured


def score(findings: Iterable[Finding], drifts: Iterable[Mapping[str, Any]]) -> Score:
    """Compares by key; an attribution is right when who, when and from where all are."""
    true = {key(str(row["address"]), str(row["path"])): row for row in drifts}
    found = {
        key(
            str(finding.details.get("address") or finding.where), str(finding.details.get("attribute", ""))
        ): finding
        for finding in findings
        if finding.kind == "drift"
    }
    right = true.keys() & found.keys()
    attributed = {name for name in right if _attributed(found[name].details, true[name])}
    return Score(
        frozenset(right),
        frozenset(found.keys() - true.keys()),
        frozenset(true.keys() - found.keys()),
        frozenset(attributed),
    )


def key(address: str, path: str) -> Key:
    return address, ".".join(part for part in path.split(".") if part != "0")


def untouched_trace() -> list[Path]:
    """The files of the day on which Terraform alone acted."""
    files = sorted((DATA / "trace").rglob(_UNTOUCHED))
    assert files, f"no trace file is called {_UNTOUCHED}"
    return files


def _findings(traces: Sequence[Path]) -> tuple[Finding, ...]:
    return tuple(check_directory(PROJECT, traces, DATA / "terraform.tfstate").findings)


def _attributed(details: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    # The truth has the whole ARN, a finding the name by which people know the session: both end alike.
    who = str(details.get("actor", "")).rsplit("/", 1)[-1] == str(row["who"]).rsplit("/", 1)[-1]
    return who and details.get("time") == row["when"] and details.get("source_ip") == row["source_ip"]


def _table(night: Score) -> dict[str, Any]:
    def verdict(name: Key) -> str:
        if name in night.missed:
            return "missed"
        if name in night.false:
            return "false finding"
        return "found" if name in night.attributed else "found, wrong who, when or where"

    names = sorted(night.right | night.false | night.missed)
    rows = [[address, path or "(the resource)", verdict((address, path))] for address, path in names]
    return {"title": "the recorded night", "columns": ["address", "attribute", "verdict"], "rows": rows}
