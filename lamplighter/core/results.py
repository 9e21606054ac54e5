"""What a tool call returns, and what became of a change: two small closed vocabularies."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Status(StrEnum):
    """How a read went. NO_DATA is an answer (there is nothing), ERROR is the absence of one."""

    OK = "ok"
    NO_DATA = "no_data"
    DENIED = "denied"
    ERROR = "error"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class ToolResult(Generic[T]):
    """One read of the world. `query` is exactly what ran; `left_out` says what the answer does not hold.

    `data` is None for DENIED, ERROR and NO_DATA. An ERROR or DENIED result carries its reason in `problem`.
    """

    status: Status
    query: str
    data: T | None = None
    problem: str = ""
    left_out: tuple[str, ...] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether nothing is missing from the answer."""
        return self.status in (Status.OK, Status.NO_DATA) and not self.left_out


class Outcome(StrEnum):
    """What became of one operation. UNKNOWN is shown and counted, and never retried on its own."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Verification(NamedTuple):
    """Whether the world, looked at again after a step was done, holds its change; `seen` is one line for people."""

    holds: bool
    seen: str = ""
