"""What has to change inside of a value: the smallest steps that make one value of another, by paths."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from lamplighter.drift.hcl.evaluate import UNKNOWN, is_known
from lamplighter.drift.hcl.functions import to_bool, to_number, to_string
from lamplighter.drift.values import ABSENT, same

_NAMES = ("Sid", "Id", "ID", "id", "sid", "name", "Name", "rulePriority", "key")
"""What members of a list are told apart by, where they have it."""
_LISTED = ("Action", "NotAction", "Resource", "NotResource")


JSON = "\x00json"
"""In a path: what follows is inside of the JSON text that stands there."""


class Document(str):
    """JSON text that code writes with jsonencode, whatever white space and order of keys it has."""

    __slots__ = ()


class At(NamedTuple):
    """A member of a list in a path, by its place and by what it was; UNKNOWN where only the place is known."""

    place: int
    was: Any = UNKNOWN


Path: TypeAlias = tuple[str | At, ...]


class Do(StrEnum):
    SET = "set"
    GONE = "gone"
    """A member of a map, or the attribute itself, is no longer there."""
    ADD = "add"
    DROP = "drop"
    """A member joins or leaves the list at the path."""


class Step(NamedTuple):
    path: Path
    do: Do
    value: Any = None

    def at(self, path: Path) -> Step:
        return self._replace(path=path)


def steps(was: Any, wanted: Any, path: Path = ()) -> list[Step]:
    """None where the two say the same. Lists are compared as sets; JSON texts by what they hold."""
    return [*_steps(was, wanted, path)]


def _steps(was: Any, wanted: Any, path: Path) -> Iterator[Step]:
    if was is not UNKNOWN and same(was, wanted):
        return
    texts = _documents(was, wanted)
    if texts is not None:
        yield from _steps(_spelled(texts[0]), _spelled(texts[1]), (*path, JSON))
    elif isinstance(was, Mapping) and isinstance(wanted, Mapping):
        for key in wanted:
            if key not in was:
                yield Step((*path, str(key)), Do.SET, wanted[key])
            else:
                yield from _steps(was[key], wanted[key], (*path, str(key)))
        yield from (Step((*path, str(key)), Do.GONE) for key in was if key not in wanted)
    elif isinstance(was, list) and isinstance(wanted, list):
        yield from _of_lists(was, wanted, path)
    else:
        yield Step(path, Do.SET, wanted)


def _of_lists(was: list[Any], wanted: list[Any], path: Path) -> Iterator[Step]:
    gained = list(wanted)
    lost: list[tuple[int, Any]] = []
    for index, member in enumerate(was):
        found = next((at for at, other in enumerate(gained) if alike(member, other)), None)
        if found is None:
            lost.append((index, member))
        else:
            gained.pop(found)
    left: list[tuple[int, Any]] = []
    for index, member in lost:
        other = max(gained, key=lambda one: likeness(member, one), default=None)
        if other is not None and likeness(member, other) > 0:
            gained.remove(other)
            yield from _steps(member, other, (*path, At(index, member)))
        else:
            left.append((index, member))
    for member in gained[len(left) :]:
        yield Step(path, Do.ADD, member)
    for (index, member), other in zip(left, gained, strict=False):
        yield Step((*path, At(index, member)), Do.SET, other)
    for _, member in left[len(gained) :]:
        yield Step(path, Do.DROP, member)


def alike(left: Any, right: Any) -> bool:
    """Whether two members of a list say the same; False where one is not known."""
    if not is_known(left) or not is_known(right):
        return False
    if isinstance(left, Mapping) and isinstance(right, Mapping) and "Effect" in left:
        return same({"Statement": [left]}, {"Statement": [right]})
    return same([left], [right])


def likeness(left: Any, right: Any) -> float:
    """How much two objects have in common, 0 to 2; 0 for what is no object, or has another name."""
    if not isinstance(left, Mapping) or not isinstance(right, Mapping):
        return 0.0
    for name in _NAMES:
        if left.get(name) not in ABSENT and right.get(name) not in ABSENT:
            return 2.0 if left[name] == right[name] else 0.0
    shared = [key for key in left if key in right]
    equal = sum(same([left[key]], [right[key]]) for key in shared)
    return (equal + len(shared) / 2) / max(len(left), len(right), 1)


def document_of(value: Any) -> Any:
    """What JSON text of an object or a list holds; None for anything else."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict | list) else None
    return None


