"""What the trace tells and what Terraform sees -> one list of drift: values of the one, who and when of the other.

A difference and a call belong together where address and attribute meet: the same, or one inside the other; members of
sets by their value. What Terraform sees and no call accounts for is drift without a name. What the trace tells and
Terraform would show, but does not, is no longer live; where it could not show it, the trace alone is believed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

from lamplighter.drift.compare import Baseline
from lamplighter.drift.items import SENSITIVE
from lamplighter.drift.live import LiveDifference, differences, path_of
from lamplighter.drift.live_items import refreshed, unattributed
from lamplighter.drift.model import DriftItem, Origin, StateResource
from lamplighter.drift.plan_filters import filters
from lamplighter.drift.plan_holders import resource_of
from lamplighter.drift.planned import PlanRead
from lamplighter.drift.provider_schema import Block, ProviderSchemas
from lamplighter.drift.values import ABSENT, same

_LIKELY = 0.6
"""Of a difference that is blamed on the one call on its resource whose own effect is not to be seen."""
_IDENTIFIER = re.compile(r"(?=.*\d)(?=.*[:-])[\w.:/@-]{8,}")
_NAMED = 5
"""Addresses named in a line."""
_MEMBER = ("add", "remove")

Shows: TypeAlias = Literal["yes", "no", "computed"]
"""`computed`: a plan shows the attribute only as a consequence, and is not believed when it does not."""


class Joined(NamedTuple):
    """`items` as the engine has them, and what became of the rest."""

    items: tuple[DriftItem, ...]
    gone: int = 0
    """Changes of the trace that Terraform would show and does not."""
    agreed: int = 0
    """Values that differ from the state only: the code says them already."""
    ignored: int = 0
    """Differences under lifecycle.ignore_changes or ignore_tags."""
    due: int = 0
    """Differences of the code from state and cloud alike: an apply of it is due."""
    from_trace: int = 0
    """Those of `items` on resources of the state whose values Terraform does not show."""
    unattributed: tuple[str, ...] = ()
    """Addresses of which no call tells who changed them."""
    elsewhere: int = 0
    """Resources of the state that the one that Terraform reads does not hold."""


def join(
    items: Sequence[DriftItem], plan: PlanRead, baseline: Baseline, schemas: ProviderSchemas | None = None
) -> Joined:
    """`items` are those of the trace. Unmanaged resources are the trace's alone: a plan does not see them."""
    join = _Join(plan, baseline, schemas)
    found: dict[str, list[LiveDifference]] = defaultdict(list)
    for difference in differences(plan):
        found[difference.address].append(difference)
    told: dict[str, list[DriftItem]] = defaultdict(list)
    for item in items:
        told[item.address or ""].append(item)
    joined = [*told.pop("", [])]
    for address in sorted(found.keys() | told.keys()):
        joined += join.of_address(told.get(address, []), found.get(address, []))
    own = {resource.address for resource in baseline.state.resources}
    return Joined(
        items=tuple(joined),
        gone=join.gone,
        agreed=join.agreed,
        ignored=join.ignored,
        due=join.due,
        from_trace=join.from_trace,
        unattributed=tuple(
            dict.fromkeys(item.address or "" for item in joined if item.origin is Origin.UNATTRIBUTED)
        ),
        elsewhere=len(own - plan.covered),
    )


