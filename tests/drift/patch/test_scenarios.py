"""Over recorded nights: members, removals and new resources get an edit that holds, or a reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lamplighter.drift.check import check_directory
from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch import members, removing, resources
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.model import Rules
from lamplighter.scenarios.drift import schema
from tests.drift.patch.says import carries, code_in


def _rules(item: DriftItem) -> Rules | None:
    match item.action:
        case "add" | "remove":
            return members.rules
        case "delete":
            return removing.rules
        case "create":
            return resources.rules
        case "set":
            return resources.rules if item.attribute.startswith("aws_") else None


def _drifts(project: str, scratch: Path) -> Iterator[tuple[DriftItem, Code]]:
    """Every item of a project's nights that is about members or whole resources, each in the code as it was."""
    base = schema.base(project)
    state = base.write_state(scratch)
    code = code_in(base.code, state)
    for scenario in schema.scenarios(project):
        if scenario.suite == "drift":
            trace = scenario.write_trace(scratch / scenario.id)
            records = {str(record["eventID"]): record for record in scenario.events}
            for item in check_directory(base.code, trace, state).items:
                yield item, code.with_records(records)


@pytest.mark.parametrize(("project", "held", "reasons"), [("payments", 49, 5), ("network", 54, 5)])
def test_what_is_live_gets_into_the_code(project: str, held: int, reasons: int, tmp_path: Path) -> None:
    found = explained = 0
    for item, code in _drifts(project, tmp_path):
        rules = _rules(item)
        if rules is None:
            continue
        if any(not carries(item, code, code.edited(one.edits)) for one in rules(item, code)):
            found += 1
        else:
            assert removing.obstacle(item, code) or resources.obstacle(item, code), item
            explained += 1
    assert (found, explained) == (held, reasons)
