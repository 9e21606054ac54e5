"""Work in a forked child of the test's own process, which may be killed in the middle of it."""

from __future__ import annotations

import os
from collections.abc import Callable

RAISED = 9
"""Exit code of a child whose work raised."""


def forked(work: Callable[[], int | None]) -> int:
    """Starts `work` in a child that ends with its result (None is 0), and returns the process id."""
    child = os.fork()
    if child == 0:
        code = RAISED
        try:
            code = work() or 0
        finally:
            # A child must never return into pytest.
            os._exit(code)
    return child


def end_of(child: int) -> int:
    """The wait status."""
    return os.waitpid(child, 0)[1]


def in_child(work: Callable[[], int | None]) -> int:
    """Runs `work` in a child and returns the wait status."""
    return end_of(forked(work))