def _documents(was: Any, wanted: Any) -> tuple[Any, Any] | None:
    before, after = document_of(was), document_of(wanted)
    return (before, after) if type(before) is type(after) and before is not None else None


def spelled(value: Any) -> Any:
    """JSON text of a policy, or the policy itself, with lists wherever it may have them."""
    document = document_of(value)
    return value if document is None else Document(json.dumps(_spelled(document)))


def _spelled(value: Any) -> Any:
    """A policy with lists wherever it may have them."""
    found = value.get("Statement") if isinstance(value, Mapping) else None
    listed = [found] if isinstance(found, Mapping) else found
    if not isinstance(listed, list) or not all(
        isinstance(item, Mapping) and "Effect" in item for item in listed
    ):
        return value
    return {
        **value,
        "Statement": [{key: _element(key, part) for key, part in item.items()} for item in listed],
    }


def _element(key: str, value: Any) -> Any:
    if key in _LISTED:
        return value if isinstance(value, list) else [value]
    if key in ("Principal", "NotPrincipal") and isinstance(value, Mapping):
        return {kind: names if isinstance(names, list) else [names] for kind, names in value.items()}
    if key == "Condition" and isinstance(value, Mapping):
        return {
            operator: {
                name: wanted if isinstance(wanted, list) else [wanted] for name, wanted in tests.items()
            }
            if isinstance(tests, Mapping)
            else tests
            for operator, tests in value.items()
        }
    return value


def in_form(step: Step, value: Any) -> Step:
    """The step for a value that stands alone where a list of one is meant, as policies have it, or that has the type of
    the value before it: a number in text stays text."""
    head = step.path[0] if step.path else None
    if isinstance(value, str | int | float) and isinstance(head, At) and step.do is Do.SET:
        step = step.at(step.path[1:])
    if step.path or step.do is not Do.SET:
        return step
    wanted = step.value
    if isinstance(value, str) and isinstance(wanted, list) and len(wanted) == 1:
        wanted = wanted[0]
    if isinstance(value, str) and isinstance(wanted, bool | int | float):
        wanted = to_string(wanted)
    elif isinstance(value, int | float) and isinstance(wanted, str):
        try:
            wanted = to_bool(wanted) if isinstance(value, bool) else to_number(wanted)
        except ValueError:
            wanted = step.value
    return step._replace(value=wanted)


def applied_to(value: Any, path: Path, do: Do, new: Any) -> Any:
    """The value after a step; UNKNOWN where the path does not lead anywhere in it."""
    if not path:
        return _done(value, do, new)
    head, rest = path[0], path[1:]
    if head == JSON:
        document = document_of(value)
        made = UNKNOWN if document is None else applied_to(_spelled(document), rest, do, new)
        return Document(json.dumps(made)) if made is not UNKNOWN else UNKNOWN
    if isinstance(head, At):
        index = _index(value, head)
        if index is None:
            return UNKNOWN
        made = applied_to(value[index], rest, do, new)
        return UNKNOWN if made is UNKNOWN else [*value[:index], made, *value[index + 1 :]]
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        return UNKNOWN
    if not rest and do is Do.GONE:
        return {key: item for key, item in value.items() if key != head}
    made = applied_to(value.get(head), rest, do, new)
    return UNKNOWN if made is UNKNOWN else {**value, head: made}


def _done(value: Any, do: Do, new: Any) -> Any:
    match do:
        case Do.SET:
            return new
        case Do.GONE:
            return None
        case Do.ADD:
            listed = value if isinstance(value, list) else [] if value in ABSENT else [value]
            return [*listed, new]
        case Do.DROP:
            listed = value if isinstance(value, list) else [value]
            return [item for item in listed if not alike(item, new)]


def _index(value: Any, at: At) -> int | None:
    if not isinstance(value, list):
        return None
    if at.was is not UNKNOWN:
        found = next((index for index, item in enumerate(value) if alike(item, at.was)), None)
        return at.place if found is None and at.place < len(value) else found
    return at.place if at.place < len(value) else None


def inside_of(value: Any, path: Path) -> Any:
    """What stands at a path; UNKNOWN where nothing does."""
    for part in path:
        if part == JSON:
            value = _spelled(document_of(value))
        elif isinstance(part, At):
            index = _index(value, part)
            value = value[index] if index is not None else UNKNOWN
        else:
            value = value.get(part, UNKNOWN) if isinstance(value, Mapping) else UNKNOWN
        if value is UNKNOWN:
            return UNKNOWN
    return value
