"""A new variable of a module, so that one of its instances can differ: declared with a default, given by the call."""

from __future__ import annotations

from collections.abc import Sequence

from lamplighter.drift.hcl.address import ModuleStep
from lamplighter.drift.patch import statements
from lamplighter.drift.patch.collections import condition
from lamplighter.drift.patch.statements import Draft
from lamplighter.drift.patch.writing import block


def given(
    draft: Draft, modules: Sequence[ModuleStep], name: str, kind: str, default: str, value: str, why: str
) -> str | None:
    """Adds the variable to the innermost module and hands `value` down to that instance alone; returns `var.NAME`.

    `kind` and `default` are HCL, `why` its description. None where a module on the way was not read.
    """
    taken: set[str] = set()
    for depth in range(1, len(modules) + 1):
        instance = draft.code.project.instance(modules[:depth])
        if instance is None or instance.call is None or instance.module.directory.startswith(".."):
            return None
        taken |= set(instance.module.variables)
    unique, number = name, 1
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    for depth in range(len(modules), 0, -1):
        instance = draft.code.project.instance(modules[:depth])
        if instance is None or instance.call is None:
            return None
        _declared(draft, modules[:depth], unique, kind, default, why)
        call, caller = instance.call
        outermost = depth == 1 or caller.exclusive
        handed = value if outermost else f"var.{unique}"
        only = condition(instance.step)
        text = f"{only} ? {handed} : {default}" if only else handed
        if only and (handed, default) == ("false", "true"):
            text = only.replace(" == ", " != ", 1)
        draft.put(call.file, statements.attribute(draft.content(call.file), call, unique, text))
        if outermost:
            break
    return f"var.{unique}"


def _declared(
    draft: Draft, modules: Sequence[ModuleStep], name: str, kind: str, default: str, why: str
) -> None:
    instance = draft.code.project.instance(modules)
    assert instance is not None
    lines = [f'description = "{why}"', f"type        = {kind}", f"default     = {default}"]
    text = block("variable", (name,), lines)
    known = list(instance.module.variables.values())
    if known:
        last = max(known, key=lambda item: (item.file == known[-1].file, item.span))
        draft.put(last.file, statements.below(draft.content(last.file), last.span, text))
    else:
        draft.append(f"{instance.module.directory}/variables.tf", text)
