"""What is expected to become of a drift: a policy of our own, written down beside the catalogue in `decisions.toml`."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lamplighter.scenarios.drift.catalogue import Kind, kinds
from lamplighter.scenarios.drift.schema import DriftTruth, UnmanagedTruth

FILE = Path(__file__).with_name("decisions.toml")
Expected = Literal["codify", "revert", "ignore", "ask"]


class Rule(BaseModel):
    """One rule; what is left out holds for any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision: Expected
    why: str = Field(min_length=10)
    kinds: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    risks: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    live: tuple[Any, ...] = ()
    loose: bool | None = None

    def fits(self, truth: DriftTruth | UnmanagedTruth, kind: Kind) -> bool:
        action = truth.action if isinstance(truth, DriftTruth) else "create"
        live = truth.live if isinstance(truth, DriftTruth) else None
        of_kind = (
            (self.kinds, kind.id),
            (self.classes, kind.class_),
            (self.risks, kind.risk),
            (self.actions, action),
        )
        if any(wanted and name not in wanted for wanted, name in of_kind):
            return False
        if self.loose is not None and self.loose != _is_loose(truth, kind):
            return False
        return not self.live or live in self.live


def rule_for(truth: DriftTruth | UnmanagedTruth) -> Rule:
    """The rule that decides. LookupError where none does."""
    kind = kinds()[truth.kind]
    found = next((rule for rule in rules() if rule.fits(truth, kind)), None)
    if found is None:
        raise LookupError(f"no rule of {FILE.name} decides {truth.kind}")
    return found


@lru_cache
def rules() -> tuple[Rule, ...]:
    """Every rule, in the order of the file."""
    return tuple(Rule.model_validate(row) for row in tomllib.loads(FILE.read_text("utf-8"))["rule"])


def _is_loose(truth: DriftTruth | UnmanagedTruth, kind: Kind) -> bool:
    """Whether it is no part of anything managed: an attachment to a managed role is a change of that role."""
    return isinstance(truth, UnmanagedTruth) and not truth.also and kind.class_ != "attached"
