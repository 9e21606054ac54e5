"""What the bench of the sandbox reports, on a cluster small enough for a test."""

from __future__ import annotations

import pytest

from lamplighter.scenarios import bench_sandbox
from lamplighter.scenarios.evaluation.registry import Request


def test_every_part_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_sandbox, "RATE_SECONDS", 0.1)
    monkeypatch.setattr(bench_sandbox, "CLIENTS", 10)
    monkeypatch.setattr(bench_sandbox, "START_RUNS", 1)
    result = bench_sandbox.measure(Request(sample=120))
    assert (result.cases, result.sampled, result.labels) == (120, True, ("simulated",))
    metrics = dict(result.metrics)
    assert metrics.pop("crowd_failures") == metrics.pop("watches_left") == 0
    assert metrics["large_pods"] == 120
    assert all(value > 0 for value in metrics.values()), metrics
