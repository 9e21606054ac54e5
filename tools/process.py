"""The one module that starts child processes: no shell, limits on memory, CPU and wall time, its group ended with it.

A child leads its own process group. Whatever ends the call (its exit, the time limit, an exception, Ctrl-C), the whole
group is gone when `run` returns; where this process ends while a thread of it is still in `run`, it goes with it.

Not ended is what has left that group: a descendant that calls setsid or setpgid, as a daemon does, lives on after
`run`, within its limits of memory and CPU time but with none of wall time. Nothing that is run from here does that.

`detached` starts the one kind of child that is meant to outlive this process.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from lamplighter.core.errors import InputError, Unavailable

WALL_SECONDS = 60.0
MEMORY_BYTES = 4 * 1024**3
"""Limit of a child that is given none: bytes of private writable memory (RLIMIT_DATA) of each process of its group.

Not of address space (RLIMIT_AS): Go reserves far more of that than it uses. `terraform plan` with the AWS provider
5.100 is content with 0.25 GiB of such memory, and fails with 1 GiB of address space.
"""
CPU_FOR_WALL = 4
"""A child that is given no limit of CPU time has this many seconds of it for each second of wall time: programs with
several threads use more than one core, and what has left the group is ended by nothing else."""

# Limits are set by the child itself and before the program starts: a `preexec_fn` may deadlock under threads, and
# limits set from outside come after the program has begun. A limit that is inherited is never widened. The rest undoes
# what Python's own start leaves to the program: ignored signals (`signal` itself is slow to import), a coerced locale.
_PRELUDE = """
import os, resource, sys
from _signal import SIG_DFL, SIGPIPE, SIGXFSZ, signal
report, locale, memory, cpu, program = sys.argv[1:6]
for kind, wanted in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_CPU, cpu), (resource.RLIMIT_CORE, 0)):
    inherited = resource.getrlimit(kind)[1]
    limit = int(wanted) if inherited == resource.RLIM_INFINITY else min(int(wanted), inherited)
    resource.setrlimit(kind, (limit, limit))
for number in (SIGPIPE, SIGXFSZ):
    signal(number, SIG_DFL)
if locale == "unset":
    os.environ.pop("LC_CTYPE", None)
os.set_inheritable(int(report), False)
try:
    os.execv(program, sys.argv[6:])
except OSError as error:
    os.write(int(report), str(error.errno).encode())
