"""Where an expression stands and where what it refers to comes from: the arguments of calls, locals, variable files.

A `Here` is one instance's view of an expression. What it refers to is another expression with a view of its own: the
same module's local, the caller's argument, the member of a collection that `each.value` is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.address import Key, ModuleStep
from lamplighter.drift.hcl.evaluate import Scope, evaluate, evaluate_parts
from lamplighter.drift.hcl.modules import Instance
from lamplighter.drift.hcl.syntax import Block, Expression, source, tree
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.collections import condition
from lamplighter.drift.patch.steps import At, Path, Step

if TYPE_CHECKING:
    from tree_sitter import Node


class Asked(NamedTuple):
    """An expression that is to have another value: what is to happen at `step`'s path within it.

    `part` are the children [first, last) of the expression's node that are meant, as an operand is; None for all.
    """

    expression: Expression
    here: Here
    step: Step
    part: tuple[int, int] | None = None
    rewrite: bool = True
    """Whether the expression may be written anew: not where what is around it can be added to."""

    @property
    def nodes(self) -> list[Node]:
        """What the expression is made of, without comments."""
        children = self.expression.node.children
        return [child for child in children[slice(*self.part or (None,))] if child.type != "comment"]

    @property
    def span(self) -> tuple[int, int]:
        nodes = self.nodes
        return nodes[0].start_byte, nodes[-1].end_byte

    @property
    def value(self) -> Any:
        """As it is now; UNKNOWN for what is not in the files and the state."""
        return evaluate_parts(self.nodes, self.here.scope)

    @property
    def text(self) -> str:
        """As written."""
        start, end = self.span
        origin = self.expression.node.start_byte
        return (self.expression.node.text or b"")[start - origin : end - origin].decode("utf-8", "replace")


class Target(NamedTuple):
    """A part of an expression's value as one instance sees it."""

    expression: Expression
    here: Here
    path: Path = ()


@dataclass(frozen=True)
class Here:
    """`instance` is the module instance that names are resolved in, `tests` are HCL conditions that hold in no other
    instance of what surrounds the expression. `prefix` are bytes that stand before the file's own where its expressions
    were parsed in a frame; `in_json` says that JSON is written here. `address` is the resource whose value it is.
    """

    code: Code
    instance: Instance
    scope: Scope
    bound: Mapping[str, Target] = field(default_factory=dict[str, Target])
    iterators: frozenset[str] = frozenset(("each",))
    """Names whose `.value` is the member: `each`, and those of dynamic blocks."""
    tests: tuple[str, ...] = ()
    in_json: bool = False
    prefix: int = 0
    plain: bool = False
    """Whether references mean nothing here, as in a file of variables."""
    address: str = ""
    place: str = ""
    """What a literal here is, in words: `local`, `variable default`; empty in the resource itself."""
    name: str = ""
    """Of the attribute, or of the argument of a module call, that the expression is in."""

    @property
    def unreferring(self) -> Here:
        """The same place for a text that must stay one."""
        return replace(self, plain=True)

    @property
    def of_json(self) -> Here:
        """The same place for what is written as JSON."""
        return replace(self, in_json=True)

    def value(self, node: Node) -> Any:
        """UNKNOWN for what is not in the files and the state."""
        return evaluate(node, self.scope)

    @property
    def modules(self) -> tuple[ModuleStep, ...]:
        return modules_of(self.instance)

    def within(
        self,
        name: str,
        target: Target | None,
        values: Mapping[str, Any],
        test: str = "",
        *,
        iterator: bool = False,
    ) -> Here:
        """Inside of a loop, where `name` stands for a member of a collection; `values` are those of its variables."""
        return replace(
            self,
            scope=self.scope.binding(**values),
            bound={**self.bound, name: target} if target is not None else self.bound,
            iterators=self.iterators | {name} if iterator else self.iterators - {name},
            tests=(*self.tests, test) if test else self.tests,
        )


def modules_of(instance: Instance) -> tuple[ModuleStep, ...]:
    """The steps of an instance's own address."""
    parsed = addresses.parse(f"{instance.prefix}x.y")
    return parsed.modules if parsed is not None else ()


def inside(code: Code, instance: Instance, block: Block, key: Key, address: str = "") -> Here:
    """One instance of a repeated block, or a plain one: `each.value` comes from its collection."""
    here = Here(code, instance, instance.inside(block, key), address=address)
    over = block.body.attributes.get("for_each")
    if over is not None and isinstance(key, str):
        outside = Here(code, instance, instance.scope, address=address)
        if isinstance(outside.value(over.expression.node), Mapping):
            collection = replace(outside, place="for_each member")
            here = replace(here, bound={"each": Target(over.expression, collection, (key,))})
    # Where there is one instance only, what is written is its own.
    test = "" if instance.keys(block) == [key] else condition(key)
    return replace(here, tests=(test,) if test else ())


