"""Attributes and nested blocks of a block: where a path into it stands, and what to write where nothing stands yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from lamplighter.drift.hcl.address import quote
from lamplighter.drift.hcl.blocks import contents
from lamplighter.drift.hcl.evaluate import UNKNOWN, is_known, literal
from lamplighter.drift.hcl.modules import as_written
from lamplighter.drift.hcl.syntax import Attribute, Block
from lamplighter.drift.patch import sharing, statements
from lamplighter.drift.patch.agreement import agree
from lamplighter.drift.patch.blocks import body_lines
from lamplighter.drift.patch.collections import Way
from lamplighter.drift.patch.provenance import Asked, Here, Target
from lamplighter.drift.patch.slots import Slot
from lamplighter.drift.patch.statements import Draft, Splice
from lamplighter.drift.patch.steps import At, Do, Step, alike, likeness
from lamplighter.drift.patch.writing import block as block_text
from lamplighter.drift.patch.writing import indent_at
from lamplighter.drift.values import ABSENT


class Nested(NamedTuple):
    """A nested block as one instance sees it; `of` is the member of a collection that a `dynamic` block makes it of."""

    block: Block
    here: Here
    of: Target | None = None


def of_body(block: Block, step: Step, here: Here) -> Iterator[Way | Asked]:
    """What makes a block say it; `step.path` begins with the name of an attribute or of a nested block."""
    name, rest = step.path[0], step.path[1:]
    if not isinstance(name, str):
        return
    attribute = block.body.attributes.get(name)
    if attribute is not None:
        yield from _of_attribute(block, attribute, step.at(rest), replace(here, name=name))
        return
    found = nested(block, name, here)
    at = rest[0] if rest and isinstance(rest[0], At) else None
    if at is None and not (found and rest):
        if found or _is_block(step.value if step.do is not Do.SET else None):
            yield from _of_blocks(block, name, found, step, here)
        elif step.do in (Do.SET, Do.ADD):
            yield from sharing.written(_slot(block, name, here), step.at(rest))
        return
    inner = rest[1:] if at is not None else rest
    chosen = choose(found, at or At(0)) if found else None
    if chosen is None:
        yield from _new_block(block, name, inner, step, here)
    elif inner:
        yield from of_body(chosen.block, step.at(inner), chosen.here)
    elif step.do is Do.SET and isinstance(step.value, Mapping):
        yield from _replaced(chosen, step.value)


def _of_attribute(block: Block, attribute: Attribute, step: Step, here: Here) -> Iterator[Way | Asked]:
    """Another value, or none: a literal that is to say nothing goes, anything else may be what says so."""
    nothing = not step.path and step.do in (Do.SET, Do.GONE) and step.value in ABSENT
    _, alone = literal(attribute.expression.node)
    if nothing and alone:
        yield from removed(block.file, attribute.span, here)
    yield Asked(attribute.expression, here, step)
    if (nothing and not alone) or (not step.path and step.do is Do.SET and step.value is False):
        yield from removed(block.file, attribute.span, here)


def nested(block: Block, name: str, here: Here) -> list[Nested]:
    """The nested blocks of a name in the order of the file, those of `dynamic` blocks with the rest."""
    found: list[Nested] = []
    for inner in block.body.blocks:
        if inner.type == name:
            found.append(Nested(inner, here))
        elif inner.type == "dynamic" and inner.labels == (name,):
            found += _generated(inner, here)
    return found


def _generated(block: Block, here: Here) -> Iterator[Nested]:
    over = block.body.attributes.get("for_each")
    content = next(iter(block.body.of_type("content")), None)
    if over is None or content is None:
        return
    name = as_written(block, "iterator") or block.labels[0]
    values = here.value(over.expression.node)
    if isinstance(values, Mapping):
        pairs: list[tuple[Any, Any]] = [(key, values[key]) for key in sorted(values)]
    else:
        pairs = [*enumerate(values)] if isinstance(values, list) else []
    for key, value in pairs[:200]:
        step: str | At = At(key, value) if isinstance(key, int) else key
        of = Target(over.expression, replace(here, place="block's collection"), (step,))
        is_one = len(pairs) == 1
        test = "" if is_one else f"{name}.key == {quote(key) if isinstance(key, str) else key}"
        bound = {name: {"key": key, "value": value}}
        yield Nested(content, here.within(name, of, bound, test, iterator=True), of)


def choose(found: list[Nested], at: At) -> Nested | None:
    """The block that says what `at` was, else the one most like it, else the one in its place."""
    if at.was is not UNKNOWN:
        said = [contents(one.block.body, one.here.scope) for one in found]
        known = [{key: value for key, value in one.items() if is_known(value)} for one in said]
        for one, values in zip(found, known, strict=True):
            if alike(values, at.was):
                return one
        like = [likeness(values, at.was) if isinstance(at.was, Mapping) else 0.0 for values in known]
        if len(found) > 1 and max(like) > 0:
            return found[like.index(max(like))]
    return found[at.place] if 0 <= at.place < len(found) else None


def removed(file: str, span: tuple[int, int], here: Here, rule: str = "without the setting") -> Iterator[Way]:
    """Without a statement."""
    draft = Draft(here.code)
    draft.put(file, statements.removal(draft.content(file), span))
    yield Way(rule, draft)


def inserted(
    block: Block, name: str, bodies: Sequence[list[str]], here: Here, rule: str = "new block"
) -> Iterator[Way]:
    """More nested blocks, below the last of their name."""
    draft = Draft(here.code)
    content = draft.content(block.file)
    same = block.body.of_type(name)
    text = "\n\n".join(block_text(name, (), lines) for lines in bodies)
    splice = (
        statements.below(content, same[-1].span, text) if same else statements.inside(content, block, text)
    )
    draft.put(block.file, splice)
    yield Way(rule, draft)


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value)


def _slot(block: Block, name: str, here: Here) -> Slot:
    def put(draft: Draft, text: str) -> None:
        draft.put(block.file, statements.attribute(draft.content(block.file), block, name, text))

    return Slot("", False, replace(here, name=name), put, None)


def _of_blocks(block: Block, name: str, found: list[Nested], step: Step, here: Here) -> Iterator[Way | Asked]:
    """A block more or less, or none any more."""
    if step.do is Do.ADD and isinstance(step.value, Mapping):
        lines = body_lines(step.value)
        if lines is not None and not here.tests:
            yield from inserted(block, name, [lines], here)
    elif step.do is Do.DROP:
        chosen = choose(found, At(-1, step.value))
        if chosen is not None:
            yield from _gone(chosen)
    elif step.do in (Do.SET, Do.GONE) and step.value in ABSENT and len(found) == 1:
        yield from _gone(found[0])
    elif step.do is Do.SET and isinstance(step.value, list) and all(_is_block(item) for item in step.value):
        yield from _in_order(name, found, step.value)


def _in_order(name: str, found: list[Nested], wanted: list[Any]) -> Iterator[Way]:
    """New blocks before those that stay, where they do not come last: what is there keeps its text and its order."""
    if not found or any(one.of is not None or one.here.tests for one in found):
        return
    draft, rest = Draft(found[0].here.code), [*found]
    new: list[str] = []
    for value in wanted:
        index = next((place for place, one in enumerate(rest) if _says(one, value)), None)
        if index is None:
            lines = body_lines(value)
            if lines is None:
                return
            new.append(block_text(name, (), lines))
        elif index:
            return
        else:
            one = rest.pop(0).block
            if new:
                draft.put(one.file, statements.above(draft.content(one.file), one.span, new))
            new = []
    if rest or new:
        return
    yield Way("new block in its place", draft)


def _says(one: Nested, value: Mapping[str, Any]) -> bool:
    said = contents(one.block.body, one.here.scope)
    return is_known(said) and agree([said], [value])


def _gone(one: Nested) -> Iterator[Way | Asked]:
    if one.of is None:
        yield from removed(one.block.file, one.block.span, one.here, "without the block")
        return
    expression, here, path = one.of
    last = path[-1]
    step = Step(path, Do.GONE) if isinstance(last, str) else Step(path[:-1], Do.DROP, last.was)
    yield Asked(expression, here, step)


def _new_block(block: Block, name: str, inner: tuple[str | At, ...], step: Step, here: Here) -> Iterator[Way]:
    """A block that is not there yet, with the one setting in it."""
    if step.do is not Do.SET or step.value in ABSENT or not inner:
        return
    value: Any = step.value
    for part in reversed(inner):
        value = {part: value} if isinstance(part, str) else [value]
    lines = body_lines(value) if isinstance(value, Mapping) else None
    if lines is not None:
        yield from inserted(block, name, [lines], here)


def _replaced(one: Nested, value: Mapping[str, Any]) -> Iterator[Way]:
    lines = body_lines(value)
    if lines is not None:
        yield from rewritten(one, lines, "block")


def rewritten(one: Nested, lines: list[str], rule: str) -> Iterator[Way]:
    """Other statements in place of all that a block has; nothing for one that a `dynamic` block makes."""
    if one.of is None:
        draft = Draft(one.here.code)
        indent = indent_at(draft.content(one.block.file), one.block.span[0])
        draft.put(one.block.file, Splice(*one.block.span, block_text(one.block.type, (), lines, indent)))
        yield Way(rule, draft)
