"""One HCL file -> bodies, blocks and attributes, with byte ranges and lines. Expressions stay as syntax nodes.

Source of the language: HashiCorp's "HCL Native Syntax Specification"; the parser is tree-sitter-hcl.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_MAX_DEPTH = 60
_BOM = b"\xef\xbb\xbf"


class HclSyntaxError(ValueError):
    """The file is not HCL; `line` is where that first shows."""

    def __init__(self, problem: str, line: int) -> None:
        self.problem = problem
        self.line = line
        super().__init__(f"{problem} (line {line})")


class Expression(NamedTuple):
    """An expression as written: bytes [start, end) of its file, 1-based line; `file` as in `Block`."""

    node: Node
    line: int
    file: str

    @property
    def text(self) -> str:
        return source(self.node)

    @property
    def span(self) -> tuple[int, int]:
        return self.node.start_byte, self.node.end_byte


@dataclass(frozen=True, slots=True)
class Attribute:
    """`span` are the bytes [start, end) of the whole statement: name, equals sign and value."""

    name: str
    expression: Expression
    line: int
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Body:
    """What stands between braces, or in a file."""

    attributes: dict[str, Attribute] = field(default_factory=dict[str, Attribute])
    blocks: tuple[Block, ...] = ()

    def of_type(self, kind: str) -> tuple[Block, ...]:
        return tuple(block for block in self.blocks if block.type == kind)


@dataclass(frozen=True, slots=True)
class Block:
    """`type "label" "label" { body }`; `file` is the path the body was read under, `span` its bytes [start, end)."""

    type: str
    labels: tuple[str, ...]
    body: Body
    line: int
    file: str
    span: tuple[int, int] = (0, 0)


def parse(content: bytes, file: str) -> Body:
    """Raises HclSyntaxError on the first part that is not HCL, or not UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise HclSyntaxError("not UTF-8 text", content.count(b"\n", 0, error.start) + 1) from error
    root = tree(content)
    if root.has_error:
        raise HclSyntaxError("not valid HCL", _first_error(root))
    body = next((child for child in root.children if child.type == "body"), None)
    return _body(body, file, 0) if body is not None else Body()


@lru_cache(maxsize=16)
def tree(content: bytes) -> Node:
    """The root node of a file, whether it is HCL or not."""
    return _parser().parse(content).root_node


def nodes(root: Node) -> Iterator[Node]:
    """A node and all below it, in no order of the text."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children


def source(node: Node) -> str:
    """The text of a node."""
    return (node.text or b"").decode("utf-8", "replace")


@cache
def _parser() -> Parser:
    import tree_sitter_hcl
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_hcl.language()))


def _first_error(root: Node) -> int:
    node = root
    while True:
        broken = next((child for child in node.children if child.has_error or child.is_missing), None)
        if broken is None or node.type == "ERROR":
            return int(node.start_point[0]) + 1
        node = broken


def _body(node: Node, file: str, depth: int) -> Body:
    if depth > _MAX_DEPTH:
        raise HclSyntaxError(f"blocks are nested deeper than {_MAX_DEPTH}", int(node.start_point[0]) + 1)
    attributes: dict[str, Attribute] = {}
    blocks: list[Block] = []
    for child in node.children:
        line = int(child.start_point[0]) + 1
        if child.type == "attribute":
            name, value = source(child.children[0]), child.children[-1]
            expression = Expression(value, int(value.start_point[0]) + 1, file)
            attributes[name] = Attribute(name, expression, line, (child.start_byte, child.end_byte))
        elif child.type == "block":
            blocks.append(_block(child, file, line, depth))
    return Body(attributes, tuple(blocks))


def _block(node: Node, file: str, line: int, depth: int) -> Block:
    labels: list[str] = []
    body = Body()
    for child in node.children[1:]:
        if child.type == "string_lit":
            labels.append(source(child)[1:-1])
        elif child.type == "identifier":
            labels.append(source(child))
        elif child.type == "body":
            body = _body(child, file, depth + 1)
    kind, span = source(node.children[0]).removeprefix(_BOM.decode()), (node.start_byte, node.end_byte)
    return Block(kind, tuple(labels), body, line, file, span)
