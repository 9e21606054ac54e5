"""driftsentry (Apache-2.0, https://pypi.org/project/driftsentry/): the state beside what the AWS SDK reads; no plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lamplighter.scenarios.evaluation.peers.model import UNTOLD, WHOLE, Place, Report, Tool, top
from lamplighter.tools.process import Completed


def _command(place: Place) -> list[str]:
    where = ["--region", place.regions[0], "--regions", ",".join(place.regions)]
    return ["driftsentry", "scan", "--state-file", str(place.state), "--output", "json", *where]


def _read(place: Place, done: Completed) -> list[Report]:
    text = done.stdout.decode("utf-8", "replace")
    return list(reports(json.loads(text[text.index("{") :]), place.addresses))


def reports(document: dict[str, Any], addresses: Mapping[tuple[str, str], str]) -> Iterator[Report]:
    """Its addresses have no index keys: the type and id of a resource tell it, by `addresses`."""
    for item in document["drift_items"]:
        kind, identity = item["resource_type"], item["resource_id"]
        blame = item["attribution"] or {}
        who, when = blame.get("principal") or "", blame.get("event_time") or ""
        address = addresses.get((kind, identity), item["resource_address"])
        match item["drift_type"]:
            case "unmanaged":
                yield Report("", f"{kind} {identity}", who, when)
            case "deleted":
                yield Report(address, WHOLE, who, when)
            case _:
                # An empty path is the whole resource, both sides shown without saying what differs.
                for name in {top(diff["path"]) or UNTOLD for diff in item["attribute_diffs"]}:
                    yield Report(address, name, who, when)


TOOL = Tool(
    name="driftsentry",
    version="0.5.0",
    requirement="driftsentry==0.5.0",
    cannot="types it has no reader for",
    command=_command,
    read=_read,
    codes=frozenset({0, 1, 2}),
)
