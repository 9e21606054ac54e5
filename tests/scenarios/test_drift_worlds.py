"""Clouds are rebuilt as they were, nights happen again the same, and what is read is what Terraform reads."""

from __future__ import annotations

import os
import random
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto", reason="the sandbox extra is not installed")

from lamplighter.scenarios import people
from lamplighter.scenarios.drift import crosscheck, generate, live, schema, worlds
from lamplighter.scenarios.drift.hands import Hands
from lamplighter.scenarios.drift.inventory import Inventory, resources
from lamplighter.scenarios.drift.night import Clock, Night, World
from lamplighter.scenarios.drift.probe import inject, outcome
from lamplighter.scenarios.world import MIRROR_VARIABLE, SandboxError

needs_terraform = pytest.mark.skipif(
    not os.environ.get(MIRROR_VARIABLE) or not shutil.which("terraform"),
    reason=f"needs terraform on PATH and a provider mirror named by {MIRROR_VARIABLE}",
)


@pytest.mark.parametrize("project", schema.projects())
def test_a_rebuilt_cloud_is_the_recorded_one(project: str) -> None:
    """Every value of every resource that can be read equals the state's; `of` names the first that does not."""
    inventory = Inventory.of(project, Hands(worlds.rebuild(project)))
    assert len(inventory.code) == len(resources(project))


def test_a_difference_from_the_state_is_named() -> None:
    recorder = worlds.rebuild("website")
    hands = Hands(recorder)
    hands.client("s3", "eu-west-1", people.JONAS).put_bucket_versioning(
        Bucket="acme-website-prod", VersioningConfiguration={"Status": "Suspended"}
    )
    with pytest.raises(ValueError, match=r"aws_s3_bucket_versioning\.site .*Suspended"):
        Inventory.of("website", hands)


def test_a_fork_leaves_the_cloud_alone() -> None:
    recorder = worlds.rebuild("website")

    def suspend() -> int:
        Hands(recorder).client("s3", "eu-west-1", people.JONAS).put_bucket_versioning(
            Bucket="acme-website-prod", VersioningConfiguration={"Status": "Suspended"}
        )
        return len(recorder.events)

    assert worlds.forked(suspend) == 1
    assert recorder.events == []
    assert Inventory.of("website", Hands(recorder)).code
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        worlds.forked(lambda: 1 // 0)


def test_a_night_happens_again_byte_for_byte() -> None:
    world = World.of("website", worlds.rebuild("website"))
    stored = {case.id: case.model_dump(mode="json") for case in schema.scenarios("website")}
    plans = [plan for plan in generate.Planner(world).plans() if plan.id in stored]
    for plan in (plans[0], plans[len(plans) // 2], plans[-1]):
        assert worlds.forked(lambda plan=plan: generate.happened(world, plan)) == stored[plan.id]  # type: ignore[misc]


@pytest.mark.parametrize("identity", ["website-0001", "payments-0030", "orders-0025"])
def test_a_replayed_scenario_has_the_live_values_of_its_truth(identity: str) -> None:
    case = schema.scenario(identity)
    recorder = live.drifted(case)
    inventory = Inventory(case.project, Hands(recorder), resources(case.project))
    reading = inventory.read()
    for drift in case.drifts:
        if drift.path and drift.action != "create":
            assert reading[drift.address].get(drift.path) == drift.live
        elif drift.action == "delete":
            assert reading[drift.address] == {"": None}
    drifted = {drift.address for drift in case.drifts}
    clean = Inventory.of(case.project, Hands(worlds.rebuild(case.project)))
    assert {address for address in reading if reading[address] != clean.code[address]} >= drifted


def night(project: str) -> Night:
    world = World.of(project, worlds.rebuild(project))
    return Night(world, Clock(datetime(2026, 11, 22, 22, tzinfo=UTC)), random.Random(1))


def test_the_last_to_change_a_value_is_named_and_all_who_did_are_kept() -> None:
    one = night("payments")
    target = one.world.inventory.resources["module.settlement.aws_sqs_queue.main"]
    for session, seconds in ((people.JONAS, "90"), (people.MARIA, "120")):
        with one.step("sqs-visibility-changed", session):
            one.client("sqs", target).set_queue_attributes(
                QueueUrl=target.attributes["url"], Attributes={"VisibilityTimeout": seconds}
            )
    (drift,) = outcome(one).drifts
    assert (drift.live, drift.attribution.session) == (120, people.MARIA)
    assert len(drift.attribution.events) == 2
    assert drift.attribution.event == drift.attribution.events[-1]


def test_what_is_undone_is_no_drift_and_says_so() -> None:
    one = night("payments")
    inject(one, "tag-reverted", one.world.inventory.resources["aws_vpc.main"], people.JONAS)
    left = outcome(one)
    assert left.drifts == () and left.unmanaged == ()
    assert [(row.reason, len(row.events)) for row in left.non_findings] == [("reverted", 2)]


def test_calls_around_a_change_are_its_own_when_they_touch_the_resource() -> None:
    one = night("payments")
    inject(one, "ec2-resized", one.world.inventory.resources['aws_instance.web["a"]'], people.JONAS)
    (drift,) = outcome(one).drifts
    names = {event["eventID"]: event["eventName"] for event in one.recorder.events}
    assert [names[event] for event in drift.attribution.events] == [
        "StopInstances",
        "ModifyInstanceAttribute",
        "StartInstances",
    ]
    assert names[drift.attribution.event] == "ModifyInstanceAttribute"


@needs_terraform
@pytest.mark.timeout(400)
def test_terraform_plans_the_drift_of_a_scenario(tmp_path: Path) -> None:
    import json

    case = next(case for case in schema.scenarios("website") if "s3-versioning-suspended" in case.kinds)
    with live.drifted_cloud(case, tmp_path, Path(os.environ[MIRROR_VARIABLE])) as cloud:
        worlds.terraform(["init", "-no-color", "-input=false"], cloud.code, cloud.environment)
        plan = ["plan", "-no-color", "-input=false", "-out=plan", "-detailed-exitcode"]
        worlds.terraform(plan, cloud.code, cloud.environment, accepted=(2,))
        shown: dict[str, Any] = json.loads(
            worlds.terraform(["show", "-json", "plan"], cloud.code, cloud.environment)
        )
    changed = {row["address"] for row in shown["resource_changes"] if row["change"]["actions"] != ["no-op"]}
    assert changed == {drift.address for drift in case.drifts}


@needs_terraform
@pytest.mark.timeout(400)
def test_readers_and_terraform_agree() -> None:
    for result in crosscheck.rounds("website", Path(os.environ[MIRROR_VARIABLE]), most=1):
        assert result.drifted > 5
        assert result.disagreements == ()


@needs_terraform
def test_a_terraform_failure_is_told_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="terraform plan ended with 1"):
        worlds.terraform(["plan", "-no-such-flag"], tmp_path, dict(os.environ))
