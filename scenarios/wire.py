"""Read AWS requests and answers off the wire into the shapes that CloudTrail records show.

Names and shapes come from botocore's service models; what CloudTrail spells differently is in the tables below
(sources: the service user guides' pages "Logging API calls with CloudTrail" for EC2, S3, IAM, SQS, DynamoDB, Logs).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

SIGNATURE = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")

S3_EVENT_NAMES = {
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock",
    "PutBucketLifecycleConfiguration": "PutBucketLifecycle",
    "GetBucketLifecycleConfiguration": "GetBucketLifecycle",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
}

EC2_SETS = {
    "ResourceId": "resourcesSet",
    "InstanceId": "instancesSet",
    "Tag": "tagSet",
    "TagSpecification": "tagSpecificationSet",
    "SecurityGroupId": "groupSet",
}
"""EC2's query names of lists, as the names their sets have in a record."""


@dataclass(frozen=True)
class Scope:
    """The SigV4 credential scope of a request."""

    access_key: str
    region: str
    service: str


@dataclass(frozen=True)
class Call:
    """One request: botocore's operation name, CloudTrail's event name and requestParameters."""

    service: str
    region: str
    operation: str
    event_name: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One answer: CloudTrail's responseElements, or the error."""

    elements: dict[str, Any]
    error_code: str | None = None
    error_message: str | None = None


def scope_of(environ: Mapping[str, Any]) -> Scope | None:
    """The credential scope of a signed request, None for an unsigned one."""
    found = SIGNATURE.search(environ.get("HTTP_AUTHORIZATION", ""))
    return Scope(found["key"], found["region"], found["service"]) if found else None


@lru_cache
def service_model(service: str) -> Any:
    """botocore's ServiceModel of a service, by its signing name."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def read_call(scope: Scope, environ: Mapping[str, Any], body: bytes) -> Call | None:
    """The call a request makes, or None for a path that is no operation of the service."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        operation = target.rsplit(".", 1)[1]
        return Call(scope.service, scope.region, operation, operation, lower_camel(json.loads(body or b"{}")))
    if scope.service == "s3":
        return _read_s3(scope, environ, body)
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    operation = form.pop("Action", "")
    form.pop("Version", None)
    if not operation:
        return None
    tree = _unflatten(form)
    parameters = (
        _ec2(tree, operation) if scope.service == "ec2" else lower_camel(_typed(scope, operation, tree))
    )
    return Call(scope.service, scope.region, operation, operation, parameters)


def lower_first(name: str) -> str:
    """`GroupId` -> `groupId`, `ARN` -> `aRN`, the way CloudTrail does it for most services."""
    return name[:1].lower() + name[1:]


MAPS = frozenset({"attributes", "tags", "expressionAttributeValues", "expressionAttributeNames"})
"""Parameters whose keys are the caller's own words and stay as they were sent."""


def lower_camel(value: Any, keep: bool = False) -> Any:
    """`value` with its keys in lower camel case, but for the keys of maps."""
    if isinstance(value, dict):
        return {
            key if keep else lower_first(key): lower_camel(
                item, lower_first(key) in MAPS and isinstance(item, dict)
            )
            for key, item in value.items()
        }
    return [lower_camel(item) for item in value] if isinstance(value, list) else value


