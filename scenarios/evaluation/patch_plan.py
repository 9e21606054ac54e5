"""What two real plans say of a patch: one with the code as it was, one with the patch, on the same cloud.

Read from `terraform show -json` by itself (Terraform's "JSON Output Format"); nothing of the engine's reading is used.
A plan comes down to its differences: one for each value that an apply would change, one for each resource that it would
make, destroy or replace. Outputs follow the resources and are not looked at, nor are data sources.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from lamplighter.scenarios.evaluation.drift_score import Key

_UNKNOWN = "(known after apply)"

NORMALISED: tuple[tuple[str, str, str], ...] = ()
"""Differences that say nothing of a patch: (type, path, why), both globs. Empty: nothing has needed one."""


class Difference(NamedTuple):
    """What an apply would do: `path` without the indices of blocks, "" for the resource itself (then `now` is create,
    delete, replace or update); members of a set differ one by one. Values are JSON text."""

    address: str
    path: str
    was: str
    now: str


class Planned(NamedTuple):
    """`imports` are (type, id); `configured` what the code sets: (address without instance keys, attribute)."""

    differences: frozenset[Difference]
    imports: frozenset[tuple[str, str]]
    configured: frozenset[Key]


class Loose(NamedTuple):
    """An unmanaged resource that is to come under the code: by an import of one of its `types`, by one of its `ids`
    where the type is its own (others spell them otherwise), or as a setting (`also`) of a managed resource."""

    types: Sequence[str]
    ids: frozenset[str]
    also: Sequence[Key] = ()


class Intent(NamedTuple):
    """What a patch is to do: `codified` keys are to be gone from the plan, those that are `left` are to stay in it, and
    `imported` to be brought under the code."""

    codified: Sequence[Key] = ()
    left: Sequence[Key] = ()
    imported: Sequence[Loose] = ()


RULE_TYPES = {
    "aws_vpc_security_group_ingress_rule": "aws_security_group_rule",
    "aws_vpc_security_group_egress_rule": "aws_security_group_rule",
}
"""Two types for one thing in the cloud; which one the code has is its own affair."""


def planned(document: Mapping[str, Any]) -> Planned:
    """`document` is what `show -json` prints of a saved plan."""
    differences: set[Difference] = set()
    imports: set[tuple[str, str]] = set()
    for entry in document.get("resource_changes", ()):
        if entry.get("mode") != "managed":
            continue
        change = entry["change"]
        if change.get("importing"):
            imports.add((entry["type"], str(change["importing"].get("id", ""))))
        for item in _of_resource(entry.get("previous_address") or entry["address"], change):
            if not any(
                fnmatchcase(entry["type"], kind) and fnmatchcase(item.path, path)
                for kind, path, _ in NORMALISED
            ):
                differences.add(item)
    configured = frozenset(_configured(document.get("configuration", {}).get("root_module", {}), ""))
    return Planned(frozenset(differences), frozenset(imports), configured)


def _configured(module: Mapping[str, Any], prefix: str) -> Iterator[Key]:
    for resource in module.get("resources", ()):
        yield from ((prefix + resource["address"], name) for name in resource.get("expressions", ()))
    for name, call in module.get("module_calls", {}).items():
        yield from _configured(call.get("module", {}), f"{prefix}module.{name}.")


def against(base: Planned, patched: Planned, intent: Intent) -> list[tuple[Key, str]]:
    """What the plan with the patch shows that it must not, by key; none for a patch that does what is meant."""
    found: list[tuple[Key, str]] = []
    for item in sorted(patched.differences):
        if item not in base.differences:
            found.append(((item.address, item.path), f"new in the plan: {_told(item)}"))
        elif not _may_stay(item, intent):
            found.append(((item.address, item.path), f"still in the plan: {_told(item)}"))
    for item in sorted(base.differences - patched.differences):
        if not _may_go(item, intent):
            found.append(((item.address, item.path), f"was to be left, and is settled: {_told(item)}"))
    for loose in intent.imported:
        if not _brought(loose, base, patched):
            found.append((("", f"{loose.types[0]} {min(loose.ids)}"), "is not brought under the code"))
    return found


def _may_stay(item: Difference, intent: Intent) -> bool:
    """What is left, and what follows from it at the same address; all at addresses of which nothing is codified."""
    if not _at(item, intent.codified) or _owned(item, intent.left):
        return True
    return _at(item, intent.left) and not _owned(item, intent.codified)


def _may_go(item: Difference, intent: Intent) -> bool:
    """What is codified, and what follows from it, wherever that is."""
    if not _at(item, intent.left) or _owned(item, intent.codified):
        return True
    return _at(item, intent.codified) and not _owned(item, intent.left)


def _brought(loose: Loose, base: Planned, patched: Planned) -> bool:
    own, *others = loose.types
    if any(kind in others or (kind == own and name in loose.ids) for kind, name in patched.imports):
        return True
    if any(_owned(item, loose.also) for item in base.differences - patched.differences):
        return True
    new = patched.configured - base.configured
    return any((_KEY.sub("", address), path.partition(".")[0]) in new for address, path in loose.also)


def _at(item: Difference, keys: Sequence[Key]) -> bool:
    return any(item.address == address for address, _ in keys)


_KEY = re.compile(r"\[[^\]]*\]")


def _owned(item: Difference, keys: Sequence[Key]) -> bool:
    path = item.path.replace("tags_all.", "tags.", 1) if item.path.startswith("tags_all.") else item.path
    return any(
        item.address == address
        and (not of or path == of or path.startswith(f"{of}.") or of.startswith(f"{path}."))
        for address, of in keys
    )


def _told(item: Difference) -> str:
    if not item.path:
        return f"{item.now} {item.address}"
    return f"{item.path} {item.was[:80]} -> {item.now[:80]}"


def _of_resource(address: str, change: Mapping[str, Any]) -> Iterator[Difference]:
    match sorted(change["actions"]):
        case ["no-op"] | ["read"]:
            return
        case [("create" | "delete" | "forget") as action]:
            yield Difference(address, "", "", action)
            return
        case ["create", "delete"]:
            yield Difference(address, "", "", "replace")
        case _:
            pass
    found = [
        Difference(address, *item)
        for item in _values("", change.get("before"), change.get("after"), change.get("after_unknown"))
    ]
    yield from found or [Difference(address, "", "", "update")]


def _values(path: str, before: Any, after: Any, unknown: Any) -> Iterator[tuple[str, str, str]]:
    """(path, was, now) of every value that differs."""
    if unknown is True:
        yield path, _text(before), _UNKNOWN
    elif isinstance(before, dict) and isinstance(after, dict):
        told: Mapping[str, Any] = unknown if isinstance(unknown, dict) else {}
        for name in sorted({*before, *after, *(name for name, value in told.items() if value)}):
            inner = f"{path}.{name}" if path else name
            yield from _values(inner, before.get(name), after.get(name), told.get(name))
    elif isinstance(before, list) and isinstance(after, list):
        told_of = unknown if isinstance(unknown, list) else []
        if len(before) == len(after) == 1 and isinstance(before[0], dict) and isinstance(after[0], dict):
            yield from _values(path, before[0], after[0], told_of[0] if told_of else None)
        else:
            # An unknown member is told by its place among the others.
            was = Counter(map(_text, before))
            now = Counter(
                _text([item, told_of[at]] if at < len(told_of) and told_of[at] else item)
                for at, item in enumerate(after)
            )
            yield from ((path, member, "") for member in sorted((was - now).elements()))
            yield from ((path, "", member) for member in sorted((now - was).elements()))
    elif _text(before) != _text(after):
        yield path, _text(before), _text(after)


def _text(value: Any) -> str:
    """JSON with sorted keys; a text that is JSON itself (a policy) is read."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    return json.dumps(value, sort_keys=True)
