"""Which member of a collection makes a repeated block say what is wanted: `each.key` and `each.value`, solved for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from lamplighter.drift.hcl.evaluate import UNKNOWN, Scope, is_known, value_of
from lamplighter.drift.hcl.functions import to_string
from lamplighter.drift.hcl.syntax import Body, Expression
from lamplighter.drift.values import ABSENT, same

_META = frozenset(("for_each", "count", "provider", "depends_on", "lifecycle"))
_KEY, _VALUE = "\ue000", "\ue001"
"""Characters of nobody's own: they stand for each.key and each.value while an expression is looked at."""


class Fit(NamedTuple):
    """`value` is what stands under the key in a map; `key` is empty where nothing depends on it."""

    key: str
    value: Any


def fit(body: Body, scope: Scope, wanted: Mapping[str, Any], name: str = "each") -> Fit | None:
    """The member that makes the body say `wanted`; None where none does. `name` is `each`, or a dynamic block's own."""
    if any(value not in ABSENT and attribute not in body.attributes for attribute, value in wanted.items()):
        return None
    key = ""
    whole: Any = None
    fields: dict[str, Any] = {}
    for attribute, statement in body.attributes.items():
        if attribute in _META or attribute not in wanted:
            continue
        live = wanted[attribute]
        found = _solved(statement.expression, live, name)
        if found is None:
            found = _inverted(statement.expression, scope, live, name)
        match found:
            case None:
                return None
            case ("", _):
                pass
            case ("key", text) if not key or key == text:
                key = text
            case ("value", value) if whole is None or same(whole, value):
                whole = value
            case (field, value) if field.startswith("."):
                fields[field[1:]] = value
            case _:
                return None
    if fields and whole is not None:
        return None
    return Fit(
        key or (str(whole) if isinstance(whole, str | int) else ""),
        fields or (key if whole is None else whole),
    )


def _solved(expression: Expression, live: Any, name: str) -> tuple[str, Any] | None:
    """What an expression that is the key, the value or a field of it must be."""
    pattern = rf"(\[)?\s*(?:to\w+\()?\s*{re.escape(name)}\.(key|value)(?:\.(\w+))?\s*\)?\s*(\])?"
    found = re.fullmatch(pattern, expression.text.strip())
    if found is None or bool(found[1]) != bool(found[4]):
        return None
    if found[1]:
        if not isinstance(live, list) or len(live) != 1:
            return None
        live = live[0]
    if found[2] == "key":
        return ("key", to_string(live)) if isinstance(live, str | int | float) and not found[3] else None
    return (f".{found[3]}" if found[3] else "value", live)


def _inverted(expression: Expression, scope: Scope, live: Any, name: str) -> tuple[str, Any] | None:
    """The key or value within a text, or nothing for what says the same of every member."""
    bound = scope.binding(**{name: {"key": _KEY, "value": _VALUE}})
    value = value_of(expression, bound)
    if value is UNKNOWN or not is_known(value):
        return ("", None) if f"{name}.value" not in expression.text else None
    if not isinstance(value, str) or not (_KEY in value or _VALUE in value):
        return ("", None) if same(value, live) else None
    mark, part = (_KEY, "key") if _KEY in value else (_VALUE, "value")
    pattern = re.escape(value).replace(re.escape(mark), "(.+)", 1).replace(re.escape(mark), r"\1")
    found = re.fullmatch(pattern, live, re.DOTALL) if isinstance(live, str) else None
    return (part, found[1]) if found else None
