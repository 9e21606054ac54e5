"""What an answer that verified did, as data: the same edit for the next item of its kind, tried without asking.

A rule candidate says what changed at which path of which passage, with names in place of the values that were the
item's own (`@{live}`, `@{key}`). It is instantiated for another item, and then judged as any rule's candidate: it may
fit nothing, and does no harm then. What cannot be told that way is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.address import quote
from lamplighter.drift.hcl.syntax import Block, Body, HclSyntaxError, parse, source
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch import statements
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Candidate, FileEdits, applied
from lamplighter.drift.patch.passages import NEW_VARIABLE, RESOURCE, Passage, Passages
from lamplighter.drift.patch.statements import Draft, Splice
from lamplighter.drift.patch.writing import expression, key_text

if TYPE_CHECKING:
    from tree_sitter import Node

RULE = "learnt from a model's answer"
_MOST_LEAVES = 40
_RESERVED = frozenset(
    ("each", "var", "local", "count", "module", "data", "self", "path", "for", "in", "if", "null")
)
_NAME = re.compile(r"@\{([a-z0-9_.]+)\}")
_TOKEN = re.compile(r'@\{[a-z0-9_.]+\}|"(?:[^"\\]|\\.)*"|[A-Za-z_][\w-]*|\d+(?:\.\d+)?|\s+|.', re.DOTALL)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Change(_Model):
    """One change at a path: attributes, blocks that stand once, and keys of objects.

    `set` gives the value there, `unset` takes it away; `insert` puts a block into the body there, `remove` takes the
    block away; `append` and `discard` are of one item of the list there; `declare` is a new variable.
    """

    role: str = Field(max_length=40)
    do: Literal["set", "unset", "insert", "remove", "append", "discard", "declare", "delete"]
    path: tuple[str, ...] = Field(default=(), max_length=12, strict=False)
    text: str = Field(default="", max_length=6_000)


class RuleCandidate(_Model):
    kind: str = Field(max_length=400)
    changes: tuple[Change, ...] = Field(min_length=1, max_length=12, strict=False)


class _NotGeneral(Exception):
    """The edit holds for the one item only, as far as can be told."""


def kind_of(item: DriftItem, passages: Passages) -> str:
    """Items of one kind are written the same way: action, form of the live value, form of the code, where it is from.

    Neither type nor attribute is in it: how a literal is given another value is the same for all of them.
    """
    nested = "member" if _is_tag(item) else "nested" if "." in item.attribute else "attribute"
    return f"{item.action} {nested}, live {_form(item.live_value)}: {passages.shape}"[:400]


def _is_tag(item: DriftItem) -> bool:
    return item.attribute.startswith(("tags.", "tags_all."))


def _form(value: Any) -> str:
    return {dict: "object", list: "list", type(None): "nothing"}.get(type(value), "scalar")


def generalised(
    item: DriftItem, passages: Passages, code: Code, edits: Sequence[FileEdits]
) -> RuleCandidate | None:
    """What the edits of an item do, in terms of its kind; None where that cannot be told."""
    changes: list[Change] = []
    try:
        for passage in passages.found:
            was, now = _texts(passage, code, edits)
            if was != now:
                changes += _changes(passage, was, now, _values(item, passages))
    except (_NotGeneral, HclSyntaxError):
        return None
    named = "@{" in "".join(expression(value) or "" for value in (item.live_value, item.code_value))
    if not changes or named or len(changes) > 12:
        return None
    return RuleCandidate(kind=kind_of(item, passages), changes=tuple(changes))


def _texts(passage: Passage, code: Code, edits: Sequence[FileEdits]) -> tuple[bytes, bytes]:
    """A passage before and after. Raises _NotGeneral for an edit that reaches over its end."""
    content, (start, end) = code.contents[passage.file], passage.span
    was = content[start:end]
    inside = [
        edit
        for of_file in edits
        if of_file.file == passage.file
        for edit in of_file.edits
        if (edit.end > start and edit.start < end) or start == end == edit.start
    ]
    if any(edit.start < start or edit.end > end for edit in inside):
        # The line end behind a block goes with it.
        if all(edit.start <= start and edit.end >= end and not edit.new.strip() for edit in inside):
            return was, b""
        raise _NotGeneral
    moved = (
        edit.model_copy(update={"start": edit.start - start, "end": edit.end - start}) for edit in inside
    )
    return was, applied(was, [*moved])


def _changes(passage: Passage, was: bytes, now: bytes, values: Mapping[str, str]) -> Iterator[Change]:
    if passage.role == NEW_VARIABLE:
        text = _abstracted(now.decode().strip(), values)
        yield Change(role=passage.role, do="declare", text=text)
        return
    if not now.strip():
        yield Change(role=passage.role, do="delete")
        return
    before, after = parse(was, ""), parse(now, "")
    for change in _of_bodies(_inner(before), _inner(after), ()):
        do, path, text, old = change
        named = tuple(_abstracted_name(part, values) for part in path)
        told = {"old": old, **values} if old else values
        yield Change(role=passage.role, do=do, path=named, text=_abstracted(text, told))  # type: ignore[arg-type]


def _inner(body: Body) -> Body:
    """A passage is one block, or one statement."""
    return body.blocks[0].body if body.blocks else body


_Found = tuple[str, tuple[str, ...], str, str]


def _of_bodies(was: Body, now: Body, path: tuple[str, ...]) -> Iterator[_Found]:
    for name, found in was.attributes.items():
        other = now.attributes.get(name)
        if other is None:
            yield "unset", (*path, name), "", ""
        elif found.expression.text != other.expression.text:
            yield from _of_values(found.expression.node, other.expression.node, (*path, name))
    for name, found in now.attributes.items():
        if name not in was.attributes:
            yield "set", (*path, name), found.expression.text, ""
    for kind in dict.fromkeys(block.type for block in (*was.blocks, *now.blocks)):
        yield from _of_blocks(was.of_type(kind), now.of_type(kind), (*path, kind))


def _of_blocks(was: Sequence[Block], now: Sequence[Block], path: tuple[str, ...]) -> Iterator[_Found]:
    if len(was) == len(now):
        for block, other in zip(was, now, strict=True):
            found = [*_of_bodies(block.body, other.body, path)]
            if found and len(was) > 1:
                raise _NotGeneral
            yield from found
        return
    texts, others = [_text(block) for block in was], [_text(block) for block in now]
    if len(now) > len(was) and others[: len(was)] == texts:
        yield from (("insert", path[:-1], text, "") for text in others[len(was) :])
    elif len(was) == 1:
        yield "remove", path, "", ""
    else:
        raise _NotGeneral


def _text(block: Block) -> str:
    """A block in the layout of `terraform fmt`, but for columns."""
    lines = [f"{name} = {found.expression.text}" for name, found in block.body.attributes.items()]
    lines += [_text(inner) for inner in block.body.blocks]
    labels = "".join(f" {quote(label)}" for label in block.labels)
    body = "\n".join(lines).replace("\n", "\n  ")
    return f"{block.type}{labels} {{\n  {body}\n}}" if lines else f"{block.type}{labels} {{}}"


def _of_values(was: Node, now: Node, path: tuple[str, ...]) -> Iterator[_Found]:
    one, other = _collection(was), _collection(now)
    if one is None or other is None or one.type != other.type:
        yield "set", path, source(now), source(was)
    elif one.type == "object":
        before, after = _elements(one), _elements(other)
        for key, value in before.items():
            if key not in after:
                yield "unset", (*path, key), "", ""
            elif source(value) != source(after[key]):
                yield from _of_values(value, after[key], (*path, key))
        yield from (
            ("set", (*path, key), source(value), "") for key, value in after.items() if key not in before
        )
    else:
        texts, others = _items(one), _items(other)
        yield from (("discard", path, text, "") for text in texts if text not in others)
        yield from (("append", path, text, "") for text in others if text not in texts)


def _collection(node: Node) -> Node | None:
    inner = [child for child in node.children if child.type != "comment"]
    found = inner[0] if len(inner) == 1 and inner[0].type == "collection_value" else None
    return found.children[0] if found is not None else None


def _element_parts(element: Node) -> tuple[str, Node]:
    key, value = (child for child in element.children if child.type == "expression")
    return source(key).strip('"'), value


def _elements(node: Node) -> dict[str, Node]:
    return dict(_element_parts(child) for child in node.children if child.type == "object_elem")


def _items(node: Node) -> list[str]:
    return [source(child) for child in node.children if child.type == "expression"]


def _values(item: DriftItem, passages: Passages) -> dict[str, str]:
    """What is the item's own, by name, as HCL; the longest first where one lies within another."""
    found: dict[str, str] = {}
    for name, value in (("live", item.live_value), ("code", item.code_value)):
        text = expression(value)
        if text is not None and value is not None:
            found[name] = text
            found.update(_leaves(name, value))
    parsed = addresses.parse(item.address or "")
    if parsed is not None:
        found |= {"key": quote(parsed.key)} if isinstance(parsed.key, str) else {}
        keys = [step.key for step in reversed(parsed.modules)]
        found |= {f"step{at}": quote(key) for at, key in enumerate(keys) if isinstance(key, str)}
        found |= {"name": parsed.name} if parsed.name not in _RESERVED else {}
    top, _, rest = item.attribute.partition(".")
    if _is_tag(item):
        found |= {"leaf": rest}
    steps = [top] if _is_tag(item) else [part for part in item.attribute.split(".") if not part.isdecimal()]
    found |= {f"attr{number}": part for number, part in enumerate(steps) if part}
    return found | {f"ref{number}": name for number, name in enumerate(passages.names)}


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Scalars within a value, by their path."""
    waiting: list[tuple[str, Any]] = [(name, value)]
    count = 0
    while waiting and count < _MOST_LEAVES:
        path, part = waiting.pop(0)
        if isinstance(part, Mapping):
            waiting += [(f"{path}.{key}".lower(), part[key]) for key in sorted(part, key=str)]
        elif isinstance(part, list):
            waiting += [(f"{path}.{index}", inner) for index, inner in enumerate(part)]
        elif path != name and part is not None and (text := expression(part)) is not None:
            count += 1
            yield path, text


def _abstracted_name(part: str, values: Mapping[str, str]) -> str:
    """A step of a path: part of the attribute, the tag's key, or the name of what is referred to."""
    known = [name for name in values if name == "leaf" or name.startswith(("ref", "attr"))]
    return next((f"@{{{name}}}" for name in known if values[name] == part), part)


