"""The graph from request to verified edit, on a real directory, ledger and checkpoint file."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from lamplighter.agents.blobs import Blobs
from lamplighter.agents.session import Session
from lamplighter.agents.wiring import Wiring
from lamplighter.core.config import Budgets, Config
from lamplighter.core.events import Asked, Event, Failed, Found, Proposed, Reported, Routed, Started
from lamplighter.core.findings import Evidence, Finding, Severity
from lamplighter.core.operations import ByteEdit, EditHcl, Operation, Target
from lamplighter.core.plans import Plan, Step
from lamplighter.core.policy import Policy
from lamplighter.core.ports import EffectResult
from lamplighter.core.results import Outcome

SOURCE = 'resource "aws_sqs_queue" "ledger" {\n  delay_seconds = 5\n}\n'


@dataclass
class Answer:
    findings: Sequence[Finding]
    evidence: Sequence[Evidence]
    plan: Plan | None
    not_checked: Sequence[str] = ()


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
    return Answer([finding], [evidence], Plan(steps=(Step(id="s1", operation=operation),), rationale="drift"))


class FileEdit:
    """Performs the one-byte edit, and counts how often."""

    performed = 0

    def current_version(self, operation: Operation) -> str:
        return hashlib.sha256(self._path(operation).read_bytes()).hexdigest()

    def perform(self, operation: Operation, claim: str) -> EffectResult:
        self.performed += 1
        path = self._path(operation)
        path.write_text(path.read_text().replace("5", "9"))
        return EffectResult(Outcome.DONE)

    def observe(self, operation: Operation, claim: str) -> EffectResult:
        return EffectResult(Outcome.DONE if "9" in self._path(operation).read_text() else Outcome.FAILED)

    @staticmethod
    def _path(operation: Operation) -> Path:
        return Path(operation.target.context) / operation.target.name


@pytest.fixture
def wiring(tmp_path: Path) -> Wiring:
    project = tmp_path / "project"
    project.mkdir()
    (project / "main.tf").write_text(SOURCE)
    config = Config(project=project, state_dir=tmp_path / "state")
    return Wiring(config=config, policy=Policy(), check_drift=engine, effects={"edit_hcl": FileEdit()})


async def gather(stream: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in stream]


def turn(wiring: Wiring, request: str, thread: str = "t1") -> list[Event]:
    async def run() -> list[Event]:
        async with Session.open(wiring, thread=thread, channel="cli", identity="ann") as session:
            return await gather(session.ask(request))

    return asyncio.run(run())


def decided(wiring: Wiring, digest: str, decision: str, times: int = 1) -> list[list[Event]]:
    async def one() -> list[Event]:
        async with Session.open(wiring, thread="t1", channel="cli", identity="ann") as session:
            return await gather(session.decide(digest, decision))  # type: ignore[arg-type]

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


def test_a_question_gets_findings_a_plan_and_no_change(wiring: Wiring) -> None:
    events = turn(wiring, "what drift is there?")
    kinds = [type(event) for event in events]
    assert [kinds[0], kinds[1]] == [Started, Routed]
    assert Found in kinds
    assert Proposed in kinds
    assert last_report(events).exit_code == 2
    assert text_of(wiring) == SOURCE


def test_approved_is_edited_and_verified(wiring: Wiring) -> None:
    events = turn(wiring, "fix the drift")
    assert events[-1].type == "approval_needed"
    assert text_of(wiring) == SOURCE
    (after,) = decided(wiring, digest_of(events), "approve")
    assert last_report(after).exit_code == 0
    assert "verified" in last_report(after).text
    assert "delay_seconds = 9" in text_of(wiring)


def test_denied_changes_nothing(wiring: Wiring) -> None:
    events = turn(wiring, "fix the drift")
    (after,) = decided(wiring, digest_of(events), "deny")
    assert last_report(after).exit_code == 3
    assert text_of(wiring) == SOURCE


def test_concurrent_decisions_have_one_effect(wiring: Wiring) -> None:
    events = turn(wiring, "fix the drift")
    ends = [run[-1] for run in decided(wiring, digest_of(events), "approve", times=3)]
    effect = wiring.effects["edit_hcl"]
    assert isinstance(effect, FileEdit)
    assert effect.performed == 1
    assert sum(isinstance(end, Failed) for end in ends) == 2


def test_a_spanning_request_is_incomplete_without_a_cluster_engine(wiring: Wiring) -> None:
    report = last_report(turn(wiring, "what changed in the stack and is anything unhealthy?"))
    assert report.exit_code == 4
    assert any("cluster: not checked" in line for line in report.not_checked)
    assert "1 drift finding" in report.text


def test_asked_back_and_the_reply_goes_on(wiring: Wiring) -> None:
    assert isinstance(turn(wiring, "the usual by alice")[-1], Asked)
    events = turn(wiring, "drift")
    assert any(isinstance(event, Found) for event in events)


def test_what_is_filtered_out_is_said(wiring: Wiring) -> None:
    report = last_report(turn(wiring, "drift by bob"))
    assert "1 of 1 finding(s) left out" in report.text
    assert "actor=bob" in report.text


def test_a_spent_budget_ends_in_a_partial_report(wiring: Wiring, tmp_path: Path) -> None:
    config = wiring.config.model_copy(update={"budgets": Budgets(steps=3)})
    small = Wiring(config=config, policy=wiring.policy, check_drift=engine)
    report = last_report(turn(small, "show drift"))
    assert report.exit_code == 4
    assert report.text == "1 drift finding(s)"
    assert report.not_checked == ("budget of 3 steps spent, the rest was not checked",)


def test_observe_words_propose_nothing(wiring: Wiring) -> None:
    events = turn(wiring, "fix the drift but do not change anything")
    assert not any(isinstance(event, Proposed) for event in events)


def test_the_wiring_loads_no_langgraph() -> None:
    code = (
        "import sys, lamplighter.agents.wiring, json;"
        "print(json.dumps([n for n in sys.modules if n.split('.')[0] in ('langgraph', 'openai', 'chromadb')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_blobs_keep_400_steps_of_2_kb_small(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs.db")
    keys = [blobs.put({"step": step, "output": "x" * 2000}) for step in range(400)]
    assert blobs.get(keys[7])["step"] == 7
    assert (tmp_path / "blobs.db").stat().st_size < 5_000_000
