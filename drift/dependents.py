"""What goes with a resource that is deleted, as the state holds it (`dependents.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from lamplighter.drift.model import StateResource
from lamplighter.drift.state import StateIndex


class Owner(NamedTuple):
    """An attribute of the owner, and which types name it by which of theirs."""

    attribute: str
    dependents: Mapping[str, str]


@cache
def owners() -> Mapping[str, Owner]:
    """The shipped table, by the owner's type."""
    text = files("lamplighter.drift").joinpath("dependents.toml").read_text("utf-8")
    return {kind: Owner(**table) for kind, table in tomllib.loads(text).items()}


def dependents(resource: StateResource, state: StateIndex) -> Iterator[StateResource]:
    """The resources that a deletion of `resource` takes along, by address within their type."""
    owner = owners().get(resource.type)
    name = resource.attributes.get(owner.attribute) if owner else None
    if owner is None or not isinstance(name, str) or not name:
        return
    for pattern, link in owner.dependents.items():
        for kind in state.types():
            if fnmatchcase(kind, pattern):
                yield from (item for item in state.of_type(kind) if item.attributes.get(link) == name)
