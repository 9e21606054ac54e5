"""When two values of a plan say the same: spelling, order and defaults of a provider are no change.

Sources: AWS IAM user guide, "JSON policy elements" (one value and a list of one, the root of an account and its
number); Terraform plugin SDK documentation, "Terraform Concepts" (what is not set reads as null, empty or zero).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lamplighter.core.canonical import canonical_json

_ACCOUNT_ROOT = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):root\Z")
_LISTED = ("Action", "NotAction", "Resource", "NotResource")
_PRINCIPALS = ("Principal", "NotPrincipal")


def is_absent(value: Any) -> bool:
    """Null, and what a provider reads for a setting that is not made: empty, zero, false, and blocks of only those."""
    return normal(value) is None


def same(left: Any, right: Any) -> bool:
    """Whether two attribute values say the same. `False` and `True`, 0 and 5 differ; null and `False` do not."""
    return canonical_json(normal(left)) == canonical_json(normal(right))


def member_key(value: Any) -> bytes:
    """Equal for members of a set that say the same."""
    return canonical_json(normal(value))


def normal(value: Any) -> Any:
    """One form for all values that say the same: JSON text read, policies ordered, what is not set taken out."""
    if isinstance(value, str):
        return _read(value)
    if isinstance(value, Mapping):
        members = ((key, normal(item)) for key, item in value.items())
        return {key: item for key, item in members if item is not None} or None
    if isinstance(value, list):
        found = [normal(item) for item in value]
        return found if any(item is not None for item in found) else None
    if isinstance(value, float) and value.is_integer():
        return int(value) or None
    return None if value is False or value == 0 else value


def _read(text: str) -> Any:
    if text[:1] not in ("{", "["):
        return text or None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict) and "Statement" in value:
        return {"policy": _policy(value)}
    return {"json": value}


def _policy(document: Mapping[str, Any]) -> Any:
    """An IAM policy document with its lists in one order: they are sets to IAM."""
    statements = [
        _statement(item) if isinstance(item, Mapping) else item for item in _listed(document["Statement"])
    ]
    return {**document, "Statement": sorted(statements, key=canonical_json)}


def _statement(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for name, value in statement.items():
        if name in _LISTED:
            found[name] = _set(value)
        elif name in _PRINCIPALS:
            given = value if isinstance(value, Mapping) else {"AWS": value}
            found[name] = {kind: _set(item) for kind, item in given.items()}
        elif name == "Condition" and isinstance(value, Mapping):
            found[name] = {
                operator: {key: _set(item) for key, item in test.items()}
                if isinstance(test, Mapping)
                else test
                for operator, test in value.items()
            }
        elif name != "Sid" or value:
            found[name] = value
    return found


def _set(value: Any) -> list[Any]:
    members = [_ACCOUNT_ROOT.sub(r"\1", item) if isinstance(item, str) else item for item in _listed(value)]
    return sorted(members, key=canonical_json)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
