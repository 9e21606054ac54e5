"""SIGKILL at every instrumented point, then resume in a new process: no effect happens twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lamplighter.core.approvals import ApprovalState
from lamplighter.core.errors import Refused
from lamplighter.core.execution import POINTS, execute
from lamplighter.core.ledger import Ledger
from lamplighter.core.policy import Policy
from lamplighter.core.results import Outcome
from tests.core.world import CountingEffect, make_plan

POLICY = Policy()
KILL_POINTS = (*POINTS, "effect:before", "effect:after")


def in_child(work: Callable[[], None]) -> int:
    """Runs `work` in a forked child and returns the wait status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - a child must never return into pytest
            os._exit(9)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def killer(point: str, occurrence: int = 1) -> Callable[[str], None]:
    seen = 0

    def at(reached: str) -> None:
        nonlocal seen
        seen += reached == point
        if reached == point and seen == occurrence:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def whole_run(folder: Path, blind: bool, at: Callable[[str], None]) -> None:
    """Approve if nobody has, then execute: what a user repeats after a crash."""
    effect = CountingEffect(folder / "world", blind=blind, at=at)
    with Ledger.open(folder / "ledger.db", at=at) as ledger:
        approval = ledger.approvals()[0]
        if approval.state is ApprovalState.PENDING:
            approval = ledger.decide(
                approval.digest, approve=True, approver="bob", channel="cli", policy=POLICY
            )
        execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect}, at=at)


def prepare(folder: Path, *, chained: bool = True) -> None:
    folder.mkdir()
    with Ledger.open(folder / "ledger.db") as ledger:
        plan = make_plan(POLICY, steps=STEPS, chained=chained)
        ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)


def check(folder: Path) -> dict[str, Outcome | None]:
    lines = CountingEffect(folder / "world").lines()
    assert len(lines) == len(set(lines)), f"an effect happened twice: {lines}"
    with Ledger.open(folder / "ledger.db") as ledger:
        ledger.audit.require_intact()
        approval = ledger.approvals()[0]
        assert approval.state is ApprovalState.SPENT
        rows = ledger.steps(approval.id)
        for row in rows:
            if row.outcome is Outcome.DONE:
                assert row.claim in lines
            elif row.outcome in (Outcome.FAILED, Outcome.REFUSED):
                assert row.claim not in lines
            else:
                assert row.outcome is Outcome.UNKNOWN
        return {row.step_id: row.outcome for row in rows}


STEPS = 4
ONCE = ("started", "ended", *(point for point in POINTS if point.startswith(("decide", "spend"))))
EACH_STEP = tuple(point for point in KILL_POINTS if point not in ONCE and not point.startswith("close"))
KILLS = [(point, 1) for point in ONCE] + [(point, n + 1) for point in EACH_STEP for n in range(STEPS)]


def test_there_are_200_kills() -> None:
    closes = {point for point in POINTS if point.startswith("close")}
    assert {point for point, _ in KILLS} | closes == set(KILL_POINTS)
    assert len(KILLS) * 4 >= 200


@pytest.mark.parametrize(("point", "occurrence"), KILLS)
def test_kill_then_resume(point: str, occurrence: int, tmp_path: Path) -> None:
    for blind in (False, True):
        for chained in (False, True):
            folder = tmp_path / f"{blind}{chained}"
            prepare(folder, chained=chained)
            status = in_child(lambda f=folder, b=blind: whole_run(f, b, killer(point, occurrence)))
            assert os.WIFSIGNALED(status), f"{point} is never reached"
            # A resume that is killed in its turn (where it gets that far), then one that comes through.
            in_child(lambda f=folder, b=blind: whole_run(f, b, killer("record:committed")))
            assert in_child(lambda f=folder, b=blind: whole_run(f, b, lambda _point: None)) == 0
            outcomes = check(folder)
            assert len(outcomes) == STEPS
            hit = f"s{occurrence - 1}"
            if point in ("effect:after", "performed", "record:written"):
                assert outcomes[hit] is (Outcome.UNKNOWN if blind else Outcome.DONE)
            if point in ("effect:before", "claimed", "claim:committed", "claim:anchored"):
                assert outcomes[hit] is (Outcome.UNKNOWN if blind else Outcome.FAILED)
                if chained and occurrence < STEPS:
                    assert outcomes[f"s{occurrence}"] is Outcome.REFUSED


def test_a_stale_target_killed_while_closed(tmp_path: Path) -> None:
    for moment in ("written", "committed", "anchored"):
        folder = tmp_path / moment
        prepare(folder)

        def stale(at: Callable[[str], None], folder: Path = folder) -> None:
            effect = CountingEffect(folder / "world")
            effect.version = "v2"
            with Ledger.open(folder / "ledger.db", at=at) as ledger:
                approval = ledger.approvals()[0]
                if approval.state is ApprovalState.PENDING:
                    approval = ledger.decide(
                        approval.digest, approve=True, approver="bob", channel="cli", policy=POLICY
                    )
                execute(approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect})

        assert os.WIFSIGNALED(in_child(lambda m=moment, run=stale: run(killer(f"close:{m}"))))
        assert in_child(lambda run=stale: run(lambda _point: None)) == 0
        assert set(check(folder).values()) == {Outcome.REFUSED}
        assert CountingEffect(folder / "world").lines() == []


def test_200_races_of_two_resumes(tmp_path: Path) -> None:
    for number in range(200):
        folder = tmp_path / str(number)
        folder.mkdir()
        effect = CountingEffect(folder / "world")
        with Ledger.open(folder / "ledger.db") as ledger:
            plan = make_plan(POLICY, steps=1)
            ledger.request_approval(plan, requested_by="ann", channel="cli", policy=POLICY)
            approval = ledger.decide(plan.digest, approve=True, approver="bob", channel="cli", policy=POLICY)
        ready, go = os.pipe(), os.pipe()
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                code = 9
                try:
                    with Ledger.open(folder / "ledger.db") as ledger:
                        os.write(ready[1], b"x")
                        os.close(go[1])
                        os.read(go[0], 1)
                        report = execute(
                            approval.id, ledger=ledger, policy=POLICY, effects={"restart": effect}
                        )
                        code = int(report.exit_code)
                finally:
                    os._exit(code)
            children.append(child)
        os.read(ready[0], 1), os.read(ready[0], 1)
        os.close(go[1])
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
        for handle in (*ready, go[0]):
            os.close(handle)
        assert len(effect.lines()) == 1


def test_denied_after_a_crash_stays_unexecuted(tmp_path: Path) -> None:
    folder = tmp_path / "denied"
    prepare(folder)
    with Ledger.open(folder / "ledger.db") as ledger:
        approval = ledger.pending()[0]
        ledger.decide(approval.digest, approve=False, approver="bob", channel="cli", policy=POLICY)
        with pytest.raises(Refused):
            execute(
                approval.id,
                ledger=ledger,
                policy=POLICY,
                effects={"restart": CountingEffect(folder / "world")},
            )
    assert not (folder / "world").exists()
