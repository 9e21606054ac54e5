"""Exit codes of every command, and which one wins when several apply.

The numbers are a public contract (README, "Exit codes"): CI jobs branch on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """Process exit codes; the value also stands in the JSON of every command as `exit_code`."""

    CLEAN = 0
    FAILED = 1
    FINDINGS = 2
    REFUSED = 3
    INCOMPLETE = 4
    USAGE = 64
    TIMED_OUT = 124
    INTERRUPTED = 130
    TERMINATED = 143


_PRECEDENCE = (Exit.FAILED, Exit.INCOMPLETE, Exit.REFUSED, Exit.FINDINGS, Exit.CLEAN)


def worst(codes: Iterable[Exit]) -> Exit:
    """The code that stands for several: 1 > 4 > 3 > 2 > 0; nothing at all is clean."""
    present = set(codes)
    return next((code for code in _PRECEDENCE if code in present), Exit.CLEAN)
