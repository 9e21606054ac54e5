"""A member of a set as the attributes of each thing that may hold it: an inline block, or a resource of one type.

The inverse of `drift/members.toml`, which reads members out of those attributes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lamplighter.drift.values import ABSENT

_TARGETS = {
    "igw-": "gateway_id",
    "vgw-": "gateway_id",
    "nat-": "nat_gateway_id",
    "tgw-": "transit_gateway_id",
    "pcx-": "vpc_peering_connection_id",
    "vpce-": "vpc_endpoint_id",
    "eni-": "network_interface_id",
    "eigw-": "egress_only_gateway_id",
    "lgw-": "local_gateway_id",
    "cagw-": "carrier_gateway_id",
    "arn:": "core_network_arn",
}
"""How the id of a route's target begins, and the attribute that it is given by."""


def inline(attribute: str, member: Any, owner: Any = None) -> dict[str, Any] | None:
    """The attributes of an inline block; None for a member that none is known for. `owner` is the set's own id."""
    match attribute, member:
        case (("ingress" | "egress"), {"protocol": protocol, "source": source}):
            return {**_ports(member), "protocol": protocol, **_listed_source(str(source), owner)}
        case (("ingress" | "egress"), Mapping()) if len(member) == 1:
            ((number, entry),) = member.items()
            return _entry("rule_no", number, "action", entry)
        case "route", Mapping() if len(member) == 1:
            ((destination, target),) = member.items()
            return _route("", str(destination), target)
        case (("parameter" | "tag"), Mapping()) if len(member) == 1:
            ((key, value),) = member.items()
            tag = {"key": key, "value": value, "propagate_at_launch": True}
            return tag if attribute == "tag" else {"name": key, "value": value}
        case "replica", str():
            return {"region": member}
        case _:
            return None


def separate(kind: str, attribute: str, member: Any) -> dict[str, Any] | None:
    """The attributes of a resource of its own, without those that link it to what it belongs to."""
    match kind, member:
        case (
            ("aws_vpc_security_group_ingress_rule" | "aws_vpc_security_group_egress_rule"),
            {"source": source},
        ):
            ports = _ports(member) if member["protocol"] != "-1" else {}
            return {**_one_source(str(source)), **ports, "ip_protocol": member["protocol"]}
        case "aws_security_group_rule", {"source": source}:
            return {
                "type": attribute,
                **_ports(member),
                "protocol": member["protocol"],
                **_rule_source(str(source)),
            }
        case "aws_route", Mapping() if len(member) == 1:
            ((destination, target),) = member.items()
            return _route("destination_", str(destination), target)
        case "aws_network_acl_rule", Mapping() if len(member) == 1:
            ((number, entry),) = member.items()
            found = _entry("rule_number", number, "rule_action", entry)
            return None if found is None else {"egress": attribute == "egress", **found}
        case _, str():
            return {}
        case _:
            return None


def words(member: Any) -> list[str]:
    """The texts of a member by which it may be told in code, the most telling first."""
    found: list[str] = []
    match member:
        case Mapping():
            for key, value in member.items():
                found += (
                    []
                    if key in ("protocol", "source", "from_port", "to_port", "action", "cidr")
                    else [str(key)]
                )
                found += words(value)
            found = [str(member[name]) for name in ("source", "from_port") if name in member] + found
        case str() | int() if not isinstance(member, bool):
            found.append(str(member))
        case _:
            pass
    return [
        word for word in dict.fromkeys(found) if word not in ("", "0", "-1", "tcp", "udp", "allow", "deny")
    ]


def _ports(member: Mapping[str, Any]) -> dict[str, Any]:
    return {"from_port": member.get("from_port", 0), "to_port": member.get("to_port", 0)}


def _listed_source(source: str, owner: Any) -> dict[str, Any]:
    if source == owner:
        return {"self": True}
    if source.startswith("sg-") or "/sg-" in source:
        return {"security_groups": [source]}
    if source.startswith("pl-"):
        return {"prefix_list_ids": [source]}
    return {"ipv6_cidr_blocks" if ":" in source else "cidr_blocks": [source]}


def _rule_source(source: str) -> dict[str, Any]:
    if source.startswith("sg-") or "/sg-" in source:
        return {"source_security_group_id": source}
    return _listed_source(source, None)


def _one_source(source: str) -> dict[str, Any]:
    if source.startswith("sg-") or "/sg-" in source:
        return {"referenced_security_group_id": source}
    if source.startswith("pl-"):
        return {"prefix_list_id": source}
    return {"cidr_ipv6" if ":" in source else "cidr_ipv4": source}


def _route(prefix: str, destination: str, target: Any) -> dict[str, Any] | None:
    if not isinstance(target, str):
        return None
    name = next((name for start, name in _TARGETS.items() if target.startswith(start)), "")
    if not name:
        return None
    if destination.startswith("pl-"):
        return {"destination_prefix_list_id": destination, name: target}
    return {f"{prefix}{'ipv6_' if ':' in destination else ''}cidr_block": destination, name: target}


def _entry(number_name: str, number: str, action_name: str, entry: Any) -> dict[str, Any] | None:
    if not isinstance(entry, Mapping) or not re.fullmatch(r"\d{1,5}", str(number)):
        return None
    cidr = str(entry.get("cidr", ""))
    icmp = {name: entry[name] for name in ("icmp_type", "icmp_code") if entry.get(name) not in (*ABSENT, 0)}
    return {
        number_name: int(number),
        action_name: entry.get("action"),
        "protocol": entry.get("protocol"),
        "ipv6_cidr_block" if ":" in cidr else "cidr_block": cidr,
        **_ports(entry),
        **icmp,
    }
