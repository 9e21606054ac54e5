"""Kubernetes' protobuf encoding of objects: kubectl sends it for what it creates by itself (since 1.32).

Numbers and types of fields are data (protobuf.json.gz). What the wire cannot tell, an absent value from Go's zero, is
decided as `omitempty` would: a zero is left out unless the field is one that is a pointer in Go.
"""

from __future__ import annotations

import base64
import gzip
import json
import struct
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lamplighter.scenarios.cluster.jsons import Json
from lamplighter.scenarios.cluster.kinds import Kind
from lamplighter.scenarios.cluster.schema import definitions

MAGIC = b"k8s\x00"
META = "k8s.io.apimachinery.pkg.apis.meta.v1."
QUANTITY = "k8s.io.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "k8s.io.apimachinery.pkg.util.intstr.IntOrString"
TIMES = {META + "Time", META + "MicroTime"}
RAW = {META + "FieldsV1": "Raw", "k8s.io.apimachinery.pkg.runtime.RawExtension": "raw"}
BOOL, STRING, MESSAGE, BYTES, DOUBLE = 8, 9, 11, 12, 1
POINTERS = {
    "replicas",
    "minReplicas",
    "parallelism",
    "completions",
    "backoffLimit",
    "terminationGracePeriodSeconds",
    "gracePeriodSeconds",
    "runAsUser",
    "runAsGroup",
    "fsGroup",
    "automountServiceAccountToken",
    "privileged",
    "allowPrivilegeEscalation",
    "runAsNonRoot",
    "readOnlyRootFilesystem",
    "activeDeadlineSeconds",
    "immutable",
    "ttlSecondsAfterFinished",
    "suspend",
    "optional",
    "partition",
    "stabilizationWindowSeconds",
    "averageUtilization",
    "defaultMode",
    "enableServiceLinks",
    "controller",
    "blockOwnerDeletion",
    "revisionHistoryLimit",
    "incomplete",
    "progressDeadlineSeconds",
    "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
    "allowed",
}


class NotProtobuf(ValueError):
    """Data that is not an object in this encoding."""


@lru_cache(1)
def messages() -> dict[str, dict[str, list[Any]]]:
    """Fields of each message: name -> [number, repeated, type, message]."""
    data = files("lamplighter.scenarios.cluster").joinpath("data/protobuf.json.gz").read_bytes()
    found: dict[str, dict[str, list[Any]]] = json.loads(gzip.decompress(data))
    return found


@lru_cache(None)
def _by_number(message: str) -> dict[int, tuple[str, list[Any]]]:
    return {field[0]: (name, field) for name, field in messages().get(message, {}).items()}


@lru_cache(None)
def _inlined(message: str) -> frozenset[str]:
    """Fields that JSON writes into the object itself: those that the OpenAPI definition does not have."""
    properties = definitions().get(message.replace("k8s.io.", "io.k8s.", 1), {}).get("properties")
    if not properties:
        return frozenset()
    fields = messages().get(message, {})
    return frozenset(name for name, field in fields.items() if field[2] == MESSAGE and name not in properties)


def decode(data: bytes, kind: Kind) -> Json:
    """The object in a request body. Raises NotProtobuf."""
    if not data.startswith(MAGIC):
        shown = data[:32].hex()
        raise NotProtobuf(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] ("
            + shown
            + ")"
        )
    try:
        envelope = _message(data[len(MAGIC) :], "k8s.io.apimachinery.pkg.runtime.Unknown")
        raw = base64.b64decode(envelope.get("raw", ""))
        body = _message(raw, kind.schema.replace("io.k8s.", "k8s.io.", 1))
    except (IndexError, ValueError, struct.error) as error:
        raise NotProtobuf(f"unable to decode protobuf: {error}") from None
    return {**envelope.get("typeMeta", {}), **body}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def _message(data: bytes, message: str) -> Json:
    out: Json = {}
    fields, inlined, at = _by_number(message), _inlined(message), 0
    while at < len(data):
        tag, at = _varint(data, at)
        value, at = _wire(data, at, tag & 7)
        if tag >> 3 not in fields:
            continue
        name, (_, repeated, kind, inner) = fields[tag >> 3]
        read = _read(value, kind, inner)
        if name in inlined:
            out.update(read)
        elif repeated and inner.endswith("Entry") and set(messages().get(inner, {})) == {"key", "value"}:
            out.setdefault(name, {})[read.get("key", "")] = read.get("value", _empty(inner))
        elif repeated:
            out.setdefault(name, []).append(read)
        elif not _is_zero(read, name):
            out[name] = read
    return out


