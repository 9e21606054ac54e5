"""Statements and members put into a file, or taken out of it: text around them stays byte for byte.

A `Draft` collects what is to be replaced in each file; its candidate holds the smallest edits that do it. Layout is
that of `terraform fmt`: where a name joins or leaves neighbours in one column, they stand in one column again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lamplighter.drift.hcl.syntax import Block, source, tree
from lamplighter.drift.patch.model import Candidate, contents_between
from lamplighter.drift.patch.writing import in_way_of, indent_at

if TYPE_CHECKING:
    from tree_sitter import Node

    from lamplighter.drift.patch.code import Code

_COMMENT = re.compile(rb"[ \t]*(?:#|//)")
_BANNER = re.compile(rb"[ \t]*(?:#|//)[ \t#/]*[-=*#/~]{3,}")
_BLANK = re.compile(rb"[ \t\r]*\Z")


class Splice(NamedTuple):
    """Bytes [start, end) of a file, and what is to stand there."""

    start: int
    end: int
    text: str


class Draft:
    """Changes of several files, all in the coordinates of the files before any of them."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self._splices: dict[str, list[Splice]] = {}

    def content(self, file: str) -> bytes:
        """As it stands before the changes; empty for a file that is not there."""
        return self.code.contents.get(file, b"")

    def put(self, file: str, *splices: Splice) -> None:
        """Adds changes of one file; those at one place stand in the order in which they were put."""
        for splice in splices:
            text = in_way_of(self.content(file), _in_tabs(self.content(file), splice.text))
            self._splices.setdefault(file, []).append(splice._replace(text=text))

    def append(self, file: str, text: str) -> None:
        """A statement at the end of the file, a blank line in front of it."""
        content = self.content(file)
        told = bool(content.strip()) or file in self._splices
        lead = "" if not told else "\n" if content.endswith(b"\n") or not content else "\n\n"
        self.put(file, Splice(len(content), len(content), f"{lead}{text}\n"))

    def candidate(self, rule: str, note: str = "") -> Candidate | None:
        """None where a change overlaps another, changes nothing, or leaves what is not HCL."""
        after = dict(self.code.contents)
        for file, splices in self._splices.items():
            made = _spliced(self.content(file), splices, in_json=file.endswith(".json"))
            if made is None:
                return None
            after[file] = made
        edits = contents_between(self.code.contents, after)
        return Candidate(rule, edits, note) if edits else None


def _spliced(content: bytes, splices: Sequence[Splice], *, in_json: bool = False) -> bytes | None:
    pieces: list[bytes] = []
    touched: list[tuple[int, int]] = []
    kept: list[_Kept] = []
    position = length = 0
    deletes = False
    for splice in sorted(splices, key=lambda splice: splice.start):
        start, end, text = splice
        if start < position and deletes and not text:
            # The blank lines between two statements that both go are one's as much as the other's.
            start, end = position, max(position, end)
        if start < position:
            return None
        deletes = not text
        pieces += [content[position:start], text.encode()]
        kept.append(_Kept(length, length + start - position, position))
        length += start - position
        touched.append((length, length + len(text.encode())))
        length += len(text.encode())
        position = end
    made = b"".join([*pieces, content[position:]])
    kept.append(_Kept(length, len(made), position))
    if not in_json:
        return None if tree(made).has_error else _aligned(made, touched, content, kept)
    try:
        json.loads(made)
    except ValueError:
        return None
    return made


def removal(content: bytes, span: tuple[int, int]) -> Splice:
    """Takes a statement away, with its comment: on the lines right above it, and behind it on the same line.

    What stands at the beginning of a file, and a line of dashes, is about more than the one statement.
    """
    start, end = content.rfind(b"\n", 0, span[0]) + 1, _line_end(content, span[1])
    if not _BLANK.match(content[start : span[0]]):
        return Splice(*span, "")
    first = start
    while start and (above := content.rfind(b"\n", 0, start - 1) + 1) < start:
        line = content[above:start]
        if not _COMMENT.match(line) or _BANNER.match(line):
            break
        start = above
    start = start or first
    after = _past_blank(content, end)
    last = not content[after:] or content[after:].lstrip(b" \t").startswith(b"}")
    if last or _is_blank_before(content, start):
        end = after if not last else end
        start = _before_blank(content, start) if last else start
    return Splice(start, end, "")


