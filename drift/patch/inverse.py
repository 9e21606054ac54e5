"""Inverse evaluation: which edits make an expression have another value, in whichever file that value comes from.

The source farthest away comes first (a variable's value serves all who refer to it), then each reference on the way to
it, put apart for the one instance that is meant. None of it need be right: whoever takes a way tries it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lamplighter.drift.hcl.evaluate import UNKNOWN, evaluate
from lamplighter.drift.hcl.syntax import Expression, source
from lamplighter.drift.patch import sharing
from lamplighter.drift.patch.calls import of_call
from lamplighter.drift.patch.collections import Way
from lamplighter.drift.patch.conditions import of_conditional
from lamplighter.drift.patch.loops import of_loop
from lamplighter.drift.patch.missing import not_given
from lamplighter.drift.patch.operations import of_operation
from lamplighter.drift.patch.policies import is_merged, of_document
from lamplighter.drift.patch.provenance import Asked, Here, referred
from lamplighter.drift.patch.steps import At, Path, in_form
from lamplighter.drift.patch.structures import of_list, of_object
from lamplighter.drift.patch.texts import of_template

if TYPE_CHECKING:
    from tree_sitter import Node

_MAX_DEPTH = 24


def ways(asked: Asked, depth: int = 0) -> Iterator[Way]:
    """All that may make the expression say it, the shared source first, the expression itself last."""
    if depth > _MAX_DEPTH or not asked.nodes:
        return
    if _is_merged(asked):
        return
    asked = asked._replace(step=in_form(asked.step, asked.value))
    for found in _inverted(asked):
        if isinstance(found, Asked):
            yield from ways(found, depth + 1)
        else:
            yield found
    if asked.rewrite:
        yield from sharing.overridden(asked)


def _is_merged(asked: Asked) -> bool:
    head, *rest = asked.nodes
    path = _accessed(rest, asked.here) if head.type == "variable_expr" and source(head) == "data" else None
    return bool(path) and is_merged(path or (), asked.here)


def _inverted(asked: Asked) -> Iterator[Way | Asked]:
    head, *rest = asked.nodes
    file, here, step = asked.expression.file, asked.here, asked.step
    if head.type == "(":
        close = next(index for index, node in enumerate(asked.nodes) if node.type == ")")
        if close == len(asked.nodes) - 1 and asked.nodes[1].type == "expression":
            inner = asked.nodes[1]
            yield Asked(Expression(inner, asked.expression.line, file), here, step)
        return
    if head.type == "variable_expr":
        path = _accessed(rest, here)
        if path is not None:
            yield from _from_source(source(head), path, asked)
        return
    behind = _accessed(rest, here) if rest else ()
    if behind is None:
        return
    if behind:
        step = step.at((*behind, *step.path))
    inner = head.children[0] if head.children else head
    match head.type:
        case "expression":
            yield Asked(Expression(head, asked.expression.line, file), here, step)
        case "template_expr":
            yield from of_template(inner, file, step, here)
        case "collection_value":
            yield from (of_object if inner.type == "object" else of_list)(inner, file, step, here)
        case "function_call":
            yield from of_call(head, file, step, here)
        case "conditional":
            yield from of_conditional(head, file, step, here)
        case "operation":
            yield from of_operation(inner, file, step, here)
        case "for_expr":
            yield from of_loop(inner, file, step, here)
        case _:
            pass


def _from_source(name: str, path: Path, asked: Asked) -> Iterator[Way | Asked]:
    here, step = asked.here, asked.step
    if name == "data" and not here.plain:
        yield from of_document(path, step, here)
        return
    if name == "var" and path and isinstance(path[0], str):
        yield from not_given(path[0], step.at((*path[1:], *step.path)), here)
    for target in referred(name, path, here):
        # A collection is changed where it is written: around a reference to it, all that it makes would be.
        around = name not in here.bound
        yield Asked(target.expression, target.here, step.at((*target.path, *step.path)), rewrite=around)


def _accessed(nodes: list[Node], here: Here) -> Path | None:
    """The path that accessors lead through; None where one is a splat, or its key is not known."""
    path: list[str | At] = []
    for node in nodes:
        inner = node.children[0] if node.children else node
        if node.type == "get_attr":
            path.append(source(node.children[-1]))
        elif node.type == "index" and inner.type == "new_index":
            key = next((child for child in inner.children if child.type == "expression"), None)
            value = evaluate(key, here.scope) if key is not None else UNKNOWN
            if isinstance(value, str):
                path.append(value)
            elif isinstance(value, int) and not isinstance(value, bool):
                path.append(At(value))
            else:
                return None
        else:
            return None
    return tuple(path)
