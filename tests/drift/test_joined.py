"""The rules by which calls of the trace and differences of a plan become one list of drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from lamplighter.drift.compare import Baseline
from lamplighter.drift.hcl.project import Project
from lamplighter.drift.items import SENSITIVE
from lamplighter.drift.joined import Joined, gaps, join, limits
from lamplighter.drift.model import Action, Actor, DriftItem, EventRef, Origin, StateResource
from lamplighter.drift.planned import LeftOut, PlannedFact, PlanRead
from lamplighter.drift.provider_schema import ProviderSchemas
from lamplighter.drift.state import StateIndex

GROUP, QUEUE, BUCKET = "aws_cloudwatch_log_group.a", "aws_sqs_queue.q", "aws_s3_bucket.b"
CODE = """
resource "aws_cloudwatch_log_group" "a" {
  retention_in_days = 365
  tags = { Team = "web" }
}
resource "aws_sqs_queue" "q" {
  delay_seconds              = 5
  visibility_timeout_seconds = var.seconds
}
variable "seconds" {}
resource "aws_s3_bucket" "b" {
  bucket = "b"
}
"""
STATE: dict[str, dict[str, Any]] = {
    GROUP: {"id": "a", "retention_in_days": 365, "arn": "arn:aws:logs:eu-west-1:123456789012:log-group:a"},
    QUEUE: {"id": "https://q", "delay_seconds": 5, "visibility_timeout_seconds": 30},
    BUCKET: {"id": "b", "bucket": "b"},
}
ALICE, BOB = (Actor(name, "IAMUser", "console", "203.0.113.7") for name in ("alice", "bob"))


def state_of(values: Mapping[str, Mapping[str, Any]]) -> list[StateResource]:
    return [
        StateResource(
            address, address.split(".")[-2], address.split(".")[-1], "", "hashicorp/aws", attributes
        )
        for address, attributes in values.items()
    ]


def told(
    address: str | None,
    attribute: str,
    code: Any = None,
    live: Any = None,
    action: Action = "set",
    *,
    actor: Actor = ALICE,
    time: str = "2026-11-20T09:00:00Z",
    resource_id: str = "",
    confidence: float = 1.0,
) -> DriftItem:
    kind = "aws_sqs_queue" if address is None else address.split(".")[-2]
    return DriftItem(
        address=address,
        resource_type=kind,
        resource_id=resource_id,
        attribute=attribute,
        action=action,
        code_value=code,
        live_value=live,
        location=None,
        actor=actor,
        time=time,
        events=(EventRef(f"{actor.name}-{time}", "a:Call", time),),
        account="123456789012",
        region="eu-west-1",
        risk="low",
        risk_reason="it differs",
        confidence=confidence,
    )


def drift(
    address: str, attribute: str, before: Any, after: Any, action: Action = "set", **more: Any
) -> PlannedFact:
    return PlannedFact("drift", address, address.split(".")[-2], action, attribute, before, after, **more)


def change(
    address: str, attribute: str, before: Any, after: Any, action: Action = "set", **more: Any
) -> PlannedFact:
    return drift(address, attribute, before, after, action, **more)._replace(source="change")


def both(address: str, attribute: str, code: Any, live: Any) -> list[PlannedFact]:
    """What a plan has of a value that was changed by hand."""
    return [drift(address, attribute, code, live), change(address, attribute, live, code)]


def joined(
    items: Sequence[DriftItem],
    facts: Sequence[PlannedFact],
    *,
    code: str = CODE,
    state: Mapping[str, Mapping[str, Any]] = STATE,
    covered: Sequence[str] | None = None,
    schemas: ProviderSchemas | None = None,
    **plan: Any,
) -> Joined:
    project = Project([("main.tf", code.encode())])
    baseline = Baseline(StateIndex(state_of(state)), project, {"main.tf": code.encode()})
    read = PlanRead(tuple(facts), covered=frozenset(state if covered is None else covered), **plan)
    return join(items, read, baseline, schemas)


def schema_of(kind: str, **attributes: Mapping[str, Any]) -> ProviderSchemas:
    provider = {"resource_schemas": {kind: {"block": {"attributes": attributes}}}}
    return ProviderSchemas({"provider_schemas": {"registry.terraform.io/hashicorp/aws": provider}})


def test_the_value_is_terraforms_and_the_name_is_the_traces() -> None:
    item = told(GROUP, "retention_in_days", 365, 7, confidence=0.5)
    found = joined([item], both(GROUP, "retention_in_days", 365, 14))
    (only,) = found.items
    assert (only.code_value, only.live_value, only.actor, only.events) == (365, 14, ALICE, item.events)
    assert only.confidence == 1.0 and only.location is not None and only.location.line == 3
    assert found._replace(items=()) == Joined(())


def test_indices_of_blocks_are_left_out_and_the_exact_path_is_shown() -> None:
    item = told(BUCKET, "rule.days", 1, 2)
    found = joined([item], both(BUCKET, "rule.0.days", 1, 2))
    assert [(each.attribute, each.actor, each.confidence) for each in found.items] == [
        ("rule.0.days", ALICE, 1.0)
    ]


def test_a_tag_key_that_is_a_number_is_no_index() -> None:
    found = joined([told(GROUP, "tags.2024", None, "x")], both(GROUP, "tags.2025", None, "x"))
    # Not the same tag: the one is not to be seen, and the other is blamed on the same call as a likelihood only.
    assert [(each.attribute, each.confidence) for each in found.items] == [("tags.2025", 0.6)]


def test_a_call_on_the_whole_names_who_changed_a_part_and_what_it_hides_stays_hidden() -> None:
    item = told(GROUP, "settings", SENSITIVE, SENSITIVE, confidence=0.7)
    found = joined(
        [item], [*both(GROUP, "settings.A", "canary-1", "canary-2"), *both(GROUP, "settings.B", "1", "2")]
    )
    assert [each.attribute for each in found.items] == ["settings.A", "settings.B"]
    assert {each.actor for each in found.items} == {ALICE} and "canary" not in repr(found)


def test_calls_on_parts_of_what_the_plan_has_as_a_whole_stay_apart() -> None:
    items = [told(BUCKET, "rule.a", 1, 2), told(BUCKET, "rule.b", 3, 4, actor=BOB)]
    found = joined(items, [drift(BUCKET, "rule", [{"a": 1, "b": 3}], [{"a": 2, "b": 4}, {}])])
    assert [(each.attribute, each.actor) for each in found.items] == [("rule.a", ALICE), ("rule.b", BOB)]
    assert found.gone == 0


def test_the_last_of_several_calls_is_to_blame_and_all_are_cited() -> None:
    early, late = (
        told(GROUP, "tags", {}, {"A": "1"}),
        told(GROUP, "tags.A", None, "2", actor=BOB, time="2026-11-21T00:00:00Z"),
    )
    (only,) = joined([late, early], both(GROUP, "tags.A", None, "2")).items
    assert only.actor == BOB and only.events == (*early.events, *late.events)


def test_members_of_sets_belong_together_by_their_value() -> None:
    item = told(QUEUE, "names", None, "one", "add")
    facts = [drift(QUEUE, "names", None, name, "add") for name in ("one", "two")]
    found = joined([item], facts)
    assert [(each.live_value, each.origin) for each in found.items] == [
        ("one", Origin.PERSON),
        ("two", Origin.UNATTRIBUTED),
    ]


def test_a_member_that_joined_is_not_one_that_left() -> None:
    found = joined([told(QUEUE, "names", "one", None, "remove")], [drift(QUEUE, "names", None, "one", "add")])
    assert [each.confidence for each in found.items] == [0.6]


def test_a_route_is_one_entry_by_its_key() -> None:
    table = "aws_route_table.t"
    item = told(table, "route", {"10.0.0.0/8": "nat-1"}, {"10.0.0.0/8": "igw-1"})
    facts = [
        drift(table, "route", {"cidr_block": "10.0.0.0/8", "nat_gateway_id": "nat-1"}, None, "remove"),
        drift(table, "route", None, {"cidr_block": "10.0.0.0/8", "gateway_id": "igw-1"}, "add"),
    ]
    (only,) = joined([item], facts, state={table: {"id": "rtb-1"}}).items
    assert (only.action, only.code_value, only.live_value) == (
        "set",
        {"10.0.0.0/8": "nat-1"},
        {"10.0.0.0/8": "igw-1"},
    )
    assert only.actor == ALICE


def test_what_is_gone_is_told_as_gone() -> None:
    item = told(GROUP, "", "present", None, "delete")
    facts = [drift(GROUP, "", "present", None, "delete"), change(GROUP, "", None, "present", "create")]
    assert [(each.action, each.actor) for each in joined([item], facts).items] == [("delete", ALICE)]


def test_what_the_code_no_longer_has_and_is_gone_is_no_drift() -> None:
    found = joined(
        [told(GROUP, "", "present", None, "delete")], [drift(GROUP, "", "present", None, "delete")]
    )
    assert found.items == () and found.agreed == 1


def test_a_setting_of_its_own_is_found_in_what_it_belongs_to() -> None:
    item = told(BUCKET, "aws_s3_bucket_policy.policy", None, {"Statement": []}, resource_id="b")
    fact = drift(BUCKET, "policy", "", '{"Statement":[]}', setting="aws_s3_bucket_policy")
    (only,) = joined([item], [fact]).items
    assert (only.attribute, only.live_value) == ("aws_s3_bucket_policy.policy", '{"Statement":[]}')
    # Another setting of the bucket does not stand for it: the item stays, and the fact has nobody.
    other = joined([item], [fact._replace(setting="aws_s3_bucket_acl")])
    assert [(each.attribute, each.origin) for each in other.items] == [
        ("aws_s3_bucket_policy.policy", Origin.PERSON),
        ("policy", Origin.UNATTRIBUTED),
    ]


def test_an_inline_policy_is_told_by_its_name() -> None:
    role = "aws_iam_role.r"
    items = [
        told(role, "aws_iam_role_policy.policy", None, "{}", resource_id=f"r {name}", actor=actor)
        for name, actor in (("one", ALICE), ("two", BOB))
    ]
    facts = [
        drift(
            role, "inline_policy", None, {"name": name, "policy": "{}"}, "add", setting="aws_iam_role_policy"
        )
        for name in ("two", "one")
    ]
    found = joined(items, facts, state={role: {"id": "r", "name": "r"}})
    assert sorted((each.resource_id, each.actor.name) for each in found.items) == [
        ("r one", "alice"),
        ("r two", "bob"),
    ]


def test_a_tag_from_the_providers_defaults_is_a_tag() -> None:
    found = joined([told(GROUP, "tags.Project", "a", None)], both(GROUP, "tags_all.Project", "a", None))
    assert [(each.attribute, each.actor) for each in found.items] == [("tags.Project", ALICE)]


class TestNobody:
    """Drift that no call accounts for."""

    def test_it_is_an_item_of_its_own_and_the_answer_is_incomplete(self) -> None:
        found = joined([], both(GROUP, "retention_in_days", 365, 14))
        (only,) = found.items
        assert (only.origin, only.actor.name, only.time, only.events) == (Origin.UNATTRIBUTED, "", "", ())
        assert (only.account, only.region, only.live_value) == ("123456789012", "eu-west-1", 14)
        assert only.confidence < 1 and only.location is not None
        (line,) = gaps(found, PlanRead(()))
        assert GROUP in line and "no call in the trace accounts for it" in line

    def test_many_of_them_are_one_line(self) -> None:
        names = [f"aws_sqs_queue.q{number}" for number in range(9)]
        facts = [drift(name, "delay_seconds", 1, 2) for name in names]
        (line,) = gaps(joined([], facts, state={name: {} for name in names}), PlanRead(()))
        assert "aws_sqs_queue.q4 and 4 more" in line

    def test_secrets_stay_secret(self) -> None:
        secret = {GROUP: {"id": "a", "kept": "canary"}}
        found = joined([], both(GROUP, "db_password", "canary-1", "canary-2"), state=secret)
        assert "canary-1" not in repr(found.items) and "canary-2" not in repr(found.items)
        marked = joined([], [drift(GROUP, "kept", "canary-1", "canary-2", sensitive=True)], state=secret)
        assert "canary" not in repr(marked.items)
        lamp = joined([], both(GROUP, "environment.variables.KEY", None, "canary-3"), state=secret)
        assert "canary" not in repr(lamp.items)

    def test_a_value_that_moved_to_another_attribute_is_the_same_calls(self) -> None:
        route = "aws_route.r"
        item = told(route, "nat_gateway_id", "nat-1", "igw-0a1b2c3d")
        facts = [*both(route, "gateway_id", "", "igw-0a1b2c3d"), *both(route, "nat_gateway_id", "nat-1", "")]
        found = joined([item], facts, state={route: {"id": "r"}})
        assert {(each.attribute, each.actor, each.confidence) for each in found.items} == {
            ("gateway_id", ALICE, 1.0),
            ("nat_gateway_id", ALICE, 1.0),
        }

    def test_a_call_without_its_effect_and_an_effect_without_a_call_are_each_others(self) -> None:
        found = joined([told(QUEUE, "version", 1, 2)], both(QUEUE, "delay_seconds", 5, 9))
        assert [(each.attribute, each.actor, each.confidence) for each in found.items] == [
            ("delay_seconds", ALICE, 0.6)
        ]
        assert found.gone == 0 and found.unattributed == ()

    def test_what_is_gone_is_not_what_the_likely_call_set(self) -> None:
        facts = [drift(QUEUE, "", "present", None, "delete"), change(QUEUE, "", None, "present", "create")]
        (only,) = joined([told(QUEUE, "delay_seconds", 5, 9)], facts).items
        assert (only.action, only.live_value, only.actor, only.confidence) == ("delete", None, ALICE, 0.6)


class TestNotToBeSeen:
    """What the trace tells and the plan does not show."""

    def test_it_is_no_longer_live(self) -> None:
        found = joined([told(GROUP, "retention_in_days", 365, 14)], [])
        assert (found.items, found.gone) == ((), 1)
        assert [*limits(found, PlanRead(()))] == ["1 changes of the trace are no longer live"]

    @pytest.mark.parametrize(
        "item",
        [
            told(None, "", None, "present", "create"),
            told(BUCKET, "aws_s3_bucket_policy.policy", None, "{}"),
            told(
                "aws_iam_group.g", "aws_iam_group_policy_attachment", None, "arn:aws:iam::aws:policy/A", "add"
            ),
            told(QUEUE, "master_password", SENSITIVE, SENSITIVE),
            told("aws_sqs_queue.other", "delay_seconds", 5, 9),
        ],
        ids=["unmanaged", "new setting", "member of its own", "never read", "not in Terraform's state"],
    )
    def test_what_a_plan_cannot_show_is_kept(self, item: DriftItem) -> None:
        state = {**STATE, "aws_iam_group.g": {"id": "g"}, "aws_sqs_queue.other": {"id": "o"}}
        covered = [address for address in state if address != "aws_sqs_queue.other"]
        found = joined([item], [], state=state, covered=covered)
        assert found.items == (item,) and found.gone == 0
        assert found.from_trace == (item.address is not None)

    def test_nothing_is_dropped_by_a_plan_of_a_part(self) -> None:
        item = told(GROUP, "retention_in_days", 365, 14)
        found = joined([item], [], partial=True)
        assert found.items == (item,) and found.gone == 0

    def test_what_the_schema_does_not_have_or_only_computes_is_kept(self) -> None:
        schemas = schema_of(
            "aws_sqs_queue", known={"type": "string", "optional": True}, sha={"computed": True}
        )
        items = [told(QUEUE, name, 1, 2) for name in ("known", "sha", "other")]
        found = joined(items, [], schemas=schemas)
        assert [each.attribute for each in found.items] == ["sha", "other"] and found.gone == 1

    def test_what_a_filter_took_out_of_the_plan_is_kept(self) -> None:
        item = told(BUCKET, "policy", "{}", "[]")
        left = LeftOut("drift", BUCKET, "policy", "the bucket repeats its policy resource")
        assert joined([item], [], left_out=(left,)).items == (item,)

    def test_resources_that_terraform_does_not_know_are_a_gap(self) -> None:
        found = joined([], [], covered=[GROUP])
        assert found.elsewhere == 2
        assert any("2 resources of the state" in line for line in gaps(found, PlanRead(())))


class TestCode:
    """What the code says decides whether a difference is drift."""

    def test_a_state_that_took_the_drift_over_confirms_the_call(self) -> None:
        found = joined(
            [told(GROUP, "retention_in_days", 365, 14)], [change(GROUP, "retention_in_days", 14, 365)]
        )
        assert [(each.code_value, each.live_value, each.confidence) for each in found.items] == [
            (365, 14, 1.0)
        ]

    def test_code_that_was_not_applied_yet_is_counted_and_no_drift(self) -> None:
        found = joined([], [change(GROUP, "retention_in_days", 365, 30)])
        assert found.items == () and found.due == 1
        assert any("an apply is due" in line for line in limits(found, PlanRead(())))

    def test_what_waits_for_the_new_values_of_another_is_not_counted(self) -> None:
        facts = [change(QUEUE, "delay_seconds", 5, 6), change(QUEUE, "policy", "{}", None, unknown=True)]
        assert joined([], facts).due == 0

    def test_code_that_says_what_is_live_is_no_drift_though_the_state_is_older(self) -> None:
        found = joined(
            [told(GROUP, "retention_in_days", 1, 365)], [drift(GROUP, "retention_in_days", 1, 365)]
        )
        assert found.items == () and found.agreed == 1

    def test_code_whose_value_is_not_in_the_files_says_it_where_no_apply_is_due(self) -> None:
        facts = [drift(QUEUE, "visibility_timeout_seconds", 30, 60)]
        plain = schema_of("aws_sqs_queue", visibility_timeout_seconds={"optional": True})
        assert joined([], facts, schemas=plain).agreed == 1
        # The provider chooses where the code may say null: then no apply is due although the code says nothing.
        chosen = schema_of("aws_sqs_queue", visibility_timeout_seconds={"optional": True, "computed": True})
        assert len(joined([], facts, schemas=chosen).items) == 1

    def test_what_the_code_does_not_set_is_drift_though_no_apply_is_due(self) -> None:
        assert len(joined([], [drift(BUCKET, "acceleration_status", None, "Enabled")]).items) == 1

    def test_what_terraform_is_told_to_ignore_is_counted(self) -> None:
        code = CODE.replace(
            "retention_in_days = 365", "lifecycle {\n ignore_changes = [retention_in_days]\n }"
        )
        found = joined([], [drift(GROUP, "retention_in_days", 365, 14)], code=code)
        assert found.items == () and found.ignored == 1
