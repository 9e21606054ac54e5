"""The text of templates: what stands between quotes or in a heredoc, and the expressions in between."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lamplighter.drift.hcl.syntax import source

if TYPE_CHECKING:
    from tree_sitter import Node

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def pieces_of(node: Node) -> Iterator[str | Node]:
    """Texts and expressions of a quoted or heredoc template, in order; their values joined are its value."""
    return _heredoc(node) if node.type == "heredoc_template" else _quoted(node)


def unescape(text: str) -> str:
    """The text that stands between quotes, read."""

    def one(match: re.Match[str]) -> str:
        found = match[0]
        if found in ("$${", "%%{"):
            return found[1:]
        if found[1] in "uU":
            code = int(found[2:], 16)
            # What is no character is read as Terraform reads it: as the mark of one that is missing.
            return chr(code) if code < 0xD800 or 0xE000 <= code < 0x110000 else "\ufffd"
        return _ESCAPES[found[1]]

    return re.sub(r'\$\$\{|%%\{|\\[nrt"\\]|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}', one, text)


def _quoted(node: Node) -> Iterator[str | Node]:
    """Text is what stands between the nodes: the parser drops the white space at its edges."""
    raw = node.text or b""
    start, end = 1, len(raw) - 1
    for child in node.children:
        if child.type in ("template_interpolation", "template_directive"):
            text = raw[start : child.start_byte - node.start_byte].decode("utf-8", "replace")
            yield from [unescape(text)] if text else []
            yield interpolated(child)
            start = child.end_byte - node.start_byte
    if start < end:
        yield unescape(raw[start:end].decode("utf-8", "replace"))


def interpolated(node: Node) -> Node:
    """The expression inside `${}`; a directive, and `${~ ~}`, are returned as they are: they evaluate to unknown."""
    if any(child.type == "strip_marker" for child in node.children):
        return node
    return next((child for child in node.children if child.type == "expression"), node)


def _heredoc(node: Node) -> Iterator[str | Node]:
    """Literal text is taken from between the nodes: the parser drops the white space at its edges."""
    names = [child for child in node.children if child.type == "heredoc_identifier"]
    raw = node.text or b""
    origin = node.start_byte
    start = raw.find(b"\n", names[0].end_byte - origin) + 1
    end = max(start, raw.rfind(b"\n", 0, names[-1].start_byte - origin) + 1)
    pieces: list[str | Node] = []
    for child in node.children:
        if child.type in ("template_interpolation", "template_directive"):
            pieces.append(raw[start : child.start_byte - origin].decode("utf-8", "replace"))
            pieces.append(interpolated(child))
            start = child.end_byte - origin
    pieces.append(raw[start:end].decode("utf-8", "replace"))
    indented = source(node.children[0]) == "<<-"
    return iter(_outdented(pieces) if indented else [_heredoc_text(piece) for piece in pieces])


def _heredoc_text(piece: str | Node) -> str | Node:
    return (
        piece.replace("$${", "${").replace("%%{", "%{").replace("\r\n", "\n")
        if isinstance(piece, str)
        else piece
    )


def _outdented(pieces: Sequence[str | Node]) -> list[str | Node]:
    """`<<-`: the least indentation of all lines is taken off each; a line may begin with an interpolation."""
    line_start = re.compile(r"(?:^|(?<=\n))([ \t]*)(?=[^ \t\r\n]|$)")
    least: int | None = None
    for index, piece in enumerate(pieces):
        if isinstance(piece, str):
            for match in line_start.finditer(piece):
                begins_line = match.start() > 0 or index == 0
                last = match.end() == len(piece) and index == len(pieces) - 1
                if begins_line and not last:
                    least = len(match[1]) if least is None else min(least, len(match[1]))
    cut = re.compile(rf"(?<=\n)[ \t]{{0,{least or 0}}}")
    shifted: list[str | Node] = []
    for index, piece in enumerate(pieces):
        if not isinstance(piece, str):
            shifted.append(piece)
            continue
        # A line break in front makes the first line of the text one that begins a line.
        cut_piece = cut.sub("", "\n" + piece)[1:] if index == 0 else cut.sub("", piece)
        shifted.append(_heredoc_text(cut_piece))
    return shifted
