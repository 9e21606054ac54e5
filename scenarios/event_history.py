"""CloudTrail's event history of an account in the sandbox: `LookupEvents` over the records of a night.

The emulated account has none of its own. After the CloudTrail API reference, "LookupEvents": events of one region and
account, the newest first, pages of up to 50, at most one attribute to look for. Where CloudTrail itself lists a
record's resources service by service, here every id, name and ARN that the record mentions is one of them: whoever
looks for a resource finds at least what CloudTrail would show. The time asked for is moved so that now is the end of
the night.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from lamplighter.scenarios.recorder import Environ, Event, StartResponse, WsgiApp
from lamplighter.scenarios.wire import scope_of

TARGET = ".CloudTrail_20131101.LookupEvents"
PAGE = 50


class EventHistory:
    """WSGI middleware around `app`: answers LookupEvents from `records`, and hands on everything else.

    `accounts` tells which account an access key looks at, by key; `end` is the time that counts as now.
    """

    def __init__(
        self, app: WsgiApp, records: Sequence[Event], accounts: Mapping[str, str], end: datetime
    ) -> None:
        self._app = app
        self._records = sorted(records, key=lambda record: str(record["eventTime"]), reverse=True)
        self._accounts = accounts
        self._end = end

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        scope = scope_of(environ)
        if scope is None or not f".{environ.get('HTTP_X_AMZ_TARGET', '')}".endswith(TARGET):
            return self._app(environ, start_response)
        body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        account = self._accounts.get(scope.access_key, "")
        answer = json.dumps(self._page(json.loads(body or b"{}"), scope.region, account)).encode()
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(answer)))]
        start_response("200 OK", headers)
        return [answer]

    def _page(self, asked: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
        late = datetime.now(UTC) - self._end
        first, last = (
            datetime.fromtimestamp(asked[name], UTC) - late if name in asked else None
            for name in ("StartTime", "EndTime")
        )
        found = [
            record
            for record in self._records
            if (record["awsRegion"], record["recipientAccountId"]) == (region, account)
            and (first is None or _time(record) >= first)
            and (last is None or _time(record) <= last)
            and all(_has(record, wanted) for wanted in asked.get("LookupAttributes", []))
        ]
        start, size = int(asked.get("NextToken", 0)), min(int(asked.get("MaxResults", PAGE)), PAGE)
        page: dict[str, Any] = {"Events": [_event(record) for record in found[start : start + size]]}
        if start + size < len(found):
            page["NextToken"] = str(start + size)
        return page


def _time(record: Event) -> datetime:
    return datetime.fromisoformat(record["eventTime"])


def _has(record: Event, wanted: Mapping[str, str]) -> bool:
    key, value = wanted["AttributeKey"], wanted["AttributeValue"]
    if key == "ResourceName":
        return value in set(mentioned(record))
    if key == "ReadOnly":
        return str(record.get("readOnly")).lower() == value.lower()
    return str(_event(record).get(key)) == value


def mentioned(record: Event) -> Iterator[str]:
    """Every text of a record's parameters and answer that may name a resource."""
    yield from _texts(record.get("requestParameters"))
    yield from _texts(record.get("responseElements"))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for inner in value.values():
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
        case _:
            pass


def _event(record: Event) -> dict[str, Any]:
    identity = record["userIdentity"]
    arn = str(identity.get("arn", ""))
    return {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "EventSource": record["eventSource"],
        "EventTime": _time(record).timestamp(),
        "ReadOnly": str(record.get("readOnly", False)).lower(),
        "Username": identity.get("userName") or arn.rpartition("/")[2] or identity.get("invokedBy", ""),
        "AccessKeyId": identity.get("accessKeyId", ""),
        # No resource types: who filters by one trusts the name alone where there is none.
        "Resources": [],
        "CloudTrailEvent": json.dumps(record, separators=(",", ":")),
    }
