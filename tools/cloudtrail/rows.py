"""Rows of a query (Athena, CloudTrail Lake) -> records.

A row either holds the whole record (`eventJson`) or one column a field, names in any case, objects as JSON text. Athena
prints a struct, and Lake a map, as `{key=value, key=value}`; keys and values are not quoted there, so the text does
not say where a value ends, and such a row is refused rather than guessed at.
Columns: Amazon Athena user guide, "Query AWS CloudTrail logs"; AWS CloudTrail user guide, "CloudTrail Lake
event schema".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from lamplighter.core.text import printable
from lamplighter.tools.cloudtrail.malformed import Malformed

_OBJECTS = (
    "userIdentity",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "serviceEventDetails",
    "tlsDetails",
    "resources",
)
_TEXTS = (
    "eventVersion",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestID",
    "eventID",
    "readOnly",
    "eventType",
    "apiVersion",
    "managementEvent",
    "recipientAccountId",
    "sharedEventID",
    "vpcEndpointId",
    "eventCategory",
    "sessionCredentialFromConsole",
)
_JUDGED = _OBJECTS[:3]
_FIELDS = {name.lower(): name for name in (*_OBJECTS, *_TEXTS)}
_NEEDED = (
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "userIdentity",
    "errorCode",
    "requestParameters",
)
"""Without one of these a failed call, or a service's own, would pass for a person's change."""
_WHOLE = "eventjson"
_REMEDY = "select eventJson (Lake), or json_format(CAST(column AS JSON)) (Athena)"


def table(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of a GetQueryResults answer, of Lake (`QueryResultRows`) or Athena (`ResultSet`); else None."""
    lake = document.get("QueryResultRows")
    if isinstance(lake, list):
        return [_merged(row) for row in lake]
    result = document.get("ResultSet")
    if isinstance(result, dict) and isinstance(result.get("Rows"), list):
        cells = [_cells(row) for row in result["Rows"]]
        return [dict(zip(map(str, cells[0]), row, strict=False)) for row in cells[1:]] if cells else []
    return None


def _merged(row: object) -> dict[str, Any]:
    """Lake gives a row as a list of objects of one column each."""
    cells = row if isinstance(row, list) else [row]
    return {key: value for cell in cells if isinstance(cell, dict) for key, value in cell.items()}


def _cells(row: object) -> list[Any]:
    data = row.get("Data") if isinstance(row, dict) else None
    return [
        cell.get("VarCharValue") if isinstance(cell, dict) else None
        for cell in (data if isinstance(data, list) else [])
    ]


def missing_columns(header: Iterable[str]) -> list[str]:
    """The columns without which a row cannot be judged; empty when `eventJson` or all of them are there."""
    names = {name.strip().lower() for name in header}
    return [] if _WHOLE in names else [name for name in _NEEDED if name.lower() not in names]


def is_row(item: Mapping[str, Any]) -> bool:
    """By its names, which no record has, or by an object that stands there as text."""
    if "eventName" not in item:
        return any(key.lower() in ("eventname", _WHOLE) for key in item)
    for name in _JUDGED:
        value = item.get(name)
        if type(value) is str and value.lstrip().startswith("{"):
            return True
    return False


def record(row: Mapping[str, Any]) -> dict[str, Any] | bytes:
    """The record, or its JSON text where the row holds it whole. Raises Malformed."""
    whole = next((value for key, value in row.items() if key.lower() == _WHOLE), None)
    if isinstance(whole, str) and whole.strip():
        return whole.encode("utf-8", "surrogatepass")
    fields: dict[str, Any] = {}
    for column, value in row.items():
        name = _FIELDS.get(column.strip().lower())
        if name is not None and value not in ("", "null", None):
            fields[name] = value
    if not isinstance(fields.get("eventName"), str):
        raise Malformed("names no eventName")
    if isinstance(fields.get("eventTime"), str):
        fields["eventTime"] = _with_zone(fields["eventTime"].strip())
    if str(fields.get("readOnly")).lower() == "true":
        # Dropped whatever its objects hold, as any read-only record is.
        return {name: value for name, value in fields.items() if name in _TEXTS}
    return {name: _value(name, value) for name, value in fields.items()}


def _with_zone(time: str) -> str:
    """A timestamp column has no zone; CloudTrail's times are UTC."""
    return time if time.endswith(("Z", "UTC")) or "+" in time or time.count("-") > 2 else f"{time}Z"


def _value(name: str, value: Any) -> Any:
    if name not in _OBJECTS or not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        pass
    if value.lstrip().startswith(("{", "[")):
        start = printable(value, limit=40)
        raise Malformed(f"{name} is printed as a map, which cannot be read back ({start}): {_REMEDY}")
    return value


def rows_of(header: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[dict[str, Any]]:
    """CSV lines -> rows; a line of another length is given as a row that names nothing, so that it is counted."""
    for line in lines:
        if line:
            yield dict(zip(header, line, strict=True)) if len(line) == len(header) else {"eventname": None}
