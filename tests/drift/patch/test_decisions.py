"""What is to become of a drift, and who says so: a person, the policy, a controller, or the risk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lamplighter.core.errors import ConfigError
from lamplighter.core.policy import Policy, parse_policy
from lamplighter.drift.model import Actor, DriftItem, Origin
from lamplighter.drift.patch.decisions import Controller, controllers, decide
from lamplighter.drift.patch.model import Decision, Verdict
from lamplighter.drift.patch.proposal import propose
from lamplighter.drift.proposals import finding_of
from lamplighter.drift.state import StateIndex
from tests.drift.code.world import resource, resources_of, state_document
from tests.drift.patch.world import code, item

RULES = parse_policy(
    """
[[drift]]
name = "the scheduler owns its tags"
decision = "ignore"
attribute = "tags.Schedule*"
actor = "svc-*"

[[drift]]
name = "never wider"
decision = "revert"
type = "aws_security_group"
min_severity = "high"
""",
    "policy.toml",
).drift


def decided(one: DriftItem, *resources: Mapping[str, Any], **more: Any) -> Decision:
    state = StateIndex(resources_of(state_document(*resources)).resources)
    (decision,) = decide([one], state, **more)
    return decision


def test_the_order_in_which_it_is_decided() -> None:
    scheduled = item(
        "aws_instance.web", "tags.ScheduleAt", "7", actor=Actor("svc-saver", "IAMUser", "boto3", "192.0.2.1")
    )
    assert decided(scheduled).verdict is Verdict.CODIFY
    by_rule = decided(scheduled, rules=RULES)
    assert (by_rule.verdict, by_rule.reason) == (
        Verdict.IGNORE,
        "by the policy's rule the scheduler owns its tags",
    )
    now = code({"main.tf": ""})
    proposal = propose([scheduled], now, Path(), rules=RULES)
    (said,) = proposal.narrowed({finding_of(scheduled).id}, Verdict.ASK).decisions
    assert (said.verdict, said.reason, said.evidence) == (Verdict.ASK, "asked for", ("e-1",))


@pytest.mark.parametrize(
    ("severity", "verdict"),
    [
        ("info", Verdict.CODIFY),
        ("medium", Verdict.CODIFY),
        ("high", Verdict.REVERT),
        ("critical", Verdict.REVERT),
    ],
)
def test_what_opens_or_unprotects_is_not_codified_unasked(severity: str, verdict: Verdict) -> None:
    assert decided(item("aws_s3_bucket.a", "acl", "public-read", risk=severity)).verdict is verdict


def test_what_one_call_did_to_a_resource_goes_back_together() -> None:
    algorithm = item("aws_s3_bucket.a", "rule.sse_algorithm", "AES256", risk="high")
    along = item("aws_s3_bucket.a", "rule.bucket_key_enabled", False, risk="medium")
    elsewhere = item("aws_s3_bucket.b", "rule.bucket_key_enabled", False, risk="medium")
    state = StateIndex([])
    found = decide([algorithm, along, elsewhere], state)
    assert [one.verdict for one in found] == [Verdict.REVERT, Verdict.REVERT, Verdict.CODIFY]
    assert [one.reason for one in found][:2] == [
        "high risk: a setting was changed",
        "by the same call as what is to be reverted",
    ]
    assert decide([along], state)[0].verdict is Verdict.CODIFY


def test_what_belongs_to_the_value_of_a_secret_is_asked() -> None:
    stages = item("aws_secretsmanager_secret_version.a", "version_stages", ["AWSPREVIOUS"])
    assert decided(stages).verdict is Verdict.ASK


def test_a_rule_of_the_policy_counts_from_its_severity_on() -> None:
    opened = item("aws_security_group.web", "ingress", {}, action="add", risk="medium")
    assert decided(opened, rules=RULES).verdict is Verdict.CODIFY
    wider = item("aws_security_group.web", "ingress", {}, action="add", risk="high")
    assert decided(wider, rules=RULES).reason == "by the policy's rule never wider"


def test_what_nobody_here_can_know_is_asked() -> None:
    other = item("aws_sqs_queue.a", "delay_seconds", 9, origin=Origin.OTHER_TERRAFORM)
    unmanaged = item(None, "", "present", action="create", kind="aws_sqs_queue", ident="q")
    secret = item("aws_db_instance.a", "password", "(sensitive)", was="(sensitive)")
    assert [decided(one).verdict for one in (other, unmanaged, secret)] == [Verdict.ASK] * 3


def test_what_was_set_back_before_is_set_back_again() -> None:
    one = item("aws_sqs_queue.a", "delay_seconds", 9)
    found = decided(one, set_back={finding_of(one).id: ("claim-1", "claim-2")})
    assert (found.verdict, found.evidence) == (Verdict.REVERT, ("e-1", "claim-1", "claim-2"))
    assert found.reason == "it was set back 2 time(s) before, and came again"
    other = item("aws_sqs_queue.a", "visibility_timeout_seconds", 9)
    assert decided(other, set_back={finding_of(one).id: ("claim-1",)}).verdict is Verdict.CODIFY


SERVICE = resource("aws_ecs_service", "api", {"id": "arn:api", "name": "api", "desired_count": 2})
SCALED = resource("aws_appautoscaling_target", "api", {"id": "x", "resource_id": "service/main/api"})


def test_a_controller_owns_what_the_state_proves() -> None:
    scaled = item("aws_ecs_service.api", "desired_count", 9, was=2)
    found = decided(scaled, SERVICE, SCALED)
    assert (found.verdict, found.reason) == (
        Verdict.IGNORE,
        "Application Auto Scaling of the service owns desired_count",
    )
    other = resource("aws_appautoscaling_target", "web", {"id": "x", "resource_id": "service/main/api-v2"})
    assert decided(scaled, SERVICE).verdict is Verdict.CODIFY
    assert decided(scaled, SERVICE, other).verdict is Verdict.CODIFY


def example(controller: Controller) -> tuple[DriftItem, list[dict[str, Any]]]:
    """An item that the entry is about, and a state that proves it."""
    kind = controller.types[0].replace("*", "").rstrip("_") or "aws_subnet"
    attribute = controller.attributes[0].replace("*", "x")
    own = {"id": "one", "name": "one", "secret_id": "one"}
    own |= {controller.own: 100} if controller.own else {}
    state = [resource(kind, "a", own)]
    if controller.held_by is not None:
        state.append(resource(controller.held_by.type, "b", {"id": "h", controller.held_by.attribute: "one"}))
    agent = controller.actors[0].replace("*", "") if controller.actors else "alice"
    origin = Origin(controller.origins[0]) if controller.origins else Origin.PERSON
    actor = Actor(f"role/{agent}-7", "AssumedRole", "sdk", "192.0.2.1")
    return item(f"{kind}.a", attribute, 9, kind=kind, actor=actor, origin=origin), state


@pytest.mark.parametrize("controller", controllers(), ids=lambda controller: controller.name)
def test_every_entry_of_the_table_is_found_and_wants_its_proof(controller: Controller) -> None:
    drifted, state = example(controller)
    index = StateIndex(resources_of(state_document(*state)).resources)
    assert controller.owns(drifted, index) and controller.source
    if controller.held_by or controller.own:
        bare = StateIndex(
            resources_of(state_document(resource(drifted.resource_type, "a", {"id": "one"}))).resources
        )
        assert not controller.owns(drifted, bare)


def test_a_policy_without_such_rules_has_the_version_it_had() -> None:
    assert "drift" not in Policy().model_dump(mode="json")
    assert Policy(drift=RULES).version != Policy().version


def test_a_wrong_rule_is_named() -> None:
    with pytest.raises(ConfigError, match=r"drift\.0\.decision"):
        parse_policy('[[drift]]\nname = "x"\ndecision = "maybe"\n', "policy.toml")
