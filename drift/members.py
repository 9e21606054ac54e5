"""Set-like attributes whose members may stand in the resource itself or in resources of their own.

A security group's rules and a role's policies can be written either way in Terraform; what the code holds is
the union, and each member has one holder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lamplighter.drift.model import StateResource
from lamplighter.drift.state import StateIndex


class Member(NamedTuple):
    """A member and the resource whose code holds it."""

    value: Any
    holder: StateResource


def held(state: StateIndex, resource: StateResource, attribute: str) -> list[Member]:
    """Every member of `attribute` that the state knows of; those with a resource of their own come first."""
    if attribute in ("ingress", "egress"):
        own = [*_rule_resources(state, resource, attribute)]
        return own + [Member(atom, resource) for atom in _inline(resource, attribute)]
    kind = resource.type.removeprefix("aws_iam_")
    attachments = _holding(
        state, f"{resource.type}_policy_attachment", kind, str(resource.attributes.get("name"))
    )
    own = [Member(item.attributes.get("policy_arn"), item) for item in attachments]
    return own + [Member(value, resource) for value in _list(resource.attributes.get(attribute))]


def _inline(group: StateResource, attribute: str) -> Iterator[dict[str, Any]]:
    for rule in _list(group.attributes.get(attribute)):
        if isinstance(rule, Mapping):
            yield from _atoms(rule, str(rule.get("protocol")), str(group.attributes.get("id")))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _atoms(rule: Mapping[str, Any], protocol: str, group: str) -> Iterator[dict[str, Any]]:
    """One rule -> one `{protocol, from_port, to_port, source}` a source; `group` is what `self` stands for."""
    everything = protocol in ("-1", "all")
    base = {
        "protocol": "-1" if everything else protocol,
        "from_port": 0 if everything else rule.get("from_port"),
        "to_port": 0 if everything else rule.get("to_port"),
    }
    for name in ("cidr_blocks", "ipv6_cidr_blocks", "security_groups", "prefix_list_ids"):
        for source in _list(rule.get(name)):
            yield {**base, "source": source}
    if rule.get("self") is True:
        yield {**base, "source": group}
    single = (
        "cidr_ipv4",
        "cidr_ipv6",
        "referenced_security_group_id",
        "prefix_list_id",
        "source_security_group_id",
    )
    for name in single:
        if isinstance(rule.get(name), str) and rule[name]:
            yield {**base, "source": rule[name]}


def _rule_resources(state: StateIndex, group: StateResource, attribute: str) -> Iterator[Member]:
    identity = str(group.attributes.get("id"))
    for rule in _holding(state, f"aws_vpc_security_group_{attribute}_rule", "security_group_id", identity):
        for atom in _atoms(rule.attributes, str(rule.attributes.get("ip_protocol")), identity):
            yield Member(atom, rule)
    for rule in _holding(state, "aws_security_group_rule", "security_group_id", identity):
        if rule.attributes.get("type") == attribute:
            for atom in _atoms(rule.attributes, str(rule.attributes.get("protocol")), identity):
                yield Member(atom, rule)


def _holding(state: StateIndex, resource_type: str, attribute: str, value: str) -> list[StateResource]:
    return [item for item in state.of_type(resource_type) if item.attributes.get(attribute) == value]
