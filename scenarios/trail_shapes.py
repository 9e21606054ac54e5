"""How CloudTrail spells what a call asked and what was answered.

CloudTrail's records show requestParameters and responseElements under names that differ from service to service.
The rules here come from published records and from the guides' pages "Logging ... API calls with AWS CloudTrail";
`tests/scenarios/published` holds a published shape for every family, with its source.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"


@dataclass(frozen=True)
class Call:
    """One request: `model` is botocore's service name, `service` the signing name, as in `eventSource`."""

    model: str
    service: str
    region: str
    operation: str
    typed: dict[str, Any]
    """Parameters under the API's names."""
    query: dict[str, str]
    body: bytes
    path: str
    event_name: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    """CloudTrail's requestParameters."""


@dataclass(frozen=True)
class Reply:
    """One answer: CloudTrail's responseElements, or the error."""

    elements: dict[str, Any]
    error_code: str | None = None
    error_message: str | None = None


LAMBDA_SUFFIXES = {
    "AddLayerVersionPermission": "20181031",
    "AddPermission": "20150331v2",
    "CreateAlias": "20150331",
    "CreateEventSourceMapping": "20150331",
    "CreateFunction": "20150331",
    "DeleteAlias": "20150331",
    "DeleteEventSourceMapping": "20150331",
    "DeleteFunction": "20150331",
    "DeleteFunctionConcurrency": "20171031",
    "DeleteLayerVersion": "20181031",
    "GetAlias": "20150331",
    "GetEventSourceMapping": "20150331",
    "GetFunction": "20150331v2",
    "GetFunctionConfiguration": "20150331v2",
    "GetLayerVersion": "20181031",
    "GetPolicy": "20150331v2",
    "ListFunctions": "20150331",
    "ListTags": "20170331",
    "ListVersionsByFunction": "20150331",
    "PublishLayerVersion": "20181031",
    "PublishVersion": "20150331",
    "PutFunctionConcurrency": "20171031",
    "RemovePermission": "20150331v2",
    "TagResource": "20170331v2",
    "UntagResource": "20170331v2",
    "UpdateAlias": "20150331",
    "UpdateEventSourceMapping": "20150331",
    "UpdateFunctionCode": "20150331v2",
    "UpdateFunctionConfiguration": "20150331v2",
}
"""Lambda's event names carry the API's date (Lambda developer guide, "Logging AWS Lambda API calls")."""

S3_EVENT_NAMES = {
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock",
    "PutBucketLifecycleConfiguration": "PutBucketLifecycle",
    "GetBucketLifecycleConfiguration": "GetBucketLifecycle",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
}
S3_SUPERSEDED = frozenset(
    {
        "GetBucketLifecycle",
        "PutBucketLifecycle",
        "GetBucketNotification",
        "PutBucketNotification",
        "ListObjects",
    }
)

SECRETS: dict[tuple[str, str], Any] = {
    ("secretsmanager", "secretString"): None,
    ("secretsmanager", "secretBinary"): None,
    ("ssm", "value"): HIDDEN,
    ("lambda", "code"): {},
    ("lambda", "zipFile"): None,
    ("rds", "masterUserPassword"): HIDDEN,
    ("iam", "password"): None,
    ("ec2", "userData"): "<sensitiveDataRemoved>",
}
"""What a record shows in place of a secret; None where the field is left out."""

DEFAULTS: dict[tuple[str, str], dict[str, Any]] = {
    ("ec2", "RunInstances"): {
        "blockDeviceMapping": {},
        "disableApiStop": False,
        "disableApiTermination": False,
        "monitoring": {"enabled": False},
    },
    ("ec2", "StopInstances"): {"force": False},
    ("ec2", "TerminateInstances"): {"force": False, "skipOsShutdown": False},
    ("ec2", "AttachVolume"): {"deleteOnTermination": False},
    ("ec2", "CreateNetworkAclEntry"): {"icmpTypeCode": {}, "portRange": {}},
    ("rds", "ModifyDBInstance"): {"allowMajorVersionUpgrade": False},
    ("rds", "DeleteDBInstance"): {"deleteAutomatedBackups": True},
    ("sns", "Subscribe"): {"returnSubscriptionArn": False},
    ("lambda", "CreateFunction"): {"publish": False},
    ("lambda", "UpdateFunctionCode"): {"publish": False, "dryRun": False},
    ("lambda", "UpdateFunctionConfiguration"): {"environment": {}},
    ("events", "DeleteRule"): {"force": False},
    ("kms", "PutKeyPolicy"): {"bypassPolicyLockoutSafetyCheck": False},
    ("kms", "CreateKey"): {
        "description": "",
        "keyUsage": "ENCRYPT_DECRYPT",
        "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "origin": "AWS_KMS",
        "bypassPolicyLockoutSafetyCheck": False,
    },
}
"""Parameters that a record shows with their default though the caller left them out."""

