"""When two values are the same to Terraform, however the code, the state and the trace each write them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden by the trace)"
"""Stands for a value that the trace keeps out: what it is cannot be told, only that it was set."""
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
    one, other = plain(left), plain(right)
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _without_unset(value: Any) -> Any:
    """Blocks without what is not set in them: a state writes every attribute down, a call only what it sets."""
    if isinstance(value, Mapping):
        kept = {key: _without_unset(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in ABSENT and item is not False}
    if isinstance(value, list):
        return [kept for item in value if (kept := _without_unset(item)) not in ABSENT]
    return value


def plain(value: Any) -> Any:
    """JSON text as the value it holds, numbers and booleans in text as themselves, lists without their order."""
    if isinstance(value, str):
        if value[:1] in ("{", "["):
            try:
                return plain(json.loads(value))
            except (ValueError, RecursionError):
                return value
        if re.fullmatch(r"0|-?[1-9]\d{0,14}", value):
            return int(value)
        return {"true": True, "false": False}.get(value, value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((plain(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def at(attributes: Mapping[str, Any], path: str) -> Any:
    """The state's value at an attribute path; the index of a block that occurs once is left out.

    A tag that the resource does not set itself may come from the provider's `default_tags`, which stand in
    `tags_all` alone.
    """
    top, _, key = path.partition(".")
    value: Any = attributes.get(top)
    if top in ("tags", "tags_all"):
        if not key:
            return value
        own = value.get(key) if isinstance(value, Mapping) else None
        return own if own is not None or top == "tags_all" else at(attributes, f"tags_all.{key}")
    for part in key.split(".") if key else ():
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
