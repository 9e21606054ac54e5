"""Whether edits make the code say what is live, and change nothing else: judged on every value of every instance.

It computes what Terraform would compute, without the providers. Where a value cannot be computed it says so, and an
edit that rests on such a value is refused: Terraform's own plan can tell then, this cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from lamplighter.drift.hcl.evaluate import UNKNOWN, is_known
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.agreement import agree, is_document, is_set
from lamplighter.drift.patch.checks import broken_checks
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.goals import address_in, imported_for, place_in, reached, set_of, unsaid
from lamplighter.drift.patch.model import Verdict
from lamplighter.drift.patch.referred import Changed, changed_parts, is_referred_to, seeing
from lamplighter.drift.patch.resting import Resting
from lamplighter.drift.patch.written import OUTPUT, Said, Written
from lamplighter.drift.values import ABSENT, at, same

_RESTS_ON = ("var.", "local.", "module.", "each.", "data.", "path.", "count.")

_ROUNDS = 8
"""References that are followed one after another."""


class Goal(NamedTuple):
    """An item, and what is to become of it: `CODIFY` or `IGNORE`."""

    item: DriftItem
    verdict: Verdict = Verdict.CODIFY


class Judgement(NamedTuple):
    """`reason` is empty where all holds. `not_derived` names the values that could not be told to be as before."""

    reason: str
    not_derived: tuple[str, ...] = ()


class Change(NamedTuple):
    """What the code says of one place now and did not before; `path` is empty for an instance that comes or goes."""

    address: str
    path: str
    was: Any
    now: Any


def judge(goals: Sequence[Goal], before: Code, after: Code) -> Judgement:
    """`goals` are all that may change between the two; none of them may be said already by chance of another edit."""
    known = {(item.file, item.problem) for item in before.project.broken}
    for broken in after.project.broken:
        if (broken.file, broken.problem) not in known:
            return Judgement(f"{broken.file} line {broken.line}: {broken.problem}")
    for goal in goals:
        reason = unsaid(goal.item, goal.verdict, after, before)
        if reason:
            return Judgement(reason)
    assumed = next((text for goal in goals if (text := _assumed(goal, before, after))), "")
    if assumed:
        return Judgement(assumed)
    before, after, changed = _referring(goals, before, after)
    allowed = [_Allowed(goal, before, after) for goal in goals]
    for one in allowed:
        one.take_members(allowed)
    carried = moved_between(before, after)
    for change in changes(before.written, after.written, carried):
        if not any(one.covers(change) for one in allowed) and not _is_stored(change, after):
            return Judgement(_said(change))
        text = change.path if _is_no_text(change, after) else _object_for_text(change, before, after)
        if text:
            return Judgement(f"{text} of {change.address} is text, and would be written as something else")
    reason = _imports(before, after, carried) or _around(before.written, after.written)
    if reason:
        return Judgement(reason)
    uncertain, notes = _uncertain(before.written, after.written, carried, goals, after)
    if uncertain:
        return Judgement(uncertain)
    if changed:
        resting = Resting(after, changed)
        if reason := resting.uncounted():
            return Judgement(reason)
        notes = (*notes, *dict.fromkeys(resting.untold()))
    forbidden, untold = broken_checks(before, after)
    return Judgement(forbidden, (*notes, *untold, *_outputs(before.written, after.written)))


def _referring(goals: Sequence[Goal], before: Code, after: Code) -> tuple[Code, Code, Changed]:
    """Both with references to what changes between them as each says it, those to what changes by that too; and what
    that is, as far as anything refers to it."""
    was, now = before, after
    seen: Changed = frozenset()
    live = [goal.item for goal in goals if goal.verdict is Verdict.CODIFY]
    for _ in range(_ROUNDS):
        found = changes(was.written, now.written, moved_between(was, now))
        changed = seen | changed_parts((change.address, change.path) for change in found)
        if changed == seen or not is_referred_to(changed, (before, after)):
            break
        seen = changed
        was, now = (
            seeing(before, was.written.instances, seen, [(item, item.code_value) for item in live]),
            seeing(after, now.written.instances, seen, [(item, item.live_value) for item in live]),
        )
    return was, now, seen


def moved_between(before: Code, after: Code) -> Mapping[str, str]:
    """Instances that `moved` blocks carry to another address: the new one -> the one before."""
    found: dict[str, str] = {}
    known = before.written.instances
    for address in known.keys() - after.written.instances.keys():
        to = after.project.moved_to(address, known)
        if to in after.written.instances:
            found[to] = address
    return found


def changes(
    before: Written, after: Written, carried: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Change]:
    """Everything that is computed on both sides and differs, in the order of addresses; `carried` are the new addresses
    of what was moved -> those before."""
    for address in sorted({*before.instances, *after.instances} - {*carried.values()}):
        was, now = before.instances.get(carried.get(address, address)), after.instances.get(address)
        if was is None or now is None:
            yield Change(address, "", "present" if was else None, "present" if now else None)
        elif was is not now:
            for name in sorted({*was.values, *now.values}):
                old_value, new_value = was.values.get(name), now.values.get(name)
                for path, old, new in _leaves(name, old_value, new_value, now.type):
                    yield Change(address, path, old, new)


def _leaves(path: str, was: Any, now: Any, kind: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The smallest parts that differ; the index of a block is left out of its path. `kind` is the resource type."""
    if repr(was) == repr(now):
        return
    if was is UNKNOWN or now is UNKNOWN:
        if was is not now:
            yield path, was, now
    elif {type(was), type(now)} == {type(None), bool}:
        # A switch that is left out is at its default, on or off.
        yield path, was, now
    elif (was is None or now is None) and was in ABSENT and now in ABSENT:
        # What is empty is not what is left out: `ingress = []` takes every rule away, a tag may say nothing.
        yield path, was, now
    elif isinstance(was, Mapping) or isinstance(now, Mapping):
        if all(side in ABSENT or isinstance(side, Mapping) for side in (was, now)):
            old, new = was or {}, now or {}
            for key in sorted({*old, *new}):
                yield from _leaves(f"{path}.{key}", old.get(key), new.get(key), kind)
        else:
            yield path, was, now
    elif _blocks(was) and _blocks(now) and (was or now):
        yield from _block_leaves(path, [*(was or [])], [*(now or [])], kind)
    elif isinstance(was, list) and isinstance(now, list):
        lost, gained = _apart(was, now, path, kind)
        yield from ((path, item, None) for item in lost)
        yield from ((path, None, item) for item in gained)
        if not lost and not gained and not is_set(kind, path):
            yield path, was, now
    elif not is_known(was) or not is_known(now) or not agree(was, now, kind, path):
        yield path, was, now


