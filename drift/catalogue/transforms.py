"""The closed set of value transforms that a catalogue path may name, and how a path is looked up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from lamplighter.drift.values import HIDDEN

_PROTOCOLS = {"-1": "-1", "all": "-1", "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}
_ROUTE_TARGETS = (
    "gatewayId",
    "natGatewayId",
    "transitGatewayId",
    "vpcPeeringConnectionId",
    "vpcEndpointId",
    "networkInterfaceId",
    "egressOnlyInternetGatewayId",
    "localGatewayId",
    "carrierGatewayId",
    "coreNetworkArn",
    "instanceId",
)
_QUEUE_HOSTS = (
    (re.compile(r"//([a-z0-9-]+)\.queue\.amazonaws\.com/"), r"//sqs.\1.amazonaws.com/"),
    (re.compile(r"//queue\.amazonaws\.com/"), "//sqs.us-east-1.amazonaws.com/"),
    (re.compile(r"//[a-z0-9-]+\.sqs\.([a-z0-9-]+)\.vpce\.amazonaws\.com/"), r"//sqs.\1.amazonaws.com/"),
)
"""The endpoints that SQS had before, which still serve (Amazon SQS, "Legacy endpoints"), and those of VPC endpoints."""


def protocol(value: Any) -> Any:
    """An IP protocol by its name where it has one (IANA protocol numbers): `6` -> `tcp`; `-1` is any."""
    return _PROTOCOLS.get(str(value).lower(), str(value).lower())


def variables(value: Any) -> Any:
    """The parameters of a call on a function's configuration -> the environment's variables.

    Records say `environment: {}` whether or not any were given, and never which (AWS Lambda developer guide, "Logging
    AWS Lambda API calls using AWS CloudTrail"): only a call that sets nothing else must have set them.
    """
    environment = value.get("environment") if isinstance(value, Mapping) else None
    if not isinstance(environment, Mapping):
        return None
    alone = value.keys() <= {"functionName", "environment", "revisionId"}
    return environment.get("variables", HIDDEN if alone else None)


def policy(value: Any) -> Any:
    """A policy document, JSON text that may be URL-encoded -> the parsed document; other values as they are."""
    if not isinstance(value, str):
        return value
    text = unquote(value) if value.lstrip().startswith("%7B") else value
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return value


def number(value: Any) -> Any:
    """`"300"` -> 300."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value) else value


def boolean(value: Any) -> Any:
    """`"true"` -> True."""
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def basename(value: Any) -> Any:
    """The last part of a path, URL or ARN."""
    return re.split(r"[/:]", value)[-1] if isinstance(value, str) else value


def log_group(value: Any) -> Any:
    """The ARN of a log group without the `:*` that some answers end in -> the group's name; names as they are."""
    text = value.removesuffix(":*") if isinstance(value, str) else value
    return text.partition(":log-group:")[2] if isinstance(text, str) and ":log-group:" in text else text


def queue_url(value: Any) -> Any:
    """A queue's URL with the host that the service gives today."""
    for pattern, host in _QUEUE_HOSTS if isinstance(value, str) else ():
        value = pattern.sub(host, value)
    return value


def function(value: Any) -> Any:
    """A Lambda function's name, ARN or partial ARN (`ACCOUNT:function:NAME[:QUALIFIER]`) -> its name."""
    if not isinstance(value, str) or ":" not in value:
        return value
    parts = value.split(":")
    return parts[parts.index("function") + 1] if "function" in parts[:-1] else parts[0]


def zone(value: Any) -> Any:
    """A record's name as the state has it: without the last dot, `\\\\052` for the wildcard."""
    return value.rstrip(".").replace("\\052", "*").lower() if isinstance(value, str) else value


def unquoted(value: Any) -> Any:
    """The text of a TXT record without the quotes that the state leaves out."""
    return (
        value[1:-1] if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"' else value
    )


def words(value: Any) -> Any:
    """`"subnet-1,subnet-2"` -> a list of both."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def tags(value: Any) -> Any:
    """A list of `{key, value}` in any of the services' spellings -> a map."""
    if isinstance(value, dict) and not {"key", "Key", "tagKey", "items"} & value.keys():
        return value
    found: dict[str, Any] = {}
    for item in listed(value):
        if isinstance(item, Mapping):
            key = next((item[name] for name in ("key", "Key", "tagKey") if name in item), None)
            if isinstance(key, str):
                found[key] = next((item[name] for name in ("value", "Value", "tagValue") if name in item), "")
    return found


def tag_keys(value: Any) -> Any:
    """Keys of tags that go away, as text, as `{key}` or as the keys of a map -> a map of None."""
    if isinstance(value, dict) and not {"key", "Key", "tagKey", "items"} & value.keys():
        return dict.fromkeys(value)
    keys = [
        next((item[name] for name in ("key", "Key", "tagKey") if name in item), None)
        if isinstance(item, Mapping)
        else item
        for item in listed(value)
    ]
    return {key: None for key in keys if isinstance(key, str)}


def named(value: Any) -> Any:
    """A list of `{name, value}` -> a map."""
    pairs = [item for item in listed(value) if isinstance(item, Mapping)]
    return {str(item.get("name")): item.get("value") for item in pairs}


def snake(name: str) -> str:
    """`PathPrefix`, `dBName` -> `path_prefix`, `db_name`."""
    text = name[:1].upper() + name[1:]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text).lower()