def _abstracted(text: str, values: Mapping[str, str]) -> str:
    """The text with names in place of the values. Raises _NotGeneral for what has such names already."""
    if _NAME.search(text):
        raise _NotGeneral
    tokens = _TOKEN.findall(text)
    for name, value in values.items():
        tokens = _replaced(tokens, [token for token in _TOKEN.findall(value) if token.strip()], name)
    return "".join(tokens)


def _replaced(tokens: list[str], wanted: list[str], name: str) -> list[str]:
    """White space between tokens does not count. A leaf stands for its own attribute where that is named before it."""
    solid = [at for at, token in enumerate(tokens) if token.strip()]
    made, position, index = list[str](), 0, 0
    while wanted and index + len(wanted) <= len(solid):
        here = solid[index : index + len(wanted)]
        if [tokens[at] for at in here] == wanted and _fits(tokens, solid, index, name):
            made += [*tokens[position : here[0]], f"@{{{name}}}"]
            position, index = here[-1] + 1, index + len(wanted)
        else:
            index += 1
    return [*made, *tokens[position:]]


def _fits(tokens: Sequence[str], solid: Sequence[int], index: int, name: str) -> bool:
    leaf = name.rpartition(".")[2]
    if "." not in name or leaf.isdecimal() or index < 2 or tokens[solid[index - 1]] != "=":
        return True
    return tokens[solid[index - 2]].strip('"') == leaf


