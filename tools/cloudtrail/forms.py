"""The shapes in which records travel: documents -> items, and the wrappings around one item.

| shape | written by |
| --- | --- |
| `{"Records": [...]}`, a list, one record, one record a line | CloudTrail into S3, and tools that copy it |
| `{"Events": [{"CloudTrailEvent": text}]}` | LookupEvents, `aws cloudtrail lookup-events` |
| `{"detail": record, "account", "region"}` | EventBridge |
| `Body` / `body` / `Message` / `Sns.Message` around these | SQS and SNS, as polled or as given to a Lambda function |
| `{"events": [{"message": text}]}`, `logEvents` | CloudWatch Logs |
| rows | Athena and CloudTrail Lake (`rows.py`) |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import orjson

from lamplighter.tools.cloudtrail import rows

MAX_WRAPS = 6
"""SNS inside SQS inside a Lambda event around an EventBridge envelope is four."""

_LISTS = ("Records", "Events", "events", "logEvents", "Messages")
_TEXTS = ("CloudTrailEvent", "Body", "body", "Message", "message")
_TOKENS = ("NextToken", "nextToken")


class Split(NamedTuple):
    """A document that was not parsed: the texts of its records, each valid JSON."""

    records: Sequence[msgspec.Raw | bytes]


class _Shape(msgspec.Struct, gc=False):
    Records: list[msgspec.Raw] | None = None
    eventName: Any = None


_SHAPE = msgspec.json.Decoder(_Shape)


def parse(data: bytes) -> Any:
    """One JSON document -> Split where it holds plain records, else what orjson makes of it.

    Raises orjson.JSONDecodeError.
    """
    try:
        if not data.isascii():
            data.decode()  # msgspec takes the bytes of a string that it skips as they are
        shape = _SHAPE.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return orjson.loads(data)
    if shape.Records is not None:
        return Split(shape.Records)
    return Split([data]) if isinstance(shape.eventName, str) else orjson.loads(data)


def items(document: Any, *, line: bool) -> Sequence[Any] | None:
    """Everything that stands where a record should; None when the document is of no known shape.

    `line`: it is a line of a file, so that it is one record unless it says otherwise.
    """
    if isinstance(document, Split):
        return document.records
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return [document] if line else None
    for name in _LISTS:
        if isinstance(document.get(name), list):
            return list(document[name])
    table = rows.table(document)
    if table is not None:
        return table
    return [document] if line or "eventName" in document or unwrapped(document) is not document else None


def has_next_page(document: Any) -> bool:
    """Whether the document is one answer of several, by its token; records files have none."""
    return isinstance(document, dict) and any(document.get(name) for name in _TOKENS)


def unwrapped(item: Any) -> Any:
    """What one wrapping holds, parsed or as JSON text; the item itself when it is not wrapped.

    Raises Malformed for a row that cannot be turned into a record.
    """
    if not isinstance(item, dict):
        return item
    if rows.is_row(item):
        return rows.record(item)
    if "eventName" in item:
        return item
    if isinstance(item.get("detail"), dict):
        return _from_envelope(item, item["detail"])
    if isinstance(item.get("Sns"), dict):
        return item["Sns"]
    for name in _TEXTS:
        if isinstance(item.get(name), str):
            return item[name].encode("utf-8", "surrogatepass")
    return item


def _from_envelope(envelope: Mapping[str, Any], detail: dict[str, Any]) -> dict[str, Any]:
    """EventBridge says account and region in the envelope; older records inside do not repeat them."""
    named = {"recipientAccountId": envelope.get("account"), "awsRegion": envelope.get("region")}
    return {**{key: value for key, value in named.items() if value is not None}, **detail}
