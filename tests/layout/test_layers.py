"""The layers hold, and the tool that says so would notice if they did not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.layout import tree

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINT_IMPORTS), "--no-cache", "--no-logo", "--config", "../pyproject.toml"],
        cwd=folder / ".typecheck",
        env=tree.bare_environment(COLUMNS="200"),
        capture_output=True,
        text=True,
    )


def test_layers_hold() -> None:
    done = lint_imports(tree.ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("lamplighter/core", "import lamplighter.tools"),
        ("tools", "import lamplighter.drift"),
        ("drift", "import lamplighter.agents"),
        ("drift", "import lamplighter.cluster"),
        ("agents", "import lamplighter.tui"),
        ("tui", "import lamplighter.bot"),
        ("bot", "import lamplighter.scenarios"),
        ("scenarios", "import lamplighter.cli"),
        ("drift", "import langgraph"),
        ("agents", "import openai"),
        ("cluster", "import kubernetes"),
        ("lamplighter/core", "import click"),
    ],
)
def test_a_planted_import_is_found(tmp_path: Path, where: str, line: str) -> None:
    folder = tree.copy(tmp_path)
    (folder / where / "planted.py").write_text(f"{line}\n")
    done = lint_imports(folder)
    planted = f"lamplighter.{where.removeprefix('lamplighter/')}.planted"
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{planted} -> {line.split()[1]}" in done.stdout


def test_a_copy_with_nothing_planted_passes(tmp_path: Path) -> None:
    done = lint_imports(tree.copy(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", tree.SUBPACKAGES)
def test_root_folders_are_not_imported_by_their_bare_names(name: str) -> None:
    source = f"import {name}\nfrom {name}.thing import other\nfrom lamplighter.{name} import thing\n"
    ruff = [sys.executable, "-m", "ruff", "check", "--select=TID251", "--output-format=concise", "--no-cache"]
    command = [*ruff, "--stdin-filename=drift/planted.py", "-"]
    done = subprocess.run(command, cwd=tree.ROOT, input=source, capture_output=True, text=True)
    lines = [line.split(":")[1] for line in done.stdout.splitlines() if "TID251" in line]
    assert lines == ["1", "2"], done.stdout + done.stderr
