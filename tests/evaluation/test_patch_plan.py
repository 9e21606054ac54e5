"""What two plans say of a patch, on documents small enough to see the answer."""

from __future__ import annotations

from typing import Any

import pytest

from lamplighter.scenarios.evaluation.patch_plan import (
    Difference,
    Intent,
    Loose,
    Planned,
    against,
    planned,
)


def change(
    address: str, actions: list[str], before: Any = None, after: Any = None, **more: Any
) -> dict[str, Any]:
    importing = more.pop("importing", None)
    told = {"actions": actions, "before": before, "after": after, **more}
    return {
        "address": address,
        "type": address.partition(".")[0],
        "mode": "managed",
        "change": {**told, "importing": importing} if importing else told,
    }


def plan(*changes: dict[str, Any], resources: list[dict[str, Any]] | None = None) -> Planned:
    module = {"resources": resources or []}
    return planned({"resource_changes": list(changes), "configuration": {"root_module": module}})


def update(before: Any, after: Any, address: str = "t.a", **more: Any) -> Planned:
    return plan(change(address, ["update"], before, after, **more))


NOTHING = plan(change("t.a", ["no-op"], {"size": 1}, {"size": 1}))


@pytest.mark.parametrize(
    ("before", "after", "unknown", "paths"),
    [
        ({"size": 1}, {"size": 2}, {}, ["size"]),
        ({"tags": {"A": "1", "a.b": "2"}}, {"tags": {"A": "1"}}, {}, ["tags.a.b"]),
        ({"rule": [{"days": 1, "on": True}]}, {"rule": [{"days": 2, "on": True}]}, {}, ["rule.days"]),
        ({"set": ["a", "b"]}, {"set": ["b", "c"]}, {}, ["set", "set"]),
        ({"rule": [{"n": 1}]}, {"rule": []}, {}, ["rule"]),
        ({"policy": '{"a": [1], "b": 2}'}, {"policy": '{"b":2,"a":[1]}'}, {}, [""]),
        ({"policy": '{"a": 1}'}, {"policy": '{"a": 2}'}, {}, ["policy"]),
        ({"arn": "x", "size": 1}, {"size": 1}, {"arn": True}, ["arn"]),
        (
            {"rule": [{"n": 1}, {"n": 2}]},
            {"rule": [{"n": 1}, {}]},
            {"rule": [{}, {"n": True}]},
            ["rule", "rule"],
        ),
    ],
)
def test_a_plan_comes_down_to_the_values_that_would_change(
    before: Any, after: Any, unknown: Any, paths: list[str]
) -> None:
    found = update(before, after, after_unknown=unknown).differences
    assert sorted(item.path for item in found) == paths
    assert all(item.was != item.now or not item.path for item in found)


@pytest.mark.parametrize(
    ("actions", "told"),
    [(["create"], "create"), (["delete"], "delete"), (["delete", "create"], "replace"), (["no-op"], "")],
)
def test_making_and_destroying_are_told_of_the_resource_itself(actions: list[str], told: str) -> None:
    found = plan(change("t.a", actions, {"size": 1}, {"size": 1})).differences
    assert {item.now for item in found if not item.path} - {"update"} == ({told} if told else set())


def test_data_sources_are_not_looked_at() -> None:
    entry = {**change("data.t.a", ["read"]), "mode": "data"}
    assert not plan({**entry, "change": {**entry["change"], "actions": ["create"]}}).differences


def test_what_is_codified_has_to_be_gone_and_what_is_left_has_to_stay() -> None:
    base = update({"size": 2, "name": "b"}, {"size": 1, "name": "a"})
    halfway = update({"size": 2, "name": "b"}, {"size": 2, "name": "a"})
    intent = Intent(codified=[("t.a", "size")], left=[("t.a", "name")])
    assert not against(base, halfway, intent)
    assert [cause.partition(":")[0] for _, cause in against(base, base, intent)] == ["still in the plan"]
    assert [cause.partition(":")[0] for _, cause in against(base, NOTHING, intent)] == [
        "was to be left, and is settled"
    ]


def test_what_follows_from_a_codified_value_goes_with_it_and_may_not_come_newly() -> None:
    base = update({"size": 2, "seen": "x"}, {"size": 1}, after_unknown={"seen": True})
    intent = Intent(codified=[("t.a", "size")])
    assert not against(base, NOTHING, intent)
    elsewhere = plan(change("t.b", ["update"], {"size": 1}, {"size": 3}))
    assert [(key, cause.partition(":")[0]) for key, cause in against(base, elsewhere, intent)] == [
        (("t.b", "size"), "new in the plan")
    ]


@pytest.mark.parametrize("actions", [["delete"], ["delete", "create"], ["create"]])
def test_a_patch_must_not_destroy_replace_or_make(actions: list[str]) -> None:
    base = update({"size": 2}, {"size": 1})
    after = plan(change("t.a", actions, {"size": 2}, {"size": 2}))
    assert against(base, after, Intent(codified=[("t.a", "size")]))


def test_what_a_tag_shows_twice_is_one_drift() -> None:
    before, after = {"Owner": "x", "Team": "y"}, {"Team": "z"}
    base = update({"tags": before, "tags_all": before}, {"tags": after, "tags_all": after})
    left = {"Owner": "x", "Team": "z"}
    now = update({"tags": before, "tags_all": before}, {"tags": left, "tags_all": left})
    assert not against(base, now, Intent([("t.a", "tags.Owner")], [("t.a", "tags.Team")]))
    assert against(base, now, Intent([("t.a", "tags.Team")], [("t.a", "tags.Owner")]))


def test_an_import_has_to_be_of_that_resource() -> None:
    loose = Loose(("aws_queue",), frozenset({"url"}))
    right = plan(change("aws_queue.q", ["no-op"], {}, {}, importing={"id": "url"}))
    other = plan(change("aws_queue.q", ["no-op"], {}, {}, importing={"id": "another"}))
    intent = Intent(imported=[loose])
    assert not against(plan(), right, intent)
    assert against(plan(), other, intent) and against(plan(), plan(), intent)
    made = plan(change("aws_queue.q", ["create"], None, {}))
    assert len(against(plan(), made, intent)) == 2


def test_a_loose_thing_may_become_a_setting_of_what_it_hangs_on() -> None:
    loose = Loose(("aws_attachment",), frozenset({"x"}), [("aws_role.r[0]", "policies")])
    bare = plan(resources=[{"address": "aws_role.r", "expressions": {"name": {}}}])
    said = plan(resources=[{"address": "aws_role.r", "expressions": {"name": {}, "policies": {}}}])
    assert not against(bare, said, Intent(imported=[loose]))
    assert against(bare, bare, Intent(imported=[loose]))


def test_a_difference_is_told_in_one_line() -> None:
    base = plan()
    after = update({"note": "x" * 500}, {"note": "y" * 500})
    ((_, cause),) = against(base, after, Intent())
    assert "\n" not in cause and len(cause) < 300
    assert Difference("t.a", "", "", "create") not in after.differences
