"""Calls that belong together are named together; what somebody else did, or on another resource, is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lamplighter.drift.model import Actor, DriftItem, EventRef
from lamplighter.drift.sequences import Moment, Pattern, Timeline, mentions, patterns
from tests.drift.code.world import call, check, resource

ANA = Actor("ana", "IAMUser", "aws-cli", "198.51.100.17")
BEN = Actor("ben", "IAMUser", "aws-cli", "198.51.100.18")


def moment(number: int, name: str, minute: int, actor: Actor = ANA, on: str = "i-1") -> Moment:
    return Moment(EventRef(f"e{number}", name, f"2026-03-01T10:{minute:02}:00Z"), actor, frozenset({on}))


def item(*moments: Moment, resource_id: str = "i-1") -> DriftItem:
    return DriftItem(
        address="aws_instance.a",
        resource_type="aws_instance",
        resource_id=resource_id,
        attribute="instance_type",
        action="set",
        code_value="a",
        live_value="b",
        location=None,
        actor=moments[-1].actor,
        time=moments[-1].event.time,
        events=tuple(each.event for each in moments),
        account="",
        region="",
        risk="low",
        risk_reason="",
    )


@pytest.mark.parametrize("pattern", patterns(), ids=lambda pattern: " ".join(pattern.calls))
def test_every_sequence_is_found_where_it_happened(pattern: Pattern) -> None:
    calls = [moment(number, name, number) for number, name in enumerate(pattern.calls)]
    assert Timeline(reversed(calls)).intent(item(calls[-1])) == pattern.said


STOP = moment(1, "ec2:StopInstances", 0)
MODIFY = moment(2, "ec2:ModifyInstanceAttribute", 5)
START = moment(3, "ec2:StartInstances", 9)


@pytest.mark.parametrize(
    ("moments", "said"),
    [
        ([STOP, MODIFY, START], "stopped, changed and started again"),
        ([STOP, MODIFY], "stopped and changed, not started again"),
        ([MODIFY], ""),
        ([MODIFY, START], ""),
        ([moment(1, "ec2:StopInstances", 0, BEN), MODIFY], ""),
        ([moment(1, "ec2:StopInstances", 0, on="i-2"), MODIFY], ""),
        ([STOP, moment(2, "ec2:ModifyInstanceAttribute", 59)], ""),
    ],
)
def test_only_what_one_actor_did_to_one_resource_soon_after_is_one_piece_of_work(
    moments: list[Moment], said: str
) -> None:
    drift = next(each for each in moments if each.event.name == MODIFY.event.name)
    assert Timeline(moments).intent(item(drift)) == said


def test_a_name_is_found_whole_and_at_the_end_of_a_path() -> None:
    record: dict[str, Any] = {
        "requestParameters": {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q", "n": 3, "x": None},
        "responseElements": {"items": [{"arn": "arn:aws:iam::1:role/ops"}, "y" * 300]},
    }
    assert {"q", "ops", "arn:aws:iam::1:role/ops"} <= mentions(record)
    assert mentions({}) == frozenset()


def test_the_report_says_what_the_calls_were_together(tmp_path: Path) -> None:
    code = {"main.tf": 'resource "aws_instance" "a" {\n  instance_type = "t3.small"\n}\n'}
    machine = resource("aws_instance", "a", {"id": "i-1", "instance_type": "t3.small"})
    ids = {"instancesSet": {"items": [{"instanceId": "i-1"}]}}
    modified = {"instanceId": "i-1", "instanceType": {"value": "t3.large"}}
    calls = [
        call("ec2:StopInstances", ids),
        call("ec2:ModifyInstanceAttribute", modified, minute=1),
        call("ec2:StartInstances", ids, minute=2),
    ]
    (finding,) = check(tmp_path, code, [machine], calls).findings
    assert finding.details["intent"] == "stopped, changed and started again"
