"""The command as a child process: help, exit codes, forms of output."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from lamplighter.cli.app import COMMANDS, HIDDEN
from lamplighter.scenarios.bench_cli import heavy_imports
from lamplighter.tools import process

ROOT = Path(__file__).resolve().parents[2]


def lamp(tmp_path: Path, *arguments: str, **variables: str) -> process.Completed:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **variables}
    return process.run([sys.executable, "-m", "lamplighter", *arguments], cwd=tmp_path, env=env)


def test_help_shows_at_most_twelve_commands_and_imports_nothing_heavy() -> None:
    assert len(set(COMMANDS) - HIDDEN) <= 12
    assert heavy_imports(["--help"]) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["version"], 0),
        (["pending"], 0),
        (["audit", "verify"], 0),
        (["nope"], 64),
        (["version", "-o", "xml"], 64),
        (["version", "-o", "json", "-o", "text"], 64),
        (["plan", "show", "zz"], 1),
        (["--config", "missing.toml", "pending"], 64),
    ],
)
def test_exit_codes(tmp_path: Path, arguments: list[str], code: int) -> None:
    done = lamp(tmp_path, *arguments)
    assert done.code == code
    assert b"Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == (1 if code else 0)


def test_json_is_the_same_twice_and_holds_its_exit_code(tmp_path: Path) -> None:
    first, second = (lamp(tmp_path, "config", "show", "--json").stdout for _ in range(2))
    assert first == second
    assert json.loads(first)["exit_code"] == 0
    assert (
        json.loads(lamp(tmp_path, "plan", "show", "zz", "--json").stdout)["schema"] == "lamplighter/error/v1"
    )


def test_several_outputs_at_once(tmp_path: Path) -> None:
    done = lamp(tmp_path, "version", "-o", "json=v.json", "-o", "text")
    assert done.stdout.startswith(b"lamp ")
    assert json.loads((tmp_path / "v.json").read_text())["schema"] == "lamplighter/version/v1"


def test_a_freeze_refuses_apply(tmp_path: Path) -> None:
    sample = Path(__file__).parents[2] / "scenarios"
    data = sample / "data/payments"
    project = tmp_path / "payments"
    shutil.copytree(sample / "projects/payments", project)
    inputs = ("--trace", str(data / "trace"), "--state", str(data / "terraform.tfstate"))
    checked = lamp(tmp_path, "drift", "check", str(project), *inputs, "--save-plan", "--json")
    digest = json.loads(checked.stdout)["plan"]
    assert lamp(tmp_path, "plan", "approve", digest).code == 0
    assert lamp(tmp_path, "freeze", "--reason", "drill").code == 0
    done = lamp(tmp_path, "plan", "apply", digest)
    assert done.code == 3
    assert b"drill" in done.stderr
    assert lamp(tmp_path, "unfreeze").code == 0
    applied = lamp(tmp_path, "plan", "apply", digest, "--json")
    assert applied.code == 0
    answer = json.loads(applied.stdout)
    assert answer["verified"] == answer["planned"] == len(answer["steps"]) > 0
    assert all(step["verified"] is True and step["seen"] for step in answer["steps"])
    again = lamp(tmp_path, "plan", "apply", digest)
    assert again.code == 0 and b"; verified: the file holds the edit" in again.stdout
