"""The command reference says what the commands say."""

from __future__ import annotations

import subprocess
import sys

from tests.layout import tree


def test_the_reference_is_in_date() -> None:
    command = [sys.executable, "scripts/docs.py", "--check"]
    done = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
