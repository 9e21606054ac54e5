"""The score of the drift evaluation, on findings whose verdict is known beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.core.findings import Finding, Severity
from lamplighter.scenarios.evaluation.drift import evaluate, key, metrics, score
from lamplighter.scenarios.evaluation.registry import Request

TRUTH = [
    {
        "address": "aws_sqs_queue.q",
        "path": "policy.0.text",
        "who": "arn:aws:sts::1:assumed-role/Ops/jo",
        "when": "2026-11-23T03:12:40Z",
        "source_ip": "203.0.113.9",
    },
    {
        "address": "aws_instance.a",
        "path": "",
        "who": "arn:aws:iam::1:user/al",
        "when": "2026-11-23T04:00:00Z",
        "source_ip": "203.0.113.8",
    },
]
RIGHT = {"actor": "Ops/jo", "time": "2026-11-23T03:12:40Z", "source_ip": "203.0.113.9"}


def found(address: str, attribute: str, kind: str = "drift", **details: Any) -> Finding:
    return Finding(
        id=f"{kind}-{address}-{attribute}",
        kind=kind,
        where=address,
        summary="s",
        severity=Severity.LOW,
        details={"address": address, "attribute": attribute, **details},
    )


def test_half_found_and_rightly_attributed() -> None:
    got = score([found("aws_sqs_queue.q", "policy.text", **RIGHT)], TRUTH)
    assert got.missed == {("aws_instance.a", "")}
    assert metrics([got]) == {"false_findings": 0, "detection_f1": 0.6667, "attribution_accuracy": 1}


@pytest.mark.parametrize("wrong", ["actor", "time", "source_ip"])
def test_each_part_of_an_attribution_counts(wrong: str) -> None:
    got = score([found("aws_sqs_queue.q", "policy.text", **{**RIGHT, wrong: "other"})], TRUTH)
    assert metrics([got])["attribution_accuracy"] == 0


def test_a_finding_that_is_not_true_is_false_and_an_unmanaged_one_is_not_counted() -> None:
    got = score([found("aws_sqs_queue.q", "tags.x"), found("aws_vpc vpc-1", "", kind="unmanaged")], TRUTH)
    assert metrics([got])["false_findings"] == 1
    assert metrics([got])["detection_f1"] == 0


def test_what_cannot_be_measured_is_absent() -> None:
    assert metrics([score([], [])]) == {"false_findings": 0}


def test_the_index_of_a_block_is_left_out() -> None:
    assert key("a", "point_in_time_recovery.0.enabled") == ("a", "point_in_time_recovery.enabled")
    assert key("a", "tags.10.0") == ("a", "tags.10")


def test_the_recorded_night_is_found_and_nothing_else() -> None:
    result = evaluate(Request(stage="detect"))
    assert result.metrics["detection_f1"] >= 0.98
    assert result.metrics["attribution_accuracy"] >= 0.98
    assert result.metrics["false_findings"] == 0
