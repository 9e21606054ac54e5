"""`for` expressions, solved for: which member of the collection they go over makes them say something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lamplighter.drift.hcl.address import quote
from lamplighter.drift.hcl.evaluate import UNKNOWN
from lamplighter.drift.hcl.syntax import Expression, source
from lamplighter.drift.hcl.templates import interpolated
from lamplighter.drift.patch.collections import Way
from lamplighter.drift.patch.provenance import Asked, Here, Target
from lamplighter.drift.patch.statements import Splice
from lamplighter.drift.patch.steps import JSON, At, Do, Step, alike
from lamplighter.drift.patch.structures import way
from lamplighter.drift.patch.wording import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_MARK = "\ue001"
"""A character of nobody's own: it stands for a member while a body is looked at."""


class _Member(NamedTuple):
    """A member of the collection, kept by the condition: its key or index, its value, and the view of the body."""

    key: Any
    value: Any
    here: Here


def of_loop(node: Node, file: str, step: Step, here: Here) -> Iterator[Way | Asked]:
    """`node` is a `for_tuple_expr` or a `for_object_expr`."""
    intro = next(child for child in node.children if child.type == "for_intro")
    names = [source(child) for child in intro.children if child.type == "identifier"]
    over = next(child for child in intro.children if child.type == "expression")
    collection = Expression(over, int(over.start_point[0]) + 1, file)
    results = [child for child in node.children if child.type == "expression"]
    members = [*_members(node, names, collection, here)]
    body = Expression(results[-1], int(results[-1].start_point[0]) + 1, file)
    if node.type == "for_object_expr":
        yield from _of_object(results[0], body, names, collection, members, step, here)
    elif step.path and isinstance(step.path[0], At):
        found = _producing(body, members, step.path[0])
        if found is not None:
            yield Asked(body, found.here, step.at(step.path[1:]))
    elif step.do is Do.DROP:
        found = _producing(body, members, At(-1, step.value))
        if found is not None:
            gone = (
                Step((found.key,), Do.GONE) if isinstance(found.key, str) else Step((), Do.DROP, found.value)
            )
            yield Asked(collection, here, gone, rewrite=False)
            yield from _left_out(node, body, step.value, here)
    elif step.do is Do.ADD:
        value = _solved(body, names, step.value, here)
        if value is not UNKNOWN and isinstance(here.value(over), list):
            yield Asked(collection, here, Step((), Do.ADD, value))


def _left_out(node: Node, body: Expression, value: Any, here: Here) -> Iterator[Way]:
    """A condition more, that one member does not meet."""
    text = text_of(value, here) if isinstance(value, str | int) else None
    if text is None:
        return
    condition = next((child for child in node.children if child.type == "for_cond"), None)
    end = condition.end_byte if condition is not None else body.node.end_byte
    test = f"{body.text} != {text}"
    more = f" && {test}" if condition is not None else f" if {test}"
    yield from way("condition of the loop", body.file, here, Splice(end, end, more))


def _of_object(
    key: Node,
    body: Expression,
    names: list[str],
    collection: Expression,
    members: list[_Member],
    step: Step,
    here: Here,
) -> Iterator[Asked]:
    head = step.path[0] if step.path else None
    if not isinstance(head, str) or head == JSON:
        return
    found = next((member for member in members if member.here.value(key) == head), None)
    if found is None:
        plain = len(names) == 2 and (source(key), body.text) == (names[0], names[1])
        if plain and step.do is Do.SET:
            yield Asked(collection, here, step)
    elif len(step.path) == 1 and step.do is Do.GONE:
        if isinstance(found.key, str):
            yield Asked(collection, here, Step((found.key,), Do.GONE))
        else:
            yield Asked(collection, here, Step((), Do.DROP, found.value))
    else:
        yield Asked(body, found.here, step.at(step.path[1:]))


def _members(node: Node, names: list[str], collection: Expression, here: Here) -> Iterator[_Member]:
    values = here.value(collection.node)
    if not isinstance(values, Mapping | list) or len(values) > 1000:
        return
    condition = next((child for child in node.children if child.type == "for_cond"), None)
    is_map = isinstance(values, Mapping)
    pairs = (
        [(key, values[key]) for key in sorted(values)]
        if isinstance(values, Mapping)
        else [*enumerate(values)]
    )
    for key, value in pairs:
        step: str | At = str(key) if is_map else At(int(key))
        given = {names[0]: value} if len(names) == 1 else {names[0]: key, names[1]: value}
        test = f"{names[0]} == {quote(str(key))}" if is_map and len(names) == 2 else ""
        if not is_map and isinstance(value, str):
            test = f"{names[-1]} == {quote(value)}"
        inner = here.within(names[-1], Target(collection, here, (step,)), given, test)
        kept = inner.value(interpolated(condition)) if condition is not None else True
        if kept in (True, "true"):
            yield _Member(key, value, inner)


def _producing(body: Expression, members: list[_Member], at: At) -> _Member | None:
    if at.was is not UNKNOWN:
        found = next((item for item in members if alike(item.here.value(body.node), at.was)), None)
        if found is not None:
            return found
    return members[at.place] if 0 <= at.place < len(members) else None


def _solved(body: Expression, names: list[str], wanted: Any, here: Here) -> Any:
    """The member that would make the body say `wanted`; UNKNOWN where it is not the member or a text around it."""
    if body.text == names[-1]:
        return wanted
    value = here.within(names[-1], None, {names[-1]: _MARK}).value(body.node)
    if not isinstance(value, str) or not isinstance(wanted, str) or value.count(_MARK) != 1:
        return UNKNOWN
    front, back = value.split(_MARK)
    fits = wanted.startswith(front) and wanted.endswith(back) and len(wanted) > len(front) + len(back)
    return wanted[len(front) : len(wanted) - len(back)] if fits else UNKNOWN
