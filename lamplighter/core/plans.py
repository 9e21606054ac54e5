"""A plan: ordered, typed operations with the reasons for them, identified by what they would do."""

from __future__ import annotations

from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lamplighter.core.canonical import digest
from lamplighter.core.operations import Operation
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
    def _without_secrets(cls, text: str) -> str:
        return redact(text)

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

    @cached_property
    def digest(self) -> str:
        """sha256 over the canonical JSON of everything in the plan, target versions and policy version included."""
        return digest(self.model_dump(mode="json"))

    def under(self, policy_version: str, requested_by: str) -> Plan:
        """The same steps, asked for by `requested_by` and to be judged by that version of the policy."""
        return Plan(
            steps=self.steps,
            rationale=self.rationale,
            evidence=self.evidence,
            requested_by=requested_by,
            policy_version=policy_version,
        )

    def step(self, step_id: str) -> Step:
        """Raises KeyError when the plan has no such step."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
