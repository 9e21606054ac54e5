"""Rules for values: of attributes, of blocks' attributes, and of members of maps, lists and policies.

Where several parts of a value differ, each is placed after the other in the code as the one before left it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.blocks import contents
from lamplighter.drift.hcl.evaluate import UNKNOWN, is_known
from lamplighter.drift.hcl.syntax import Block
from lamplighter.drift.items import SENSITIVE
from lamplighter.drift.members import sets
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.agreement import is_document
from lamplighter.drift.patch.bodies import of_body
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.inverse import ways
from lamplighter.drift.patch.judge import changes
from lamplighter.drift.patch.model import Candidate, contents_between
from lamplighter.drift.patch.provenance import Asked, Here, inside
from lamplighter.drift.patch.settings import setting_of
from lamplighter.drift.patch.steps import (
    At,
    Do,
    Document,
    Path,
    Step,
    applied_to,
    document_of,
    inside_of,
    spelled,
    steps,
)
from lamplighter.drift.patch.wording import is_secret
from lamplighter.drift.plan_filters import filters
from lamplighter.drift.values import HIDDEN, same

_MOST_STEPS = 12
_COMPUTED = frozenset((("aws_lambda_function", "code_sha256"),))
"""Computed by the provider, but of what a person may change: a difference is drift all the same."""
_MAPS = ("tags", "tags_all")


class _Place(NamedTuple):
    """The resource's block as the one instance sees it, and the path of the attribute in it."""

    block: Block
    here: Here
    path: Path


def rules(item: DriftItem, code: Code) -> Iterator[Candidate]:
    """What makes an attribute say what is live; nothing for what is no value of an attribute, or a secret."""
    if item.address is None or not item.attribute or item.action not in ("set", "add", "remove"):
        return
    if item.live_value in (HIDDEN, SENSITIVE) or is_secret(item.live_value):
        return
    place = _place(item, code)
    if place is None or _is_computed(item, place) or _is_elsewhere(item, place, code):
        return
    seen: set[object] = set()
    for candidate in _candidates(item, place, code):
        if candidate.edits not in seen:
            seen.add(candidate.edits)
            yield candidate


def obstacle(item: DriftItem, code: Code) -> str:
    """Why a value has no candidates that could hold, in one line; empty where it may have some."""
    place = _place(item, code) if item.address is not None and item.attribute else None
    if place is None or item.action != "set":
        return ""
    if _is_computed(item, place):
        return f"{item.attribute} is computed by the provider: code cannot say it"
    said = code.written.instances.get(code.project.written_as(item.address or "") or "")
    top, _, key = item.attribute.partition(".")
    if top in _MAPS and item.live_value is None and said is not None:
        own, given = said.values.get("tags"), said.values.get("tags_all")
        if isinstance(given, Mapping) and key in given and key not in (own or {}):
            return f"the provider's default_tags give {key} to all that it manages: one resource cannot be without it"
    return ""


def _is_computed(item: DriftItem, place: _Place) -> bool:
    """Whether only the provider sets the attribute: code that did would be refused."""
    kind, name = item.resource_type, str(place.path[0])
    computed = (kind, name) in _COMPUTED or bool(filters().why_computed(kind, name))
    return computed and name not in place.block.body.attributes


def _is_elsewhere(item: DriftItem, place: _Place, code: Code) -> bool:
    """Whether what is to be said has, or may have, a resource of its own, and does not stand in this one."""
    found = sets().get((item.resource_type, str(place.path[0])))
    apart = (
        found is not None and bool(found.holders) and str(place.path[0]) not in place.block.body.attributes
    )
    return setting_of(item, code) is not None or (item.action == "add" and apart)


def _candidates(item: DriftItem, place: _Place, code: Code) -> Iterator[Candidate]:
    parts = _parts(item, place)
    if len(parts) == 1:
        yield from _at_once(place, parts[0])
    together = _together(item, place, parts)
    anew = together is not None and _keeps_none(together, parts)
    if together is not None and anew:
        yield from _at_once(place, together)
    if 1 < len(parts) <= _MOST_STEPS:
        yield from _one_by_one(item, code, alone=False)
    if together is not None and not anew:
        yield from _at_once(place, together)
    if 1 < len(parts) <= _MOST_STEPS:
        yield from _one_by_one(item, code, alone=True)
    if item.action == "set" and (
        len(parts) != 1 or parts[0].path != place.path or parts[0].do in (Do.ADD, Do.DROP)
    ):
        yield from _at_once(place, Step(place.path, Do.SET, _wanted(item, place)))


def _together(item: DriftItem, place: _Place, parts: list[Step]) -> Step | None:
    """The list that all the parts are in, as a whole; None where they are in several, or are statements."""
    lists = [_list_of(part) for part in parts]
    path = lists[0] if lists else None
    if (
        path is None
        or any(other != path for other in lists)
        or item.action != "set"
        or len(path) <= len(place.path)
        or path[-1] == "Statement"
    ):
        return None
    start = len(place.path)
    said = _said(place)
    value = spelled(item.code_value if not is_known(said) or said is None else said)
    for part in parts:
        value = applied_to(value, part.path[start:], part.do, part.value)
    whole = inside_of(value, path[start:])
    return Step(path, Do.SET, whole) if isinstance(whole, list) else None


def _keeps_none(whole: Step, parts: list[Step]) -> bool:
    """Whether no member of the list stays as it was."""
    made = sum(part.do in (Do.SET, Do.ADD) for part in parts)
    return len(parts) > 1 and made == len(whole.value)


def _list_of(step: Step) -> Path | None:
    if step.do in (Do.ADD, Do.DROP):
        return step.path
    return step.path[:-1] if step.path and isinstance(step.path[-1], At) else None


