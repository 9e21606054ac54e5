"""Members that are blocks inside of the resource: `ingress`, `route`, `parameter`, written out or made by `dynamic`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.evaluate import UNKNOWN, Scope, evaluate, value_of
from lamplighter.drift.hcl.modules import Instance, as_written, is_repeated
from lamplighter.drift.hcl.syntax import Block
from lamplighter.drift.members import Atom, in_block, sets
from lamplighter.drift.model import StateResource
from lamplighter.drift.patch import blocks, shapes, statements
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.collections import Place, Way, condition, including, without
from lamplighter.drift.patch.fitting import fit
from lamplighter.drift.patch.inputs import given
from lamplighter.drift.patch.model import Candidate
from lamplighter.drift.patch.origins import collection, items
from lamplighter.drift.patch.references import to_value
from lamplighter.drift.patch.statements import Draft, Splice
from lamplighter.drift.patch.writing import Reference, block, expression
from lamplighter.drift.values import ABSENT, same

_LISTS = ("cidr_blocks", "ipv6_cidr_blocks", "security_groups", "prefix_list_ids")


class Inline(NamedTuple):
    """A member of blocks named `attribute` in the block of a resource."""

    attribute: str
    resource: StateResource
    block: Block
    instance: Instance
    scope: Scope
    member: Any
    described: str = ""
    """The description that a rule was made with."""

    @property
    def alone(self) -> bool:
        """Whether the block is this one instance's."""
        return self.instance.exclusive and not is_repeated(self.block)

    @property
    def modules(self) -> tuple[addresses.ModuleStep, ...]:
        parsed = addresses.parse(self.resource.address)
        return parsed.modules if parsed is not None else ()

    @property
    def key(self) -> addresses.Key:
        parsed = addresses.parse(self.resource.address)
        return parsed.key if parsed is not None else None

    def dynamics(self) -> list[Block]:
        """The `dynamic` blocks that make such blocks."""
        return [found for found in self.block.body.of_type("dynamic") if found.labels == (self.attribute,)]

    def written(self) -> tuple[Block, ...]:
        return self.block.body.of_type(self.attribute)


def inline_added(change: Inline, code: Code) -> Iterator[Candidate]:
    """One more: a member of what `dynamic` goes through, a value of a rule like it, a block, in this order."""
    wanted = shapes.inline(change.attribute, change.member, change.resource.attributes.get("id"))
    if wanted is None:
        return
    if change.described:
        wanted["description"] = change.described
    for generated in change.dynamics():
        yield from _in_dynamic(change, generated, wanted, code)
    if change.alone:
        yield from _in_list(change, wanted, code)
        yield from _as_block(change, wanted, code)
    else:
        yield from _as_dynamic(change, wanted, code)


def inline_removed(change: Inline, code: Code) -> Iterator[Candidate]:
    """One less: the block or the value in its list, or the member that `dynamic` made it of."""
    atom = sets()[change.resource.type, change.attribute].inline
    if atom is None:
        return
    for found in change.written():
        yield from _out_of_block(change, found, atom, code)
    for generated in change.dynamics():
        over = generated.body.attributes.get("for_each")
        if over is not None:
            place = Place(over.expression, change.instance, change.block)
            yield from _candidates(without(place, shapes.words(change.member), code), "dynamic")


def _in_dynamic(
    change: Inline, generated: Block, wanted: Mapping[str, Any], code: Code
) -> Iterator[Candidate]:
    over = generated.body.attributes.get("for_each")
    content = next(iter(generated.body.of_type("content")), None)
    if over is None or content is None:
        return
    name = as_written(generated, "iterator") or change.attribute
    found = fit(content.body, change.scope, wanted, name)
    if found is None:
        return
    key = found.key or _key_for(change)
    place = Place(over.expression, change.instance, change.block)
    yield from _candidates(including(place, key, found.value, code), "dynamic")


def _key_for(change: Inline) -> str:
    """A key where nothing depends on it: what the member says."""
    return "-".join(shapes.words(change.member)) or "by-hand"


def _in_list(change: Inline, wanted: Mapping[str, Any], code: Code) -> Iterator[Candidate]:
    """A source more in a rule for the same ports, with the same description or none."""
    name = next((name for name in _LISTS if name in wanted), "")
    for found in change.written() if name else ():
        own = found.body.attributes
        node = collection(own[name].expression.node) if name in own else None
        alike = all(
            key in own and same(value_of(own[key].expression, change.scope), value)
            for key, value in wanted.items()
            if key != name
        )
        text = expression(_referring(change, wanted[name][0], code))
        if (
            alike
            and ("description" in own) == bool(change.described)
            and node is not None
            and node.type == "tuple"
            and text
        ):
            draft = Draft(code)
            draft.put(found.file, statements.listed(draft.content(found.file), node, text))
            yield from _drafted(draft, "list of a block")