def plainly(here: Here, place: str, instance: Instance | None = None) -> Here:
    """The module's own view: of locals, outputs, defaults."""
    of = instance or here.instance
    return Here(here.code, of, of.scope, address=here.address, place=place)


def referred(name: str, path: Path, here: Here) -> Iterator[Target]:
    """What a name with a path behind it comes from, where that is an expression of its own."""
    if here.plain:
        return
    if name in here.bound:
        target = here.bound[name]
        if name not in here.iterators:
            yield target._replace(path=(*target.path, *path))
        elif path[:1] == ("value",):
            yield target._replace(path=(*target.path, *path[1:]))
        return
    first = path[0] if path and isinstance(path[0], str) else ""
    local = here.instance.module.locals.get(first) if name == "local" else None
    if name == "var":
        yield from variable(first, path[1:], here)
    elif local is not None:
        yield Target(local.expression, plainly(here, "local"), path[1:])
    elif name == "module" and first in here.instance.module.calls:
        yield from _output(first, path[1:], here)


def variable(name: str, path: Path, here: Here) -> Iterator[Target]:
    """The argument of the call, the last variable file that sets it, or the default."""
    instance, code = here.instance, here.code
    argument = instance.argument(name)
    if argument is not None and instance.call is not None:
        yield Target(argument.expression, replace(of_call(code, instance, here.address), name=name), path)
        return
    if instance.call is None:
        for file in reversed(code.variables):
            found = given_in(code, file, name)
            if found is not None:
                there = replace(plainly(here, "variable value"), plain=True)
                json = file.endswith(".json")
                yield Target(found, replace(there, in_json=json, prefix=len(_FRAME) if json else 0), path)
                return
    declared = instance.module.variables.get(name)
    default = declared.body.attributes.get("default") if declared is not None else None
    if default is not None:
        yield Target(default.expression, replace(plainly(here, "variable default"), plain=True), path)


def of_call(code: Code, instance: Instance, address: str = "") -> Here:
    """The view of the arguments of the call that a module instance comes from. Raises ValueError for the root."""
    if instance.call is None:
        raise ValueError("the root module is called by nothing")
    block, caller = instance.call
    return replace(inside(code, caller, block, instance.step, address), place="module argument")


_FRAME = b"_="


def framed(content: bytes, start: int, end: int) -> Node | None:
    """A part of a file that is JSON as an HCL expression, at the same offsets where there is room for the frame before
    it, else moved by the length of the frame; None for what is not JSON that HCL reads the same way.
    """
    room = start >= len(_FRAME)
    lead = b" " * (start - len(_FRAME)) + _FRAME if room else _FRAME
    root = tree(lead + content[start:end] + b"\n")
    if root.has_error:
        return None
    body = next((child for child in root.children if child.type == "body"), None)
    statements = [child for child in body.children if child.type == "attribute"] if body is not None else []
    return statements[0].children[-1] if len(statements) == 1 else None


def given_in(code: Code, file: str, name: str) -> Expression | None:
    """The value that a variable file gives a variable."""
    content = code.contents[file]
    if not file.endswith(".json"):
        found = code.body(file).attributes.get(name)
        return found.expression if found is not None else None
    node = framed(content, 0, len(content.rstrip()))
    if node is None or node.children[0].type != "collection_value":
        return None
    for element in node.children[0].children[0].children:
        if element.type == "object_elem":
            key, value = (child for child in element.children if child.type == "expression")
            if source(key).strip('"') == name:
                return Expression(value, int(value.start_point[0]) + 1, file)
    return None


def _output(name: str, path: Path, here: Here) -> Iterator[Target]:
    """`module.NAME.OUTPUT`, or with a key between the two."""
    key: Key = None
    rest = path
    calls = here.instance.module.calls[name].body.attributes
    if rest and ("for_each" in calls or "count" in calls):
        first = rest[0]
        key, rest = (first.place if isinstance(first, At) else first), rest[1:]
    child = here.instance.child(name, key)
    output = rest[0] if rest else None
    if child is None or not isinstance(output, str) or output not in child.module.outputs:
        return
    value = child.module.outputs[output].body.attributes.get("value")
    if value is not None:
        yield Target(value.expression, plainly(here, "module output", child), rest[1:])