def _block_leaves(path: str, was: list[Any], now: list[Any], kind: str) -> Iterator[tuple[str, Any, Any]]:
    lost, gained = _apart(was, now, path, kind)
    if not lost and not gained and not is_set(kind, path):
        yield path, was, now
    for number in range(max(len(lost), len(gained))):
        old = lost[number] if number < len(lost) else {}
        new = gained[number] if number < len(gained) else {}
        yield from _leaves(path, old, new, kind)


def _apart(was: list[Any], now: list[Any], path: str = "", kind: str = "") -> tuple[list[Any], list[Any]]:
    """What only the one, and what only the other list has; members that say the same are one."""
    gained = [*now]
    lost: list[Any] = []
    for item in was:
        found = next((index for index, other in enumerate(gained) if _equal(item, other, path, kind)), None)
        if found is None:
            lost.append(item)
        else:
            gained.pop(found)
    return lost, gained


def _equal(left: Any, right: Any, path: str = "", kind: str = "") -> bool:
    return left is right or next(_leaves(path, left, right, kind), None) is None


def _blocks(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(item, Mapping) for item in value))


class _Allowed:
    """The changes that one goal is."""

    def __init__(self, goal: Goal, before: Code, after: Code) -> None:
        self._goal = goal
        self._before, self._after = before.written, after.written
        item = goal.item
        places = [place_in(code, item) for code in (before, after)]
        self._path = _plain_path(places[1][1])
        self._addresses = {address for address, _ in places if address is not None}
        self._comes = places[0][0] is None
        self._new = imported_for(item, after, before) if item.action == "create" else ""
        self._place = set_of(item, before)
        self._members: set[str] = set()
        self._exact = True

    def take_members(self, every: Sequence[_Allowed]) -> None:
        """Which members of the set come and go: each has to be told of by a goal about the set, or be held by a
        resource that a goal is about."""
        if self._goal.verdict is not Verdict.CODIFY or self._place is None:
            return
        was, now = (written.members(*self._place) or [] for written in (self._before, self._after))
        lost, gained = _apart(
            [[member.key, member.value] for member in was],
            [[member.key, member.value] for member in now],
        )
        changed = [*lost, *gained]
        if not changed:
            return
        own, about = self._place[0], {name for one in every for name in (*one._addresses, one._new)}
        told = [
            side
            for one in every
            if one._place == self._place
            for side in (one._goal.item.live_value, one._goal.item.code_value)
        ]
        for key, value in changed:
            # A resource of its own that stands on one side only, or says another thing now.
            holders = {
                member.holder.address
                for member in (*was, *now)
                if _equal([member.key, member.value], [key, value])
            } - {own}
            self._members |= holders
            if not (holders & about or any(_tells(side, key, value) for side in told)):
                self._exact = False

    def _is_of_its_block(self, address: str) -> bool:
        """What a block tells Terraform to ignore holds for every instance of it, and its note says so."""
        blocks = {
            (said.type, said.name, said.file)
            for said in map(self._after.instances.get, self._addresses)
            if said
        }
        said = self._after.instances.get(address)
        return said is not None and (said.type, said.name, said.file) in blocks

    def covers(self, change: Change) -> bool:
        item = self._goal.item
        if self._goal.verdict is Verdict.IGNORE:
            return change.path == "lifecycle" and self._is_of_its_block(change.address)
        match item.action:
            case "delete":
                return change.address in self._addresses and not change.path
            case "create":
                return change.address == self._new and not change.path
            case "add" | "remove":
                return self._exact and self._of_set(change)
            case "set":
                own = change.address in self._addresses
                fits = self._under(change.path) if change.path else self._comes
                return (own and fits) or (self._exact and self._of_set(change))

    def _of_set(self, change: Change) -> bool:
        if self._place is None:
            return False
        address, attribute = self._place
        if change.address == address:
            return change.path == attribute or change.path.startswith(f"{attribute}.")
        return change.address in self._members

    def _under(self, path: str) -> bool:
        wanted = self._path
        if wanted.startswith("tags."):
            # The provider's `default_tags` are in `tags_all`, the resource's own in both.
            return path in (wanted, wanted.replace("tags.", "tags_all.", 1))
        if wanted == "tags":
            return path.partition(".")[0] in ("tags", "tags_all")
        return path == wanted or path.startswith(f"{wanted}.")


