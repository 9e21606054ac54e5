"""What a variable's type makes of a value: attributes that are `optional()` and not given have their default.

Source: "Type Constraints", Terraform language documentation, "Optional Object Type Attributes".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lamplighter.drift.hcl.evaluate import UNKNOWN, Scope, evaluate, object_members
from lamplighter.drift.hcl.syntax import source

if TYPE_CHECKING:
    from tree_sitter import Node

_MAX_DEPTH = 20


def with_defaults(value: Any, of_type: Node, scope: Scope, depth: int = 0) -> Any:
    """The value with what the type, an `expression` node, adds to it; as it is where the two do not fit."""
    name, arguments = _called(of_type)
    if depth > _MAX_DEPTH or value is UNKNOWN or value is None or not arguments:
        return value
    inner = arguments[0]
    match name, value:
        case ("object", Mapping()):
            return _object(value, inner, scope, depth)
        case ("map", Mapping()):
            return {key: with_defaults(item, inner, scope, depth + 1) for key, item in value.items()}
        case (("list" | "set"), list()):
            return [with_defaults(item, inner, scope, depth + 1) for item in value]
        case ("optional", _):
            return with_defaults(value, inner, scope, depth + 1)
        case _:
            return value


def _object(value: Mapping[str, Any], of_type: Node, scope: Scope, depth: int) -> Any:
    made = dict(value)
    collection = next((child for child in of_type.children if child.type == "collection_value"), None)
    if collection is None or collection.children[0].type != "object":
        return value
    for key, kind in object_members(collection.children[0]):
        name = source(key).strip('"')
        if name in made and made[name] is not None:
            made[name] = with_defaults(made[name], kind, scope, depth + 1)
            continue
        called, arguments = _called(kind)
        if called == "optional" and arguments:
            default = evaluate(arguments[1], scope) if len(arguments) > 1 else None
            made[name] = with_defaults(default, arguments[0], scope, depth + 1)
    return made


def _called(of_type: Node) -> tuple[str, list[Node]]:
    """The function and the arguments of a type; none for a plain name."""
    call = next((child for child in of_type.children if child.type == "function_call"), None)
    if call is None:
        return "", []
    given = next((child for child in call.children if child.type == "function_arguments"), None)
    return source(call.children[0]), [c for c in given.children if c.type == "expression"] if given else []
