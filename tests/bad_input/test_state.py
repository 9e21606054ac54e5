"""A state directory that is damaged, closed or no directory, and texts that are no UTF-8: one line each."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lamplighter.agents.blobs import Blobs
from lamplighter.agents.session import Session
from lamplighter.agents.wiring import Wiring, build
from lamplighter.core.config import Config
from lamplighter.core.errors import LedgerError
from lamplighter.core.events import Event, Failed
from lamplighter.core.ledger import Ledger
from tests.command import environment, lamp

GARBAGE = b"not a database, but long enough to be read as one" * 20


@pytest.fixture
def wiring(tmp_path: Path) -> Wiring:
    return build(Config(project=tmp_path, state_dir=tmp_path / "state"))


async def asked(wiring: Wiring) -> list[Event]:
    async with Session.open(wiring, channel="cli", identity="ann") as session:
        return [event async for event in session.ask("what drifted?")]


def test_damaged_conversations_are_one_line(wiring: Wiring) -> None:
    wiring.config.state_dir.mkdir()
    (wiring.config.state_dir / "threads.db").write_bytes(GARBAGE)
    with pytest.raises(LedgerError, match=r"threads\.db: cannot be used .* move it away"):
        asyncio.run(asked(wiring))


def test_damaged_blobs_are_one_line(wiring: Wiring) -> None:
    blobs = wiring.config.state_dir / "blobs.db"
    kept = Blobs(blobs)
    key = kept.put({"a": 1})
    kept._path.write_bytes(GARBAGE)
    with pytest.raises(LedgerError, match=r"blobs\.db: cannot be used"):
        kept.get(key)
    last = asyncio.run(asked(wiring))[-1]
    assert isinstance(last, Failed) and "blobs.db: cannot be used" in last.message


@pytest.mark.parametrize("place", ["file", "/proc/nothing"], ids=["a file", "read-only"])
def test_a_state_directory_that_cannot_be_made_is_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    wiring = build(Config(project=tmp_path, state_dir=tmp_path / place))
    with pytest.raises(LedgerError, match="cannot be used") as caught:
        asyncio.run(asked(wiring))
    assert "\n" not in str(caught.value)


def test_a_session_that_is_cancelled_while_it_opens_leaves_no_thread(wiring: Wiring) -> None:
    async def cancelled(after: int) -> None:
        task = asyncio.ensure_future(asked(wiring))
        for _ in range(after):
            await asyncio.sleep(0.002)
        task.cancel()
        await asyncio.wait([task])

    problems: list[object] = []
    before = set(threading.enumerate())
    hook, threading.excepthook = threading.excepthook, problems.append
    try:
        for after in range(1, 30, 2):
            asyncio.run(cancelled(after))
            for thread in set(threading.enumerate()) - before:
                thread.join(5)
    finally:
        threading.excepthook = hook
    assert problems == []


def test_a_reason_that_is_no_utf_8_is_kept_and_shown(tmp_path: Path) -> None:
    frozen = lamp(tmp_path, "freeze", "--reason", "\udcff")
    assert (frozen.code, frozen.stderr) == (0, b"")
    with Ledger.open(tmp_path / ".local/state/lamplighter/ledger.db") as ledger:
        freeze = ledger.frozen()
        assert freeze is not None and freeze.reason == "\udcff"
        assert json.loads(ledger.audit.tail(1)[0].body) == {"reason": "\udcff"}
        ledger.freeze("jürgen", "\udcff")
    shown = lamp(tmp_path, "audit", "tail", PYTHONIOENCODING="ascii")
    assert shown.code == 0 and rb"j\xfcrgen" in shown.stdout


@pytest.mark.parametrize("module", ["click", "lamplighter.cli.app", "pydantic"])
def test_ctrl_c_while_the_program_is_loaded_is_one_line(tmp_path: Path, module: str) -> None:
    """The import of `module` waits until the signal has come."""
    waits = f"""
import os, signal, sys
class Waits:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            print("loading", flush=True)
            signal.pause()
sys.meta_path.insert(0, Waits())
sys.argv = ["lamp", "pending"]
from lamplighter.__main__ import main
sys.exit(main())
"""
    argv = [sys.executable, "-c", waits]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(argv, env=environment(tmp_path), **pipes) as child:
        assert child.stdout is not None and child.stdout.readline() == b"loading\n"
        os.kill(child.pid, signal.SIGINT)
        _, err = child.communicate()
    assert (child.returncode, err) == (130, b"lamp: interrupted\n")
