"""The sandbox's event history, asked by the real SDK over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from lamplighter.scenarios.event_history import EventHistory
from lamplighter.scenarios.world import served

END = datetime(2026, 11, 23, 6, tzinfo=UTC)


def record(number: int, name: str, region: str = "eu-west-1", account: str = "1") -> dict[str, Any]:
    return {
        "eventID": f"e{number}",
        "eventName": "PutBucketTagging",
        "eventSource": "s3.amazonaws.com",
        "eventTime": (END - timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "awsRegion": region,
        "recipientAccountId": account,
        "readOnly": False,
        "userIdentity": {"arn": "arn:aws:sts::1:assumed-role/Ops/jo"},
        "requestParameters": {"bucketName": name, "Tagging": {"tags": [{"value": "nested"}]}},
        "responseElements": None,
    }


RECORDS = [
    record(2, "logs"),
    record(1, "logs"),
    record(30, "logs"),
    record(3, "other"),
    record(4, "logs", region="us-east-1"),
    record(5, "logs", account="2"),
    *(record(6, f"many-{number}") for number in range(60)),
]


def looked_up(name: str = "", hours: int = 0, region: str = "eu-west-1") -> list[dict[str, Any]]:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("500 Internal Server Error", [])
        return [b""]

    with served(EventHistory(app, RECORDS, {"KEY": "1"}, END)) as endpoint:
        client = boto3.client(
            "cloudtrail",
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id="KEY",
            aws_secret_access_key="none",
        )
        asked: dict[str, Any] = {}
        if name:
            asked["LookupAttributes"] = [{"AttributeKey": "ResourceName", "AttributeValue": name}]
        if hours:
            asked["StartTime"] = datetime.now(UTC) - timedelta(hours=hours)
        pages = client.get_paginator("lookup_events").paginate(**asked)
        return [event for page in pages for event in page["Events"]]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"name": "logs"}, ["e1", "e2", "e30"]),
        ({"name": "logs", "hours": 12}, ["e1", "e2"]),
        ({"name": "logs", "region": "us-east-1"}, ["e4"]),
        ({"name": "log"}, []),
        ({"hours": 4, "name": "nested"}, ["e1", "e2", "e3"]),
    ],
)
def test_newest_first_of_one_region_account_window_and_name(asked: dict[str, Any], found: list[str]) -> None:
    assert [event["EventId"] for event in looked_up(**asked)] == found


def test_pages_are_followed_and_times_are_the_nights_own() -> None:
    events = looked_up()
    assert len(events) == 64
    assert events[0]["EventTime"] == END - timedelta(hours=1)
    assert events[0]["Username"] == "jo"
