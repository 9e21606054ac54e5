"""The command as a child process: help, exit codes, forms of output."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from lamplighter.cli.app import COMMANDS, HIDDEN, root
from lamplighter.cli.schema import schema_of
from lamplighter.scenarios.bench_cli import heavy_imports
from tests.command import ROOT, lamp


def test_help_shows_at_most_twelve_commands_and_imports_nothing_heavy() -> None:
    assert len(set(COMMANDS) - HIDDEN) <= 12
    assert heavy_imports(["--help"]) == []


def every_command(group: click.Group, parent: click.Context) -> Iterator[click.Context]:
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent)
        yield context
        if isinstance(command, click.Group):
            yield from every_command(command, context)


TOP = click.Context(root, info_name="lamp")


@pytest.mark.parametrize(
    "context", [TOP, *every_command(root, TOP)], ids=lambda context: context.command_path
)
def test_every_help_is_one_sentence_and_no_option_is_without(context: click.Context) -> None:
    text = " ".join((context.command.help or "").split())
    assert text[:1].isupper() and text.endswith(".") and ". " not in text
    _, _, name = context.command_path.partition(" ")
    if name in COMMANDS:
        assert text.startswith(COMMANDS[name][2].removesuffix("."))
    for option in context.command.params:
        if isinstance(option, click.Option):
            said = option.help or ""
            assert said.endswith(".") and ". " not in said, option.name


@pytest.mark.parametrize("name", ["plan", "event", "policy", "config", "drift-report", "eval"])
def test_a_schema_is_printed_as_it_is(tmp_path: Path, name: str) -> None:
    done = lamp(tmp_path, "schema", "print", name)
    assert json.loads(done.stdout) == schema_of(name)


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


def test_a_library_that_a_slim_image_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['langgraph'] = None\n")
    done = lamp(tmp_path, "ask", "what changed?", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.code == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("lamp: langgraph")
    assert "this command needs it, and it is not installed; install " in line


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
    sample = ROOT / "scenarios"
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


def test_the_switch_prints_json_and_wrong_usage_does_nothing(tmp_path: Path) -> None:
    wrong = lamp(tmp_path, "freeze", "-o", "yaml")
    assert wrong.code == 64 and b"'yaml' is not one of" in wrong.stderr
    assert lamp(tmp_path, "unfreeze").code == 3
    frozen = json.loads(lamp(tmp_path, "freeze", "--reason", "a test", "--json").stdout)
    assert (frozen["frozen"], frozen["reason"], frozen["exit_code"]) == (True, "a test", 0)
    assert json.loads(lamp(tmp_path, "unfreeze", "--json").stdout)["frozen"] is False