@dataclass
class _Join:
    plan: PlanRead
    baseline: Baseline
    schemas: ProviderSchemas | None
    gone: int = 0
    agreed: int = 0
    ignored: int = 0
    due: int = 0
    from_trace: int = 0

    def __post_init__(self) -> None:
        self._resources = {resource.address: resource for resource in self.baseline.state.resources}
        self._left_out: Mapping[str, list[tuple[str, ...]]] = defaultdict(list)
        for left in self.plan.left_out:
            self._left_out[left.address].append(path_of(left.attribute))

    def of_address(self, told: Sequence[DriftItem], found: Sequence[LiveDifference]) -> Iterator[DriftItem]:
        """The drift of one resource."""
        accounts = _matched(told, found)
        used: set[int] = set()
        kept: dict[int, DriftItem] = {}
        loose: list[LiveDifference] = []
        for difference, calls in zip(found, accounts, strict=True):
            used.update(id(item) for item in calls)
            if self._is_none(difference):
                continue
            if not calls:
                loose.append(difference)
                continue
            whole = [item for item in calls if not _is_finer(item, difference)]
            if whole:
                yield self._exact(difference, whole)
            kept |= {} if whole else {id(item): replace(item, confidence=1.0) for item in calls}
        yield from kept.values()
        rest = [item for item in told if id(item) not in used]
        yield from self._paired(rest, loose)

    def _paired(self, told: Sequence[DriftItem], found: Sequence[LiveDifference]) -> Iterator[DriftItem]:
        """Calls whose effect is not seen and effects that no call tells of, on one resource: each other's, it seems."""
        drifted = [difference for difference in found if difference.drifted and difference.action != "create"]
        self.due += len(found) - len(drifted)
        shows = [self._shows(item) for item in told]
        likely = [item for item, how in zip(told, shows, strict=True) if how in ("yes", "computed")]
        for item, how in zip(told, shows, strict=True):
            if how == "no" or (how == "computed" and not drifted):
                self.from_trace += 1
                yield item
            elif not drifted:
                self.gone += 1
        for difference in drifted:
            if likely:
                yield replace(self._exact(difference, likely), confidence=_LIKELY)
            else:
                yield self._unattributed(difference)

    def _is_none(self, found: LiveDifference) -> bool:
        """Whether Terraform is told not to look there, or the code says already what is live."""
        if found.attribute and self.baseline.project.ignores(
            found.address, ".".join(path_of(found.attribute))
        ):
            self.ignored += 1
            return True
        if (
            found.due
            or not found.drifted
            or self.plan.partial
            or self._is_left_out(found.address, found.attribute)
        ):
            return False
        if found.action != "delete" and not self._is_said(found):
            return False
        self.agreed += 1
        return True

    def _is_said(self, found: LiveDifference) -> bool:
        """Whether the code sets what no apply would change: then it says what is live."""
        code = self.baseline.project.locate(found.address, found.attribute)
        if code is None or not code.text:
            return False
        if code.known and found.action == "set":
            return same(code.value, found.live)
        block = self._block(found.address)
        return block is not None and not _is_chosen(block, path_of(found.attribute))

    def _shows(self, item: DriftItem) -> Shows:
        """Whether a plan that covers all would show the item if it were live."""
        address, path = item.address or "", path_of(item.attribute)
        if self.plan.partial or address not in self.plan.covered or _part(item):
            return "no"
        block = self._block(address)
        if not path:
            return "yes"
        if (block is not None and not block.has(path[0])) or filters().is_unread(item.resource_type, path):
            return "no"
        computed = block is not None and block.is_computed(path[0])
        return "computed" if computed or self._is_left_out(address, item.attribute) else "yes"

    def _is_left_out(self, address: str, attribute: str) -> bool:
        path = path_of(attribute)
        return any(_meet(path, other) for other in self._left_out.get(address, ()))

    def _block(self, address: str) -> Block | None:
        resource = self._resources.get(address)
        return self.schemas.find(resource.provider, resource.type) if self.schemas and resource else None

    def _resource(self, address: str, kind: str) -> StateResource:
        return self._resources.get(address) or replace(resource_of(kind, {}), address=address)

    def _exact(self, found: LiveDifference, calls: Sequence[DriftItem]) -> DriftItem:
        """The difference, with the last of the calls that led to it to blame."""
        last = max(calls, key=lambda item: item.time)
        events = {event: None for item in sorted(calls, key=lambda item: item.time) for event in item.events}
        last = replace(last, events=tuple(events), confidence=1.0)
        if _part(last):
            return _with_value(last, found)
        hidden = SENSITIVE in (last.code_value, last.live_value)
        resource = self._resource(found.address, found.resource_type)
        return refreshed(last, resource, found, self.baseline, hidden=hidden)

    def _unattributed(self, found: LiveDifference) -> DriftItem:
        resource = self._resource(found.address, found.resource_type)
        return unattributed(resource, found, self.baseline)


def _matched(told: Sequence[DriftItem], found: Sequence[LiveDifference]) -> list[list[DriftItem]]:
    """The calls that account for each difference of one resource."""
    calls = [[item for item in told if _accounts(item, difference)] for difference in found]
    for index, difference in enumerate(found):
        # A target that may be of several kinds moves from one attribute to another: a route's.
        if not calls[index] and difference.action == "set" and isinstance(difference.live, str):
            calls[index] = [
                item for item in told if item.action == "set" and _is_value(item, difference.live)
            ]
    return calls


