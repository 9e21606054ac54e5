"""What the README shows is what the command prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.command import ROOT, lamp


def masked(text: str) -> list[str]:
    """Its lines, with every plan digest masked: a plan names the directory it is for."""
    return re.sub(r"\b[0-9a-f]{12}\b", "DIGEST", text).splitlines()


def test_the_first_console_block_is_real_output(tmp_path: Path) -> None:
    blocks = re.findall(r"^```\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    block = next(text for text in blocks if text.startswith("$ "))
    command, _, shown = block.removeprefix("$ lamp ").replace("\\\n", " ").partition("\n")
    arguments = [str(ROOT / word) if "/" in word else word for word in shlex.split(command)]
    printed = iter(masked(lamp(tmp_path, *arguments).stdout.decode()))
    skips = False
    for line in masked(shown):
        if line == "...":
            skips = True
            continue
        found = next((each for each in printed if not skips or each == line), None)
        assert found == line
        skips = False
    assert skips or next(printed, None) is None
