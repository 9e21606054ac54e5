"""Conditions that the code itself sets: validations of variables, pre- and postconditions."""

from __future__ import annotations

import pytest

from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Decision, Verdict
from lamplighter.drift.patch.patch import Patch, patch_of
from tests.drift.code.world import resource
from tests.drift.patch.world import code, item

PLAIN = 'variable "delay" {\n  default = 5\n}\n'
BLOCK = '  validation {\n    condition = CONDITION\n    error_message = "no"\n  }\n}\n'
VALIDATED = PLAIN.removesuffix("}\n") + BLOCK
QUEUE = 'resource "aws_sqs_queue" "a" {\n  name = "a"\n  delay_seconds = var.delay\n}\n'
LIFECYCLE = (
    '  lifecycle {\n    KIND {\n      condition = CONDITION\n      error_message = "no"\n    }\n  }\n}\n'
)


def validated(condition: str) -> Code:
    return held(VALIDATED.replace("CONDITION", condition) + QUEUE)


def with_condition(kind: str, condition: str) -> Code:
    text = LIFECYCLE.replace("KIND", kind).replace("CONDITION", condition)
    return held(PLAIN + QUEUE.removesuffix("}\n") + text)


def held(text: str) -> Code:
    return code(
        {"main.tf": text}, resource("aws_sqs_queue", "a", {"id": "a", "name": "a", "delay_seconds": 5})
    )


def made(before: Code, live: int) -> Patch:
    drifted = item("aws_sqs_queue.a", "delay_seconds", live, was=5)
    return patch_of([Decision(drifted, Verdict.CODIFY, "")], before)


def test_a_validation_that_the_live_value_breaks() -> None:
    before = validated("var.delay <= 10")
    # What rests on the variable no longer is not bound by it.
    patch = made(before, 90)
    assert b"default = 5" in patch.after.contents["main.tf"]
    assert b"delay_seconds = 90" in patch.after.contents["main.tf"]
    kept = made(before, 9)
    assert b"default = 9" in kept.after.contents["main.tf"]
    assert not kept.notes


@pytest.mark.parametrize(
    ("kind", "condition"),
    [
        ("precondition", "var.delay <= 10"),
        ("postcondition", "self.delay_seconds <= 10"),
    ],
)
def test_a_condition_of_the_resource_that_the_live_value_breaks(kind: str, condition: str) -> None:
    before = with_condition(kind, condition)
    assert b"default = 90" not in made(before, 90).after.contents["main.tf"]
    assert b"default = 9" in made(before, 9).after.contents["main.tf"]


def test_a_postcondition_has_no_way_around_it() -> None:
    patch = made(with_condition("postcondition", "self.delay_seconds <= 10"), 90)
    assert not patch.edits
    assert (
        "postcondition 1 of aws_sqs_queue.a would not hold: self.delay_seconds <= 10"
        in patch.unplaced[0].reason
    )


def test_a_condition_that_cannot_be_computed_is_named_where_it_rests_on_the_edit() -> None:
    note = "not derived: whether validation 1 of var.delay holds"
    assert note in made(validated('can(regex("^[0-9]$", var.delay))'), 9).notes
    other = 'variable "other" {\n' + BLOCK.replace("CONDITION", 'can(regex("x", var.other))')
    assert not made(held(other + PLAIN + QUEUE), 9).notes
