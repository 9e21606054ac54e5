"""What the checkpoint file holds: plain JSON values, and little of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Send

from lamplighter.agents.session import Session
from lamplighter.agents.wiring import Wiring
from lamplighter.core.events import Event
from tests.agents.world import Answer, decided, digest_of, engine, gather, turn

TURNS = 60
OUTPUT = 2000
"""Characters that the tool returns in each turn."""


def checkpoints(wiring: Wiring) -> list[dict[str, Any]]:
    """The channel values of every step of every thread."""

    async def read() -> list[dict[str, Any]]:
        path = str(wiring.config.state_dir / "threads.db")
        async with AsyncSqliteSaver.from_conn_string(path) as saver:
            return [item.checkpoint["channel_values"] async for item in saver.alist(None)]

    return asyncio.run(read())


def plain(value: Any) -> Iterator[Any]:
    """The values inside `value` that are not JSON's own types."""
    if isinstance(value, dict):
        yield from (key for key in value if type(key) is not str)
        for item in value.values():
            yield from plain(item)
    elif type(value) is list:
        for item in value:
            yield from plain(item)
    elif isinstance(value, Send):
        # A fan-out until it is taken up: langgraph's own envelope, with the state in it.
        yield from plain(value.arg)
    elif value is not None and type(value) not in (str, int, float, bool):
        yield value


def test_the_state_holds_plain_json_only(wiring: Wiring) -> None:
    digest = digest_of(turn(wiring, "fix the drift by alice since 2026-03-01, and are pods crashing?"))
    decided(wiring, digest, "approve")
    turn(wiring, "the usual", thread="t2")
    steps = checkpoints(wiring)
    assert len(steps) > 10
    for values in steps:
        assert list(plain(values)) == []


@pytest.mark.parametrize("value", [(1,), {1: "key"}, [{"at": Path()}], Send("drift", {"found": {1}})])
def test_what_is_not_plain_json_is_seen(value: Any) -> None:
    assert list(plain(value))


def test_400_steps_of_2_kb_stay_under_5_mb(wiring: Wiring) -> None:
    made = 0

    def talkative(directory: Path, trace: object, state: object = None) -> Answer:
        nonlocal made
        made += 1
        answer = engine(directory, trace)
        found = answer.findings[0].model_copy(update={"summary": f"{made} ".ljust(OUTPUT, "x")})
        return replace(answer, findings=[found])

    async def run() -> list[Event]:
        events: list[Event] = []
        talking = replace(wiring, check_drift=talkative)
        async with Session.open(talking, thread="t1", channel="cli", identity="ann") as session:
            for _ in range(TURNS):
                events += await gather(session.ask("show drift"))
        return events

    asyncio.run(run())
    assert made == TURNS
    steps = checkpoints(wiring)
    assert len(steps) >= 400
    assert not any("x" * 100 in json.dumps(values, default=str) for values in steps)
    folder = wiring.config.state_dir
    size = sum(path.stat().st_size for path in folder.iterdir() if path.name.startswith(("threads", "blobs")))
    assert size < 5_000_000


@pytest.mark.parametrize("request_text", ["show drift", "fix the drift"])
def test_findings_are_in_the_blobs_only(wiring: Wiring, request_text: str) -> None:
    turn(wiring, request_text)
    assert not any("delay_seconds" in json.dumps(values, default=str) for values in checkpoints(wiring))
