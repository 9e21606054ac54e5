"""A variable that no call gives and no file sets: the argument that the one call is to have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lamplighter.drift.hcl.evaluate import is_known
from lamplighter.drift.patch import sharing, statements
from lamplighter.drift.patch.collections import Way
from lamplighter.drift.patch.provenance import Asked, Here, of_call, variable
from lamplighter.drift.patch.slots import Slot
from lamplighter.drift.patch.statements import Draft
from lamplighter.drift.patch.steps import Do, Step, applied_to


def not_given(name: str, step: Step, here: Here) -> Iterator[Way | Asked]:
    """The default first where several calls rest on it; nothing for a variable that the call gives."""
    instance = here.instance
    declared = instance.module.variables.get(name)
    if instance.call is None or declared is None or instance.argument(name) is not None:
        return
    if not instance.exclusive:
        for target in variable(name, step.path, here):
            yield Asked(target.expression, target.here, step.at(target.path))
    call, _ = instance.call
    caller = replace(of_call(here.code, instance, here.address), name=name)
    default = declared.body.attributes.get("default")
    current = instance.variable(name)
    wanted = applied_to(current, step.path, step.do, step.value) if is_known(current) else step.value
    old = default.expression.text if default is not None else "null"

    def put(draft: Draft, text: str) -> None:
        draft.put(call.file, statements.attribute(draft.content(call.file), call, name, text))

    if is_known(wanted) and not (step.path and not is_known(current)):
        slot = Slot(old if caller.tests else "", False, caller, put, current)
        yield from sharing.written(slot, Step((), Do.SET, wanted))
