"""The catalogue is data, so it is held by data: each entry has a record that exercises it, or this fails."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest

from lamplighter.drift import catalogue
from lamplighter.drift.catalogue.transforms import TRANSFORMS, alternatives, lookup
from lamplighter.drift.intents import extract
from lamplighter.drift.model import Action
from lamplighter.drift.netting import net
from lamplighter.drift.values import HIDDEN
from lamplighter.tools.cloudtrail import read_trace
from tests.drift.trace.records import called, cases, record

PAYMENTS = Path(__file__).parents[3] / "scenarios" / "data" / "payments" / "trace"
CASES = dict(cases())
TABLES = {
    source.name.removesuffix(".toml"): tomllib.loads(source.read_text("utf-8"))
    for source in files(catalogue).iterdir()
    if source.name.endswith(".toml")
}
EVENTS = [(service, table) for service, tables in TABLES.items() for table in tables.get("event", [])]
SECTIONS = {"event", "ignored", "parameters", "unread"}


def _changes(made: dict[str, Any], gap: str = "") -> list[dict[str, Any]]:
    found = extract([made])
    assert [item.reason for item in found.uncatalogued] == ([gap] if gap else [])
    return [
        {
            "types": list(change.resource_types),
            "identity": change.identity,
            "action": change.action,
            "attribute": change.attribute,
            "value": change.value,
        }
        for change in found.changes
    ]


@pytest.mark.parametrize("name", CASES)
def test_a_record_gives_the_changes_that_its_call_makes(name: str) -> None:
    case = CASES[name]

    assert _changes(case.record, case.gap) == (case.changes or [])
    assert extract([case.record]).counts["no configuration"] == (case.changes is None)


def test_sixty_records_keep_a_published_shape() -> None:
    published = [case for name, case in CASES.items() if name.startswith("published-")]

    assert len(published) >= 60
    assert all(case.source for case in published)


def test_the_catalogue_covers_what_it_says() -> None:
    named = {table["name"] for _, table in EVENTS}

    assert len(named) >= 250
    assert {called(case.record) for case in CASES.values()} >= {
        "lambda:UpdateFunctionConfiguration20150331v2",
        "lambda:CreateFunction20150331",
    }


def _unexercised(events: Iterable[catalogue.Event]) -> list[str]:
    """The effects that no record gives a value to; those of versions have tests of their own."""
    known, records = catalogue.load(), [case.record for case in CASES.values()]
    readings = [item for made in records for item in known.read(made, called(made))]
    seen = {
        (item.event.name, item.event.types, effect.action, effect.attribute, effect.value, str(effect.when))
        for item in readings
        for effect in item.event.effects
        if all(lookup(item.record, path) for path in item.event.identity.values())
        and (not effect.value or lookup(item.record, effect.value) not in (None, [], {}))
    }
    return [
        f"{event.name} {effect.action} {effect.attribute} {effect.value}".strip()
        for event in events
        for effect in event.effects
        if not effect.refers and not any(_same_effect(event, effect, item) for item in seen)
    ]


def _same_effect(event: catalogue.Event, effect: catalogue.Effect, seen: tuple[Any, ...]) -> bool:
    name, types, action, attribute, value, when = seen
    keyed = attribute.startswith(f"{effect.attribute}.") if effect.key else attribute == effect.attribute
    return keyed and (name, types, action, value, when) == (
        event.name,
        event.types,
        effect.action,
        effect.value,
        str(effect.when),
    )


def test_every_entry_and_every_effect_is_exercised() -> None:
    assert _unexercised(event for entries in catalogue.load().events.values() for event in entries) == []


@pytest.mark.parametrize(
    ("name", "identity", "value", "missing"),
    [
        ("s3:PutBucketAcl", {"bucket": "requestParameters.bucketName"}, "requestParameters.x", True),
        ("s3:PutBucketPolicy", {"bucket": "requestParameters.bucketName"}, "requestParameters.acl", True),
        (
            "s3:PutBucketPolicy",
            {"bucket": "requestParameters.bucketName"},
            "requestParameters.bucketPolicy|policy",
            False,
        ),
    ],
)
def test_an_entry_without_a_record_is_found_out(
    name: str, identity: dict[str, str], value: str, missing: bool
) -> None:
    effect = catalogue.Effect("set", "policy", value)
    event = catalogue.Event(name, ("aws_s3_bucket_policy",), identity, (effect,))

    assert bool(_unexercised([event])) == missing


@pytest.mark.parametrize("name", sorted(catalogue.load().ignored))
def test_an_ignored_call_changes_nothing(name: str) -> None:
    found = extract([record(name, {"anything": "at all"})])

    assert not found.changes and not found.uncatalogued


@pytest.mark.parametrize("service", TABLES)
def test_a_file_holds_events_and_ignored_calls_of_its_service_only(service: str) -> None:
    tables = TABLES[service]
    ignored: dict[str, str] = tables.get("ignored", {})
    named = {table["name"] for table in tables.get("event", [])}

    assert tables.keys() <= SECTIONS
    assert all(reason for section in SECTIONS - {"event"} for reason in tables.get(section, {}).values())
    assert all(name.startswith(f"{service}:") for name in named | ignored.keys())
    assert named.isdisjoint(ignored)
    assert tables.get("parameters", {}).keys().isdisjoint(tables.get("unread", {}))


@pytest.mark.parametrize(("service", "table"), EVENTS, ids=[table["name"] for _, table in EVENTS])
def test_an_entry_is_well_formed(service: str, table: dict[str, Any]) -> None:
    assert (
        {"name", "types", "identity", "effects"}
        <= table.keys()
        <= {
            "name",
            "types",
            "each",
            "upsert",
            "identity",
            "effects",
        }
    )
    assert table["types"] == ["*"] or all(kind.startswith("aws_") for kind in table["types"])
    assert table["types"]
    assert table["identity"]
    assert table["effects"]
    for path in table["identity"].values():
        _is_path(path, table)
    for effect in table["effects"]:
        _is_effect(effect, table)


def _is_path(path: str, table: dict[str, Any]) -> None:
    for choice in alternatives(path):
        dotted, *transforms = choice.split("|")
        roots = {"requestParameters", "responseElements"} | ({"item"} if "each" in table else set())
        assert dotted.partition(".")[0] in roots
        assert set(transforms) <= TRANSFORMS.keys()


def _is_effect(effect: dict[str, Any], table: dict[str, Any]) -> None:
    assert effect.keys() <= {field.name for field in fields(catalogue.Effect)}
    assert effect["action"] in get_args(Action)
    for path in (
        *effect.get("when", {}),
        *(effect[name] for name in ("key", "version", "refers") if name in effect),
    ):
        _is_path(path, table)
    if effect["action"] in ("create", "delete"):
        assert effect.keys() <= {"action", "when"}
        return
    assert effect["attribute"]
    assert ("value" in effect) != ("constant" in effect)
    if "refers" in effect:
        assert effect["value"].partition("|")[0] == "version"
    elif "value" in effect:
        _is_path(effect["value"], table)
    if effect["action"] in ("add", "remove"):
        assert effect["value"]
    assert not {"absent", "optional"} <= effect.keys()


def test_no_two_entries_speak_of_one_call_on_one_resource() -> None:
    keys = [
        (table["name"], str(table["types"]), str(sorted(table["identity"].items()))) for _, table in EVENTS
    ]

    assert len(keys) == len(set(keys))


def test_a_file_is_read_only_when_a_call_of_its_service_comes() -> None:
    catalogue.load_service.cache_clear()

    extract([record("sqs:SendMessage", {"queueUrl": "q"})])

    assert catalogue.load_service.cache_info().currsize == 1


def test_the_payments_trace_holds_nothing_that_the_catalogue_does_not_know() -> None:
    found = extract(read_trace([PAYMENTS]).records)

    assert found.changes
    assert found.uncatalogued == []


def _changed(name: str, **parameters: Any) -> dict[str, Any]:
    return record(name, parameters)


@pytest.mark.parametrize(
    "made",
    [
        _changed(
            "ec2:ModifyInstanceAttribute",
            instanceId="i-1",
            attribute="userData",
            value="<sensitiveDataRemoved>",
        ),
        _changed("sqs:SetQueueAttributes", queueUrl="q", attributes={"Unheard": "1"}),
        _changed("dynamodb:UpdateTimeToLive", tableName="t", timeToLiveSpecification={"attributeName": "x"}),
        _changed(
            "s3:PutBucketVersioning", bucketName={"a": "b"}, VersioningConfiguration={"Status": "Enabled"}
        ),
        _changed("s3:PutBucketVersioning", bucketName="a", VersioningConfiguration="Enabled"),
        _changed(
            "ec2:CreateTags", resourcesSet={"items": []}, tagSet={"items": [{"key": "a", "value": "b"}]}
        ),
        {**_changed("ec2:RunInstances"), "requestParameters": None, "responseElements": None},
        {**_changed("iam:CreateRole"), "eventName": "CreateUnheardOf"},
        _changed(
            "sns:SetTopicAttributes",
            topicArn="arn:aws:sns:a:1:t",
            attributeName="Unheard",
            attributeValue="1",
        ),
        _changed("iam:SetDefaultPolicyVersion", policyArn="arn:aws:iam::1:policy/p", versionId="v7"),
        _changed("secretsmanager:PutResourcePolicy", secretId="a-name", resourcePolicy="{}"),
        _changed("ec2:CreateRoute", routeTableId="rtb-1", gatewayId="igw-1"),
    ],
)
def test_a_call_whose_change_cannot_be_told_is_kept_aside(made: dict[str, Any]) -> None:
    found = extract([made])

    assert found.changes == []
    assert [item.event.event_id for item in found.uncatalogued] == [made["eventID"]]


@pytest.mark.parametrize(
    ("name", "parameters", "unknown"),
    [
        (
            "sqs:SetQueueAttributes",
            {"attributes": {"DelaySeconds": "5", "Unheard": "1"}},
            "attributes.Unheard",
        ),
        ("ec2:ModifySubnetAttribute", {"enableUnheard": {"value": True}}, "enableUnheard"),
        (
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            {
                "attributes": [
                    {"key": "deletion_protection.enabled", "value": "false"},
                    {"key": "unheard", "value": "1"},
                ]
            },
            "attributes.key=unheard",
        ),
        (
            "ec2:ModifyVpcEndpoint",
            {
                "ModifyVpcEndpointRequest": {
                    "VpcEndpointId": "vpce-1",
                    "PolicyDocument": "{}",
                    "ResetPolicy": True,
                }
            },
            "resetPolicy",
        ),
        (
            "s3:PutBucketEncryption",
            {
                "ServerSideEncryptionConfiguration": {
                    "Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "Unheard": "x"}}
                }
            },
            "ServerSideEncryptionConfiguration.Rule.ApplyServerSideEncryptionByDefault.Unheard",
        ),
        (
            "dynamodb:UpdateTable",
            {"replicaUpdates": [{"create": {"regionName": "eu-north-1"}}]},
            "replicaUpdates",
        ),
    ],
)
def test_a_parameter_that_the_catalogue_does_not_know_is_a_gap(
    name: str, parameters: dict[str, Any], unknown: str
) -> None:
    known = next(case.record for case in CASES.values() if called(case.record) == name)
    made = {**known, "requestParameters": {**known["requestParameters"], **parameters}}

    reasons = [item.reason for item in extract([made]).uncatalogued]

    assert reasons == [f"parameters that are not in the catalogue: {unknown}"]


DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
POLICY_ARN = "arn:aws:iam::123456789012:policy/p"


def _version(number: str, in_force: bool, document: object = DOCUMENT, **more: Any) -> dict[str, Any]:
    parameters = {"policyArn": POLICY_ARN, "policyDocument": json.dumps(document), "setAsDefault": in_force}
    answer = {"policyVersion": {"versionId": number, "isDefaultVersion": in_force}}
    return record("iam:CreatePolicyVersion", parameters, answer, **more)


def _in_force(number: str) -> dict[str, Any]:
    return record("iam:SetDefaultPolicyVersion", {"policyArn": POLICY_ARN, "versionId": number}, None, 9)


def test_a_version_that_is_not_in_force_changes_nothing_yet() -> None:
    found = extract([_version("v2", False)])

    assert found.changes == []


@pytest.mark.parametrize("agent", ["aws-cli/2.31.4", "APN/1.0 HashiCorp/1.0 Terraform/1.11.4"])
def test_a_version_comes_into_force_with_the_document_that_made_it(agent: str) -> None:
    older = _version("v2", False, {"Statement": []})
    made = _version("v3", False, userAgent=agent)

    found = extract([older, _in_force("v3"), made])

    assert [(item.attribute, item.value) for item in found.changes] == [("policy", DOCUMENT)]


@pytest.mark.parametrize(
    "made",
    [
        _version("v2", False),
        {**_version("v3", False), "errorCode": "LimitExceeded"},
        {**_version("v3", False), "requestParameters": None},
    ],
)
def test_a_version_that_no_call_of_the_trace_made_is_a_gap(made: dict[str, Any]) -> None:
    found = extract([made, _in_force("v3")])

    assert found.changes == []
    assert "iam:SetDefaultPolicyVersion" in [item.event.name for item in found.uncatalogued]


def test_what_a_replacing_call_leaves_out_is_gone() -> None:
    parameters = {"bucketName": "b", "NotificationConfiguration": {"xmlns": "x"}, "notification": ""}

    changed = _changes(record("s3:PutBucketNotification", parameters))

    assert {item["attribute"]: item["value"] for item in changed} == {
        "queue": [],
        "topic": [],
        "lambda_function": [],
        "eventbridge": False,
    }


def test_two_items_of_one_call_speak_of_their_own_resource() -> None:
    targets = [{"id": "a", "arn": "arn:1", "input": "{}"}, {"id": "b", "arn": "arn:2"}]

    changed = _changes(record("events:PutTargets", {"rule": "nightly", "targets": targets}))

    assert [
        (item["identity"]["target_id"], item["value"]) for item in changed if item["attribute"] == "arn"
    ] == [
        ("a", "arn:1"),
        ("b", "arn:2"),
    ]
    assert [item["value"] for item in changed if item["attribute"] == "input"] == [{}, ""]


def test_a_deletion_that_is_called_off_no_longer_holds() -> None:
    secret = {"secretId": "orders"}
    calls = [
        record("secretsmanager:DeleteSecret", secret),
        record("secretsmanager:RestoreSecret", secret, None, 9),
    ]

    left = net(extract(calls).changes)

    assert [(item.action, item.attribute) for item in left] == [("set", "name")]


@pytest.mark.parametrize(
    ("made", "attribute"),
    [
        (
            _changed(
                "ec2:ModifyInstanceAttribute",
                instanceId="i-1",
                instanceType={"value": "<sensitiveDataRemoved>"},
            ),
            "instance_type",
        ),
        (
            _changed(
                "sqs:SetQueueAttributes",
                queueUrl="q",
                attributes={"Policy": "HIDDEN_DUE_TO_SECURITY_REASONS"},
            ),
            "policy",
        ),
        (
            _changed("lambda:UpdateFunctionConfiguration20150331v2", functionName="f", environment={}),
            "environment.variables",
        ),
    ],
)
def test_a_value_that_the_trace_hides_is_a_change_to_something_unknown(
    made: dict[str, Any], attribute: str
) -> None:
    assert [(change.attribute, change.value) for change in extract([made]).changes] == [(attribute, HIDDEN)]


def test_an_environment_that_is_always_said_is_no_change_beside_another_setting() -> None:
    made = _changed(
        "lambda:UpdateFunctionConfiguration20150331v2", functionName="f", environment={}, timeout=9
    )
    assert [change.attribute for change in extract([made]).changes] == ["timeout"]


def test_a_catalogue_without_some_calls_knows_the_others() -> None:
    whole = catalogue.load()
    name = next(iter(whole.events))
    less = catalogue.Catalogue({name})
    assert name in whole.events and name not in less.events and name not in list(less.events)
    assert len(less.events) == len(whole.events) - 1 and f"{name}20150331" not in less.events
