"""What references to resources come to, once code says something else of those: Terraform refreshes before it plans, so
what a live value is put into the code for is what every reference to it has from then on.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from lamplighter.drift.hcl import address as addresses
from lamplighter.drift.hcl.evaluate import UNKNOWN, is_known
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.written import META, Said
from lamplighter.drift.values import ABSENT

Changed = frozenset[tuple[str, str]]
"""(address, attribute at the top of it) of what the code says otherwise; an empty attribute for an instance that comes
or goes."""

_TAGS = ("tags", "tags_all")


def changed_parts(parts: Iterable[tuple[str, str]]) -> Changed:
    """From (address, path), without what no reference can be to."""
    tops = ((address, path.partition(".")[0]) for address, path in parts)
    return frozenset((address, top) for address, top in tops if top not in META)


def is_referred_to(changed: Changed, codes: Iterable[Code]) -> bool:
    """Whether any file may refer to what is changed."""
    patterns = references(changed).values()
    texts = {
        content for code in codes for path, content in code.contents.items() if path not in code.variables
    }
    return any(
        mentions(text.decode("utf-8", "replace"), pattern, names)
        for text in texts
        for pattern, names in patterns
    )


def references(changed: Changed) -> dict[str, tuple[re.Pattern[str], Collection[str]]]:
    """`TYPE.NAME` -> how a reference to it is written, and the attributes of it that are changed: none for all."""
    tops: dict[str, set[str]] = defaultdict(set)
    for address, top in changed:
        parsed = addresses.parse(address)
        if parsed is not None:
            tops[f"{parsed.type}.{parsed.name}"] |= {*_TAGS} if top in _TAGS else {top}
    return {base: (reference_to(base), () if "" in names else names) for base, names in tops.items()}


def reference_to(base: str) -> re.Pattern[str]:
    """A reference to a dotted name, with the attribute behind it and behind its index as the one group."""
    name = r"\s*\.\s*".join(map(re.escape, base.split(".")))
    return re.compile(
        rf"(?<![\w.-]){name}(?![\w-])(?:\s*\[[^\]]*\]|\s*\.\s*(?:\d+|\*))*(?:\s*\.\s*([\w-]+))?"
    )


def mentions(text: str, pattern: re.Pattern[str], names: Collection[str]) -> bool:
    """Whether a text refers to one of the attributes, or to the thing as a whole; `names` are none for all."""
    return any(not names or found[1] is None or found[1] in names for found in pattern.finditer(text))


def seeing(
    code: Code, said: Mapping[str, Said], changed: Changed, goals: Sequence[tuple[DriftItem, Any]]
) -> Code:
    """The code with references to what is changed as it says that itself, by `said`, all others as the state has it.

    `goals` are items with the value that they have on this side: what the code leaves out, the provider sets.
    """
    facts: dict[str, Mapping[str, Any] | None] = {}
    for address in sorted({address for address, _ in changed}):
        own = said.get(address)
        tops = {top for of, top in changed if of == address}
        stored = code.values.at(address)
        sides = {item.attribute: value for item, value in goals if item.address == address}
        facts[address] = _facts(own.values, stored, tops, sides) if own is not None else None
    return code.referring(code.values.with_facts(facts))


def _facts(
    values: Mapping[str, Any], stored: Mapping[str, Any], tops: set[str], sides: Mapping[str, Any]
) -> dict[str, Any]:
    found = dict(stored)
    if not stored:
        found = {name: value for name, value in values.items() if is_known(value) and name not in META}
    for top in tops - {""}:
        found[top] = _fact(top, values.get(top), stored.get(top), sides)
    if "tags" in tops and "tags_all" not in values:
        found["tags_all"] = found["tags"]
    return found


def _fact(top: str, value: Any, stored: Any, sides: Mapping[str, Any]) -> Any:
    if value is not None:
        return _filled(value, stored)
    if not any(name.partition(".")[0] == top for name in sides):
        return stored
    side = sides.get(top)
    return UNKNOWN if side in ABSENT else side


def _filled(value: Any, stored: Any) -> Any:
    """The value, with what is unknown in it as the state has it."""
    if value is UNKNOWN or not isinstance(value, Mapping) or not isinstance(stored, Mapping):
        return value
    return {name: stored.get(name, UNKNOWN) if of is UNKNOWN else of for name, of in value.items()}