def below(content: bytes, span: tuple[int, int], text: str, *, apart: bool = True) -> Splice:
    """A statement on the lines under another, with a blank line between them unless not `apart`."""
    end = _line_end(content, span[1])
    lead = "" if content[end - 1 : end] == b"\n" else "\n"
    indented = _indented(text, indent_at(content, span[0]))
    return Splice(end, end, f"{lead}{chr(10) if apart else ''}{indented}\n")


def above(content: bytes, span: tuple[int, int], texts: Sequence[str]) -> Splice:
    """Statements on the lines above another, with a blank line below each."""
    start = content.rfind(b"\n", 0, span[0]) + 1
    indent = indent_at(content, span[0])
    return Splice(start, start, "".join(f"{_indented(text, indent)}\n\n" for text in texts))


def inside(content: bytes, block: Block, text: str, *, apart: bool = True) -> Splice:
    """A statement at the end of a block's body; `apart` says whether a blank line stands in front, if anything does."""
    close = block.span[1] - 1
    indent = indent_at(content, block.span[0])
    line = content.rfind(b"\n", 0, close) + 1
    if _BLANK.match(content[line:close]):
        lead = "\n" if apart and _has_statements(block) else ""
        return Splice(line, line, f"{lead}{_indented(text, indent + '  ')}\n")
    body = content[block.span[0] : close].partition(b"{")[2]
    inner = f"\n{indent}  {body.strip().decode()}" if body.strip() else ""
    lead = "\n" if apart and inner else ""
    opening = close - len(body)
    return Splice(opening, close, f"{inner}\n{lead}{_indented(text, indent + '  ')}\n{indent}")


def first_inside(content: bytes, block: Block, text: str) -> Splice:
    """A statement at the beginning of a block's body, on a line of its own: `for_each`, `count`."""
    brace = content.index(b"{", block.span[0] + len(block.type))
    end = content.find(b"\n", brace)
    if end < 0 or end > block.span[1]:
        return inside(content, block, text, apart=False)
    top = min((inner.span[0] for inner in block.body.blocks), default=None)
    gap = "\n" if top is not None and all(top < one.span[0] for one in block.body.attributes.values()) else ""
    indent = indent_at(content, block.span[0]) + "  "
    return Splice(end + 1, end + 1, f"{_indented(text, indent)}\n{gap}")


def attribute(content: bytes, block: Block, name: str, value: str) -> Splice:
    """An attribute that the block does not set yet, after those that stand before its blocks."""
    first_block = min((inner.span[0] for inner in block.body.blocks), default=len(content))
    before = [item for item in block.body.attributes.values() if item.span[0] < first_block]
    if before:
        last = max(before, key=lambda item: item.span[0])
        return below(content, last.span, f"{name} = {value}", apart=False)
    if block.body.blocks:
        return first_inside(content, block, f"{name} = {value}")
    return inside(content, block, f"{name} = {value}", apart=False)


def listed(content: bytes, node: Node, text: str) -> Splice:
    """One more item at the end of a list, `node` its `tuple`."""
    items = [child for child in node.children if child.type == "expression"]
    if not items:
        return Splice(node.start_byte, node.end_byte, f"[{text}]")
    last, close = items[-1], node.end_byte - 1
    comma = _comma_after(node, last)
    if last.start_point[0] == node.end_point[0]:
        return Splice(last.end_byte, last.end_byte, f", {text}")
    indent = indent_at(content, last.start_byte)
    if comma is None:
        # A list whose last item closes on its own line has the new one right behind it.
        ends = _line_end(content, last.end_byte)
        rest = content[last.end_byte : min(ends, close)].decode()
        return Splice(last.end_byte, min(ends, close), f",{rest.rstrip()}\n{indent}{text}\n")
    ends = min(_line_end(content, comma.end_byte), close)
    return Splice(ends, ends, f"{indent}{text},\n")


