"""An edit as data: what it does in terms of its kind, and the same for another item."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.core.operations import ByteEdit
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import FileEdits
from lamplighter.drift.patch.passages import Passages, passages_of
from lamplighter.drift.patch.rule_candidates import generalised, instantiated, kind_of
from tests.drift.code.world import resource
from tests.drift.patch.world import code, edits_of, item

CODE = """\
locals {
  days = { app = 30, web = 7 }
}

variable "tier" {
  default = "basic"
}

resource "aws_thing" "one" {
  count_of = 5
  mode     = var.tier
  users    = ["ann", "bob"]

  tags = {
    Team  = "shop"
    Owner = "ann"
  }

  rule {
    days = 3
  }
}

resource "aws_thing" "two" {
  count_of = 8
  mode     = var.tier
  users    = ["ann", "eve"]

  tags = {
    Team  = "pay"
    Owner = "eve"
  }

  rule {
    days = 4
  }
}

resource "aws_thing" "each" {
  for_each = local.days
  count_of = each.value
}
"""
ONE, TWO = "aws_thing.one", "aws_thing.two"


def things() -> Code:
    held = [resource("aws_thing", name, {"id": name}) for name in ("one", "two")]
    return code({"main.tf": CODE}, *held, resource("aws_thing", "each", {"id": "a"}, index_key="app"))


def found(of: DriftItem, now: Code) -> Passages:
    passages = passages_of(of, now)
    assert passages is not None
    return passages


@pytest.mark.parametrize(
    ("first", "old", "new", "second", "wanted"),
    [
        (item(ONE, "count_of", 6, was=5), "= 5", "= 6", item(TWO, "count_of", 9, was=8), ("= 8", "= 9")),
        (
            item(ONE, "tags.Owner", "kim", was="ann"),
            'Owner = "ann"',
            'Owner = "kim"',
            item(TWO, "tags.Team", "ops", was="pay"),
            ('Team  = "pay"', 'Team  = "ops"'),
        ),
        (
            item(ONE, "tags.Cost", "x", was=None),
            '    Owner = "ann"\n',
            '    Owner = "ann"\n    Cost  = "x"\n',
            item(TWO, "tags.Until", "may", was=None),
            ('    Owner = "eve"\n', '    Owner = "eve"\n    Until = "may"\n'),
        ),
        (
            item(ONE, "tags.Owner", None, was="ann"),
            '    Owner = "ann"\n',
            "",
            item(TWO, "tags.Team", None, was="pay"),
            ('    Team  = "pay"\n', ""),
        ),
        (
            item(ONE, "users", "kim", action="add"),
            '"bob"]',
            '"bob", "kim"]',
            item(TWO, "users", "zoe", action="add"),
            ('"eve"]', '"eve", "zoe"]'),
        ),
        (
            item(ONE, "users", None, was="bob", action="remove"),
            '["ann", "bob"]',
            '["ann"]',
            item(TWO, "users", None, was="eve", action="remove"),
            ('["ann", "eve"]', '["ann"]'),
        ),
        (
            item(ONE, "rule.days", 9, was=3),
            "days = 3",
            "days = 9",
            item(TWO, "rule.days", 10, was=4),
            ("days = 4", "days = 10"),
        ),
        (
            item(ONE, "mode", "premium", was="basic"),
            'mode     = var.tier\n  users    = ["ann", "bob"]',
            'mode     = "premium"\n  users    = ["ann", "bob"]',
            item(TWO, "mode", "gold", was="basic"),
            (
                'mode     = var.tier\n  users    = ["ann", "eve"]',
                'mode     = "gold"\n  users    = ["ann", "eve"]',
            ),
        ),
        (
            item(ONE, "limit", 3, was=None),
            "  count_of = 5\n",
            "  count_of = 5\n  limit    = 3\n",
            item(TWO, "other", 4, was=None),
            ('    Owner = "eve"\n  }\n', '    Owner = "eve"\n  }\n  other = 4\n'),
        ),
    ],
)
def test_the_same_edit_for_another_item(
    first: DriftItem, old: str, new: str, second: DriftItem, wanted: tuple[str, str]
) -> None:
    now = things()
    known = generalised(first, found(first, now), now, edits_of(now, old, new))
    assert known is not None and known.kind == kind_of(second, found(second, now))
    candidate = instantiated(known, second, found(second, now), now)
    assert candidate is not None
    after = now.edited(candidate.edits).contents["main.tf"].decode()
    assert after == CODE.replace(*wanted, 1)


def test_a_condition_is_told_with_the_key_and_the_old_text() -> None:
    now = things()
    first = item('aws_thing.each["app"]', "count_of", 60, was=30)
    edits = edits_of(now, "= each.value", '= each.key == "app" ? 60 : each.value')
    known = generalised(first, found(first, now), now, edits)
    assert known is not None
    (change,) = known.changes
    assert change.text == "each.key == @{key} ? @{live} : @{old}" and change.path == ("@{attr0}",)


def test_a_new_variable_and_what_goes_with_it_are_told() -> None:
    now = things()
    first = item(ONE, "count_of", 6, was=5)
    known = generalised(first, found(first, now), now, edits_of(now, "= 5", "= 6"))
    assert known is not None and "5" not in known.model_dump_json().replace("attr", "")
    assert kind_of(item(ONE, "rule.days", 1), found(item(ONE, "rule.days", 1), now)) != known.kind


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("= 5", '= "@{live}"'),
        (
            "  rule {\n    days = 3\n  }\n",
            "  rule {\n    days = 3\n  }\n" * 3 + "  rule {\n    days = 4\n  }\n" * 12,
        ),
    ],
)
def test_what_cannot_be_told_is_not_kept(old: str, new: str) -> None:
    now = things()
    first = item(ONE, "count_of", 6, was=5)
    assert generalised(first, found(first, now), now, edits_of(now, old, new)) is None


def test_an_edit_that_begins_before_the_block_is_not_kept() -> None:
    first, now = item(ONE, "count_of", 6, was=5), things()
    old = '}\n\nresource "aws_thing" "one" {\n  count_of = 5'
    new = '}\n# new\nresource "aws_thing" "one" {\n  count_of = 6'
    assert old in CODE
    start = now.contents["main.tf"].index(old.encode())
    edit = ByteEdit(start=start, end=start + len(old), old=old, new=new)
    assert generalised(first, found(first, now), now, [FileEdits("main.tf", (edit,))]) is None


def test_what_does_not_fit_gives_no_candidate() -> None:
    now = things()
    first: Any = item(ONE, "tags.Owner", None, was="ann")
    known = generalised(first, found(first, now), now, edits_of(now, '    Owner = "ann"\n', ""))
    assert known is not None
    missing = item(TWO, "tags.Nobody", None, was="x")
    assert instantiated(known, missing, found(missing, now), now) is None
