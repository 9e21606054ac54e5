"""Read AWS requests and answers off the wire: which operation it is, and its parameters under the API's own names.

Names and protocols come from botocore's service models, and moto's request parsers read the bodies. How CloudTrail
spells what is read here is `trail_shapes`'s affair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lamplighter.scenarios import trail_shapes
from lamplighter.scenarios.trail_shapes import Call, Reply

SIGNATURE = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")

MODELS = {
    "monitoring": "cloudwatch",
    "elasticfilesystem": "efs",
    "elasticloadbalancing": "elbv2",
}
"""botocore's model of a service whose signing name is another. An application load balancer is `elbv2`; the sandbox
has no classic ones."""


_COPIED = {("CopyObject", False): "PutObject", ("UploadPart", True): "UploadPartCopy"}
"""S3's operations of one path that only a header tells apart: whether the object is a copy of another."""


@dataclass(frozen=True)
class Scope:
    """The SigV4 credential scope of a request; `service` is the signing name, which CloudTrail's eventSource has."""

    access_key: str
    region: str
    service: str


def scope_of(environ: Mapping[str, Any]) -> Scope | None:
    """The credential scope of a signed request, None for an unsigned one."""
    found = SIGNATURE.search(environ.get("HTTP_AUTHORIZATION", ""))
    return Scope(found["key"], found["region"], found["service"]) if found else None


@lru_cache
def service_model(name: str) -> Any:
    """moto's subclass of botocore's ServiceModel, by botocore's service name."""
    from botocore.loaders import Loader
    from moto.core.model import ServiceModel

    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


def read_call(scope: Scope, environ: Mapping[str, Any], body: bytes) -> Call | None:
    """The call a request makes, or None for a path that is no operation of the service."""
    path = environ.get("PATH_INFO", "")
    name = MODELS.get(scope.service, scope.service)
    if name == "apigateway" and path.startswith("/v2/"):
        name = "apigatewayv2"
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    target = environ.get("HTTP_X_AMZ_TARGET")
    captured: dict[str, str] = {}
    cbor = path.startswith("/service/")
    if target:
        operation = target.rsplit(".", 1)[1]
    elif cbor:
        operation = path.rsplit("/", 1)[1]
    elif service_model(name).metadata["protocol"].startswith("rest"):
        found = _rest_operation(name, environ["REQUEST_METHOD"], _raw_path(environ), query)
        if found is None:
            return None
        operation, captured = found
        operation = _COPIED.get((operation, "HTTP_X_AMZ_COPY_SOURCE" in environ), operation)
    else:
        query |= dict(parse_qsl(body.decode(), keep_blank_values=True))
        operation = query.get("Action", "")
        if not operation:
            return None
    protocol = "json" if target else "cbor" if cbor else service_model(name).metadata["protocol"]
    protocol = "query" if protocol == "smithy-rpc-v2-cbor" else protocol
    typed = _typed(name, operation, protocol, environ, body, query, captured)
    call = Call(name, scope.service, scope.region, operation, typed, query, body, path)
    return trail_shapes.shaped(call)


def _raw_path(environ: Mapping[str, Any]) -> str:
    """The path with its escapes: `%2F` is part of a label, `/` ends one."""
    raw = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ.get("PATH_INFO", ""))
    return urlsplit(raw).path if "://" in raw[:8] else raw.partition("?")[0]


@lru_cache
def _templates(name: str) -> list[tuple[str, re.Pattern[str], frozenset[str], str]]:
    rows = []
    model = service_model(name)
    for operation in model.operation_names:
        http = model.operation_model(operation).http
        path, _, query = http["requestUri"].partition("?")
        if name == "s3":
            path = path if path.startswith("/{Bucket}") else "/{Bucket}" + path if "{" in path else path
        pattern = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", re.escape(path))
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern)
        names = frozenset(part.partition("=")[0] for part in query.split("&") if part) - {"x-id"}
        rows.append((http["method"], re.compile(f"^{pattern.rstrip('/')}/?$"), names, operation))
    # The most demanding template first; of two alike, the newer name (S3's old ones have no body of their own).
    old = trail_shapes.S3_SUPERSEDED if name == "s3" else frozenset()
    return sorted(
        (row for row in rows if row[3] not in old),
        key=lambda row: (-len(row[2]), row[1].pattern.count("?P<"), row[3]),
    )


def _rest_operation(
    name: str, method: str, path: str, query: Mapping[str, str]
) -> tuple[str, dict[str, str]] | None:
    for wanted, pattern, names, operation in _templates(name):
        if wanted == method and names <= query.keys() and (found := pattern.match(path)):
            return operation, {key: unquote(value) for key, value in found.groupdict().items()}
    return None


def _typed(
    name: str,
    operation: str,
    protocol: str,
    environ: Mapping[str, Any],
    body: bytes,
    query: Mapping[str, str],
    captured: Mapping[str, str],
) -> dict[str, Any]:
    """The parameters with their types, under the names the API reference has."""
    from moto.core.parse import PROTOCOL_PARSERS
    from werkzeug.datastructures import EnvironHeaders, MultiDict

    model = service_model(name).operation_model(operation)
    if model.input_shape is None:
        return {}
    if protocol == "cbor":
        return _cbor(body)
    if name == "s3" and operation in {"PutObject", "UploadPart"}:
        body = b""
    parsed = PROTOCOL_PARSERS[protocol](
        model, timestamp_parser=trail_shapes.request_time, blob_parser=lambda value: value
    ).parse(
        {
            "method": environ["REQUEST_METHOD"],
            "values": MultiDict(query),
            "headers": EnvironHeaders(dict(environ)),
            "body": body,
            "url_path": environ.get("PATH_INFO", ""),
            "url_params": dict(captured),
        }
    )
    return dict(parsed or {})


def _cbor(body: bytes) -> dict[str, Any]:
    from botocore.parsers import BaseCBORParser

    if not body:
        return {}
    stream = BaseCBORParser().get_peekable_stream_from_bytes(body)
    decoded: dict[str, Any] = BaseCBORParser().parse_data_item(stream)
    return decoded


def read_reply(
    call: Call, status: int, headers: list[tuple[str, str]], body: bytes, now: datetime | None = None
) -> Reply:
    """What the record shows of an answer; `elements` are the new ids and what else the service returned.

    Times that moto took from this machine's clock become `now`.
    """
    from botocore.parsers import create_parser

    model = service_model(call.model)
    shape = model.operation_model(call.operation).output_shape
    lowered = {name.lower(): value for name, value in headers}
    protocol = model.metadata["protocol"]
    if protocol == "smithy-rpc-v2-cbor":
        # Such a service speaks the older protocols too; moto's content types do not always say which.
        protocol = {b"{": "json", b"<": "query"}.get(body[:1], protocol)
    parsed = create_parser(protocol).parse({"status_code": status, "headers": lowered, "body": body}, shape)
    parsed.pop("ResponseMetadata", None)
    if status >= 300:
        error = parsed.get("Error", {})
        return trail_shapes.failure(call, error.get("Code") or str(status), error.get("Message") or "")
    if any(hasattr(value, "read") for value in parsed.values()):
        return Reply({})
    return trail_shapes.answered(call, parsed, shape, now)