def unlisted(content: bytes, node: Node, item: Node) -> Splice:
    """A list without one of its items, nor the comment that stands with it."""
    return _taken_out(content, node, item)


def member(content: bytes, node: Node, key: str, value: str) -> Splice:
    """One more member at the end of an object, `node` its `object`, in the way of those that are there."""
    elements = [child for child in node.children if child.type == "object_elem"]
    if not elements:
        return Splice(node.start_byte, node.end_byte, f"{{ {key} = {value} }}")
    last = elements[-1]
    sign = next((source(child) for child in last.children if child.type in ("=", ":")), "=")
    written = f"{key} {sign} {value}" if sign == "=" else f"{key}: {value}"
    if last.start_point[0] == node.start_point[0]:
        return Splice(last.end_byte, last.end_byte, f", {written}")
    indent = indent_at(content, last.start_byte)
    comma = _comma_after(node, last)
    ends = min(_line_end(content, (comma or last).end_byte), node.end_byte - 1)
    text = _indented(written, indent)
    if comma is None and any(child.type == "," for child in node.children):
        rest = content[last.end_byte : ends].decode()
        return Splice(last.end_byte, ends, f",{rest}{text}\n")
    return Splice(ends, ends, f"{text}{',' if comma is not None else ''}\n")


def unmembered(content: bytes, node: Node, element: Node) -> Splice:
    """An object without one of its members, nor the comment that stands with it."""
    return _taken_out(content, node, element)


def _taken_out(content: bytes, node: Node, item: Node) -> Splice:
    comma = _comma_after(node, item)
    line = content.rfind(b"\n", 0, item.start_byte) + 1
    end = (comma or item).end_byte
    alone = _BLANK.match(content[line : item.start_byte]) and _ends_line(content, end)
    others = [child for child in node.children if child.type == item.type and child != item]
    if alone and others:
        return removal(content, (item.start_byte, end))
    if not others:
        opening, closing = ("[", "]") if node.type == "tuple" else ("{", "}")
        return Splice(node.start_byte, node.end_byte, opening + closing)
    if comma is not None:
        gap = len(content[end:]) - len(content[end:].lstrip(b" \t"))
        return Splice(item.start_byte, end + gap, "")
    before = max(child.end_byte for child in others if child.end_byte <= item.start_byte)
    return Splice(before, item.end_byte, "")


def _comma_after(node: Node, item: Node) -> Node | None:
    following = [
        child for child in node.children if child.start_byte >= item.end_byte and child.type != "comment"
    ]
    return following[0] if following and following[0].type == "," else None


def _ends_line(content: bytes, position: int) -> bool:
    rest = content[position : _line_end(content, position)]
    return _BLANK.match(rest.rstrip(b"\n")) is not None or _COMMENT.match(rest) is not None


def _line_end(content: bytes, position: int) -> int:
    """Behind the line break of the line on which a byte stands."""
    found = content.find(b"\n", position)
    return len(content) if found < 0 else found + 1


def _past_blank(content: bytes, position: int) -> int:
    while position < len(content):
        end = _line_end(content, position)
        if content[position:end].strip():
            break
        position = end
    return position


def _before_blank(content: bytes, position: int) -> int:
    while position:
        start = content.rfind(b"\n", 0, position - 1) + 1
        if content[start:position].strip():
            break
        position = start
    return position


def _is_blank_before(content: bytes, position: int) -> bool:
    """Whether a blank line, an opening brace or nothing at all stands above."""
    if not position:
        return True
    line = content[content.rfind(b"\n", 0, position - 1) + 1 : position].strip()
    return not line or line.endswith((b"{", b"[", b"("))


