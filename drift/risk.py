"""How much a drift matters, by rules that can be read, each with its reason.

What can be judged by one attribute and its value is a table, `risk.toml`; firewall rules and policies are judged here.
"""

from __future__ import annotations

import ipaddress
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from lamplighter.drift.model import Action

_WORLD = frozenset({"0.0.0.0/0", "::/0"})
_ADMIN_PORTS = frozenset({22, 3389, 1433, 1521, 3306, 5432, 6379, 9200, 11211, 27017})
_ADMIN_POLICIES = ("/AdministratorAccess", "/PowerUserAccess", "/IAMFullAccess")
_POLICIES = frozenset({"policy", "assume_role_policy", "policy_document", "access_policy"})
_GRANTED_TO_ALL = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")
_INTERNAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
        "fc00::/7", "fe80::/10", "::1/128",
    )
)  # fmt: skip
"""Ranges that no address of the internet lies in: RFC 1918, 6598, 3927, 1122, 4193, 4291. `is_global` of the standard
library takes more away, as ranges for documentation."""
_FIREWALL_RULES = frozenset({"aws_vpc_security_group_ingress_rule", "aws_security_group_rule"})
_SOURCES = frozenset({"cidr_ipv4", "cidr_ipv6"})
_ABSENT: tuple[Any, ...] = (None, "", [], {}, 0)


class Assessment(NamedTuple):
    """A severity label and why."""

    severity: str
    reason: str


