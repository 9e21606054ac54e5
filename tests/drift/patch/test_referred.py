"""What refers to a resource that a patch edits: it has the live value from then on, and is judged by that."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Decision, Verdict
from lamplighter.drift.patch.patch import Patch, patch_of
from tests.drift.code.world import resource
from tests.drift.patch.world import code, item

QUEUE = 'resource "aws_sqs_queue" "a" {\n  name          = "a"\n  delay_seconds = 5\n}\n'
CHILD = {"m/main.tf": QUEUE + 'output "delay" {\n  value = aws_sqs_queue.a.delay_seconds\n}\n'}
CALL = 'module "m" {\n  source = "./m"\n}\n'
SLOWER = item("aws_sqs_queue.a", "delay_seconds", 60, was=5)


def queue(label: str, **more: Any) -> dict[str, Any]:
    given = {
        "id": f"https://sqs/{label}",
        "arn": f"arn:aws:sqs:eu-west-1:111122223333:{label}",
        "name": label,
    }
    key, module = more.pop("key", None), more.pop("module", "")
    return resource("aws_sqs_queue", label, {**given, "delay_seconds": 5, **more}, key=key, module=module)


def other(body: str, name: str = "b", kind: str = "aws_sqs_queue") -> str:
    return f'resource "{kind}" "{name}" {{\n  {body}\n}}\n'


def placed(before: Code, *items: DriftItem) -> Patch:
    return patch_of([Decision(one, Verdict.CODIFY, "") for one in items], before)


def refused(before: Code, *items: DriftItem) -> str:
    patch = placed(before, *items)
    assert not patch.edits
    return patch.unplaced[0].reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "delay_seconds = aws_sqs_queue.a.delay_seconds",
            "delay_seconds of aws_sqs_queue.b would change too",
        ),
        (
            "delay_seconds = { for k, v in aws_sqs_queue.a : k => v }.delay_seconds",
            "delay_seconds of aws_sqs_queue.b would change too",
        ),
        ('name = "b-${aws_sqs_queue.a["delay_seconds"]}"', "name of aws_sqs_queue.b would change too"),
        ("delay_seconds = local.d\n}\nlocals {\n  d = aws_sqs_queue.a.delay_seconds + 1", "would change too"),
    ],
)
def test_a_value_that_would_change_with_it(body: str, reason: str) -> None:
    assert reason in refused(code({"main.tf": QUEUE + other(body)}, queue("a"), queue("b")), SLOWER)


def test_instances_that_would_come_or_go_with_it() -> None:
    counted = other("count = aws_sqs_queue.a.delay_seconds == 5 ? 1 : 0")
    before = code({"main.tf": QUEUE + counted}, queue("a"), queue("b", key=0))
    assert "aws_sqs_queue.b[0] would vanish from the code" in refused(before, SLOWER)
    counted = other("count = aws_sqs_queue.a.delay_seconds == 60 ? 1 : 0")
    before = code({"main.tf": QUEUE + counted}, queue("a"))
    assert "aws_sqs_queue.b[0] would appear in the code" in refused(before, SLOWER)


def test_a_reference_through_the_output_of_a_module() -> None:
    call = CALL + other("delay_seconds = module.m.delay")
    before = code({"main.tf": call, **CHILD}, queue("a", module="module.m"), queue("b"))
    drifted = item("module.m.aws_sqs_queue.a", "delay_seconds", 60, was=5)
    assert "delay_seconds of aws_sqs_queue.b would change too" in refused(before, drifted)


def test_an_instance_that_is_gone_takes_what_is_made_for_each_with_it() -> None:
    many = 'resource "aws_sqs_queue" "q" {\n  for_each = toset(["x", "y"])\n  name = each.key\n}\n'
    alarms = other(
        "for_each = aws_sqs_queue.q\n  alarm_name = each.value.arn", "m", "aws_cloudwatch_metric_alarm"
    )
    state = [queue("q", key="x"), queue("q", key="y")]
    gone = item('aws_sqs_queue.q["y"]', "", None, was="present", action="delete")
    held = [resource("aws_cloudwatch_metric_alarm", "m", {"id": key}, key=key) for key in ("x", "y")]
    before = code({"main.tf": many + alarms}, *state, *held)
    assert 'aws_cloudwatch_metric_alarm.m["y"] would vanish from the code' in refused(before, gone)
    assert placed(code({"main.tf": many}, *state), gone).edits


def test_a_tag_by_all_tags_a_data_source_and_a_module_that_was_not_read() -> None:
    vpc = 'resource "aws_vpc" "v" {\n  tags = { Env = "prod" }\n}\n'
    state = resource("aws_vpc", "v", {"id": "vpc-1", "tags": {"Env": "prod"}, "tags_all": {"Env": "prod"}})
    drifted = item("aws_vpc.v", "tags.Env", "dev", was="prod")
    database = other('deletion_protection = aws_vpc.v.tags_all["Env"] == "prod"', "d", "aws_db_instance")
    stored = resource("aws_db_instance", "d", {"id": "d", "deletion_protection": True})
    before = code({"main.tf": vpc + database}, state, stored)
    assert "deletion_protection of aws_db_instance.d would change too" in refused(before, drifted)
    data = 'data "aws_ami" "x" {\n  owners = [aws_vpc.v.tags.Env]\n}\n'
    assert "owners of data.aws_ami.x would change" in refused(code({"main.tf": vpc + data}, state), drifted)
    remote = 'module "r" {\n  source = "git::https://example.com/r"\n  env = aws_vpc.v.tags.Env\n}\n'
    assert "env of module.r would change" in refused(code({"main.tf": vpc + remote}, state), drifted)


def test_what_does_not_change_may_be_referred_to() -> None:
    ids = other('name = "b-${aws_sqs_queue.a.name}"\n  policy = aws_sqs_queue.a.arn')
    patch = placed(code({"main.tf": QUEUE + ids}, queue("a"), queue("b", name="b-a")), SLOWER)
    assert patch.edits
    assert not patch.notes


def test_what_changes_with_it_and_is_live_so_too() -> None:
    both = code(
        {"main.tf": QUEUE + other("delay_seconds = aws_sqs_queue.a.delay_seconds")}, queue("a"), queue("b")
    )
    patch = placed(both, SLOWER, item("aws_sqs_queue.b", "delay_seconds", 60, was=5))
    assert not patch.unplaced
    assert b"delay_seconds = 60" in patch.after.contents["main.tf"]


UNREAD = 'md5(file("x${aws_sqs_queue.a.delay_seconds}"))'


@pytest.mark.parametrize(
    "text",
    [
        other(f"name = {UNREAD}"),
        other("name = local.n") + f"locals {{\n  n = {UNREAD}\n}}\n",
        CALL + other("name = module.m.n"),
    ],
)
def test_a_value_that_cannot_be_computed_is_named(text: str) -> None:
    module = {"m/main.tf": QUEUE + f'output "n" {{\n  value = {UNREAD}\n}}\n'}
    inside = CALL in text
    before = code(
        {"main.tf": text, **module} if inside else {"main.tf": QUEUE + text},
        queue("a", module="module.m" if inside else ""),
        queue("b"),
    )
    address = "module.m.aws_sqs_queue.a" if inside else "aws_sqs_queue.a"
    patch = placed(before, item(address, "delay_seconds", 60, was=5))
    assert patch.edits
    assert "not derived: name of aws_sqs_queue.b refers to what changes" in patch.notes


def test_a_count_that_cannot_be_computed_is_refused() -> None:
    before = code({"main.tf": QUEUE + other(f'count = {UNREAD} == "y" ? 1 : 0')}, queue("a"))
    assert "how many instances aws_sqs_queue.b has rests on what changes" in refused(before, SLOWER)
