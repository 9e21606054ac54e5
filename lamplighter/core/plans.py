"""A plan: ordered, typed operations with the reasons for them, identified by what they would do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from lamplighter.core.canonical import digest
from lamplighter.core.errors import Refused
from lamplighter.core.findings import Finding
from lamplighter.core.operations import Operation, redacted_when_made
from lamplighter.core.redaction import redact


class Step(BaseModel):
    """One operation. `after` names the steps that must be verified before it may run, `resolves` the ids of the
    findings that are resolved once this step, and each other step that names them, is verified."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    operation: Operation
    after: tuple[str, ...] = ()
    # Left out where empty, so that the digests of plans from before there was such a field still hold.
    resolves: tuple[str, ...] = Field(default=(), exclude_if=lambda ids: not ids)


class Plan(BaseModel):
    """What is proposed. Steps stand in an order in which they can run.

    `policy_version` is the version of the policy that judged it: part of the digest, so that a plan approved
    under one policy is not the plan that runs under another.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[Step, ...]
    rationale: str
    evidence: tuple[str, ...] = ()
    requested_by: str = ""
    policy_version: str = ""

    @field_validator("rationale")
    @classmethod
    def _without_secrets(cls, text: str, info: ValidationInfo) -> str:
        return redacted_when_made(text, info)

    @model_validator(mode="after")
    def _steps_in_order(self) -> Self:
        seen: set[str] = set()
        for step in self.steps:
            if step.id in seen:
                raise ValueError(f"two steps are called {step.id!r}")
            missing = [name for name in step.after if name not in seen]
            if missing:
                raise ValueError(f"step {step.id!r} comes after {missing[0]!r}, which does not precede it")
            seen.add(step.id)
        return self

    # Not cached: `model_copy(update=...)` would carry what is cached over to another plan.
    @property
    def digest(self) -> str:
        """sha256 over the canonical JSON of everything in the plan, target versions and policy version included."""
        return digest(self.model_dump(mode="json"))

    def under(self, policy_version: str, requested_by: str) -> Plan:
        """The same steps, asked for by `requested_by` and to be judged by that version of the policy."""
        return self.model_copy(update={"policy_version": policy_version, "requested_by": requested_by})

    def narrowed(self, findings: Iterable[Finding]) -> Plan:
        """The steps that resolve one of `findings`, of those that can run without the rest."""
        wanted = {finding.id for finding in findings}
        return self._with([step for step in self.steps if wanted.intersection(step.resolves)])

    def executable(self) -> Plan:
        """Without its proposals in words, nor what comes after them; the rationale tells an approver of both."""
        rest = self._with([step for step in self.steps if step.operation.executable])
        said = "; ".join([self.rationale, *self.dropped(rest)])
        return rest.model_copy(update={"rationale": redact(said)})

    def dropped(self, rest: Plan) -> list[str]:
        """What to say of the steps that `rest`, its executable part, no longer has; empty where it has all."""
        count = len(self.steps) - len(rest.steps)
        if not count:
            return []
        not_up = f"{count} of {len(self.steps)} step(s) not put up for approval"
        said = f"{not_up}: proposals in words, to be written by hand"
        return [said if rest.steps else f"nothing can be applied: {said}"]

    def remaining(self, findings: Iterable[Finding], verified: Collection[str]) -> list[Finding]:
        """The findings that are left once the steps named in `verified` are done: those that no step resolves, and
        those of which a step is not verified."""
        resolved = {name for step in self.steps if step.id in verified for name in step.resolves}
        unresolved = {name for step in self.steps if step.id not in verified for name in step.resolves}
        return [finding for finding in findings if finding.id not in resolved - unresolved]

    def _with(self, steps: Iterable[Step]) -> Plan:
        """A step whose predecessor is not among `steps` is left out with it."""
        kept: dict[str, Step] = {}
        for step in steps:
            if all(name in kept for name in step.after):
                kept[step.id] = step
        return self.model_copy(update={"steps": tuple(kept.values())})

    def refused(self, problem: str, remedy: str) -> Refused:
        """The error that says why nothing is done with this plan, by the first digits of its digest."""
        return Refused(f"plan {self.digest[:12]}", problem, remedy)

    def step(self, step_id: str) -> Step:
        """Raises KeyError when the plan has no such step."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
