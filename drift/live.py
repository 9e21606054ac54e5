"""The facts of a plan as one list of differences: what the code says, or the state for want of it, and what is live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from lamplighter.drift.members import held, sets
from lamplighter.drift.model import Action, StateResource
from lamplighter.drift.plan_holders import resource_of
from lamplighter.drift.plan_values import member_key
from lamplighter.drift.planned import PlannedFact, PlanRead
from lamplighter.drift.state import StateIndex
from lamplighter.drift.values import same

_OPPOSITE: Mapping[Action, Action] = {
    "set": "set",
    "add": "remove",
    "remove": "add",
    "create": "delete",
    "delete": "create",
}


class LiveDifference(NamedTuple):
    """One difference of what is live from what ought to be. `action` is what was done to the cloud.

    `drifted`: the state recorded another value than the live one. `due`: an apply of the code would change it. What the
    code does not say is never due; what was read into the state since is due and has not drifted.
    """

    address: str
    resource_type: str
    attribute: str
    action: Action
    code: Any
    live: Any
    sensitive: bool
    setting: str
    drifted: bool
    due: bool

    @property
    def member(self) -> Any:
        """What was added to or removed from a set."""
        return self.live if self.action == "add" else self.code


def differences(plan: PlanRead) -> list[LiveDifference]:
    """In the order of the plan. What an apply would do to a resource that waits for new values of another is none."""
    merged: dict[tuple[str, str, Action, bytes], LiveDifference] = {}
    waiting = {fact.address for fact in plan.facts if fact.source == "change" and fact.unknown}
    # What has drifted comes first: a value that an apply would only know later has its place there.
    for fact in sorted(plan.facts, key=lambda fact: fact.source == "change"):
        found = _of(fact)
        key = (found.address, found.attribute, found.action, _member(found))
        known = merged.get(key)
        if known is not None:
            code = known.code if fact.unknown else found.code
            merged[key] = known._replace(code=code, due=known.due or found.due)
        elif not fact.unknown and (fact.source == "drift" or fact.address not in waiting):
            merged[key] = found
    return [*_entries(merged.values())]


def path_of(attribute: str) -> tuple[str, ...]:
    """The steps of an attribute path, without indices of blocks; the key of a tag is one step, whatever it holds."""
    top, dot, key = attribute.partition(".")
    if top in ("tags", "tags_all"):
        return ("tags", key) if dot else ("tags",)
    return tuple(part for part in attribute.split(".") if not part.isdecimal())


def _of(fact: PlannedFact) -> LiveDifference:
    drifted = fact.source == "drift"
    # A tag of the provider's default_tags stands in tags_all alone, and is a tag all the same.
    top, _, key = fact.attribute.partition(".")
    return LiveDifference(
        fact.address,
        fact.resource_type,
        f"tags.{key}" if top == "tags_all" and key else fact.attribute,
        fact.action if drifted else _OPPOSITE[fact.action],
        fact.before if drifted else fact.after,
        fact.live,
        fact.sensitive,
        fact.setting,
        drifted,
        not drifted,
    )


def _member(found: LiveDifference) -> bytes:
    return member_key(found.member) if found.action in ("add", "remove") else b""


def _entries(found: Iterable[LiveDifference]) -> Iterator[LiveDifference]:
    """The members of sets that have keys (routes, parameters) as `{key: value}`, changed where a key came and went."""
    for _, group in groupby(sorted(found, key=_place), key=_place):
        listed = list(group)
        keyed = sets().get((listed[0].resource_type, listed[0].attribute))
        if keyed is None or not keyed.keyed or not all(item.action in ("add", "remove") for item in listed):
            yield from listed
            continue
        by_key: dict[str, list[LiveDifference]] = {}
        for item in listed:
            by_key.setdefault(_key(item)[0], []).append(item)
        for key, items in by_key.items():
            yield from _entry(key, items)


def _entry(key: str, items: Sequence[LiveDifference]) -> Iterator[LiveDifference]:
    was = next((_key(item)[1] for item in items if item.action == "remove"), None)
    now = next((_key(item)[1] for item in items if item.action == "add"), None)
    if not key or len(items) > 2 or same(was, now):
        yield from items
        return
    action: Action = "add" if was is None else "remove" if now is None else "set"
    code, live = (None if value is None else {key: value} for value in (was, now))
    yield items[0]._replace(
        action=action,
        code=code,
        live=live,
        drifted=any(item.drifted for item in items),
        due=any(item.due for item in items),
    )


def _key(item: LiveDifference) -> tuple[str, Any]:
    """Key and value of a member of a set that has keys; no key where it is not built as one."""
    resource: StateResource = resource_of(item.resource_type, {item.attribute: [item.member]})
    found = held(StateIndex(()), resource, item.attribute)
    return (found[0].key, found[0].value) if found else ("", None)


def _place(item: LiveDifference) -> tuple[str, str]:
    return item.address, item.attribute
