"""What a tool is to the comparison: a command line, and how its output reads as reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lamplighter.tools.process import Completed

WHOLE = ""
"""Attribute of a report that a resource is gone, or is to be made anew."""
UNTOLD = "*"
"""Attribute of a report that names the resource alone."""


class Report(NamedTuple):
    """One thing a tool says. `attribute` is the first part of a path, WHOLE or UNTOLD; of a resource in no state the
    address is empty and the attribute `TYPE ID`. `who` and `when` (ISO 8601 UTC, at least to the minute) are empty
    where the tool names nobody."""

    address: str
    attribute: str
    who: str = ""
    when: str = ""


class Place(NamedTuple):
    """Where a tool runs, and what it is given.

    `code` is an initialised project with its state and the sandbox's provider settings; `environment` points
    Terraform and the AWS SDKs at the drifted cloud; `trace` holds the trail's log files.
    """

    code: Path
    trace: Path
    scratch: Path
    environment: Mapping[str, str]
    regions: tuple[str, ...]
    addresses: Mapping[tuple[str, str], str]
    """By type and id, for tools that name no address, or not all of it."""

    @property
    def state(self) -> Path:
        return self.code / "terraform.tfstate"


class Tool(NamedTuple):
    """`requirement` is what pip installs, with its exact version; empty for what is here already."""

    name: str
    version: str
    cannot: str
    """What it does not do at all, in a few words."""
    command: Callable[[Place], Sequence[str]]
    """The argument list; the program first, by name."""
    read: Callable[[Place, Completed], Sequence[Report]]
    """Raises Unusable where the tool itself says that it failed; ValueError, KeyError or TypeError for what is no
    output of it."""
    codes: frozenset[int]
    """Exit codes of a run that went well."""
    requirement: str = ""


class Unusable(Exception):
    """A tool that cannot be run here, or a run that failed; the text says why in one line."""


def top(path: str) -> str:
    """The first part of a path, by which tools of different depth can be compared."""
    return path.partition(".")[0]
