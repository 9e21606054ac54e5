"""The file an answer goes to: what stands at its path decides how it is written."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Hashable
from pathlib import Path

from lamplighter.core.errors import InputError
from lamplighter.tools.atomic import replace_file

STDOUT = 1
_MAX_LINKS = 40


def descriptor(path: Path) -> int | None:
    """The open descriptor that `path` stands for: /dev/stderr, or the /dev/fd/63 of a shell's `>(command)`."""
    own = f"/proc/{os.getpid()}/fd"
    for _ in range(_MAX_LINKS):
        folder = os.path.realpath(path.parent)
        if folder == own and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            return None
        path = Path(folder, path.readlink())
    return None


def identity(path: Path | None) -> Hashable:
    """Equal for two paths of one file, which can be written once only; None is stdout, and may be a file too.

    What is no file (a terminal, /dev/null) may be written to several times: each of those differs from everything.
    """
    number = STDOUT if path is None else descriptor(path)
    try:
        if number == STDOUT:
            status = os.fstat(sys.stdout.fileno())
            return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else number
        if number is not None:
            return number
        assert path is not None
        status = path.stat()
    except (OSError, ValueError):
        return number if path is None else os.path.realpath(path)
    return object() if stat.S_ISCHR(status.st_mode) else (status.st_dev, status.st_ino)


def write_file(path: Path, body: str) -> None:
    """A regular file, through links, is replaced as a whole; a pipe or a terminal is written into.

    A reader that has enough of a pipe is no error. Raises InputError where `path` cannot be written.
    """
    write_bytes(path, body.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """As `write_file` does it."""
    try:
        number = descriptor(path)
        if number is not None:
            _write_into(os.dup(number), content)
            return
        target = Path(os.path.realpath(path))
        mode = _mode(target)
        if stat.S_ISREG(mode):
            replace_file(target, content)
        elif stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            _write_into(os.open(target, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC), content)
        else:
            what = "is a directory" if stat.S_ISDIR(mode) else "is neither a file nor a pipe"
            raise InputError(str(path), what, "name a file")
    except BrokenPipeError:
        return
    except OSError as error:
        raise InputError(str(path), f"cannot be written ({error.strerror})", "check the path") from error


def _mode(target: Path) -> int:
    """Of what stands there; what does not exist yet will be a regular file."""
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return stat.S_IFREG


def _write_into(handle: int, content: bytes) -> None:
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
