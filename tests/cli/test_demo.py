"""`lamp demo`: what it shows, and that the commands it ends with work when they are pasted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.command import lamp


def test_the_tour_and_its_next_commands(tmp_path: Path) -> None:
    # A setting of the person's own must not steer the tour.
    (tmp_path / "lamp.toml").write_text('project = "elsewhere"\n')
    done = lamp(tmp_path, "demo")
    text = done.stdout.decode()
    assert done.code == 0, done.stderr
    tour, _, following = text.partition("\nnext, to paste:\n")
    assert max(map(len, tour.splitlines())) <= 100
    assert text.count("$ lamp ask") == 2
    assert re.search(r"^CRITICAL +aws_security_group\.web", text, re.MULTILINE)
    assert "maria.lindqvist@acme.example" in text
    assert "policy on " in text and "not checked: " in text
    commands = [line.partition("-m lamplighter ")[2] for line in following.splitlines()]
    assert len(commands) == 3
    for command in commands:
        pasted = lamp(tmp_path, *shlex.split(command.replace("~", str(tmp_path))))
        assert pasted.code in (0, 2), (command, pasted.stderr)
        assert pasted.stdout


def test_a_second_tour_keeps_the_plans_of_the_first_and_renews_the_sample(tmp_path: Path) -> None:
    lamp(tmp_path, "demo")
    sample = tmp_path / ".local" / "state" / "lamplighter" / "demo"
    (sample / "payments" / "network.tf").write_text("")
    before = (sample / "state" / "ledger.db").stat().st_ino
    assert lamp(tmp_path, "demo").code == 0
    assert (sample / "payments" / "network.tf").read_text()
    assert (sample / "state" / "ledger.db").stat().st_ino == before
