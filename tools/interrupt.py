"""Ends, from another thread, the child process that a thread waits for: SIGINT first, SIGKILL when that is not enough.

`process.run` kills the whole group of a child whose leader has ended, so ending the leader ends all. The leader is
found in /proc among the children of the waiting thread, and signalled through a pidfd, so that no number that was
given to another process since can be hit. Source: proc(5), `/proc/PID/task/TID/children`; pidfd_open(2).
Where the system has neither (macOS), what runs is ended by its time limit, and the next call does not start.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_POLL_SECONDS = 0.05


@contextlib.contextmanager
def ended_by(cancel: threading.Event, grace_s: float) -> Iterator[None]:
    """Inside of the block, `cancel` ends each child that this thread has and waits for.

    `grace_s` seconds lie between SIGINT and SIGKILL.
    """
    over = threading.Event()
    watch = threading.Thread(
        target=_watch, args=(cancel, over, threading.get_native_id(), grace_s), daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def _watch(cancel: threading.Event, over: threading.Event, thread: int, grace_s: float) -> None:
    while not cancel.wait(_POLL_SECONDS):
        if over.is_set():
            return
    asked: dict[int, float] = {}
    while not over.wait(_POLL_SECONDS):
        for child in _children(thread):
            if child not in asked:
                asked[child] = time.monotonic()
                _signal(thread, child, signal.SIGINT)
            elif asked[child] < time.monotonic() - grace_s:
                _signal(thread, child, signal.SIGKILL)


def _children(thread: int) -> list[int]:
    try:
        text = Path(f"/proc/self/task/{thread}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _signal(thread: int, child: int, number: signal.Signals) -> None:
    with contextlib.suppress(OSError):
        handle = os.pidfd_open(child)
        try:
            # Still this thread's child, so the handle is its and not that of a process with its number.
            if child in _children(thread):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)