def blocks(value: Any) -> Any:
    """A list of structures -> blocks as a state holds them: names in snake case, a structure as a list of one."""
    return [_block(item) for item in listed(value)]


def _block(value: Any) -> Any:
    if isinstance(value, Mapping):
        inner = {snake(str(key)): item for key, item in value.items() if key not in ("xmlns", "xmlns:xsi")}
        return {
            key: [_block(item)] if isinstance(item, Mapping) else _block(item) for key, item in inner.items()
        }
    return [_block(item) for item in value] if isinstance(value, list) else value


def permissions(value: Any) -> Any:
    """EC2 `ipPermissions` -> one `{protocol, from_port, to_port, source}` a source."""
    return [atom for item in listed(value) if isinstance(item, Mapping) for atom in _atoms(item)]


def _atoms(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name = protocol(item.get("ipProtocol", ""))
    base = {
        "protocol": name,
        "from_port": 0 if name == "-1" else item.get("fromPort", 0),
        "to_port": 0 if name == "-1" else item.get("toPort", 0),
    }
    tables = {
        "ipRanges": "cidrIp",
        "ipv6Ranges": "cidrIpv6",
        "groups": "groupId",
        "prefixListIds": "prefixListId",
    }
    for table, field in tables.items():
        for source in listed(item.get(table)):
            if isinstance(source, Mapping) and isinstance(source.get(field), str):
                yield {**base, "source": source[field]}
    for field in ("cidrIp", "cidrIpv4", "cidrIpv6", "referencedGroupId", "prefixListId"):
        if isinstance(item.get(field), str):
            yield {**base, "source": item[field]}


def flat_permission(value: Any) -> Any:
    """The legacy flat form of EC2 rules, whose fields stand in requestParameters themselves."""
    return (
        list(_atoms(value)) if isinstance(value, Mapping) and isinstance(value.get("cidrIp"), str) else None
    )


def route(value: Any) -> Any:
    """The parameters of a call on a route -> the id of where it leads; None when they name none."""
    fields = value if isinstance(value, Mapping) else {}
    return next((fields[name] for name in _ROUTE_TARGETS if isinstance(fields.get(name), str)), None)


def acl_entry(value: Any) -> Any:
    """The parameters of a call on a network ACL's entry -> `{protocol, action, cidr, ports, icmp}`, as a member."""
    if not isinstance(value, Mapping):
        return None
    name = protocol(value.get("aclProtocol", value.get("protocol", "")))
    ports, icmp = value.get("portRange"), value.get("icmpTypeCode")
    ports, icmp = (item if isinstance(item, Mapping) else {} for item in (ports, icmp))
    return {
        "protocol": name,
        "action": value.get("ruleAction"),
        "cidr": value.get("cidrBlock") or value.get("ipv6CidrBlock"),
        "from_port": ports.get("from", 0),
        "to_port": ports.get("to", 0),
        "icmp_type": icmp.get("type", 0) if name.startswith("icmp") else 0,
        "icmp_code": icmp.get("code", 0) if name.startswith("icmp") else 0,
    }


def arn(value: Any) -> Any:
    """An ARN as it is; None for a bare name, which another resource's id could be."""
    return value if isinstance(value, str) and value.startswith("arn:") else None


def secret_name(value: Any) -> Any:
    """A secret's ARN without the hyphen and six characters that AWS appends -> its name; names as they are."""
    found = (
        re.fullmatch(r"arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.+)-.{6}", value)
        if isinstance(value, str)
        else None
    )
    return found[1] if found else value


def text(value: Any) -> Any:
    """7 -> `"7"`, for what a state holds as text."""
    return str(value) if isinstance(value, int) else value


def present(value: Any) -> Any:
    """An element without content (`<EventBridgeConfiguration/>`) -> True."""
    return value is not None


def empty(value: Any) -> Any:
    """Whether an element holds nothing but its name space."""
    fields = value.keys() if isinstance(value, Mapping) else {"text"} if value else set()
    return not fields - {"xmlns", "xmlns:xsi"}


def first(value: Any) -> Any:
    """The one value of a header, which a record shows as a list."""
    return value[0] if isinstance(value, list) and value else value


def cors_rules(value: Any) -> Any:
    """S3's CORS rules: their lists, each element a value, under the provider's names."""
    names = {
        "AllowedHeader": "allowed_headers",
        "AllowedMethod": "allowed_methods",
        "AllowedOrigin": "allowed_origins",
        "ExposeHeader": "expose_headers",
    }
    rules = [item for item in listed(value) if isinstance(item, Mapping)]
    return [
        {names.get(key, snake(key)): listed(item) if key in names else item for key, item in rule.items()}
        for rule in rules
    ]


def notifications(value: Any) -> Any:
    """S3's notifications of one kind -> `{id, events, ..._arn, filter_prefix, filter_suffix}`."""
    found: list[Any] = []
    for item in listed(value):
        if isinstance(item, Mapping):
            block = {
                _NOTIFIED.get(key, snake(key)): part
                for key, part in item.items()
                if key not in ("Event", "Filter")
            }
            key = item["Filter"].get("S3Key") if isinstance(item.get("Filter"), Mapping) else None
            rules = listed(key.get("FilterRule")) if isinstance(key, Mapping) else []
            named_rules = [rule for rule in rules if isinstance(rule, Mapping)]
            block |= {f"filter_{str(rule.get('Name')).lower()}": rule.get("Value") for rule in named_rules}
            found.append({**block, "events": listed(item.get("Event"))})
    return found


_NOTIFIED = {"Queue": "queue_arn", "Topic": "topic_arn", "CloudFunction": "lambda_function_arn"}


def grants(value: Any) -> Any:
    """S3's grants -> blocks of `grantee` and `permission`, as a state holds them."""
    found: list[Any] = []
    for item in listed(value):
        grantee = item.get("Grantee") if isinstance(item, Mapping) else None
        if isinstance(item, Mapping) and isinstance(grantee, Mapping):
            who = {
                "id": grantee.get("ID"),
                "uri": grantee.get("URI"),
                "type": grantee.get("xsi:type", grantee.get("Type")),
            }
            found.append({"grantee": [who], "permission": item.get("Permission")})
    return found


def listed(value: Any) -> list[Any]:
    """The members of a list however it is spelt: a list, `{"items": [...]}`, `{"item": ...}`, or the only member."""
    if isinstance(value, Mapping):
        for name in ("items", "item"):
            if name in value:
                return listed(value[name])
        return [value] if value else []
    return list(value) if isinstance(value, list) else [] if value is None else [value]


TRANSFORMS: Mapping[str, Callable[[Any], Any]] = {
    transform.__name__: transform
    for transform in (
        acl_entry,
        arn,
        basename,
        blocks,
        boolean,
        cors_rules,
        empty,
        first,
        flat_permission,
        function,
        grants,
        listed,
        log_group,
        named,
        notifications,
        number,
        permissions,
        policy,
        present,
        protocol,
        queue_url,
        route,
        secret_name,
        tag_keys,
        tags,
        text,
        unquoted,
        variables,
        words,
        zone,
    )
}


def alternatives(path: str) -> tuple[str, ...]:
    """`A // B` -> both; the first that the record has is the value."""
    return tuple(path.split(" // "))


def lookup(record: Any, path: str) -> Any:
    """The value at a catalogue path; None where a part is missing. `[]` collects over a list, `0` is its first."""
    for parts, transforms, collects in _parsed(path):
        value = _walk(record, parts) if parts else None
        for transform in transforms:
            if value is not None:
                value = [transform(item) for item in value] if collects else transform(value)
        if value is not None:
            return value
    return None


@cache
def _parsed(path: str) -> tuple[tuple[tuple[str, ...], tuple[Callable[[Any], Any], ...], bool], ...]:
    """(parts, transforms, whether `[]` collects) of each alternative; the catalogue's paths are few."""
    found: list[tuple[tuple[str, ...], tuple[Callable[[Any], Any], ...], bool]] = []
    for choice in alternatives(path):
        dotted, *names = choice.split("|")
        parts = tuple(dotted.split(".")) if dotted else ()
        found.append((parts, tuple(TRANSFORMS[name] for name in names), "[]" in dotted))
    return tuple(found)


def _walk(value: Any, parts: tuple[str, ...]) -> Any:
    for index, part in enumerate(parts):
        if part == "0":
            value = next(iter(listed(value)), None)
            continue
        if not isinstance(value, Mapping):
            return None
        if not part.endswith("[]"):
            value = value.get(part)
            continue
        members = [_walk(item, parts[index + 1 :]) for item in listed(value.get(part.removesuffix("[]")))]
        return [member for member in members if member is not None]
    return value


def plain(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record in the spelling that paths are written in.

    EC2's newer actions are written as the XML that was sent: `{"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1,
    "content": "fl-1"}}}`, and answered in the same way; here they become `{"flowLogId": ["fl-1"]}`, like the others'.
    API Gateway's REST APIs put the body beside the path's labels: `{"restApiId": "a", "updateRestApiInput": {...}}`.
    """
    name = str(record.get("eventName"))
    parameters, answer = record.get("requestParameters"), record.get("responseElements")
    if not isinstance(parameters, Mapping):
        parameters = {}
    wrapper = f"{name[:1].lower()}{name[1:]}Input"
    request, body = parameters.get(f"{name}Request"), parameters.get(wrapper)
    response = answer.get(f"{name}Response") if isinstance(answer, Mapping) else None
    changed: dict[str, Any] = {}
    if request is not None:
        changed["requestParameters"] = _unwrapped(request)
    elif isinstance(body, Mapping):
        labels = {key: value for key, value in parameters.items() if key != wrapper}
        changed["requestParameters"] = {**labels, **body}
    if response is not None:
        changed["responseElements"] = _unwrapped(response)
    return {**record, **changed} if changed else record


def _unwrapped(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "tag" in value:
            return [_item(value)]
        return {key[:1].lower() + key[1:]: _unwrapped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_item(item) if isinstance(item, Mapping) else item for item in value]
    return value


def _item(value: Mapping[str, Any]) -> Any:
    if "content" in value:
        return value["content"]
    return _unwrapped({key: item for key, item in value.items() if key != "tag"})
