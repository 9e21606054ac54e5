"""Members of objects and lists as they are written, in HCL or in JSON: put in, taken out, found by what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lamplighter.drift.hcl.evaluate import UNKNOWN, is_known, object_key
from lamplighter.drift.hcl.syntax import Expression, source
from lamplighter.drift.patch import statements
from lamplighter.drift.patch.collections import Way
from lamplighter.drift.patch.origins import elements, items
from lamplighter.drift.patch.provenance import Asked, Here
from lamplighter.drift.patch.statements import Draft, Splice
from lamplighter.drift.patch.steps import JSON, At, Do, Path, Step, alike, likeness
from lamplighter.drift.patch.wording import json_text, text_of
from lamplighter.drift.patch.writing import indent_at, key_text

if TYPE_CHECKING:
    from tree_sitter import Node


def way(rule: str, file: str, here: Here, *splices: Splice | None) -> Iterator[Way]:
    """One way that makes all of the splices, none where one is missing."""
    draft = Draft(here.code)
    for splice in splices:
        if splice is None:
            return
        draft.put(file, splice._replace(start=splice.start - here.prefix, end=splice.end - here.prefix))
    yield Way(rule, draft)


def of_object(node: Node, file: str, step: Step, here: Here) -> Iterator[Way | Asked]:
    """A member's value, a new member, or one less; `node` is an `object`."""
    if not step.path or not isinstance(step.path[0], str) or step.path[0] == JSON:
        return
    name, rest = step.path[0], step.path[1:]
    for element, key, value in elements(node):
        if object_key(key, here.scope) == name:
            if not rest and step.do is Do.GONE:
                yield from way(here.place or "map member", file, here, _without(node, element, here))
            else:
                inner = replace(here, name=_named(here, name))
                yield Asked(Expression(value, int(value.start_point[0]) + 1, file), inner, step.at(rest))
            return
    wanted = _built(rest, step)
    if wanted is not UNKNOWN:
        yield from way(here.place or "map member", file, here, _member(node, name, wanted, here))


def _named(here: Here, key: str) -> str:
    """`policy` and `Action` as `policy_action`: what a variable for it would be called."""
    word = re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")
    return f"{here.name}_{word}" if here.name and word and key != "Statement" else here.name


def of_list(node: Node, file: str, step: Step, here: Here) -> Iterator[Way | Asked]:
    """A member's value, one more, or one less; `node` is a `tuple`."""
    if step.path:
        head = step.path[0]
        item = _item(node, head, here) if isinstance(head, At) else None
        if item is not None:
            yield Asked(Expression(item, int(item.start_point[0]) + 1, file), here, step.at(step.path[1:]))
    elif step.do is Do.ADD:
        yield from way(
            here.place or "list member", file, here, _listed(node, step.value, here), *_further_in(node, here)
        )
    elif step.do is Do.DROP:
        item = _item(node, At(-1, step.value), here)
        if item is not None:
            yield from way(here.place or "list member", file, here, _without(node, item, here))


def _built(path: Path, step: Step) -> Any:
    """What a member that is not there yet has to hold; UNKNOWN where nothing can be."""
    if step.do in (Do.GONE, Do.DROP) or any(part == JSON or isinstance(part, At) for part in path):
        return UNKNOWN
    value = [step.value] if step.do is Do.ADD else step.value
    for part in reversed(path):
        value = {part: value}
    return value


def _item(node: Node, at: At, here: Here) -> Node | None:
    """The member that says what `at` was, else the one most like it, else the one in its place."""
    nodes = items(node)
    values = [here.value(item) for item in nodes]
    if at.was is not UNKNOWN:
        for item, value in zip(nodes, values, strict=True):
            if alike(value, at.was):
                return item
        like = [_partly(value, at.was) for value in values]
        if like and max(like) > 0:
            return nodes[like.index(max(like))]
        dark = [item for item, value in zip(nodes, values, strict=True) if not is_known(value)]
        if len(dark) == 1:
            return dark[0]
    return nodes[at.place] if 0 <= at.place < len(nodes) else None


def _partly(value: Any, was: Any) -> float:
    """`likeness` by the parts that are known."""
    if not isinstance(value, Mapping) or not isinstance(was, Mapping):
        return 0.0
    return likeness({key: item for key, item in value.items() if is_known(item)}, was)


def _member(node: Node, name: str, value: Any, here: Here) -> Splice | None:
    told = elements(node)
    text = text_of(value, here, indent_at(_content(node), told[-1][0].start_byte) if told else "")
    if text is None:
        return None
    if here.in_json:
        key = text_of(name, here)
        return _json_more(node, [element for element, _, _ in told], f"{key}: {text}") if key else None
    is_quoted = bool(told) and all(source(key).startswith('"') for _, key, _ in told)
    key = text_of(name, here.unreferring) if is_quoted else key_text(name)
    return statements.member(_content(node), node, key, text) if key is not None else None


def _listed(node: Node, value: Any, here: Here) -> Splice | None:
    told = items(node)
    inline = bool(told) and told[-1].end_point[0] == node.end_point[0]
    if inline and not here.in_json:
        # `[{` to `}]`, or all on one line: what follows stands behind the last one.
        text = text_of(value, here, indent_at(_content(node), node.end_byte - 1))
        return Splice(told[-1].end_byte, told[-1].end_byte, f", {text}") if text is not None else None
    text = text_of(value, here, indent_at(_content(node), told[-1].start_byte) if told and not inline else "")
    if text is None:
        return None
    if here.in_json:
        spread = bool(told) and told[-1].start_point[0] != told[-1].end_point[0]
        lines = json_text(value, indent_at(_content(node), told[-1].start_byte)) if spread else text
        return _json_more(node, told, lines or text)
    return statements.listed(_content(node), node, text)


def _further_in(node: Node, here: Here) -> list[Splice]:
    """`terraform fmt` has `}, {` between members one level further in than the `}` of a last member in `}]`."""
    told = items(node)
    if here.in_json or not told or told[-1].end_point[0] != node.end_point[0]:
        return []
    last, content = told[-1], _content(node)
    start = content.rfind(b"\n", 0, last.end_byte) + 1
    indent = indent_at(content, last.end_byte)
    closes = content[start + len(indent) : start + len(indent) + 1] in (b"}", b"]", b")")
    return [Splice(start, start, "  ")] if last.start_point[0] != last.end_point[0] and closes else []


def _without(node: Node, item: Node, here: Here) -> Splice:
    told = [child for child in node.children if child.type == item.type]
    if not here.in_json:
        take = statements.unlisted if node.type == "tuple" else statements.unmembered
        return take(_content(node), node, item)
    place = told.index(item)
    if place:
        return Splice(told[place - 1].end_byte, item.end_byte, "")
    end = told[1].start_byte if len(told) > 1 else item.end_byte
    return Splice(item.start_byte, end, "")


def _json_more(node: Node, told: list[Node], text: str) -> Splice:
    if not told:
        opening, closing = ("[", "]") if node.type == "tuple" else ("{", "}")
        return Splice(node.start_byte, node.end_byte, f"{opening}{text}{closing}")
    last = told[-1]
    if last.start_point[0] == node.start_point[0]:
        return Splice(last.end_byte, last.end_byte, f", {text}")
    return Splice(last.end_byte, last.end_byte, f",\n{indent_at(_content(node), last.start_byte)}{text}")


def _content(node: Node) -> bytes:
    """The bytes that a node was parsed from, with their places."""
    root = node
    while root.parent is not None:
        root = root.parent
    return b" " * root.start_byte + (root.text or b"")
