"""Scenarios played in a sandbox that runs: each comes to an end that is told, and none leaves half of itself."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lamplighter.core.errors import LampError, Refused, Unavailable
from lamplighter.scenarios.cluster.faults import load
from lamplighter.scenarios.cluster.faults.schema import Behave, Scenario
from lamplighter.scenarios.cluster.service import injections
from lamplighter.scenarios.cluster.service.injections import Injection, Injections
from tests.cluster_sandbox.worlds import World

NAME = "config-missing-configmap"
BOGUS = {"image": "x", "no_such_field": 1}


def scripted(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """The scenario as if its file said something else."""
    scenario = load.load(NAME).model_copy(update=changes)
    monkeypatch.setattr(injections, "scenario_of", lambda name: scenario)


def over(injection: Injection) -> Injection:
    for _ in range(500):
        if injection.state != "playing":
            return injection
        time.sleep(0.02)
    raise AssertionError("it is still said to be playing")


def test_one_that_trips_over_its_own_data_has_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, timeline=(Behave(op="behave", rules=(BOGUS,)),))
    found = over(Injections(world.sandbox).begin(NAME))
    assert found.state == "failed"
    assert found.problem.startswith("TypeError: ") and "no_such_field" in found.problem
    assert "\n" not in found.problem


def test_one_that_goes_through_was_played(world: World) -> None:
    found = over(Injections(world.sandbox).begin(NAME))
    assert (found.state, found.problem) == ("played", "")


def test_one_that_cannot_begin_leaves_no_rules(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"image": "^kept$", "exit_code": 3}
    no_object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "NOT VALID", "namespace": "bank"},
    }
    for changes in ({"rules": (kept, BOGUS)}, {"rules": (kept,), "objects": (no_object,)}):
        scripted(monkeypatch, **changes)
        found = Injections(world.sandbox)
        with pytest.raises(Unavailable, match="takes away what it made"):
            found.begin(NAME)
        assert world.cluster.rules == []
        assert found.all == []


def test_of_several_at_once_one_is_played(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found, scenario, gate = Injections(world.sandbox), load.load(NAME), threading.Barrier(8)

    def at_once(name: str) -> Scenario:
        gate.wait(10)
        return scenario

    monkeypatch.setattr(injections, "scenario_of", at_once)

    def begin(_: int) -> str:
        try:
            return found.begin(NAME).scenario
        except LampError as error:
            return type(error).__name__

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # so that threads do come between each other's requests
    try:
        with ThreadPoolExecutor(8) as pool:
            answers = sorted(pool.map(begin, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert answers == sorted([NAME] + [Refused.__name__] * 7)
    assert [over(each).state for each in found.all] == ["played"]
