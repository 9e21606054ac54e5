"""What the code demands of its own values: `validation` of variables, pre- and postconditions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lamplighter.drift.hcl.declared import declared, module_instances
from lamplighter.drift.hcl.evaluate import UNKNOWN, Scope, value_of
from lamplighter.drift.hcl.functions import to_bool
from lamplighter.drift.hcl.syntax import Block
from lamplighter.drift.patch.code import Code

_REFERENCE = re.compile(r"(?<![\w.-])[a-zA-Z_][\w-]*(?:\.[\w-]+)+")


class _Check(NamedTuple):
    text: str
    result: Any
    """True, False or UNKNOWN."""
    mentioned: Mapping[str, Any]
    """What the condition refers to by plain names, and what that is."""


def broken_checks(before: Code, after: Code) -> tuple[str, tuple[str, ...]]:
    """(the first condition that holds no longer, notes of those that cannot be told and may rest on what changed)."""
    if not any(b"condition" in content for content in after.contents.values()):
        return "", ()
    known = dict(_found(before))
    notes: list[str] = []
    for name, check in dict(_found(after)).items():
        was = known.get(name)
        if check.result is False and (was is None or was.result is not False or was != check):
            return f"{name} would not hold: {check.text}", ()
        if check.result is UNKNOWN and (was is None or was != check):
            notes.append(f"not derived: whether {name} holds")
    return "", tuple(notes)


def _found(code: Code) -> Iterator[tuple[str, _Check]]:
    root, written = code.project.root, code.written
    for instance in module_instances(root, written.stored):
        for name, variable in instance.module.variables.items():
            for number, block in enumerate(variable.body.of_type("validation"), 1):
                yield from _check(
                    f"validation {number} of {instance.prefix}var.{name}", block, instance.scope
                )
        around = [(f"data.{kind}.{name}", block) for (kind, name), block in instance.module.data.items()]
        around += [(f"output.{name}", block) for name, block in instance.module.outputs.items()]
        for name, outer in around:
            yield from _conditions(f"{instance.prefix}{name}", outer, instance.scope)
    for item in declared(root, written.stored):
        if item.block.body.of_type("lifecycle"):
            stored, said = written.stored.get(item.address), written.instances[item.address]
            own = {**(stored.attributes if stored is not None else {}), **said.values}
            yield from _conditions(item.address, item.block, item.scope.binding(self=own))


def _conditions(name: str, outer: Block, scope: Scope) -> Iterator[tuple[str, _Check]]:
    for holder in (outer, *outer.body.of_type("lifecycle")):
        for kind in ("precondition", "postcondition"):
            for number, block in enumerate(holder.body.of_type(kind), 1):
                yield from _check(f"{kind} {number} of {name}", block, scope)


def _check(name: str, block: Block, scope: Scope) -> Iterator[tuple[str, _Check]]:
    condition = block.body.attributes.get("condition")
    if condition is None:
        return
    text = " ".join(condition.expression.text.split())
    yield name, _Check(text, _result(value_of(condition.expression, scope)), _mentioned(text, scope))


def _result(value: Any) -> Any:
    try:
        return UNKNOWN if value is UNKNOWN else to_bool(value)
    except ValueError:
        return UNKNOWN


def _mentioned(text: str, scope: Scope) -> dict[str, Any]:
    return {name: _value(name.split("."), scope) for name in set(_REFERENCE.findall(text))}


def _value(parts: list[str], scope: Scope) -> Any:
    match parts:
        case ["var", name, *_]:
            return scope.names.variable(name)
        case ["local", name, *_]:
            return scope.names.local(name)
        case ["self", name, *_]:
            return scope.bound.get("self", {}).get(name, UNKNOWN)
        case ["each" | "count" as name, inner, *_]:
            return scope.bound.get(name, {}).get(inner, UNKNOWN)
        case ["path" | "terraform", *_]:
            return UNKNOWN
        case ["module", name, *_]:
            return scope.names.module_call(name)
        case ["data", kind, name, *_]:
            return scope.names.data(kind, name)
        case [kind, name, attribute, *_]:
            found = scope.names.resource(kind, name)
            return found.get(attribute, UNKNOWN) if isinstance(found, Mapping) else found
        case _:
            return UNKNOWN
