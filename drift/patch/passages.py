"""The parts of the code that an item bears on: its own block, and what the attribute's value comes from.

They are all that an answer may edit (`answer`). A passage is found by its role, which is the same for items whose code
is written the same way: that is how what was answered once is carried over to the next item (`rule_candidates`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from lamplighter.drift.hcl.modules import Instance
from lamplighter.drift.hcl.syntax import Block, Body, HclSyntaxError, parse, source
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.masking import Secrets, refers_to_secret, within
from lamplighter.drift.patch.written import as_text

RESOURCE = "resource"
NEW_VARIABLE = "new variable"
_DOCUMENT = "aws_iam_policy_document"
_REFERENCE = re.compile(
    rf"(?<![\w.])(?:(var|local|each|count)\.([A-Za-z_][\w-]*)|(data)\.{_DOCUMENT}\.([A-Za-z_][\w-]*))"
)
_DEPTH = 5
_MOST = 12


class Passage(NamedTuple):
    """Bytes [start, end) of a file; an empty span is its end, where one new variable may be declared.

    `name` is that of the variable, the local or the document that it is, empty for a block of a resource or a call.
    """

    role: str
    file: str
    span: tuple[int, int]
    line: int
    name: str = ""

    def text(self, code: Code) -> str:
        return code.contents[self.file][self.span[0] : self.span[1]].decode()


class Passages(NamedTuple):
    """What an item bears on, the nearest first, and `shape`: how its value comes about, in words."""

    found: tuple[Passage, ...]
    shape: str

    def named(self, role: str) -> Passage | None:
        return next((one for one in self.found if one.role == role), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Of variables, locals and documents, in their order."""
        return tuple(one.name for one in self.found if one.name)


def rests_on_secret(item: DriftItem, code: Code, secrets: Secrets) -> bool:
    """Whether the item's value in the code comes from a variable, or whatever else, that is a secret."""
    seen = code.project.seen(item.address) if item.address is not None else None
    if seen is None:
        return False
    block, instance, _ = seen
    search = _Search(code)
    search.follow(_value_of(item, block), instance, block, 0)
    return any(refers_to_secret(text, secrets) for text in search.followed)


def passages_of(item: DriftItem, code: Code) -> Passages | None:
    """None for an item that has no block in the code that was read."""
    seen = code.project.seen(item.address) if item.address is not None else None
    if seen is None:
        return None
    block, instance, _ = seen
    search = _Search(code)
    search.add(Passage(RESOURCE, block.file, block.span, block.line))
    search.follow(_about(item, block), instance, block, 0)
    for depth, (call, _) in enumerate(_calls(instance)):
        search.call(depth, call)
    if instance.prefix:
        search.add(_new_variable(block, code))
    return Passages(tuple(search.found), _shape(item, block, instance))


class _Search:
    def __init__(self, code: Code) -> None:
        self._code = code
        self.found: list[Passage] = []
        self.followed: list[str] = []

    def add(self, passage: Passage) -> None:
        known = [one.role for one in self.found]
        if any((one.file, one.span) == (passage.file, passage.span) for one in self.found if one.name):
            return
        if passage.role not in known and len(self.found) < _MOST:
            self.found.append(passage)

    def call(self, depth: int, block: Block) -> None:
        self.add(Passage(f"call {depth}", block.file, block.span, block.line))

    def follow(self, text: str, instance: Instance, block: Block, depth: int) -> None:
        """What a text of the module refers to, and what that refers to; `block` is where `each` is bound."""
        if depth > _DEPTH:
            return
        self.followed.append(text)
        for kind, name in dict.fromkeys(_references(text)):
            match kind:
                case "var":
                    self._variable(name, instance, depth)
                case "local":
                    self._local(name, instance, block, depth)
                case "data":
                    found = instance.module.data.get((_DOCUMENT, name))
                    if found is not None:
                        self._named("document", name, found.file, found.span, found.line)
                        self.follow(as_text(found), instance, found, depth + 1)
                case _:
                    over = block.body.attributes.get("for_each" if kind == "each" else "count")
                    if over is not None:
                        self.follow(over.expression.text, instance, block, depth + 1)

    def _named(self, what: str, name: str, file: str, span: tuple[int, int], line: int) -> None:
        number = sum(one.role.startswith(f"{what} ") for one in self.found)
        self.add(Passage(f"{what} {number}", file, span, line, name))

    def _local(self, name: str, instance: Instance, block: Block, depth: int) -> None:
        found = instance.module.locals.get(name)
        if found is not None:
            self._named("local", name, found.expression.file, found.span, found.line)
            self.follow(found.expression.text, instance, block, depth + 1)

    def _variable(self, name: str, instance: Instance, depth: int) -> None:
        declared = instance.module.variables.get(name)
        if instance.call is not None:
            call, caller = instance.call
            number = len(instance.prefix.split("module.")) - len(caller.prefix.split("module.")) - 1
            given = call.body.attributes.get(name)
            if given is not None:
                self.call(number, call)
                self.follow(given.expression.text, caller, call, depth + 1)
                return
        else:
            for file in reversed(self._code.variables):
                statement = _body(self._code, file).attributes.get(name)
                if statement is not None:
                    self._named("value", name, file, statement.span, statement.line)
                    return
        if declared is not None:
            self._named("variable", name, declared.file, declared.span, declared.line)