"""
_POLL_SECONDS = 0.05

_leaders: set[int] = set()
"""Process groups that a `run` watches just now; a forked copy of this process watches none of them."""
os.register_at_fork(after_in_child=_leaders.clear)


@atexit.register
def _end_all() -> None:
    for leader in tuple(_leaders):
        _signal_group(leader, signal.SIGKILL)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)


class Completed(NamedTuple):
    """How a child ended. `code` is its exit code, negative for the signal that ended it.

    Output beyond `max_output` bytes a stream is read and dropped; `dropped` counts those bytes. `cpu_seconds` is user
    plus system time of the child and of what it waited for.
    """

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool
    dropped: int
    cpu_seconds: float


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = WALL_SECONDS,
    memory_bytes: int = MEMORY_BYTES,
    cpu_s: int | None = None,
    stdin: bytes = b"",
    max_output: int = 16 * 1024 * 1024,
    grace_s: float = 5.0,
) -> Completed:
    """Runs `argv` and waits. After `timeout_s` seconds the group gets SIGINT, `grace_s` later SIGKILL.

    There is no child without limits: `memory_bytes` and `cpu_s` may be given tighter or wider, `cpu_s` is otherwise
    `CPU_FOR_WALL` times `timeout_s`. Raises Unavailable when the program is not found or cannot be started, InputError
    when `argv` or `env` holds what no program can be given (a NUL).
    """
    _require_waitable()
    environment = dict(os.environ if env is None else env)
    program = shutil.which(argv[0], path=environment.get("PATH", os.defpath))
    if program is None:
        raise Unavailable(argv[0], "is not found", "install it, or put its folder on PATH")
    cpu = math.ceil(timeout_s * CPU_FOR_WALL) if cpu_s is None else cpu_s
    locale = "set" if "LC_CTYPE" in environment else "unset"
    reader, report = os.pipe()
    command = [sys.executable, "-I", "-S", "-c", _PRELUDE, str(report), locale, str(memory_bytes), str(cpu)]
    with tempfile.TemporaryFile() as given, os.fdopen(reader, "rb") as failure:
        given.write(stdin)
        given.seek(0)
        try:
            child = subprocess.Popen(
                [*command, program, *argv],
                cwd=cwd,
                env=environment,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                pass_fds=(report,),
            )
        except OSError as error:
            raise _unstartable(argv[0], error.errno) from error
        except ValueError as error:
            raise InputError(argv[0], f"cannot be started so ({error})", "mend its arguments") from error
        finally:
            os.close(report)
        completed = _Watch(child, max_output).until_end(tuple(argv), timeout_s, grace_s)
        number = failure.read()
    if number:
        raise _unstartable(argv[0], int(number))
    return completed


def _require_waitable() -> None:
    """A parent that ignores SIGCHLD hands that on, and then the kernel tells nobody how a child ended."""
    if signal.getsignal(signal.SIGCHLD) is not signal.SIG_IGN:
        return
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    except ValueError as error:  # only the main thread may
        remedy = "start this program from one that does not ignore SIGCHLD"
        raise Unavailable("child processes", "cannot be waited for, SIGCHLD is ignored", remedy) from error


def _unstartable(program: str, number: int | None) -> Unavailable:
    return Unavailable(program, f"cannot be started ({os.strerror(number or 0)})", "check the program")


_outliving: list[subprocess.Popen[bytes]] = []
"""What `detached` started: nobody here waits for them, so they are kept from being taken for forgotten ones."""


def detached(argv: Sequence[str], *, log: Path, pass_fds: Sequence[int] = ()) -> int:
    """Starts what is to outlive this process and returns its process id: in a session of its own, with no input, no
    limits, and its output in the file `log`, which is replaced and readable by its owner only.

    Raises Unavailable when it cannot be started, InputError when `log` cannot be written.
    """
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(str(log), f"cannot be written ({error.strerror})", "check its folder") from error
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )
    except OSError as error:
        raise _unstartable(argv[0], error.errno) from error
    finally:
        os.close(handle)
    _outliving.append(child)
    return child.pid


class _Watch:
    def __init__(self, child: subprocess.Popen[bytes], max_output: int) -> None:
        self.child = child
        _leaders.add(child.pid)
        self.max_output = max_output
        self.dropped = 0
        assert child.stdout is not None
        assert child.stderr is not None
        self.kept: dict[IO[bytes], bytearray] = {child.stdout: bytearray(), child.stderr: bytearray()}

    def until_end(self, argv: tuple[str, ...], timeout_s: float, grace_s: float) -> Completed:
        timed_out = False
        try:
            timed_out = not self._read_until(time.monotonic() + timeout_s)
            if timed_out:
                self._signal(signal.SIGINT)
                self._read_until(time.monotonic() + grace_s)
        finally:
            # The leader is not yet waited for, so its group id cannot have become somebody else's.
            self._signal(signal.SIGKILL)
            _leaders.discard(self.child.pid)
            _, status, usage = os.wait4(self.child.pid, 0)
            self.child.returncode = os.waitstatus_to_exitcode(status)
            if sys.exc_info()[0] is None:
                self._read_until(time.monotonic() + 1.0)
            for stream in self.kept:
                stream.close()
        stdout, stderr = (bytes(kept) for kept in self.kept.values())
        cpu = usage.ru_utime + usage.ru_stime
        return Completed(argv, self.child.returncode, stdout, stderr, timed_out, self.dropped, cpu)

    def _read_until(self, deadline: float) -> bool:
        """Reads what the child writes until it has ended (True) or the time has come (False)."""
        with selectors.DefaultSelector() as selector:
            for pipe in self.kept:
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, pipe)
            while True:
                ended = self.child.returncode is not None or self._has_ended()
                ready = selector.select(0 if ended else _POLL_SECONDS) if selector.get_map() else []
                for key, _ in ready:
                    stream: IO[bytes] = key.data
                    chunk = os.read(stream.fileno(), 65536)
                    if not chunk:
                        selector.unregister(stream)
                    self._keep(stream, chunk)
                if ended and not ready:
                    return True
                if time.monotonic() >= deadline:
                    return False
                if not selector.get_map() and not ended:
                    time.sleep(_POLL_SECONDS)

    def _has_ended(self) -> bool:
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.child.pid, options) is not None

    def _keep(self, stream: IO[bytes], chunk: bytes) -> None:
        kept = self.kept[stream]
        room = self.max_output - len(kept)
        kept += chunk[:room]
        self.dropped += max(0, len(chunk) - room)

    def _signal(self, number: signal.Signals) -> None:
        _signal_group(self.child.pid, number)
