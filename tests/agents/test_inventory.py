"""Names are read for a request that may hold one; where they cannot be, that is said and the answer comes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Literal

from lamplighter.agents.wiring import Wiring
from lamplighter.core.config import Budgets
from lamplighter.core.errors import InputError
from lamplighter.core.events import Event, Routed, ToolCalled
from lamplighter.core.ports import Names
from lamplighter.core.results import Status
from tests.agents.world import last_report, turn

NAMES = Names(("aws_sqs_queue.ledger",))


@dataclass
class Known:
    """`names`, or what it raises or waits for."""

    answer: Names = NAMES
    error: InputError | None = None
    gate: threading.Event | None = None
    asked: list[str] = field(default_factory=list[str])

    def names(self, kind: Literal["terraform_resource"]) -> Names:
        self.asked.append(kind)
        if self.gate:
            assert self.gate.wait(60)
        if self.error:
            raise self.error
        return self.answer


def read(events: list[Event]) -> ToolCalled:
    return next(event for event in events if isinstance(event, ToolCalled) and event.tool == "inventory")


def test_small_talk_needs_no_names(wiring: Wiring) -> None:
    known = Known()
    assert last_report(turn(replace(wiring, inventory=known), "Hello, what can you do?")).exit_code == 0
    assert known.asked == []


def test_a_name_alone_is_a_request(wiring: Wiring) -> None:
    events = turn(
        replace(wiring, inventory=Known(Names(("aws_sqs_queue.ledger",), ("x.tf: odd",)))), "ledger"
    )
    assert any(isinstance(event, Routed) and event.domains == ("drift",) for event in events)
    assert (read(events).status, read(events).left_out) == (Status.TRUNCATED, ("x.tf: odd",))


def test_code_that_cannot_be_read_keeps_no_answer_away(wiring: Wiring) -> None:
    broken = Known(error=InputError("main.tf", "cannot be read (Permission denied)"))
    events = turn(replace(wiring, inventory=broken), "are pods crashing?")
    assert read(events).status is Status.ERROR
    assert "no names known: main.tf: cannot be read" in read(events).left_out[0]
    assert last_report(events).exit_code == 4


def test_reading_names_stays_within_the_seconds(wiring: Wiring) -> None:
    gate = threading.Event()
    config = wiring.config.model_copy(update={"budgets": Budgets(seconds=1)})
    events = turn(replace(wiring, config=config, inventory=Known(gate=gate)), "are pods crashing?")
    gate.set()
    assert "budget of 1 seconds" in read(events).left_out[0]
    assert last_report(events).exit_code == 4


def test_reading_names_counts_as_a_tool_call(wiring: Wiring) -> None:
    config = wiring.config.model_copy(update={"budgets": Budgets(tool_calls=1)})
    report = last_report(turn(replace(wiring, config=config, inventory=Known()), "show drift"))
    assert report.not_checked == ("drift: budget of 1 tool calls spent, nothing was checked",)
    assert report.exit_code == 4