NULL_ANSWERS: dict[str, frozenset[str]] = {
    "dynamodb": frozenset({"TagResource", "UntagResource"}),
    "events": frozenset({"PutTargets"}),
}
"""Calls whose answer is not shown though the service gives one."""


def lower_first(name: str) -> str:
    """`GroupId` -> `groupId`, `ARN` -> `aRN`, `DBName` -> `dBName`: only the first letter."""
    return name[:1].lower() + name[1:]


def request_time(value: Any) -> str:
    """A timestamp of a request as records show it."""
    from botocore.utils import parse_timestamp

    return str(parse_timestamp(value).strftime("%b %-d, %Y, %-I:%M:%S %p"))


def shaped(call: Call) -> Call:
    """The call with its event name and requestParameters."""
    name = call.operation
    if call.model == "lambda":
        name += LAMBDA_SUFFIXES.get(call.operation, "")
    elif call.model == "s3":
        name = S3_EVENT_NAMES.get(name, name)
    elif call.model == "cloudfront":
        name += "2020_05_31"
    special = SHAPERS.get(call.model)
    parameters = special(call) if special else _camel(call.typed, _input_shape(call))
    parameters = DEFAULTS.get((call.model, call.operation), {}) | parameters
    return replace(call, event_name=name, parameters=_without_secrets(call.model, parameters))


def _input_shape(call: Call) -> Any:
    from lamplighter.scenarios.wire import service_model

    return service_model(call.model).operation_model(call.operation).input_shape


