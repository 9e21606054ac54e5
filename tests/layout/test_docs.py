"""The command reference says what the commands say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.command import lamp
from tests.layout import tree


def test_the_reference_is_in_date() -> None:
    command = [sys.executable, "scripts/docs.py", "--check"]
    done = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_reference_shows_the_help_that_a_command_prints(tmp_path: Path) -> None:
    reference = (tree.ROOT / "docs" / "reference.md").read_text()
    for command in (["freeze"], ["drift", "check"], ["plan", "apply"]):
        printed = lamp(tmp_path, *command, "--help").stdout.decode()
        # The terminal's width is another.
        assert "".join(printed.split()) in "".join(reference.split())
