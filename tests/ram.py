"""A place in memory for tests that commit thousands of times and would spend their time waiting for a disk.

Nothing they say depends on one: what a killed process wrote is there afterwards in memory as on a disk.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH = 32 * 2**20
"""Bytes; containers often have 64 MiB there."""


def ram_folder() -> Path | None:
    """For `tempfile`, as `dir`; None, its own choice, where memory has no room."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH
    return MEMORY if roomy else None
