"""Child processes end when they should, within their limits, and leave nothing behind."""

from __future__ import annotations

import ast
import os
import sys
import time
from pathlib import Path

import pytest

from lamplighter.core.errors import Unavailable
from lamplighter.tools import process

ROOT = Path(__file__).resolve().parents[2]


def _python(code: str, **options: object) -> process.Completed:
    return process.run([sys.executable, "-I", "-S", "-c", code], **options)  # type: ignore[arg-type]


def test_output_input_and_code_come_back() -> None:
    done = _python(
        "import sys; print(sys.stdin.read()[::-1]); print('e', file=sys.stderr); sys.exit(7)", stdin=b"abc"
    )
    assert (done.code, done.stdout, done.stderr) == (7, b"cba\n", b"e\n")
    assert not done.timed_out


def test_a_missing_program_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="not found"):
        process.run(["no-such-program-here"])


def test_output_is_bounded_and_the_rest_counted() -> None:
    done = _python("print('x' * 100_000, end='')", max_output=1000)
    assert len(done.stdout) == 1000
    assert done.dropped == 99_000


def test_the_time_limit_interrupts_first() -> None:
    code = "import time\ntry:\n  print('up', flush=True); time.sleep(60)\nexcept KeyboardInterrupt:\n  print('tidied')"
    done = _python(code, timeout_s=1.0)
    assert done.timed_out
    assert b"tidied" in done.stdout


def test_who_ignores_the_interrupt_is_killed() -> None:
    code = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)"
    done = _python(code, timeout_s=0.3, grace_s=0.2)
    assert done.timed_out
    assert done.code == -9


def test_memory_is_limited() -> None:
    done = _python("b'x' * (1 << 30)", memory_bytes=256 * 1024 * 1024)
    assert done.code == 1
    assert b"MemoryError" in done.stderr


def test_cpu_time_is_limited() -> None:
    done = _python("while True: pass", cpu_s=1, timeout_s=60)
    assert done.code in (-9, -24)
    assert not done.timed_out


def test_a_grandchild_does_not_outlive_the_call() -> None:
    done = _python("import os, time\npid = os.fork()\nif pid: print(pid)\nelse: time.sleep(60)")
    grandchild = int(done.stdout)
    for _ in range(100):
        if not _alive(grandchild):
            break
        time.sleep(0.02)
    assert not _alive(grandchild)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        # A container without an init leaves the dead as zombies of process 1: dead all the same.
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


STARTERS = {
    "os": ("system", "popen", "exec", "spawn", "posix_spawn", "startfile"),
    "asyncio": ("create_subprocess",),
    "pty": ("spawn", "fork"),
}


def _starts_processes(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] == "subprocess"]
        elif isinstance(node, ast.ImportFrom) and node.module:
            starters = STARTERS.get(node.module, ())
            found += [alias.name for alias in node.names if starters and alias.name.startswith(starters)]
            found += ["subprocess"] if node.module.split(".")[0] == "subprocess" else []
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            starters = STARTERS.get(node.value.id, ())
            found += [node.attr] if starters and node.attr.startswith(starters) else []
    return found


def test_no_other_module_starts_processes() -> None:
    folders = [
        "agents",
        "bot",
        "cluster",
        "drift",
        "lamplighter",
        "memory",
        "nodes",
        "router",
        "scenarios",
        "tools",
        "tui",
    ]
    offenders = {
        str(path.relative_to(ROOT)): starts
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if (starts := _starts_processes(path.read_text(encoding="utf-8")))
    }
    assert set(offenders) == {"tools/process.py"}


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "from subprocess import run",
        "import os\nos.execv('a', [])",
        "from os import system",
        "import asyncio\nasyncio.create_subprocess_exec('a')",
    ],
)
def test_the_guard_sees_a_planted_start(source: str) -> None:
    assert _starts_processes(source)
