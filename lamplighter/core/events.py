"""The one typed stream that CLI, TUI and bot render: what happened while a request was worked on.

Secrets are taken out of an event's texts when it is made. A plan within it is what will be executed, so it stays as it
is: `shown` gives the form for people and logs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from lamplighter.core.exits import Exit
from lamplighter.core.findings import Evidence, Finding
from lamplighter.core.plans import Plan
from lamplighter.core.policy import Verdict
from lamplighter.core.redaction import redact_value
from lamplighter.core.results import Outcome, Status


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*")
    @classmethod
    def _without_secrets(cls, value: Any) -> Any:
        return redact_value(value)


class Started(_Event):
    """The request was accepted. `context` is what the session is pinned to (cluster, account, directory)."""

    type: Literal["started"] = "started"
    thread: str
    request: str
    mode: str
    context: dict[str, str] = Field(default_factory=dict)


class Routed(_Event):
    """The supervisor chose the domains; `reason` says by which rule, or which model."""

    type: Literal["routed"] = "routed"
    domains: tuple[str, ...]
    reason: str
    tier: Literal["rules", "device", "cloud"] = "rules"


class Asked(_Event):
    """The supervisor abstained and asks the person back; the turn ends here, and the reply goes on in `thread`."""

    type: Literal["asked"] = "asked"
    question: str
    options: tuple[str, ...] = ()
    thread: str = ""
    exit_code: int = int(Exit.INCOMPLETE)


class ToolCalled(_Event):
    """A read of the world, with the exact query."""

    type: Literal["tool_called"] = "tool_called"
    tool: str
    query: str
    status: Status
    left_out: tuple[str, ...] = ()


class Found(_Event):
    """A finding of a domain, with the evidence it names."""

    type: Literal["found"] = "found"
    domain: str
    finding: Finding
    evidence: tuple[Evidence, ...] = ()


class Proposed(_Event):
    """A plan and what the policy says of each of its steps (same order)."""

    type: Literal["proposed"] = "proposed"
    digest: str
    plan: Plan
    verdicts: tuple[Verdict, ...]


class ApprovalNeeded(_Event):
    """The run waits for a decision on exactly this digest; the turn ends here."""

    type: Literal["approval_needed"] = "approval_needed"
    digest: str
    approval_id: str
    expires_at: str
    exit_code: int = int(Exit.REFUSED)


class StepFinished(_Event):
    """One operation came to an end; UNKNOWN is an end too.

    `verified` says whether the world was then seen to hold the change, `seen` what was seen; None where nothing was
    done that could be looked for.
    """

    type: Literal["step_finished"] = "step_finished"
    digest: str
    step: str
    outcome: Outcome
    detail: str = ""
    verified: bool | None = None
    seen: str = ""


class Reported(_Event):
    """The answer: what was found, what was done, what was not checked. Text is escaped by the renderer."""

    type: Literal["reported"] = "reported"
    text: str
    not_checked: tuple[str, ...] = ()
    exit_code: int = 0
    data: dict[str, Any] = Field(default_factory=dict)


class Failed(_Event):
    """The request could not be completed; one line, with the remedy."""

    type: Literal["failed"] = "failed"
    message: str
    exit_code: int = int(Exit.FAILED)


Event: TypeAlias = Annotated[
    Started
    | Routed
    | Asked
    | ToolCalled
    | Found
    | Proposed
    | ApprovalNeeded
    | StepFinished
    | Reported
    | Failed,
    Field(discriminator="type"),
]


def shown(event: Event) -> dict[str, Any]:
    """The event as plain JSON that may be shown: also its plan without secrets."""
    plain: dict[str, Any] = redact_value(event.model_dump(mode="json"))
    return plain


def parse_event(value: object) -> Event:
    """A plain JSON object -> event. Raises pydantic's ValidationError (a ValueError)."""
    adapter: TypeAdapter[Event] = TypeAdapter(Event)
    return adapter.validate_python(value)
