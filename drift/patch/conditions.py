"""Conditionals, solved for: the condition where another branch says what is wanted, the keys in it, or the branch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lamplighter.drift.hcl.address import quote
from lamplighter.drift.hcl.evaluate import UNKNOWN, is_known
from lamplighter.drift.hcl.functions import to_bool
from lamplighter.drift.hcl.syntax import Expression, source
from lamplighter.drift.patch.collections import Way
from lamplighter.drift.patch.provenance import Asked, Here
from lamplighter.drift.patch.statements import Splice
from lamplighter.drift.patch.steps import Do, Step, applied_to
from lamplighter.drift.patch.structures import way
from lamplighter.drift.values import same

if TYPE_CHECKING:
    from tree_sitter import Node

_TEST = re.compile(r'each\.key\s*(==|!=)\s*("(?:[^"\\]|\\.)*")\s*\Z')
_CONTAINS = re.compile(r"contains\(\s*\[([^\]]*)\]\s*,\s*each\.key\s*\)\s*\Z")


def of_conditional(node: Node, file: str, step: Step, here: Here) -> Iterator[Way | Asked]:
    """`a ? b : c`; a chain of them is taken from its left."""
    terms = [child for child in node.children if child.type == "expression"]
    if len(terms) != 3 or any(child.type == "conditional" for child in terms[0].children):
        return
    condition, yes, no = terms
    decided = here.value(condition)
    try:
        holds = to_bool(decided) if decided is not UNKNOWN else None
    except ValueError:
        return
    for value, branch, other in ((False, yes, no), (True, no, yes)):
        # The condition may rest on what is not given yet, as an optional attribute: then either may be in force.
        if holds is not value and _says(branch, other, step, here):
            yield from _flipped(condition, value, file, here)
    if holds is not None:
        yield Asked(_at(yes if holds else no, file), here, step)


def _says(branch: Node, other: Node, step: Step, here: Here) -> bool:
    """Whether the other branch is what a branch would be after the step."""
    current, there = here.value(branch), here.value(other)
    if not is_known(there) or (step.path and not is_known(current)):
        return False
    wanted = applied_to(current, step.path, step.do, step.value)
    return is_known(wanted) and same(there, wanted)


def _flipped(condition: Node, wanted: bool, file: str, here: Here) -> Iterator[Way | Asked]:
    """The condition that says the opposite for this instance."""
    text = source(condition).strip()
    key = _key(here)
    widened = _widened(text, key, wanted) if key is not None else None
    if widened is not None:
        yield from way(
            "condition on the key", file, here, Splice(condition.start_byte, condition.end_byte, widened)
        )
    parts = [child for child in condition.children if child.type != "comment"]
    if parts and parts[0].type == "operation" and parts[0].children[0].type == "unary_operation":
        if source(parts[0].children[0].children[0]) == "!":
            yield Asked(_at(condition, file), here, Step((), Do.SET, wanted))
        return
    if parts and parts[0].type in ("variable_expr", "function_call", "literal_value"):
        yield Asked(_at(condition, file), here, Step((), Do.SET, wanted))


def _key(here: Here) -> str | None:
    each = here.scope.bound.get("each")
    key = each.get("key") if isinstance(each, dict) else None
    return key if isinstance(key, str) else None


def _widened(text: str, key: str, wanted: bool) -> str | None:
    """A test of the key that holds for one key more, or one less; None for any other test, or where none is left."""
    one, several = _TEST.match(text), _CONTAINS.match(text)
    if one is not None:
        equal = one[1] == "=="
        if equal == wanted and one[2] != quote(key):
            listed = f"contains([{one[2]}, {quote(key)}], each.key)"
            return listed if equal else f"!{listed}"
        return None
    if several is None:
        return None
    keys = [item.strip() for item in several[1].split(",") if item.strip()]
    if wanted and quote(key) not in keys:
        return f"contains([{', '.join([*keys, quote(key)])}], each.key)"
    if not wanted and quote(key) in keys and len(keys) > 1:
        keys.remove(quote(key))
        return f"each.key == {keys[0]}" if len(keys) == 1 else f"contains([{', '.join(keys)}], each.key)"
    return None


def _at(node: Node, file: str) -> Expression:
    return Expression(node, int(node.start_point[0]) + 1, file)
