"""A project of one file with one drift, the engine that finds it, and the effect that mends it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lamplighter.agents.session import Session
from lamplighter.agents.wiring import Wiring
from lamplighter.core.config import Config
from lamplighter.core.events import Event, Proposed, Reported
from lamplighter.core.findings import Evidence, Finding, Severity
from lamplighter.core.operations import ByteEdit, EditHcl, Operation, Target
from lamplighter.core.plans import Plan, Step
from lamplighter.core.policy import Policy
from lamplighter.core.ports import EffectResult
from lamplighter.core.results import Outcome

Choice = Literal["approve", "deny"]
SOURCE = 'resource "aws_sqs_queue" "ledger" {\n  delay_seconds = 5\n}\n'


@dataclass
class Answer:
    findings: Sequence[Finding]
    evidence: Sequence[Evidence]
    plan: Plan | None
    not_checked: Sequence[str] = ()
    incomplete: bool = False
    covered: tuple[str, str] = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")

    def plan_for(self, findings: Iterable[Finding], *, codify: bool = False) -> Plan | None:
        return self.plan.narrowed(findings) if self.plan else None


def engine(directory: Path, _trace: object, _state: object = None) -> Answer:
    """A drift engine that knows one drift: the queue's delay is live 9."""
    body = (directory / "main.tf").read_text()
    at = body.index("5")
    evidence = Evidence.of("trace", "SetQueueAttributes")
    finding = Finding(
        id="dr-1",
        kind="drift",
        where="aws_sqs_queue.ledger",
        summary="delay_seconds is 9",
        severity=Severity.MEDIUM,
        evidence=(evidence.id,),
        details={"actor": "alice", "tool": "console", "time": "2026-03-04T20:00:00Z"},
    )
    version = hashlib.sha256(body.encode()).hexdigest()
    operation = EditHcl(
        target=Target(context=str(directory), kind="file", name="main.tf", version=version),
        address="aws_sqs_queue.ledger",
        attribute="delay_seconds",
        proposal="delay_seconds = 9",
        edits=(ByteEdit(start=at, end=at + 1, old="5", new="9"),),
    )
    step = Step(id="s1", operation=operation, resolves=(finding.id,))
    return Answer([finding], [evidence], Plan(steps=(step,), rationale="drift"))


class FileEdit:
    """Performs the one-byte edit; each time leaves a line in `journal`, which other processes see too.

    `kill` is before or after: where in the edit the process dies.
    """

    def __init__(self, journal: Path, kill: str = "") -> None:
        self.journal = journal
        self._kill = kill

    @property
    def performed(self) -> int:
        return len(self.journal.read_text().splitlines()) if self.journal.exists() else 0

    def current_version(self, operation: Operation) -> str:
        return hashlib.sha256(self._path(operation).read_bytes()).hexdigest()

    def perform(self, operation: Operation, claim: str) -> EffectResult:
        self._die("before")
        with self.journal.open("a") as journal:
            journal.write(f"{claim}\n")
        path = self._path(operation)
        path.write_text(path.read_text().replace("5", "9"))
        self._die("after")
        return EffectResult(Outcome.DONE)

    def observe(self, operation: Operation, claim: str) -> EffectResult:
        return EffectResult(Outcome.DONE if "9" in self._path(operation).read_text() else Outcome.FAILED)

    def _die(self, moment: str) -> None:
        if moment == self._kill:
            os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def _path(operation: Operation) -> Path:
        return Path(operation.target.context) / operation.target.name


def make_wiring(folder: Path, kill: str = "") -> Wiring:
    """The same world each time it is called for `folder`, as a new process would wire it."""
    project = folder / "project"
    if not project.exists():
        project.mkdir()
        (project / "main.tf").write_text(SOURCE)
    config = Config(project=project, state_dir=folder / "state")
    effects = {"edit_hcl": FileEdit(folder / "performed", kill)}
    return Wiring(config=config, policy=Policy(), check_drift=engine, effects=effects)


def performed(wiring: Wiring) -> int:
    effect = wiring.effects["edit_hcl"]
    assert isinstance(effect, FileEdit)
    return effect.performed


async def gather(stream: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in stream]


def turn(wiring: Wiring, request: str, thread: str = "t1") -> list[Event]:
    async def run() -> list[Event]:
        async with Session.open(wiring, thread=thread, channel="cli", identity="ann") as session:
            return await gather(session.ask(request))

    return asyncio.run(run())


def decided(
    wiring: Wiring, digest: str, decision: Choice, times: int = 1, thread: str = "t1"
) -> list[list[Event]]:
    async def one() -> list[Event]:
        async with Session.open(wiring, thread=thread, channel="cli", identity="ann") as session:
            return await gather(session.decide(digest, decision))

    async def run() -> list[list[Event]]:
        return list(await asyncio.gather(*(one() for _ in range(times))))

    return asyncio.run(run())


def digest_of(events: list[Event]) -> str:
    return next(event.digest for event in events if isinstance(event, Proposed))


def last_report(events: list[Event]) -> Reported:
    assert isinstance(events[-1], Reported), events[-1]
    return events[-1]


def text_of(wiring: Wiring) -> str:
    return (wiring.config.project / "main.tf").read_text()
