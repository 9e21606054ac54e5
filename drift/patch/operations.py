"""Arithmetic with a literal, and negation, solved for their operands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lamplighter.drift.hcl.evaluate import OPERATORS
from lamplighter.drift.hcl.functions import to_bool, to_number
from lamplighter.drift.hcl.syntax import Expression
from lamplighter.drift.patch.provenance import Asked, Here
from lamplighter.drift.patch.steps import Do, Step

if TYPE_CHECKING:
    from tree_sitter import Node


def of_operation(node: Node, file: str, step: Step, here: Here) -> Iterator[Asked]:
    """`node` is a `unary_operation` or a `binary_operation`; nothing where no operand stays a whole number."""
    if step.path or step.do is not Do.SET:
        return
    whole = Expression(node, int(node.start_point[0]) + 1, file)
    children = node.children
    try:
        if node.type == "unary_operation":
            if children[-1].type == "literal_value":
                return
            negated = not to_bool(step.value) if children[0].type == "!" else -to_number(step.value)
            yield Asked(whole, here, step._replace(value=negated), (1, len(children)))
            return
        at = _operator(children)
        wanted = to_number(step.value)
    except ValueError:
        return
    sides = [Asked(whole, here, step, (0, at)), Asked(whole, here, step, (at + 1, len(children)))]
    for asked, other, solve in ((sides[0], sides[1], _left), (sides[1], sides[0], _right)):
        known = other.value
        if isinstance(known, int | float) and not isinstance(known, bool):
            value = solve(children[at].type, wanted, known)
            if value is not None:
                yield asked._replace(step=step._replace(value=value))


def _operator(children: list[Node]) -> int:
    depth = 0
    for index, part in enumerate(children):
        depth += (part.type == "(") - (part.type == ")")
        if index and not depth and part.type in OPERATORS:
            return index
    raise ValueError("no operator")


def _left(operator: str, wanted: Any, right: Any) -> Any:
    match operator:
        case "*":
            return _whole(wanted, right)
        case "/":
            return wanted * right
        case "+":
            return wanted - right
        case "-":
            return wanted + right
        case _:
            return None


def _right(operator: str, wanted: Any, left: Any) -> Any:
    match operator:
        case "*":
            return _whole(wanted, left)
        case "/":
            return _whole(left, wanted)
        case "+":
            return wanted - left
        case "-":
            return left - wanted
        case _:
            return None


def _whole(product: Any, factor: Any) -> Any:
    return product // factor if factor and product % factor == 0 else None