def _as_block(change: Inline, wanted: Mapping[str, Any], code: Code) -> Iterator[Candidate]:
    lines = blocks.body_lines(_all_referring(change, wanted, code))
    if lines is None:
        return
    text = block(change.attribute, (), lines)
    file, content = change.block.file, code.contents[change.block.file]
    siblings = [*change.written(), *change.dynamics()]
    if siblings:
        last = max(siblings, key=lambda item: item.span)
        splice = statements.below(content, last.span, text)
    else:
        splice = _before_tags(content, change.block, text)
    draft = Draft(code)
    draft.put(file, splice)
    yield from _drafted(draft, "block")


def _before_tags(content: bytes, owner: Block, text: str) -> Splice:
    """Below the attributes at the top of the block, and its other blocks."""
    inner = owner.body.blocks
    if inner:
        settings = [item for item in inner if item.type != "lifecycle"]
        if settings:
            return statements.below(content, max(settings, key=lambda item: item.span).span, text)
    return statements.inside(content, owner, text)


def _as_dynamic(change: Inline, wanted: Mapping[str, Any], code: Code) -> Iterator[Candidate]:
    """Where the block is that of several instances: a `dynamic` that makes the member in this one alone."""
    name = change.attribute
    fields = list(wanted)
    values = {field: wanted[field] for field in fields}
    member = expression(_inner_values(values, Reference))
    if member is None:
        return
    draft, over = Draft(code), f"[{member}]"
    if not change.instance.exclusive:
        kind = f"list(object({{ {', '.join(f'{field} = {_type(values[field])}' for field in fields)} }}))"
        why = f"Blocks of {name} that only some instances have."
        input_ = given(draft, change.modules, f"extra_{name}", kind, "[]", over, why)
        if input_ is None:
            return
        over = input_
    if is_repeated(change.block):
        over = f"{condition(change.key)} ? {over} : []"
    content = block(
        "content", (), blocks.body_lines({f: Reference(f"{name}.value.{f}") for f in fields}) or []
    )
    text = block("dynamic", (name,), [f"for_each = {over}", "", *content.split("\n")])
    file, source = change.block.file, code.contents[change.block.file]
    siblings = [*change.written(), *change.dynamics()]
    if siblings:
        splice = statements.below(source, max(siblings, key=lambda item: item.span).span, text)
    else:
        splice = _before_tags(source, change.block, text)
    draft.put(file, splice)
    yield from _drafted(
        draft, "dynamic block by a module variable" if not change.instance.exclusive else "dynamic block"
    )


def _inner_values(values: Mapping[str, Any], reference: type[Reference]) -> Reference:
    """An object on one line."""
    members = [f"{name} = {expression(value)}" for name, value in values.items()]
    return reference(f"{{ {', '.join(members)} }}")


def _type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case list():
            return "list(string)"
        case _:
            return "string"


def _out_of_block(change: Inline, found: Block, atom: Atom, code: Code) -> Iterator[Candidate]:
    said = {name: value_of(item.expression, change.scope) for name, item in found.body.attributes.items()}
    known = {name: value for name, value in said.items() if value is not UNKNOWN}
    inside = in_block(atom, known, change.resource.attributes.get("id"))
    if not any(_is_member(change.member, key, value, atom) for key, value in inside):
        return
    draft, content = Draft(code), code.contents[found.file]
    if len(inside) == 1:
        draft.put(found.file, statements.removal(content, found.span))
        yield from _drafted(draft, "block")
        return
    source = change.member.get("source") if isinstance(change.member, Mapping) else None
    for name in _LISTS:
        node = (
            collection(found.body.attributes[name].expression.node) if name in found.body.attributes else None
        )
        for item in items(node) if node is not None and node.type == "tuple" else ():
            if evaluate(item, change.scope) == source:
                if len(items(node)) == 1:  # type: ignore[arg-type]
                    draft.put(found.file, statements.removal(content, found.body.attributes[name].span))
                else:
                    draft.put(found.file, statements.unlisted(content, node, item))  # type: ignore[arg-type]
                yield from _drafted(draft, "list of a block")
                return


def _is_member(member: Any, key: str, value: Any, atom: Atom) -> bool:
    if atom.key and isinstance(member, Mapping):
        return list(member) == [key] and (member[key] in ABSENT or same(member[key], value))
    return same(member, value)


def _all_referring(change: Inline, wanted: Mapping[str, Any], code: Code) -> dict[str, Any]:
    return {
        name: [_referring(change, item, code) for item in value]
        if isinstance(value, list)
        else _referring(change, value, code)
        for name, value in wanted.items()
    }


def _referring(change: Inline, value: Any, code: Code) -> Any:
    return to_value(code, change.modules, value) or value


def _candidates(ways: Iterator[Way], where: str) -> Iterator[Candidate]:
    for rule, draft in ways:
        yield from _drafted(draft, f"{where} {rule}")


def _drafted(draft: Draft, rule: str) -> Iterator[Candidate]:
    candidate = draft.candidate(rule)
    if candidate is not None:
        yield candidate
