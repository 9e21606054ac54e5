"""What is left of many changes is one value a resource and attribute, whatever order and however often they came."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.drift.model import Action, Actor, Change, EventRef
from lamplighter.drift.netting import net
from lamplighter.drift.values import HIDDEN

ANA = Actor("ana", "IAMUser", "aws-cli", "198.51.100.17")
QUEUE = {"name": "settlement"}
GROUP = {"id": "sg-1"}
SSH, WEB = {"protocol": "tcp", "from_port": 22}, {"protocol": "tcp", "from_port": 443}


def change(
    second: int,
    action: Action,
    attribute: str = "",
    value: Any = None,
    *,
    identity: dict[str, str] = QUEUE,
    types: tuple[str, ...] = ("aws_sqs_queue",),
    call: str = "sqs:Call",
    event_id: str = "",
    region: str = "eu-west-1",
) -> Change:
    return Change(
        event=EventRef(event_id or f"e{second:02}", call, f"2026-11-20T09:00:{second:02}Z"),
        actor=ANA,
        account="123456789012",
        region=region,
        resource_types=types,
        identity=identity,
        action=action,
        attribute=attribute,
        value=value,
    )


def left(*changes: Change) -> list[tuple[str, str, Any]]:
    return [(item.action, item.attribute, item.value) for item in net(changes)]


def bucket(second: int, action: Action, kind: str, attribute: str = "", value: Any = None) -> Change:
    return change(
        second, action, attribute, value, identity={"bucket": "logs"}, types=(kind,), call="s3:Call"
    )


def group(second: int, action: Action, attribute: str = "", value: Any = None, event_id: str = "") -> Change:
    types = ("*",) if attribute.startswith("tags") else ("aws_security_group",)
    return change(
        second, action, attribute, value, identity=GROUP, types=types, call="ec2:Call", event_id=event_id
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([change(1, "set", "delay", 1)], [("set", "delay", 1)], id="one"),
        pytest.param(
            [change(1, "set", "delay", 1), change(2, "set", "delay", 2)],
            [("set", "delay", 2)],
            id="the last wins",
        ),
        pytest.param(
            [change(1, "set", "delay", 1), change(2, "set", "size", 2)],
            [("set", "delay", 1), ("set", "size", 2)],
            id="attributes are apart",
        ),
        pytest.param(
            [
                change(1, "set", "delay", 1, event_id="b"),
                change(1, "set", "delay", 2, event_id="c"),
                change(1, "set", "delay", 3, event_id="a"),
            ],
            [("set", "delay", 2)],
            id="a tie falls to the last id",
        ),
        pytest.param([change(1, "create")], [("create", "", None)], id="created"),
        pytest.param(
            [change(1, "create"), change(2, "set", "delay", 1), change(3, "delete")],
            [("delete", "", None)],
            id="created, changed, deleted: only the state knows whether it was there before",
        ),
        pytest.param(
            [change(1, "set", "delay", 1), change(2, "delete")], [("delete", "", None)], id="changed, deleted"
        ),
        pytest.param(
            [change(1, "delete"), change(2, "create")], [("create", "", None)], id="deleted, created again"
        ),
        pytest.param(
            [
                change(1, "set", "size", 9),
                change(2, "delete"),
                change(3, "create"),
                change(4, "set", "delay", 1),
            ],
            [("create", "", None), ("set", "delay", 1)],
            id="what was set before the deletion is gone from the new one",
        ),
        pytest.param(
            [change(1, "create"), change(2, "delete"), change(3, "create")],
            [("create", "", None)],
            id="created, deleted, created again",
        ),
        pytest.param(
            [change(1, "delete"), change(2, "set", "policy", "p")],
            [("set", "policy", "p")],
            id="deleted, put again: putting creates it",
        ),
        pytest.param(
            [change(1, "create"), change(2, "delete", region="us-east-1")],
            [("create", "", None), ("delete", "", None)],
            id="one name in two regions is two queues",
        ),
        pytest.param(
            [group(1, "add", "ingress", SSH), group(2, "add", "ingress", WEB)],
            [("add", "ingress", SSH), ("add", "ingress", WEB)],
            id="members are apart",
        ),
        pytest.param(
            [group(1, "add", "ingress", SSH), group(2, "remove", "ingress", SSH)],
            [("remove", "ingress", SSH)],
            id="added, removed: the state tells whether it was there",
        ),
        pytest.param(
            [group(1, "remove", "ingress", SSH), group(2, "add", "ingress", SSH)],
            [("add", "ingress", SSH)],
            id="removed, added",
        ),
        pytest.param(
            [
                group(1, "add", "ingress", SSH),
                group(2, "add", "egress", SSH),
                group(3, "remove", "egress", SSH),
            ],
            [("add", "ingress", SSH), ("remove", "egress", SSH)],
            id="ingress is not egress",
        ),
        pytest.param(
            [group(1, "create", event_id="z"), group(1, "delete", event_id="a")],
            [("delete", "", None)],
            id="ids are never given twice: in one second the creation came first",
        ),
        pytest.param(
            [group(1, "set", "tags.Owner", "ana"), group(2, "delete")],
            [("delete", "", None)],
            id="tags go with what they were on",
        ),
        pytest.param(
            [
                bucket(1, "create", "aws_s3_bucket"),
                bucket(2, "set", "aws_s3_bucket_versioning", "status", "Enabled"),
                bucket(3, "delete", "aws_s3_bucket"),
            ],
            [("delete", "", None)],
            id="parts of a bucket go with a bucket made within the trace",
        ),
        pytest.param(
            [
                bucket(1, "set", "aws_s3_bucket_versioning", "status", "Suspended"),
                bucket(2, "delete", "aws_s3_bucket_policy"),
            ],
            [("delete", "", None), ("set", "status", "Suspended")],
            id="one part of a bucket deleted leaves the others",
        ),
    ],
)
def test_what_is_left(changes: list[Change], expected: list[tuple[str, str, Any]]) -> None:
    found = left(*changes)

    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert left(*reversed(changes)) == found
    assert left(*changes, *changes) == found


def test_all_events_that_led_to_a_value_are_named_in_time_order() -> None:
    (item,) = net([change(3, "set", "delay", 3), change(1, "set", "delay", 1), change(2, "set", "delay", 2)])

    assert [part.event.event_id for part in item.changes] == ["e01", "e02", "e03"]


def test_the_same_change_in_several_places_has_a_stable_order() -> None:
    places = [
        change(1, "set", "delay", 1, region=region) for region in ("eu-west-1", "us-east-1", "eu-north-1")
    ]

    assert net(places) == net([places[2], places[0], places[1]]) == net([*reversed(places)])


_ACTIONS: list[tuple[Action, str]] = [
    ("create", ""),
    ("delete", ""),
    ("set", "delay"),
    ("set", "tags.Owner"),
    ("add", "ingress"),
    ("remove", "ingress"),
]


@st.composite
def _traces(draw: st.DrawFn) -> list[Change]:
    """Few resources, seconds and values, so that they meet often; every event has an id of its own."""
    ids = draw(st.permutations([f"id-{number}" for number in range(draw(st.integers(1, 12)))]))
    changes: list[Change] = []
    for event_id in ids:
        action, attribute = draw(st.sampled_from(_ACTIONS))
        value = draw(st.sampled_from([1, 2, True])) if attribute else None
        identity = draw(st.sampled_from([QUEUE, GROUP, {"name": "other"}]))
        types = draw(st.sampled_from([("*",), ("aws_sqs_queue",), ("aws_x", "aws_y")]))
        second, region = draw(st.integers(0, 3)), draw(st.sampled_from(["eu-west-1", "us-east-1"]))
        changes.append(
            change(
                second,
                action,
                attribute,
                value,
                identity=identity,
                types=types,
                event_id=event_id,
                region=region,
            )
        )
    return changes


@given(_traces(), st.data())
def test_neither_order_nor_repetition_matters(changes: list[Change], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(changes))
    again = data.draw(st.lists(st.sampled_from(changes)))

    assert net([*again, *shuffled]) == net(changes)


@given(_traces())
def test_each_slot_is_left_once_with_its_last_value(changes: list[Change]) -> None:
    slots: set[str] = set()
    for item in net(changes):
        member = item.value if item.action in ("add", "remove") else None
        slot = repr((item.region, sorted(item.identity.items()), item.resource_types, item.attribute, member))
        assert slot not in slots
        slots.add(slot)
        last = item.changes[-1]
        assert (item.action, item.value) == (last.action, last.value)
        assert all(part in changes for part in item.changes)


@given(_traces())
def test_the_latest_of_all_calls_is_never_lost(changes: list[Change]) -> None:
    latest = max(changes, key=lambda part: part.event.time)
    alone = [part for part in changes if part.event.time == latest.event.time]
    if len(alone) == 1:
        assert any(latest in item.changes for item in net(changes))


@pytest.mark.parametrize(
    ("changes", "rivals"),
    [
        pytest.param([change(1, "set", "delay", 1), change(2, "set", "delay", 2)], [], id="apart"),
        pytest.param(
            [change(1, "set", "delay", 1, event_id="a"), change(1, "set", "delay", 1, event_id="b")],
            [],
            id="of one mind",
        ),
        pytest.param(
            [change(1, "set", "delay", 1, event_id="a"), change(1, "set", "delay", 2, event_id="b")],
            [("set", 1)],
            id="at once",
        ),
        pytest.param(
            [group(1, "add", "ingress", SSH, "a"), group(1, "remove", "ingress", SSH, "b")],
            [("add", SSH)],
            id="given and taken at once",
        ),
        pytest.param(
            [group(1, "create", event_id="b"), group(1, "delete", event_id="a")], [], id="ids come once"
        ),
    ],
)
def test_calls_of_one_second_that_disagree_are_rivals(
    changes: list[Change], rivals: list[tuple[str, Any]]
) -> None:
    for order in (changes, changes[::-1]):
        assert [(item.action, item.value) for left in net(order) for item in left.rivals] == rivals


def test_a_whole_second_is_before_its_fractions() -> None:
    early = change(1, "set", "delay", 1, event_id="z")
    late = replace(early, event=early.event._replace(time="2026-11-20T09:00:01.250Z"), value=2)

    assert left(late, early) == [("set", "delay", 2)]


def test_a_hidden_value_is_laid_to_the_last_call() -> None:
    shown = net([change(1, "set", "name", "a"), change(2, "set", "name", "a")])
    hidden = net([change(1, "set", "value", HIDDEN), change(2, "set", "value", HIDDEN)])
    assert [item.cause.event.event_id for item in (*shown, *hidden)] == ["e01", "e02"]
