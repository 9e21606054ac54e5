"""Several evaluations as one: each metric is called `evaluation.metric`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamplighter.scenarios.evaluation.registry import EVALS, Request, Result, find

SMOKE = ("drift",)
EVERYTHING = ("drift", "loop")


SAMPLE = 24
"""Cases of each evaluation in a smoke run, where no other number is asked for."""


def smoke(request: Request) -> Result:
    """A small sample of each evaluation, one after the other."""
    return together(SMOKE, request._replace(sample=request.sample or SAMPLE))


def everything(request: Request) -> Result:
    """Every evaluation there is, however long it takes."""
    return together(EVERYTHING, request)


def together(names: Sequence[str], request: Request) -> Result:
    """Cases are added up, labels united; a table's title begins with its evaluation."""
    metrics: dict[str, float] = {}
    tables: list[dict[str, Any]] = []
    labels: dict[str, None] = {}
    cases, sampled = 0, False
    for name in names:
        result = find(EVALS, name)(request)
        metrics |= {f"{name}.{metric}": value for metric, value in result.metrics.items()}
        tables += [{**table, "title": f"{name}: {table['title']}"} for table in result.tables]
        labels |= dict.fromkeys(result.labels)
        cases += result.cases
        sampled = sampled or result.sampled
    return Result(metrics, cases, tuple(labels), tuple(tables), sampled=sampled)
