"""Try a kind on a resource in a fork, and see what is true afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lamplighter.scenarios import people
from lamplighter.scenarios.drift.catalogue import Kind, kinds
from lamplighter.scenarios.drift.injectors import INJECTORS
from lamplighter.scenarios.drift.injectors.base import FITS
from lamplighter.scenarios.drift.inventory import Resource
from lamplighter.scenarios.drift.night import Clock, Night, World
from lamplighter.scenarios.drift.schema import DriftTruth, NonFinding, UnmanagedTruth
from lamplighter.scenarios.drift.truth import Truth

PEOPLE = {
    people.ACCOUNT: (
        people.MARIA,
        people.JONAS,
        people.DEPLOY,
        people.SCRIPT,
        people.ONCALL,
        people.ROOT,
        people.WORKFLOW,
        people.REMEDIATION,
        people.TOOLING,
        people.CONSOLE,
    ),
    people.SPOKE: (people.SPOKE_ADMIN, people.SPOKE_SCRIPT),
}
"""Who may act in an account."""


class Outcome(NamedTuple):
    """What a night left."""

    drifts: tuple[DriftTruth, ...]
    unmanaged: tuple[UnmanagedTruth, ...]
    non_findings: tuple[NonFinding, ...]


def targets(night: Night, kind: Kind) -> list[Resource]:
    """Resources of the project a kind can be aimed at, by address; for a kind without types, any one."""
    found = [resource for resource in night.world.inventory.resources.values() if resource.type in kind.types]
    if not kind.types:
        found = [next(iter(night.world.inventory.resources.values()))]
    fits = FITS.get(kind.id)
    return sorted((one for one in found if fits is None or fits(night, one)), key=lambda one: one.address)


def new_night(world: World, seed: str, start: datetime) -> Night:
    """A night in the cloud of this process; the recorder's ids and moto's come from `seed`."""
    clock = Clock(start)
    recorder = world.inventory.hands.recorder
    recorder.clock, recorder.seed = clock, f"{recorder.seed}/{seed}"
    return Night(world, clock, random.Random(seed))


def inject(night: Night, kind: str, target: Resource, session: str) -> None:
    """Do one kind in a step of its own."""
    with night.step(kind, session):
        INJECTORS[kind](night, target)


def outcome(night: Night) -> Outcome:
    """Read off what is true."""
    truth = Truth(night)
    return Outcome(truth.drifts(), truth.unmanaged(), truth.non_findings())


def sweep(world: World, fork: Callable[[Callable[[], Any]], Any], most: int = 2) -> dict[str, Any]:
    """Every kind on up to `most` resources: "KIND ADDRESS" to its outcome, or to the error's text."""
    start = datetime(2026, 11, 22, 22, tzinfo=UTC)
    found: dict[str, Any] = {}
    plain = Night(world, Clock(start), random.Random(0))
    for kind in kinds().values():
        if kind.id not in INJECTORS:
            continue
        for target in targets(plain, kind)[:most]:

            def work(kind: Kind = kind, target: Resource = target) -> Outcome:
                night = new_night(world, f"{kind.id} {target.address}", start)
                inject(night, kind.id, target, PEOPLE[target.account][0])
                return outcome(night)

            try:
                found[f"{kind.id} {target.address}"] = fork(work)
            except RuntimeError as error:
                found[f"{kind.id} {target.address}"] = str(error)
    return found
