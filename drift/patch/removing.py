"""Resources that are gone: their block taken out, or the one instance of it that is no more.

Nothing has to be said to Terraform besides: a refresh finds the resource gone and drops it from the state, so that a
plan of the code without it has no changes. (`removed { destroy = false }` is for what stays in the cloud.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from lamplighter.drift.dependents import owners
from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.address import Address, index, quote
from lamplighter.drift.hcl.evaluate import UNKNOWN, value_of
from lamplighter.drift.hcl.modules import Instance, is_repeated
from lamplighter.drift.hcl.syntax import Block, source
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch import statements
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.collections import (
    Argument,
    Place,
    arguments,
    condition,
    filtered,
    without,
)
from lamplighter.drift.patch.inputs import given
from lamplighter.drift.patch.model import Candidate
from lamplighter.drift.patch.origins import items, origins
from lamplighter.drift.patch.references import Use, uses
from lamplighter.drift.patch.statements import Draft, Splice
from lamplighter.drift.patch.writing import block as block_text

if TYPE_CHECKING:
    from tree_sitter import Node

_HANGS_ON = ("_attachment", "_association", "_membership")
"""How types end whose instances are nothing without what they name."""


class Gone(NamedTuple):
    """The resource, where it stands, and its address in parts."""

    parsed: Address
    block: Block
    instance: Instance

    @property
    def kind(self) -> str:
        return self.parsed.type

    @property
    def directory(self) -> str:
        return self.block.file.rpartition("/")[0]


def rules(item: DriftItem, code: Code) -> Iterator[Candidate]:
    """What takes a deleted resource out of the code; nothing for one that is there again, see `obstacle`."""
    gone = _gone(item, code)
    if gone is None or obstacle(item, code):
        return
    if is_repeated(gone.block):
        yield from _instance_out(gone, code)
    elif gone.instance.exclusive:
        yield from _block_out(gone, code)
    else:
        yield from _guarded(gone, code)


def obstacle(item: DriftItem, code: Code) -> str:
    """Why a deletion has no candidates, in one line; empty where it may have some."""
    gone = _gone(item, code)
    if item.action != "delete" or item.address is None:
        return ""
    if item.live_value:
        return (
            f"{item.address} was deleted and {item.live_value}: `import` takes no address that is in the state,"
            " so first `terraform state rm` it, then import what is there, or apply"
        )
    if gone is None:
        return f"{item.address} does not stand in the code that was read"
    key, name = gone.parsed.key, f"{gone.instance.prefix}{gone.kind}.{gone.block.labels[1]}"
    after = f"{name}[{key + 1}]" if isinstance(key, int) else ""
    if any(one.address == after for one in code.index.of_type(gone.kind)):
        return (
            f"{item.address} is gone, and it is not the last that `count` makes: one less would take {after}"
        )
    holding = [use for use in _uses(gone, code) if _holds(gone, use, code)]
    if holding:
        named = ", ".join(sorted({".".join(use.block) for use in holding}))
        return f"{item.address} is gone, and the code still needs it: {named}"
    return ""


def _gone(item: DriftItem, code: Code) -> Gone | None:
    parsed = addresses.parse(item.address) if item.address and item.action == "delete" else None
    seen = code.project.seen(item.address) if parsed is not None and item.address else None
    return Gone(parsed, seen[0], seen[1]) if parsed is not None and seen is not None else None


def _uses(gone: Gone, code: Code) -> list[Use]:
    """References to it; of a repeated block those to this instance."""
    found = uses(code, gone.directory, gone.kind, gone.block.labels[1])
    return [use for use in found if _is_meant(gone, use)] if is_repeated(gone.block) else found


def _is_meant(gone: Gone, use: Use) -> bool:
    """Whether a reference to a repeated block names the instance that is gone."""
    return use.rest.startswith(index(gone.parsed.key))


def _holds(gone: Gone, use: Use, code: Code) -> bool:
    """Whether a reference must stay what it is: its own block is neither taken along nor does it do without."""
    if use.block[0] == "output":
        return _is_output_used(gone, use, code)
    if use.block[0] in ("import", "moved", "removed") or use.attribute in (
        "depends_on",
        "replace_triggered_by",
    ):
        return False
    return not (use.block[0] == "resource" and _hangs_on(use.block[1], gone.kind))


def _hangs_on(kind: str, owner: str) -> bool:
    table = owners().get(owner)
    if table is not None and any(fnmatchcase(kind, pattern) for pattern in table.dependents):
        return True
    return kind.endswith(_HANGS_ON)


def _is_output_used(gone: Gone, use: Use, code: Code) -> bool:
    """Whether somebody reads an output of a module; those of the root are for people."""
    if gone.instance.call is None:
        return False
    call, caller = gone.instance.call
    pattern = rf"\bmodule\.{re.escape(call.labels[0])}\b[^\s]*\.{re.escape(use.block[1])}\b"
    directory = caller.module.directory
    return any(
        re.search(pattern, content.decode("utf-8", "replace"))
        for path, content in code.contents.items()
        if path.rpartition("/")[0] == directory
    )


def _block_out(gone: Gone, code: Code) -> Iterator[Candidate]:
    draft, also = Draft(code), _taken_along(gone, code)
    if also is None:
        return
    for file, span in {(gone.block.file, gone.block.span), *also.blocks}:
        draft.put(file, statements.removal(draft.content(file), span))
    for file, splice in also.splices:
        draft.put(file, splice)
    note = f"with it: {', '.join(also.names)}" if also.names else ""
    yield from _drafted(draft, "resource block", note)


class _Along(NamedTuple):
    """What goes with a block: whole blocks, and parts of others; `names` are for people."""

    blocks: set[tuple[str, tuple[int, int]]]
    splices: list[tuple[str, Splice]]
    names: list[str]


def _taken_along(gone: Gone, code: Code) -> _Along | None:
    found = _Along(set(), [], [])
    for use in _uses(gone, code):
        if use.attribute in ("depends_on", "replace_triggered_by"):
            found.splices.append((use.file, _unlisted(code, use)))
        elif use.block[0] not in ("moved", "removed"):
            found.blocks.add((use.file, use.block_span))
            if use.block[0] != "import":
                found.names.append(".".join(use.block))
    return found


def _unlisted(code: Code, use: Use) -> Splice:
    content = code.contents[use.file]
    for node in use.lists:
        for item in items(node):
            if item.start_byte <= use.span[0] and use.span[1] <= item.end_byte:
                return statements.unlisted(content, node, item)
    return Splice(*use.span, "")


def _instance_out(gone: Gone, code: Code) -> Iterator[Candidate]:
    """One instance less: where the collection or the number is written, or around it."""
    attributes = gone.block.body.attributes
    name = "for_each" if "for_each" in attributes else "count"
    place = Place(attributes[name].expression, gone.instance, gone.block)
    keys = gone.instance.keys(gone.block)
    if gone.instance.exclusive and keys is not None and len(keys) == 1 and not _uses_at_all(gone, code):
        yield from _block_out(gone, code)
    key = gone.parsed.key
    if isinstance(key, str):
        for rule, draft in without(place, [key], code):
            yield from _drafted(draft, f"for_each {rule}")
        yield from _around_collection(gone, place, code)
    elif isinstance(key, int):
        yield from _number_down(gone, place, key, keys, code)


def _uses_at_all(gone: Gone, code: Code) -> bool:
    return bool(uses(code, gone.directory, gone.kind, gone.block.labels[1]))


def _around_collection(gone: Gone, place: Place, code: Code) -> Iterator[Candidate]:
    key, text = gone.parsed.key, place.expression.text
    value = value_of(place.expression, gone.instance.scope)
    if not isinstance(key, str) or not isinstance(value, dict | list):
        return
    if any("each." in use.rest for use in uses(code, gone.directory, gone.kind, gone.block.labels[1])):
        return
    draft = Draft(code)
    if gone.instance.exclusive:
        made = filtered(text, value, key)
    else:
        name = f"without_{gone.block.labels[1]}"
        why = f"Keys of {gone.kind}.{gone.block.labels[1]} that only other instances have."
        input_ = given(draft, gone.parsed.modules, name, "list(string)", "[]", f"[{quote(key)}]", why)
        if input_ is None:
            return
        whole = f"({text})" if "?" in text else text
        made = (
            f"{{ for key, value in {whole} : key => value if !contains({input_}, key) }}"
            if isinstance(value, dict)
            else f"[for item in {whole} : item if !contains({input_}, item)]"
        )
    if made:
        made = f"toset({made})" if isinstance(value, list) else made
        draft.put(place.expression.file, Splice(*place.expression.span, made))
        rule = "for_each with a condition" if gone.instance.exclusive else "for_each by a module variable"
        yield from _drafted(draft, rule)


def _number_down(
    gone: Gone, place: Place, key: int, keys: Sequence[object] | None, code: Code
) -> Iterator[Candidate]:
    """A count that is one less; only the last of several can go, or each other one would be another."""
    number = len(keys) if keys is not None else _in_state(gone, code)
    for node, file in origins(place.expression, place.instance, code, place.block):
        draft = Draft(code)
        content = draft.content(file)
        value = _literal_of(node) if _is_whole(node) else None
        if node.type == "tuple" and len(items(node)) == number:
            draft.put(file, statements.unlisted(content, node, items(node)[key]))
            yield from _drafted(draft, "count of a list")
        elif number == key + 1 and value == number and not isinstance(value, bool):
            draft.put(file, Splice(node.start_byte, node.end_byte, str(number - 1)))
            yield from _drafted(draft, "count")
        elif number == 1 and value is True:
            draft.put(file, Splice(node.start_byte, node.end_byte, "false"))
            yield from _drafted(draft, "count")
    for argument in arguments(place):
        less = _less(argument, key, number)
        if less:
            only = condition(argument.step)
            text = f"{only} ? {less} : {argument.expression.text}" if only else less
            draft = Draft(code)
            draft.put(argument.expression.file, Splice(*argument.expression.span, text))
            yield from _drafted(draft, "module argument")


def _in_state(gone: Gone, code: Code) -> int:
    """How many instances of the block the state has."""
    base = f"{gone.instance.prefix}{gone.kind}.{gone.block.labels[1]}["
    return sum(item.address.startswith(base) for item in code.index.of_type(gone.kind))


def _is_whole(node: Node) -> bool:
    """Whether a literal is the value of an attribute or of an object's member, and no part of a computation."""
    above = node.parent.parent if node.parent is not None else None
    return above is not None and above.type in ("attribute", "object_elem")


