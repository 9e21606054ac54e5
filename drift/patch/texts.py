"""Templates, solved for: the reference or the literal part of a text that makes it say something else."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from lamplighter.drift.hcl.evaluate import UNKNOWN
from lamplighter.drift.hcl.functions import to_string
from lamplighter.drift.hcl.syntax import Expression
from lamplighter.drift.hcl.templates import interpolated, unescape
from lamplighter.drift.patch.collections import Way
from lamplighter.drift.patch.provenance import Asked, Here, framed
from lamplighter.drift.patch.statements import Splice
from lamplighter.drift.patch.steps import JSON, Do, Step
from lamplighter.drift.patch.structures import way
from lamplighter.drift.patch.wording import quoted

if TYPE_CHECKING:
    from tree_sitter import Node


class _Piece(NamedTuple):
    """A part of a quoted template: bytes [start, end) of the file, its value, and its expression unless it is text."""

    start: int
    end: int
    value: str | None
    node: Node | None


def of_template(node: Node, file: str, step: Step, here: Here) -> Iterator[Way | Asked]:
    """`node` is a `quoted_template` or a `heredoc_template`."""
    if node.type == "heredoc_template":
        yield from _of_heredoc(node, file, step, here)
        return
    pieces = _pieces(node, here)
    if len(pieces) == 1 and pieces[0].node is not None:
        yield Asked(_at(pieces[0].node, file), here, step, rewrite=False)
    elif not step.path and step.do is Do.SET and isinstance(step.value, str | int | float):
        yield from _solved(pieces, to_string(step.value), file, here)


def _solved(pieces: list[_Piece], wanted: str, file: str, here: Here) -> Iterator[Way | Asked]:
    """Each part that alone makes the text: those that refer to something come first."""
    for number in sorted(range(len(pieces)), key=lambda index: (pieces[index].node is None, index)):
        piece = pieces[number]
        before = _joined(pieces[:number])
        after = _joined(pieces[number + 1 :])
        if before is None or after is None or len(before) + len(after) > len(wanted):
            continue
        if not (wanted.startswith(before) and wanted.endswith(after)):
            continue
        middle = wanted[len(before) : len(wanted) - len(after)]
        if piece.node is not None:
            if middle:
                yield Asked(_at(piece.node, file), here, Step((), Do.SET, middle), rewrite=False)
        elif (text := quoted(middle)) is not None:
            yield from way(here.place or "text", file, here, Splice(piece.start, piece.end, text[1:-1]))
    last = _joined(pieces)
    if last is not None and wanted.startswith(last) and pieces and pieces[-1].node is not None:
        text = quoted(wanted[len(last) :])
        if text is not None and wanted != last:
            end = pieces[-1].end
            yield from way(here.place or "text", file, here, Splice(end, end, text[1:-1]))


def _joined(pieces: list[_Piece]) -> str | None:
    values = [piece.value for piece in pieces]
    return None if None in values else "".join(value for value in values if value is not None)


def _pieces(node: Node, here: Here) -> list[_Piece]:
    raw, origin = node.text or b"", node.start_byte
    found: list[_Piece] = []
    start, end = 1, len(raw) - 1
    for child in node.children:
        if child.type in ("template_interpolation", "template_directive"):
            first = child.start_byte - origin
            if start < first:
                found.append(_text(raw, start, first, origin))
            inner = interpolated(child)
            found.append(_Piece(child.start_byte, child.end_byte, _scalar(here.value(inner)), inner))
            start = child.end_byte - origin
    if start < end:
        found.append(_text(raw, start, end, origin))
    return found


def _text(raw: bytes, start: int, end: int, origin: int) -> _Piece:
    return _Piece(origin + start, origin + end, unescape(raw[start:end].decode("utf-8", "replace")), None)


def _scalar(value: Any) -> str | None:
    return to_string(value) if value is not UNKNOWN and isinstance(value, bool | int | float | str) else None


def _of_heredoc(node: Node, file: str, step: Step, here: Here) -> Iterator[Way | Asked]:
    names = [child for child in node.children if child.type == "heredoc_identifier"]
    raw, origin = node.text or b"", node.start_byte
    start = raw.find(b"\n", names[0].end_byte - origin) + 1
    end = max(start, raw.rfind(b"\n", 0, names[-1].start_byte - origin) + 1)
    if step.path[:1] == (JSON,):
        # The offsets of a part are those of the file: only what stands there is read as JSON.
        lead = b" " * (origin + start)
        inner = framed(lead + raw[start:end], origin + start, origin + end)
        if inner is not None:
            yield Asked(_at(inner, file), here.of_json, step.at(step.path[1:]))
    elif not step.path and step.do is Do.SET and isinstance(step.value, str):
        value = here.value(node.parent.parent) if node.parent and node.parent.parent else UNKNOWN
        lines = raw[start:end].decode("utf-8", "replace").splitlines()
        if isinstance(value, str):
            made = _relined(lines, value.splitlines(), step.value)
            if made is not None:
                yield from way(here.place or "text", file, here, Splice(origin + start, origin + end, made))


def _relined(lines: list[str], values: list[str], wanted: str) -> str | None:
    """The lines of a heredoc as written, with those changed that say something else; None where they cannot be told."""
    if len(lines) != len(values) or not wanted.endswith("\n"):
        return None
    indent = next((line[: len(line) - len(line.lstrip())] for line in lines if line.strip()), "")
    least = min((len(value) - len(value.lstrip()) for value in values if value.strip()), default=0)
    indent = indent[: len(indent) - least] if least else indent
    made: list[str] = []
    target = wanted.splitlines()
    for kind, first, last, low, high in difflib.SequenceMatcher(
        None, values, target, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            made += lines[first:last]
        else:
            made += [
                indent + re.sub(r"([$%])\{", r"\1\1{", line) if line else "" for line in target[low:high]
            ]
    return "".join(f"{line}\n" for line in made)


def _at(node: Node, file: str) -> Expression:
    return Expression(node, int(node.start_point[0]) + 1, file)
