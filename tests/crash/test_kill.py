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
from lamplighter.core.ledger import Ledger, StepRow
from lamplighter.core.policy import Policy
from lamplighter.core.results import Outcome, Verification
from tests.core.world import CountingEffect, make_plan
from tests.forks import end_of, forked, in_child

POLICY = Policy()
KILL_POINTS = (*POINTS, "effect:before", "effect:after")


def killer(point: str, occurrence: int = 1) -> Callable[[str], None]:
    seen = 0

    def at(reached: str) -> None:
        nonlocal seen
        seen += reached == point
        if reached == point and seen == occurrence:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def nowhere(_point: str) -> None:
    pass


def whole_run(folder: Path, at: Callable[[str], None], *, blind: bool = False) -> None:
    """Approve if nobody has, then execute: what a user repeats after a crash. `blind`: it cannot look at the world."""
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


def check(folder: Path) -> dict[str, StepRow]:
    lines = CountingEffect(folder / "world").lines()
    assert len(lines) == len(set(lines)), f"an effect happened twice: {lines}"
    with Ledger.open(folder / "ledger.db") as ledger:
        ledger.audit.require_intact()
        approval = ledger.approvals()[0]
        assert approval.state is ApprovalState.SPENT
        rows = ledger.steps(approval.id)
        for row in rows:
            assert (row.verification is not None) == (row.outcome is Outcome.DONE)
            if row.outcome is Outcome.DONE:
                assert row.claim in lines
            elif row.outcome in (Outcome.FAILED, Outcome.REFUSED):
                assert row.claim not in lines
            else:
                assert row.outcome is Outcome.UNKNOWN
        return {row.step_id: row for row in rows}


STEPS = 4
SEEN = Verification(True, "looked")
BEGUN = ("claim:committed", "claim:anchored", "claimed", "effect:before")
PERFORMED = ("effect:after", "performed", "record:written")
RECORDED = ("record:committed", "record:anchored", "recorded", "verify:written")
VERIFIED = ("verify:committed", "verify:anchored", "verified")
ONCE = ("started", "ended", *(point for point in POINTS if point.startswith(("decide", "spend"))))
EACH_STEP = tuple(point for point in KILL_POINTS if point not in ONCE and not point.startswith("close"))
KILLS = [(point, 1) for point in ONCE] + [(point, n + 1) for point in EACH_STEP for n in range(STEPS)]


def test_there_are_200_kills() -> None:
    closes = {point for point in POINTS if point.startswith("close")}
    assert {point for point, _ in KILLS} | closes == set(KILL_POINTS)
    assert {*BEGUN, *PERFORMED, *RECORDED, *VERIFIED, "claim:written"} == set(EACH_STEP)
    assert len(KILLS) * 4 >= 200


@pytest.mark.parametrize(("point", "occurrence"), KILLS)
def test_kill_then_resume(point: str, occurrence: int, tmp_path: Path) -> None:
    for blind in (False, True):
        for chained in (False, True):
            folder = tmp_path / f"{blind}{chained}"
            prepare(folder, chained=chained)
            status = in_child(lambda f=folder: whole_run(f, killer(point, occurrence)))
            assert os.WIFSIGNALED(status), f"{point} is never reached"
            # A resume that is killed in its turn (where it gets that far), then one that comes through.
            in_child(lambda f=folder, b=blind: whole_run(f, killer("record:committed"), blind=b))
            assert in_child(lambda f=folder, b=blind: whole_run(f, nowhere, blind=b)) == 0
            rows = check(folder)
            assert len(rows) == STEPS
            expect(rows, point, occurrence, blind, chained)


def expect(rows: dict[str, StepRow], point: str, occurrence: int, blind: bool, chained: bool) -> None:
    """What became of the step in which the first run was killed, and of the one after it."""
    hit = rows[f"s{occurrence - 1}"]
    following = rows.get(f"s{occurrence}") if chained else None
    if point in BEGUN:
        assert hit.outcome is (Outcome.UNKNOWN if blind else Outcome.FAILED)
        assert following is None or following.outcome is Outcome.REFUSED
    if point in PERFORMED:
        assert hit.outcome is (Outcome.UNKNOWN if blind else Outcome.DONE)
    if point in (*RECORDED, *VERIFIED):
        assert hit.outcome is Outcome.DONE
        seen_then = point in VERIFIED
        assert hit.verification == (Verification(False, "cannot tell") if blind and not seen_then else SEEN)
        assert following is None or following.outcome is (
            Outcome.DONE if seen_then or not blind else Outcome.REFUSED
        )
    if not blind:
        assert {row.verification for row in rows.values()} <= {SEEN, None}


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
        assert in_child(lambda run=stale: run(nowhere)) == 0
        assert {row.outcome for row in check(folder).values()} == {Outcome.REFUSED}
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

        def resume(
            path: Path = folder / "ledger.db",
            approval_id: str = approval.id,
            effect: CountingEffect = effect,
            ready: int = ready[1],
            go: tuple[int, int] = go,
        ) -> int:
            with Ledger.open(path) as ledger:
                os.write(ready, b"x")
                os.close(go[1])
                os.read(go[0], 1)
                effects = {"restart": effect}
                return int(execute(approval_id, ledger=ledger, policy=POLICY, effects=effects).exit_code)

        children = [forked(resume) for _ in range(2)]
        os.read(ready[0], 1), os.read(ready[0], 1)
        os.close(go[1])
        assert [end_of(child) for child in children] == [0, 0]
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
