"""What a part needs from elsewhere, as Protocols; `agents/wiring.py` is the one place that fills them.

An engine never imports another engine, a model or a store: it is given one of these. Until the part that serves
a port exists, the caller says so ("unmapped", "not compressed") and goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from lamplighter.core.errors import LampError
from lamplighter.core.operations import Operation
from lamplighter.core.results import Outcome
from lamplighter.core.trace import ReadCounts, Record, TraceCoverage


class Clock(Protocol):
    """The time, so that tests can set it."""

    def now(self) -> datetime:
        """The current time, aware, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class EffectResult(NamedTuple):
    """What an effect did. `detail` is one line for people; `undo` the operation that takes it back, if any."""

    outcome: Outcome
    detail: str = ""
    undo: Operation | None = None


class Effect(Protocol):
    """Performs operations of some verbs on the world, at most once each.

    `claim` is the ledger's id for this attempt. An effect leaves it in the world where it can (field manager,
    user agent, client token), so that `observe` can tell its own work from somebody else's.
    """

    def current_version(self, operation: Operation) -> str:
        """The version the target has now, to be compared with `operation.target.version`.

        Raises LampError when the target cannot be read.
        """
        ...

    def perform(self, operation: Operation, claim: str) -> EffectResult:
        """Does it, under a precondition on the target's version; REFUSED when the precondition does not hold.

        Raises nothing for a failure of the world: that is FAILED (certainly nothing done) or UNKNOWN.
        """
        ...

    def observe(self, operation: Operation, claim: str) -> EffectResult:
        """Whether a claimed operation took place: DONE, FAILED (certainly not), else UNKNOWN. It changes nothing.

        Asked of what was claimed and never recorded, and, as verification, of each operation that is done, before
        the next one starts.
        """
        ...


@runtime_checkable
class Keeps(Effect, Protocol):
    """An effect that keeps something for an operation until it is performed."""

    def discard(self, operation: Operation) -> None:
        """Takes it away, because the operation was denied; nothing where it is gone. Raises OSError."""
        ...


class TraceFacts(Protocol):
    """What is told of an API trace that was read.

    `counts`, `coverage` and `problems` are whole when `records` has ended. `problems` not empty means that the trace
    was read in part, so an answer made from it is incomplete.
    """

    @property
    def counts(self) -> ReadCounts: ...

    @property
    def coverage(self) -> TraceCoverage: ...

    @property
    def problems(self) -> Sequence[LampError]: ...

    @property
    def limits(self) -> Sequence[str]:
        """What this kind of source never shows, one line each, to be said with every answer; no defect of this one."""
        ...


class TraceSource(TraceFacts, Protocol):
    """An API trace, read once from its start to its end: CloudTrail files, a live query, another cloud's audit log."""

    def records(self) -> Iterator[Record]:
        """The records that may be changes, each once, in no order; memory does not grow with what is left out.

        Raises LampError when nothing at all could be read.
        """
        ...


class Recall(Protocol):
    """Remembered facts, runbooks and incidents that may bear on a question; data, never instructions."""

    def recall(self, question: str, limit: int) -> Sequence[Mapping[str, Any]]: ...


class Remember(Protocol):
    """Keeps what was verified, so that `Recall` finds it by the same question; data, never instructions."""

    def remember(self, question: str, memory: Mapping[str, Any]) -> None:
        """`memory` is plain JSON without secrets. Raises LampError where it cannot be kept."""
        ...


class Compress(Protocol):
    """Shortens long text to a budget, keeping what matters; the whole stays behind the returned handle."""

    def compress(self, text: str, budget_tokens: int) -> tuple[str, str]: ...


class AskModel(Protocol):
    """One forced choice over a closed set; None is the model's abstention, or that there is no model."""

    def choose(self, question: str, options: Sequence[str]) -> str | None: ...


class Completion(NamedTuple):
    """What a model wrote, and the tokens that question and answer took, as it counts them; 0 where it does not say."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0


class Complete(Protocol):
    """An answer in JSON from a model.

    `instructions` are ours alone; `material` is data from outside, delimited by whoever asks. `schema` is the JSON
    schema of the answer: a server that can enforces it, and whoever asks validates the answer anyway.
    """

    def complete(
        self, instructions: str, material: str, schema: Mapping[str, Any], max_tokens: int
    ) -> Completion:
        """At most `max_tokens` tokens of answer. Raises LampError where no model answers."""
        ...


class Names(NamedTuple):
    """Names that exist; `left_out` says, in one line each, what was not read and may hold more."""

    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()


class Inventory(Protocol):
    """The names that exist, against which requests are matched."""

    def names(self, kind: Literal["terraform_resource"]) -> Names:
        """Raises LampError where nothing can be read."""
        ...