def _unflatten(form: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in form.items():
        *parents, last = name.split(".")
        node = tree
        for part in parents:
            node = node.setdefault(part, {})
        node[last] = value
    return tree


def _is_list(node: Any) -> bool:
    return isinstance(node, dict) and bool(node) and all(key.isdigit() for key in node)


def _members(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if set(node) == {"member"}:
        node = node["member"]
    if _is_list(node):
        return [_members(node[key]) for key in sorted(node, key=int)]
    return {key: _members(item) for key, item in node.items()}


def _typed(scope: Scope, operation: str, tree: dict[str, Any]) -> dict[str, Any]:
    """The parameters with whole numbers and booleans as such: a form has only text."""
    members = service_model(scope.service).operation_model(operation).input_shape.members
    kinds: dict[str, Callable[[str], Any]] = {"integer": int, "boolean": lambda text: text == "true"}
    result = {}
    for name, item in _members(tree).items():
        convert = kinds.get(members[name].type_name) if name in members else None
        result[name] = convert(item) if convert else item
    return result


def _ec2(tree: dict[str, Any], operation: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in tree.items():
        name = EC2_SETS.get(key, lower_first(key)) if _is_list(item) else lower_first(key)
        result[name] = _ec2_value(item, key)
    if operation == "RunInstances":
        names = ("imageId", "minCount", "maxCount", "keyName")
        result["instancesSet"] = {"items": [{key: result.pop(key) for key in names if key in result}]}
    return result


def _ec2_value(node: Any, name: str) -> Any:
    if _is_list(node):
        items = [_ec2_value(node[key], "") for key in sorted(node, key=int)]
        scalar = "groupId" if name == "SecurityGroupId" else lower_first(name)
        return {"items": [item if isinstance(item, dict) else {scalar: item} for item in items]}
    if isinstance(node, dict):
        # Inside an item, the list of tags is `tags`; only at the top is it a `tagSet`.
        return {
            "tags" if key == "Tag" else lower_first(key): _ec2_value(item, key) for key, item in node.items()
        }
    if node in {"true", "false"}:
        return node == "true"
    return int(node) if name in {"FromPort", "ToPort", "MinCount", "MaxCount"} else node


def _read_s3(scope: Scope, environ: Mapping[str, Any], body: bytes) -> Call | None:
    bucket, _, key = unquote(environ["PATH_INFO"]).lstrip("/").partition("/")
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    operation = _s3_operation(environ["REQUEST_METHOD"], bool(bucket), bool(key), query)
    if operation is None:
        return None
    parameters: dict[str, Any] = {"Host": f"s3.{scope.region}.amazonaws.com"}
    parameters |= {name: value for name, value in query.items() if name != "x-id"}
    if bucket:
        parameters["bucketName"] = bucket
    if key:
        parameters["key"] = key
    if operation == "PutBucketPolicy":
        parameters["bucketPolicy"] = json.loads(body)
    elif body and not key:
        root = ElementTree.fromstring(body)
        namespace, _, tag = root.tag.rpartition("}")
        content = _xml(root)
        if namespace and isinstance(content, dict):
            content["xmlns"] = namespace.lstrip("{")
        parameters[tag] = content
    return Call("s3", scope.region, operation, S3_EVENT_NAMES.get(operation, operation), parameters)


@lru_cache
def _s3_templates() -> list[tuple[str, bool, bool, frozenset[str], str]]:
    rows = []
    for name in service_model("s3").operation_names:
        http = service_model("s3").operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        names = frozenset(part.partition("=")[0] for part in query.split("&") if part)
        rows.append((http["method"], "{Bucket}" in path, "{Key" in path, names, name))
    old = {
        "GetBucketLifecycle",
        "PutBucketLifecycle",
        "GetBucketNotification",
        "PutBucketNotification",
        "ListObjects",
    }
    return sorted(
        (row for row in rows if row[4] not in old), key=lambda row: (-len(row[3] - {"x-id"}), row[4])
    )


def _s3_operation(method: str, bucket: bool, key: bool, query: Mapping[str, str]) -> str | None:
    for wanted, has_bucket, has_key, names, operation in _s3_templates():
        if (wanted, has_bucket, has_key) == (method, bucket, key) and names - {"x-id"} <= set(query):
            return operation
    return None


def _xml(node: ElementTree.Element) -> Any:
    if not len(node):
        text = node.text or ""
        return text == "true" if text in {"true", "false"} else text
    result: dict[str, Any] = {}
    for child in node:
        tag = child.tag.rpartition("}")[2]
        value = _xml(child)
        if tag in result:
            known = result[tag]
            result[tag] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            result[tag] = value
    return result


def read_reply(call: Call, status: int, headers: list[tuple[str, str]], body: bytes) -> Reply:
    """What the record shows of an answer; `elements` are the new ids and what else the service returned."""
    from botocore.parsers import create_parser

    model = service_model(call.service)
    shape = model.operation_model(call.operation).output_shape
    lowered = {name.lower(): value for name, value in headers}
    parser = create_parser(
        model.metadata["protocol"] if model.metadata["protocol"] != "smithy-rpc-v2-cbor" else "json"
    )
    parsed = parser.parse({"status_code": status, "headers": lowered, "body": body}, shape)
    parsed.pop("ResponseMetadata", None)
    if status >= 300:
        error = parsed.get("Error", {})
        return Reply({}, _error_code(call.service, error.get("Code", str(status))), error.get("Message", ""))
    plain = json.loads(json.dumps(parsed, default=_stamp))
    if call.service == "s3":
        return Reply({})
    if call.service == "ec2":
        return Reply({"requestId": "", **(_sets(plain, shape) or {"_return": True})})
    return Reply(lower_camel(plain))


def _error_code(service: str, code: str) -> str:
    if service == "ec2":
        return f"Client.{code}"
    return f"{code}Exception" if service == "iam" and not code.endswith("Exception") else code


def _stamp(value: Any) -> str:
    return value.strftime("%b %d, %Y %I:%M:%S %p") if hasattr(value, "strftime") else str(value)


def _sets(value: Any, shape: Any) -> Any:
    """EC2's answer under its XML names (`instancesSet`, `_return`), which are the names of a record."""
    if isinstance(value, dict) and shape is not None and shape.type_name == "structure":
        result = {}
        for key, item in value.items():
            member = shape.members[key]
            name = member.serialization.get("name", lower_first(key))
            result["_return" if name == "return" else name] = _sets(item, member)
        return result
    return (
        {"items": [_sets(item, shape.member) for item in value]}
        if isinstance(value, list) and shape is not None
        else value
    )
