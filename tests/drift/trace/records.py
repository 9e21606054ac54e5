"""The records that exercise the catalogue: whole ones of published shape, and plain ones from the tables in `calls/`.

A line of `calls/SERVICE.jsonl` is a call as CloudTrail names it, its parameters and answer as a record shows them, and
the changes it makes: `[types, identity, action, attribute, value]`; `gap` is what of it stays unread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
ACCOUNT = "123456789012"
USER = {
    "type": "IAMUser",
    "principalId": "AIDAEXAMPLEANA",
    "arn": f"arn:aws:iam::{ACCOUNT}:user/ana",
    "accountId": ACCOUNT,
    "accessKeyId": "AKIAEXAMPLEANA",
    "userName": "ana",
}


class Case(NamedTuple):
    """A record and the changes it makes; `changes` is None for a call that changes no configuration.

    `gap` is the reason for which the call is kept aside nevertheless, `source` where a published shape is from.
    """

    record: dict[str, Any]
    changes: list[dict[str, Any]] | None
    source: str = ""
    gap: str = ""


def cases() -> Iterator[tuple[str, Case]]:
    """Every record with a name for the test's report."""
    for path in sorted((HERE / "fixtures").glob("*.json")):
        content = json.loads(path.read_text())
        for number, case in enumerate(content["cases"]):
            source = case.get("source", content["source"])
            name = f"{path.stem}-{number}-{case['record']['eventName']}"
            yield name, Case(case["record"], case["changes"], source)
    for path in sorted((HERE / "calls").glob("*.jsonl")):
        for number, line in enumerate(path.read_text().splitlines()):
            row = json.loads(line)
            made = record(row["call"], row["parameters"], row.get("response"), number)
            fields = ("types", "identity", "action", "attribute", "value")
            changes = [dict(zip(fields, change, strict=True)) for change in row["changes"]]
            yield f"{row['call']}-{number}", Case(made, changes, gap=row.get("gap", ""))


def record(
    call: str, parameters: Any, response: Any = None, number: int = 0, **fields: Any
) -> dict[str, Any]:
    """A whole record of `service:EventName` (AWS CloudTrail user guide, "CloudTrail record contents")."""
    service, _, event = call.partition(":")
    return {
        "eventVersion": "1.11",
        "userIdentity": USER,
        "eventTime": f"2026-11-20T{9 + number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": event,
        "awsRegion": "us-east-1" if service in ("iam", "route53", "cloudfront") else "eu-west-1",
        "sourceIPAddress": "198.51.100.17",
        "userAgent": "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 lang/python#3.13.7",
        "requestParameters": parameters,
        "responseElements": response,
        "requestID": f"00000000-0000-4000-8000-{number:012}",
        "eventID": f"00000000-0000-4000-9000-{number:012}",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        **fields,
    }


def called(made: dict[str, Any]) -> str:
    """The `service:EventName` of a record."""
    return f"{made['eventSource'].removesuffix('.amazonaws.com')}:{made['eventName']}"
