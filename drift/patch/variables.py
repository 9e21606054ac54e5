"""A new variable of a module, so that the value of one of its instances can differ: what the one call gives for it, and
how the expression uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lamplighter.drift.hcl.address import parse, quote
from lamplighter.drift.hcl.evaluate import is_known
from lamplighter.drift.patch.collections import Way
from lamplighter.drift.patch.inputs import given
from lamplighter.drift.patch.provenance import Here, plainly
from lamplighter.drift.patch.slots import Slot, grouped
from lamplighter.drift.patch.statements import Draft
from lamplighter.drift.patch.steps import JSON, Do, Step, applied_to
from lamplighter.drift.patch.wording import text_of
from lamplighter.drift.patch.writing import key_text


@dataclass(frozen=True)
class _Variable:
    """A variable to be declared: what the one call gives, and what stands where it is used, `%s` for its name."""

    name: str
    kind: str
    default: str
    value: str
    use: str


def by_variable(slot: Slot, step: Step) -> Iterator[Way]:
    """A new variable of the module; the call of this one instance gives it."""
    here = slot.here
    variable = _variable(slot, step)
    if variable is None:
        return
    draft = Draft(here.code)
    parsed = parse(here.address)
    of = f"{parsed.type}.{parsed.name}" if parsed is not None else "this module"
    why = f"{here.name} of {of}, where it differs between the calls of this module."
    name = given(draft, here.modules, variable.name, variable.kind, variable.default, variable.value, why)
    if name is not None:
        slot.put(draft, variable.use.replace("%s", name))
        yield Way("module variable", draft)


def _variable(slot: Slot, step: Step) -> _Variable | None:
    here, old, name = slot.here, slot.old, slot.here.name
    caller = _giver(here)
    if caller is None or not name:
        return None
    if not step.path or step.path[0] == JSON:
        name = _named(name, here)
    test = " && ".join(here.tests)
    if len(step.path) == 1 and isinstance(step.path[0], str) and step.path[0] != JSON:
        return _member_variable(slot, step.path[0], step, caller, test)
    if not step.path and step.do in (Do.ADD, Do.DROP):
        return _list_variable(slot, step, caller, test)
    if not step.path and step.value is None and slot.is_literal and not test:
        kind = _kind(slot.current)
        return _Variable(name, kind, old, "null", "%s") if kind is not None else None
    whole = applied_to(slot.current, step.path, step.do, step.value) if step.path else step.value
    text = text_of(whole, caller, document=True) if is_known(whole) and step.do is not Do.GONE else None
    kind = _kind(whole)
    if text is None or kind is None or whole is None:
        return None
    each = here.scope.bound.get("each")
    if test and isinstance(each, dict) and len(here.tests) == 1:
        entry = f"{{ {key_text(str(each.get('key')))} = {text} }}"
        return _Variable(name, f"map({kind})", "{}", entry, f"lookup(%s, each.key, {old or 'null'})")
    if test:
        return _Variable(name, kind, "null", text, f"{test} && %s != null ? %s : {old or 'null'}")
    if slot.is_literal and _kind(slot.current) == kind:
        return _Variable(name, kind, old, text, "%s")
    return _Variable(name, kind, "null", text, f"%s != null ? %s : {old}" if old else "%s")


def _member_variable(slot: Slot, key: str, step: Step, caller: Here, test: str) -> _Variable | None:
    old = slot.old
    name = slot.here.name
    if step.do is Do.GONE and old:
        chosen = f"!({test} && contains(%s, key))" if test else "!contains(%s, key)"
        use = f"{{ for key, value in {grouped(old)} : key => value if {chosen} }}"
        return _Variable(f"without_{name}", "list(string)", "[]", f"[{quote(key)}]", use)
    text, kind = text_of(step.value, caller), _kind(step.value)
    if step.do is not Do.SET or text is None or kind is None:
        return None
    more = f"{test} ? %s : {{}}" if test else "%s"
    use = slot.with_one_more("merge", more)
    return _Variable(f"extra_{name}", f"map({kind})", "{}", f"{{ {key_text(key)} = {text} }}", use)


def _list_variable(slot: Slot, step: Step, caller: Here, test: str) -> _Variable | None:
    old = slot.old
    name = slot.here.name
    text, kind = text_of(step.value, caller), _kind(step.value)
    if text is None or kind is None:
        return None
    if step.do is Do.ADD:
        more = f"{test} ? %s : []" if test else "%s"
        return _Variable(
            f"extra_{name}", f"list({kind})", "[]", f"[{text}]", f"concat({old}, {more})" if old else more
        )
    chosen = f"!({test} && contains(%s, item))" if test else "!contains(%s, item)"
    use = f"[for item in {grouped(old)} : item if {chosen}]"
    return _Variable(f"without_{name}", f"list({kind})", "[]", f"[{text}]", use)


def _giver(here: Here) -> Here | None:
    """The view of the call that gives the variable: of the first caller, upwards, that is one of a kind."""
    instance = here.instance
    while instance.call is not None:
        _, instance = instance.call
        if instance.exclusive:
            return plainly(here, "module argument", instance)
    return None


_GENERIC = frozenset(
    [
        "comment",
        "content",
        "description",
        "enabled",
        "input",
        "name",
        "pattern",
        "policy",
        "records",
        "state",
        "status",
        "type",
        "users",
        "value",
    ]
)
"""Attributes that many resources have: a variable of that name would not say of which."""


def _named(name: str, here: Here) -> str:
    """A name for a variable that sets an attribute."""
    parsed = parse(here.address)
    if name in here.instance.module.variables:
        return f"{name}_override"
    if parsed is None or name not in _GENERIC:
        return name
    own = "" if parsed.name in ("this", "main", "default") else parsed.name
    of = own or "_".join(parsed.type.split("_")[2:] or [parsed.type])
    return name if of == name else of if of.endswith(f"_{name}") else f"{of}_{name}"


def _kind(value: Any) -> str | None:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list() if value and all(_kind(item) == _kind(value[0]) for item in value):
            return f"list({_kind(value[0])})"
        case _:
            return None
