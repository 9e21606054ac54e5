"""`lamp ask`: a question back ends the command with 4 and says how to reply."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.command import ROOT, lamp

PROJECT = ROOT / "scenarios" / "projects" / "payments"
DATA = ROOT / "scenarios" / "data" / "payments"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A folder whose settings name the sample."""
    settings = f'project = "{PROJECT}"\ntrace = "{DATA}/trace"\nstate = "{DATA}/terraform.tfstate"\n'
    (tmp_path / "lamp.toml").write_text(settings)
    return tmp_path


def test_a_question_back_is_incomplete_and_its_reply_can_be_pasted(sample: Path) -> None:
    asked = lamp(sample, "ask", "the usual by jonas")
    assert asked.code == 4, asked.stdout
    (line,) = [line for line in asked.stdout.decode().splitlines() if line.startswith("reply with: lamp ask")]
    replied = lamp(sample, *shlex.split(line.removeprefix("reply with: lamp ")))
    assert replied.code == 2
    # The reply was read together with the request that was not clear.
    assert "left out by actor jonas" in replied.stdout.decode()


def test_the_event_holds_the_code_and_the_thread(sample: Path) -> None:
    done = lamp(sample, "ask", "the usual by jonas", "-o", "jsonl")
    asked = json.loads(done.stdout.splitlines()[-1])
    assert (asked["type"], asked["exit_code"], done.code) == ("asked", 4, 4)
    assert lamp(sample, "ask", "--thread", asked["thread"], "drift").code == 2


def test_a_folder_that_is_no_project_answers_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "gone.tf").symlink_to(tmp_path / "nowhere")
    assert lamp(tmp_path, "ask", "hello").code == 0
    done = lamp(tmp_path, "ask", "hello there")
    assert (done.code, done.stderr) == (0, b"")
    assert b"inventory: no names known: " in done.stdout and b"gone.tf: no such file" in done.stdout
