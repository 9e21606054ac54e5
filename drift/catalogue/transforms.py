"""The closed set of value transforms that a catalogue path may name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

_OPEN_PORTS = {"-1", "all"}


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


def tags(value: Any) -> Any:
    """A list of `{key, value}` in any of the services' spellings -> a map."""
    if isinstance(value, dict) and not {"key", "Key", "items"} & value.keys():
        return value
    found: dict[str, Any] = {}
    for item in _listed(value):
        if isinstance(item, Mapping):
            key = item.get("key", item.get("Key"))
            if isinstance(key, str):
                found[key] = item.get("value", item.get("Value", ""))
    return found


def tag_keys(value: Any) -> Any:
    """Keys of tags that go away, as text or as `{key}` -> a map of None."""
    keys = [
        item.get("key", item.get("Key")) if isinstance(item, Mapping) else item for item in _listed(value)
    ]
    return {key: None for key in keys if isinstance(key, str)}


def permissions(value: Any) -> Any:
    """EC2 `ipPermissions` -> one `{protocol, from_port, to_port, source}` a source."""
    return [atom for item in _listed(value) if isinstance(item, Mapping) for atom in _atoms(item)]


def _atoms(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    everything = str(item.get("ipProtocol")) in _OPEN_PORTS
    base = {
        "protocol": "-1" if everything else str(item.get("ipProtocol", "")),
        "from_port": 0 if everything else item.get("fromPort", 0),
        "to_port": 0 if everything else item.get("toPort", 0),
    }
    tables = {
        "ipRanges": "cidrIp",
        "ipv6Ranges": "cidrIpv6",
        "groups": "groupId",
        "prefixListIds": "prefixListId",
    }
    for table, name in tables.items():
        for source in _listed(item.get(table)):
            if isinstance(source, Mapping) and isinstance(source.get(name), str):
                yield {**base, "source": source[name]}
    if isinstance(item.get("cidrIp"), str):
        yield {**base, "source": item["cidrIp"]}


def flat_permission(value: Any) -> Any:
    """The legacy flat form of EC2 rules, whose fields stand in requestParameters themselves."""
    return (
        list(_atoms(value)) if isinstance(value, Mapping) and isinstance(value.get("cidrIp"), str) else None
    )


def _listed(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return _listed(value.get("items", [value]))
    return list(value) if isinstance(value, list) else [] if value is None else [value]


TRANSFORMS: Mapping[str, Callable[[Any], Any]] = {
    "policy": policy,
    "number": number,
    "boolean": boolean,
    "basename": basename,
    "tags": tags,
    "tag_keys": tag_keys,
    "permissions": permissions,
    "flat_permission": flat_permission,
}


def lookup(record: Any, path: str) -> Any:
    """The value at a catalogue path; None where a part is missing. `[]` collects over a list's members."""
    dotted, *names = path.split("|")
    value = _walk(record, dotted.split(".")) if dotted else None
    for name in names:
        if value is not None:
            transform = TRANSFORMS[name]
            value = [transform(item) for item in value] if "[]" in dotted else transform(value)
    return value


def _walk(value: Any, parts: list[str]) -> Any:
    for index, part in enumerate(parts):
        each = part.endswith("[]")
        if not isinstance(value, Mapping):
            return None
        value = value.get(part.removesuffix("[]"))
        if each:
            members = [_walk(item, parts[index + 1 :]) for item in _listed(value)]
            return [member for member in members if member is not None]
    return value