def _literal_of(node: Node) -> object:
    text = source(node) if node.type == "literal_value" else ""
    return int(text) if text.isdecimal() else {"true": True, "false": False}.get(text)


def _less(argument: Argument, key: int, number: int) -> str:
    """What the argument must be for one instance less."""
    match argument.value:
        case True if number == 1:
            return "false"
        case int() if argument.value == number == key + 1:
            return str(number - 1)
        case list() if len(argument.value) == number == 1:
            return "[]"
        case _ if argument.value is UNKNOWN and number == 1:
            return {"bool": "false", "list": "[]", "set": "[]"}.get(argument.kind, "")
        case _:
            return ""


def _guarded(gone: Gone, code: Code) -> Iterator[Candidate]:
    """A plain resource of a module with several instances: none of it in this one, by a new variable of the module."""
    kind, name = gone.kind, gone.block.labels[1]
    references = uses(code, gone.directory, kind, name)
    if any(use.block[0] not in ("output",) or use.rest.startswith("[") for use in references):
        return
    draft = Draft(code)
    why = f"Whether there is {kind}.{name}."
    short = f"{name}_" if name not in ("this", "main") else ""
    named = f"with_{short}{'_'.join(kind.split('_')[1:][-3:])}"
    input_ = given(draft, gone.parsed.modules, named, "bool", "true", "false", why)
    if input_ is None:
        return
    file, content = gone.block.file, code.contents[gone.block.file]
    moved = block_text("moved", (), [f"from = {kind}.{name}", f"to   = {kind}.{name}[0]"])
    draft.put(file, statements.first_inside(content, gone.block, f"count = {input_} ? 1 : 0"))
    draft.put(file, statements.below(content, gone.block.span, moved))
    for use in references:
        draft.put(use.file, Splice(*use.span, f"one({kind}.{name}[*]{use.rest})"))
    yield from _drafted(draft, "count by a module variable", "other instances move to [0], by a moved block")


def _drafted(draft: Draft, rule: str, note: str = "") -> Iterator[Candidate]:
    candidate = draft.candidate(rule, note)
    if candidate is not None:
        yield candidate