def _tells(side: Any, key: str, value: Any) -> bool:
    """Whether a side of an item tells of a member."""
    if same(side, value):
        return True
    return isinstance(side, Mapping) and key in side and same(side[key], value)


def _plain_path(path: str) -> str:
    """Without the index of a block; a tag's key may be a number."""
    if path.startswith(("tags.", "tags_all.")):
        return path
    return ".".join(part for part in path.split(".") if not part.isdecimal())


def _is_stored(change: Change, after: Code) -> bool:
    """Whether the code now spells out what it left to a default, and what is so already."""
    if not change.path or change.was not in ABSENT or change.now is UNKNOWN:
        return False
    stored = after.written.stored.get(change.address)
    return (
        stored is not None
        and change.now not in ABSENT
        and agree(at(stored.attributes, change.path), change.now, stored.type, change.path)
    )


def _is_no_text(change: Change, after: Code) -> bool:
    """Whether a policy would be written as the object that its text holds: the two say the same, but are not."""
    stored = after.written.stored.get(change.address)
    known = at(stored.attributes, change.path) if stored is not None and change.path else None
    return isinstance(change.now, Mapping) and (isinstance(change.was, str) or isinstance(known, str))


def _object_for_text(change: Change, before: Code, after: Code) -> str:
    """An attribute that is JSON text by its name, where an object stands now and no object stood before."""
    was, now = (code.written.instances.get(change.address) for code in (before, after))
    stored = after.written.stored.get(change.address)
    if now is None:
        return ""
    known = {*_objects(was.values if was is not None else {})}
    for path in _objects(now.values):
        if path not in known and not isinstance(at(stored.attributes, path) if stored else None, Mapping):
            return path
    return ""


