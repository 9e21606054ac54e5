"""The score of the drift evaluation, on findings whose verdict is known beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.core.findings import Finding, Severity
from lamplighter.drift.items import SENSITIVE
from lamplighter.scenarios.drift import schema
from lamplighter.scenarios.drift.schema import Attribution, DriftTruth, Key, Scenario, UnmanagedTruth
from lamplighter.scenarios.evaluation.drift import evaluate, sampled
from lamplighter.scenarios.evaluation.drift_score import Score, bare, metrics, score
from lamplighter.scenarios.evaluation.registry import Request
from lamplighter.scenarios.world import MIRROR_VARIABLE

BLAME = Attribution(
    who="arn:aws:sts::1:assumed-role/Ops/jo",
    identity_type="AssumedRole",
    when="2026-11-23T03:12:40Z",
    tool="aws-cli",
    user_agent="aws-cli/2",
    source_ip="203.0.113.9",
    event="e1",
    events=("e1",),
    session="JO",
)
RIGHT = {
    "actor": "Ops/jo",
    "time": "2026-11-23T03:12:40Z",
    "source_ip": "203.0.113.9",
    "tool": "aws-cli",
    "events": ["e1"],
}


def truth(address: str, path: str, **more: Any) -> DriftTruth:
    fields = {"type": "t", "action": "set", "code": 1, "live": 2, "kind": "k", "attribution": BLAME}
    return DriftTruth(address=address, path=path, **{**fields, **more})


def case(*drifts: DriftTruth, unmanaged: tuple[UnmanagedTruth, ...] = ()) -> Scenario:
    return Scenario.model_validate(
        {
            "id": "p-1",
            "project": "p",
            "suite": "drift",
            "seed": "s",
            "kinds": ("k",),
            "features": (),
            "window": ("", ""),
            "drifts": drifts,
            "unmanaged": unmanaged,
            "non_findings": (),
            "events": (),
            "deliveries": (),
        }
    )


def found(address: str, attribute: str, kind: str = "drift", **details: Any) -> Finding:
    return Finding(
        id=f"{kind}-{address}-{attribute}",
        kind=kind,
        where=address,
        summary="s",
        severity=Severity.LOW,
        details={"address": address, "attribute": attribute, **RIGHT, **details},
    )


def counts(got: Score) -> tuple[int, int, int, int]:
    return got.right, got.missed, got.false, got.attributed


TWO = case(truth("aws_sqs_queue.q", "policy.0.text"), truth("aws_instance.a", ""))


def test_half_found_and_rightly_attributed() -> None:
    got = score(TWO, [found("aws_sqs_queue.q", "policy.text")])
    assert counts(got) == (1, 1, 0, 1)
    assert metrics([got]) == {"detection_f1": 0.6667, "attribution_accuracy": 1}
    assert [(wrong.cause, wrong.key) for wrong in got.wrong] == [("missed", ("aws_instance.a", ""))]


@pytest.mark.parametrize(
    ("part", "said"),
    [("actor", "who"), ("time", "when"), ("source_ip", "from where"), ("tool", "tool"), ("events", "event")],
)
def test_each_part_of_an_attribution_counts(part: str, said: str) -> None:
    got = score(TWO, [found("aws_instance.a", "", **{part: ["other"] if part == "events" else "other"})])
    assert counts(got) == (1, 1, 0, 0)
    assert f"wrong {said}" in [wrong.cause for wrong in got.wrong]


def test_a_finding_that_is_not_true_is_false() -> None:
    got = score(TWO, [found("aws_sqs_queue.q", "tags.x"), found("aws_sqs_queue.other", "policy.text")])
    assert counts(got) == (0, 2, 2, 0)


def test_one_drift_found_under_two_names_is_one() -> None:
    echoed = case(truth("a", "versioning.0.status", also=(Key(address="b", path="versioning.0.enabled"),)))
    assert counts(score(echoed, [found("a", "versioning.status"), found("b", "versioning.enabled")])) == (
        1,
        0,
        0,
        1,
    )


def test_a_value_that_follows_from_another_need_not_be_found() -> None:
    follows = case(truth("a", "tags.x"), truth("a", "tags_all.x", cause="tags.x"))
    assert counts(score(follows, [found("a", "tags.x")])) == (1, 0, 0, 1)
    assert counts(score(follows, [found("a", "tags.x"), found("a", "tags_all.x")])) == (1, 0, 0, 1)


def test_two_truths_under_one_key_are_told_by_their_calls() -> None:
    other = BLAME.model_copy(update={"event": "e2"})
    both = case(
        truth("role", "managed_policy_arns"),
        truth("attachment", "", attribution=other, also=(Key(address="role", path="managed_policy_arns"),)),
    )
    first, second = found("role", "managed_policy_arns"), found("role", "managed_policy_arns", events=["e2"])
    assert counts(score(both, [first])) == (1, 1, 0, 1)
    assert counts(score(both, [first, second])) == (2, 0, 0, 2)


@pytest.mark.parametrize(
    ("kind", "identity", "shown", "right"),
    [
        ("aws_sqs_queue", "https://sqs/1/q", "q", True),
        ("aws_iam_role_policy", "role:name", "role name", True),
        ("aws_route53_record", "Z1_a.example_A", "Z1 a.example A", True),
        ("aws_iam_access_key", "AKIAIOSFODNN7EXAMPLE", "<aws-access-key>", True),
        ("aws_sqs_queue", "https://sqs/1/q", "other", False),
    ],
)
def test_an_unmanaged_resource_is_told_by_any_of_its_names(
    kind: str, identity: str, shown: str, right: bool
) -> None:
    loose = UnmanagedTruth(
        type=kind, id=identity, region="r", account="1", kind="k", attribution=BLAME, also=()
    )
    got = score(
        case(unmanaged=(loose,)),
        [found(f"{kind} x", "", kind="unmanaged", resource_type=kind, resource_id=shown)],
    )
    assert counts(got) == ((1, 0, 0, 1) if right else (0, 1, 1, 0))


def test_a_part_of_a_set_is_the_set_told_closer_and_a_hidden_map_all_of_its_keys() -> None:
    blocks = case(truth("a", "cors_rule"), truth("b", "environment.0.variables.LEVEL"))
    assert counts(score(blocks, [found("a", "cors_rule.allowed_origins")])) == (1, 1, 0, 1)
    assert counts(score(blocks, [found("b", "environment.variables", live=SENSITIVE)])) == (1, 1, 0, 1)
    assert counts(score(blocks, [found("b", "environment.variables", live={"LEVEL": "x"})])) == (0, 2, 1, 0)


def test_what_cannot_be_measured_is_absent() -> None:
    assert metrics([score(case(), [])]) == {}


def test_the_index_of_a_block_is_left_out() -> None:
    assert bare("point_in_time_recovery.0.enabled") == "point_in_time_recovery.enabled"


def test_a_sample_is_spread_over_all_cases() -> None:
    every = list(schema.scenarios())
    chosen = sampled(every, 24)
    assert len(chosen) == 24 and {item.project for item in chosen} == {item.project for item in every}
    assert sampled(every, None) == sampled(every, len(every) + 1) == every


def test_the_sample_is_found_and_attributed_without_terraform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, "")
    result = evaluate(Request(stage="detect", sample=48))
    assert result.metrics["detection_f1_no_terraform"] >= 0.95
    assert result.metrics["attribution_accuracy_no_terraform"] >= 0.98
    assert result.metrics["false_findings"] == 0
    assert "detection_f1" not in result.metrics
    told = next(table for table in result.tables if table["title"] == "with Terraform")
    assert [row[0] for row in told["rows"]] == ["no"] and told["rows"][0][1]
