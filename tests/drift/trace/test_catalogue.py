"""The catalogue is data, so it is held by data: each entry has a record that exercises it, or this fails."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest

from lamplighter.drift import catalogue
from lamplighter.drift.catalogue.transforms import TRANSFORMS, lookup
from lamplighter.drift.intents import extract
from lamplighter.drift.model import Action
from lamplighter.tools.cloudtrail import read_trace

FIXTURES = Path(__file__).parent / "fixtures"
PAYMENTS = Path(__file__).parents[3] / "scenarios" / "data" / "payments" / "trace"


def _cases() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(FIXTURES.glob("*.json")):
        content = json.loads(path.read_text())
        assert content["source"]
        for number, case in enumerate(content["cases"]):
            yield f"{path.stem}-{number}-{case['record']['eventName']}", case


CASES = dict(_cases())
TABLES = {
    source.name.removesuffix(".toml"): tomllib.loads(source.read_text("utf-8"))
    for source in files(catalogue).iterdir()
    if source.name.endswith(".toml")
}
EVENTS = [(service, table) for service, tables in TABLES.items() for table in tables.get("event", [])]


@pytest.mark.parametrize("name", CASES)
def test_a_record_gives_the_changes_that_its_call_makes(name: str) -> None:
    case = CASES[name]

    found = extract([case["record"]])

    assert not found.uncatalogued
    assert found.counts["no configuration"] == (case["changes"] is None)
    assert [
        {
            "types": list(change.resource_types),
            "identity": change.identity,
            "action": change.action,
            "attribute": change.attribute,
            "value": change.value,
        }
        for change in found.changes
    ] == (case["changes"] or [])


def _called(record: dict[str, Any]) -> str:
    return f"{record['eventSource'].removesuffix('.amazonaws.com')}:{record['eventName']}"


def _unexercised(events: Iterable[catalogue.Event]) -> list[str]:
    """The effects that no record of the fixtures gives a value to."""
    records = [case["record"] for case in CASES.values()]
    return [
        f"{event.name} {effect.action} {effect.attribute} {effect.value}".strip()
        for event in events
        for effect in event.effects
        if not any(
            _called(record) == event.name
            and all(lookup(record, path) for path in event.identity.values())
            and (not effect.value or lookup(record, effect.value) not in (None, [], {}))
            for record in records
        )
    ]


def test_every_entry_and_every_effect_is_exercised() -> None:
    assert _unexercised(event for entries in catalogue.load().events.values() for event in entries) == []


@pytest.mark.parametrize(
    ("event", "missing"),
    [
        (("s3:PutBucketAcl", {"bucket": "requestParameters.bucketName"}, "requestParameters.x"), True),
        (("s3:PutBucketPolicy", {"bucket": "requestParameters.bucketName"}, "requestParameters.acl"), True),
        (
            ("s3:PutBucketPolicy", {"bucket": "requestParameters.bucket"}, "requestParameters.bucketPolicy"),
            True,
        ),
        (
            (
                "s3:PutBucketPolicy",
                {"bucket": "requestParameters.bucketName"},
                "requestParameters.bucketPolicy",
            ),
            False,
        ),
    ],
)
def test_an_entry_without_a_record_is_found_out(
    event: tuple[str, dict[str, str], str], missing: bool
) -> None:
    name, identity, value = event
    effect = catalogue.Effect("set", "acl", value)

    assert bool(_unexercised([catalogue.Event(name, ("aws_s3_bucket",), identity, (effect,))])) == missing


def test_every_ignored_call_is_exercised() -> None:
    seen = {_called(case["record"]) for case in CASES.values() if case["changes"] is None}

    assert seen == set(catalogue.load().ignored)


@pytest.mark.parametrize("service", TABLES)
def test_a_file_holds_events_and_ignored_calls_of_its_service_only(service: str) -> None:
    tables = TABLES[service]
    ignored: dict[str, str] = tables.get("ignored", {})
    named = {table["name"] for table in tables.get("event", [])}

    assert tables.keys() <= {"event", "ignored", "parameters"}
    assert all(tables.get("parameters", {}).values())
    assert all(name.startswith(f"{service}:") for name in named | ignored.keys())
    assert named.isdisjoint(ignored)
    assert all(ignored.values())
    assert (FIXTURES / f"{service}.json").is_file()


@pytest.mark.parametrize(("service", "table"), EVENTS, ids=[table["name"] for _, table in EVENTS])
def test_an_entry_is_well_formed(service: str, table: dict[str, Any]) -> None:
    assert table.keys() == {"name", "types", "identity", "effects"}
    assert table["types"] == ["*"] or all(kind.startswith("aws_") for kind in table["types"])
    assert table["types"]
    assert table["identity"]
    assert table["effects"]
    for path in [*table["identity"].values(), *(effect.get("value", "") for effect in table["effects"])]:
        _is_path(path)
    for effect in table["effects"]:
        _is_effect(effect)


def _is_path(path: str) -> None:
    dotted, *transforms = path.split("|")
    assert dotted == "" or dotted.partition(".")[0] in ("requestParameters", "responseElements")
    assert set(transforms) <= TRANSFORMS.keys()


def _is_effect(effect: dict[str, Any]) -> None:
    assert effect.keys() <= {field.name for field in fields(catalogue.Effect)}
    assert effect["action"] in get_args(Action)
    if effect["action"] in ("create", "delete"):
        assert effect.keys() == {"action"}
    else:
        assert effect["attribute"]
        assert ("value" in effect) != ("constant" in effect)
    if effect["action"] in ("add", "remove"):
        assert effect["value"]


def test_no_two_entries_speak_of_one_call_on_one_type() -> None:
    pairs = [(table["name"], tuple(table["types"])) for _, table in EVENTS]

    assert len(pairs) == len(set(pairs))


def test_the_payments_trace_holds_nothing_that_the_catalogue_does_not_know() -> None:
    found = extract(read_trace([PAYMENTS]).records)

    assert found.changes
    assert found.uncatalogued == []


def _changed(name: str, **parameters: Any) -> dict[str, Any]:
    record: dict[str, Any] = next(
        case["record"] for case in CASES.values() if _called(case["record"]) == name
    )
    return {**record, "requestParameters": parameters}


@pytest.mark.parametrize(
    "record",
    [
        _changed(
            "ec2:ModifyInstanceAttribute",
            instanceId="i-1",
            attribute="userData",
            value="<sensitiveDataRemoved>",
        ),
        _changed(
            "ec2:ModifyInstanceAttribute", instanceId="i-1", instanceType={"value": "<sensitiveDataRemoved>"}
        ),
        _changed(
            "sqs:SetQueueAttributes", queueUrl="q", attributes={"Policy": "HIDDEN_DUE_TO_SECURITY_REASONS"}
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
    ],
)
def test_a_call_whose_change_cannot_be_told_is_kept_aside(record: dict[str, Any]) -> None:
    found = extract([record])

    assert found.changes == []
    assert [item.event.event_id for item in found.uncatalogued] == [record["eventID"]]


@pytest.mark.parametrize(
    ("name", "parameters", "unknown"),
    [
        (
            "sqs:SetQueueAttributes",
            {"attributes": {"DelaySeconds": "5", "Unheard": "1"}},
            "attributes.Unheard",
        ),
        ("ec2:ModifySubnetAttribute", {"enableDns64": {"value": True}}, "enableDns64"),
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
    known = next(case["record"] for case in CASES.values() if _called(case["record"]) == name)
    record = {**known, "requestParameters": {**known["requestParameters"], **parameters}}

    reasons = [item.reason for item in extract([record]).uncatalogued]

    assert reasons == [f"parameters that are not in the catalogue: {unknown}"]


@pytest.mark.parametrize("service", TABLES)
def test_a_parameter_without_meaning_is_exercised(service: str) -> None:
    records = [case["record"] for case in CASES.values() if _called(case["record"]).startswith(f"{service}:")]

    for path in TABLES[service].get("parameters", {}):
        call, _, rest = path.partition(".")
        own = [record for record in records if not rest or record["eventName"] == call]
        assert any(_holds(record["requestParameters"], (rest or path).split(".")) for record in own), path


def _holds(value: Any, parts: list[str]) -> bool:
    if not parts:
        return True
    return isinstance(value, dict) and parts[0] in value and _holds(value[parts[0]], parts[1:])