def instantiated(found: RuleCandidate, item: DriftItem, passages: Passages, code: Code) -> Candidate | None:
    """The candidate for another item of the kind; None where it does not fit."""
    values = _values(item, passages)
    draft = Draft(code)
    try:
        for change in found.changes:
            passage = passages.named(change.role)
            if passage is None:
                return None
            _put(draft, change, passage, values, code)
    except (_NotGeneral, HclSyntaxError):
        return None
    return draft.candidate(RULE)


def _put(draft: Draft, change: Change, passage: Passage, values: Mapping[str, str], code: Code) -> None:
    if change.do == "declare":
        draft.append(passage.file, _filled(change.text, values))
        return
    if change.do == "delete":
        if passage.role != RESOURCE:
            raise _NotGeneral
        draft.put(passage.file, statements.removal(code.contents[passage.file], passage.span))
        return
    content = passage.text(code).encode()
    path = [_filled(part, values) for part in change.path]
    splice = _splice(content, change, path, values)
    start = passage.span[0]
    draft.put(passage.file, splice._replace(start=splice.start + start, end=splice.end + start))


def _splice(content: bytes, change: Change, path: list[str], values: Mapping[str, str]) -> Splice:
    top = parse(content, "")
    block = top.blocks[0] if top.blocks else None
    body = block.body if block is not None else top
    while path and path[0] not in body.attributes and len(body.of_type(path[0])) == 1:
        inner = body.of_type(path[0])[0]
        if change.do == "remove" and len(path) == 1:
            return statements.removal(content, inner.span)
        block, body, path = inner, inner.body, path[1:]
    if change.do == "insert" and block is not None and not path:
        return statements.inside(content, block, _filled(change.text, values))
    if not path or change.do in ("insert", "remove"):
        raise _NotGeneral
    name, keys = path[0], path[1:]
    statement = body.attributes.get(name)
    if statement is None:
        if change.do != "set" or keys or block is None:
            raise _NotGeneral
        return statements.attribute(content, block, name, _filled(change.text, values))
    if change.do == "unset" and not keys:
        return statements.removal(content, statement.span)
    return _in_value(content, change, statement.expression.node, keys, values)


