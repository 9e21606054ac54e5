"""A patch for many items: the first candidate that holds, in one order, and the whole judged at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.judge import judge
from lamplighter.drift.patch.model import Candidate, Decision, FileEdits, Verdict, applied
from lamplighter.drift.patch.patch import patch_of
from tests.drift.code.world import resource
from tests.drift.patch.test_judge import API, APP, AUDIT, LOG_STATE, LOGS, WEB
from tests.drift.patch.world import candidate, changed, code, edits_of, goal, item

Rule = Callable[[DriftItem, Code], Iterator[Candidate]]


def codify(*items: DriftItem) -> list[Decision]:
    return [Decision(one, Verdict.CODIFY, "as it is live") for one in items]


def replacing(*pairs: tuple[str, str]) -> Rule:
    """Proposes for every item to replace one text after another, each a candidate."""

    def rules(_item: DriftItem, now: Code) -> Iterator[Candidate]:
        for old, new in pairs:
            if old.encode() in now.contents["main.tf"]:
                yield candidate(now, old, new)

    return rules


def test_a_literal_is_edited_and_nothing_else() -> None:
    before = code({"main.tf": LOGS}, *LOG_STATE)
    made = patch_of(codify(AUDIT.item), before)
    assert [placed.candidate.rule for placed in made.placed if placed.candidate] == ["literal"]
    (edits,) = made.edits
    assert applied(before.contents["main.tf"], edits.edits) == LOGS.replace("365", "14").encode()


def test_what_no_rule_can_place_says_why() -> None:
    before = code({"main.tf": LOGS}, *LOG_STATE)
    made = patch_of(codify(WEB.item, AUDIT.item), before, [replacing(("each.value\n", "14\n"))])
    assert {one.item.address: one.reason for one in made.unplaced} == {
        WEB.item.address: 'test: retention_in_days of aws_cloudwatch_log_group.each["api"] would change too',
        AUDIT.item.address: "test: the code does not say retention_in_days as it is live",
    }
    assert made.edits == ()


def test_one_edit_may_say_several_items_and_only_together() -> None:
    before = code({"main.tf": LOGS}, *LOG_STATE)
    made = patch_of(codify(WEB.item, API.item), before, [replacing(("each.value\n", "14\n"))])
    assert not made.unplaced and len(made.edits[0].edits) == 1
    assert [placed.candidate is None for placed in made.placed] == [False, True]


def test_what_is_ignored_holds_for_every_instance_of_the_block_and_says_so() -> None:
    before = code({"main.tf": LOGS}, *LOG_STATE)
    made = patch_of([Decision(WEB.item, Verdict.IGNORE, "asked for")], before)
    assert not made.unplaced
    assert made.notes == ("holds for every instance of the block",)
    after = made.after.contents["main.tf"].decode()
    assert after.count("ignore_changes = [retention_in_days]") == 1
    named = 'name              = "audit"\n'
    both = changed(made.after, named, f"{named}  lifecycle {{\n    ignore_changes = [name]\n  }}\n")
    reason = judge([goal(WEB.item, Verdict.IGNORE)], before, both).reason
    assert reason == "lifecycle of aws_cloudwatch_log_group.audit would change too"


def test_the_best_candidate_that_holds_is_taken() -> None:
    before = code({"main.tf": LOGS}, *LOG_STATE)
    rule = replacing(("365", "13"), ("= local.short", "= 14"), ("default = 30", "default = 14"))
    made = patch_of(codify(APP.item), before, [rule])
    assert b"retention_in_days = 14\n" in made.after.contents["main.tf"]
    assert made.unplaced == ()


def test_the_order_of_the_decisions_does_not_matter() -> None:
    before = code({"main.tf": LOGS}, *LOG_STATE)
    decisions = codify(AUDIT.item, APP.item, WEB.item)
    rule = replacing(("365", "14"), ("default = 30", "default = 14"), ("web = 7", "web = 14"))
    one, other = patch_of(decisions, before, [rule]), patch_of(decisions[::-1], before, [rule])
    assert one.edits == other.edits and len(one.placed) == 3
    assert [placed.item for placed in one.placed] == [placed.item for placed in other.placed]


def test_decisions_to_revert_or_to_ask_edit_nothing() -> None:
    before = code({"main.tf": LOGS}, *LOG_STATE)
    asked = [Decision(AUDIT.item, verdict, "") for verdict in (Verdict.REVERT, Verdict.ASK)]
    made = patch_of(asked, before)
    assert (made.placed, made.unplaced, made.edits) == ((), (), ())


def test_a_new_file_and_several_edits_of_one() -> None:
    before = code({"main.tf": LOGS}, *LOG_STATE)
    queue = item(None, "", "present", action="create", kind="aws_sqs_queue", ident="https://sqs/jobs")
    text = (
        'import {\n  to = aws_sqs_queue.q\n  id = "https://sqs/jobs"\n}\nresource "aws_sqs_queue" "q" {\n'
        '  name = "jobs"\n}\n'
    )

    def new(one: DriftItem, now: Code) -> Iterator[Candidate]:
        if one.action == "create":
            yield Candidate("import", edits_of(now, "", text, "imported.tf"))

    made = patch_of(
        codify(queue, AUDIT.item, WEB.item), before, [replacing(("365", "14"), ("web = 7", "web = 14")), new]
    )
    assert [(edit.file, len(edit.edits)) for edit in made.edits] == [("imported.tf", 1), ("main.tf", 2)]
    assert made.unplaced == ()


def test_an_edit_that_does_not_fit_is_told() -> None:
    before = code({"main.tf": LOGS}, *LOG_STATE)

    def wrong(_item: DriftItem, now: Code) -> Iterator[Candidate]:
        fitting = edits_of(now, "365", "14")[0].edits[0]
        yield Candidate("wrong", (FileEdits("main.tf", (fitting.model_copy(update={"old": "x"}),)),))

    (unplaced,) = patch_of(codify(AUDIT.item), before, [wrong]).unplaced
    assert "do not hold what is to be replaced" in unplaced.reason


def test_what_code_cannot_say_is_told_as_that() -> None:
    template = '\nresource "aws_launch_template" "t" {\n  name = "t"\n}\n'
    text = 'provider "aws" {\n  default_tags {\n    tags = { Env = "prod" }\n  }\n}\n' + template
    state = {"id": "lt-1", "name": "t", "latest_version": 1, "tags_all": {"Env": "prod"}}
    before = code({"main.tf": text}, resource("aws_launch_template", "t", state))
    untagged = item("aws_launch_template.t", "tags.Env", None, was="prod")
    computed = item("aws_launch_template.t", "latest_version", 2, was=1)
    assert {
        one.item.attribute: one.reason for one in patch_of(codify(untagged, computed), before).unplaced
    } == {
        "tags.Env": "the provider's default_tags give Env to all that it manages: one resource cannot be without it",
        "latest_version": "latest_version is computed by the provider: code cannot say it",
    }


@pytest.mark.parametrize("name", ['a"b.tf', "a\\b.tf", "a\nb.tf", "a\x1b[31mb.tf", "a\u202eb.tf"])
def test_a_file_of_a_name_that_no_patch_can_hold_is_left(name: str) -> None:
    before = code({name: LOGS}, *LOG_STATE)
    made = patch_of(codify(AUDIT.item), before)
    assert made.edits == () and made.placed == ()
    assert made.unplaced[0].reason.endswith("a file of this name cannot stand in a patch")


def test_a_file_of_an_unusual_name_is_edited() -> None:
    before = code({"a b'é.tf": LOGS}, *LOG_STATE)
    assert [edit.file for edit in patch_of(codify(AUDIT.item), before).edits] == ["a b'é.tf"]


SHARED = """
locals {
  zone = "eu-west-1"
}
resource "aws_cloudwatch_log_group" "audit" {
  name = "audit"
  tags = { Zone = local.zone }
}
"""
TAGGED = resource("aws_cloudwatch_log_group", "audit", {"id": "audit", "tags": {"Zone": "eu-west-1"}})
RETAGGED = item("aws_cloudwatch_log_group.audit", "tags.Zone", "eu-north-1", was="eu-west-1")


@pytest.mark.parametrize(
    ("user", "what"),
    [
        ('provider "aws" {\n  region = local.zone\n}\n', "region of provider.aws"),
        ('module "net" {\n  source = "acme/net/aws"\n  zone   = local.zone\n}\n', "zone of module.net"),
        ('data "external" "x" {\n  program = ["x", local.zone]\n}\n', "program of data.external.x"),
    ],
)
def test_a_local_that_something_beside_resources_uses_is_left_alone(user: str, what: str) -> None:
    before = code({"main.tf": SHARED + user}, TAGGED)
    made = patch_of(codify(RETAGGED), before)
    after = SHARED.replace("Zone = local.zone", 'Zone = "eu-north-1"') + user
    assert made.after.contents["main.tf"].decode() == after
    by_local = changed(before, 'zone = "eu-west-1"', 'zone = "eu-north-1"')
    assert judge([goal(RETAGGED)], before, by_local).reason == f"{what} would change too"


def test_an_output_that_changes_with_it_is_told() -> None:
    before = code({"main.tf": SHARED + 'output "zone" {\n  value = local.zone\n}\n'}, TAGGED)
    made = patch_of(codify(RETAGGED), before)
    assert b'zone = "eu-north-1"' in made.after.contents["main.tf"]
    assert made.notes == ("output.zone changes with it",)
