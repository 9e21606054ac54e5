"""Whether patched code says what is true of a scenario's cloud, and nothing else than before.

The truth is the scenario's own, read back from the cloud when it was recorded; the code's values are computed from
files and state, without Terraform.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lamplighter.drift.members import in_block, sets
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.goals import address_in, imported_for, reached
from lamplighter.drift.patch.judge import Change, changes, moved_between
from lamplighter.drift.patch.model import Placed
from lamplighter.drift.values import ABSENT, same
from lamplighter.scenarios.drift.schema import DriftTruth, Scenario
from lamplighter.scenarios.evaluation.drift_score import bare


def says(drift: DriftTruth, after: Code) -> bool:
    """Whether the code says one true drift as it is live."""
    address = address_in(after, drift.address)
    if not drift.path:
        return (address is None) == (drift.live is None)
    if address is None:
        return False
    said = after.written.instances[address]
    if any(_equal(value, drift.live) for value in reached(said, drift.path)):
        return True
    return (drift.added or drift.removed) != () and _has_members(drift, address, said.type, after)


def says_placed(item: DriftItem, case: Scenario, after: Code) -> bool:
    """Whether the code says a drift that was placed as the recorded cloud has it: of a set the member that the item is
    about, since the call that did the rest may be one that nobody knows."""
    if all(says(drift, after) for drift in case.drifts if _is_about(item, drift)):
        return True
    if item.action not in ("add", "remove"):
        return False
    members = after.written.members(address_in(after, item.address or "") or "", item.attribute)
    known = [member.value for member in members or []]
    added = item.action == "add"
    return is_true(item, case) and _within(item.live_value if added else item.code_value, known) == added


def is_true(item: DriftItem, case: Scenario) -> bool:
    """Whether the recorded cloud has a suggested drift, as Terraform would say if it were asked."""
    return any(_is_about(item, drift) and _is_live(item, drift) for drift in case.drifts)


def _is_about(item: DriftItem, drift: DriftTruth) -> bool:
    return (drift.address, bare(drift.path)) == (item.address, item.attribute)


def _is_live(item: DriftItem, drift: DriftTruth) -> bool:
    match item.action:
        case "delete":
            return drift.live is None
        case "add":
            return _within(item.live_value, [*_atoms(drift.added, item.resource_type, item.attribute)])
        case "remove":
            return _within(item.code_value, [*_atoms(drift.removed, item.resource_type, item.attribute)])
        case _:
            return same(drift.live, item.live_value)


def _equal(value: Any, live: Any) -> bool:
    return same(value, live) and not (live is False and value is None)


def _has_members(drift: DriftTruth, address: str, kind: str, after: Code) -> bool:
    name = bare(drift.path)
    now = after.written.members(address, name)
    if now is None:
        return False
    known = [member.value for member in now]
    gained = [*_atoms(drift.added, kind, name)]
    lost = [atom for atom in _atoms(drift.removed, kind, name) if not _within(atom, gained)]
    return all(_within(atom, known) for atom in gained) and not any(_within(atom, known) for atom in lost)


def _within(atom: Any, members: list[Any]) -> bool:
    return any(same(atom, member) for member in members)


def _atoms(values: tuple[Any, ...], kind: str, name: str) -> Iterator[Any]:
    """The members that a block of the truth is several of, as a rule of three ranges."""
    found = sets().get((kind, name))
    for value in values:
        if found is not None and found.inline is not None and isinstance(value, Mapping):
            given = {key: part for key, part in value.items() if part not in ABSENT}
            yield from (member for _, member in in_block(found.inline, given, None))
        else:
            yield value


def astray(case: Scenario, before: Code, after: Code, placed: tuple[Placed, ...]) -> list[Change]:
    """What the code says otherwise now that is no drift of the scenario, nor a new resource that it imports."""
    true = {(drift.address, bare(drift.path)) for drift in case.drifts}
    also = [other for drift in case.drifts for other in drift.also]
    also += [other for loose in case.unmanaged for other in loose.also]
    true |= {(other.address, bare(other.path)) for other in also}
    named = {(address_in(code, address), path) for address, path in true for code in (before, after)}
    new = {address for address in after.written.imports if address not in before.written.instances}
    new |= {imported_for(one.item, after, before) for one in placed if one.item.action == "create"}
    return [
        change
        for change in changes(before.written, after.written, moved_between(before, after))
        if change.address not in new and not any(_covers(*key, change) for key in named)
    ]


def _covers(address: str | None, path: str, change: Change) -> bool:
    if change.address != address:
        return False
    at = bare(change.path).replace("tags_all", "tags", 1)
    return not path or at == path or at.startswith(f"{path}.") or path.startswith(f"{at}.")
