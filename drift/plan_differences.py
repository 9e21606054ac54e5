"""Before and after of one resource in a plan -> its differences, attribute by attribute, in the engine's paths.

A block that occurs once has no index in its path; members of sets are added and removed one by one; where the
provider's schema is at hand it says what is a set and what is computed, else the values' own form does. Source of the
form of `before`, `after` and their marks: Terraform internals documentation, "JSON Output Format".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lamplighter.drift.model import Action
from lamplighter.drift.plan_values import is_absent, member_key, same
from lamplighter.drift.provider_schema import Block


class Difference(NamedTuple):
    """`action` is set, add or remove. `computed`: only the provider sets it; `chosen`: the provider does where the
    configuration does not. `unknown`: `after` is not known before the apply, and None here."""

    attribute: str
    action: Action
    before: Any
    after: Any
    sensitive: bool = False
    unknown: bool = False
    computed: bool = False
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Sides:
    """A value before and after, with Terraform's marks: which parts are unknown (after), which are sensitive."""

    before: Any
    after: Any
    unknown: Any = False
    hidden_before: Any = False
    hidden_after: Any = False

    def part(self, name: str) -> Sides:
        """An attribute of an object, or a key of a map."""
        before, after = (side.get(name) if isinstance(side, Mapping) else None for side in self._values())
        marks = (
            side.get(name, False) if isinstance(side, Mapping) else side is True for side in self._marks()
        )
        return Sides(before, after, *marks)

    def item(self, index: int) -> Sides:
        """A member of a list."""
        before, after = (_item(side, index, None) for side in self._values())
        return Sides(before, after, *(_item(side, index, side is True) for side in self._marks()))

    @property
    def sensitive(self) -> bool:
        """Whether anything in the value, as it was or as it will be, is to be shown nowhere."""
        return _marked(self.hidden_before) or _marked(self.hidden_after)

    def _values(self) -> tuple[Any, Any]:
        return self.before, self.after

    def _marks(self) -> tuple[Any, Any, Any]:
        return self.unknown, self.hidden_before, self.hidden_after


def differences(sides: Sides, schema: Block | None, sets: Collection[str] = frozenset()) -> list[Difference]:
    """Of a whole resource: `before` and `after` are the objects of its attributes; None counts as an empty one.

    `sets` names attributes that are known to be sets where there is no schema to say it.
    """
    found: list[Difference] = []
    for name in names_of(sides.before, sides.after, sides.unknown):
        if schema is None and name in sets:
            found += _value(sides.part(name), ["set"], name, 0)
        else:
            found += _named(sides, name, schema, "", 0)
    return found


def names_of(*values: Any) -> list[str]:
    """The keys of objects, each once, in order."""
    return sorted({name for value in values if isinstance(value, Mapping) for name in value})


def added_and_removed(before: list[Any], after: list[Any]) -> tuple[list[Any], list[Any]]:
    """(members that are new, members that are gone) of two lists taken as sets of what says the same."""
    old = {member_key(item): item for item in before}
    new = {member_key(item): item for item in after}
    return [new[key] for key in sorted(new.keys() - old)], [old[key] for key in sorted(old.keys() - new)]


def _block(sides: Sides, schema: Block | None, prefix: str, depth: int) -> Iterator[Difference]:
    for name in names_of(sides.before, sides.after, sides.unknown):
        yield from _named(sides, name, schema, prefix, depth)


def _named(sides: Sides, name: str, schema: Block | None, prefix: str, depth: int) -> Iterator[Difference]:
    """One attribute or block of a block."""
    part = sides.part(name)
    path = f"{prefix}.{name}" if prefix else name
    if schema is None:
        yield from _value(part, None, path, depth + 1)
        return
    nested = schema.nested(name)
    if nested is not None:
        yield from _nested(part, nested.block, nested.nesting, path, depth + 1)
        return
    for found in _value(part, schema.type_of(name), path, depth + 1):
        yield found._replace(
            computed=schema.is_computed(name),
            chosen=schema.is_optional_computed(name),
            sensitive=found.sensitive or schema.is_sensitive(name),
        )


