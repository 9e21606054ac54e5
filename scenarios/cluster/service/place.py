"""Where a running sandbox keeps what others need: its lock, its record, its kubeconfig and its control socket.

The process holds the lock as long as it lives, however it ends: whether a sandbox runs is whether the lock is held.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lamplighter.core.errors import InputError
from lamplighter.tools.atomic import read_file, replace_file

_MOST_BYTES = 64 * 1024
_PATIENCE_SECONDS = 1.0
"""How long a lock is tried for: another command may hold it for a moment, to see whether it is free."""


class Record(BaseModel):
    """What a running sandbox says about itself. `started` is its start time as the kernel has it, "" where unknown."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: str
    token: str
    url: str
    port: int
    nodes: int
    version: str
    since: str
    """RFC 3339, wall time."""


class Place:
    """The folder `sandbox` of the state directory, readable by its owner only."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / "sandbox"
        self.kubeconfig = self.folder / "kubeconfig"
        self.control = self.folder / "control"
        self.log = self.folder / "log"
        self.scratch = self.folder / "run"
        self.lock = self.folder / "lock"
        self._record = self.folder / "record.json"

    def prepare(self) -> None:
        """Make the folder. Raises InputError."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
        except OSError as error:
            raise InputError(
                str(self.folder), f"cannot be made ({error.strerror})", "set another state_dir"
            ) from error

    def hold(self) -> int | None:
        """Take the lock: its descriptor, which holds it as long as any copy is open, or None where it is held.

        Raises InputError for a folder that cannot be used.
        """
        with self._usable():
            handle = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        end = time.monotonic() + _PATIENCE_SECONDS
        while not self._locked(handle, fcntl.LOCK_EX):
            if time.monotonic() > end:
                os.close(handle)
                return None
            time.sleep(0.02)
        return handle

    def is_held(self) -> bool:
        """Whether somebody holds the lock. Raises InputError for a folder that cannot be used."""
        try:
            with self._usable():
                handle = os.open(self.lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not self._locked(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    def _locked(self, handle: int, way: int) -> bool:
        """Whether the lock could be taken at once."""
        try:
            with self._usable():
                fcntl.flock(handle, way | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        """Raises InputError for what the system refuses, save for a file that is not there and a lock that is held."""
        try:
            yield
        except (FileNotFoundError, BlockingIOError):
            raise
        except OSError as error:
            raise InputError(
                str(self.folder),
                f"cannot be used ({error.strerror}{f': {error.filename}' if error.filename else ''})",
                "make it a folder of your own with plain files in it, or set another state_dir",
            ) from error

    def read(self) -> Record | None:
        """The record, None where there is none or it is not whole."""
        try:
            return Record.model_validate_json(read_file(self._record, _MOST_BYTES))
        except (InputError, ValidationError):
            return None

    def write(self, record: Record, kubeconfig: bytes) -> None:
        """Raises OSError."""
        _write_private(self.kubeconfig, kubeconfig)
        _write_private(self._record, record.model_dump_json().encode() + b"\n")

    def clear(self) -> None:
        """Take away what a sandbox left; whoever does this holds the lock, or has seen that nobody does.

        Raises InputError for what cannot be taken away.
        """
        with self._usable():
            for path in (self._record, self.kubeconfig, self.control):
                path.unlink(missing_ok=True)
        shutil.rmtree(self.scratch, ignore_errors=True)


def _write_private(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    replace_file(path, content)


def start_of(pid: int) -> str:
    """When a process started, in the kernel's ticks since boot (proc(5), stat, field 22); "" where that is unknown."""
    if sys.platform != "linux":
        return ""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
