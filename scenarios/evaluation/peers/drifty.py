"""drifty (MIT, https://pypi.org/project/drifty/): a refresh-only plan; --attribute asks the event history."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lamplighter.scenarios.evaluation.peers.model import WHOLE, Place, Report, Tool, Unusable
from lamplighter.tools.process import Completed


def _command(place: Place) -> list[str]:
    return ["drifty", "scan", "--workspace", str(place.code), "--attribute", "--output", "json"]


def _read(place: Place, done: Completed) -> list[Report]:
    text = done.stdout.decode("utf-8", "replace")
    if "{" not in text:
        # Without drift it says so in words; a plan that fails is told on the other stream, with exit code 0.
        if "No drift" in text and not done.stderr.strip():
            return []
        said = done.stderr.decode("utf-8", "replace") or text
        raise Unusable(f"says: {' '.join(said.split())[:300]}")
    return list(reports(json.loads(text[text.index("{") :]), place.addresses))


def reports(document: dict[str, Any], addresses: Mapping[tuple[str, str], str]) -> Iterator[Report]:
    """Its JSON names no address: the type and id of a resource tell it, by `addresses`."""
    for finding in document["findings"]:
        kind, identity = finding["resource_type"], finding["resource_id"]
        address = addresses.get((kind, identity), f"{kind}.{finding['resource_name']}")
        blame = finding["attribution"]
        who, when = blame["principal"] or "", blame["timestamp"] or ""
        changes = finding["changed_attributes"]
        gone = bool(changes) and all(change["after"] is None for change in changes)
        for name in {WHOLE} if gone else {change["attribute"] for change in changes}:
            yield Report(address, name, who, when)


TOOL = Tool(
    name="drifty",
    version="0.8.0",
    requirement="drifty==0.8.0",
    cannot="unmanaged resources; names no address in its JSON",
    command=_command,
    read=_read,
    codes=frozenset({0, 1}),
)