def _nested(sides: Sides, schema: Block, nesting: str, path: str, depth: int) -> Iterator[Difference]:
    if nesting in ("single", "group"):
        yield from _block(sides, schema, path, depth)
    elif nesting == "map":
        for key in names_of(sides.before, sides.after):
            yield from _block(sides.part(key), schema, f"{path}.{key}", depth)
    else:
        yield from _blocks(sides, schema, path, depth, ordered=nesting == "list")


def _blocks(
    sides: Sides, schema: Block | None, path: str, depth: int, *, ordered: bool
) -> Iterator[Difference]:
    """A block that may be repeated: one is compared with one (or with none), several by place or as a set."""
    before, after = _list(sides.before), _list(sides.after)
    if sides.unknown is True:
        yield _set(sides, path)
    elif len(before) <= 1 and len(after) <= 1 and (ordered or len(before) == len(after)):
        yield from _block(sides.item(0), schema, path, depth)
    elif ordered and len(before) == len(after):
        for index in range(len(before)):
            yield from _block(sides.item(index), schema, f"{path}.{index}", depth)
    else:
        yield from _members(sides, path)


def _value(sides: Sides, kind: Any, path: str, depth: int) -> Iterator[Difference]:
    """An attribute of a type as the schema writes it; None when that is not known."""
    shape = kind[0] if isinstance(kind, list) and kind else kind
    before, after = sides.before, sides.after
    if sides.unknown is True:
        yield _set(sides, path)
    elif same(before, after) and not _marked(sides.unknown):
        return
    elif shape in ("map", "object") or (kind is None and _are(Mapping, before, after)):
        for key in names_of(before, after, sides.unknown):
            yield from _value(sides.part(key), _inner(kind, key), f"{path}.{key}", depth + 1)
    elif shape == "set":
        yield from _members(sides, path)
    elif shape == "list" or (kind is None and _are(list, before, after)):
        yield from _listed(sides, kind, path, depth)
    else:
        yield _set(sides, path)


def _listed(sides: Sides, kind: Any, path: str, depth: int) -> Iterator[Difference]:
    """A list of objects is compared like blocks; one of plain values is one value, or a set where no schema is."""
    both = [*_list(sides.before), *_list(sides.after)]
    if any(isinstance(item, Mapping) for item in both):
        yield from _blocks(sides, None, path, depth, ordered=True)
    elif kind is None:
        yield from _members(sides, path)
    else:
        yield _set(sides, path)


def _members(sides: Sides, path: str) -> Iterator[Difference]:
    if _marked(sides.unknown):
        yield _set(sides, path)._replace(after=None, unknown=True)
        return
    added, removed = added_and_removed(_list(sides.before), _list(sides.after))
    for item in removed:
        yield Difference(path, "remove", item, None, sides.sensitive)
    for item in added:
        yield Difference(path, "add", None, item, sides.sensitive)


def _set(sides: Sides, path: str) -> Difference:
    unknown = _marked(sides.unknown)
    after = None if unknown else sides.after
    return Difference(path, "set", sides.before, after, sides.sensitive, unknown)


def _inner(kind: Any, key: str) -> Any:
    """The type of a map's or object's member."""
    if not isinstance(kind, list) or len(kind) < 2:
        return None
    return kind[1].get(key) if kind[0] == "object" and isinstance(kind[1], Mapping) else kind[1]


def _are(form: type, *values: Any) -> bool:
    """Whether the values have a form; null has any."""
    given = [value for value in values if not is_absent(value) or isinstance(value, form)]
    return bool(given) and all(isinstance(value, form) for value in given)


def _item(value: Any, index: int, otherwise: Any) -> Any:
    return value[index] if isinstance(value, list) and index < len(value) else otherwise


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _marked(mark: Any) -> bool:
    if isinstance(mark, Mapping):
        return any(_marked(item) for item in mark.values())
    if isinstance(mark, list):
        return any(_marked(item) for item in mark)
    return mark is True
