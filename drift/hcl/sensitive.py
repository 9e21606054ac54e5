"""Whether an expression rests on what the code itself marks as sensitive."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lamplighter.drift.hcl.modules import Instance, is_true

_NAME = re.compile(r"(?<![\w.-])(var|local|module)\s*\.\s*([\w-]+)(?:\s*\[[^\]]*\])*(?:\s*\.\s*([\w-]+))?")
_UNMARKED = re.compile(r"\bnonsensitive\s*\(")


def rests_on_sensitive(text: str, instance: Instance) -> bool:
    """By names, through locals, arguments and outputs of modules that were read. An expression with `nonsensitive`
    in it is taken for one that is nobody's secret."""
    waiting = [(text, instance)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        text, instance = waiting.pop()
        if (instance.prefix, text) in seen or _UNMARKED.search(text):
            continue
        seen.add((instance.prefix, text))
        for kind, name, output in _NAME.findall(text):
            if _is_marked(kind, name, output, instance):
                return True
            waiting += _behind(kind, name, output, instance)
    return False


def _is_marked(kind: str, name: str, output: str, instance: Instance) -> bool:
    block = instance.module.variables.get(name) if kind == "var" else None
    if kind == "module":
        called = _called(name, instance)
        block = called.module.outputs.get(output) if called is not None else None
    return block is not None and is_true(block.body.attributes.get("sensitive"))


def _behind(kind: str, name: str, output: str, instance: Instance) -> Iterator[tuple[str, Instance]]:
    if kind == "local" and name in instance.module.locals:
        yield instance.module.locals[name].expression.text, instance
    if kind == "var" and instance.call is not None and instance.argument(name) is not None:
        block, caller = instance.call
        yield block.body.attributes[name].expression.text, caller
    if kind == "module" and (called := _called(name, instance)) is not None:
        found = called.module.outputs.get(output)
        value = found.body.attributes.get("value") if found is not None else None
        if value is not None:
            yield value.expression.text, called


def _called(name: str, instance: Instance) -> Instance | None:
    block = instance.module.calls.get(name)
    keys = instance.keys(block) if block is not None else None
    return instance.child(name, keys[0]) if keys else None
