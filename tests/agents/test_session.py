"""The graph from request to verified edit, on a real directory, ledger and checkpoint file."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lamplighter.agents import graph
from lamplighter.agents.blobs import Blobs
from lamplighter.agents.session import Session
from lamplighter.agents.wiring import Wiring
from lamplighter.core.config import Budgets
from lamplighter.core.events import Asked, Event, Failed, Found, Proposed, Routed, Started
from lamplighter.core.findings import Severity
from tests.agents.world import (
    SOURCE,
    Answer,
    decided,
    digest_of,
    engine,
    gather,
    last_report,
    performed,
    text_of,
    turn,
)


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
    assert performed(wiring) == 1
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


def test_a_spent_budget_ends_in_a_partial_report(wiring: Wiring) -> None:
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


def test_a_plan_nobody_asked_approval_for_is_not_decided(wiring: Wiring) -> None:
    digest = digest_of(turn(wiring, "propose a patch for the drift"))
    (after,) = decided(wiring, digest, "approve")
    (failed,) = after
    assert isinstance(failed, Failed)
    assert failed.exit_code == 3
    assert "nobody has asked for its approval" in failed.message and "\n" not in failed.message
    assert text_of(wiring) == SOURCE


@pytest.mark.parametrize("digest", ["xyz", "abc", "0" * 64])
def test_a_digest_that_names_no_plan_is_one_line(wiring: Wiring, digest: str) -> None:
    (after,) = decided(wiring, digest, "approve")
    assert isinstance(after[-1], Failed)
    assert "\n" not in after[-1].message


def test_a_slow_engine_ends_in_a_partial_report(wiring: Wiring) -> None:
    answered = threading.Event()

    def slow(directory: Path, trace: object, state: object = None) -> Answer:
        assert answered.wait(60)
        return engine(directory, trace)

    config = wiring.config.model_copy(update={"budgets": Budgets(seconds=1)})
    hurried = replace(wiring, config=config, check_drift=slow)

    async def run() -> list[Event]:
        async with Session.open(hurried, thread="t1", channel="cli", identity="ann") as session:
            try:
                return await gather(session.ask("show drift, and are pods crashing?"))
            finally:
                answered.set()

    report = last_report(asyncio.run(run()))
    assert report.exit_code == 4
    assert any("budget of 1 seconds" in line for line in report.not_checked)
    assert any("cluster: not checked" in line for line in report.not_checked)


def test_a_node_that_never_ends_is_a_partial_report(wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "NODE_SECONDS", 0.2)
    answered = threading.Event()

    def slow(directory: Path, trace: object, state: object = None) -> Answer:
        assert answered.wait(60)
        return engine(directory, trace)

    async def run() -> list[Event]:
        stuck = replace(wiring, check_drift=slow)
        async with Session.open(stuck, thread="t1", channel="cli", identity="ann") as session:
            try:
                return await gather(session.ask("show drift"))
            finally:
                answered.set()

    report = last_report(asyncio.run(run()))
    assert report.exit_code == 4
    assert report.not_checked[0].startswith("drift: no end after 0.2 seconds")
    assert last_report(turn(wiring, "show drift")).exit_code == 2


def test_a_finished_run_is_in_the_audit_log(wiring: Wiring) -> None:
    turn(wiring, "show drift")
    with wiring.open_ledger() as ledger:
        record = ledger.audit.tail(1)[0]
        assert ledger.audit.verify().ok
    assert (record.action, record.subject, record.actor) == ("run.reported", "t1", "ann")
    body = json.loads(record.body)
    assert (body["request"], body["domains"], body["exit_code"]) == ("show drift", ["drift"], 2)
    assert Blobs(wiring.config.state_dir / "blobs.db").get(body["findings"]["drift"])[0]["id"] == "dr-1"


def test_the_worst_finding_comes_first(wiring: Wiring) -> None:
    def three(directory: Path, trace: object, state: object = None) -> Answer:
        answer = engine(directory, trace)
        (found,) = answer.findings
        worst_last = [
            found.model_copy(update={"id": f"dr-{severity.label}", "severity": severity})
            for severity in (Severity.LOW, Severity.CRITICAL, Severity.HIGH)
        ]
        return replace(answer, findings=worst_last)

    events = turn(replace(wiring, check_drift=three), "show drift")
    found = [event.finding.severity.label for event in events if isinstance(event, Found)]
    assert found == ["critical", "high", "low"]


def test_a_denial_goes_past_execute(wiring: Wiring) -> None:
    turn_of_the_graph = graph.Turn(wiring, Blobs(wiring.config.state_dir / "blobs.db"), "t1")
    edges = graph.build_graph(turn_of_the_graph).compile().get_graph().edges
    assert {edge.target for edge in edges if edge.source == "approve"} == {"execute", "report"}


def test_steps_in_words_are_counted_and_not_put_up_for_approval(wiring: Wiring) -> None:
    def in_words(directory: Path, trace: object, state: object = None) -> Answer:
        answer = engine(directory, trace)
        assert answer.plan
        (step,) = answer.plan.steps
        operation = step.operation.model_copy(update={"edits": ()})
        steps = (step.model_copy(update={"operation": operation}),)
        return replace(answer, plan=answer.plan.model_copy(update={"steps": steps}))

    events = turn(replace(wiring, check_drift=in_words), "fix the drift")
    assert not any(isinstance(event, Proposed) for event in events)
    assert "nothing can be applied: 1 of 1 step(s)" in last_report(events).text
    assert last_report(events).exit_code == 2
