"""When two values are the same to Terraform, however the code, the state and the trace each write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "(hidden by the trace)"
"""Stands for a value that the trace keeps out: what it is cannot be told, only that it was set."""
TOO_DEEP = "(nested too deep to compare)"
"""Stands for what is nested deeper than anything an API takes: it is the same as nothing, itself included."""
_LEVELS = 100
ABSENT: tuple[Any, ...] = (None, "", [], {})
"""What Terraform and the cloud each use to say that nothing is set."""


def same(left: Any, right: Any) -> bool:
    """A switch that is not set is off; everything else is compared by what it says, not by how."""
    if left in ABSENT and right in ABSENT:
        return True
    if left is None or right is None:
        return (left or right) in (False, "false")
    if isinstance(left, list) and isinstance(right, list):
        left, right = _without_unset(left), _without_unset(right)
    if isinstance(left, str) and left == right:
        return True
    one, other = plain(left), plain(right)
    return one == other and isinstance(one, bool) == isinstance(other, bool) and not _holds_too_deep(one)


def shallow(value: Any) -> Any:
    """The value, with TOO_DEEP for what is nested deeper than can be compared and written down."""
    level = [value]
    for _ in range(_LEVELS):
        level = [item for each in level for item in _inner(each)]
        if not level:
            return value
    return _cut(value, _LEVELS)


def _cut(value: Any, levels: int) -> Any:
    if not isinstance(value, Mapping | list):
        return value
    if not levels:
        return TOO_DEEP
    if isinstance(value, Mapping):
        return {key: _cut(item, levels - 1) for key, item in value.items()}
    return [_cut(item, levels - 1) for item in value]


def _holds_too_deep(value: Any) -> bool:
    left = [value]
    while left:
        item = left.pop()
        if item == TOO_DEEP:
            return True
        left.extend(_inner(item))
    return False


def _inner(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()


def _without_unset(value: Any) -> Any:
    """Blocks without what is not set in them: a state writes every attribute down, a call only what it sets."""
    if isinstance(value, Mapping):
        kept = {key: _without_unset(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in ABSENT and item is not False}
    if isinstance(value, list):
        return [kept for item in value if (kept := _without_unset(item)) not in ABSENT]
    return value


def plain(value: Any) -> Any:
    """JSON text as the value it holds, numbers and booleans in text as themselves, lists without their order, a
    policy of permissions in its longest form.
    """
    if isinstance(value, str):
        if value[:1] in ("{", "["):
            try:
                return plain(shallow(json.loads(value)))
            except (ValueError, RecursionError):
                return value
        if re.fullmatch(r"0|-?[1-9]\d{0,14}", value):
            return int(value)
        return {"true": True, "false": False}.get(value, value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in _policy(value).items()}
    if isinstance(value, list):
        return sorted(
            (plain(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True, default=repr)
        )
    return value


def _policy(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A policy with lists where one may leave them out; anything else as it is.

    Source: "IAM JSON policy element reference": a list of one may be the one alone, actions have no case, everybody
    is `"*"` or `{"AWS": "*"}`, and an account is its number or the ARN of its root.
    """
    statements = _several(document.get("Statement"))
    if not statements or not all(isinstance(item, Mapping) and "Effect" in item for item in statements):
        return document
    written = [{name: _element(name, item) for name, item in statement.items()} for statement in statements]
    return {**document, "Statement": written}


def _element(name: str, value: Any) -> Any:
    if name in ("Action", "NotAction"):
        return [item.lower() if isinstance(item, str) else item for item in _several(value)]
    if name in ("Resource", "NotResource"):
        return _several(value)
    if name in ("Principal", "NotPrincipal"):
        kinds = {"AWS": value} if value == "*" else value
        if isinstance(kinds, Mapping):
            return {kind: [_principal(item) for item in _several(names)] for kind, names in kinds.items()}
    if name == "Condition" and isinstance(value, Mapping):
        return {
            operator: {key: _several(wanted) for key, wanted in tests.items()}
            if isinstance(tests, Mapping)
            else tests
            for operator, tests in value.items()
        }
    return value


def _principal(name: Any) -> Any:
    account = (
        re.fullmatch(r"(?:arn:[\w-]+:iam::)?(\d{12})(?::root)?", name) if isinstance(name, str) else None
    )
    return f"account {account[1]}" if account else name


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def at(attributes: Mapping[str, Any], path: str) -> Any:
    """The state's value at an attribute path, `shallow`; the index of a block that occurs once is left out.

    A tag that the resource does not set itself may come from the provider's `default_tags`, which stand in
    `tags_all` alone.
    """
    top, _, key = path.partition(".")
    value: Any = attributes.get(top)
    if top in ("tags", "tags_all"):
        if not key:
            return shallow(value)
        own = value.get(key) if isinstance(value, Mapping) else None
        return own if own is not None or top == "tags_all" else at(attributes, f"tags_all.{key}")
    for part in key.split(".") if key else ():
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(part) if isinstance(value, Mapping) else None
    return shallow(value)