def _wanted(item: DriftItem, place: _Place) -> Any:
    """What is live, as text where the attribute is JSON text; an empty text is a value in a map only."""
    live, name = item.live_value, place.path[-1]
    if isinstance(live, Mapping | list) and isinstance(name, str):
        was = next(
            (side for side in (_said(place), item.code_value) if side is not UNKNOWN and side is not None),
            None,
        )
        if document_of(was) is not None or (was is None and is_document(item.attribute)):
            return Document(json.dumps(live))
    if document_of(live) is not None and is_document(item.attribute):
        return Document(live)
    is_member = len(place.path) > 1 and _is_map_key(place.path)
    return None if live == "" and not is_member else live


def _at_once(place: _Place, step: Step) -> Iterator[Candidate]:
    for found in of_body(place.block, step, place.here):
        for way in ways(found) if isinstance(found, Asked) else [found]:
            candidate = way.draft.candidate(way.rule)
            if candidate is not None:
                yield candidate


def _parts(item: DriftItem, place: _Place) -> list[Step]:
    """The steps from what the code says, or is known to have said, to what is live."""
    path = place.path
    match item.action:
        case "add":
            return [Step(path, Do.ADD, item.live_value)] if not isinstance(item.live_value, Mapping) else []
        case "remove":
            return [Step(path, Do.DROP, item.code_value)] if not isinstance(item.code_value, Mapping) else []
        case _:
            pass
    live = _wanted(item, place)
    if live is None and len(path) > 1 and _is_map_key(path):
        return [Step(path, Do.GONE)]
    said = _said(place)
    was = item.code_value if said is UNKNOWN or said is None or not is_known(said) else said
    if live is None and not isinstance(was, list):
        return [Step(path, Do.SET, None)] if was is not None or said is UNKNOWN else []
    return steps(was, [] if live is None else live, path)


def _is_map_key(path: Path) -> bool:
    return isinstance(path[-1], str) and isinstance(path[-2], str)


def _said(place: _Place) -> Any:
    return inside_of(contents(place.block.body, place.here.scope), place.path)


def _one_by_one(item: DriftItem, code: Code, *, alone: bool) -> Iterator[Candidate]:
    """All parts that differ, each by its first way that makes it so; with `alone`, that changes nothing else."""
    now, rules_used = code, list[str]()
    for _ in range(_MOST_STEPS):
        place = _place(item, now)
        parts = _parts(item, place) if place is not None else []
        if place is None or not parts:
            break
        chosen = next(
            (
                (candidate, after)
                for candidate in _at_once(place, parts[0])
                if (after := _holding(item, candidate, parts, now, alone=alone)) is not None
            ),
            None,
        )
        if chosen is None:
            return
        candidate, now = chosen
        rules_used.append(candidate.rule)
    edits = contents_between(code.contents, now.contents)
    if edits:
        yield Candidate(", ".join(dict.fromkeys(rules_used)), edits)


def _holding(
    item: DriftItem, candidate: Candidate, parts: list[Step], code: Code, *, alone: bool
) -> Code | None:
    """The code with one part placed, where fewer are left then."""
    try:
        after = code.edited(candidate.edits)
    except ValueError:
        return None
    place = _place(item, after)
    if place is None or len(after.project.broken) > len(code.project.broken):
        return None
    left = _parts(item, place)
    if len(left) >= len(parts):
        return None
    if alone:
        address = code.project.written_as(item.address or "")
        top = str(place.path[0])
        for change in changes(code.written, after.written):
            if change.address != address or change.path.partition(".")[0] not in (top, f"{top}_all"):
                return None
    return after


def _place(item: DriftItem, code: Code) -> _Place | None:
    address = code.project.written_as(item.address or "")
    parsed = addresses.parse(address) if address is not None else None
    found = code.project.seen(item.address or "")
    if found is None or parsed is None:
        return None
    block, instance, _ = found
    here = inside(code, instance, block, parsed.key, item.address or "")
    stored = code.stored.get(item.address or "")
    path = _path(item.attribute, block, stored.attributes if stored is not None else {}, item)
    return _Place(block, here, path)


def _path(attribute: str, block: Block, stored: Any, item: DriftItem) -> Path:
    """An attribute path as steps: the indices of blocks are its own, and a key of a map may have dots in it."""
    name, _, rest = attribute.partition(".")
    if not rest:
        return (name,)
    value = stored.get(name) if isinstance(stored, Mapping) else None
    inner = [one for one in block.body.blocks if one.type == name or one.labels == (name,)]
    if (
        name in _MAPS
        or isinstance(value, Mapping)
        or (name in block.body.attributes and not isinstance(value, list))
    ):
        return (name, rest)
    first, _, after = rest.partition(".")
    at = int(first) if first.isdecimal() else 0
    behind = after if first.isdecimal() else rest
    members = value if isinstance(value, list) else []
    number = at if first.isdecimal() else _meant(members, behind, item.code_value)
    member = members[number] if number < len(members) else None
    chosen = inner[number] if number < len(inner) else inner[0] if inner else None
    if chosen is not None and chosen.type == "dynamic":
        chosen = next(iter(chosen.body.of_type("content")), None)
    was = member if isinstance(member, Mapping) and len(members) > 1 else UNKNOWN
    head: Path = (name, At(number, was))
    if not behind:
        return head
    if chosen is None:
        return (*head, *(part for part in behind.split(".") if not part.isdecimal()))
    return (*head, *_path(behind, chosen, member, item))


def _meant(members: list[Any], path: str, was: Any) -> int:
    """The member whose value at the path is what the code said."""
    for number, member in enumerate(members):
        value = member
        for part in path.split("."):
            value = value[0] if isinstance(value, list) and value else value
            value = value.get(part) if isinstance(value, Mapping) else None
        if was is not None and same(value, was):
            return number
    return 0
