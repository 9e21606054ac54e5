"""Wrong settings end in one line that names the file and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamplighter.core.policy import parse_policy
from tests.command import ROOT, lamp


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"lamp.toml": "not toml"}, b"not valid TOML"),
        ({"lamp.toml": "polcy = 'x'"}, b"did you mean policy?"),
        ({"lamp.toml": '"::error::\\u001b[31m" = 1'}, b"unknown key"),
        ({"lamp.toml": "policy = 'none.toml'"}, b"none.toml"),
        ({"lamp.toml": "policy = 'p.toml'", "p.toml": "modus = 1"}, b"p.toml: modus"),
    ],
)
def test_one_line_and_a_code(tmp_path: Path, files: dict[str, str], expected: bytes) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = lamp(tmp_path, "plan", "approve", "abcdef")
    if b"p.toml" in expected or b"none.toml" in expected:
        done = lamp(tmp_path, "--config", "lamp.toml", "ask", "what changed?")
    assert done.code == 64
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert b"\x1b" not in done.stderr


def test_the_documented_policy_is_a_policy() -> None:
    text = (ROOT / "docs" / "policy.md").read_text()
    assert parse_policy(text.split("```toml\n")[1].split("```")[0], "docs/policy.md").rules
