"""One value more, or less, in an attribute that is a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.address import quote
from lamplighter.drift.hcl.evaluate import evaluate, value_of
from lamplighter.drift.hcl.modules import is_repeated
from lamplighter.drift.hcl.syntax import Attribute
from lamplighter.drift.model import StateResource
from lamplighter.drift.patch import statements
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.collections import Place, condition, including, without
from lamplighter.drift.patch.inputs import given
from lamplighter.drift.patch.model import Candidate
from lamplighter.drift.patch.origins import collection, items
from lamplighter.drift.patch.references import to_value
from lamplighter.drift.patch.statements import Draft, Splice
from lamplighter.drift.patch.writing import Reference, expression


def with_value(attribute: str, value: Any, resource: StateResource, code: Code) -> Iterator[Candidate]:
    """Adds a value to the list that the code gives an attribute."""
    seen, parsed = code.project.seen(resource.address), addresses.parse(resource.address)
    if seen is None or parsed is None:
        return
    block, instance, _ = seen
    own = block.body.attributes.get(attribute)
    text = expression(
        value if isinstance(value, Reference) else to_value(code, parsed.modules, value) or value
    )
    if text is None:
        return
    drafts: list[tuple[str, Draft]] = []
    if own is None:
        draft = Draft(code)
        draft.put(block.file, statements.attribute(draft.content(block.file), block, attribute, f"[{text}]"))
        drafts.append(("new attribute", draft))
    else:
        node = collection(own.expression.node)
        if node is not None and node.type == "tuple":
            draft = Draft(code)
            draft.put(block.file, statements.listed(draft.content(block.file), node, text))
            drafts.append(("list member", draft))
        peers = [item for item in resource.attributes.get(attribute) or () if isinstance(item, str)]
        if isinstance(value, str):
            drafts += including(Place(own.expression, instance, block), value, None, code, peers)
        drafts += _by_input(own, value, resource, code, more=True)
        if instance.exclusive:
            drafts.append(("around the list", _around(code, own, f"concat({own.expression.text}, [{text}])")))
    yield from _candidates(drafts)


def without_value(attribute: str, value: Any, resource: StateResource, code: Code) -> Iterator[Candidate]:
    """Takes a value out of the list that the code gives an attribute."""
    seen = code.project.seen(resource.address)
    own = seen[0].body.attributes.get(attribute) if seen is not None else None
    if seen is None or own is None or not isinstance(value, str):
        return
    block, instance, scope = seen
    drafts: list[tuple[str, Draft]] = []
    node = collection(own.expression.node)
    for item in items(node) if node is not None and node.type == "tuple" else []:
        if node is not None and evaluate(item, scope) == value:
            draft = Draft(code)
            draft.put(block.file, statements.unlisted(draft.content(block.file), node, item))
            drafts.append(("list member", draft))
    drafts += without(Place(own.expression, instance, block), [value], code)
    named = to_value(code, _modules(resource), value)
    wanted = named.text if named is not None else quote(value)
    if isinstance(value_of(own.expression, scope), list):
        drafts += _by_input(own, value, resource, code, more=False)
        if instance.exclusive:
            around = f"[for item in {own.expression.text} : item if item != {wanted}]"
            drafts.append(("around the list", _around(code, own, around)))
    yield from _candidates(drafts)


def _modules(resource: StateResource) -> tuple[addresses.ModuleStep, ...]:
    parsed = addresses.parse(resource.address)
    return parsed.modules if parsed is not None else ()


def _around(code: Code, own: Attribute, text: str) -> Draft:
    draft = Draft(code)
    draft.put(own.expression.file, Splice(*own.expression.span, text))
    return draft


def _by_input(
    own: Attribute, value: Any, resource: StateResource, code: Code, *, more: bool
) -> list[tuple[str, Draft]]:
    """Where the block is that of several instances: by a new variable of the module, or a condition on the key."""
    seen, parsed = code.project.seen(resource.address), addresses.parse(resource.address)
    text = quote(value) if isinstance(value, str) else None
    if seen is None or parsed is None or text is None:
        return []
    block, instance, _ = seen
    draft, listed = Draft(code), f"[{text}]"
    if not instance.exclusive:
        name = f"{'extra' if more else 'without'}_{own.name}"
        why = f"Members of {own.name} that {'only some instances have' if more else 'are left out'}."
        input_ = given(draft, parsed.modules, name, "list(string)", "[]", listed, why)
        if input_ is None:
            return []
        listed = input_
    if is_repeated(block):
        listed = f"{condition(parsed.key)} ? {listed} : []"
    elif instance.exclusive:
        return []
    whole = own.expression.text
    changed = (
        f"concat({whole}, {listed})" if more else f"[for item in {whole} : item if !contains({listed}, item)]"
    )
    draft.put(own.expression.file, Splice(*own.expression.span, changed))
    return [("module variable" if not instance.exclusive else "condition on the key", draft)]


def _candidates(drafts: list[tuple[str, Draft]]) -> Iterator[Candidate]:
    for rule, draft in drafts:
        candidate = draft.candidate(rule)
        if candidate is not None:
            yield candidate
