"""Function calls, solved for the argument that makes them return something else.

Source of what each returns: "Functions", Terraform language documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamplighter.drift.hcl.evaluate import UNKNOWN, evaluate, is_known
from lamplighter.drift.hcl.functions import FUNCTIONS, to_string
from lamplighter.drift.hcl.syntax import Expression, source
from lamplighter.drift.patch.collections import Way
from lamplighter.drift.patch.provenance import Asked, Here
from lamplighter.drift.patch.steps import JSON, At, Do, Step, alike, document_of
from lamplighter.drift.patch.structures import of_object

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True, slots=True)
class _Call:
    node: Node
    file: str
    step: Step
    here: Here
    arguments: list[Node]

    def ask(self, number: int, step: Step | None = None) -> Asked:
        node = self.arguments[number]
        return Asked(Expression(node, int(node.start_point[0]) + 1, self.file), self.here, step or self.step)

    def value(self, number: int) -> Any:
        return evaluate(self.arguments[number], self.here.scope)


def of_call(node: Node, file: str, step: Step, here: Here) -> Iterator[Way | Asked]:
    """`node` is a `function_call`; nothing for a function that has no inverse here."""
    given = next((child for child in node.children if child.type == "function_arguments"), None)
    if given is None or any(child.type == "ellipsis" for child in given.children):
        return
    arguments = [child for child in given.children if child.type == "expression"]
    solve = _SOLVED.get(source(node.children[0]))
    if solve is not None and arguments:
        yield from solve(_Call(node, file, step, here, arguments))


def _same(call: _Call) -> Iterator[Asked]:
    """The value of the argument itself, at most in another type."""
    yield call.ask(0)


def _text(call: _Call) -> Iterator[Asked]:
    """A number as a text and the other way round: the argument keeps its type."""
    value, wanted = call.value(0), call.step.value
    if isinstance(value, str) and isinstance(wanted, int | float) and not call.step.path:
        yield call.ask(0, call.step._replace(value=to_string(wanted)))
    else:
        yield call.ask(0)


def _merge(call: _Call) -> Iterator[Way | Asked]:
    """The last map that has the key, else the last one written in place, else one more."""
    head = call.step.path[0] if call.step.path else None
    if not isinstance(head, str):
        return
    values = [call.value(number) for number in range(len(call.arguments))]
    holding = [number for number, value in enumerate(values) if isinstance(value, Mapping) and head in value]
    numbers = range(len(call.arguments))
    if call.step.do is Do.GONE and len(call.step.path) == 1:
        yield from (call.ask(number)._replace(rewrite=False) for number in reversed(holding))
        return
    if holding:
        yield call.ask(holding[-1])._replace(rewrite=False)
    written = [number for number in numbers if _is_object(call.arguments[number])]
    if written and call.step.do is Do.SET and (not holding or written[-1] > holding[-1]):
        inner = call.arguments[written[-1]].children[0].children[0]
        yield from of_object(inner, call.file, call.step, call.here)
    if not holding and call.step.do is Do.SET:
        yield from (
            call.ask(number)._replace(rewrite=False) for number in reversed(numbers) if number not in written
        )


def _is_object(node: Node) -> bool:
    return len(node.children) == 1 and node.children[0].type == "collection_value"


def _encode(call: _Call) -> Iterator[Asked]:
    path = call.step.path
    if path[:1] == (JSON,):
        yield call.ask(0, call.step.at(path[1:]))
    elif not path and call.step.do is Do.SET:
        document = document_of(call.step.value)
        if document is not None:
            yield call.ask(0, call.step._replace(value=document))


def _decode(call: _Call) -> Iterator[Asked]:
    yield call.ask(0, call.step.at((JSON, *call.step.path)))


def _lookup(call: _Call) -> Iterator[Asked]:
    """The member of the map, there or not yet; then the default, where that is what counts."""
    key = call.value(1) if len(call.arguments) > 1 else UNKNOWN
    if not isinstance(key, str):
        return
    table = call.value(0)
    yield call.ask(0, call.step.at((key, *call.step.path)))
    if len(call.arguments) > 2 and isinstance(table, Mapping) and key not in table:
        yield call.ask(2)


def _first(call: _Call) -> Iterator[Asked]:
    """`try` and `coalesce`: what is asked first, though it is not there yet, then the one that counts."""
    values = [call.value(number) for number in range(len(call.arguments))]
    counts = next((index for index, value in enumerate(values) if value not in (UNKNOWN, None, "")), None)
    for number in range(counts if counts is not None else 0):
        yield call.ask(number)
    if counts is not None:
        yield call.ask(counts)


def _concat(call: _Call) -> Iterator[Asked]:
    """The list that has the member, the last one for a new one, those written in place before others."""
    numbers = range(len(call.arguments))
    values = [call.value(number) for number in numbers]
    step = call.step
    if step.path and isinstance(step.path[0], At):
        at = step.path[0]
        offset = 0
        for number in numbers:
            value = values[number]
            if not isinstance(value, list):
                return
            if at.was is not UNKNOWN and any(alike(item, at.was) for item in value):
                yield call.ask(number)
            elif at.was is UNKNOWN and offset <= at.place < offset + len(value):
                yield call.ask(number, step.at((At(at.place - offset), *step.path[1:])))
            offset += len(value)
    elif step.do is Do.DROP:
        for number in numbers:
            value = values[number]
            if isinstance(value, list) and any(alike(item, step.value) for item in value):
                yield call.ask(number)._replace(rewrite=False)
    elif step.do is Do.ADD:
        for number in sorted(numbers, key=lambda index: (not _is_object(call.arguments[index]), -index)):
            yield call.ask(number)._replace(rewrite=False)


def _nested(call: _Call) -> Iterator[Asked]:
    """`flatten([a, b])` as `concat(a, b)`."""
    node = call.arguments[0]
    if not _is_object(node):
        return
    inner = [child for child in node.children[0].children[0].children if child.type == "expression"]
    if inner and all(isinstance(evaluate(item, call.here.scope), list) for item in inner):
        yield from _concat(_Call(call.node, call.file, call.step, call.here, inner))


def _join(call: _Call) -> Iterator[Asked]:
    separator, parts, wanted = call.value(0), call.value(1), call.step.value
    if call.step.path or not isinstance(separator, str) or not separator or not isinstance(wanted, str):
        return
    if isinstance(parts, list) and is_known(parts):
        texts = wanted.split(separator)
        if len(texts) == len(parts):
            changed = [index for index, part in enumerate(parts) if to_string(part) != texts[index]]
            if len(changed) == 1:
                at = At(changed[0], parts[changed[0]])
                yield call.ask(1, Step((at,), Do.SET, texts[changed[0]]))
        elif len(texts) == len(parts) + 1 and texts[:-1] == parts:
            yield call.ask(1, Step((), Do.ADD, texts[-1]))
        elif len(texts) == len(parts) - 1:
            dropped = [part for part in parts if part not in texts]
            if len(dropped) == 1:
                yield call.ask(1, Step((), Do.DROP, dropped[0]))


def _split(call: _Call) -> Iterator[Asked]:
    separator, parts = call.value(0), FUNCTIONS["split"](call.value(0), call.value(1))
    step = call.step
    match step.do:
        case Do.ADD if not step.path:
            made = [*parts, step.value]
        case Do.DROP if not step.path:
            made = [part for part in parts if part != step.value]
        case Do.SET if len(step.path) == 1 and isinstance(step.path[0], At):
            at = step.path[0]
            index = parts.index(at.was) if at.was in parts else at.place
            made = [*parts[:index], step.value, *parts[index + 1 :]]
        case _:
            return
    yield call.ask(1, Step((), Do.SET, separator.join(to_string(part) for part in made)))


def _exact(call: _Call) -> Iterator[Asked]:
    """A function of one text that gives back what it is given, if that is in its form already."""
    function = FUNCTIONS[source(call.node.children[0])]
    wanted = call.step.value
    others = [call.value(number) for number in range(1, len(call.arguments))]
    if not call.step.path and isinstance(wanted, str) and function(wanted, *others) == wanted:
        yield call.ask(0)


def _format(call: _Call) -> Iterator[Asked]:
    """The one argument, or the text around, by which what is wanted differs; only for `%s`, `%d` and `%%`."""
    pattern, wanted = call.value(0), call.step.value
    if call.step.path or not isinstance(pattern, str) or not isinstance(wanted, str):
        return
    parts = re.split(r"%[sdv]", pattern)
    values = [call.value(number) for number in range(1, len(call.arguments))]
    if len(parts) != len(values) + 1 or any("%" in part for part in parts):
        return
    if not is_known(values) or not all(isinstance(value, str | int | float) for value in values):
        return
    texts = [to_string(value) for value in values]
    for number in range(len(texts)):
        front = "".join(map("".join, zip(parts[:number], texts[:number], strict=True))) + parts[number]
        back = parts[number + 1] + "".join(
            map("".join, zip(texts[number + 1 :], parts[number + 2 :], strict=True))
        )
        if wanted.startswith(front) and wanted.endswith(back) and len(wanted) > len(front) + len(back):
            yield call.ask(number + 1, Step((), Do.SET, wanted[len(front) : len(wanted) - len(back)]))


_SOLVED: Mapping[str, Callable[[_Call], Iterator[Way | Asked]]] = {
    **dict.fromkeys(
        (
            "sensitive",
            "nonsensitive",
            "toset",
            "tolist",
            "tomap",
            "tobool",
            "compact",
            "distinct",
            "sort",
            "reverse",
            "one",
        ),
        _same,
    ),
    "tostring": _same,
    "tonumber": _text,
    "merge": _merge,
    "jsonencode": _encode,
    "jsondecode": _decode,
    "lookup": _lookup,
    "try": _first,
    "coalesce": _first,
    "concat": _concat,
    "setunion": _concat,
    "flatten": _nested,
    "join": _join,
    "split": _split,
    **dict.fromkeys(("lower", "upper", "title", "trimspace", "trimprefix", "trimsuffix"), _exact),
    "format": _format,
}
