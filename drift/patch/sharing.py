"""An expression that several instances share, written so that it says something else for one of them alone.

In order: for all that share it; by a test of the key; by a new variable of the module, given in the one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lamplighter.drift.hcl.address import quote
from lamplighter.drift.hcl.evaluate import is_known
from lamplighter.drift.hcl.syntax import source
from lamplighter.drift.patch.collections import Way
from lamplighter.drift.patch.provenance import Asked
from lamplighter.drift.patch.slots import Slot, grouped
from lamplighter.drift.patch.statements import Draft, Splice
from lamplighter.drift.patch.steps import JSON, Do, Path, Step, applied_to
from lamplighter.drift.patch.variables import by_variable
from lamplighter.drift.patch.wording import text_of
from lamplighter.drift.patch.writing import indent_at, key_text


def overridden(asked: Asked) -> Iterator[Way]:
    """Ways to write the expression itself anew; nothing where it stands in a file that only holds literals."""
    start, end = asked.span
    file, here = asked.expression.file, asked.here
    kinds = {node.type for node in asked.nodes}
    is_collection = kinds == {"collection_value"}

    def put(draft: Draft, text: str) -> None:
        draft.put(file, Splice(start - here.prefix, end - here.prefix, text))
        sign = _sign(asked) if "\n" in text and not here.in_json else None
        if sign is not None:
            # What goes over several lines stands in no column with its neighbours.
            draft.put(file, Splice(*sign, " "))

    indent = indent_at(here.code.contents[file], start - here.prefix)
    literal = kinds <= {"literal_value"} or (kinds == {"operation"} and asked.text.lstrip("-").isdecimal())
    whole = asked.nodes[0] if kinds == {"function_call"} and len(asked.nodes) == 1 else None
    called = source(whole.children[0]) if whole is not None else ""
    slot = Slot(asked.text, literal, here, put, asked.value, indent, called)
    yield from written(slot, asked.step, direct=not (is_collection and _within(asked.step)))


def _sign(asked: Asked) -> tuple[int, int] | None:
    """The bytes between a name and its equals sign, where the whole value is written anew."""
    whole = asked.expression.node
    holder = whole.parent
    if holder is None or asked.part is not None or holder.type not in ("attribute", "object_elem"):
        return None
    sign = next((child for child in holder.children if child.type == "="), None)
    return (holder.children[0].end_byte, sign.start_byte) if sign is not None else None


def _within(step: Step) -> bool:
    """Whether a list or an object as written takes the step by itself."""
    return bool(step.path) or step.do in (Do.ADD, Do.DROP)


def written(slot: Slot, step: Step, *, direct: bool = True) -> Iterator[Way]:
    """Ways to write what the slot says after the step. `direct` is False where the part itself was proposed before."""
    change = _change_of(slot, step)
    if change is None:
        return
    here = slot.here
    if direct:
        rule = (
            (here.place or "literal")
            if slot.is_literal
            else "literal at the use"
            if slot.old
            else "new attribute"
        )
        yield _way(slot, change.always, rule)
    if here.plain or here.in_json:
        return
    if here.tests and here.instance.exclusive:
        yield _way(slot, change.only(" && ".join(here.tests)), "condition on the key")
    if not here.instance.exclusive and here.instance.call is not None:
        if here.tests and here.place:
            yield _way(slot, change.only(" && ".join(here.tests)), "condition on the key")
        if not here.place or here.place == "module argument":
            yield from by_variable(slot, step)


def _way(slot: Slot, text: str, rule: str) -> Way:
    draft = Draft(slot.here.code)
    slot.put(draft, text)
    return Way(rule, draft)


@dataclass(frozen=True)
class _Change:
    """The expression after the step: for all instances, and for those alone for which a test holds."""

    always: str
    only: Callable[[str], str]


def _change_of(slot: Slot, step: Step) -> _Change | None:
    here, old = slot.here, slot.old
    if not old and step.do in (Do.GONE, Do.DROP):
        return None
    if len(step.path) == 1 and isinstance(step.path[0], str) and step.path[0] != JSON and not here.in_json:
        return _of_member(slot, step.path[0], step)
    if not step.path and step.do is Do.ADD and isinstance(slot.current, str):
        more = text_of(step.value, here, slot.indent)
        alone = f"[{old}, {more}]"
        return None if more is None else _Change(alone, lambda test: _chosen(test, alone, f"[{old}]"))
    if not step.path and step.do in (Do.ADD, Do.DROP) and not here.in_json and not here.plain:
        return _of_list(slot, step)
    if not step.path:
        gone = step.do is Do.GONE
        text = "null" if gone else text_of(step.value, here, slot.indent, document=True)
    elif is_known(slot.current) and slot.current is not None and _is_small(step.path, slot.current):
        whole = applied_to(slot.current, step.path, step.do, step.value)
        text = text_of(whole, here, slot.indent, document=True) if is_known(whole) else None
    else:
        text = None
    if text is None:
        return None
    return _Change(text, lambda test: _chosen(test, text, old or "null"))


def _is_small(path: Path, value: Any) -> bool:
    """Whether a value may be written out for a part of it: a document, or a list with another member."""
    return path[0] == JSON or (len(path) == 1 and isinstance(value, list))


def _of_member(slot: Slot, key: str, step: Step) -> _Change | None:
    here, old = slot.here, slot.old
    if here.plain:
        return None
    if step.do is Do.GONE:
        head = f"{{ for key, value in {grouped(old)} : key => value if"
        name = quote(key)
        return _Change(f"{head} key != {name} }}", lambda test: f"{head} !({test} && key == {name}) }}")
    if step.do is not Do.SET:
        return None
    text = text_of(step.value, here, slot.indent)
    if text is None:
        return None
    entry = f"{{ {key_text(key)} = {text} }}"
    if not old:
        return _Change(entry, lambda test: f"{test} ? {entry} : {{}}")
    return _Change(
        slot.with_one_more("merge", entry),
        lambda test: slot.with_one_more("merge", f"{test} ? {entry} : {{}}"),
    )


def _of_list(slot: Slot, step: Step) -> _Change | None:
    old, text = slot.old, text_of(step.value, slot.here, slot.indent)
    if text is None:
        return None
    if step.do is Do.ADD:
        if not old:
            return _Change(f"[{text}]", lambda test: f"{test} ? [{text}] : []")
        return _Change(
            slot.with_one_more("concat", f"[{text}]"),
            lambda test: slot.with_one_more("concat", f"{test} ? [{text}] : []"),
        )
    if slot.current == [step.value]:
        return _Change("[]", lambda test: f"{test} ? [] : {old}")
    head = f"[for item in {grouped(old)} : item if"
    return _Change(f"{head} item != {text}]", lambda test: f"{head} !({test} && item == {text})]")


def _chosen(test: str, new: str, old: str) -> str:
    """`test ? new : old`; a choice between true and false is the test itself, or its opposite."""
    plain = test.count(" == ") == 1 and "&&" not in test
    if (new, old) == ("true", "false"):
        return test
    if (new, old) == ("false", "true"):
        return test.replace(" == ", " != ") if plain else f"!({test})"
    return f"{test} ? {new} : {old}"
