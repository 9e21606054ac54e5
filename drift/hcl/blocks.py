"""What a block says as a whole: its attributes, and its nested blocks as lists of objects, `dynamic` ones expanded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lamplighter.drift.hcl.evaluate import UNKNOWN, Scope, value_of
from lamplighter.drift.hcl.syntax import Block, Body

_MOST = 1_000
"""Blocks that one `dynamic` block is expanded to."""


def contents(body: Body, scope: Scope) -> dict[str, Any]:
    """Name -> value of each attribute, or the list of what each block of that name says; UNKNOWN where the files and
    the state do not say, also in place of the whole list where it is not known how many blocks there are."""
    found: dict[str, Any] = {
        name: value_of(attribute.expression, scope) for name, attribute in body.attributes.items()
    }
    for block in body.blocks:
        generated = block.type == "dynamic" and len(block.labels) == 1
        name = block.labels[0] if generated else block.type
        listed = found.setdefault(name, [])
        if generated:
            objects = _generated(block, scope)
            if objects is None:
                found[name] = UNKNOWN
            elif isinstance(listed, list):
                listed += objects
        elif isinstance(listed, list):
            listed.append(contents(block.body, scope))
    return found


def _generated(block: Block, scope: Scope) -> list[Any] | None:
    """The blocks of a `dynamic` block; None where its collection is not known."""
    collection = block.body.attributes.get("for_each")
    inner = next(iter(block.body.of_type("content")), None)
    iterator = block.body.attributes.get("iterator")
    name = iterator.expression.text.strip() if iterator is not None else block.labels[0]
    members = _members(value_of(collection.expression, scope)) if collection is not None else None
    if inner is None or members is None:
        return None
    pairs = [*members]
    if len(pairs) > _MOST or not scope.work.spend(len(pairs)):
        return None
    return [
        contents(inner.body, scope.binding(**{name: {"key": key, "value": value}})) for key, value in pairs
    ]


def _members(collection: Any) -> Iterator[tuple[Any, Any]] | None:
    """Keys and values: of a map by key, of a list by position, of a set of texts the text as both."""
    if isinstance(collection, Mapping):
        return ((key, collection[key]) for key in sorted(collection))
    return enumerate(collection) if isinstance(collection, list) else None
