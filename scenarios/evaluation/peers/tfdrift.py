"""tfdrift (Apache-2.0, https://pypi.org/project/tfdrift/): a normal plan; --blame asks the event history."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from lamplighter.scenarios.evaluation.peers.model import WHOLE, Place, Report, Tool, Unusable, top
from lamplighter.tools.process import Completed

_ROW = re.compile(r"[│|]\s*(\S+)\s*[│|]\s*(\S+)\s*[│|]\s*(\S+)\s*[│|]\s*([\d-]+ [\d:]+)\s*[│|]")
"""Address, event, actor and time (to the minute) in the table that --blame prints."""

_DOUBLED = re.compile(r"^(module\..+\.)\1")
"""Its report has a module's name before an address that has it already; the resource is meant all the same."""


def _command(place: Place) -> list[str]:
    output = ["--format", "json", "--output", str(place.scratch / "tfdrift.json")]
    # Deeper folders are the modules of this root, which cannot be planned by themselves.
    return ["tfdrift", "scan", "--path", str(place.code), "--max-depth", "0", "--blame", *output]


def _read(place: Place, done: Completed) -> list[Report]:
    document = json.loads((place.scratch / "tfdrift.json").read_text())
    return list(reports(document, done.stdout.decode("utf-8", "replace")))


def reports(document: dict[str, list[dict[str, object]]], printed: str) -> Iterator[Report]:
    """`document` is the JSON report, `printed` the terminal output with the table of --blame."""
    blamed = {row[1]: (row[3], row[4].replace(" ", "T")) for row in _ROW.finditer(printed)}
    for workspace in document["workspaces"]:
        if workspace["error"]:
            raise Unusable(f"says: {' '.join(str(workspace['error']).split())[:300]}")
        found = workspace["drifted_resources"]
        assert isinstance(found, list)
        for resource in found:
            address = _DOUBLED.sub(r"\1", resource["address"])
            who, when = blamed.get(resource["address"], ("", ""))
            whole = resource["action"] in ("create", "delete", "replace")
            names = {top(change["attribute"]) for change in resource["changes"]}
            for name in {WHOLE} if whole else names:
                yield Report(address, name, who, when)


TOOL = Tool(
    name="tfdrift",
    version="0.5.5",
    requirement="tfdrift[aws]==0.5.5",
    cannot="unmanaged resources; looks up blame by a resource's name in the code",
    command=_command,
    read=_read,
    codes=frozenset({0, 1, 2}),
)
