"""A small world of named targets: an append-only file in which every performed operation leaves a line."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lamplighter.core.operations import Restart, Target
from lamplighter.core.plans import Plan, Step
from lamplighter.core.policy import Policy
from lamplighter.core.ports import EffectResult
from lamplighter.core.results import Outcome


class FakeClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def pass_minutes(self, minutes: int) -> None:
        self.time += timedelta(minutes=minutes)


class CountingEffect:
    """Appends one line for each perform, so that a second one shows. `blind`: it cannot tell afterwards."""

    def __init__(
        self, path: Path, *, blind: bool = False, at: Callable[[str], None] = lambda _point: None
    ) -> None:
        self.path = path
        self.blind = blind
        self.version = "v1"
        self._at = at

    def current_version(self, operation: object) -> str:
        return self.version

    def perform(self, operation: object, claim: str) -> EffectResult:
        self._at("effect:before")
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, f"{claim}\n".encode())
        os.close(handle)
        self._at("effect:after")
        return EffectResult(Outcome.DONE, "appended")

    def observe(self, operation: object, claim: str) -> EffectResult:
        if self.blind:
            return EffectResult(Outcome.UNKNOWN, "cannot tell")
        return EffectResult(Outcome.DONE if claim in self.lines() else Outcome.FAILED, "looked")

    def lines(self) -> list[str]:
        return self.path.read_text().split() if self.path.exists() else []


def make_plan(policy: Policy, *, steps: int = 2, chained: bool = True, name: str = "web") -> Plan:
    target = Target(context="test", kind="Deployment", namespace="shop", name=name, version="v1")
    made = [
        Step(id=f"s{i}", operation=Restart(target=target), after=(f"s{i - 1}",) if chained and i else ())
        for i in range(steps)
    ]
    return Plan(steps=tuple(made), rationale="test", requested_by="ann", policy_version=policy.version)
