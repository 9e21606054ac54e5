"""How a generated cheat is put together."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from lamplighter.scenarios.cluster.faults.guards import Baseline
from lamplighter.scenarios.cluster.faults.schema import Cheat, Json, Ref, Scenario

WAIT = {"op": "wait", "seconds": 60}
LONG = {"op": "wait", "seconds": 900}
"""As long as any right repair is given."""


def cheat(name: str, title: str, ref: Ref, after: bool = False, wait: Json = WAIT, **step: object) -> Cheat:
    ident = f"{name}-{ref.kind.lower()}-{ref.name}"
    return Cheat.model_validate({"id": ident, "title": title, "after_repair": after, "do": [step, wait]})


def changing(scenario: Scenario, before: Baseline, suffix: str) -> Iterator[tuple[Ref, Json, str]]:
    """Objects of which a repair may change paths that end so, each with the path."""
    for change in scenario.allowed.change:
        for ref, obj in before.objects.items():
            if fnmatchcase(str(ref), change.target):
                yield from ((ref, obj, path) for path in change.paths if path.endswith(suffix))


def created(ident: str, title: str, obj: Json, after: bool = True) -> Cheat:
    step = {"op": "create", "object": obj}
    return Cheat.model_validate({"id": ident, "title": title, "after_repair": after, "do": [step, WAIT]})