def _objects(values: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """The paths of attributes with the name of a JSON text that are objects; nested blocks are lists of objects."""
    for name, value in values.items():
        path = f"{within}{name}"
        if isinstance(value, Mapping) and is_document(path):
            yield path
        elif isinstance(value, list):
            for member in value:
                if isinstance(member, Mapping):
                    yield from _objects(member, f"{path}.")


def _assumed(goal: Goal, before: Code, after: Code) -> str:
    """A value that rests on the default of a root variable, where the state shows that another one is given."""
    item = goal.item
    address = address_in(before, item.address or "")
    if item.action != "set" or goal.verdict is not Verdict.CODIFY or address is None:
        return ""
    was = before.written.instances[address]
    now = after.written.instances.get(address_in(after, item.address or "") or "")
    rests = sorted(was.assumed & now.assumed) if now is not None else []
    stored = after.stored.get(item.address or "")
    computed = [value for value in reached(was, item.attribute) if is_known(value) and value is not None]
    if not rests or stored is None or not computed:
        return ""
    agreed = (at(stored.attributes, item.attribute), item.code_value, item.live_value)
    if any(same(value, one) for value in computed for one in agreed):
        return ""
    return f"rests on var.{rests[0]}, whose value is given elsewhere than in the files"


def _imports(before: Code, after: Code, carried: Mapping[str, str]) -> str:
    """An import block for what is no new instance would fail."""
    added = after.written.imports.keys() - before.written.imports.keys()
    for address in sorted(added):
        if address in before.written.instances or address not in after.written.instances:
            return f"imports {address}, which is no new instance"
    for address in sorted(after.written.instances.keys() - before.written.instances.keys() - carried.keys()):
        if address not in after.written.imports:
            return f"{address} would be made anew: nothing imports what is there"
    return ""


def _around(before: Written, after: Written) -> str:
    """What changes besides resources, as a provider's region by a local that it shares with a drifted tag."""
    for name in sorted(before.around.keys() | after.around.keys()):
        was, now = before.around.get(name), after.around.get(name)
        if name.startswith(OUTPUT):
            continue
        if was is None or now is None:
            return f"{name} would {'vanish from' if now is None else 'appear in'} the code"
        for key in sorted({*was, *now}):
            for path, _, _ in _leaves(key, was.get(key), now.get(key)):
                return f"{path} of {name} would change too"
    return ""


def _outputs(before: Written, after: Written) -> Iterator[str]:
    for name, now in after.around.items():
        was = before.around.get(name, {})
        if name.startswith(OUTPUT) and next(_leaves("value", was.get("value"), now.get("value")), None):
            yield f"{name} changes with it"


def _uncertain(
    before: Written, after: Written, carried: Mapping[str, str], goals: Sequence[Goal], code: Code
) -> tuple[str, tuple[str, ...]]:
    """What cannot be computed on either side: refused where it is written otherwise now, else named where it may rest
    on what has changed."""
    moved = before.shared != after.shared
    ignored = {address_in(code, goal.item.address or "") for goal in goals if goal.verdict is Verdict.IGNORE}
    notes: list[str] = []
    for address, now in after.instances.items():
        was = before.instances.get(carried.get(address, address))
        if was is None:
            continue
        if was.counted and not now.counted:
            return f"how many instances {address} is one of can no longer be computed", ()
        for name in sorted(now.texts.keys() & was.texts.keys()):
            if now.texts[name] != was.texts[name] and not _as_computed(was, now, name):
                return f"{name} of {address} is written otherwise, and cannot be computed here", ()
            if moved and any(mark in now.texts[name] for mark in _RESTS_ON) and address not in ignored:
                notes.append(f"not derived: {name} of {address}")
        if moved and not now.counted:
            notes.append(f"not derived: how many instances {address} is one of")
    return "", tuple(dict.fromkeys(notes))


def _as_computed(was: Said, now: Said, name: str) -> bool:
    """Whether a value that is known in part differs in known parts only: those were judged already."""
    old, new = was.values.get(name), now.values.get(name)
    return old is not UNKNOWN and new is not UNKNOWN and _shape(old) == _shape(new)


def _shape(value: Any, path: str = "") -> list[str]:
    """Where the unknown parts of a value are."""
    if value is UNKNOWN:
        return [path]
    if isinstance(value, Mapping):
        return [found for key in sorted(value) for found in _shape(value[key], f"{path}.{key}")]
    if isinstance(value, list):
        return [found for item in value for found in _shape(item, f"{path}[]")]
    return []


def _said(change: Change) -> str:
    if not change.path:
        return f"{change.address} would {'vanish from' if change.was else 'appear in'} the code"
    if change.now is UNKNOWN:
        return f"{change.path} of {change.address} could no longer be computed"
    return f"{change.path} of {change.address} would change too"
