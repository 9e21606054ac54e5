"""Child processes end when they should, within their limits, and leave nothing behind."""

from __future__ import annotations

import ast
import json
import os
import resource
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lamplighter.core.errors import InputError, Unavailable
from lamplighter.tools import process
from tests.command import ROOT
from tests.forks import in_child


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


_LIMITS = (
    "import json, os, resource as r;"
    "print(json.dumps([r.getrlimit(r.RLIMIT_DATA), r.getrlimit(r.RLIMIT_CPU), r.getrlimit(r.RLIMIT_CORE),"
    " [os.getpid(), os.getpgrp()]]))"
)


def test_a_child_without_given_limits_is_limited_and_leads_its_group() -> None:
    data, cpu, core, (own, group) = json.loads(_python(_LIMITS).stdout)
    assert data == [process.MEMORY_BYTES] * 2
    assert cpu == [int(process.WALL_SECONDS * process.CPU_FOR_WALL)] * 2
    assert core == [0, 0]
    assert own == group


def test_memory_beyond_the_default_is_not_given() -> None:
    done = _python(f"import mmap; mmap.mmap(-1, {process.MEMORY_BYTES}, mmap.MAP_PRIVATE)")
    assert done.code == 1
    assert b"Cannot allocate memory" in done.stderr


def test_limits_may_be_given_wider_and_tighter() -> None:
    wide = json.loads(_python(_LIMITS, memory_bytes=1 << 40, cpu_s=9999).stdout)
    assert [wide[0][0], wide[1][0]] == [1 << 40, 9999]
    tight = json.loads(_python(_LIMITS, memory_bytes=1 << 28, timeout_s=7.5).stdout)
    assert [tight[0][0], tight[1][0]] == [1 << 28, 30]


def test_an_inherited_limit_is_never_widened() -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    inner = (
        f"import resource as r, sys; r.setrlimit(r.RLIMIT_CPU, (5, 5)); sys.path.insert(0, {str(ROOT)!r});"
        f"from lamplighter.tools.process import run; print(run([sys.executable, '-c', {_LIMITS!r}]).stdout.decode())"
    )
    done = process.run([sys.executable, "-c", inner])
    assert json.loads(done.stdout)[1] == [5, 5], done.stderr
    assert resource.getrlimit(resource.RLIMIT_CORE) == before


def test_the_program_starts_as_if_nothing_stood_between() -> None:
    environment = {"PATH": os.environ["PATH"], "A": "b"}
    seen = process.run(["env"], env=environment).stdout.decode().splitlines()
    assert sorted(seen) == sorted(f"{name}={value}" for name, value in environment.items())
    assert process.run(["sh", "-c", "kill -PIPE $$; echo alive"]).code == -13


def test_what_cannot_be_executed_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(b"\x7fELF but not really")
    (tmp_path / "tool").chmod(0o755)
    with pytest.raises(Unavailable, match=r"cannot be started \(Exec format error\)"):
        process.run([str(tmp_path / "tool")])
    with pytest.raises(Unavailable, match="cannot be started"):
        process.run(["true"], cwd=tmp_path / "gone")


@pytest.mark.parametrize(
    ("argv", "env"),
    [
        (["true", "a\0b"], None),
        (["true"], {"PATH": os.environ["PATH"], "A": "\0"}),
        (["true"], {"PATH": "/bin", "=": "x"}),
    ],
)
def test_what_no_program_can_be_given_is_one_line(argv: list[str], env: dict[str, str] | None) -> None:
    with pytest.raises(InputError, match="true: cannot be started so"):
        process.run(argv, env=env)


def test_an_ignored_sigchld_does_not_hide_how_a_child_ended() -> None:
    def ended() -> int:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        with ThreadPoolExecutor(1) as pool:
            elsewhere = pool.submit(process.run, ["true"]).exception()
        assert isinstance(elsewhere, Unavailable) and "SIGCHLD" in str(elsewhere)
        return process.run(["sh", "-c", "exit 7"]).code

    assert os.waitstatus_to_exitcode(in_child(ended)) == 7


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