def _references(text: str) -> Iterator[tuple[str, str]]:
    for found in _REFERENCE.finditer(text):
        yield (found[1], found[2]) if found[1] else (found[3], found[4])


def _body(code: Code, file: str) -> Body:
    try:
        return Body() if file.endswith(".json") else parse(code.contents[file], file)
    except HclSyntaxError:
        return Body()


def _about(item: DriftItem, block: Block) -> str:
    """What the block says of the attribute, and of how often it stands."""
    name = item.attribute.partition(".")[0]
    texts = [block.body.attributes[key].expression.text for key in (name,) if key in block.body.attributes]
    texts += [as_text(inner) for inner in block.body.blocks if name in (inner.type, *inner.labels)]
    texts += ["each.key"] if "for_each" in block.body.attributes else []
    texts += ["count.index"] if "count" in block.body.attributes else []
    return "\n".join(texts)


def _value_of(item: DriftItem, block: Block) -> str:
    """What the block says of the item's value alone, as far in as that can be told apart."""
    body, steps = block.body, [step for step in item.attribute.split(".") if not step.isdecimal()]
    for at, step in enumerate(steps):
        statement = body.attributes.get(step)
        if statement is not None:
            return source(within(statement.expression.node, steps[at + 1 :]))
        inner = [one for one in body.blocks if step in (one.type, *one.labels)]
        if len(inner) != 1 or inner[0].type == "dynamic":
            return "\n".join(as_text(one) for one in inner)
        body = inner[0].body
    return as_text(block)


def _calls(instance: Instance) -> Iterator[tuple[Block, Instance]]:
    """From the innermost call outwards."""
    while instance.call is not None:
        yield instance.call
        instance = instance.call[1]


def _new_variable(block: Block, code: Code) -> Passage:
    beside = posixpath.join(posixpath.dirname(block.file), "variables.tf")
    file = beside if beside in code.contents else block.file
    content = code.contents[file]
    return Passage(NEW_VARIABLE, file, (len(content), len(content)), content.count(b"\n") + 1)


def _shape(item: DriftItem, block: Block, instance: Instance) -> str:
    """The form of the value, how often the block stands, and how often each call around it."""
    steps = [_repeat(block), *(_repeat(call) for call, _ in _calls(instance))]
    shared = "" if instance.exclusive else ", shared module"
    return f"{_form(item, block)}, {' in '.join(steps)}{shared}"


def _form(item: DriftItem, block: Block) -> str:
    name = item.attribute.partition(".")[0]
    if not name:
        return "whole"
    statement = block.body.attributes.get(name)
    if statement is not None:
        parts = [child.type for child in statement.expression.node.children if child.type != "comment"]
        return "+".join(dict.fromkeys(parts))
    kinds = {inner.type for inner in block.body.blocks if name in (inner.type, *inner.labels)}
    return "dynamic" if "dynamic" in kinds else "blocks" if kinds else "absent"


def _repeat(block: Block) -> str:
    return next((name for name in ("for_each", "count") if name in block.body.attributes), "one")
