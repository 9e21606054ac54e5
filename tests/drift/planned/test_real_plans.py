"""The payments project, applied for real: a fresh refresh says nothing, then changes by hand: no more, no less."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lamplighter.drift.plan_filters import filters
from lamplighter.drift.planned import read_plan
from lamplighter.drift.provider_schema import ProviderSchemas
from tests.drift.planned.changes import change_payments, payments_facts
from tests.drift.planned.test_recorded_plans import comparable, rows, settable
from tests.drift.planned.world import World, applied, needs_terraform

pytest.importorskip("moto", reason="the sandbox extra is not installed")
pytestmark = [needs_terraform, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with applied("payments", tmp_path_factory.mktemp("world")) as found:
        yield found


def test_nothing_then_exactly_what_people_changed(world: World) -> None:
    document = world.schemas()
    schemas = ProviderSchemas(document)
    before = {path: path.read_bytes() for path in Path(world.folder).iterdir() if path.is_file()}
    fresh = world.plan()
    assert fresh["resource_drift"], "Terraform itself lists changes here"
    assert read_plan(fresh, schemas).facts == ()
    change_payments(world)
    result = read_plan(world.plan(), schemas)
    assert comparable(rows(result)) == comparable(payments_facts(world.attributes))
    normal = read_plan(world.plan("normal"), schemas)
    assert comparable(rows(normal)) == comparable(payments_facts(world.attributes))
    assert {path: path.read_bytes() for path in world.folder.iterdir() if path.is_file()} == before
    # The whole provider is at hand here: no table entry may hide what some configuration sets.
    can_be_set = settable(document)
    for kind, name in filters().computed:
        if name != "id":
            found = [of for of, other in can_be_set if other == name and kind in ("*", of)]
            assert found == [], (kind, name)
