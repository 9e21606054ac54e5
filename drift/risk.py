"""How much a drift matters, by rules that can be read, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lamplighter.drift.model import Action

_WORLD = frozenset({"0.0.0.0/0", "::/0"})
_ADMIN_PORTS = frozenset({22, 3389, 3306, 5432, 6379, 9200, 27017})
_ADMIN_POLICIES = ("/AdministratorAccess", "/PowerUserAccess", "/IAMFullAccess")
_COST = frozenset({"instance_type", "billing_mode", "read_capacity", "write_capacity", "table_class"})
_PROTECTION = frozenset({"disable_api_termination", "deletion_protection_enabled", "deletion_protection"})


class Risk(NamedTuple):
    """A severity label and why."""

    severity: str
    reason: str


def assess(resource_type: str, action: Action, attribute: str, code: Any, live: Any) -> Risk:
    """`code` and `live` are the values before and after, or the member removed and added."""
    leaf = attribute.rpartition(".")[2]
    if (
        attribute == "ingress"
        and action == "add"
        and isinstance(live, Mapping)
        and live.get("source") in _WORLD
    ):
        return _opened(live)
    if attribute in ("policy", "assume_role_policy"):
        return Risk(
            "critical" if _allows_all(live) and not _allows_all(code) else "high", "a policy was rewritten"
        )
    if attribute == "managed_policy_arns" and action == "add":
        admin = str(live).endswith(_ADMIN_POLICIES)
        return (
            Risk("critical", "administrator rights were attached")
            if admin
            else Risk("high", "rights were widened")
        )
    if "public_access_block" in resource_type and (action == "delete" or live is False):
        return Risk("high", "protection against public access was taken away")
    if "encryption" in resource_type + attribute or leaf in ("kms_key_id", "kms_master_key_id"):
        off = action == "delete" or live in (False, "", None)
        return Risk("high", "encryption was turned off") if off else Risk("medium", "encryption was changed")
    if leaf in _PROTECTION and live is False:
        return Risk("high", "deletion protection was turned off")
    if attribute == "versioning_configuration.status" or "point_in_time_recovery" in attribute:
        off = live in (False, "Suspended", "Disabled")
        return (
            Risk("medium", "recovery of old data was turned off")
            if off
            else Risk("low", "recovery was turned on")
        )
    if action == "delete":
        return Risk("high", "a managed resource was deleted")
    if action == "create":
        return Risk("info", "created outside this code; another stack may own it")
    if leaf in _COST:
        return Risk("medium", "changes what it costs")
    if attribute == "retention_in_days" and _shorter(code, live):
        return Risk("medium", "records are kept for a shorter time")
    return Risk("low", "a setting differs from the code")


def _shorter(code: Any, live: Any) -> bool:
    """In days; 0 keeps records for ever."""
    return isinstance(live, int) and isinstance(code, int) and 0 < live < (code or live + 1)


def _opened(rule: Mapping[str, Any]) -> Risk:
    first, last = rule.get("from_port"), rule.get("to_port")
    if rule.get("protocol") == "-1":
        return Risk("critical", "every port is open to the world")
    if (
        isinstance(first, int)
        and isinstance(last, int)
        and any(first <= port <= last for port in _ADMIN_PORTS)
    ):
        return Risk("critical", "an administration or database port is open to the world")
    return Risk("high", "opened to the world")


def _allows_all(policy: Any) -> bool:
    """Whether a parsed policy document has a statement that allows every action, or any principal."""
    statements = policy.get("Statement", []) if isinstance(policy, Mapping) else []
    for statement in statements if isinstance(statements, list) else [statements]:
        if isinstance(statement, Mapping) and statement.get("Effect") == "Allow":
            actions, principal = statement.get("Action"), statement.get("Principal")
            if "*" in (actions if isinstance(actions, list) else [actions]) or principal in (
                "*",
                {"AWS": "*"},
            ):
                return True
    return False
