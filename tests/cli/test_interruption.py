"""How the command ends when it is stopped, and what it says on a terminal while it works."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lamplighter.cli.drift_answer import exit_code
from lamplighter.core.exits import Exit
from lamplighter.core.findings import Finding, Severity
from tests.command import environment


@contextmanager
def waiting(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """`lamp pending`, stopped at reading its settings: a pipe that nobody writes to."""
    settings = folder / "settings.toml"
    os.mkfifo(settings)
    env = environment(folder)
    argv = [sys.executable, "-m", "lamplighter", *options, "--config", str(settings), "pending"]
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        # For a signal it must be there already: opening for writing alone returns when the other side reads.
        writer = os.open(settings, os.O_RDWR if options else os.O_WRONLY)
        try:
            yield child
        finally:
            os.close(writer)
            child.kill()


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, b"interrupted"), (signal.SIGTERM, 143, b"terminated")],
)
def test_a_signal_ends_it_with_one_line(
    tmp_path: Path, number: signal.Signals, code: int, said: bytes
) -> None:
    with waiting(tmp_path) as child:
        child.send_signal(number)
        out, err = child.communicate()
    assert child.returncode == code
    assert out == b""
    # The empty line that may come first ends the terminal's own `^C`.
    assert said in err and len(err.strip().splitlines()) == 1


def test_the_time_limit_ends_it_with_one_line(tmp_path: Path) -> None:
    with waiting(tmp_path, "--timeout", "0.2") as child:
        out, err = child.communicate()
    assert child.returncode == 124
    assert out == b""
    assert b"time limit" in err and len(err.splitlines()) == 1


def finding(severity: Severity) -> Finding:
    return Finding(id="f", kind="drift", where="aws_sqs_queue.q", summary="s", severity=severity)


@pytest.mark.parametrize(
    ("severities", "incomplete", "fail_on", "code"),
    [
        ([], False, "low", Exit.CLEAN),
        ([Severity.INFO], False, "low", Exit.CLEAN),
        ([Severity.INFO], False, "info", Exit.FINDINGS),
        ([Severity.LOW], False, "low", Exit.FINDINGS),
        ([Severity.MEDIUM], False, "high", Exit.CLEAN),
        ([Severity.CRITICAL], False, "never", Exit.CLEAN),
        ([Severity.CRITICAL], True, "low", Exit.INCOMPLETE),
        ([], True, "never", Exit.INCOMPLETE),
    ],
)
def test_incomplete_input_wins_over_findings(
    severities: list[Severity], incomplete: bool, fail_on: str, code: Exit
) -> None:
    assert exit_code([finding(severity) for severity in severities], incomplete, fail_on) is code


_LONG_WORK = """
import sys
from lamplighter.cli.output import progress
with progress("reading", quiet=sys.argv[1] == "quiet"):
    sys.stdin.read()
"""


def test_progress_is_said_on_a_terminal_only(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    env = environment(tmp_path)
    argv = [sys.executable, "-c", _LONG_WORK]
    with subprocess.Popen([*argv, "loud"], env=env, stdin=subprocess.PIPE, stderr=theirs) as child:
        os.close(theirs)
        # Blocks until the line is whole, which may take several reads: the child works until its stdin is closed.
        said = b""
        while b"\n" not in said:
            said += os.read(ours, 1000)
        child.communicate()
    os.close(ours)
    assert b"reading ..." in said
    assert child.returncode == 0


def test_short_work_says_nothing(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    env = environment(tmp_path)
    done = subprocess.run([sys.executable, "-c", _LONG_WORK, "loud"], env=env, input=b"", stderr=theirs)
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):
        os.read(ours, 1)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 0
