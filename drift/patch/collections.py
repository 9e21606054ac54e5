"""One member more, or less, of the collection that an expression is: in the list or object it is written in, in the
argument that a module call hands on, or around the expression itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from lamplighter.drift.hcl.address import Key, quote
from lamplighter.drift.hcl.evaluate import literal, value_of
from lamplighter.drift.hcl.modules import Instance, as_written
from lamplighter.drift.hcl.syntax import Block, Expression, source
from lamplighter.drift.patch import statements
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.origins import elements, items, key_of, literals, origins
from lamplighter.drift.patch.statements import Draft, Splice
from lamplighter.drift.patch.writing import expression as written
from lamplighter.drift.patch.writing import key_text

_MOST = 60
"""Ways that are proposed for one change."""


class Place(NamedTuple):
    """An expression, the module instance it stands in, and the block whose `each` it may refer to."""

    expression: Expression
    instance: Instance
    block: Block | None = None


class Way(NamedTuple):
    """A change of the code that has not been tried yet; `rule` names what it changes."""

    rule: str
    draft: Draft


def without(place: Place, words: Collection[str], code: Code) -> Iterator[Way]:
    """Ways to take out the member that one of `words` is the key or the value of."""
    made = 0
    for node, file in origins(place.expression, place.instance, code, place.block):
        for splice in _less(code.contents.get(file, b""), node, words):
            draft = Draft(code)
            draft.put(file, splice)
            yield Way("list member" if node.type == "tuple" else "map member", draft)
            made += 1
            if made >= _MOST:
                return
    for argument in arguments(place):
        for word in words:
            text = _filtered(argument, word, condition(argument.step))
            if text:
                yield _rewritten(argument, text, code)


def including(place: Place, key: str, value: Any, code: Code, peers: Sequence[str] = ()) -> Iterator[Way]:
    """Ways to add a member: `key` alone where the collection is a list or set, with `value` where it is a map.

    `peers` are members that the value has now, as they are at its end: they tell the list that they come from, and what
    is put in front of each.
    """
    made = 0
    for node, file in origins(place.expression, place.instance, code, place.block):
        for splice in _more(code.contents.get(file, b""), node, key, value, peers):
            draft = Draft(code)
            draft.put(file, splice)
            yield Way("list member" if node.type == "tuple" else "map member", draft)
            made += 1
            if made >= _MOST:
                return
    for argument in arguments(place):
        text = _extended(argument, key, value, condition(argument.step))
        if text:
            yield _rewritten(argument, text, code)


class Argument(NamedTuple):
    """What a module call gives for a variable; `step` is the index key of the instance that is meant, `kind` the first
    word of the type that the variable has.
    """

    expression: Expression
    caller: Instance
    call: Block
    step: Key
    value: Any
    kind: str


def arguments(place: Place) -> Iterator[Argument]:
    """The arguments that an expression's variables stand for, of the nearest call first."""
    instance, text = place.instance, place.expression.text
    while instance.call is not None:
        call, caller = instance.call
        found = [
            Argument(
                given.expression,
                caller,
                call,
                instance.step,
                value_of(given.expression, given.scope),
                as_written(instance.module.variables[name], "type").partition("(")[0],
            )
            for name in sorted(set(re.findall(r"\bvar\.([\w-]+)", text)))
            if (given := instance.argument(name)) is not None and name in instance.module.variables
        ]
        yield from found
        instance, text = caller, " ".join(argument.expression.text for argument in found)


def condition(step: Key) -> str:
    """What holds inside of one instance of a repeated block alone; empty where it is not repeated."""
    match step:
        case None:
            return ""
        case int():
            return f"count.index == {step}"
        case str():
            return f"each.key == {quote(step)}"


def filtered(text: str, value: Any, word: str, only: str = "") -> str:
    """The collection that an expression is, without one member; empty where it is none."""
    wanted = f"!({only} && {{}})" if only else ""
    text = f"({text})" if "?" in text else text
    if isinstance(value, dict):
        test = wanted.format(f"key == {quote(word)}") if only else f"key != {quote(word)}"
        return f"{{ for key, value in {text} : key => value if {test} }}" if word in value else ""
    if isinstance(value, list) and word in value:
        test = wanted.format(f"item == {quote(word)}") if only else f"item != {quote(word)}"
        return f"[for item in {text} : item if {test}]"
    return ""


def _filtered(argument: Argument, word: str, only: str) -> str:
    return filtered(argument.expression.text, argument.value, word, only)


def _extended(argument: Argument, key: str, value: Any, only: str) -> str:
    text = argument.expression.text
    if isinstance(argument.value, dict):
        member = written(value)
        more = f"merge({text}, {{ {key_text(key)} = {member} }})" if member is not None else ""
    elif isinstance(argument.value, list) and all(isinstance(item, str) for item in argument.value):
        item = written(key)
        more = f"concat({text}, [{item}])" if item is not None else ""
    else:
        more = ""
    return f"{only} ? {more} : {text}" if only and more else more


def _rewritten(argument: Argument, text: str, code: Code) -> Way:
    draft = Draft(code)
    draft.put(argument.expression.file, Splice(*argument.expression.span, text))
    return Way("module argument", draft)


def _less(content: bytes, node: Any, words: Collection[str]) -> Iterator[Splice]:
    if node.type == "tuple":
        for item in items(node):
            value, alone = literal(item)
            if alone and isinstance(value, str | int) and _means(str(value), words):
                yield statements.unlisted(content, node, item)
    elif node.type == "object":
        for element, key_node, value_node in elements(node):
            value, alone = literal(value_node)
            known = isinstance(value, str | int) and not isinstance(value, bool)
            if key_of(key_node) in words or (alone and known and str(value) in words):
                yield statements.unmembered(content, node, element)


def _means(text: str, words: Collection[str]) -> bool:
    return text in words or (len(text) > 2 and any(word.endswith(text) for word in words))


def _more(content: bytes, node: Any, key: str, value: Any, peers: Sequence[str]) -> Iterator[Splice]:
    if node.type == "tuple":
        there = literals(node)
        if there is None or key in there:
            return
        if peers and there and not any(peer.endswith(text) for text in there for peer in peers if text):
            return
        fronts = {peer.removesuffix(text) for text in there for peer in peers if text and peer.endswith(text)}
        for front in [*sorted(fronts - {""}, key=len, reverse=True), ""]:
            text = written(key.removeprefix(front)) if key.startswith(front) else None
            if text is not None and key != front:
                yield statements.listed(content, node, text)
    elif node.type == "object" and all(key_of(name) != key for _, name, _ in elements(node)):
        told = elements(node)
        alike = told and all(_alike(literal(inner)[0], value, source(inner)) for _, _, inner in told)
        text = written(_in_kind(told, value)) if alike else None
        if text is not None:
            quoted = bool(told) and all(source(name).startswith('"') for _, name, _ in told)
            yield statements.member(content, node, quote(key) if quoted else key_text(key), text)


def _alike(there: Any, value: Any, text: str) -> bool:
    if isinstance(value, dict):
        return text.lstrip().startswith("{")
    return isinstance(there, str | int | float | bool)


def _in_kind(told: Sequence[tuple[Any, Any, Any]], value: Any) -> Any:
    """A number as text where the others are text."""
    texts = all(isinstance(literal(inner)[0], str) for _, _, inner in told)
    return str(value) if texts and isinstance(value, int) and not isinstance(value, bool) else value
