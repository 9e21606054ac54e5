"""What says the same and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.drift.plan_differences import Sides, added_and_removed, differences
from lamplighter.drift.plan_values import is_absent, same
from lamplighter.drift.planned import read_plan
from lamplighter.drift.provider_schema import Block

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=1)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (None, ""),
        (None, []),
        ([], {}),
        (None, False),
        (0, None),
        (5, 5.0),
        ([{"enabled": False, "days": 0, "name": ""}], []),
        ('{"b": 1, "a": [1, 2]}', '{"a":[1,2],"b":1}'),
        (policy(Action="s3:Get*", Resource="*"), policy(Action=["s3:Get*"], Resource=["*"])),
        (policy(Action=["a", "b"]), policy(Action=["b", "a"])),
        (policy(Principal="*"), policy(Principal={"AWS": "*"})),
        (
            policy(Principal={"AWS": "123456789012"}),
            policy(Principal={"AWS": "arn:aws:iam::123456789012:root"}),
        ),
        (policy(Sid="", Action="a"), policy(Action="a")),
        (
            policy(Condition={"StringEquals": {"aws:SourceVpc": "v"}}),
            policy(Condition={"StringEquals": {"aws:SourceVpc": ["v"]}}),
        ),
        (json.dumps({"Statement": {"Action": "a"}}), json.dumps({"Statement": [{"Action": "a"}]})),
    ],
)
def test_these_say_the_same(left: Any, right: Any) -> None:
    assert same(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (False, True),
        (0, 1),
        ("1", 1),
        ("", "x"),
        (["a", "b"], ["b", "a"]),
        ('{"command": ["a", "b"]}', '{"command": ["b", "a"]}'),
        (policy(Action="s3:Get*"), policy(Action="s3:*")),
        (policy(Effect="Allow"), policy(Effect="Deny")),
        (policy(Sid="one"), policy(Sid="two")),
        (policy(Principal={"AWS": "1"}), policy(Principal={"Service": "1"})),
        ("{not json", "{not  json"),
        ("{}", None),
    ],
)
def test_these_do_not(left: Any, right: Any) -> None:
    assert not same(left, right)


@given(JSON)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert same(value, json.loads(json.dumps(value)))
    assert differences(Sides({"a": value}, {"a": value}), None) == []
    assert is_absent(value) == same(value, None)


@given(JSON, JSON)
def test_a_difference_of_values_is_a_difference_of_attributes(left: Any, right: Any) -> None:
    found = differences(Sides({"a": left}, {"a": right}), None)
    if same(left, right):
        assert found == []
    # Lists are taken as sets where no schema says otherwise: their order and repetitions are lost.
    elif not isinstance(left, list | dict) and not isinstance(right, list | dict):
        assert [(item.attribute, item.before, item.after) for item in found] == [("a", left, right)]


@given(st.lists(JSON, max_size=5), st.lists(JSON, max_size=5))
def test_members_that_came_and_went_make_one_set_of_the_other(before: list[Any], after: list[Any]) -> None:
    added, removed = added_and_removed(before, after)
    assert added_and_removed(after, before) == (removed, added)
    kept = [item for item in before if not any(same(item, gone) for gone in removed)]
    assert added_and_removed([*kept, *added], after) == ([], [])


def block(**attributes: Any) -> Block:
    return Block({"attributes": {name: {"optional": True, **value} for name, value in attributes.items()}})


def paths(before: Any, after: Any, schema: Block | None = None) -> list[tuple[str, str, Any, Any]]:
    found = differences(Sides(before, after), schema)
    return [(item.action, item.attribute, item.before, item.after) for item in found]


def test_the_schema_tells_a_set_from_a_list() -> None:
    schema = block(zones={"type": ["set", "string"]}, names={"type": ["list", "string"]})
    before, after = {"zones": ["a", "b"], "names": ["a", "b"]}, {"zones": ["b", "c"], "names": ["b", "a"]}
    assert paths(before, after, schema) == [
        ("set", "names", ["a", "b"], ["b", "a"]),
        ("remove", "zones", "a", None),
        ("add", "zones", None, "c"),
    ]


def test_one_block_has_no_index_and_several_have() -> None:
    inner = {"attributes": {"status": {"type": "string", "optional": True}}}
    schema = Block({"block_types": {"rule": {"nesting_mode": "list", "block": inner}}})
    one, two = {"rule": [{"status": "on"}]}, {"rule": [{"status": "on"}, {"status": "on"}]}
    assert paths(one, {"rule": [{"status": "off"}]}, schema) == [("set", "rule.status", "on", "off")]
    assert paths(one, {"rule": []}, schema) == [("set", "rule.status", "on", None)]
    changed = {"rule": [{"status": "on"}, {"status": "off"}]}
    assert paths(two, changed, schema) == [("set", "rule.1.status", "on", "off")]
    assert paths(one, changed, schema) == [("add", "rule", None, {"status": "off"})]


def test_nested_attributes_of_the_plugin_framework_are_blocks_too() -> None:
    nested = {"nesting_mode": "single", "attributes": {"size": {"type": "number", "optional": True}}}
    schema = block(disk={"nested_type": nested})
    assert paths({"disk": {"size": 1}}, {"disk": {"size": 2}}, schema) == [("set", "disk.size", 1, 2)]
    by_key = block(disks={"nested_type": nested | {"nesting_mode": "map"}})
    assert paths({"disks": {"a": {"size": 1}}}, {"disks": {}}, by_key) == [("set", "disks.a.size", 1, None)]


def test_marks_reach_the_part_they_stand_on() -> None:
    sides = Sides(
        {"env": {"A": "1", "B": "2"}, "list": [{"x": 1}], "later": "old"},
        {"env": {"A": "3", "B": "4"}, "list": [{"x": 2}]},
        unknown={"later": True},
        hidden_after={"env": {"B": True}},
    )
    assert [
        (item.attribute, item.sensitive, item.unknown, item.after) for item in differences(sides, None)
    ] == [
        ("env.A", False, False, "3"),
        ("env.B", True, False, "4"),
        ("later", False, True, None),
        ("list.x", False, False, 2),
    ]


def test_a_set_with_a_member_that_is_not_known_is_not_known() -> None:
    sides = Sides({"zones": ["a"]}, {"zones": ["a"]}, unknown={"zones": [False, True]})
    found = differences(sides, block(zones={"type": ["set", "string"]}))
    assert [(item.action, item.unknown, item.after) for item in found] == [("set", True, None)]


def attachment_plan(attached: bool, before: list[str], after: list[str]) -> dict[str, Any]:
    """A role whose one attachment in the state is still attached, or was taken off outside of Terraform."""
    held = {"id": "x", "role": "r", "policy_arn": "arn:held"}
    entry = {"mode": "managed", "provider_name": "p"}
    role = entry | {"address": "aws_iam_role.r", "type": "aws_iam_role"}
    attachment = entry | {
        "address": "aws_iam_role_policy_attachment.a",
        "type": "aws_iam_role_policy_attachment",
        "name": "a",
    }
    sides = [{"id": "r", "name": "r", "managed_policy_arns": arns} for arns in (before, after)]
    drift = [role | {"change": {"actions": ["update"], "before": sides[0], "after": sides[1]}}]
    if not attached:
        drift.append(attachment | {"change": {"actions": ["delete"], "before": held, "after": None}})
    live = [attachment | {"values": held}] if attached else []
    return {
        "format_version": "1.2",
        "resource_drift": drift,
        "prior_state": {"format_version": "1.0", "values": {"root_module": {"resources": live}}},
    }


@pytest.mark.parametrize(
    ("attached", "before", "after", "told"),
    [
        (True, [], ["arn:held"], []),
        (False, ["arn:held"], [], []),
        (False, [], ["arn:held"], [("add", "arn:held")]),
        (True, [], ["arn:held", "arn:other"], [("add", "arn:other")]),
    ],
)
def test_what_came_is_held_by_what_is_live_and_what_went_by_what_was_recorded(
    attached: bool, before: list[str], after: list[str], told: list[tuple[str, str]]
) -> None:
    facts = read_plan(attachment_plan(attached, before, after)).facts
    found = [
        (fact.action, fact.after or fact.before) for fact in facts if fact.resource_type == "aws_iam_role"
    ]
    assert found == told