def _has_statements(block: Block) -> bool:
    return bool(block.body.attributes or block.body.blocks)


def _indented(text: str, indent: str) -> str:
    """Each line further in, but for the text of heredocs, which none of ours has."""
    return "\n".join(indent + line if line else line for line in text.split("\n"))


def _in_tabs(content: bytes, text: str) -> str:
    """Two blanks a level as one tab where the file indents by tabs."""
    if not re.search(rb"^\t+\S", content, re.MULTILINE) or re.search(rb"^  +\S", content, re.MULTILINE):
        return text
    return re.sub(r"^[\t ]+", lambda found: found[0].replace("  ", "\t"), text, flags=re.MULTILINE)


class _Kept(NamedTuple):
    """Bytes [start, end) of a file as made that stood at `before` in the file as it was."""

    start: int
    end: int
    before: int


def _aligned(content: bytes, touched: Sequence[tuple[int, int]], was: bytes, kept: Sequence[_Kept]) -> bytes:
    """The equals signs of neighbours in one column, where a touched line is one of them or next to one. Neighbours that
    stood in several columns before are left as they are."""
    moves: dict[int, tuple[int, int]] = {}
    root = tree(content)
    for start, end in touched:
        above = len(content[:start].rstrip())
        for position in {start, end, above}:
            row = content.count(b"\n", 0, position)
            for group in _groups(_holding(root, position)):
                rows = [int(name.start_point[0]) for name, _ in group]
                if rows[0] - 1 <= row <= rows[-1] + 1 and not _was_crooked(group, was, kept):
                    width = max(_columns(name) for name, _ in group)
                    for name, sign in group:
                        moves[name.end_byte] = (sign.start_byte, width - _columns(name) + 1)
    pieces: list[bytes] = []
    position = 0
    for start, (end, blanks) in sorted(moves.items()):
        pieces += [content[position:start], b" " * blanks]
        position = end
    return b"".join([*pieces, content[position:]])


def _was_crooked(group: Sequence[tuple[Node, Node]], was: bytes, kept: Sequence[_Kept]) -> bool:
    """Whether one of the names stood in a group before whose equals signs were in several columns."""
    for name, sign in group:
        part = next((one for one in kept if one.start <= name.start_byte and sign.end_byte <= one.end), None)
        if part is not None:
            start = part.before + name.start_byte - part.start
            for old in _groups(_holding(tree(was), start)):
                if any(one.start_byte == start for one, _ in old) and _is_crooked(old):
                    return True
    return False


def _is_crooked(group: Sequence[tuple[Node, Node]]) -> bool:
    width = max(_columns(name) for name, _ in group)
    return any(
        sign.start_byte - name.start_byte != len(name.text or b"") + 1 + width - _columns(name)
        for name, sign in group
    )


def _columns(node: Node) -> int:
    return len(source(node))


def _holding(root: Node, position: int) -> Node:
    """The innermost body or object that a byte is in, or at the edge of."""
    found = inner = root
    while True:
        if inner.type in ("body", "object"):
            found = inner
        around = [child for child in inner.children if child.start_byte <= position <= child.end_byte]
        deeper = next((child for child in around if child.children), None)
        if deeper is None:
            return found
        inner = deeper


def _groups(node: Node) -> Iterator[list[tuple[Node, Node]]]:
    """Runs of (name, equals sign) on lines one under another, each with its whole value on its line."""
    group: list[tuple[Node, Node]] = []
    row = -2
    for child in node.children:
        sign = next((part for part in child.children if part.type == "="), None)
        if child.type not in ("attribute", "object_elem") or sign is None:
            continue
        first, last = int(child.start_point[0]), int(child.end_point[0])
        if group and (first != row + 1 or first != last):
            yield group
            group = []
        row = last
        if first == last:
            group.append((child.children[0], sign))
    if group:
        yield group