def assess(resource_type: str, action: Action, attribute: str, code: Any, live: Any) -> Assessment:
    """`code` and `live` are the values before and after, or the member removed and added."""
    firewall = _firewall(resource_type, action, attribute, code, live)
    if firewall is not None:
        return firewall
    if attribute in _POLICIES and resource_type != "aws_ecr_lifecycle_policy" and action == "set":
        return _policy(code, live)
    if attribute == "managed_policy_arns" and action == "add":
        admin = str(live).endswith(_ADMIN_POLICIES)
        return (
            Assessment("critical", "administrator rights were attached")
            if admin
            else Assessment("high", "rights were widened")
        )
    if attribute.endswith("grant") and any(uri in json.dumps(live, default=str) for uri in _GRANTED_TO_ALL):
        return Assessment("critical", "anybody may read or write what is in the bucket")
    return next(
        Assessment(rule.severity, rule.reason)
        for rule in rules()
        if rule.applies(resource_type, action, attribute, code, live)
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the table; see `risk.toml`."""

    severity: str
    reason: str
    types: Sequence[str] = ()
    attributes: Sequence[str] = ()
    actions: Sequence[str] = ("set",)
    live: Sequence[Any] = ()
    change: str = ""
    endless: bool = False

    def applies(self, resource_type: str, action: Action, attribute: str, code: Any, live: Any) -> bool:
        """Whether the change is one that the rule speaks of."""
        leaf = attribute.rpartition(".")[2]
        if action not in self.actions or (self.types and not _any_glob(self.types, resource_type)):
            return False
        if self.attributes and not _any_glob(self.attributes, attribute, leaf):
            return False
        if self.live:
            return any(type(live) is type(value) and live == value for value in self.live)
        if self.change == "gone":
            return live in _ABSENT
        if self.change:
            before, after = self._number(code), self._number(live)
            if before is None or after is None:
                return False
            return after < before if self.change == "less" else after > before
        return True

    def _number(self, value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float("inf") if self.endless and value == 0 else value


@cache
def rules() -> tuple[Rule, ...]:
    """The table, in its order; its last rules apply to anything."""
    text = (files("lamplighter.drift") / "risk.toml").read_text("utf-8")
    return tuple(Rule(**table) for table in tomllib.loads(text)["rule"])


def _any_glob(globs: Sequence[str], *names: str) -> bool:
    return any(fnmatchcase(name, glob) for name in names for glob in globs)


def _firewall(resource_type: str, action: Action, attribute: str, code: Any, live: Any) -> Assessment | None:
    if action in ("add", "set") and isinstance(live, Mapping):
        return _opened_by(resource_type, attribute, live)
    if resource_type.endswith("network_acl") and isinstance(code, Mapping) and live in _ABSENT:
        entries = [item for item in (code, *code.values()) if isinstance(item, Mapping)]
        denied = any(item.get("action") == "deny" for item in entries)
        return Assessment("high", "an entry that kept addresses out was removed") if denied else None
    if action == "set" and resource_type in _FIREWALL_RULES and attribute in _SOURCES:
        return _widened(code, live)
    return None


def narrowed(before: Any, after: Any) -> bool:
    """Whether one rule of a firewall lets in a part of what another does, at the same ports, and no more."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return False
    if any(before.get(key) != after.get(key) for key in ("protocol", "from_port", "to_port")):
        return False
    whole, part = _network(before.get("source")), _network(after.get("source"))
    if whole is None or part is None or whole.version != part.version:
        return False
    return part.subnet_of(whole)  # type: ignore[arg-type]


def _widened(code: Any, live: Any) -> Assessment | None:
    """A range of addresses that holds the one that the code has, and more."""
    before, after = _network(code), _network(live)
    if before is None or after is None or before.version != after.version or before == after:
        return None
    if str(after) in _WORLD:
        return None
    wider = before.subnet_of(after)  # type: ignore[arg-type]
    return Assessment("high", "more addresses are let in") if wider else None


def _network(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False) if isinstance(text, str) else None
    except ValueError:
        return None


def _opened_by(resource_type: str, attribute: str, live: Mapping[str, Any]) -> Assessment | None:
    """A rule that lets the world in; entries of an access list come under their number, `{"100": entry}`."""
    if attribute.partition(".")[0] == "ingress":
        entries = [item for item in live.values() if isinstance(item, Mapping)]
        return next((found for found in map(_opened, entries or [live]) if found), None)
    if resource_type == "aws_network_acl_rule" and _opened(live):
        return Assessment("medium", "an entry of the network's access list lets the world in or out")
    return None


def _opened(rule: Mapping[str, Any]) -> Assessment | None:
    """A rule of a security group (`source`) or an entry of a network ACL (`cidr`, `action`) that lets the internet in,
    the whole of it or a part."""
    source = rule.get("source") or rule.get("cidr")
    if rule.get("action", "allow") != "allow":
        return None
    if source not in _WORLD:
        network = None if "action" in rule else _network(source)
        if network is None or _is_internal(network):
            return None
        if _is_administrative(rule):
            return Assessment(
                "high", "an administration or database port is open to an address of the internet"
            )
        return Assessment("high", "opened to an address of the internet")
    if "action" in rule:
        return Assessment("high", "the network's access list was opened to the world")
    if rule.get("protocol") == "-1":
        return Assessment("critical", "every port is open to the world")
    if _is_administrative(rule):
        return Assessment("critical", "an administration or database port is open to the world")
    return Assessment("high", "opened to the world")


def _is_internal(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return any(
        network.version == own.version and network.subnet_of(own)  # type: ignore[arg-type]
        for own in _INTERNAL
    )


def _is_administrative(rule: Mapping[str, Any]) -> bool:
    first, last = rule.get("from_port"), rule.get("to_port")
    if rule.get("protocol") == "-1":
        return True
    return (
        isinstance(first, int)
        and isinstance(last, int)
        and any(first <= port <= last for port in _ADMIN_PORTS)
    )


def _policy(code: Any, live: Any) -> Assessment:
    """What a document of permissions lets happen now that it did not before."""
    before, after = _document(code), _document(live)
    if _lets_all_do(after) and not _lets_all_do(before):
        return Assessment("critical", "a policy lets anybody in")
    if _lets_do_all(after) and not _lets_do_all(before):
        return Assessment("critical", "a policy allows every action")
    strangers = _accounts(after) - _accounts(before)
    if strangers:
        return Assessment(
            "high", f"a policy lets in an account that the code does not ({', '.join(sorted(strangers))})"
        )
    return Assessment("high", "a policy was rewritten")


def _document(policy: Any) -> Any:
    if not isinstance(policy, str):
        return policy
    try:
        return json.loads(policy)
    except (ValueError, RecursionError):
        return None


def _allowing(policy: Any) -> Iterator[Mapping[str, Any]]:
    statements = policy.get("Statement", []) if isinstance(policy, Mapping) else []
    for statement in statements if isinstance(statements, list) else [statements]:
        if isinstance(statement, Mapping) and statement.get("Effect") == "Allow":
            yield statement


def _lets_do_all(policy: Any) -> bool:
    """A statement that allows every action, or all but some, on every resource."""
    return any(
        {"*", "*:*"} & set(_texts(statement.get("Action"))) or "NotAction" in statement
        for statement in _allowing(policy)
        if "Resource" not in statement or "*" in _texts(statement["Resource"])
    )


def _lets_all_do(policy: Any) -> bool:
    """A statement that allows any principal, with no condition that could narrow it."""
    for statement in _allowing(policy):
        principal = statement.get("Principal")
        named = principal.get("AWS") if isinstance(principal, Mapping) else principal
        if ("*" in _texts(named) or "NotPrincipal" in statement) and not statement.get("Condition"):
            return True
    return False


def _accounts(policy: Any) -> set[str]:
    """The accounts whose principals a document names."""
    found: set[str] = set()
    for statement in _allowing(policy):
        principal = statement.get("Principal")
        named = principal.get("AWS") if isinstance(principal, Mapping) else None
        found.update(re.findall(r"(?<!\d)\d{12}(?!\d)", " ".join(_texts(named))))
    return found


def _texts(value: Any) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