def _camel(value: Any, shape: Any = None) -> Any:
    """`value` with the names of structures in lower camel case; the keys of maps are the caller's words and stay."""
    kind = getattr(shape, "type_name", "")
    if isinstance(value, dict):
        if kind == "map":
            return {key: _camel(item, shape.value) for key, item in value.items()}
        members = shape.members if kind == "structure" else {}
        return {lower_first(key): _camel(item, members.get(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_camel(item, shape.member if kind == "list" else None) for item in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _without_secrets(model: str, parameters: dict[str, Any]) -> dict[str, Any]:
    result = dict(parameters)
    for (service, name), shown in SECRETS.items():
        if service == model and name in result:
            del result[name]
            if shown is not None:
                result[name] = shown
    if model == "lambda":
        for name in ("environment", "content"):
            if name in result:
                result[name] = {}
    return result


# EC2 ---------------------------------------------------------------------------------------------------------------

EC2_SETS = {
    "ResourceId": "resourcesSet",
    "InstanceId": "instancesSet",
    "Tag": "tagSet",
    "TagSpecification": "tagSpecificationSet",
    "SecurityGroupId": "groupSet",
    "GroupId": "groupSet",
    "SecurityGroupRuleId": "securityGroupRuleIds",
    "IpPermissions": "ipPermissions",
}
"""EC2's query names of lists, as the names their sets have in a record."""

EC2_NUMBERS = frozenset(
    {"FromPort", "ToPort", "MinCount", "MaxCount", "From", "To", "RuleNumber", "Iops", "Type", "Code"}
)

EC2_NAMES = {
    ("CreateVolume", "AvailabilityZone"): "zone",
    ("CreateNetworkAclEntry", "Protocol"): "aclProtocol",
    ("ReplaceNetworkAclEntry", "Protocol"): "aclProtocol",
}
"""Parameters whose name in a record is not their query name."""

EC2_RULE_PARTS = ("groups", "ipRanges", "ipv6Ranges", "prefixListIds")
"""Members of an `ipPermissions` item that are always there, empty or not."""

EC2_WRAPPED = frozenset(
    {
        "CreateFlowLogs",
        "CreateLaunchTemplate",
        "CreateLaunchTemplateVersion",
        "CreateNatGateway",
        "CreateVpcEndpoint",
        "DeleteFlowLogs",
        "DeleteLaunchTemplate",
        "DeleteNatGateway",
        "DeleteVpcEndpoints",
        "ModifyInstanceMetadataOptions",
        "ModifyLaunchTemplate",
        "ModifySecurityGroupRules",
        "ModifyVolume",
        "ModifyVpcEndpoint",
    }
)
"""Newer calls: the request stands under `<Operation>Request` with its own capital names, the answer under
`<Operation>Response`; members of a list carry their place as `tag`."""


def _unflatten(form: dict[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in form.items():
        if name in {"Action", "Version"}:
            continue
        *parents, last = name.split(".")
        node = tree
        for part in parents:
            node = node.setdefault(part, {})
        node[last] = value
    return tree


def _is_list(node: Any) -> bool:
    return isinstance(node, dict) and bool(node) and all(key.isdigit() for key in node)


def _scalar(text: str, name: str) -> Any:
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if name in EC2_NUMBERS and text.lstrip("-").isdigit() else text


def _ec2(call: Call) -> dict[str, Any]:
    tree = _unflatten(call.query)
    if call.operation in EC2_WRAPPED:
        return {f"{call.operation}Request": _tagged(tree)}
    result: dict[str, Any] = {}
    for key, item in tree.items():
        name = EC2_SETS.get(key, lower_first(key)) if _is_list(item) else lower_first(key)
        result[EC2_NAMES.get((call.operation, key), name)] = _ec2_value(item, key)
    for rule in result.get("ipPermissions", {}).get("items", ()):
        for part in EC2_RULE_PARTS:
            rule.setdefault(part, {})
    if call.operation == "RunInstances":
        names = ("imageId", "minCount", "maxCount", "keyName")
        result["instancesSet"] = {"items": [{key: result.pop(key) for key in names if key in result}]}
    return result


def _ec2_value(node: Any, name: str) -> Any:
    if _is_list(node):
        items = [_ec2_value(node[key], "") for key in sorted(node, key=int)]
        scalar = "groupId" if name == "SecurityGroupId" else lower_first(name)
        return {"items": [item if isinstance(item, dict) else {scalar: item} for item in items]}
    if isinstance(node, dict):
        # At the top, tags are a `tagSet` with items; inside a specification they are a plain list.
        return {
            "tags" if key == "Tag" else lower_first(key): (
                _ec2_value(item, key)["items"] if key == "Tag" and _is_list(item) else _ec2_value(item, key)
            )
            for key, item in node.items()
        }
    return _scalar(node, name)


def _tagged(node: Any, name: str = "") -> Any:
    """A list as its members under the list's name, each with its place; one member stands alone."""
    if _is_list(node):
        members = []
        for key in sorted(node, key=int):
            member = _tagged(node[key], name)
            body = member if isinstance(member, dict) else {"content": member}
            members.append({**body, "tag": int(key)})
        return members[0] if len(members) == 1 else members
    if isinstance(node, dict):
        return {key: _tagged(item, key) for key, item in node.items()}
    return _scalar(node, name)


def _ec2_answer(call: Call, plain: dict[str, Any], shape: Any) -> Reply:
    if call.operation in EC2_WRAPPED:
        body = _sets(plain, shape, wrapped=True) or {"return": True}
        xmlns = "http://ec2.amazonaws.com/doc/2016-11-15/"
        return Reply({f"{call.operation}Response": {"xmlns": xmlns, "requestId": "", **body}})
    return Reply({"requestId": "", **(_sets(plain, shape) or {"_return": True})})


def _sets(value: Any, shape: Any, wrapped: bool = False) -> Any:
    """EC2's answer under its XML names (`instancesSet`, `_return`), which are the names of a record."""
    if isinstance(value, dict) and shape is not None and shape.type_name == "structure":
        result = {}
        for key, item in value.items():
            member = shape.members[key]
            name = member.serialization.get("name", lower_first(key))
            if name == "return" and not wrapped:
                name = "_return"
            result[name] = "" if wrapped and item == [] else _sets(item, member, wrapped)
        return result
    if isinstance(value, list) and shape is not None:
        items = [_sets(item, shape.member, wrapped) for item in value]
        if not wrapped:
            return {"items": items} if items else {}
        places = [
            {**(item if isinstance(item, dict) else {"content": item}), "tag": number}
            for number, item in enumerate(items, 1)
        ]
        return {"item": places[0] if len(places) == 1 else places}
    return value


# S3 and Route 53 -----------------------------------------------------------------------------------------------------


def _s3(call: Call) -> dict[str, Any]:
    bucket, _, key = unquote(call.path).lstrip("/").partition("/")
    host = f"s3.{call.region}.amazonaws.com"
    parameters: dict[str, Any] = {"Host": f"{bucket}.{host}" if bucket else host}
    parameters |= {name: value for name, value in call.query.items() if name != "x-id"}
    if bucket:
        parameters["bucketName"] = bucket
    if key:
        parameters["key"] = key
    if call.operation == "PutBucketPolicy":
        parameters["bucketPolicy"] = json.loads(call.body)
    elif call.body and not key:
        root = ElementTree.fromstring(call.body)
        namespace, _, tag = root.tag.rpartition("}")
        content = _xml(root)
        if namespace and isinstance(content, dict):
            content["xmlns"] = namespace.lstrip("{")
        parameters[tag] = content
    return parameters


def _xml(node: ElementTree.Element) -> Any:
    if not len(node):
        text = node.text or ""
        if text in {"true", "false"}:
            return text == "true"
        return int(text) if text.isdigit() and node.tag.rpartition("}")[2] in S3_NUMBERS else text
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


S3_NUMBERS = frozenset({"Days", "NoncurrentDays", "DaysAfterInitiation", "MaxAgeSeconds", "Years"})


def _apigateway(call: Call) -> dict[str, Any]:
    """REST APIs: path parameters as they are, the body under `<operation>Input`, and `template`."""
    shape = _input_shape(call)
    inside = {
        key: value for key, value in call.typed.items() if "location" not in shape.members[key].serialization
    }
    outside = {key: value for key, value in call.typed.items() if key not in inside}
    result = _camel(outside, shape)
    if inside:
        result[f"{lower_first(call.operation)}Input"] = _camel(inside, shape)
    return {**result, "template": False}


SHAPERS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "ec2": _ec2,
    "s3": _s3,
    "apigateway": _apigateway,
}


# Answers -----------------------------------------------------------------------------------------------------------


def answered(call: Call, parsed: dict[str, Any], shape: Any, now: datetime | None = None) -> Reply:
    """responseElements of a call that was accepted."""

    def plain_value(value: Any) -> str | int:
        if isinstance(value, datetime):
            return _stamp(_of_the_sandbox(value, now), call.model)
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

    plain = json.loads(json.dumps(parsed, default=plain_value))
    if call.model == "s3" or call.operation in NULL_ANSWERS.get(call.model, ()):
        return Reply({})
    if call.model == "ec2":
        return _ec2_answer(call, plain, shape)
    elements = _camel(plain, shape)
    if call.model in {"rds", "elasticache", "autoscaling"} and len(elements) == 1:
        (only,) = elements.values()
        elements = only if isinstance(only, dict) else elements
    if call.model == "iam":
        elements.get("accessKey", {}).pop("secretAccessKey", None)
    if call.model == "lambda" and isinstance(elements.get("environment"), dict):
        elements["environment"] = {}
    if call.model == "lambda" and now is not None and "lastModified" in elements:
        # A text in moto's answer, of this machine's clock.
        elements["lastModified"] = now.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return Reply(elements)


def failure(call: Call, code: str, message: str) -> Reply:
    """errorCode and errorMessage of a call that was refused."""
    code = code.rpartition("#")[2]
    if call.model == "ec2" and not code.startswith(("Client.", "Server.")):
        code = f"Client.{code}"
    elif call.model == "iam" and not code.endswith(("Exception", "Denied")):
        code = f"{code}Exception"
    return Reply({}, code, message)


def _of_the_sandbox(value: datetime, now: datetime | None) -> datetime:
    """moto stamps with this machine's clock; a record must show the sandbox's."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    recent = abs(datetime.now(UTC) - aware) < timedelta(days=1)
    return now if now is not None and recent else value


def _stamp(value: datetime, model: str) -> str | int:
    """EC2 shows milliseconds, REST services ISO 8601, the others words; IAM, RDS and STS without a second comma."""
    if model == "ec2":
        return int(value.timestamp() * 1000)
    if model in {"lambda", "apigateway", "apigatewayv2", "scheduler", "backup"}:
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    comma = "" if model in {"iam", "rds", "sts", "elasticache", "autoscaling"} else ","
    return value.strftime(f"%b %-d, %Y{comma} %-I:%M:%S %p")
