"""What is to become of each drift: into the code, back in the cloud, left alone, or asked about; with the reason.

In this order, the first that has an answer: the person who asks, the policy's `[[drift]]` rules, what was decided
before, a controller that owns the attribute (`controllers.toml`), and how much it matters: what opens, exposes or
unprotects something is proposed to be reverted, everything else to be codified. A decision changes nothing: it is what
a plan is made of, and that has to be approved.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from lamplighter.core.findings import Severity
from lamplighter.core.policy import DriftRule
from lamplighter.drift.model import DriftItem, Origin
from lamplighter.drift.patch.goals import is_secret
from lamplighter.drift.patch.model import Decision, Verdict
from lamplighter.drift.proposals import finding_of
from lamplighter.drift.state import StateIndex
from lamplighter.drift.values import ABSENT, at

_RISKY = Severity.HIGH
"""From here on a drift is not carried into the code unasked."""
_OF_SECRETS = frozenset({"aws_secretsmanager_secret_version"})
"""Types that are a secret's value: also their stages, which are no secret, change when somebody puts a new one."""


class HeldBy(NamedTuple):
    """A resource that proves a controller: one of `type` whose `attribute` names the item's resource."""

    type: str
    attribute: str
    contains: str = ""
    equals: str = ""


@dataclass(frozen=True, slots=True)
class Controller:
    """One entry of `controllers.toml`."""

    name: str
    types: Sequence[str]
    attributes: Sequence[str]
    source: str
    held_by: HeldBy | None = None
    own: str = ""
    actors: Sequence[str] = ()
    origins: Sequence[str] = ()

    def owns(self, item: DriftItem, state: StateIndex) -> bool:
        if item.action in ("create", "delete") or not _any(self.types, item.resource_type):
            return False
        if not _any(self.attributes, item.attribute):
            return False
        if self.origins and item.origin.value not in self.origins:
            return False
        if self.actors and not _any(self.actors, item.actor.name.lower(), item.actor.user_agent.lower()):
            return False
        return self._proven(item, state) if self.held_by or self.own else True

    def _proven(self, item: DriftItem, state: StateIndex) -> bool:
        owner = next((one for one in state.of_type(item.resource_type) if one.address == item.address), None)
        if owner is None:
            return False
        if self.held_by is None:
            return at(owner.attributes, self.own) not in (*ABSENT, 0)
        wanted = str(owner.attributes.get(self.held_by.contains or self.held_by.equals) or "")
        for holder in state.of_type(self.held_by.type):
            named = str(holder.attributes.get(self.held_by.attribute) or "")
            if wanted and (named == wanted or (self.held_by.contains and wanted in named.split("/"))):
                return True
        return False


def decide(
    items: Iterable[DriftItem],
    state: StateIndex,
    *,
    rules: Sequence[DriftRule] = (),
    set_back: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Decision, ...]:
    """One for each item, in their order. `set_back` are ids of what set the same drift back before, by the id of its
    finding. What a person says counts before all of it: see `Proposal.narrowed`."""
    decided = [_decided(item, state, rules, set_back or {}) for item in items]
    return tuple(_with_companions(decided))


def _with_companions(decided: Sequence[Decision]) -> Iterator[Decision]:
    """What the same call did to the same resource goes back with what is to be reverted: half of it is no state that
    anybody wanted."""
    back = {
        (one.item.address, event)
        for one in decided
        if one.verdict is Verdict.REVERT and one.item.address
        for event in one.evidence
    }
    for one in decided:
        same = one.item.events and (one.item.address, one.item.events[-1].event_id) in back
        if same and one.verdict is Verdict.CODIFY and one.reason == _ordinary(one.item):
            yield one._replace(verdict=Verdict.REVERT, reason="by the same call as what is to be reverted")
        else:
            yield one


def _ordinary(item: DriftItem) -> str:
    return f"{Severity.parse(item.risk).label} risk: {item.risk_reason}"


def _decided(
    item: DriftItem,
    state: StateIndex,
    rules: Sequence[DriftRule],
    set_back: Mapping[str, Sequence[str]],
) -> Decision:
    events = tuple(event.event_id for event in item.events)
    severity = Severity.parse(item.risk)
    for rule in rules:
        names = {
            "type": item.resource_type,
            "address": item.address or "",
            "attribute": item.attribute,
            "actor": item.actor.name,
            "tool": item.actor.tool,
            "origin": item.origin.value,
        }
        if rule.matches(names, severity):
            return Decision(item, Verdict(rule.decision), f"by the policy's rule {rule.name}", events)
    before = set_back.get(finding_of(item).id.partition(".")[0], ())
    if before:
        reason = f"it was set back {len(before)} time(s) before, and came again"
        return Decision(item, Verdict.REVERT, reason, (*events, *before))
    return _by_default(item, state, severity)._replace(evidence=events)


def _by_default(item: DriftItem, state: StateIndex, severity: Severity) -> Decision:
    if item.address is None:
        return Decision(item, Verdict.ASK, "no code of this project holds it; another stack may own it")
    owner = next((one for one in controllers() if one.owns(item, state)), None)
    if owner is not None:
        return Decision(item, Verdict.IGNORE, f"{owner.name} owns {item.attribute}")
    if is_secret(item) or item.resource_type in _OF_SECRETS:
        return Decision(item, Verdict.ASK, "its value is a secret, which belongs in no plan and no patch")
    if item.origin is Origin.OTHER_TERRAFORM:
        return Decision(item, Verdict.ASK, "another Terraform run set it: two states hold one resource")
    return Decision(item, Verdict.REVERT if severity >= _RISKY else Verdict.CODIFY, _ordinary(item))


@cache
def controllers() -> tuple[Controller, ...]:
    """The table, in its order."""
    text = (files("lamplighter.drift.patch") / "controllers.toml").read_text("utf-8")
    return tuple(_controller(table) for table in tomllib.loads(text)["controller"])


def _controller(table: dict[str, object]) -> Controller:
    held = table.pop("held_by", None)
    fields: dict[str, object] = {**table, "held_by": HeldBy(**held) if isinstance(held, dict) else None}
    return Controller(**fields)  # type: ignore[arg-type]


def _any(globs: Sequence[str], *names: str) -> bool:
    return any(fnmatchcase(name, glob) for name in names for glob in globs)
