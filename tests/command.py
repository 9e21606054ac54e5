"""The `lamp` command of this source tree as a child process, and through a shell where its streams matter."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lamplighter.tools import process

ROOT = Path(__file__).resolve().parent.parent


def environment(home: Path, **variables: str) -> dict[str, str]:
    """With the home folder `home`, and nothing else of the person who runs the tests."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), **variables}


def lamp(folder: Path, *arguments: str, **variables: str) -> process.Completed:
    """Runs it in `folder`, which is the home folder too."""
    argv = [sys.executable, "-m", "lamplighter", *arguments]
    return process.run(argv, cwd=folder, env=environment(folder, **variables))


def shell(folder: Path, script: str, **variables: str) -> process.Completed:
    """A bash script in which `lamp` is the command."""
    function = f'lamp() {{ "{sys.executable}" -m lamplighter "$@"; }}\n'
    return process.run(["bash", "-c", function + script], cwd=folder, env=environment(folder, **variables))
