"""stdout that may fail: a full disk is said once, at the end; a reader that went away is nobody's trouble."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from typing import TextIO, TypeVar, cast

_T = TypeVar("_T")


class Stdout(io.TextIOBase):
    """`stream`, and /dev/null in its place after the first write that fails, so that work once begun is ended.

    `problem` then says why; it stays empty where whoever read has enough (`| head -1`).
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.problem = ""

    def write(self, text: str, /) -> int:
        return self._tried(lambda: self._stream.write(text), len(text))

    def flush(self) -> None:
        self._tried(self._stream.flush, None)

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._stream.errors

    def _tried(self, action: Callable[[], _T], otherwise: _T) -> _T:
        try:
            return action()
        except BrokenPipeError:
            silence(self._stream)
        except OSError as error:
            self.problem = self.problem or str(error.strerror or error)
            silence(self._stream)
        return otherwise


@contextlib.contextmanager
def guarded_stdout(stream: TextIO) -> Iterator[Stdout]:
    """Within it `sys.stdout` never raises an OSError; everything is flushed at the end."""
    guard = Stdout(stream)
    with contextlib.redirect_stdout(cast("TextIO", guard)):
        try:
            yield guard
        finally:
            guard.flush()


def silence(stream: TextIO) -> None:
    """What is still buffered, and the interpreter's own flush at exit, goes to /dev/null."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.dup2(null, stream.fileno())
    finally:
        os.close(null)