def _is_value(item: DriftItem, live: str) -> bool:
    """Whether the call set that very thing: by its id or ARN, since words and numbers stand in many places."""
    return item.live_value == live and _IDENTIFIER.fullmatch(live) is not None


def _accounts(item: DriftItem, found: LiveDifference) -> bool:
    """Whether the call changed what differs."""
    if _part(item):
        return found.setting == _part(item) and _is_same_part(item, found)
    if found.action == "delete" or not item.attribute:
        return found.action == item.action
    if item.action in _MEMBER and found.action in _MEMBER:
        return (
            item.action == found.action
            and _meet(path_of(item.attribute), path_of(found.attribute))
            and same(item.live_value if item.action == "add" else item.code_value, found.member)
        )
    return _meet(path_of(item.attribute), path_of(found.attribute))


def _part(item: DriftItem) -> str:
    """The type of which the item would be a resource of its own; empty where it is an attribute."""
    head = item.attribute.partition(".")[0]
    return head if head.startswith("aws_") else ""


def _is_same_part(item: DriftItem, found: LiveDifference) -> bool:
    """Whether a member of the resource is what the item would be a resource for: told by its value, or its name."""
    if found.action not in _MEMBER:
        return True
    if item.action in _MEMBER:
        return same(item.live_value if item.action == "add" else item.code_value, found.member)
    named = found.member.get("name") if isinstance(found.member, Mapping) else None
    return named is None or str(named) in item.resource_id.split()


def _with_value(item: DriftItem, found: LiveDifference) -> DriftItem:
    """A part keeps the name that a resource of its own would give it; its value is Terraform's where that is one."""
    value = found.live
    if isinstance(value, Mapping):
        value = value.get(item.attribute.rpartition(".")[2])
    alike = path_of(item.attribute)[-1] in (path_of(found.attribute)[-1], *_keys(found.live))
    if not alike or found.sensitive or value in ABSENT or SENSITIVE in (item.live_value, value):
        return item
    return replace(item, live_value=value)


def _keys(value: Any) -> Iterable[str]:
    return value if isinstance(value, Mapping) else ()


def _is_finer(item: DriftItem, found: LiveDifference) -> bool:
    """Whether the item tells of a part of what the plan shows as a whole."""
    return not _part(item) and len(path_of(item.attribute)) > len(path_of(found.attribute)) > 0


def _meet(one: Sequence[str], other: Sequence[str]) -> bool:
    count = min(len(one), len(other))
    return count > 0 and tuple(one[:count]) == tuple(other[:count])


def _is_chosen(block: Block, path: Sequence[str]) -> bool:
    """Whether the provider may set the attribute where the code says null."""
    for name in path:
        nested = block.nested(name)
        if nested is None:
            return block.is_optional_computed(name)
        block = nested.block
    return False


def gaps(joined: Joined, plan: PlanRead) -> Iterator[str]:
    """What keeps the answer from being whole, a line each."""
    if plan.partial:
        yield from (f"the plan by Terraform: {problem}" for problem in plan.problems)
    if joined.elsewhere:
        yield (
            f"{joined.elsewhere} resources of the state are not in the one that Terraform reads: their live values are"
            " from the trace; name the state of the directory's own backend, or leave --state out"
        )
    if joined.unattributed:
        named = ", ".join(joined.unattributed[:_NAMED])
        more = len(joined.unattributed) - _NAMED
        named += f" and {more} more" if more > 0 else ""
        yield f"who changed {named} is not known: no call in the trace accounts for it"


def limits(joined: Joined, plan: PlanRead) -> Iterator[str]:
    """What was left out because Terraform saw it otherwise, each kind counted."""
    if not plan.partial:
        yield from plan.problems
    if joined.from_trace:
        yield f"{joined.from_trace} live values are from the trace: a plan by Terraform does not show them"
    if joined.gone:
        yield f"{joined.gone} changes of the trace are no longer live"
    if joined.agreed:
        yield f"{joined.agreed} values differ from the state and are as the code says"
    if joined.ignored:
        ignored = "lifecycle.ignore_changes or ignore_tags tells Terraform not to look at"
        yield f"{joined.ignored} differences that {ignored}"
    if joined.due:
        yield f"{joined.due} differences of the code from what is live were there at the last refresh: an apply is due"
