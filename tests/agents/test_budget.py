"""An engine call that does not end: the answer comes without it, and the process does not wait for it."""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path

import pytest

from lamplighter.tools import process
from tests.command import environment

_PROGRAM = """
import os, signal, sys, threading
import lamplighter.drift
from lamplighter.cli.app import main
from lamplighter.tools import process

def waits(*_paths, **_options):
    threading.Event().wait()

def is_interrupted(*_paths, **_options):
    os.kill(os.getpid(), signal.SIGINT)
    waits()

def is_terminated(*_paths, **_options):
    os.kill(os.getpid(), signal.SIGTERM)
    waits()

def has_a_child(*_paths, **_options):
    # It holds the lock for as long as it lives.
    held = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); time.sleep(600)"
    process.run([sys.executable, "-c", held, "child.lock"], timeout_s=600)

lamplighter.drift.check_directory = globals()[sys.argv[1]]
sys.exit(main(sys.argv[2:]))
"""


def ask(folder: Path, engine: str, seconds: int) -> process.Completed:
    """`lamp ask`, with an engine that never answers; killed and marked `timed_out` if it does not end by itself."""
    (folder / "project").mkdir()
    (folder / "lamp.toml").write_text(
        f'project = "{folder}/project"\nstate_dir = "{folder}/state"\n[budgets]\nseconds = {seconds}\n'
    )
    argv = [sys.executable, "-c", _PROGRAM, engine, "--config", "lamp.toml", "ask", "show drift"]
    return process.run(argv, cwd=folder, env=environment(folder), timeout_s=90)


@pytest.mark.parametrize("engine", ["waits", "has_a_child"])
def test_a_spent_budget_ends_the_answer_and_the_process(tmp_path: Path, engine: str) -> None:
    done = ask(tmp_path, engine, seconds=1)
    assert not done.timed_out
    assert done.code == 4, done.stderr
    assert b"not checked: drift: budget of 1 seconds spent, nothing was checked" in done.stdout
    assert done.stderr == b""
    with (tmp_path / "child.lock").open("w") as lock:
        # Granted at once where the child is gone; else pytest's own limit ends the wait.
        fcntl.flock(lock, fcntl.LOCK_EX)


@pytest.mark.parametrize(("engine", "code"), [("is_interrupted", 130), ("is_terminated", 143)])
def test_a_signal_ends_the_process_in_the_middle_of_the_call(tmp_path: Path, engine: str, code: int) -> None:
    done = ask(tmp_path, engine, seconds=600)
    assert (done.timed_out, done.code) == (False, code)
    assert len(done.stderr.strip().splitlines()) == 1
