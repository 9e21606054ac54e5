"""Set-like attributes whose members may stand in the resource itself or in resources of their own.

A security group's rules and a role's policies can be written either way in Terraform; what the code holds is
the union, and each member has one holder. Which types hold what, and how, is data: `members.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from lamplighter.drift.catalogue.transforms import TRANSFORMS
from lamplighter.drift.model import StateResource
from lamplighter.drift.state import StateIndex

_UNSET = (None, "")


class Member(NamedTuple):
    """A member and the resource whose code holds it.

    `key` is what it is found by in a keyed set; `attribute` is where its value stands in a resource of its own
    (`gateway_id` of a route). Both are empty for other members. `atom` says how such a resource is built.
    """

    value: Any
    holder: StateResource
    key: str = ""
    attribute: str = ""
    atom: Atom | None = None

    def place(self, value: Any) -> str:
        """The attribute of the holder in which another value stands; that of the present one where none is told."""
        return (self.atom.place(value) if self.atom else "") or self.attribute


@dataclass(frozen=True, slots=True)
class Atom:
    """How a member is built of attributes; see `members.toml`."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    each: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    owner: str = ""
    zero: Sequence[str] = ()
    any: Mapping[str, Any] = field(default_factory=dict[str, Any])
    key: Sequence[str] = ()
    value: Sequence[str] = ()
    prefix: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def place(self, value: Any) -> str:
        """The attribute in which a value of this form stands; empty where its form does not tell."""
        starts = ((name, tuple(prefixes)) for name, prefixes in self.prefix.items())
        return next(
            (name for name, start in starts if isinstance(value, str) and value.startswith(start)), ""
        )


@dataclass(frozen=True, slots=True)
class Holder:
    """A type whose instances hold members of another resource's set."""

    type: str
    link: Mapping[str, str]
    where: Mapping[str, Any] = field(default_factory=dict[str, Any])
    atom: Atom = Atom()


@dataclass(frozen=True, slots=True)
class Set:
    """An attribute whose members may be elsewhere; `inline` is None where none stand in the resource itself."""

    types: tuple[str, ...]
    attribute: str
    inline: Atom | None
    holders: tuple[Holder, ...]

    @property
    def keyed(self) -> bool:
        return any(atom.key for atom in (self.inline, *(item.atom for item in self.holders)) if atom)


def held(state: StateIndex, resource: StateResource, attribute: str) -> list[Member]:
    """Every member of `attribute` that the state knows of; those with a resource of their own come first.

    An attribute that `members.toml` does not name is a list of values in the resource itself.
    """
    found = sets().get((resource.type, attribute))
    if found is None:
        return [Member(value, resource) for value in _values(resource.attributes.get(attribute))]
    members = [*_elsewhere(state, found, resource.attributes, resource)]
    if found.inline is not None:
        for item in _values(resource.attributes.get(attribute)):
            members += [
                Member(value, resource, key)
                for key, value, _ in _members(found.inline, item, resource.attributes.get("id"))
            ]
    return members


def held_elsewhere(
    state: StateIndex, types: Sequence[str], identity: Mapping[str, str], attribute: str
) -> list[Member]:
    """Members of a resource that the state does not hold, but whose rules, routes or attachments it does."""
    found = next((sets()[kind, attribute] for kind in types if (kind, attribute) in sets()), None)
    return [] if found is None else [*_elsewhere(state, found, identity, None)]


def in_block(atom: Atom, block: Mapping[str, Any], owner: Any) -> list[tuple[str, Any]]:
    """(key, member) of each member that one inline block holds; `owner` is the id of what it stands in."""
    return [(key, value) for key, value, _ in _members(atom, block, owner)]


def keyed(types: Sequence[str], attribute: str) -> tuple[str, str] | None:
    """`route.10.0.0.0/8` -> ("route", "10.0.0.0/8") where one of `types` holds that set by key, else None."""
    name, dot, key = attribute.partition(".")
    found = next((sets()[kind, name] for kind in types if (kind, name) in sets()), None)
    return (name, key) if dot and found is not None and found.keyed else None


@cache
def sets() -> Mapping[tuple[str, str], Set]:
    """Every set of `members.toml`, by resource type and attribute."""
    tables = tomllib.loads((files("lamplighter.drift") / "members.toml").read_text("utf-8"))
    atoms = {name: Atom(**table) for name, table in tables["atom"].items()}
    found: dict[tuple[str, str], Set] = {}
    for table in tables["set"]:
        inline = table.get("inline", True)
        one = Set(
            tuple(table["types"]),
            table["attribute"],
            atoms[inline] if isinstance(inline, str) else Atom() if inline else None,
            tuple(_holder(item, atoms) for item in table.get("holders", [])),
        )
        found.update({(kind, one.attribute): one for kind in one.types})
    return found


def _holder(table: Mapping[str, Any], atoms: Mapping[str, Atom]) -> Holder:
    atom = atoms[table["atom"]] if "atom" in table else Atom(value=[table["value"]])
    return Holder(table["type"], table["link"], table.get("where", {}), atom)


def _elsewhere(
    state: StateIndex, found: Set, parent: Mapping[str, Any], resource: StateResource | None
) -> Iterator[Member]:
    for holder in found.holders:
        for item in state.of_type(holder.type):
            if item is not resource and _linked(holder, item.attributes, parent):
                for key, value, attribute in _members(holder.atom, item.attributes, parent.get("id")):
                    yield Member(value, item, key, attribute, holder.atom)


def _linked(holder: Holder, attributes: Mapping[str, Any], parent: Mapping[str, Any]) -> bool:
    if any(attributes.get(name) != value for name, value in holder.where.items()):
        return False
    for name, of_parent in holder.link.items():
        wanted, own = parent.get(of_parent), attributes.get(name)
        if wanted in _UNSET or not (own == wanted or (isinstance(own, list) and wanted in own)):
            return False
    return True


def _members(atom: Atom, item: Any, owner: Any) -> Iterator[tuple[str, Any, str]]:
    """(key, member, its attribute) of a block, a resource's attributes, or a value that is the member itself."""
    if not isinstance(item, Mapping):
        yield "", item, ""
        return
    key = str(_first(item, atom.key) or "")
    if atom.value:
        name = next((name for name in atom.value if item.get(name) not in _UNSET), "")
        for value in _values(item.get(name)):
            yield key, value, name
        return
    base = {name: _first(item, names) for name, names in atom.fields.items()}
    base |= {name: 0 for name in atom.zero if base.get(name) in _UNSET}
    decisive = next(iter(atom.any), "")
    if decisive and base.get(decisive) == atom.any[decisive]:
        base |= atom.any
    if not atom.each:
        yield key, base, ""
    for name, sources in atom.each.items():
        for source in sources:
            for value in _values(item.get(source)):
                if value not in _UNSET:
                    yield key, {**base, name: value}, ""
    if atom.owner and item.get("self") is True:
        yield key, {**base, atom.owner: owner}, ""


def _first(item: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The value of the first name that has one; `NAME|TRANSFORM` applies a transform of the catalogue."""
    for path in names:
        name, _, transform = path.partition("|")
        value = item.get(name)
        if value not in _UNSET:
            return TRANSFORMS[transform](value) if transform else value
    return None


def _values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
