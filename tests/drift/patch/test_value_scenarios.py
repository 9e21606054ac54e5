"""Drifts of the stored scenarios, a sample of them: how many values find a place in the code, as the judge sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache

from lamplighter.drift.model import DriftItem
from lamplighter.drift.patch import values
from lamplighter.drift.patch.code import Code
from lamplighter.drift.patch.judge import judge
from lamplighter.drift.state import read_resources
from lamplighter.drift.values import same
from lamplighter.scenarios.drift import schema
from lamplighter.tools.terraform_files import read_code, state_of
from tests.drift.patch.world import goal, item

_EVERY = 7
_BLOCKS = ("ingress", "egress", "route", "parameter")
"""Sets whose members are blocks or resources: not values."""


@cache
def _code(project: str) -> Code:
    base = schema.base(project)
    return Code.of(read_code(base.code), read_resources(state_of(project, json.dumps(base.state()).encode())))


def _items(drift: schema.DriftTruth) -> Iterator[DriftItem]:
    if drift.action == "set" or drift.path.startswith("tags."):
        yield item(drift.address, drift.path, drift.live, was=drift.code, kind=drift.type)
    elif drift.action in ("add", "remove"):
        for member in drift.added:
            yield item(drift.address, drift.path, member, action="add", kind=drift.type)
        for member in drift.removed:
            yield item(drift.address, drift.path, None, was=member, action="remove", kind=drift.type)


def _drifts() -> list[tuple[str, DriftItem]]:
    found = [
        (case.project, drifted)
        for case in schema.scenarios()
        for drift in case.drifts
        if drift.path and drift.path not in _BLOCKS
        for drifted in _items(drift)
    ]
    return found[::_EVERY]


def test_most_values_find_a_place() -> None:
    drifts = _drifts()
    placed = 0
    for project, drifted in drifts:
        code = _code(project)
        for candidate in values.rules(drifted, code):
            after = code.edited(candidate.edits)
            if judge([goal(drifted)], code, after).reason:
                continue
            placed += 1
            said = after.project.locate(drifted.address or "", drifted.attribute)
            if drifted.action == "set" and said is not None and said.known:
                assert same(said.value, drifted.live_value), (drifted, candidate)
            break
    # What is missing are tags of the provider's `default_tags` taken off one resource: no code can say that.
    assert placed / len(drifts) > 0.95, f"{placed} of {len(drifts)} values placed"
