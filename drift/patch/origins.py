"""What an expression is made of: the lists, objects and literals that its value comes from, wherever they are written.

References are followed to the locals, the arguments of module calls, the variable files and the defaults behind them,
the nearest first. What is found need not matter for the value: whoever changes it tries and looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lamplighter.drift.hcl.evaluate import literal
from lamplighter.drift.hcl.modules import Instance
from lamplighter.drift.hcl.syntax import Attribute, Block, Expression, source
from lamplighter.drift.patch.code import Code

if TYPE_CHECKING:
    from tree_sitter import Node

_MOST = 5_000
"""Syntax nodes of interest that one search looks at."""


class Origin(NamedTuple):
    """A `tuple`, `object` or literal node of a file."""

    node: Node
    file: str


@dataclass
class _Search:
    code: Code
    seen: set[tuple[str, int, int]] = field(default_factory=set[tuple[str, int, int]])
    left: int = _MOST


def origins(
    expression: Expression, instance: Instance, code: Code, block: Block | None = None
) -> Iterator[Origin]:
    """Nodes an expression's value comes from, nearest first; `block` is the one whose `each` it may refer to."""
    yield from _of(expression.node, expression.file, instance, block, _Search(code))


def items(node: Node) -> list[Node]:
    """The expressions of a `tuple` node."""
    return [child for child in node.children if child.type == "expression"]


def elements(node: Node) -> list[tuple[Node, Node, Node]]:
    """(member, key, value) of an `object` node."""
    found: list[tuple[Node, Node, Node]] = []
    for child in node.children:
        if child.type == "object_elem":
            inner = [part for part in child.children if part.type == "expression"]
            found.append((child, inner[0], inner[-1]))
    return found


def key_of(node: Node) -> str | None:
    """The key that a key's expression spells, None for one that is computed."""
    parts = [child for child in node.children if child.type != "comment"]
    if len(parts) == 1 and parts[0].type == "variable_expr":
        return source(parts[0])
    value, alone = literal(node)
    return str(value) if alone and isinstance(value, str | int) and not isinstance(value, bool) else None


def literals(node: Node) -> list[str] | None:
    """The texts of a list of literals; None where an item is none."""
    values = [literal(item) for item in items(node)]
    return [str(value) for value, _ in values] if all(alone for _, alone in values) else None


def collection(node: Node) -> Node | None:
    """The `tuple` or `object` node that an expression is, None for any other."""
    parts = [child for child in node.children if child.type != "comment"]
    if len(parts) == 1 and parts[0].type == "collection_value":
        return parts[0].children[0]
    return None


def _of(node: Node, file: str, instance: Instance, block: Block | None, search: _Search) -> Iterator[Origin]:
    place = (file, node.start_byte, node.end_byte)
    if search.left <= 0 or (node.type == "expression" and place in search.seen):
        return
    search.left -= 1
    if node.type == "expression":
        search.seen.add(place)
    if node.type in ("tuple", "object", "literal_value"):
        yield Origin(node, file)
    for index, child in enumerate(node.children):
        if child.type == "variable_expr":
            after = node.children[index + 1] if index + 1 < len(node.children) else None
            name = source(after.children[-1]) if after is not None and after.type == "get_attr" else ""
            yield from _referred(source(child), name, instance, block, search)
        elif child.children:
            yield from _of(child, file, instance, block, search)


def _referred(
    kind: str, name: str, instance: Instance, block: Block | None, search: _Search
) -> Iterator[Origin]:
    if kind == "each" and block is not None:
        yield from _attribute(block.body.attributes.get("for_each"), instance, None, search)
    elif kind == "count" and block is not None:
        yield from _attribute(block.body.attributes.get("count"), instance, None, search)
    elif kind == "local":
        yield from _attribute(instance.module.locals.get(name), instance, None, search)
    elif kind == "var":
        yield from _variable(name, instance, search)
    elif kind == "module" and name in instance.module.calls:
        call = instance.module.calls[name]
        yield from _attribute(call.body.attributes.get("for_each"), instance, None, search)
        yield from _attribute(call.body.attributes.get("count"), instance, None, search)
    elif (kind, name) in instance.module.resources:
        other = instance.module.resources[kind, name]
        yield from _attribute(other.body.attributes.get("for_each"), instance, other, search)
        yield from _attribute(other.body.attributes.get("count"), instance, other, search)


def _variable(name: str, instance: Instance, search: _Search) -> Iterator[Origin]:
    argument = instance.argument(name)
    if argument is not None and instance.call is not None:
        block, caller = instance.call
        yield from _of(argument.expression.node, argument.expression.file, caller, block, search)
        return
    if instance.call is None:
        for path in reversed(search.code.variables):
            found = search.code.body(path).attributes.get(name)
            if found is not None:
                yield from _attribute(found, instance, None, search)
                return
    declared = instance.module.variables.get(name)
    if declared is not None:
        yield from _attribute(declared.body.attributes.get("default"), instance, None, search)


def _attribute(
    found: Attribute | None, instance: Instance, block: Block | None, search: _Search
) -> Iterator[Origin]:
    if found is not None:
        yield from _of(found.expression.node, found.expression.file, instance, block, search)
