"""Generate the scenarios: `python -m lamplighter.scenarios.drift.generate [PROJECT...]`; the same seed, the same bytes.

A plan says what happens in a night; each night happens in a fork of its project's rebuilt cloud. Needs moto and the
recorded bases, no Terraform.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from lamplighter.scenarios.drift import other_root
from lamplighter.scenarios.drift.catalogue import Kind, kinds
from lamplighter.scenarios.drift.delivery import delivered
from lamplighter.scenarios.drift.inventory import Resource
from lamplighter.scenarios.drift.night import Clock, Night, World
from lamplighter.scenarios.drift.probe import PEOPLE, Outcome, inject, new_night, outcome, targets
from lamplighter.scenarios.drift.schema import DATA, Scenario, Suite, base, projects
from lamplighter.scenarios.drift.worlds import forked, rebuild

SEED = "2026-11"
DAY = datetime(2026, 11, 22, 20, tzinfo=UTC)
NOISE = ("reads", "refused-calls", "sign-in", "service-at-work", "access-denied")
ORDERED = frozenset({"multi-step", "recreated", "reverted", "same", "temporary", "twice", "secret"})
"""Classes whose calls have an order that matters: never within one second."""


class Deed(NamedTuple):
    """One kind, aimed at one resource, done by one session."""

    kind: str
    target: str
    session: str


class Plan(NamedTuple):
    """What happens in one night."""

    id: str
    suite: Suite
    deeds: tuple[Deed, ...]
    features: frozenset[str]
    other_runs: int = 0
    apply: bool = False


class Planner:
    """Makes the plans of a project: every kind at least once, then mixtures, then quiet nights."""

    def __init__(self, world: World) -> None:
        self.project = world.inventory.project
        self.draw = random.Random(f"{SEED}/{self.project}")
        night = Night(world, Clock(DAY), random.Random(0))
        self.aims: dict[str, list[Resource]] = {}
        for kind in kinds().values():
            if kind.id != "another-terraform-root" and (found := targets(night, kind)):
                self.aims[kind.id] = found
        self.made = 0

    def plans(self) -> Iterator[Plan]:
        """All plans, in order."""
        loud = [kind for kind in kinds().values() if kind.id in self.aims and kind.outcome != "none"]
        for kind in loud:
            yield self._plan("drift", [kind], self._features())
        for _ in range(max(6, len(loud) // 6)):
            yield self._mixture(loud)
        quiet = [kind for kind in kinds().values() if kind.id in self.aims and kind.outcome == "none"]
        for kind in quiet:
            yield self._plan("noise", [kind], self._features())
        for number in range(2):
            yield self._plan(
                "noise", self.draw.sample(quiet, min(5, len(quiet))), frozenset({"mixture"}), number
            )
        yield self._plan("untouched", [], frozenset({"apply"}), apply=True)
        yield self._plan("untouched", [], frozenset({"apply", "duplicate"}), apply=True, other_runs=1)
        yield self._plan("untouched", [], frozenset({"late"}), other_runs=3)

    def _features(self) -> frozenset[str]:
        names = {"late": 0.2, "duplicate": 0.2, "noisy": 0.5}
        return frozenset(name for name, share in names.items() if self.draw.random() < share)

    def _mixture(self, loud: list[Kind]) -> Plan:
        wanted = self.draw.randint(2, 5)
        chosen: list[Kind] = []
        for kind in self.draw.sample(loud, len(loud)):
            # A deletion makes room for nothing else on the same resource; the plan keeps resources apart.
            if len(chosen) < wanted:
                chosen.append(kind)
        features = self._features() | {"mixture"}
        if not any(kind.class_ in ORDERED for kind in chosen) and self.draw.random() < 0.5:
            features |= {"tie"}
        return self._plan("drift", chosen, features, self.draw.choice([0, 0, 0, 1]))

    def _plan(
        self,
        suite: Suite,
        chosen: list[Kind],
        features: frozenset[str],
        other_runs: int = 0,
        apply: bool = False,
    ) -> Plan:
        self.made += 1
        deeds: list[Deed] = []
        taken: set[str] = set()
        for kind in chosen:
            free = [one for one in self.aims[kind.id] if one.address not in taken]
            if free:
                target = self.draw.choice(free)
                taken.add(target.address)
                deeds.append(self._deed(kind.id, target))
        if "noisy" in features or suite == "noise":
            for name in self.draw.sample(NOISE, self.draw.randint(1, 3)):
                if name in self.aims:
                    deeds.insert(
                        self.draw.randint(0, len(deeds)), self._deed(name, self.draw.choice(self.aims[name]))
                    )
        identity = f"{self.project}-{self.made:04d}"
        return Plan(identity, suite, tuple(deeds), features, other_runs, apply)

    def _deed(self, kind: str, target: Resource) -> Deed:
        return Deed(kind, target.address, self.draw.choice(PEOPLE[target.account]))


def happened(world: World, plan: Plan) -> dict[str, Any]:
    """Let the night of a plan happen in this process, and tell it as a scenario. Call it in a fork."""
    draw = random.Random(f"{SEED}/{plan.id}")
    start = DAY + timedelta(minutes=draw.randint(0, 60 * 30))
    night = new_night(world, f"{SEED}/{plan.id}", start)
    before = len(night.recorder.requests)
    for number, deed in enumerate(plan.deeds):
        night.clock.step = 0 if "tie" in plan.features else draw.choice([1, 1, 2, 3])
        inject(night, deed.kind, world.inventory.resources[deed.target], deed.session)
        if "tie" not in plan.features:
            night.clock.forward(draw.randint(30, 5400))
        if plan.other_runs and number == 0:
            other_root.happen(night, plan.other_runs)
    if plan.other_runs and not plan.deeds:
        other_root.happen(night, plan.other_runs)
    found = outcome(night)
    _as_planned(plan, found)
    events = [*_applied(plan), *night.recorder.events]
    calls = [request.row() for request in night.recorder.requests[before:]]
    return _scenario(plan, found, events, calls, draw).model_dump(mode="json", by_alias=False)


def _applied(plan: Plan) -> list[dict[str, Any]]:
    return base(plan.id.rpartition("-")[0]).apply_events() if plan.apply else []


def _as_planned(plan: Plan, found: Outcome) -> None:
    """A night that was to leave something must, and a quiet one must not: else the catalogue is wrong."""
    wanted = {kinds()[deed.kind].outcome for deed in plan.deeds}
    if plan.suite != "drift" and (found.drifts or found.unmanaged):
        raise ValueError(f"{plan.id}: a quiet night left {found.drifts or found.unmanaged}")
    if "drift" in wanted and not found.drifts:
        raise ValueError(f"{plan.id}: {plan.deeds} left no drift")
    if "unmanaged" in wanted and not found.unmanaged:
        raise ValueError(f"{plan.id}: {plan.deeds} left nothing unmanaged")


def _scenario(
    plan: Plan, found: Outcome, events: list[dict[str, Any]], calls: list[Any], draw: random.Random
) -> Scenario:
    times = sorted(event["eventTime"] for event in events)
    quiet = list(found.non_findings)
    if plan.apply:
        ids = tuple(event["eventID"] for event in _applied(plan))
        quiet = [row for row in quiet if row.reason != "terraform"]
        quiet.append(
            type(found.non_findings[0] if found.non_findings else _empty())(reason="terraform", events=ids)
        )
    return Scenario(
        id=plan.id,
        project=plan.id.rpartition("-")[0],
        suite=plan.suite,
        seed=f"{SEED}/{plan.id}",
        kinds=tuple(deed.kind for deed in plan.deeds),
        features=_features(plan, found, events),
        window=(times[0], times[-1]),
        drifts=found.drifts,
        unmanaged=found.unmanaged,
        non_findings=tuple(quiet),
        events=tuple(events),
        deliveries=delivered(events, draw, late="late" in plan.features, twice="duplicate" in plan.features),
        calls=tuple(calls),
    )


def _empty() -> Any:
    from lamplighter.scenarios.drift.schema import NonFinding

    return NonFinding(reason="terraform", events=())


SHARED = (
    ("orders", "aws_cloudwatch_log_group", "retention_in_days"),
    ("orders", "", "tags."),
    ("webshop", "aws_cloudwatch_metric_alarm", "period"),
    ("website", "aws_route53_record", "ttl"),
    ("payments", "", "tags."),
    ("platform", "", "tags."),
    ("datalake", "", "tags."),
    ("network", "aws_cloudwatch_log_group", "retention_in_days"),
    ("network", "aws_network_acl", "ingress"),
)
"""Values that one local or variable gives to several resources: project, type ("" is any), start of the path."""


def _features(plan: Plan, found: Outcome, events: list[dict[str, Any]]) -> tuple[str, ...]:
    names = set(plan.features) | {kinds()[deed.kind].class_ for deed in plan.deeds}
    times = [event["eventTime"] for event in events if not event["readOnly"]]
    if len(set(times)) < len(times):
        names.add("tie")
    else:
        names.discard("tie")
    if plan.other_runs:
        names.add("another-terraform-root")
    if any(deed.kind.startswith("default-tag") for deed in plan.deeds):
        names.add("default-tags")
    if len({event["recipientAccountId"] for event in events}) > 1:
        names.add("two-accounts")
    if len({event["awsRegion"] for event in events}) > 1:
        names.add("several-regions")
    if any("[" in drift.address for drift in found.drifts):
        names.add("for-each")
    project = plan.id.rpartition("-")[0]
    for drift in found.drifts:
        if any(
            project == name and kind in {"", drift.type} and drift.path.startswith(path)
            for name, kind, path in SHARED
        ):
            names.add("shared-value")
    return tuple(sorted(names))


def generate(project: str, say: Callable[[str], None] = print) -> int:
    """Write the scenarios of a project; their number."""
    started = time.monotonic()
    world = World.of(project, rebuild(project))
    rows = []
    for plan in Planner(world).plans():
        try:
            rows.append(forked(lambda plan=plan: happened(world, plan)))  # type: ignore[misc]
        except RuntimeError as error:
            # Two deeds that exclude each other (what is deleted cannot be changed): such a night is left out.
            if len(plan.deeds) < 2:
                raise
            reason = str(error).strip().splitlines()[-1][:300]
            say(f"{plan.id} left out: {[deed.kind for deed in plan.deeds]}: {reason}")
    path = DATA / project / "scenarios.jsonl.gz"
    text = "\n".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in rows)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    say(f"{project}: {len(rows)} scenarios in {time.monotonic() - started:.0f} s")
    return len(rows)


def main(arguments: list[str]) -> int:
    """Generate the named projects, or all."""
    for project in arguments or projects():
        generate(project, lambda text: print(text, flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
