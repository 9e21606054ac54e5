"""A process that is killed, and processes that decide at the same time: one effect, and a whole audit log."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from lamplighter.core.events import Failed, Proposed, Reported
from tests.agents.world import decided, digest_of, last_report, make_wiring, performed, text_of, turn
from tests.forks import end_of, forked


@pytest.mark.parametrize("thread", ["t1", "another"])
@pytest.mark.parametrize(("moment", "code", "effects"), [("after", 0, 1), ("before", 1, 0)])
def test_killed_in_the_effect_and_decided_again(
    tmp_path: Path, moment: str, code: int, effects: int, thread: str
) -> None:
    wiring = make_wiring(tmp_path)
    digest = digest_of(turn(wiring, "fix the drift"))
    doomed = make_wiring(tmp_path, kill=moment)
    status = end_of(forked(lambda: len(decided(doomed, digest, "approve"))))
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    with wiring.open_ledger() as ledger:
        (approval,) = ledger.approvals()
        assert [row.outcome for row in ledger.steps(approval.id)] == [None]
    (events,) = decided(wiring, digest, "approve", thread=thread)
    assert last_report(events).exit_code == code
    # Once more: what is recorded is said, and nothing happens.
    (again,) = decided(wiring, digest, "approve", thread=thread)
    assert isinstance(again[-1], Failed | Reported)
    assert performed(wiring) == effects
    with wiring.open_ledger() as ledger:
        assert ledger.audit.verify().ok


def test_a_killed_run_goes_on_to_verify_and_its_thread_lives(tmp_path: Path) -> None:
    wiring = make_wiring(tmp_path)
    digest = digest_of(turn(wiring, "fix the drift"))
    doomed = make_wiring(tmp_path, kill="after")
    end_of(forked(lambda: len(decided(doomed, digest, "approve"))))
    (events,) = decided(wiring, digest, "approve")
    assert "verified" in last_report(events).text
    with wiring.open_ledger() as ledger:
        assert ledger.audit.tail(1)[0].action == "run.reported"
    assert turn(wiring, "help")[-1].type == "reported"


def test_a_killed_read_changes_nothing_and_is_asked_again(tmp_path: Path) -> None:
    wiring = make_wiring(tmp_path)

    def die(*_arguments: object) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def work() -> int:
        object.__setattr__(wiring, "check_drift", die)
        return len(turn(wiring, "fix the drift"))

    before = text_of(wiring)
    assert os.WIFSIGNALED(end_of(forked(work)))
    assert text_of(wiring) == before
    assert any(isinstance(event, Proposed) for event in turn(wiring, "propose a patch for the drift"))


@pytest.mark.parametrize("threads", [("t1", "t1"), ("t1", "another")])
def test_two_processes_that_decide_at_once_have_one_effect(tmp_path: Path, threads: tuple[str, str]) -> None:
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        wiring = make_wiring(folder)
        digest = digest_of(turn(wiring, "fix the drift"))
        gate = os.pipe()

        def work(
            thread: str, gate: tuple[int, int] = gate, folder: Path = folder, digest: str = digest
        ) -> int:
            os.close(gate[1])
            os.read(gate[0], 1)
            (events,) = decided(make_wiring(folder), digest, "approve", thread=thread)
            return 0 if isinstance(events[-1], Reported) else 7

        children = [forked(lambda name=thread: work(name)) for thread in threads]
        os.close(gate[1])
        codes = [os.waitstatus_to_exitcode(end_of(child)) for child in children]
        os.close(gate[0])
        assert set(codes) <= {0, 7} and 0 in codes
        assert performed(wiring) == 1
        with wiring.open_ledger() as ledger:
            assert ledger.audit.verify().ok