def _in_value(
    content: bytes, change: Change, node: Node, keys: list[str], values: Mapping[str, str]
) -> Splice:
    while keys:
        inside = _collection(node)
        if inside is None or inside.type != "object":
            raise _NotGeneral
        element = next(
            (child for child in inside.children if child.type == "object_elem" and _key(child) == keys[0]),
            None,
        )
        if element is None:
            if change.do != "set" or len(keys) > 1:
                raise _NotGeneral
            return statements.member(content, inside, key_text(keys[0]), _filled(change.text, values))
        if change.do == "unset" and len(keys) == 1:
            return statements.unmembered(content, inside, element)
        node, keys = _element_parts(element)[1], keys[1:]
    if change.do == "set":
        start, end = node.start_byte, node.end_byte
        return Splice(start, end, _filled(change.text, {**values, "old": source(node)}))
    inside, text = _collection(node), _filled(change.text, values)
    if inside is None or inside.type != "tuple":
        raise _NotGeneral
    if change.do == "append":
        return statements.listed(content, inside, text)
    items = [child for child in inside.children if child.type == "expression" and source(child) == text]
    if change.do != "discard" or len(items) != 1:
        raise _NotGeneral
    return statements.unlisted(content, inside, items[0])


def _key(element: Node) -> str:
    return _element_parts(element)[0]


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Raises _NotGeneral where the item has no value of a name."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise _NotGeneral
        return values[found[1]]

    return _NAME.sub(value, text)