def _empty(entry: str) -> Any:
    kind, inner = messages()[entry]["value"][2:4]
    return "" if kind in (STRING, BYTES) or inner == QUANTITY else {}


def _is_zero(value: Any, name: str) -> bool:
    if value is None or value == "":
        return True
    return value in (0, False) and name not in POINTERS


def _wire(data: bytes, at: int, wire: int) -> tuple[Any, int]:
    if wire == 0:
        return _varint(data, at)
    if wire == 1:
        return data[at : at + 8], at + 8
    if wire == 5:
        return data[at : at + 4], at + 4
    if wire != 2:
        raise ValueError(f"unknown wire type {wire}")
    size, at = _varint(data, at)
    if at + size > len(data):
        raise ValueError("unexpected EOF")
    return data[at : at + size], at + size


def _read(value: Any, kind: int, inner: str) -> Any:
    match kind:
        case 9:
            return value.decode()
        case 12:
            return base64.b64encode(value).decode()
        case 8:
            return bool(value)
        case 1:
            return struct.unpack("<d", value)[0]
        case 11:
            return _object(value, inner)
        case _:
            return value - (1 << 64) if value >= 1 << 63 else value


def _object(value: bytes, inner: str) -> Any:
    if inner in TIMES:
        found = dict(_plain(value))
        if not found:
            return None
        moment = datetime.fromtimestamp(found.get(1, 0), UTC)
        whole = moment.strftime("%Y-%m-%dT%H:%M:%S")
        return f"{whole}.{found.get(2, 0) // 1000:06d}Z" if inner.endswith("MicroTime") else f"{whole}Z"
    if inner == QUANTITY:
        return dict(_plain(value)).get(1, b"0").decode() or "0"
    if inner == INT_OR_STRING:
        found = dict(_plain(value))
        return found[3].decode() if found.get(1) == 1 else _read(found.get(2, 0), 5, "")
    if inner in RAW:
        return json.loads(dict(_plain(value)).get(1, b"null"))
    if set(messages().get(inner, {})) == {"items"} and messages()[inner]["items"][2] == STRING:
        return [item.decode() for number, item in _plain(value) if number == 1]
    return _message(value, inner)


def _plain(data: bytes) -> list[tuple[int, Any]]:
    found, at = [], 0
    while at < len(data):
        tag, at = _varint(data, at)
        value, at = _wire(data, at, tag & 7)
        found.append((tag >> 3, value))
    return found


def encode(obj: Json, message: str) -> bytes:
    """An object as a client that accepts nothing but protobuf gets it; `message` as in `kind_message`."""
    meta = _field(1, _text(1, obj.get("apiVersion", "")) + _text(2, obj.get("kind", "")))
    body = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}
    return MAGIC + meta + _field(2, _encoded(body, message)) + _field(3, b"") + _field(4, b"")


def kind_message(kind: Kind, is_list: bool) -> str:
    return kind.schema.replace("io.k8s.", "k8s.io.", 1) + ("List" if is_list else "")


def _number(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(data)) + data


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _encoded(obj: Json, message: str) -> bytes:
    out = b""
    inlined = _inlined(message)
    for name, (number, repeated, kind, inner) in messages().get(message, {}).items():
        value = obj if name in inlined else obj.get(name)
        if value is None:
            continue
        if repeated and isinstance(value, dict):
            items: list[Any] = [{"key": key, "value": item} for key, item in value.items()]
        else:
            items = value if repeated and isinstance(value, list) else [value]
        for item in items:
            out += _one(number, kind, inner, item)
    return out


def _one(number: int, kind: int, inner: str, value: Any) -> bytes:
    if kind == STRING:
        return _text(number, str(value))
    if kind == BYTES:
        return _field(number, base64.b64decode(value))
    if kind == DOUBLE:
        return _number(number << 3 | 1) + struct.pack("<d", value)
    if kind != MESSAGE:
        return _number(number << 3) + _number(int(value))
    return _field(number, _inner(inner, value))


def _inner(inner: str, value: Any) -> bytes:
    if inner in TIMES:
        moment = datetime.fromisoformat(value)
        nanos = moment.microsecond * 1000
        return _number(1 << 3) + _number(int(moment.timestamp())) + _number(2 << 3) + _number(nanos)
    if inner == QUANTITY:
        return _text(1, str(value))
    if inner == INT_OR_STRING:
        text = isinstance(value, str)
        parts = _number(1 << 3) + _number(int(text)) + _number(2 << 3) + _number(0 if text else value)
        return parts + _text(3, value if text else "")
    if inner in RAW:
        return _field(1, json.dumps(value).encode())
    if isinstance(value, list):
        return b"".join(_text(1, item) for item in value)
    return _encoded(value, inner)
